"""Softmax attention among all overlapping windows of two maps, for a processor with caches.

Works on the numbers of `engine.superresolution.networks.banded_sums`. Each of torch's threads has
its own share of the stacks and adds up in memory of its own; what they have is added in a fixed
order, so that results do not depend on which was faster.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from engine.superresolution.networks.banded_sums import Rows, Stacks
from engine.superresolution.networks.threads import side_by_side
from engine.superresolution.networks.window_scores import Closed, Tile

# Scores that cannot exceed this need no subtracting before exp. Numbers of pairs that are none
# are made of up to three windows' parts, and exp(75) is still finite.
TAME = 25.0


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
        requested: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """Add what either side gets of the other.

        Args:
            given: Values at the keys' cells, (key rows, key columns, e), and where to add what
                the queries' cells get of them.
            requested: Values at the queries' cells, and where to add what the keys' get.
        """
        stacks = self.stacks
        near = None if given is None else stacks.padded(given[0])
        to_queries = [] if given is None else _apart(given[1], stacks)
        to_keys = [] if requested is None else _apart(requested[1], stacks)

        def part(i: int) -> None:
            for y, apart, pairs in stacks.spread(stacks.shares[i], self._ready):
                if near is not None:
                    keys = stacks.keys(near, y + apart, len(pairs))
                    to_queries[i][y : y + len(pairs)].baddbmm_(pairs, keys)
                if requested is not None:
                    self._answer(requested[0], to_keys[i], pairs, y, apart)

        _all(part, stacks)
        self._ready = None
        for out in (to_queries, to_keys):
            for more in out[1:]:
                out[0].add_(more)

    def through(self, pull: Tensor, values: Tensor, held: Tensor) -> "StackedWeights":
        """The gradient of the scores, of that of what the queries got; after `products`.

        Args:
            pull: Gradient at the queries' cells.
            values: At the keys' cells.
            held: Memory to use.
        """
        stacks = Stacks(self.stacks.tile, pull, held, self.stacks.shares)
        near = stacks.padded(values)
        means = _apart(pull.new_zeros(stacks.tile.windows[0], stacks.kept // stacks.width), stacks)

        def part(i: int) -> None:
            share = stacks.shares[i]
            pairs = zip(stacks.scores(pull, near, share), self.stacks.all(share), strict=True)
            for rows, weight in pairs:
                rows.values.mul_(weight.values)
                means[i][rows.here] += rows.values.sum(-1)

        _all(part, stacks)
        mean = sum(means[1:], start=means[0])

        def ready(rows: Rows) -> None:
            count = len(rows.values)
            weight = self.stacks.rows(rows.apart, rows.first, count, rows.at).values
            rows.values.addcmul_(weight, mean[rows.here, :, None], value=-1)

        return StackedWeights(stacks, ready)

    def _answer(self, pulls: Tensor, got: Tensor, pairs: Tensor, y: int, apart: int) -> None:
        wk = self.stacks.tile.columns[1]
        for j in range(self.stacks.side):
            down = y + apart + j
            low, high = max(0, -down), min(len(pairs), len(got) - down)
            if low < high:
                part = pairs[low:high, :, j * wk : (j + 1) * wk].mT
                got[down + low : down + high].baddbmm_(part, pulls[y + low : y + high])


def _all(part: Callable[[int], None], stacks: Stacks) -> None:
    side_by_side([partial(part, i) for i in range(len(stacks.shares))])


def _apart(out: Tensor, stacks: Stacks) -> list[Tensor]:
    """Where each share adds what is to be added to `out`: the first there, others elsewhere."""
    return [out, *(torch.zeros_like(out) for _ in stacks.shares[1:])]


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
    totals = _apart(queries.new_zeros(size), stacks)
    near = stacks.padded(keys)
    if _reach(queries, tile.patch) * _reach(keys, tile.patch) < TAME:

        def part(i: int) -> None:
            for rows in stacks.scores(queries, near, stacks.shares[i]):
                shown.weigh_(rows.values.exp_(), rows)
                totals[i][rows.here] += rows.values.sum(-1)

        _all(part, stacks)
    else:
        _without_overflow(stacks, shown, queries, near, totals)
    total = sum(totals[1:], start=totals[0])
    lonely = total[:, :: tile.stride] == 0
    # Queries between the windows of a stride look nowhere.
    share = torch.zeros_like(total)
    share[:, :: tile.stride] = torch.where(lonely, 0, 1 / total[:, :: tile.stride])
    alone = lonely.nonzero()

    def ready(rows: Rows) -> None:
        rows.values.mul_(share[rows.here, :, None])
        if len(alone):
            shown.itself_(rows, alone)

    return StackedWeights(stacks, ready)


def _without_overflow(
    stacks: Stacks, shown: "_Shown", queries: Tensor, near: Tensor, totals: list[Tensor]
) -> None:
    """Numbers that softmax is made of, and their totals, where the largest has to be known."""
    mosts = [torch.full_like(total, -math.inf) for total in totals]

    def score(i: int) -> None:
        for rows in stacks.scores(queries, near, stacks.shares[i]):
            shown.close_(rows)
            most = mosts[i][rows.here]
            torch.maximum(most, rows.values.amax(-1), out=most)

    _all(score, stacks)
    most = torch.stack(mosts).amax(0).clamp_(min=-1e30)  # a query without an open key

    def weigh(i: int) -> None:
        for rows in stacks.all(stacks.shares[i]):
            totals[i][rows.here] += rows.values.sub_(most[rows.here, :, None]).exp_().sum(-1)

    _all(weigh, stacks)


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

    def weigh_(self, values: Tensor, rows: Rows) -> None:
        """Nothing from closed keys."""
        values.mul_(self._row(self.open, rows))
        near = self._near(rows.apart)
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
