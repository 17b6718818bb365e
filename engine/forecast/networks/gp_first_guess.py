"""The first guess of a city's field: the hour of the day, the cell, and the city's recent anomaly.

The mean of a city by hour of the day and the usual departure of each cell are the climatology. What
the city's mean departs from it goes on into the next hours as a Gaussian process predicts: a part
that fades within hours, one that fades within days, and one that comes back at the same hours of
the next days. This is ordinary kriging in time with a fitted covariance; it says how sure it is.

Source: Rasmussen and Williams 2006, Gaussian Processes for Machine Learning, equations 2.23 to 2.26
and 5.4 (the periodic covariance is 4.31). That STeP-Diff should learn what is left of such a guess
rather than concentrations is our choice: the recordings are short, and simple means are strong.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

HOURS = 24
MEMORY = 240  # hours before a start that are looked at
LONGEST_FIT = 720  # hours that the covariance is fitted to
SHRINK = 20.0  # readings that a cell's departure is worth believing from
SHRINK_HOUR = 2.0  # days that an hour of the day is worth believing from
FIRST = (0.4, 6.0, 0.4, 48.0, 0.4, 1.0, 120.0, 0.02, 0.1)
STEADY = (0.4, 6.0, 0.6, 48.0, 1e-4, 1.0, 120.0, 0.02, 0.1)  # weather that knows no clock
LEADS = 12  # hours ahead by which one of them is chosen
TRIED_FROM = 96  # hours that a first trial may look back on
TIES = 0.02  # how hard the covariance is held to its first guess: short records say little


@dataclass(frozen=True)
class Trend:
    """A fitted first guess.

    Attributes:
        mean: Of all readings, ug m-3.
        hourly: Departure of the city's mean by local hour, (24).
        cells: Usual departure of each cell, (cell).
        variance: Of the city's anomaly.
        covariance: Share and memory (hours) of what fades within hours, the same within days;
            share, roughness and memory of what comes back daily; noise, and noise of one cell.
    """

    mean: float
    hourly: Float[Tensor, "24"]
    cells: Float[Tensor, " cell"]
    variance: float
    covariance: tuple[float, ...] = FIRST

    def climate(self, hour: Int[Tensor, " time"]) -> Float[Tensor, "time cell"]:
        """Climatology at local hours of the day, ug m-3."""
        return self.mean + self.hourly[hour][:, None] + self.cells

    def anomaly(
        self, values: Float[Tensor, "time cell"], hour: Int[Tensor, " longer"]
    ) -> tuple[Float[Tensor, " time"], Float[Tensor, " time"]]:
        """What the city's mean departs from its climatology, NaN without data; how many cells."""
        known = values.isfinite()
        left = torch.where(known, values.double() - self.climate(hour[: len(values)]), 0.0)
        count = known.sum(1).double()
        return left.sum(1) / count.where(count > 0, torch.nan), count

    def ahead(
        self, values: Float[Tensor, "time cell"], hour: Int[Tensor, " longer"], wanted: Tensor
    ) -> tuple[Float[Tensor, " want"], Float[Tensor, " want"]]:
        """The city's anomaly at wanted hours and its standard deviation, ug m-3.

        Args:
            values: What is known, NaN where nothing is; the last row is the hour before the start.
            hour: Local hour of the day of each row.
            wanted: Hours, counted as the rows are: `len(values)` is the first hour of a forecast.
        """
        anomaly, count = self.anomaly(values, hour)
        there = anomaly.isfinite().nonzero()[:, 0]
        sill = torch.full((len(wanted),), self._sill(), dtype=torch.float64)
        if not len(there):
            return torch.zeros_like(sill), sill.sqrt()
        time, wanted = there.double(), wanted.double()
        p = torch.tensor(self.covariance, dtype=torch.float64)
        inner = _covariance(time[:, None] - time, p) + torch.diag(_noise(count[there], p))
        outer = _covariance(wanted[:, None] - time, p)
        factor = torch.linalg.cholesky(inner)
        mean = outer @ torch.cholesky_solve(anomaly[there, None], factor)[:, 0]
        explained = (outer * torch.cholesky_solve(outer.T, factor).T).sum(1) * self.variance
        return mean, (sill - explained).clamp(min=1e-6 * self.variance).sqrt()

    def _sill(self) -> float:
        p = self.covariance
        return self.variance * (p[0] + p[2] + p[4] + p[7])

    def guess(
        self,
        values: Float[Tensor, "time cell"],
        hour: Int[Tensor, " longer"],
        history: int,
        lead_times: int,
    ) -> tuple[Float[Tensor, "window cell"], Float[Tensor, " window"]]:
        """The field from `history` hours before the start, and its standard deviation.

        Args:
            values: What was measured up to the start, NaN where nothing was.
            hour: Local hours of the day, for these rows and the lead times after them.
            history: Hours of the window before the start.
            lead_times: Hours after it.
        """
        rows = len(values)
        first = max(0, rows - MEMORY)
        wanted = torch.arange(rows - history, rows + lead_times)
        mean, sure = self.ahead(values[first:], hour[first:rows], wanted - first)
        return (self.climate(hour[wanted]) + mean[:, None]).clamp(min=0.0), sure


def _covariance(lag: Tensor, p: Tensor) -> Tensor:
    """Correlation at lags in hours, without noise."""
    away = lag.abs()
    daily = torch.exp(-2 * (math.pi * lag / HOURS).sin() ** 2 / p[5] ** 2)
    return (
        p[0] * torch.exp(-away / p[1])
        + p[2] * torch.exp(-away / p[3])
        + p[4] * daily * torch.exp(-away / p[6])
    )


