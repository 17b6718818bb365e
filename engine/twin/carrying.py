"""Carrying a field with the wind, and bringing fields from coarse grids to fine ones. Pure torch.

Fields are float32 (rows, columns), rows from the north. A grid of step n has cells of n × 0.01°.
"""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from engine.twin.places import GRID, KM_LAT

SECONDS = 3600.0


class Carrier:
    """Moves fields on the grid whose cells are `step` fine cells wide.

    Args:
        step: 1, 2 or 4.
    """

    def __init__(self, step: int) -> None:
        self.shape = GRID.rows // step, GRID.columns // step
        rows, columns = self.shape
        self._base = torch.stack(
            [
                ((2 * torch.arange(columns) + 1) / columns - 1)[None].expand(self.shape),
                ((2 * torch.arange(rows) + 1) / rows - 1)[:, None].expand(self.shape),
            ],
            dim=-1,
        )
        latitude = torch.from_numpy(GRID.latitude).float()
        # Fine cells that 1 m/s covers in an hour, eastwards (by row) and southwards.
        self._east = SECONDS / 1000 / (KM_LAT * torch.cos(torch.deg2rad(latitude)))
        self._south = -SECONDS / 1000 / KM_LAT

    def displacement(self, wind: Tensor) -> Tensor:
        """Way of one hour, as shares of half the map, (rows, columns, 2): east, south.

        Args:
            wind: Eastward and northward, m/s, on the 0.08° grid, (2, 100, 90).
        """
        rows = self.shape[0]
        fine = upsample(wind, self.shape)
        east = self._east.reshape(rows, -1).mean(1)[:, None]
        fine[0] *= east * (2 / GRID.columns)
        fine[1] *= self._south * 2 / GRID.rows
        return torch.stack([fine[0], fine[1]], dim=-1)

    def at(self, wind: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Way of one hour in fine cells at points: east, south."""
        at = torch.stack([(columns + 0.5) / 360 - 1, (rows + 0.5) / 400 - 1], -1)[None, None]
        u, v = functional.grid_sample(
            wind[None], at, padding_mode="border", align_corners=False
        ).reshape(2, -1)
        return u * self._east[rows.round().long().clamp(0, 799)], v * self._south

    def move(self, field: Tensor, path: Tensor) -> Tensor:
        """The field after it was carried along `path` (rows, columns, 2)."""
        back = (self._base - path)[None]
        return functional.grid_sample(
            field[None, None], back, padding_mode="border", align_corners=False
        )[0, 0]


def along(field: Tensor, path: Tensor, carrier: Carrier, *, doublings: int) -> Tensor:
    """Mean of a field over all stages of its way, in 2**doublings stages.

    Each stage doubles the part of the way covered, so that 8 stages cost 3 moves.
    """
    stage = path / 2**doublings
    for _ in range(doublings):
        field = 0.5 * (field + carrier.move(field, stage))
        stage = stage * 2
    return field


def spread(field: Tensor, variance: float) -> Tensor:
    """Diffusion: the field after a spread with this variance in cells² along each axis."""
    share = variance / 2
    padded = functional.pad(field[None, None], (1, 1, 1, 1), mode="replicate")[0, 0]
    rows = padded[1:-1] * (1 - 2 * share) + share * (padded[:-2] + padded[2:])
    return rows[:, 1:-1] * (1 - 2 * share) + share * (rows[:, :-2] + rows[:, 2:])


def upsample(field: Tensor, shape: tuple[int, int]) -> Tensor:
    """Bilinear values on a finer grid of the same box, (..., rows, columns).

    As two products with matrices, which is several times faster than torch's own.
    """
    rows = _weights(field.shape[-2], shape[0])
    columns = _weights(field.shape[-1], shape[1])
    return rows @ (field @ columns.T) if shape[0] < 400 else (rows @ field) @ columns.T


@lru_cache(maxsize=16)
def _weights(coarse: int, fine: int) -> Tensor:
    """Matrix (fine, coarse) of linear interpolation between cell centres, flat beyond the last."""
    place = ((torch.arange(fine) + 0.5) * coarse / fine - 0.5).clamp(0, coarse - 1)
    low = place.floor().long().clamp(max=max(coarse - 2, 0))
    share = place - low
    matrix = torch.zeros(fine, coarse)
    matrix[torch.arange(fine), low] = 1 - share
    matrix[torch.arange(fine), low + 1] += share
    return matrix
