"""Sums over all pairs of overlapping windows of two maps, for a processor with caches.

The score of two windows is the sum, over the same offset in both, of the products of their
cells: a box sum along the diagonal of the matrix of cell pairs. Row pairs a fixed number of rows
apart form a stack; down a stack and across its matrices a box sum is one product with a banded
matrix of ones, which reads every number once where adding shifted copies reads it many times.
A few neighbouring stacks are worked on side by side, so that the products are large; each thread
has its own share of the stacks.

Spreading weights of window pairs over the cell pairs that they cover is the adjoint, with the
same bands. No cell pair is held longer than its stack needs it; the numbers of window pairs are,
as the product leaves them: among them some of pairs that are none (windows over the edge), which
count for nothing.

Exact: only the order of additions differs from unfolding.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from engine.superresolution.networks.window_scores import Tile

ROWS = 8  # window rows summed at once: bands as narrow as products are still quick with
SIDE_BY_SIDE = 4  # stacks worked on at once


@dataclass(frozen=True)
class Stack:
    """Row pairs a fixed number of rows apart, with those side by side."""

    apart: int
    """Window rows from a query's to its first key's."""
    first: int
    """First query row of windows."""
    stop: int
    """Row after the last."""
    at: int
    """Where its numbers begin among those held."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a stack."""

    apart: int
    """As that of the stack."""
    first: int
    """Query row of windows."""
    at: int
    """Where its numbers begin among those held."""
    values: Tensor
    """(rows, query columns, keys side by side × key columns), columns at stride 1."""

    @property
    def here(self) -> slice:
        """The query rows."""
        return slice(self.first, self.first + len(self.values))


@dataclass(frozen=True)
class Share:
    """What one thread works on, and where it may write meanwhile."""

    stacks: tuple[Stack, ...]
    scratch: Tensor
    work: Tensor


