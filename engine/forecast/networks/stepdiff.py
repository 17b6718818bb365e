"""STeP-Diff: probable fields of a city's next hours, from patchy mobile measurements.

A conditional diffusion model draws what the next hours may look like, given what vehicles measured
in the hours before; DeepONet gives it a forecast of its own; and while it learns it is drawn
towards fields that obey convection and diffusion.

Source: Zhou et al. 2025, arXiv:2512.04385. **Its equations could not be had; the physics here is
our reconstruction of what the abstract states** (`engine.forecast.networks.advection`). Departures:

- What is modelled is the departure from a first guess (`engine.forecast.networks.gp_first_guess`),
in units of its
  usual size, and not concentrations: two weeks of measurements teach no network what hour it is.
- The network may predict velocity instead of noise (Salimans and Ho 2022, arXiv:2202.00512, section
  4): untrained it then gives the first guess, and few steps suffice.
- DeepONet's forecast is a plane of conditions, aligned to the hours it is for, and not a hundred
  further cells; so are first guess, clock, wind and fixed stations.
- Noise is alike in near cells and hours, as departures are
(`engine.forecast.networks.mobile_noise`).
- In training, target cells without a reading get the hour's mean departure before noise is added,
  so that the network sees whole fields as it will at work; the loss does not count them.

Quirks of the released code are flags, off: see `StepDiffConfig`.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from engine.forecast.networks.advection import Transport
from engine.forecast.networks.deeponet import DeepONet, DeepONetConfig, on_lattice, query_points
from engine.forecast.networks.denoiser import Denoiser, DenoiserConfig
from engine.forecast.networks.diffusion import Sampler, Schedule
from engine.forecast.networks.mobile_noise import Factors, Texture

MOST_AT_ONCE = 40_000  # cells times hours of all members that are drawn together


@dataclass(frozen=True)
class StepDiffConfig:
    """Sizes and choices. Those of the denoiser are the published ones by default.

    Attributes:
        rows: Of the grid it was made for.
        columns: Of the grid.
        history: Hours that are known.
        lead_times: Hours that are predicted.
        blocks: Of the denoiser.
        channels: Its width.
        heads: Of its attention.
        time_code: Numbers that say which hour of the window.
        step_code: Numbers that say how noisy it is.
        places: See `DenoiserConfig`.
        dropout: In attention.
        noise_steps: Of the schedule.
        predicts: What the network predicts: the noise, as published, or the velocity.
        deeponet: Whether DeepONet's forecast is a condition.
        guess: Whether the first guess, its uncertainty and the clock are conditions.
        wind: Whether wind is a condition.
        stations: Whether fixed stations are conditions.
        sensors: Lattice that DeepONet reads from.
        deeponet_dropout: Share of DeepONet's inputs left out in training.
        common: Share of the noise that all cells share; see
            `engine.forecast.networks.mobile_noise.Texture`.
        smooth: Share that near cells share.
        memory: Hours in which noise fades; all three 0: independent, as published.
        noise_against_data: As released: the "physics" term compares the predicted noise with the
            data.
        deeponet_shifted: As released: DeepONet's forecast stands at the hours it was made from.
    """

    rows: int = 10
    columns: int = 10
    history: int = 12
    lead_times: int = 12
    blocks: int = 4
    channels: int = 64
    heads: int = 8
    time_code: int = 128
    step_code: int = 128
    places: Literal["learned", "coordinates"] = "learned"
    dropout: float = 0.1
    noise_steps: int = 50
    predicts: Literal["noise", "velocity"] = "velocity"
    deeponet: bool = True
    guess: bool = True
    wind: bool = False
    stations: bool = False
    sensors: tuple[int, int] = (10, 10)
    deeponet_dropout: float = 0.2
    common: float = 0.0
    smooth: float = 0.0
    memory: float = 0.0
    noise_against_data: bool = False
    deeponet_shifted: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            ValueError: With the value and what to choose instead.
        """
        for name in ("rows", "columns", "history", "lead_times", "blocks", "noise_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}; choose at least 1")
        if self.channels % self.heads:
            raise ValueError(f"{self.heads} heads do not divide {self.channels} channels")

    @property
    def hours(self) -> int:
        """Of a window."""
        return self.history + self.lead_times

    @property
    def planes(self) -> int:
        """Conditions beside what was measured."""
        return self.deeponet + 4 * self.guess + 2 * self.wind + 2 * self.stations

    @property
    def texture(self) -> Texture:
        """Of the noise."""
        return Texture(self.common, self.smooth, self.memory)


