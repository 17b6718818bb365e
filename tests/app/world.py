"""A small library for tests of pages: ten days of maps and stations whose values tell the date."""

import datetime as dt

import numpy as np
import xarray as xr

from engine import library

FIRST = dt.date(2015, 1, 1)
DAYS = [FIRST + dt.timedelta(days=n) for n in range(10) if n != 4]  # 5 January is missing
ROWS, COLUMNS = 64, 80
NORTH, WEST, STEP = 33.0, 118.0, 0.05


def grid():
    """Maps whose mean is the day of the month times ten, with structure for models to miss."""
    latitude = NORTH - STEP * np.arange(ROWS)
    longitude = WEST + STEP * np.arange(COLUMNS)
    wave = 5 * np.sin(longitude * 9)[None, :] * np.cos(latitude * 7)[:, None]
    maps = np.stack([10.0 * day.day + wave for day in DAYS]).astype(np.float32)
    maps[:, :8, -8:] = np.nan  # sea
    return xr.Dataset(
        {"pm2p5": (("valid_time", "latitude", "longitude"), maps, {"units": "ug m-3"})},
        coords={"valid_time": times(DAYS), "latitude": latitude, "longitude": longitude},
        attrs=attributes("grid", "day"),
    )


def stations():
    """Three stations, hourly; the third is silent."""
    hours = [t + np.timedelta64(h, "h") for t in times(DAYS) for h in range(24)]
    values = np.repeat([[10.0 * d.day, 10.0 * d.day + 2, np.nan] for d in DAYS], 24, axis=0)
    return xr.Dataset(
        {"pm2p5": (("valid_time", "station"), values.astype(np.float32), {"units": "ug m-3"})},
        coords={
            "valid_time": np.array(hours, dtype="datetime64[ns]"),
            "station": ["a", "b", "c"],
            "name": ("station", ["Alpha", "Beta", "Gamma"]),
            "latitude": ("station", [32.0, 31.5, 31.0]),
            "longitude": ("station", [119.0, 120.0, 121.0]),
        },
        attrs=attributes("stations", "hour"),
    )


def times(days):
    """Local midnights of UTC+8 as UTC instants."""
    return np.array([np.datetime64(d) - np.timedelta64(8, "h") for d in days], "datetime64[ns]")


def attributes(kind, period):
    return {
        "kind": kind,
        "period": period,
        "utc_offset_hours": 8,
        "source": "made up for a test",
        "licence": "CC0",
        "synthetic": 1,
    }


def build():
    """Stores both in the library that AIRLENS_HOME names."""
    library.store(grid(), "tiny")
    library.store(stations(), "tiny-stations")