class Stacks:
    """Numbers of all pairs of windows of two maps.

    Args:
        tile: Geometry.
        like: Gives precision and device.
        held: Memory to use, at least `numbers(tile)` numbers.
        shares: Of another one of this geometry that is not at work meanwhile; None: new ones.
    """

    def __init__(
        self, tile: Tile, like: Tensor, held: Tensor, shares: tuple[Share, ...] | None = None
    ) -> None:
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
        # Rows of cell pairs to keep: what some rows of windows need, and room to move on in.
        self.tall = (ROWS - 1) * tile.stride + tile.patch + max(2 * ROWS, tile.patch)
        self.front = (tile.patch - 1) * (self.width + 1)
        self.shares = shares or tuple(self._share(stacks, like) for stacks in self._parts())

    def _parts(self) -> Iterator[tuple[Stack, ...]]:
        """The stacks in as many parts of about as much work as torch has threads."""
        stacks, at, work = [], 0, [0]
        for apart, first, stop in _stacks(self.tile):
            stacks.append(Stack(apart, first, stop, at))
            at += (stop - first) * self.kept
            work.append(work[-1] + (stop - first - 1) * self.tile.stride + self.tile.patch)
        parts = max(1, min(torch.get_num_threads(), len(stacks)))
        done = 0
        for i in range(parts):
            until = done + 1
            while until < len(stacks) - (parts - 1 - i) and work[until] * parts < work[-1] * (
                i + 1
            ):
                until += 1
            yield tuple(stacks[done:until])
            done = until

    def _share(self, stacks: tuple[Stack, ...], like: Tensor) -> Share:
        slack = (self.tile.patch + ROWS) * (self.width + 1)
        return Share(
            stacks,
            like.new_empty(self.tall * self.step + slack),
            like.new_empty(self.front + ROWS * self.step + slack),
        )

    def rows(self, apart: int, first: int, count: int, at: int) -> Rows:
        """Some of the numbers held."""
        values = self.held[at : at + count * self.kept].view(count, -1, self.width)
        return Rows(apart, first, at, values)

    def all(self, share: Share) -> Iterator[Rows]:
        """All pairs of a share as they are held, some rows at a time, in the order of `scores`."""
        for stack in share.stacks:
            for i in range(stack.first, stack.stop, ROWS):
                at = stack.at + (i - stack.first) * self.kept
                yield self.rows(stack.apart, i, min(ROWS, stack.stop - i), at)

    def scores(self, a: Tensor, near: Tensor, share: Share) -> Iterator[Rows]:
        """Sums of products of cells over pairs of windows; what is yielded may be changed.

        Args:
            a: Cells of the query map, (rows, columns, d).
            near: Cells of the key map, as `padded` gives them.
            share: Of the pairs.

        Yields:
            All pairs of the share, some rows at a time.
        """
        p, s = self.tile.patch, self.tile.stride
        share.work.zero_()
        share.scratch.zero_()
        have = begin = 0  # cell rows: after the last summed, and the first of those kept
        for rows in self.all(share):
            i, count = rows.first, len(rows.values)
            until = (i + count - 1) * s + p
            if i == max(0, -(rows.apart + self.side - 1)):
                have = begin = i * s
            elif until - begin > self.tall:
                kept = share.scratch[(i * s - begin) * self.step : (have - begin) * self.step]
                share.scratch[: len(kept)] = kept
                begin = i * s
            while have < until:
                more = min(ROWS, until - have)
                pairs = share.work[: more * self.step].view(more, -1, self.width)
                torch.bmm(a[have : have + more], self.keys(near, rows.apart * s + have, more).mT,
                          out=pairs)  # fmt: skip
                self._across(share.work, more, share.scratch[(have - begin) * self.step :])
                have += more
            band = self.down[i : i + count, i * s : until]
            shape = (until - i * s, self.kept)
            seen = share.scratch.as_strided(shape, (self.step, 1), (i * s - begin) * self.step)
            torch.mm(band, seen, out=rows.values.view(count, self.kept))
            yield rows

    def spread(
        self, share: Share, ready: Callable[[Rows], None] | None
    ) -> Iterator[tuple[int, int, Tensor]]:
        """The numbers held summed into the cell pairs that their windows cover.

        Args:
            share: Of the pairs.
            ready: Called with rows just before they are read for the first time.

        Yields:
            First row of cells of the queries, how many cell rows further down the first of the
            keys is, and the sums, (rows, query columns, keys side by side × key columns). Valid
            until the next one.
        """
        p, s = self.tile.patch, self.tile.stride
        share.work.zero_()
        for stack in share.stacks:
            apart, first, stop = stack.apart, stack.first, stack.stop
            done, tall = 0, (stop - first - 1) * s + p
            held = self.rows(apart, first, stop - first, stack.at).values.view(-1, self.kept)
            for y in range(0, tall, ROWS):
                count = min(ROWS, tall - y)
                low = max(0, -((p - 1 - y) // s))
                high = min((y + count - 1) // s + 1, stop - first)
                if high > done:
                    if ready is not None:
                        start = stack.at + done * self.kept
                        ready(self.rows(apart, first + done, high - done, start))
                    done = high
                band = self.down[first + low : first + high, first * s + y :][:, :count].T
                # Zeros in front stand for the windows that would begin before the first.
                shape = (count, self.kept)
                out = share.work.as_strided(shape, (self.step, 1), self.front)
                torch.mm(band, held[low:high], out=out)
                self._across(share.work, count, share.scratch)
                pairs = share.scratch[: count * self.step].view(count, -1, self.width)
                yield first * s + y, apart * s, pairs

    def padded(self, keys: Tensor) -> Tensor:
        """Key rows with zeros before and after, for stacks that reach over the edge."""
        more = (self.side - 1) * self.tile.stride
        return functional.pad(keys, (0, 0, 0, 0, more, more)) if more else keys.contiguous()

    def keys(self, near: Tensor, row: int, count: int) -> Tensor:
        """The cells of keys side by side for each of some rows, (count, cells, e).

        Args:
            near: As `padded` gives them.
            row: Of the first key; less than 0 where only keys further on are of the map.
            count: How many.
        """
        (_, wk), e = self.tile.columns, near.shape[-1]
        shape, strides = (count, self.width, e), (wk * e, e, 1)
        return near.as_strided(
            shape, strides, near.storage_offset() + (row + self.side - 1) * wk * e
        )

    def _across(self, work: Tensor, rows: int, out: Tensor) -> None:
        """Box sums along the diagonals of the matrices in `work`."""
        shift = self.width + 1
        blocks = -(-rows * self.step // (ROWS * shift))
        shape = (blocks, self.across.shape[1], shift)
        seen = work.as_strided(shape, (ROWS * shift, shift, 1))
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
