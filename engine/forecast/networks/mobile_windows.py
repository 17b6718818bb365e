"""A city's hourly record cut into windows of history and lead times, around a first guess."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from engine.forecast.networks import gp_first_guess
from engine.forecast.networks.gp_first_guess import Trend
from engine.forecast.networks.stepdiff import StepDiffConfig, Window

DAY = 24


@dataclass(frozen=True)
class Record:
    """Hourly maps of what was measured.

    Attributes:
        values: (time, row, column), ug m-3, NaN where nothing was.
        hour: Local hour of the day, (time); further hours may follow.
        stations: Readings of fixed stations in their cells, likewise; None: there are none.
        wind: Towards larger columns and rows, cells an hour, (time, 2).
    """

    values: Float[Tensor, "time row column"]
    hour: Int[Tensor, " longer"]
    stations: Float[Tensor, "time row column"] | None = None
    wind: Float[Tensor, "time 2"] | None = None

    @property
    def flat(self) -> Float[Tensor, "time cell"]:
        """Values by cell."""
        return self.values.flatten(1)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns."""
        return int(self.values.shape[1]), int(self.values.shape[2])


def starts(first: int, last: int, config: StepDiffConfig, every: int = 1) -> range:
    """First lead hours of the windows whose lead times lie in [first, last), history anywhere."""
    return range(max(first, config.history), last - config.lead_times + 1, every)


def windows(
    record: Record,
    begins: Sequence[int],
    config: StepDiffConfig,
    guess: Trend,
    scale: float,
    *,
    left_out: int | None = None,
) -> Window:
    """Windows of a record.

    Args:
        record: The record.
        begins: First lead hour of each.
        config: Lengths.
        guess: First guess, fitted to the training part.
        scale: Unit of the departures, ug m-3.
        left_out: Set for windows of the training part, which ends there: the climatology of each is
            then made without the days it predicts, as it will be at work.
    """
    flat, known_climates = record.flat, dict[tuple[int, int], Trend]()
    rows = []
    for begin in begins:
        own = guess
        if left_out is not None:
            days = (begin // DAY, (begin + config.lead_times - 1) // DAY)
            if days not in known_climates:
                gone = slice(days[0] * DAY, (days[1] + 1) * DAY)
                known_climates[days] = _without(record, guess, gone, left_out)
            own = known_climates[days]
        rows.append(_window(record, flat, begin, config, own, scale))
    parts = zip(*rows, strict=True)
    values, known, base, std, hour = (torch.stack(part) for part in parts)
    wind = stations = None
    if record.wind is not None and config.wind:
        wind = torch.stack([_still(record.wind, b, config).T for b in begins])
    if record.stations is not None and config.stations:
        measured = torch.stack([_past(record.stations.flatten(1), b, config) for b in begins])
        stations = (measured.transpose(1, 2) - base) / scale
    return Window(values, known, base, std, hour, scale, wind, stations)


def scale_of(window: Window, config: StepDiffConfig) -> float:
    """Root mean square of the departures at lead times, in the window's own unit."""
    ahead = window.values[..., config.history :]
    known = window.known[..., config.history :]
    return max(float((ahead[known] ** 2).double().mean().sqrt()), 1e-3)


def in_unit(window: Window, scale: float) -> Window:
    """The same windows with departures in another unit."""
    ratio = window.scale / scale
    stations = None if window.stations is None else window.stations * ratio
    return replace(
        window,
        values=window.values * ratio,
        std=window.std * ratio,
        stations=stations,
        scale=scale,
    )


def _without(record: Record, guess: Trend, gone: slice, end: int) -> Trend:
    less = gp_first_guess.climatology(record.flat[:end], record.hour[:end], gone)
    return replace(less, covariance=guess.covariance, variance=guess.variance)


def _window(
    record: Record, flat: Tensor, begin: int, config: StepDiffConfig, own: Trend, scale: float
) -> tuple[Tensor, ...]:
    first, last = begin - config.history, begin + config.lead_times
    base, std = own.guess(flat[:begin], record.hour[:last], config.history, config.lead_times)
    here = torch.full((config.hours, flat.shape[1]), torch.nan, dtype=flat.dtype)
    measured = flat[first:last]  # shorter where the record ends
    here[: len(measured)] = measured
    known = here.isfinite()
    values = torch.where(known, (here - base) / scale, 0.0)
    return (
        values.T.float(),
        known.T,
        base.T.float(),
        (std / scale).float(),
        record.hour[first:last].float(),
    )


def _still(wind: Tensor, begin: int, config: StepDiffConfig) -> Tensor:
    """Wind of the history; the lead times have its last, since at work none is known."""
    first = wind[begin - config.history : begin]
    return torch.cat([first, first[-1:].expand(config.lead_times, -1)]).float()


def _past(values: Tensor, begin: int, config: StepDiffConfig) -> Tensor:
    """What is known at the start, NaN after it."""
    here = torch.full((config.hours, values.shape[1]), torch.nan)
    here[: config.history] = values[begin - config.history : begin].float()
    return here
