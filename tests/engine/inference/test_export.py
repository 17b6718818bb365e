"""What is written comes back: values, places and dates, read by others and by our own readers."""

import datetime as dt

import netCDF4
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from training_maps import days, months

from engine import library
from engine.core.schema import grid_of
from engine.data import gridded, tables
from engine.inference import export
from engine.inference.request import Request
from engine.inference.run import predict

DAY = dt.date(2015, 1, 20)


@pytest.fixture
def daily(home):
    library.store(days(), "daily")
    return predict(Request("daily", DAY, model="bicubic"))


@pytest.fixture
def monthly(home):
    library.store(months(), "monthly", train_end=dt.date(2004, 12, 1))
    return predict(Request("monthly", dt.date(2005, 2, 1), model="copy"))


def corner(result):
    """Centre of the north-western cell, and the steps."""
    grid = grid_of(result)
    return grid.north, grid.west, grid.step_lat, grid.step_lon


def test_a_geotiff_is_pinned_to_the_outer_edges_of_cells(daily, tmp_path):
    north, west, step_lat, step_lon = corner(daily)
    with rasterio.open(export.write(daily, tmp_path / "a.tif")) as file:
        transform = file.transform
        assert (transform.a, transform.e) == pytest.approx((step_lon, -step_lat))
        # Half a cell north-west of the centre of the first cell.
        assert (transform.c, transform.f) == pytest.approx(
            (west - step_lon / 2, north + step_lat / 2)
        )
        assert file.descriptions[0] == "pm2p5"
        assert file.units[0] == "ug m-3"
        values = file.read(1)
    np.testing.assert_allclose(values, daily["pm2p5"].values[0], rtol=1e-6)


def test_a_geotiff_comes_back_to_the_same_cells(daily, tmp_path):
    path = export.write(daily[["pm2p5"]].assign_attrs(daily.attrs), tmp_path / "a_20150120.tif")
    again = gridded.load([path])
    assert grid_of(again).bounds == pytest.approx(grid_of(daily).bounds, abs=1e-6) or np.allclose(
        again["latitude"], daily["latitude"], atol=1e-6
    )
    np.testing.assert_allclose(again["latitude"], daily["latitude"], atol=1e-6)
    np.testing.assert_allclose(again["longitude"], daily["longitude"], atol=1e-6)
    np.testing.assert_allclose(again["pm2p5"].values[0], daily["pm2p5"].values[0], rtol=1e-5)


def bounds(path):
    with netCDF4.Dataset(path) as file:
        values, units = file["time_bounds"][:], file["valid_time"].units
        return [pd.Timestamp(netCDF4.num2date(v, units).isoformat()) for v in np.ravel(values)]


def test_the_bounds_of_a_day_are_its_local_day_in_utc(daily, tmp_path):
    start, end = bounds(export.write(daily, tmp_path / "a.nc"))
    # 20 January at UTC+8 begins on the 19th at 16:00 and lasts 24 hours.
    assert start == pd.Timestamp("2015-01-19T16:00")
    assert end == pd.Timestamp("2015-01-20T16:00")


def test_the_bounds_of_a_month_are_the_month(monthly, tmp_path):
    start, end = bounds(export.write(monthly, tmp_path / "a.nc"))
    assert (start, end) == (pd.Timestamp("2005-02-01"), pd.Timestamp("2005-03-01"))


def test_the_bounds_of_an_hour_are_the_hour(home, tmp_path):
    hourly = days(steps=48)
    times = pd.date_range("2015-01-09T16:00", periods=48, freq="h").astype("datetime64[ns]")
    hourly = hourly.assign_coords(valid_time=times).assign_attrs(period="hour")
    library.store(hourly, "hourly")
    result = predict(Request("hourly", dt.date(2015, 1, 10), hour=5, model="copy"))
    start, end = bounds(export.write(result, tmp_path / "a.nc"))
    assert (start, end) == (pd.Timestamp("2015-01-09T21:00"), pd.Timestamp("2015-01-09T22:00"))


@pytest.mark.parametrize("which", ["daily", "monthly"])
def test_a_netcdf_comes_back_to_the_same_values_dates_and_places(which, request, tmp_path):
    result = request.getfixturevalue(which)
    path = export.write(result, tmp_path / "a.nc")
    again = gridded.load([path])
    np.testing.assert_allclose(again["latitude"], result["latitude"], atol=1e-6)
    np.testing.assert_allclose(again["longitude"], result["longitude"], atol=1e-6)
    assert again["valid_time"].values.tolist() == result["valid_time"].values.tolist()
    np.testing.assert_allclose(again["pm2p5"].values, result["pm2p5"].values, rtol=1e-6)
    with xr.open_dataset(path) as file:
        assert file["pm2p5"].attrs["units"] == "ug m-3"
        assert file["pm2p5"].attrs["cell_methods"].startswith("valid_time: mean")


def test_a_csv_of_cells_has_their_centres(daily, tmp_path):
    table = tables.read(export.write(daily, tmp_path / "a.csv"))
    latitude, longitude = (tables.numbers(table, n) for n in ("latitude", "longitude"))
    value = tables.numbers(table, "pm2p5")
    north, west, *_ = corner(daily)
    assert latitude[0] == pytest.approx(north, abs=1e-4)
    assert longitude[0] == pytest.approx(west, abs=1e-4)
    assert value[0] == pytest.approx(float(daily["pm2p5"].values[0, 0, 0]), rel=1e-5)
    assert len(value) == int(np.isfinite(daily["pm2p5"].values).sum())
