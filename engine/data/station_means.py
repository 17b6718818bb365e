"""Stations beside a map: their means over its days or months, and series at one place.

Pure functions over checked datasets. A daily mean needs 20 valid hours, a monthly mean 27 valid
days (25 in February), as GB 3095 asks (table 4 of the 2026 edition).
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core.grid import distance_km
from engine.core.schema import grid_of
from engine.core.valid_means import days_needed, valid_mean, values_of_a_day


@dataclass(frozen=True)
class Series:
    """Values at one place, in order of time; ug m-3, NaN is missing."""

    dates: tuple[dt.date, ...]
    values: tuple[float, ...]


def averages(stations: xr.Dataset, dates: Sequence[dt.date], period: str) -> NDArray[np.float64]:
    """Valid means of every station, shape (date, station), ug m-3; NaN where too few values are.

    Args:
        stations: A checked station table, hourly or daily.
        dates: Local dates, or first days of months.
        period: Of the map they stand beside: "day" or "month".
    """
    out = np.full((len(dates), stations.sizes["station"]), np.nan)
    days = local_days(stations)
    for n, date in enumerate(dates):
        if period == "month":
            of_month = _month(date)
            values = np.stack([_day(stations, days, day) for day in of_month])
            out[n] = valid_mean(values, days_needed(date.month))
        else:
            out[n] = _day(stations, days, date)
    return out


def at_cell(
    grid: xr.Dataset, latitude: float, longitude: float, day: dt.date, reach: int
) -> Series | None:
    """The values of a gridded dataset in the cell of a place, `reach` steps either side of a day.

    None if the place is outside the grid.
    """
    row, column, inside = grid_of(grid).cell_of(latitude, longitude)
    if not inside:
        return None
    days = local_days(grid)
    here = int(np.searchsorted(days, np.datetime64(day)))
    window = slice(max(0, here - reach), here + reach + 1)
    cell = grid["pm2p5"].isel(latitude=int(row), longitude=int(column), valid_time=window)
    return Series(tuple(days[window].tolist()), tuple(float(v) for v in cell.values))


def nearest(
    latitudes: NDArray[np.floating],
    longitudes: NDArray[np.floating],
    latitude: float,
    longitude: float,
) -> tuple[int, float] | None:
    """Index of the point nearest to a place, and its distance in km; None if there is none."""
    if latitudes.size == 0:
        return None
    km = distance_km(latitude, longitude, latitudes, longitudes)
    best = int(km.argmin())
    return best, float(km[best])


def local_days(dataset: xr.Dataset) -> NDArray[np.datetime64]:
    """The local date of each time step."""
    offset = np.timedelta64(round(float(dataset.attrs["utc_offset_hours"]) * 60), "m")
    days: NDArray[np.datetime64] = (dataset["valid_time"].values + offset).astype("datetime64[D]")
    return days


def _day(stations: xr.Dataset, days: NDArray[np.datetime64], day: dt.date) -> NDArray[np.float64]:
    """Valid mean of a local day, (station,)."""
    start, stop = np.searchsorted(days, [np.datetime64(day), np.datetime64(day) + 1])
    values = stations["pm2p5"].values[int(start) : int(stop)]
    needed = values_of_a_day(stations.attrs) if stations.attrs["period"] == "hour" else 1
    return valid_mean(values, needed)


def _month(first: dt.date) -> list[dt.date]:
    """The days of the month that begins with a date."""
    after = dt.date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return [first + dt.timedelta(days=n) for n in range((after - first).days)]
