"""Attention among all overlapping windows of two maps, for a processor with caches.

The score of two windows is the sum, over the same offset in both, of the products of their
cells: a box sum along the diagonal of the matrix of cell pairs. Row pairs a fixed number of rows
apart form a stack; down a stack and across its matrices a box sum is one product with a banded
matrix of ones, which reads every number once where adding shifted copies reads it many times.
A few neighbouring stacks are worked on side by side, so that the products are large.

Spreading weights of window pairs over the cell pairs that they cover is the adjoint, with the
same bands. No cell pair is held longer than its stack needs it; the numbers of window pairs are,
as the product leaves them: among them some of pairs that are none (windows over the edge), which
count for nothing.

Exact: only the order of additions differs from unfolding.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.models.windows import Closed, Tile

ROWS = 8  # window rows summed at once: bands as narrow as products are still quick with
SIDE_BY_SIDE = 4  # stacks worked on at once
# Scores that cannot exceed this need no subtracting before exp. Numbers of pairs that are none
# are made of up to three windows' parts, and exp(75) is still finite.
TAME = 25.0


@dataclass(frozen=True)
class Rows:
    """Some rows of a stack."""

    apart: int
    """Window rows from a query's to its first key's."""
    first: int
    """Query row of windows."""
    at: int
    """Where its numbers begin among those held."""
    values: Tensor
    """(rows, query columns, keys side by side × key columns), columns at stride 1."""


class Stacks:
    """Numbers of all pairs of windows of two maps.

    Args:
        tile: Geometry.
        like: Gives precision and device.
        held: Memory to use, at least `size(tile)` numbers.
    """

    def __init__(self, tile: Tile, like: Tensor, held: Tensor) -> None:
        self.tile = tile
        self.side = _side_by_side(tile)
        (hq, _), (wq, wk) = tile.rows, tile.columns
        self.width = self.side * wk
        self.step = wq * self.width
        self.kept = (wq - tile.patch + 1) * self.width
        self.held = held
        windows = torch.arange(tile.windows[0], device=like.device) * tile.stride
        inside = torch.arange(hq, device=like.device) - windows[:, None]
        self.down = ((inside >= 0) & (inside < tile.patch)).to(like.dtype)  # (windows, cells)
        across = torch.arange(ROWS + tile.patch - 1, device=like.device)
        across = across - torch.arange(ROWS, device=like.device)[:, None]
        self.across = ((across >= 0) & (across < tile.patch)).to(like.dtype)
        self.scratch = like.new_zeros((hq + ROWS) * self.step + self._slack())
        self.front = (tile.patch - 1) * (self.width + 1)
        self.work = like.new_zeros(self.front + ROWS * self.step + self._slack())

    def _slack(self) -> int:
        return (self.tile.patch + ROWS) * (self.width + 1)

    def stacks(self) -> Iterator[tuple[int, int, int, int]]:
        """How far apart, first row, row after the last, and where the numbers begin."""
        at = 0
        for apart, first, stop in _stacks(self.tile):
            yield apart, first, stop, at
            at += (stop - first) * self.kept

    def rows(self, apart: int, first: int, count: int, at: int) -> Rows:
        """Some of the numbers held."""
        values = self.held[at : at + count * self.kept].view(count, -1, self.width)
        return Rows(apart, first, at, values)

    def all(self) -> Iterator[Rows]:
        """All pairs as they are held, some rows at a time, in the order of `scores`."""
        for apart, first, stop, at in self.stacks():
            for i in range(first, stop, ROWS):
                yield self.rows(apart, i, min(ROWS, stop - i), at + (i - first) * self.kept)

    def scores(self, a: Tensor, b: Tensor) -> Iterator[Rows]:
        """Sums of products of cells over every pair of windows; what is yielded may be changed.

        Args:
            a: Cells of the query map, (rows, columns, d).
            b: Cells of the key map.

        Yields:
            All pairs, some rows at a time.
        """
        p, s, wk = self.tile.patch, self.tile.stride, self.tile.columns[1]
        turned = self.padded(b).flatten(0, 1).T.contiguous()  # (d, cells)
        (d, cells), begun = turned.shape, turned.storage_offset()
        have = 0
        for rows in self.all():
            i, count = rows.first, len(rows.values)
            begin = max(0, -(rows.apart + self.side - 1))
            have = begin * s if i == begin else have
            until = (i + count - 1) * s + p
            while have < until:
                more = min(ROWS, until - have)
                start = begun + (have + (rows.apart + self.side - 1) * s) * wk
                keys = turned.as_strided((more, d, self.width), (wk, cells, 1), start)
                pairs = self.work[: more * self.step].view(more, -1, self.width)
                torch.bmm(a[have : have + more], keys, out=pairs)
                self._across(more, self.scratch[(have - begin * s) * self.step :])
                have += more
            band = self.down[i : i + count, i * s : until]
            shape = (until - i * s, self.kept)
            seen = self.scratch.as_strided(shape, (self.step, 1), (i - begin) * s * self.step)
            torch.mm(band, seen, out=rows.values.view(count, self.kept))
            yield rows

    def spread(self, ready: Callable[[Rows], None] | None) -> Iterator[tuple[int, int, Tensor]]:
        """The numbers held summed into the cell pairs that their windows cover.

        Args:
            ready: Told of rows just before they are read for the first time.

        Yields:
            First row of cells of the queries, how many cell rows further down the first of the
            keys is, and the sums, (rows, query columns, keys side by side × key columns). Valid
            until the next one.
        """
        p, s = self.tile.patch, self.tile.stride
        self.work.zero_()
        for apart, first, stop, at in self.stacks():
            done, tall = 0, (stop - first - 1) * s + p
            held = self.rows(apart, first, stop - first, at).values.view(-1, self.kept)
            for y in range(0, tall, ROWS):
                count = min(ROWS, tall - y)
                low = max(0, -((p - 1 - y) // s))
                high = min((y + count - 1) // s + 1, stop - first)
                if high > done:
                    if ready is not None:
                        start = at + done * self.kept
                        ready(self.rows(apart, first + done, high - done, start))
                    done = high
                band = self.down[first + low : first + high, first * s + y :][:, :count].T
                # Zeros in front stand for the windows that would begin before the first.
                shape = (count, self.kept)
                out = self.work.as_strided(shape, (self.step, 1), self.front)
                torch.mm(band, held[low:high], out=out)
                self._across(count, self.scratch)
                pairs = self.scratch[: count * self.step].view(count, -1, self.width)
                yield first * s + y, apart * s, pairs

    def padded(self, keys: Tensor) -> Tensor:
        """Key rows with zeros before and after, for stacks that reach over the edge."""
        more = self.side - 1
        return functional.pad(keys, (0, 0, 0, 0, more, more)) if more else keys

    def _across(self, rows: int, out: Tensor) -> None:
        """Box sums along the diagonals of the matrices in `work`."""
        shift = self.width + 1
        blocks = -(-rows * self.step // (ROWS * shift))
        shape = (blocks, self.across.shape[1], shift)
        seen = self.work.as_strided(shape, (ROWS * shift, shift, 1))
        to = out[: blocks * ROWS * shift].view(blocks, ROWS, shift)
        torch.bmm(self.across.expand(blocks, -1, -1), seen, out=to)


def numbers(tile: Tile) -> int:
    """How many numbers have to be held for all pairs of a tile's windows."""
    kept = (tile.columns[0] - tile.patch + 1) * _side_by_side(tile) * tile.columns[1]
    return sum(stop - first for _, first, stop in _stacks(tile)) * kept


