"""What attention among overlapping windows is about, and a way of few large steps, for a GPU.

The score of two windows is the sum, over the same offset in both, of the products of their
cells: a box sum along the diagonal of the matrix of cell pairs, built by doubling (2, 4, 8,
8 + 2) from shifted copies of that matrix as a flat array. Spreading weights of window pairs over
cell pairs is the adjoint of the same sums. `engine.superresolution.networks.banded_sums` does the
same in many small steps that stay in a processor's caches.

Exact: only the order of additions differs from unfolding.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Tile:
    """Windows that ask (queries) and windows that answer (keys), each on its own map."""

    patch: int
    stride: int
    rows: tuple[int, int]
    """Rows of cells of the query map and of the key map."""
    columns: tuple[int, int]

    @property
    def windows(self) -> tuple[int, int, int, int]:
        """Window rows of queries and keys, window columns of queries and keys."""
        a, b, c, d = ((n - self.patch) // self.stride + 1 for n in (*self.rows, *self.columns))
        return a, b, c, d


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


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


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
    (_, wq), (hk, wk) = (tile.rows[0], tile.columns[0]), (tile.rows[1], tile.columns[1])
    n = hk * wk
    pairs = (a.flatten(0, 1) @ b.flatten(0, 1).T).view(-1)
    along = _sum(_doubled(pairs, p, n + 1))
    del pairs
    both = _sum(_doubled(along, p, wq * n + wk))
    return both.as_strided(tile.windows, (s * wq * n, s * wk, s * n, s)).clone()


def spread_weights(weights: Tensor, tile: Tile) -> Tensor:
    """Weights of window pairs summed into the cell pairs that they cover.

    Args:
        weights: (query row, key row, query column, key column).
        tile: Geometry.

    Returns:
        The weights of cell pairs, (query cells, key cells).
    """
    p, s = tile.patch, tile.stride
    (hq, hk), (wq, wk) = tile.rows, tile.columns
    n = hk * wk
    # Zeros in front stand for the windows that would begin before the first.
    down, right = (p - 1) * (wq * n + wk), (p - 1) * (n + 1)
    flat = weights.new_zeros(down + right + hq * wq * n)
    inside = flat.as_strided(weights.shape, (s * wq * n, s * wk, s * n, s), down + right)
    inside.copy_(weights)
    flat = _sum(_doubled(flat, p, wq * n + wk))
    flat = _sum(_doubled(flat, p, n + 1))
    return flat.view(hq * wq, n)


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


class WholeWeights:
    """Weights of all pairs of windows at once, or what a gradient says of their scores.

    Args:
        weights: (query row, key row, query column, key column).
        tile: Geometry.
    """

    def __init__(self, weights: Tensor, tile: Tile) -> None:
        self.weights, self.tile = weights, tile

    def products(
        self,
        given: tuple[Tensor, Tensor] | None = None,
        requested: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        """As `engine.superresolution.networks.banded_weights.StackedWeights.products`."""
        pairs = spread_weights(self.weights, self.tile)
        for side, matrix in ((given, pairs), (requested, pairs.T)):
            if side is not None:
                values, out = side
                out += (matrix @ values.flatten(0, 1)).view(out.shape)

    def through(self, pull: Tensor, values: Tensor, held: Tensor) -> "WholeWeights":
        """As `banded_weights.StackedWeights.through`; nothing is held."""
        del held
        change = window_scores(pull, values, self.tile).mul_(self.weights)
        mean = change.sum(3, keepdim=True).sum(1, keepdim=True)
        return WholeWeights(change.addcmul_(self.weights, mean, value=-1), self.tile)


def whole_weights(queries: Tensor, keys: Tensor, closed: Closed, tile: Tile) -> WholeWeights:
    """Softmax of the scores of all windows; a query without an open key looks at itself."""
    block = window_scores(queries, keys, tile)
    shut = closed.rows(0, len(block), tile, block.device)
    if shut is not None:
        block.masked_fill_(shut, -math.inf)
        _look_at_itself(block, shut, 0, closed.origin)
    # Twice along one axis each, which is faster than once along two.
    block.sub_(block.amax(3, keepdim=True).amax(1, keepdim=True)).exp_()
    block.div_(block.sum(3, keepdim=True).sum(1, keepdim=True))
    return WholeWeights(block, tile)


def _look_at_itself(block: Tensor, shut: Tensor, first: int, origin: tuple[int, int]) -> None:
    lonely = shut.all(3).all(1).expand(-1, block.shape[2])  # (rows, query column)
    if not lonely.any():
        return
    row, column = lonely.nonzero(as_tuple=True)
    block[row, row + first + origin[0], column, column + origin[1]] = 0
