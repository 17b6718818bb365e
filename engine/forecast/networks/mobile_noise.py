"""Noise that is alike in cells that lie near each other and in hours that follow each other.

What a first guess misses, it misses over half a city and for hours: weather. Noise that knows
nothing of this averages out over a hundred cells, so that members which start from it differ by
specks and agree on the city's level, which is the thing least certain. Noise of a covariance that
the training part gives starts from possible weathers. The steps of diffusion and its loss stay as
they are: in whitened coordinates they are the published ones.

Source: Ge et al. 2023, arXiv:2305.10474 (section 4, mixed noise: a part that all frames share). A
departure from STeP-Diff and CSDI, whose noise is independent; `WHITE` is theirs.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

REACH = 2.0  # cells over which the smooth part fades: a fit of so few readings says no more
LEAST_OWN = 0.05  # share of independent noise, so that every covariance has an inverse
LONGEST = 48.0  # hours
LAG = 3  # hours apart at which the memory is read off


@dataclass(frozen=True)
class Texture:
    """The covariance of noise of variance 1.

    Attributes:
        common: Share that the whole city has in common.
        smooth: Share that near cells have in common.
        memory: Hours in which all of it fades; 0: hours are independent.
    """

    common: float = 0.0
    smooth: float = 0.0
    memory: float = 0.0

    def __post_init__(self) -> None:
        """Refuse shares that are none.

        Raises:
            ValueError: With the shares.
        """
        if min(self.common, self.smooth, self.memory) < 0 or self.common + self.smooth > 1:
            raise ValueError(f"{self} has shares below 0, or of more than the whole")

    def factors(self, cells: Int[Tensor, " cell"], columns: int, hours: int) -> "Factors | None":
        """What shapes noise of these cells of a grid; None where noise is independent."""
        if not (self.common or self.smooth or self.memory):
            return None
        row, column = cells // columns, cells % columns
        away = (row[:, None] - row) ** 2 + (column[:, None] - column) ** 2
        near = (-away.double() / (2 * REACH**2)).exp()
        own = max(1 - self.common - self.smooth, 1e-3)
        space = self.common + self.smooth * near + own * torch.eye(len(cells)).to(near)
        time = torch.eye(hours, dtype=torch.float64, device=cells.device)
        if self.memory:
            hour = torch.arange(hours, device=cells.device).double()
            time = (-(hour[:, None] - hour).abs() / self.memory).exp()
        # A correlation has 1 on its diagonal, whatever rounding and the least share left there.
        space = space / space.diagonal()[:, None].sqrt() / space.diagonal().sqrt()
        factors = (torch.linalg.cholesky(a).float() for a in (space, time))
        return Factors(*factors)


WHITE = Texture()


@dataclass(frozen=True)
class Factors:
    """Cholesky factors of the covariances among cells and among hours."""

    space: Float[Tensor, "cell cell"]
    time: Float[Tensor, "hour hour"]

    def shaped(self, noise: Tensor) -> Tensor:
        """Independent noise (..., cell, hour) made alike."""
        return self.space.to(noise) @ noise @ self.time.T.to(noise)


def texture_of(
    values: Float[Tensor, "window cell lead"],
    known: Bool[Tensor, "window cell lead"],
    grid: tuple[int, int],
) -> Texture:
    """The texture of departures from a first guess, by their moments.

    Args:
        values: Departures, 0 where nothing is known.
        known: Where something is.
        grid: Rows and columns.
    """
    weight = known.to(values)
    count = weight.sum(1)
    level = (values * weight).sum(1) / count.clamp(min=1)  # (window, lead)
    left = (values - level[:, None]) * weight
    valid = count >= 2
    if not valid.any():
        return WHITE
    within = float((left**2).sum() / (count - 1).clamp(min=0).sum().clamp(min=1))
    # A mean of few cells varies by their own noise too.
    between = float((level**2 - within / count.clamp(min=1))[valid].mean())
    common = min(max(between, 0.0) / max(between + within, 1e-9), 1 - LEAST_OWN)
    smooth = (1 - common) * min(max(_neighbours(left, known, grid) / max(within, 1e-9), 0.0), 1.0)
    smooth = min(smooth * math.exp(1 / (2 * REACH**2)), 1 - LEAST_OWN - common)
    both = valid[:, :-LAG] & valid[:, LAG:]
    alike = float((level[:, :-LAG] * level[:, LAG:])[both].mean()) / max(between, 1e-9)
    alike = min(max(alike, math.exp(-LAG)), math.exp(-LAG / LONGEST)) if both.any() else 0.5
    return Texture(round(common, 3), round(max(smooth, 0.0), 3), round(-LAG / math.log(alike), 1))


def _neighbours(left: Tensor, known: Tensor, grid: tuple[int, int]) -> float:
    """Mean product of departures in neighbouring cells."""
    field = left.transpose(1, 2).reshape(-1, *grid)
    there = known.transpose(1, 2).reshape(-1, *grid)
    total, count = 0.0, 0
    for dim in (1, 2):
        length = grid[dim - 1] - 1
        if length < 1:
            continue
        both = there.narrow(dim, 0, length) & there.narrow(dim, 1, length)
        total += float((field.narrow(dim, 0, length) * field.narrow(dim, 1, length))[both].sum())
        count += int(both.sum())
    return total / max(count, 1)
