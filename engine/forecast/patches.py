"""The part of a city that a training step looks at."""

import torch
from torch import Tensor

from engine.forecast.networks.stepdiff import Window


def patch(
    window: Window, grid: tuple[int, int], side: int, history: int, generator: torch.Generator
) -> tuple[slice, slice]:
    """Rows and columns of a patch around a cell that was measured at a lead time, at random."""
    ahead = window.known[..., history:].any(2).any(0).nonzero()[:, 0]
    cell = int(ahead[torch.randint(len(ahead), (), generator=generator)]) if len(ahead) else 0
    middle = divmod(cell, grid[1])
    shift = torch.randint(-(side // 3), side // 3 + 1, (2,), generator=generator).tolist()
    cuts = []
    for at, move, count in zip(middle, shift, grid, strict=True):
        length = min(side, count)
        first = min(max(at + move - length // 2, 0), count - length)
        cuts.append(slice(first, first + length))
    return cuts[0], cuts[1]


def cell_numbers(rows: slice, columns: slice, width: int) -> Tensor:
    """Places of a patch's cells in a grid of some width, row by row."""
    down, across = torch.arange(rows.start, rows.stop), torch.arange(columns.start, columns.stop)
    return (down[:, None] * width + across).flatten()
