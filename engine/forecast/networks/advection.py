"""Convection and diffusion on a grid: how far a field is from obeying it, and how it goes on.

    dC/dt + u dC/dx + v dC/dy = D (d2C/dx2 + d2C/dy2) + S(x, y)

in cells and hours: u is towards larger columns, v towards larger rows, both cells an hour; D is in
square cells an hour, S in ug m-3 an hour.

Source: our reconstruction. The abstract of STeP-Diff, arXiv:2512.04385, states that denoising is
drawn towards convection-diffusion dynamics; its equations could not be had, and the released code
holds no such residual. Midpoint in time, central in space, second order in both.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

HARMONICS = 2
FIRST_DIFFUSIVITY = 0.2


@dataclass(frozen=True)
class Flow:
    """What carries and spreads a field.

    Attributes:
        u: Towards larger columns, (batch, step) or (batch, step, row, column).
        v: Towards larger rows, likewise.
        diffusivity: D, not negative.
        sources: S, (row, column).
    """

    u: Tensor
    v: Tensor
    diffusivity: Tensor
    sources: Tensor


def residual(
    field: Float[Tensor, "b time row column"], flow: Flow
) -> Float[Tensor, "b step inner_row inner_column"]:
    """What is left of the equation between one hour and the next, at inner cells; 0 if it holds.

    Steps are one fewer than hours; rows and columns two fewer each.

    Raises:
        ValueError: If the grid has no inner cell or the field a single hour.
    """
    if min(field.shape[2:]) < 3 or field.shape[1] < 2:
        raise ValueError(f"a field of shape {tuple(field.shape)} has no inner cell or one hour")
    middle = (field[:, :-1] + field[:, 1:]) / 2
    change = (field[:, 1:] - field[:, :-1])[..., 1:-1, 1:-1]
    along_x = (middle[..., 1:-1, 2:] - middle[..., 1:-1, :-2]) / 2
    along_y = (middle[..., 2:, 1:-1] - middle[..., :-2, 1:-1]) / 2
    spread = (
        middle[..., 1:-1, 2:]
        + middle[..., 1:-1, :-2]
        + middle[..., 2:, 1:-1]
        + middle[..., :-2, 1:-1]
        - 4 * middle[..., 1:-1, 1:-1]
    )
    u, v = (_inner(w) for w in (flow.u, flow.v))
    return (
        change
        + u * along_x
        + v * along_y
        - flow.diffusivity * spread
        - flow.sources[..., 1:-1, 1:-1]
    )


def mean_square(
    left: Float[Tensor, "b step row column"], where: Bool[Tensor, "#b #step #row #column"]
) -> Float[Tensor, " b"]:
    """Mean of the squared residual over inner cells and steps that count; 0 where none does."""
    counted = where.expand_as(left).to(left)
    return (left**2 * counted).sum((1, 2, 3)) / counted.sum((1, 2, 3)).clamp(min=1)


def _inner(wind: Tensor) -> Tensor:
    """A wind at inner cells: constant over the grid, or cut from it."""
    return wind[..., None, None] if wind.ndim == 2 else wind[..., 1:-1, 1:-1]


class Transport(nn.Module):
    """Wind, diffusivity and sources of a place, learned from its training hours.

    Without a given wind, u and v are a mean and two harmonics of the hour of the day.
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.wind = nn.Parameter(torch.zeros(2, 1 + 2 * HARMONICS))
        # softplus(raw) is the diffusivity.
        self.raw = nn.Parameter(torch.tensor(math.log(math.expm1(FIRST_DIFFUSIVITY))))
        self.strength = nn.Parameter(torch.zeros(rows, columns))

    @property
    def diffusivity(self) -> Tensor:
        """D, square cells an hour."""
        return nn.functional.softplus(self.raw)

    @property
    def sources(self) -> Float[Tensor, "row column"]:
        """S, with mean 0: what a whole city gains is weather, not streets."""
        return self.strength - self.strength.mean()

    def forward(
        self,
        hour: Float[Tensor, "b step"],
        wind: Float[Tensor, "b 2 step"] | None = None,
        window: tuple[slice, slice] = (slice(None), slice(None)),
    ) -> Flow:
        """The flow at hours of the local day; a given wind, in cells an hour, goes before ours."""
        if wind is None:
            angle = hour[..., None] * (2 * math.pi / 24) * torch.arange(1, HARMONICS + 1).to(hour)
            terms = torch.cat([torch.ones_like(hour)[..., None], angle.sin(), angle.cos()], -1)
            u, v = (terms @ self.wind[0], terms @ self.wind[1])
        else:
            u, v = wind[:, 0], wind[:, 1]
        return Flow(u, v, self.diffusivity, self.sources[window])

    @torch.no_grad()
    def warm_start(
        self,
        field: Float[Tensor, "time row column"],
        hour: Float[Tensor, " time"],
        ridge: float = 1e-3,
    ) -> None:
        """Set wind, diffusivity and sources to those that fit complete fields best.

        Least squares, since the residual is linear in all of them; sources are drawn to 0.
        """
        still = torch.zeros(1, field.shape[0] - 1).to(field)
        zero = Flow(still, still, torch.zeros(()).to(field), torch.zeros_like(field[0]))
        change = residual(field[None], zero)[0]
        middle = (field[:-1] + field[1:]) / 2
        along_x = (middle[:, 1:-1, 2:] - middle[:, 1:-1, :-2]) / 2
        along_y = (middle[:, 2:, 1:-1] - middle[:, :-2, 1:-1]) / 2
        one = Flow(zero.u, zero.v, torch.ones(()).to(field), zero.sources)
        spread = change - residual(field[None], one)[0]
        angle = hour[:-1, None] * (2 * math.pi / 24) * torch.arange(1, HARMONICS + 1).to(hour)
        terms = torch.cat([torch.ones_like(angle[:, :1]), angle.sin(), angle.cos()], 1)
        columns = [-(terms[:, i, None, None] * g) for g in (along_x, along_y) for i in range(5)]
        design = torch.stack([*columns, spread], -1)
        # Sources of a cell are the mean of what is left there: taken off both sides at first.
        design_ = (design - design.mean(0)).reshape(-1, design.shape[-1]).double()
        change_ = (change - change.mean(0)).reshape(-1).double()
        left = design_.T @ design_
        left = left + ridge * left.diagonal().mean() * torch.eye(len(left), dtype=left.dtype)
        solution = torch.linalg.solve(left, design_.T @ change_)
        self.wind.copy_(solution[:10].reshape(2, 5))
        # Noise of single readings looks like no diffusion at all; above 1 a city is smooth at once.
        bounded = solution[10].clamp(0.05, 1.0)
        self.raw.copy_(torch.log(torch.expm1(bounded)))
        self.strength.zero_()
        rest = (change - (design * solution.to(design)).sum(-1)).mean(0)
        self.strength[1:-1, 1:-1] = rest - rest.mean()


