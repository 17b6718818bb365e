"""Scores and sums among all overlapping windows of two maps, without unfolding a window.

The score of two windows is the sum, over the same offset in both, of the products of their
cells: a box sum along the diagonal of the matrix of cell pairs. Rows of cells that lie a fixed
number of rows apart form a stack of small matrices, and for each such stack the box sums are
sums of a flat array with shifted copies of itself, built by doubling (2, 4, 8, 8 + 2). Spreading
weights of window pairs over cell pairs is the adjoint of the same sums. Each stack is small
enough to stay in a processor's cache; where launching many small steps costs more than memory
(a GPU), the whole matrix is one stack.

Exact: only the order of additions differs from unfolding.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

CACHED = 2**17  # elements worked on at once: half a megabyte stays in a core's own cache


@dataclass(frozen=True)
class Tile:
    """Windows that ask (queries) and windows that are asked (keys), each on its own map."""

    patch: int
    stride: int
    rows: tuple[int, int]
    """Rows of cells of the query map and of the key map."""
    columns: tuple[int, int]
    whole: bool
    """All cell pairs in one stack."""

    @property
    def windows(self) -> tuple[int, int, int, int]:
        """Window rows of queries and keys, window columns of queries and keys."""
        a, b, c, d = ((n - self.patch) // self.stride + 1 for n in (*self.rows, *self.columns))
        return a, b, c, d

    def stacked(self, cells: Tensor) -> Tensor:
        """Cells (rows, columns, d) as the stacks' matrices (n, cells, d)."""
        return cells.reshape(1, -1, cells.shape[-1]) if self.whole else cells


def _doubled(flat: Tensor, count: int, step: int) -> list[Tensor]:
    """Arrays whose sum is `sum(flat[i + j * step] for j in range(count))`, for every such i.

    `flat` may have further axes, which are carried along.
    """
    length = len(flat) - (count - 1) * step
    parts, at, current, m = [], 0, flat, 1
    while True:
        if count & m:
            parts.append(current[at * step : at * step + length])
            at += m
        if 2 * m > count:
            return parts
        current = current[: -m * step] + current[m * step :]
        m *= 2


def _write(parts: list[Tensor], strides: tuple[int, ...], out: Tensor) -> None:
    """The sum of the parts, read at the given strides, into `out`."""
    _add([z.as_strided(out.shape, strides, z.storage_offset()) for z in parts], out)


def _add(parts: list[Tensor], out: Tensor) -> None:
    """The sum of the parts into `out`."""
    if len(parts) == 1:
        out.copy_(parts[0])
        return
    torch.add(parts[0], parts[1], out=out)
    for part in parts[2:]:
        out.add_(part)


