"""A mobile dataset as the forecasting network learns from it: hourly cells, and parts in time."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr

from engine.core import dates as days
from engine.core.errors import RequestError
from engine.core.grid import Region
from engine.data import cells
from engine.forecast.conditions import at_stations, wind_of
from engine.forecast.networks.mobile_windows import Record
from engine.forecast.recipe_stepdiff import local_hours
from engine.library import DatasetInfo

GAP_HOURS = 12  # between parts: as long as a forecast
TRAIN_SHARE, VALIDATE_SHARE = 0.65, 0.80  # of the days, where nobody says
FEWEST_DAYS = 5
MOST_LEARN_CELLS = 2500  # a record of more is a country, not a city
BEYOND = 240  # hours after the record whose clock may be requested


@dataclass(frozen=True)
class Parts:
    """Rows of a record, each part from and to.

    Attributes:
        learn: Last row to learn from, exclusive; the first is 0.
        validate: Rows that decide when to stop and how wide the spread is.
        test: Rows that only scores see.
        ends: Last local dates of learning and of validation.
    """

    learn: int
    validate: tuple[int, int]
    test: tuple[int, int]
    ends: tuple[dt.date, dt.date]


def gridded(dataset: xr.Dataset, region: Region | None, *, name: str) -> xr.Dataset:
    """Hourly cells from local midnight of the first day on, so that days are whole rows of 24.

    Raises:
        RequestError: If the region holds no sample, or too many cells for a city.
    """
    series = cells.hourly(dataset, region, name=name)
    rows, columns = series.sizes["latitude"], series.sizes["longitude"]
    if rows * columns > MOST_LEARN_CELLS:
        raise RequestError(
            "{rows} × {columns} cells are more than a city",
            where=name,
            remedy="Choose a smaller region with --region",
            rows=rows,
            columns=columns,
        )
    times = series["valid_time"].values
    midnight = (times[0] + days.offset(series)).astype("datetime64[D]") - days.offset(series)
    whole = np.arange(midnight.astype("datetime64[m]"), times[-1] + 1, np.timedelta64(1, "h"))
    return series.reindex(valid_time=whole.astype("datetime64[ns]"))


def record_of(
    series: xr.Dataset, stations: xr.Dataset | None = None, wind: xr.Dataset | None = None
) -> Record:
    """The record of hourly cells, with what else is known of the city if it is given.

    Args:
        series: As `gridded` gives it.
        stations: `pm2p5(valid_time, station)` of fixed stations.
        wind: `u10` and `v10` (valid_time, station), m/s.

    Raises:
        EngineError: If stations or wind are of another place or time.
    """
    values = torch.tensor(series["pm2p5"].values, dtype=torch.float64)
    times = series["valid_time"].values
    more = times[-1] + np.arange(1, BEYOND + 1) * np.timedelta64(1, "h")
    hours = local_hours(np.concatenate([times, more]), float(series.attrs["utc_offset_hours"]))
    fixed = None if stations is None else at_stations(series, stations)
    return Record(values, hours, fixed, None if wind is None else wind_of(series, wind))


def parts_of(
    series: xr.Dataset,
    about: DatasetInfo,
    train_end: dt.date | None = None,
    validate_end: dt.date | None = None,
) -> Parts:
    """Learning, validation and test one after the other, with a gap as long as a forecast.

    Raises:
        RequestError: If the record is too short, or the dates do not follow each other.
    """
    dates = days.local_dates(series)
    first = dates[0].item()
    count = len(np.unique(dates))
    learn_end = train_end or first + dt.timedelta(days=round(TRAIN_SHARE * count) - 1)
    later_end = validate_end or first + dt.timedelta(
        days=max(round(VALIDATE_SHARE * count) - 1, (learn_end - first).days + 1)
    )
    learn, later = (
        int(np.searchsorted(dates, np.datetime64(end, "D"), "right"))
        for end in (learn_end, later_end)
    )
    if learn < FEWEST_DAYS * 24 or later - learn < 2 * GAP_HOURS or count < FEWEST_DAYS + 1:
        raise RequestError(
            "{learn} days to learn from and {later} to validate on are too few; data go from "
            "{start} to {end}",
            where=about.name,
            remedy="Give {fewest_days} days or more to learn from, and a later --validate-end",
            learn=f"{learn / 24:.0f}",
            later=f"{max(later - learn, 0) / 24:.0f}",
            start=about.start,
            end=about.end,
            fewest_days=FEWEST_DAYS,
        )
    return Parts(
        learn,
        (learn + GAP_HOURS, later),
        (min(later + GAP_HOURS, len(dates)), len(dates)),
        (learn_end, later_end),
    )
