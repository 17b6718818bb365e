"""STeP-Diff: what vehicles measured in the last hours, to probable fields of the next.

The physics in it is our reconstruction of what the paper's abstract states.

Source: Zhou et al. 2025, arXiv:2512.04385; departures are listed in
`engine.forecast.networks.stepdiff`.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.core.errors import RequestError
from engine.core.schema import Kind
from engine.core.task import Need, Task
from engine.forecast.conditions import at_stations, wind_of
from engine.forecast.networks import gp_first_guess
from engine.forecast.networks.diffusion import Multistep, Sampler
from engine.forecast.networks.gp_first_guess import MEMORY, Trend
from engine.forecast.networks.mobile_windows import Record, windows
from engine.forecast.networks.stepdiff import StepDiff, Window
from engine.forecast.recipe import by_lead_time

FEWEST_HOURS = 24
DEFAULT_SAMPLER = Multistep(8, 8.0)


@dataclass(frozen=True)
class StepDiffForecast:
    """Probable forecasts on the cells of mobile samples.

    Attributes:
        guess: First guess, fitted to the training part of the dataset at hand.
        scale: Unit of departures from it, ug m-3.
        spread_factor: Multiplies departures from the members' mean at each lead hour, from
            validation; the last stands for the hours beyond.
        lead_times: Hours ahead.
        members: How many.
        mean_weight: Share of their mean departure that is believed, from validation.
        sampler: How they are drawn.
        stations: Fixed stations, where the network uses them; hours after the start are not read.
        wind: Stations with wind, likewise.
    """

    guess: Trend
    scale: float
    spread_factor: tuple[float, ...]
    lead_times: int
    members: int = 20
    mean_weight: float = 1.0
    sampler: Sampler = DEFAULT_SAMPLER
    stations: xr.Dataset | None = None
    wind: xr.Dataset | None = None

    @property
    def task(self) -> Task:
        """A forecast from ten days of hours: the last twelve in detail, the rest for the guess."""
        return Task("forecast", (Need("mobile", before=MEMORY),), lead_times=self.lead_times)

    def prepare(self, inputs: Mapping[Kind, xr.Dataset]) -> Mapping[str, Tensor]:
        """`recent` (time, row, column), NaN where nothing was measured, and local `hour`s."""
        recent = next(iter(inputs.values()))
        times = recent["valid_time"].values
        ahead = times[-1] + np.arange(1, self.lead_times + MEMORY) * np.timedelta64(1, "h")
        hour = local_hours(np.concatenate([times, ahead]), float(recent.attrs["utc_offset_hours"]))
        tensors = {"recent": torch.tensor(recent["pm2p5"].values).double(), "hour": hour}
        if self.stations is not None:
            tensors["stations"] = at_stations(recent, self.stations)
        if self.wind is not None:
            tensors["wind"] = wind_of(recent, self.wind)
        return tensors

    def run(
        self, network: nn.Module, tensors: Mapping[str, Tensor], generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """All members, (member, lead, row, column), ug m-3."""
        if not isinstance(network, StepDiff):
            raise TypeError(f"{type(network).__name__} is not StepDiff")
        drawn, base = forecast(
            network,
            Record(
                tensors["recent"].cpu(),
                tensors["hour"].cpu(),
                tensors["stations"].cpu() if "stations" in tensors else None,
                tensors["wind"].cpu() if "wind" in tensors else None,
            ),
            self.guess,
            self.scale,
            self.lead_times,
            self.members,
            self.sampler,
            generator,
        )
        # Of a single member nobody knows what the others would agree on: it is a course by itself.
        mean = drawn.mean(0) if len(drawn) > 1 else torch.zeros_like(base)
        beyond = max(self.lead_times - len(self.spread_factor), 0)
        widths = (*self.spread_factor, *[self.spread_factor[-1]] * beyond)[: self.lead_times]
        spread = torch.tensor(widths)[:, None, None]
        field = base + self.scale * (self.mean_weight * mean + spread * (drawn - mean))
        # Clamped once back in ug m-3: departures may well be negative.
        return {"prediction": field.clamp(min=0.0)}

    def restore(
        self, output: Mapping[str, Tensor], inputs: Mapping[Kind, xr.Dataset]
    ) -> xr.Dataset:
        """Forecasts as `pm2p5(realization, lead_time, ...)`, with init_time and valid_time."""
        recent = next(iter(inputs.values()))
        result = by_lead_time(output["prediction"], recent)
        result.attrs |= {
            "physics": "convection-diffusion in training: our reconstruction of the paper's "
            "abstract, arXiv:2512.04385",
            "members": self.members,
            "spread_factors": " ".join(f"{factor:.2f}" for factor in self.spread_factor),
            "mean_weight": self.mean_weight,
            "conditions": ", ".join(
                name
                for name, given in (("fixed stations", self.stations), ("wind", self.wind))
                if given is not None
            )
            or "vehicles alone",
        }
        return result


def own_guess(
    series: xr.Dataset, end: dt.date | None, covariance: tuple[float, ...], *, name: str
) -> Trend:
    """The first guess of a dataset's own past, with a covariance learned elsewhere.

    Args:
        series: Hourly cells.
        end: Last local date to learn from; None: the first half.
        covariance: Of the weights.
        name: Of the dataset.

    Raises:
        RequestError: If less than a day of hours was measured by then.
    """
    offset = float(series.attrs["utc_offset_hours"])
    times = series["valid_time"].values
    local = (times + np.timedelta64(round(60 * offset), "m")).astype("datetime64[D]")
    count = (
        len(times) // 2
        if end is None
        else int(np.searchsorted(local, np.datetime64(end, "D"), "right"))
    )
    values = torch.tensor(series["pm2p5"].values[:count]).double().flatten(1)
    measured = int(values.isfinite().any(1).sum()) if count else 0
    if measured < FEWEST_HOURS:
        raise RequestError(
            "{measured} hours with readings are too few for a first guess; {fewest_hours} are not",
            where=name,
            remedy="Give a later --train-end, or choose persistence",
            measured=measured,
            fewest_hours=FEWEST_HOURS,
        )
    return replace(
        gp_first_guess.climatology(values, local_hours(times[:count], offset)),
        covariance=covariance,
    )


def local_hours(times: NDArray[np.datetime64], offset_hours: float) -> Tensor:
    """Local hour of the day of UTC instants."""
    minutes = times.astype("datetime64[m]").astype(np.int64) + round(60 * offset_hours)
    return torch.tensor((minutes // 60) % 24)


def forecast(
    network: StepDiff,
    record: Record,
    guess: Trend,
    scale: float,
    lead_times: int,
    members: int,
    sampler: Sampler,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Members' departures (member, lead, row, column) and the first guess (lead, row, column).

    Beyond the network's own lead times each member goes on from itself; the guess never does.
    """
    config = network.config
    padded = _padded(record, config.history)
    begin, step = len(padded.values), config.lead_times
    parts: list[Tensor] = []
    bases: list[Tensor] = []
    drawn = torch.empty(0)
    window = windows(padded, [begin], config, guess, scale)
    for block in range(-(-lead_times // step)):
        if block:
            window = _onward(padded, drawn, begin, block, network, guess, scale, window)
        count = members if block == 0 else 1
        there = window.to(network.kept.device)  # the first guess is worked out on the processor
        drawn = torch.cat(list(network.draw(there, record.grid, sampler, count, generator)), 1)
        drawn = drawn.flatten(0, 1).cpu()  # (member, cell, time)
        parts.append(drawn[..., config.history :])
        bases.append(window.guess[0, :, config.history :])
    whole = torch.cat(parts, -1)[..., :lead_times].transpose(1, 2)
    base = torch.cat(bases, -1)[..., :lead_times].T
    shape = record.grid
    return whole.reshape(*whole.shape[:2], *shape), base.reshape(-1, *shape)


def _onward(
    record: Record,
    drawn: Tensor,
    begin: int,
    block: int,
    network: StepDiff,
    guess: Trend,
    scale: float,
    first: Window,
) -> Window:
    """The next window of every member: its own last hours are now what is known.

    Cells that no vehicle visits stay unknown, since no history ever held them.
    """
    config = network.config
    longer = replace(config, lead_times=config.lead_times * (block + 1))
    later = windows(record, [begin], longer, guess, scale)
    cut = slice(config.lead_times * block, config.lead_times * block + config.hours)
    members = drawn.shape[0]
    past = drawn[..., -config.history :]
    known = torch.zeros_like(drawn, dtype=torch.bool)
    known[..., : config.history] = first.known[:1].any(2)[..., None]
    values = torch.zeros_like(drawn)
    values[..., : config.history] = torch.where(known[..., : config.history], past, 0)
    return Window(
        values,
        known,
        later.guess[..., cut].expand(members, -1, -1),
        later.std[..., cut].expand(members, -1),
        later.hour[..., cut].expand(members, -1),
        scale,
        None if first.wind is None else first.wind[:1].expand(members, -1, -1),
        None,
    )


def _padded(record: Record, history: int) -> Record:
    """The record with empty hours before it where it is shorter than the history."""
    short = history - len(record.values)
    if short <= 0:
        return record

    def longer(values: Tensor) -> Tensor:
        gap = torch.full((short, *values.shape[1:]), torch.nan, dtype=values.dtype)
        return torch.cat([gap, values])

    wind = record.wind
    return replace(
        record,
        values=longer(record.values),
        hour=torch.cat([(record.hour[0] - torch.arange(short, 0, -1)) % 24, record.hour]),
        stations=None if record.stations is None else longer(record.stations),
        wind=None if wind is None else torch.cat([wind[:1].expand(short, -1), wind]),
    )
