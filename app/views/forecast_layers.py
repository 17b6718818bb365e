"""A forecast in parts: mean, spread, chance, lead times in words, samples that came true.

Pure functions over a result of `engine.inference.run.predict` for a forecast.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from app.style import palette
from app.style.palette import Scale
from app.views.scene import Scene
from engine.core.schema import grid_of
from engine.data import station_means
from engine.inference.request import Request
from engine.library import DatasetInfo

MOST_THUMBNAILS = 12
THUMBNAIL = 132  # pixels
MOST_SAMPLES = 5000  # points that a map draws without stutter


@dataclass(frozen=True)
class Forecast:
    """What the page shows.

    Attributes:
        about: The scene.
        requested: What the result answers.
        result: `pm2p5(realization, lead_time, place…)` and, where known, `target`.
        threshold: Of the chance, ug m-3.
        stale: Whether it answers an earlier wish.
    """

    about: Scene
    requested: Request
    result: xr.Dataset
    threshold: float
    stale: bool

    @property
    def members(self) -> int:
        """Number of realizations."""
        return int(self.result.sizes["realization"])

    @property
    def start(self) -> np.datetime64:
        """When it begins, UTC."""
        start: np.datetime64 = self.result["init_time"].values.ravel()[0]
        return start

    @property
    def gridded(self) -> bool:
        """Whether places are cells; else they are stations."""
        return "latitude" in self.result.dims


def fields(found: Forecast) -> dict[str, NDArray[np.floating]]:
    """Layers by name, each (lead_time, place…); spread and chance (per cent) need two or more."""
    values = found.result["pm2p5"].values
    mean = _mean(values)
    layers: dict[str, NDArray[np.floating]] = {"mean": mean}
    if found.members > 1:
        layers["spread"] = np.sqrt(
            _mean((values - mean) ** 2) * found.members / (found.members - 1)
        )
        above = np.where(np.isfinite(values), 100.0 * (values > found.threshold), np.nan)
        layers["chance"] = _mean(above)
    if "target" in found.result and np.isfinite(found.result["target"].values).any():
        layers["target"] = found.result["target"].values
        layers["error"] = mean - layers["target"]
    return layers


def _mean(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean over members; NaN where any of them is, since members cover the same places."""
    mean: NDArray[np.float64] = values.astype(np.float64).mean(axis=0)
    return mean


def leads(found: Forecast) -> list[tuple[str, str]]:
    """Key and label of each lead time: "p03" and "+3 h, 16 Jan 2024 02:00"."""
    words, period = found.about.words, found.about.info.period
    labels = []
    for n, time in enumerate(found.result["valid_time"].values, 1):
        ahead = words(f"forecast.ahead_{period}", n=n)
        labels.append((f"p{n:02d}", words("forecast.lead", ahead=ahead, when=moment(time, found))))
    return labels


def moment(time: np.datetime64, found: Forecast) -> str:
    """A time as people there read it: a date, and for hourly data the local hour."""
    words, period = found.about.words, found.about.info.period
    here = local(time, found)
    day = words.short_date(here.date(), period)
    return words("forecast.hour", day=day, hour=f"{here:%H:%M}") if period == "hour" else day


def local(time: np.datetime64, found: Forecast) -> dt.datetime:
    """A UTC instant as local clocks show it."""
    offset = round(float(found.result.attrs["utc_offset_hours"]) * 60)
    shifted = time.astype("datetime64[s]") + np.timedelta64(offset, "m")
    moment: dt.datetime = shifted.astype(dt.datetime)
    return moment


def thumbnail(values: NDArray[np.floating], scale: Scale) -> NDArray[np.uint8]:
    """A map as a small picture, (rows, columns, 4): transparent where there is no data."""
    factor = max(1, -(-THUMBNAIL // max(values.shape)))
    step = max(1, max(values.shape) // (2 * THUMBNAIL))
    large = np.kron(values[::step, ::step], np.ones((factor, factor)))
    number = palette.index(large, scale)  # from 1; 0 is no data
    picture = np.zeros((*large.shape, 4), dtype=np.uint8)
    picture[..., :3] = palette.colours(scale)[np.maximum(number, 1) - 1]
    picture[..., 3] = np.where(number > 0, 255, 0)
    return picture


def mobile_beside(info: DatasetInfo, known: Iterable[DatasetInfo]) -> str | None:
    """The mobile dataset to draw on a forecast's map: itself, else one over the same place."""
    if info.kind == "mobile":
        return info.name
    if info.bounds is None:
        return None
    west, south, east, north = info.bounds
    for other in known:
        if other.kind != "mobile" or other.synthetic != info.synthetic or other.bounds is None:
            continue
        w, s, e, n = other.bounds
        if w < east and e > west and s < north and n > south:
            return other.name
    return None


def samples(mobile: xr.Dataset, found: Forecast) -> pd.DataFrame:
    """Samples measured during each lead time, as `app.maps.layers.Tracks` wants them."""
    times = mobile["valid_time"].values
    parts = []
    for (key, _), start, end in zip(leads(found), *_bounds(found), strict=True):
        inside = np.flatnonzero((times >= start) & (times < end))
        inside = inside[:: max(1, -(-inside.size * len(leads(found)) // MOST_SAMPLES))]
        parts.append(_rows(mobile, inside, key))
    return pd.concat(parts, ignore_index=True)


def _bounds(
    found: Forecast,
) -> tuple[NDArray[np.datetime64], NDArray[np.datetime64]]:
    """Start and end of each lead time's period."""
    starts = found.result["valid_time"].values
    first = starts[0] - found.result["init_time"].values
    ends = np.append(starts[1:], starts[-1] + first)
    return starts, ends


def _rows(mobile: xr.Dataset, inside: NDArray[np.intp], key: str) -> pd.DataFrame:
    ids = mobile["device"].values[inside] if "device" in mobile else np.full(inside.size, "")
    return pd.DataFrame(
        {
            "id": ids.astype(str),
            "day": key,
            "latitude": mobile["latitude"].values[inside],
            "longitude": mobile["longitude"].values[inside],
            "value": mobile["pm2p5"].values[inside],
            "role": "withheld",  # none of these reached the forecast
        }
    )


def cell(found: Forecast, latitude: float, longitude: float) -> tuple[int, int] | None:
    """Row and column of a place, None outside."""
    row, column, inside = grid_of(found.result).cell_of(latitude, longitude)
    return (int(row), int(column)) if inside else None


def dates(found: Forecast) -> list[dt.datetime]:
    """Local time of each lead time."""
    return [local(time, found) for time in found.result["valid_time"].values]


def past(
    opened: xr.Dataset, found: Forecast, latitude: float, longitude: float, reach: int
) -> station_means.Series | None:
    """What a gridded dataset held at a place before the forecast began; None for other kinds."""
    if opened.attrs["kind"] != "grid":
        return None
    series = station_means.at_cell(opened, latitude, longitude, found.requested.date, reach)
    if series is None:
        return None
    kept = [
        (d, v)
        for d, v in zip(series.dates, series.values, strict=True)
        if d <= found.requested.date
    ]
    return station_means.Series(tuple(d for d, _ in kept), tuple(v for _, v in kept))