@dataclass(frozen=True)
class Window:
    """History and next hours of some places, as the network wants them.

    Attributes:
        values: Departures from the first guess in units of `scale`, (batch, cell, time); 0 where
            nothing is known.
        known: Where something was measured; at work the lead times hold nothing.
        guess: First guess, ug m-3.
        std: Its standard deviation in units of `scale`, (batch, time).
        hour: Local hour of the day, (batch, time).
        scale: ug m-3.
        wind: Towards larger columns and rows, cells an hour, (batch, 2, time).
        stations: Departures at cells of fixed stations, NaN elsewhere and after the history.
    """

    values: Float[Tensor, "b cell time"]
    known: Bool[Tensor, "b cell time"]
    guess: Float[Tensor, "b cell time"]
    std: Float[Tensor, "b time"]
    hour: Float[Tensor, "b time"]
    scale: float
    wind: Float[Tensor, "b 2 time"] | None = None
    stations: Float[Tensor, "b cell time"] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def at(self, which: Tensor | slice) -> "Window":
        """Some windows of the batch."""
        return self._each(lambda part: part[which])

    def repeat(self, times: int) -> "Window":
        """The same windows several times over, (b × times), copies of one beside each other."""
        return self._each(lambda part: part.repeat_interleave(times, 0))

    def to(self, device: torch.device) -> "Window":
        """The same on another device."""
        return self._each(lambda part: part.to(device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Window":
        return replace(
            self,
            values=change(self.values),
            known=change(self.known),
            guess=change(self.guess),
            std=change(self.std),
            hour=change(self.hour),
            wind=None if self.wind is None else change(self.wind),
            stations=None if self.stations is None else change(self.stations),
        )


class StepDiff(nn.Module):
    """Denoiser, DeepONet and transport of one city."""

    def __init__(self, config: StepDiffConfig) -> None:
        super().__init__()
        self.config = config
        self.denoiser = Denoiser(
            DenoiserConfig(
                cells=config.rows * config.columns,
                blocks=config.blocks,
                channels=config.channels,
                heads=config.heads,
                time_code=config.time_code,
                step_code=config.step_code,
                places=config.places,
                planes=config.planes,
                dropout=config.dropout,
            )
        )
        self.deeponet = (
            DeepONet(
                DeepONetConfig(config.history, config.sensors, dropout=config.deeponet_dropout)
            )
            if config.deeponet
            else None
        )
        self.transport = Transport(config.rows, config.columns)
        self.schedule = Schedule(config.noise_steps)
        self.kept: Tensor
        self.register_buffer("kept", self.schedule.alpha_bar.float(), persistent=False)

    def condition(self, window: Window) -> Float[Tensor, "b cell time"]:
        """1 where a reading of the history is a condition."""
        mask = window.known.to(window.values)
        mask[..., self.config.history :] = 0
        return mask

    def operator(self, window: Window, grid: tuple[int, int]) -> Float[Tensor, "b cell lead"]:
        """DeepONet's forecast of the departures at every cell of a grid.

        Raises:
            ValueError: If this network has no DeepONet.
        """
        if self.deeponet is None:
            raise ValueError("this network has no DeepONet")
        history, (rows, columns) = self.config.history, grid
        shape = (len(window), history, rows, columns)
        past = window.values[..., :history].transpose(1, 2).reshape(shape)
        there = window.known[..., :history].transpose(1, 2).reshape(shape)
        requested = query_points(self.config.lead_times, rows, columns).to(past)
        predicted: Tensor = self.deeponet(on_lattice(past, there, self.config.sensors), requested)
        return predicted.reshape(len(window), self.config.lead_times, -1).transpose(1, 2)

    def planes(
        self, window: Window, operator: Float[Tensor, "b cell lead"] | None
    ) -> Float[Tensor, "b plane cell time"] | None:
        """Conditions beside what was measured."""
        config, like = self.config, window.values
        planes: list[Tensor] = []
        if config.deeponet and operator is not None:
            plane = torch.zeros_like(like)
            if config.deeponet_shifted:
                count = min(config.history, config.lead_times)
                plane[..., :count] = operator[..., :count]
            else:
                plane[..., config.history :] = operator
            planes.append(plane)
        if config.guess:
            level = window.guess.mean((1, 2), keepdim=True)
            angle = window.hour * (2 * math.pi / 24)
            planes.append((window.guess - level) / (4 * window.scale))
            planes += [
                row[:, None].expand_as(like) for row in (window.std, angle.sin(), angle.cos())
            ]
        if config.wind:
            if window.wind is None:
                raise ValueError("this network wants wind")
            planes += [w[:, None].expand_as(like) for w in window.wind.unbind(1)]
        if config.stations:
            given = window.stations
            given = torch.full_like(like, torch.nan) if given is None else given
            planes += [given.nan_to_num(), given.isfinite().to(like)]
        return torch.stack(planes, 1) if planes else None

    def noise(
        self,
        window: Window,
        mask: Float[Tensor, "b cell time"],
        noisy: Float[Tensor, "b cell time"],
        step: Int[Tensor, " b"],
        places: Tensor,
        planes: Float[Tensor, "b plane cell time"] | None,
    ) -> tuple[Float[Tensor, "b cell time"], Float[Tensor, "b cell time"]]:
        """What the network predicts, and the noise that follows from it."""
        predicted = self.denoiser(window.values, mask, noisy, step, places, planes)
        if self.config.predicts == "noise":
            return predicted, predicted
        kept = self.kept[step][:, None, None]
        return predicted, kept.sqrt() * predicted + (1 - kept).sqrt() * noisy

    def places(self, grid: tuple[int, int]) -> Tensor:
        """What says which cell, for every cell of a grid: its number, or row and column, 0 to 1.

        Raises:
            ValueError: If the network knows its cells by number and the grid is another.
        """
        rows, columns = grid
        if self.config.places == "coordinates":
            return query_points(1, rows, columns)[:, 1:].to(self.kept.device)
        if grid != (self.config.rows, self.config.columns):
            raise ValueError(
                f"this network knows the cells of {self.config.rows} × {self.config.columns} and "
                f"not of {rows} × {columns}"
            )
        return torch.arange(rows * columns, device=self.kept.device)

    def draw(
        self,
        window: Window,
        grid: tuple[int, int],
        sampler: Sampler,
        members: int,
        generator: torch.Generator,
        only: Int[Tensor, " some"] | None = None,
    ) -> Iterator[Float[Tensor, "b member cell time"]]:
        """Possible departures over the whole window, some members at a time as they are ready.

        Entries of the history that were measured are those readings.

        Args:
            window: Of whole grids.
            grid: Rows and columns.
            sampler: How.
            members: How many.
            generator: Of the noise; the same seed draws the same members.
            only: Cells to draw; None: all.
        """
        part, places = window, self.places(grid)
        with torch.no_grad():  # around each piece of work: a generator must not hold it open
            operator = self.operator(window, grid) if self.config.deeponet else None
            if only is not None:
                places, part = places[only], cells_of(window, only)
                operator = None if operator is None else operator[:, only]
            planes = self.planes(part, operator)
        factors = self.texture_of(only, grid, part)
        at_once = max(1, min(members, MOST_AT_ONCE // max(part.values.numel(), 1)))
        # All noise first: how members are grouped must not change them.
        noise = torch.randn(
            (members, *part.values.shape), generator=generator, device=part.values.device
        )
        noise = noise if factors is None else factors.shaped(noise)
        seeds = torch.randint(2**62, (members,), generator=generator, device=noise.device).tolist()
        for first in range(0, members, at_once):
            some = noise[first : first + at_once].transpose(0, 1)
            own = torch.Generator(noise.device).manual_seed(seeds[first])
            with torch.no_grad():
                drawn = self._drawn(part, planes, places, some, sampler, own, factors)
            yield drawn

    def texture_of(
        self, only: Int[Tensor, " some"] | None, grid: tuple[int, int], window: Window
    ) -> Factors | None:
        """What shapes the noise of some cells of a grid; None: all of them."""
        device = window.values.device
        cells = torch.arange(grid[0] * grid[1], device=device) if only is None else only
        return self.config.texture.factors(cells, grid[1], window.values.shape[2])

    def _drawn(
        self,
        part: Window,
        planes: Tensor | None,
        places: Tensor,
        noise: Float[Tensor, "b member cell time"],
        sampler: Sampler,
        generator: torch.Generator,
        factors: Factors | None,
    ) -> Float[Tensor, "b member cell time"]:
        """One group of members."""
        count = noise.shape[1]
        many = part.repeat(count)
        mask = self.condition(many)
        more = None if planes is None else planes.repeat_interleave(count, 0)

        def denoise(x: Tensor, k: int) -> Tensor:
            step = torch.full((len(x),), k, device=x.device)
            return self.noise(many, mask, x, step, places, more)[1]

        def fresh() -> Tensor:
            white = torch.randn(many.values.shape, generator=generator, device=noise.device)
            return white if factors is None else factors.shaped(white)

        x = sampler.sample(self.schedule, denoise, noise.flatten(0, 1), fresh)
        x = torch.where(mask.bool(), many.values, x)
        return x.reshape(len(part), count, *x.shape[1:])


def cells_of(window: Window, some: Tensor) -> Window:
    """Some cells of windows."""
    stations = None if window.stations is None else window.stations[:, some]
    return replace(
        window,
        values=window.values[:, some],
        known=window.known[:, some],
        guess=window.guess[:, some],
        stations=stations,
    )
