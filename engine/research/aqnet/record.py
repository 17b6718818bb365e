"""Station data as forecast networks want them, and the hours from which weeks are predicted.

Whatever is normalised here is so by the hours learned from, at stations that are not hidden.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from engine.research.aqnet.published import CYCLES, AQNetConfig, cyclic
from engine.research.aqnet.week_training import Hours
from engine.stations.networks.knn import great_circle_km
from engine.stations.record import record_of

Values = NDArray[np.float64]
MEANS = (1, 3, 6, 12, 24, 72, 168, 336)  # hours before the origin whose mean readings are seen
RECENT = 6  # hours before the origin whose mean weather and pollutants are seen
MOST = 5.0  # standard deviations of an input
LEAST_VALID = 0.8  # share of a history's hours that must be there
FILLED = 24  # hours for which the last mean stands in


@dataclass(frozen=True)
class WeekRecord:
    """A record, normalised, and what turns it back.

    Attributes:
        hours: For the networks; hidden stations are the last ones.
        visible: How many stations are not hidden.
        names: Of all stations, as `hours` has them.
        local: Local hour of the day of each hour, and month from 0, (time, 2).
        unit: Of the target, ug m-3.
        log: Mean and standard deviation of the logarithm of PM2.5 among the inputs.
    """

    hours: Hours
    visible: int
    names: tuple[str, ...]
    local: NDArray[np.int64]
    unit: float
    log: tuple[float, float]

    def seen(self) -> Hours:
        """The record of the stations that are not hidden."""
        return self.hours.some(torch.arange(self.visible))

    def readings(self) -> Values:
        """PM2.5, (time, station), ug m-3, NaN is a gap."""
        found: Values = (self.hours.target.double() * self.unit).numpy()
        return found


def week_record(
    dataset: xr.Dataset, hidden: Sequence[str], end: int, config: AQNetConfig
) -> WeekRecord:
    """The record of a dataset whose axis of time is whole, every hour.

    Args:
        dataset: Of stations.
        hidden: Names of those that are hidden; of them only the place and the target are kept.
        end: The hour before which is what may be learned from.
        config: The network's, which says what it measures.
    """
    every = [str(name) for name in dataset["name"].values]
    shown = [i for i, name in enumerate(every) if name not in hidden]
    order = shown + [every.index(name) for name in hidden]
    dataset = dataset.isel(station=order)
    record = record_of(dataset, config.measured)
    readings = record.readings.double().numpy()
    measured = record.others.double().numpy().copy()
    if config.pm_history:
        measured[..., -1] = np.log1p(readings)
    measured[:, len(shown) :] = np.nan  # nothing of hidden stations is an input
    normal, mean, deviation = normalised(measured, end)
    local = _local(dataset)
    unit = float(np.nanstd(readings[:end, : len(shown)]))
    summary = summaries(readings / unit, normal, local, len(shown), end)
    hours = Hours(
        _inputs(normal, local, record.places, config),
        record.readings / unit,
        torch.from_numpy(summary.astype(np.float32)),
        record.places,
    )
    return WeekRecord(
        hours,
        len(shown),
        tuple(every[i] for i in order),
        local[:, :2],
        unit,
        (float(mean[-1]), float(deviation[-1])),
    )


def normalised(values: Values, end: int) -> tuple[Values, Values, Values]:
    """(time, station, variable) in standard deviations of the hours before `end`; and both.

    A variable without any reading is NaN with mean 0 and deviation 1.
    """
    part = values[:end].reshape(-1, values.shape[-1])
    valid = np.isfinite(part)
    count = np.maximum(valid.sum(0), 1)
    mean = np.where(valid, part, 0).sum(0) / count
    deviation = np.sqrt(np.where(valid, (part - mean) ** 2, 0).sum(0) / count)
    deviation = np.where(deviation > 0, deviation, 1.0)
    return (values - mean) / deviation, mean, deviation


def summaries(
    target: Values, normal: Values, local: NDArray[np.int64], visible: int, end: int
) -> Values:
    """What a linear forecast is made of, known before each hour, (time, station, value).

    Means of the station's last readings and their logarithms, of its weather and pollutants, and
    how they changed; the clock, and what of it goes with the level.
    """
    own = target.copy()
    own[:, visible:] = np.nan
    means = [_carried(_mean_before(own, span)) for span in MEANS]
    recent = [_mean_before(v, RECENT) for v in np.moveaxis(normal, -1, 0)]
    change = [
        now - _mean_before(v, 4 * RECENT)
        for now, v in zip(recent, np.moveaxis(normal, -1, 0), strict=True)
    ]
    clock = _clock(local)
    turning = np.broadcast_to(clock[:, None], (*own.shape, clock.shape[1]))
    daily = means[MEANS.index(24)][..., None]
    columns = [*means, *(np.log(m + 0.05) for m in means[::2]), *recent, *change]
    varying, _, _ = normalised(np.stack(columns, -1)[:, :visible], end)
    whole = np.full((*own.shape, varying.shape[-1]), np.nan)
    whole[:, :visible] = varying
    parts = [whole.clip(-MOST, MOST), turning, turning * daily]
    found: Values = np.nan_to_num(np.concatenate(parts, -1))
    return found


def _mean_before(values: Values, span: int) -> Values:
    """Mean of what was measured in the `span` hours before each hour, (time, …)."""
    valid = np.isfinite(values)
    total = np.cumsum(np.where(valid, values, 0), 0)
    count = np.cumsum(valid, 0)
    before = np.zeros_like(values)
    number = np.zeros(values.shape)
    before[1:], number[1:] = total[:-1], count[:-1]
    before[span + 1 :] -= total[: -span - 1]
    number[span + 1 :] -= count[: -span - 1]
    mean: Values = np.where(number > 0, before / np.maximum(number, 1), np.nan)
    return mean


def _carried(values: Values) -> Values:
    """Gaps filled by what was there up to a day earlier."""
    filled = values.copy()
    for _ in range(FILLED):
        gap = ~np.isfinite(filled[1:])
        if not gap.any():
            break
        filled[1:][gap] = filled[:-1][gap]
    return filled


def _local(dataset: xr.Dataset) -> NDArray[np.int64]:
    """Local hour from 0, month from 0, weekday from Monday 0, and day of the year, (time, 4)."""
    shift = np.timedelta64(round(float(dataset.attrs["utc_offset_hours"]) * 3600), "s")
    local = dataset["valid_time"].values.astype("datetime64[ns]") + shift
    day, month = local.astype("datetime64[D]"), local.astype("datetime64[M]")
    columns = (
        (local - day) // np.timedelta64(1, "h"),
        month.astype(int) % 12,
        (day.astype(int) + 3) % 7,  # 1 January 1970 was a Thursday
        (day - day.astype("datetime64[Y]")).astype(int),
    )
    return np.stack(columns, 1).astype(np.int64)


def _clock(local: NDArray[np.int64]) -> Values:
    """Two harmonics of the day and of the year, (time, 8)."""
    angles = (2 * np.pi * local[:, 0] / 24, 2 * np.pi * local[:, 3] / 365.25)
    waves = [f(k * angle) for angle in angles for k in (1, 2) for f in (np.sin, np.cos)]
    return np.stack(waves, 1)


def _inputs(
    normal: Values, local: NDArray[np.int64], places: Tensor, config: AQNetConfig
) -> Tensor:
    """As `AQNetConfig.inputs` counts them, (time, station, input)."""
    valid = np.isfinite(normal)
    parts = [np.where(valid, normal.clip(-MOST, MOST), 0)]
    if config.flags:
        parts.append(~valid)
    values = torch.from_numpy(np.concatenate(parts, -1).astype(np.float32))
    turned = [
        cyclic(torch.from_numpy(local[:, i]), period) * config.cyclic
        for i, period in enumerate(CYCLES)
    ]
    clock = torch.cat(turned, -1).float()[:, None].expand(-1, normal.shape[1], -1)
    distance = great_circle_km(places, places)
    others = ~torch.eye(len(places), dtype=torch.bool)
    statistics = torch.stack(
        (
            distance.masked_fill(~others, torch.inf).amin(1),
            distance.mean(1),
            distance.amax(1),
            distance.std(1, correction=0),
        ),
        -1,
    )
    scaled = (statistics / config.spacing).log1p().float().expand(len(normal), -1, -1)
    return torch.cat((values, clock, scaled), -1)


def origins(
    record: WeekRecord, first: int, last: int, lengths: tuple[int, int], stride: int = 1
) -> Tensor:
    """Hours whose history and week lie between two hours, and most of it was measured.

    Args:
        record: Of all stations; the visible ones decide.
        first: From here on.
        last: Up to but not with this hour.
        lengths: Of history and week, hours.
        stride: From one origin to the next; 25 goes through all hours of the day.
    """
    valid = record.hours.target[:, : record.visible].isfinite().double().mean(1)
    total = torch.cat((valid.new_zeros(1), valid.cumsum(0)))
    every = torch.arange(first + lengths[0], last - lengths[1] + 1, stride)
    share = (total[every] - total[every - lengths[0]]) / lengths[0]
    return every[share >= LEAST_VALID]