def _parts(count: int, each: int) -> Iterator[slice]:
    """Slices of `count` things of `each` elements, small enough for a core's own cache."""
    step = max(1, CACHED // each)
    for first in range(0, count, step):
        yield slice(first, min(first + step, count))


def _moved(some: slice, by: int) -> slice:
    return slice(some.start + by, some.stop + by)


def window_scores(a: Tensor, b: Tensor, tile: Tile) -> Tensor:
    """Sums of products of cells over every pair of windows.

    Args:
        a: Cells of the query map, (rows, columns, d).
        b: Cells of the key map.
        tile: Geometry.

    Returns:
        Scores (query row, key row, query column, key column).
    """
    p, s = tile.patch, tile.stride
    nhq, nhk, nwq, nwk = tile.windows
    scores = a.new_empty(nhq, nhk, nwq, nwk)
    (_, wq), (hk, wk) = (tile.rows[0], tile.columns[0]), (tile.rows[1], tile.columns[1])
    if tile.whole:
        n = hk * wk
        pairs = (a.flatten(0, 1) @ b.flatten(0, 1).T).view(-1)
        along = _sum(_doubled(pairs, p, n + 1))
        del pairs
        parts = _doubled(along, p, wq * n + wk)
        _write(parts, (s * wq * n, s * wk, s * n, s), scores)
        return scores
    turned = b.mT.contiguous()  # (rows, d, columns): what the small products run fastest on
    for first, count, apart in _stacks(nhq, nhk):
        y, ny = first * s, (count - 1) * s + p
        along = a.new_empty(ny, nwq, nwk)
        for some in _parts(ny, wq * wk):
            rows, others = _moved(some, y), _moved(some, y + apart * s)
            pairs = torch.bmm(a[rows], turned[others]).view(-1)
            _write(_doubled(pairs, p, wk + 1), (wq * wk, s * wk, s), along[some])
        out = _diagonal(scores, first, count, apart)
        for some in _parts(nwq, ny * nwk):
            _add([z[::s] for z in _doubled(along[:, some], p, 1)], out[:, some])
    return scores


def spread_weights(weights: Tensor, tile: Tile) -> Iterator[tuple[slice, slice, Tensor]]:
    """Weights of window pairs summed into the cell pairs that they cover, stack by stack.

    Args:
        weights: (query row, key row, query column, key column).
        tile: Geometry.

    Yields:
        Which matrices of the stacked query cells, which of the stacked key cells, and the
        weights of their pairs, (matrices, query cells, key cells). Valid until the next one.
    """
    p, s = tile.patch, tile.stride
    nhq, nhk, nwq, nwk = tile.windows
    (hq, hk), (wq, wk) = tile.rows, tile.columns
    # Zeros in front stand for the windows that would begin before the first.
    if tile.whole:
        n = hk * wk
        down, right = (p - 1) * (wq * n + wk), (p - 1) * (n + 1)
        flat = weights.new_zeros(down + right + hq * wq * n)
        inside = flat.as_strided(weights.shape, (s * wq * n, s * wk, s * n, s), down + right)
        inside.copy_(weights)
        flat = _sum(_doubled(flat, p, wq * n + wk))
        flat = _sum(_doubled(flat, p, n + 1))
        yield slice(0, 1), slice(0, 1), flat.view(1, hq * wq, n)
        return
    most = (min(nhq, nhk) - 1) * s + p
    front = (p - 1) * (wk + 1)
    tall = weights.new_zeros(most + p - 1, nwq, nwk)
    wide = weights.new_zeros(front + most * wq * wk)
    for first, count, apart in _stacks(nhq, nhk):
        y, ny = first * s, (count - 1) * s + p
        tall[p - 1 : p + (count - 1) * s : s] = _diagonal(weights, first, count, apart)
        tall[p + (count - 1) * s : ny + p - 1] = 0
        inside = wide.as_strided((ny, nwq, nwk), (wq * wk, s * wk, s), front)
        for some in _parts(nwq, ny * nwk):
            _add(_doubled(tall[: ny + p - 1, some], p, 1), inside[:, some])
        for some in _parts(ny, wq * wk):
            pairs = _sum(
                _doubled(wide[some.start * wq * wk : front + some.stop * wq * wk], p, wk + 1)
            )
            yield _moved(some, y), _moved(some, y + apart * s), pairs.view(-1, wq, wk)


def _stacks(queries: int, keys: int) -> Iterator[tuple[int, int, int]]:
    """First query row, number of rows, and how far below it the key row lies."""
    for apart in range(1 - queries, keys):
        first = max(0, -apart)
        yield first, min(queries, keys - apart) - first, apart


def _diagonal(pairs: Tensor, first: int, count: int, apart: int) -> Tensor:
    """The blocks [i, i + apart] of window rows, (count, query column, key column)."""
    _, keys, nwq, nwk = pairs.shape
    small = nwq * nwk
    start = pairs.storage_offset() + (first * keys + first + apart) * small
    return pairs.as_strided((count, nwq, nwk), ((keys + 1) * small, nwk, 1), start)


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


@dataclass(frozen=True)
class Closed:
    """Which keys a query may not look at."""

    empty: Tensor | None
    """True for key windows without any valid cell, (rows, columns); None: there are none."""
    radius: int | None
    """How far, in windows along either axis, a query looks; None: everywhere."""
    origin: tuple[int, int]
    """Row and column of the first query window among the key windows."""

    def rows(self, first: int, count: int, tile: Tile, device: torch.device) -> Tensor | None:
        """True where closed, for some query rows: (rows, key row, query column or 1, key column).

        None where all is open.
        """
        if self.empty is None and self.radius is None:
            return None
        _, nhk, nwq, nwk = tile.windows
        closed = torch.zeros(1, 1, 1, 1, dtype=torch.bool, device=device)
        if self.radius is not None:
            i, j, x, z = (torch.arange(n, device=device) for n in (count, nhk, nwq, nwk))
            down = (i[:, None] + first + self.origin[0] - j).abs() > self.radius
            across = (x[:, None] + self.origin[1] - z).abs() > self.radius
            closed = down[:, :, None, None] | across
        if self.empty is not None:
            closed = closed | self.empty[:, None, :]
        return closed.expand(count, nhk, -1, nwk)


def softmax_(scores: Tensor, closed: Closed, tile: Tile) -> None:
    """Scores to weights, in place; a query without an open key looks at itself."""
    step = len(scores) if tile.whole else 1
    for first in range(0, len(scores), step):
        block = scores[first : first + step]  # (rows, key row, query column, key column)
        shut = closed.rows(first, len(block), tile, scores.device)
        if shut is not None:
            block.masked_fill_(shut, -math.inf)
            _look_at_itself(block, shut, first, closed.origin)
        # Twice along one axis each, which is faster than once along two.
        block.sub_(block.amax(3, keepdim=True).amax(1, keepdim=True)).exp_()
        block.div_(block.sum(3, keepdim=True).sum(1, keepdim=True))


def _look_at_itself(block: Tensor, shut: Tensor, first: int, origin: tuple[int, int]) -> None:
    lonely = shut.all(3).all(1).expand(-1, block.shape[2])  # (rows, query column)
    if not lonely.any():
        return
    row, column = lonely.nonzero(as_tuple=True)
    block[row, row + first + origin[0], column, column + origin[1]] = 0
