"""Daily means of the demo world's largest cities over years: what calendars and rankings need."""

import datetime as dt

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from engine.core.schema import check
from engine.twin.datasets import UTC_OFFSET_H, attributes, pm2p5, utc
from engine.twin.network import measured
from engine.twin.places import GRID, places
from engine.twin.world import simulate

COUNT = 50
# A city's mean is that of five stations: at its centre and some 4 km around it, degrees.
AROUND = ((0.0, 0.0), (0.04, 0.0), (-0.04, 0.0), (0.0, 0.045), (0.0, -0.045))
LEAST_HOURS = 20  # of a valid day
LEAST_STATIONS = 3


def cities_dataset(start: dt.date, days: int, seed: int) -> xr.Dataset:
    """Daily means of 50 cities, `pm2p5(valid_time, station)`, NaN where too few stations report.

    Names and places are real, values are simulated. The weather of a date is that of the demo's
    maps with the same seed.

    Args:
        start: First local date.
        days: How many.
        seed: Of the world.
    """
    towns = _towns()
    latitude, longitude = (
        (towns[axis].to_numpy()[:, None] + np.array(AROUND)[:, n]).ravel()
        for n, axis in enumerate(("lat", "lon"))
    )
    run = simulate(days, seed, start, latitude=latitude, longitude=longitude, maps=False)
    hourly = np.concatenate([day.points for day in run])
    midnights = np.array(
        [start + dt.timedelta(days=n) for n in range(days)], dtype="datetime64[ns]"
    )
    dataset = xr.Dataset(
        {"pm2p5": (("valid_time", "station"), _means(measured(hourly, seed)), pm2p5())},
        coords={
            "valid_time": utc(midnights),
            "station": [f"D{n + 1:02d}" for n in range(len(towns))],
            "latitude": ("station", towns["lat"].to_numpy(dtype=np.float64)),
            "longitude": ("station", towns["lon"].to_numpy(dtype=np.float64)),
            "name": ("station", _names(towns)),
        },
        attrs=attributes("stations", "day", seed) | {"utc_offset_hours": UTC_OFFSET_H},
    )
    return check(dataset, where="cities of the demo world")


def _towns() -> pd.DataFrame:
    """The largest towns whose stations all lie on land."""
    where = places()
    north, east = np.array(AROUND).T

    def firm(row: float, column: float) -> bool:
        rows = np.rint(row - north / GRID.step_lat).astype(int)
        columns = np.rint(column + east / GRID.step_lon).astype(int)
        inside = (rows >= 0) & (rows < GRID.rows) & (columns >= 0) & (columns < GRID.columns)
        return bool(inside.all() and where.land[rows, columns].all())

    towns = where.towns.sort_values("population", ascending=False, kind="stable")
    kept = [firm(row, column) for row, column in zip(towns["row"], towns["column"], strict=True)]
    return towns[kept].head(COUNT).reset_index(drop=True)


def _names(towns: pd.DataFrame) -> NDArray[np.str_]:
    """English names; two cities of one English name with their Chinese names: Suzhou (宿州)."""
    twice = towns["name_en"].duplicated(keep=False)
    both = towns["name_en"] + " (" + towns["name_zh"] + ")"
    return towns["name_en"].where(~twice, both).to_numpy(dtype=np.str_)


def _means(hourly: NDArray[np.float32]) -> NDArray[np.float32]:
    """Daily means of cities, (day, city), tenths of ug m-3, from hours at their stations."""
    by_day = hourly.reshape(-1, 24, hourly.shape[1])
    there = (~np.isnan(by_day)).sum(1)
    total = np.nansum(by_day, axis=1, dtype=np.float64)
    daily = np.where(there >= LEAST_HOURS, total / np.maximum(there, 1), np.nan)
    of_city = daily.reshape(len(daily), -1, len(AROUND))
    stations = (~np.isnan(of_city)).sum(2)
    mean = np.nansum(of_city, axis=2) / np.maximum(stations, 1)
    return np.where(stations >= LEAST_STATIONS, np.round(mean, 1), np.nan).astype(np.float32)