@torch.no_grad()
def solve(
    first: Float[Tensor, "b row column"], flow: Flow, hours: int
) -> Float[Tensor, "b hour row column"]:
    """The hours after a field, by explicit steps short enough to be stable; edges are repeated.

    Upwind in space, which is stable where central differences are not.

    Args:
        first: The field at the start, ug m-3.
        flow: With `hours` steps.
        hours: How many hours to go on.
    """
    fastest = float(
        (flow.u.abs() + flow.v.abs()).max() + 4 * flow.diffusivity
    )  # the sum of the weights that leave a cell in an hour
    parts = max(1, math.ceil(fastest / 0.9))
    field, frames = first, []
    for hour in range(hours):
        u, v = (_whole(w[:, hour]) for w in (flow.u, flow.v))
        for _ in range(parts):
            field = field + _rate(field, u, v, flow) / parts
        frames.append(field)
    return torch.stack(frames, 1)


def _whole(wind: Tensor) -> Tensor:
    return wind[:, None, None] if wind.ndim == 1 else wind


def _rate(field: Tensor, u: Tensor, v: Tensor, flow: Flow) -> Tensor:
    padded = nn.functional.pad(field[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    west, east = padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]
    north, south = padded[:, :-2, 1:-1], padded[:, 2:, 1:-1]
    along_x = torch.where(u > 0, field - west, east - field)
    along_y = torch.where(v > 0, field - north, south - field)
    spread = west + east + north + south - 4 * field
    return -u * along_x - v * along_y + flow.diffusivity * spread + flow.sources
