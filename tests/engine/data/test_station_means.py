import datetime as dt
import math

import numpy as np
import pytest
import xarray as xr

from engine.data import station_means

NAN = float("nan")


def stations(hours, start="2015-01-09T16:00", period="hour"):
    """Hourly table in UTC+8: 2015-01-09T16:00 UTC is midnight of the 10th in China."""
    hours = np.asarray(hours, dtype=np.float32)
    step = {"hour": "h", "day": "D"}[period]
    times = np.datetime64(start, "ns") + np.arange(len(hours)) * np.timedelta64(1, step)
    return xr.Dataset(
        {"pm2p5": (("valid_time", "station"), hours, {"units": "ug m-3"})},
        coords={
            "valid_time": times,
            "latitude": ("station", [32.0, 31.0][: hours.shape[1]]),
            "longitude": ("station", [118.8, 121.5][: hours.shape[1]]),
            "name": ("station", ["A", "B"][: hours.shape[1]]),
        },
        attrs={"period": period, "utc_offset_hours": 8, "kind": "stations"},
    )


JANUARY_10 = dt.date(2015, 1, 10)


def test_a_day_is_the_local_day():
    # 24 hours of 10, then 24 of 30, from local midnight of 10 January.
    table = stations(np.repeat([[10.0], [30.0]], 24, axis=0))
    dates = [JANUARY_10 + dt.timedelta(days=n) for n in range(3)]
    np.testing.assert_equal(station_means.averages(table, dates, "day"), [[10.0], [30.0], [NAN]])


@pytest.mark.parametrize(("hours", "mean"), [(24, 50.0), (20, 50.0), (19, NAN), (0, NAN)])
def test_a_day_needs_twenty_hours(hours, mean):
    values = np.full((24, 2), 50.0)
    values[hours:, 0] = NAN
    found = station_means.averages(stations(values), [JANUARY_10], "day")
    np.testing.assert_equal(found, [[mean, 50.0]])


@pytest.mark.parametrize(
    ("start", "length", "days", "mean"),
    [
        (dt.date(2015, 1, 1), 31, 31, 40.0),
        (dt.date(2015, 1, 1), 31, 27, 40.0),
        (dt.date(2015, 1, 1), 31, 26, NAN),
        (dt.date(2015, 2, 1), 28, 25, 40.0),
        (dt.date(2015, 2, 1), 28, 24, NAN),
        (dt.date(2015, 12, 1), 31, 27, 40.0),
    ],
)
def test_a_month_needs_its_days(start, length, days, mean):
    values = np.full((length, 1), 40.0)
    values[days:] = NAN
    utc = f"{start - dt.timedelta(days=1)}T16:00"
    table = stations(values, start=utc, period="day")
    np.testing.assert_equal(station_means.averages(table, [start], "month"), [[mean]])


def test_a_table_of_daily_means_is_taken_as_it_is():
    table = stations([[12.0, 34.0]], period="day")
    np.testing.assert_equal(station_means.averages(table, [JANUARY_10], "day"), [[12.0, 34.0]])


def grid():
    # The value says where and when it is: day * 100 + row * 10 + column.
    day, row, column = np.meshgrid(np.arange(5), np.arange(3), np.arange(4), indexing="ij")
    times = np.datetime64("2015-01-09T16:00", "ns") + np.arange(5) * np.timedelta64(1, "D")
    return xr.Dataset(
        {"pm2p5": (("valid_time", "latitude", "longitude"), day * 100.0 + row * 10 + column)},
        coords={
            "valid_time": times,
            "latitude": [33.0, 32.0, 31.0],
            "longitude": [118.0, 119.0, 120.0, 121.0],
        },
        attrs={"utc_offset_hours": 8},
    )


def test_the_series_of_a_cell():
    series = station_means.at_cell(grid(), 31.9, 120.4, dt.date(2015, 1, 12), reach=1)
    assert series.dates == tuple(dt.date(2015, 1, d) for d in (11, 12, 13))
    assert series.values == (112.0, 212.0, 312.0)


def test_the_series_ends_with_the_record():
    series = station_means.at_cell(grid(), 33.0, 118.0, dt.date(2015, 1, 10), reach=2)
    assert series.values == (0.0, 100.0, 200.0)


def test_no_series_outside_the_grid():
    assert station_means.at_cell(grid(), 34.0, 118.0, dt.date(2015, 1, 10), reach=1) is None
    assert station_means.at_cell(grid(), 33.0, 122.0, dt.date(2015, 1, 10), reach=1) is None


def test_the_nearest_place_and_how_far():
    index, km = station_means.nearest(np.array([32.0, 31.0]), np.array([118.8, 121.5]), 31.0, 121.4)
    assert index == 1
    # A tenth of a degree of longitude at 31° N.
    assert km == pytest.approx(0.1 * 111.195 * math.cos(math.radians(31)), rel=1e-3)
    assert station_means.nearest(np.array([]), np.array([]), 31.0, 121.4) is None