def _side_by_side(tile: Tile) -> int:
    """Stacks side by side have key rows that follow each other, as windows at stride 1 do."""
    return min(SIDE_BY_SIDE, tile.windows[1]) if tile.stride == 1 else 1


def _stacks(tile: Tile) -> Iterator[tuple[int, int, int]]:
    """Rows from queries to the first keys, first query row, and row after the last."""
    (queries, keys, _, _), side = tile.windows, _side_by_side(tile)
    for apart in range(1 - queries, keys, side):
        yield apart, max(0, -(apart + side - 1)), min(queries, keys - apart)


class StackedWeights:
    """Weights with which windows look at windows, or what a gradient says of their scores.

    Args:
        stacks: Where the numbers are held.
        ready: Makes rows what they are to be, once, just before they are first used.
    """

    def __init__(self, stacks: Stacks, ready: Callable[[Rows], None]) -> None:
        self.stacks = stacks
        self._ready: Callable[[Rows], None] | None = ready

    def products(
        self,
        given: tuple[Tensor, Tensor] | None = None,
        asked: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """Add what either side gets of the other.

        Args:
            given: Values at the keys' cells, (key rows, key columns, e), and where to add what
                the queries' cells get of them.
            asked: Values at the queries' cells, and where to add what the keys' get.
        """
        near = None if given is None else self.stacks.padded(given[0]).contiguous()
        for y, apart, pairs in self.stacks.spread(self._ready):
            if given is not None and near is not None:
                keys = self._keys(near, y + apart, len(pairs))
                given[1][y : y + len(pairs)].baddbmm_(pairs, keys)
            if asked is not None:
                self._answer(*asked, pairs, y, apart)
        self._ready = None

    def through(self, pull: Tensor, values: Tensor, held: Tensor) -> "StackedWeights":
        """The gradient of the scores, of that of what the queries got; after `products`.

        Args:
            pull: Gradient at the queries' cells.
            values: At the keys' cells.
            held: Memory to use.
        """
        stacks = Stacks(self.stacks.tile, pull, held)
        mean = pull.new_zeros(stacks.tile.windows[0], stacks.kept // stacks.width)
        for rows, weight in zip(stacks.scores(pull, values), self.stacks.all(), strict=True):
            rows.values.mul_(weight.values)
            mean[rows.first : rows.first + len(rows.values)] += rows.values.sum(-1)

        def ready(rows: Rows) -> None:
            first, count = rows.first, len(rows.values)
            weight = self.stacks.rows(rows.apart, first, count, rows.at).values
            rows.values.addcmul_(weight, mean[first : first + count, :, None], value=-1)

        return StackedWeights(stacks, ready)

    def _keys(self, near: Tensor, row: int, count: int) -> Tensor:
        """The cells of keys side by side for each of some rows, (count, cells, e)."""
        (_, wk), e = self.stacks.tile.columns, near.shape[-1]
        shape, strides = (count, self.stacks.width, e), (wk * e, e, 1)
        start = near.storage_offset() + (row + self.stacks.side - 1) * wk * e
        return near.as_strided(shape, strides, start)

    def _answer(self, pulls: Tensor, got: Tensor, pairs: Tensor, y: int, apart: int) -> None:
        wk = self.stacks.tile.columns[1]
        for j in range(self.stacks.side):
            down = y + apart + j
            low, high = max(0, -down), min(len(pairs), len(got) - down)
            if low < high:
                part = pairs[low:high, :, j * wk : (j + 1) * wk].mT
                got[down + low : down + high].baddbmm_(part, pulls[y + low : y + high])


def stacked_weights(
    queries: Tensor, keys: Tensor, closed: Closed, tile: Tile, held: Tensor
) -> StackedWeights:
    """Softmax of the scores of all windows; a query without an open key looks at itself.

    Args:
        queries: Cells of the query map, (rows, columns, d).
        keys: Cells of the key map.
        closed: Which keys may not be looked at.
        tile: Geometry.
        held: Memory to use, at least `numbers(tile)` numbers.
    """
    stacks = Stacks(tile, queries, held)
    shown = _Shown(stacks, closed, queries)
    size = tile.windows[0], stacks.kept // stacks.width
    total = queries.new_zeros(size)
    tame = _reach(queries, tile.patch) * _reach(keys, tile.patch) < TAME
    most = queries.new_full(size, -math.inf)
    for rows in stacks.scores(queries, keys):
        here = slice(rows.first, rows.first + len(rows.values))
        if tame:
            shown.weigh_(rows.values.exp_(), rows.apart)
            total[here] += torch.bmm(rows.values, shown.keys(rows).mT)[:, :, 0]
        else:
            shown.close_(rows)
            most[here] = torch.maximum(most[here], rows.values.amax(-1))
    if not tame:
        most.clamp_(min=-1e30)  # a query without an open key
        for rows in stacks.all():
            here = slice(rows.first, rows.first + len(rows.values))
            total[here] += rows.values.sub_(most[here, :, None]).exp_().sum(-1)
    lonely = total[:, :: tile.stride] == 0
    # Queries between the windows of a stride look nowhere.
    share = torch.zeros_like(total)
    share[:, :: tile.stride] = torch.where(lonely, 0, 1 / total[:, :: tile.stride])
    alone = lonely.nonzero()

    def ready(rows: Rows) -> None:
        here = slice(rows.first, rows.first + len(rows.values))
        rows.values.mul_(share[here, :, None]).mul_(shown.keys(rows))
        if len(alone):
            shown.itself_(rows, alone)

    return StackedWeights(stacks, ready)


def _reach(cells: Tensor, patch: int) -> float:
    """The largest norm of a window."""
    squares = cells.square().sum(-1)[None]
    return math.sqrt(float(functional.avg_pool2d(squares, patch, 1).amax()) * patch**2)


class _Shown:
    """Which keys the queries of some rows may look at, in the layout of `Stacks`."""

    def __init__(self, stacks: Stacks, closed: Closed, like: Tensor) -> None:
        self.stacks, self.closed = stacks, closed
        tile, more = stacks.tile, stacks.side - 1
        _, rows, _, columns = tile.windows
        wk = tile.columns[1]
        open_ = like.new_ones(rows, columns) if closed.empty is None else ~closed.empty
        self.open = like.new_zeros(rows + 2 * more, wk)
        self.open[more : more + rows, : columns * tile.stride : tile.stride] = open_.to(like.dtype)
        self.shut = self.open.log()
        self.near: Tensor | None = None
        if closed.radius is not None:
            at, to = torch.arange(stacks.kept // stacks.width), torch.arange(wk)
            away = at[:, None] + closed.origin[1] * tile.stride - to
            self.near = (away.abs() <= closed.radius * tile.stride).to(like)

    def keys(self, rows: Rows) -> Tensor:
        """1 for open keys, 0 for others, (rows, 1, keys)."""
        return self._row(self.open, rows)

    def weigh_(self, values: Tensor, apart: int) -> None:
        """Nothing from further than the radius."""
        near = self._near(apart)
        if near is not None:
            values.mul_(near)

    def close_(self, rows: Rows) -> None:
        """Minus infinity for closed keys."""
        rows.values.add_(self._row(self.shut, rows))
        near = self._near(rows.apart)
        if near is not None:
            rows.values.masked_fill_(near == 0, -math.inf)

    def itself_(self, rows: Rows, alone: Tensor) -> None:
        """Weight 1 from the lonely to themselves; `alone` holds their rows and columns."""
        stride, wk = self.stacks.tile.stride, self.stacks.tile.columns[1]
        beside = self.closed.origin[0] - rows.apart
        row, column = alone.T
        mine = (row >= rows.first) & (row < rows.first + len(rows.values))
        if 0 <= beside < self.stacks.side and bool(mine.any()):
            at = column[mine] * stride
            key = beside * wk + at + self.closed.origin[1] * stride
            rows.values[row[mine] - rows.first, at, key] = 1

    def _row(self, whole: Tensor, rows: Rows) -> Tensor:
        wk, side = whole.shape[1], self.stacks.side
        shape, strides = (len(rows.values), 1, self.stacks.width), (wk, 1, 1)
        return whole.as_strided(shape, strides, (rows.first + rows.apart + side - 1) * wk)

    def _near(self, apart: int) -> Tensor | None:
        if self.near is None or self.closed.radius is None:
            return None
        beside = range(self.stacks.side)
        rows = [abs(self.closed.origin[0] - apart - j) <= self.closed.radius for j in beside]
        return torch.cat([self.near * float(row) for row in rows], 1)