def _noise(count: Tensor, p: Tensor) -> Tensor:
    """Of a city's mean from so many cells."""
    return p[7] + p[8] / count


def climatology(
    values: Float[Tensor, "time cell"], hour: Int[Tensor, " longer"], without: slice | None = None
) -> Trend:
    """Means by hour of the day and by cell, the covariance as first guessed.

    Args:
        values: Of the training part, NaN where nothing was measured.
        hour: Local hour of the day of each row.
        without: Rows to leave out: what is tested must not be part of its own climatology.

    Raises:
        ValueError: If nothing was measured.
    """
    values, hour = values.double(), hour[: len(values)]
    if without is not None:
        values = values.clone()
        values[without] = torch.nan
    known = values.isfinite()
    if not known.any():
        raise ValueError("there is not one reading to learn from")
    filled = torch.where(known, values, 0)
    mean = float(filled.sum() / known.sum())
    # Every hour counts once, however many cells were measured in it: hours are the sample.
    count = known.sum(1)
    city = torch.where(count > 0, filled.sum(1) / count.clamp(min=1) - mean, 0)
    valid = (count > 0).double()
    days = torch.zeros(HOURS, dtype=torch.float64).index_add(0, hour, valid)
    total = torch.zeros(HOURS, dtype=torch.float64).index_add(0, hour, city * valid)
    hourly = total / (days + SHRINK_HOUR)
    left = torch.where(known, values - mean - hourly[hour][:, None], 0)
    city_left = torch.where(count > 0, left.sum(1) / count.clamp(min=1), 0)
    own = torch.where(known, left - city_left[:, None], 0).sum(0)
    cells = own / (known.sum(0) + SHRINK)
    trend = Trend(mean, hourly, cells, 1.0)
    anomaly, _ = trend.anomaly(values, hour)
    explained = anomaly[anomaly.isfinite()]
    return replace(trend, variance=max(float((explained**2).mean()), 1e-3))


def fit(values: Float[Tensor, "time cell"], hour: Int[Tensor, " longer"], steps: int = 60) -> Trend:
    """A trend whose covariance makes the training part likeliest.

    One covariance has a part that comes back at the same hours of the next days, one has not. A
    short record is likely under both; the one stays that forecasts the training part better.

    Args:
        values: Of the training part, NaN where nothing was measured; the last 30 days count.
        hour: Local hour of the day of each row.
        steps: Of the optimiser.
    """
    hour = hour[: len(values)]
    trend = climatology(values, hour)
    anomaly, _ = trend.anomaly(values[-LONGEST_FIT:], hour[-LONGEST_FIT:])
    if int(anomaly.isfinite().sum()) < HOURS:
        return trend
    trends = [_likeliest(trend, values, hour, first, steps) for first in (FIRST, STEADY)]
    if len(values) < TRIED_FROM + 2 * HOURS:
        return trends[0]
    missed = _missed(trends, values, hour)
    return trends[0] if missed[0] <= missed[1] else trends[1]


def _missed(
    trends: Sequence[Trend], values: Float[Tensor, "time cell"], hour: Int[Tensor, " time"]
) -> list[float]:
    """Mean error of the city's level at the lead times; the climatology leaves these days out."""
    first = max(TRIED_FROM, len(values) - LONGEST_FIT)
    errors: list[list[float]] = [[] for _ in trends]
    own = trends[0]
    for start in range(first, len(values) - LEADS + 1, LEADS // 2):
        day = start // HOURS
        if start % HOURS < LEADS // 2 or start == first:
            gone = slice(day * HOURS, (day + 2) * HOURS)
            own = climatology(values, hour, gone)
        true, count = own.anomaly(values[start : start + LEADS], hour[start : start + LEADS])
        there = count > 0
        back = slice(max(0, start - MEMORY), start)
        wanted = torch.arange(start, start + LEADS) - (back.start or 0)
        for trend, error in zip(trends, errors, strict=True):
            less = replace(own, covariance=trend.covariance, variance=trend.variance)
            explained, _ = less.ahead(values[back], hour[back], wanted)
            error += (explained - true)[there].abs().tolist()
    return [sum(error) / max(len(error), 1) for error in errors]


def _likeliest(
    trend: Trend,
    values: Float[Tensor, "time cell"],
    hour: Int[Tensor, " time"],
    start: tuple[float, ...],
    steps: int,
) -> Trend:
    """The trend with a covariance that was led from a start to where the data are likeliest."""
    anomaly, count = trend.anomaly(values[-LONGEST_FIT:], hour[-LONGEST_FIT:])
    there = anomaly.isfinite().nonzero()[:, 0]
    time, explained = there.double(), anomaly[there] / trend.variance**0.5
    lag, noise_of = time[:, None] - time, count[there]
    first = torch.tensor(start, dtype=torch.float64).log()
    free = first.clone().requires_grad_()
    optimiser = torch.optim.Adam([free], lr=0.1)
    with torch.enable_grad(), torch.inference_mode(False):
        for _ in range(steps):
            p = free.clamp(first - 4, first + 4).exp()
            factor = torch.linalg.cholesky(_covariance(lag, p) + torch.diag(_noise(noise_of, p)))
            white = torch.linalg.solve_triangular(factor, explained[:, None], upper=False)
            unlikely = 0.5 * (white**2).sum() + factor.diagonal().log().sum()
            unlikely = unlikely + TIES * ((free - first) ** 2).sum()
            optimiser.zero_grad()
            unlikely.backward()
            optimiser.step()
    constants = free.detach().clamp(first - 4, first + 4).exp()
    return replace(trend, covariance=tuple(float(v) for v in constants))
