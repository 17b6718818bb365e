"""Good files with one thing changed: read the same, read otherwise with a word, or refused.

A few dozen files in `make test`; `make fuzz` sets `AIRLENS_FUZZ` to a thousand of each kind.
"""

import os
import warnings

import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

from engine.core.errors import EngineError
from engine.data import gridded, stations
from engine.data.options import ReadOptions

EXAMPLES = int(os.environ.get("AIRLENS_FUZZ", "12"))
MANY = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="AIRLENS_FUZZ" not in os.environ,  # `make test` takes the same files each time
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LAT, LON = np.array([33.0, 32.0, 31.0, 30.0]), np.array([118.0, 119.0, 120.0, 121.0, 122.0])
VALUES = 20 + np.arange(60, dtype=np.float32).reshape(3, 4, 5)
UTC = ReadOptions(utc_offset_hours=0)


def grid(values=VALUES, lat=LAT, lon=LON, order=slice(None), units="ug m-3"):
    time = ("time", np.arange(3)[order], {"units": "days since 2015-01-10"})
    return xr.Dataset(
        {"pm2p5": (("time", "lat", "lon"), values[order], {"units": units})},
        coords={"time": time, "lat": lat, "lon": lon},
    )


def table():
    hours = pd.date_range("2015-01-10", periods=12, freq="h")
    return pd.DataFrame(
        {
            "station": ["a", "b"] * 12,
            "lat": [31.2, 31.3] * 12,
            "lon": [118.5, 118.7] * 12,
            "time": np.repeat(hours.strftime("%Y-%m-%d %H:%M"), 2),
            "pm25": np.arange(24) + 10.0,
        }
    )


def write(kind, path):
    if kind == "netcdf4":
        grid().to_netcdf(path, engine="netcdf4", encoding={"pm2p5": {"zlib": True}})
    elif kind == "netcdf3":
        grid().to_netcdf(path, engine="scipy", format="NETCDF3_64BIT")
    elif kind == "csv":
        table().to_csv(path, index=False)
    elif kind == "parquet":
        table().to_parquet(path, index=False)
    else:
        with rasterio.open(
            path, "w", driver="GTiff", height=4, width=5, count=1, dtype="float32",
            crs="EPSG:4326", transform=Affine(1, 0, 117.5, 0, -1, 33.5), compress="deflate",
        ) as file:  # fmt: skip
            file.write(VALUES[:1])
    return path


KINDS = {
    "netcdf4": ("a.nc", gridded.load),
    "netcdf3": ("b.nc", gridded.load),
    "geotiff": ("c_20150110.tif", gridded.load),
    "csv": ("d.csv", stations.load),
    "parquet": ("e.parquet", stations.load),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    folder = tmp_path_factory.mktemp("good")
    return {kind: write(kind, folder / name).read_bytes() for kind, (name, _) in KINDS.items()}


def read(kind, path):
    """The dataset or None where the file is refused; no warning of a library reaches the reader."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return KINDS[kind][1]([path], UTC)
        except EngineError as problem:
            assert len(str(problem)) < 600 and "\n" not in str(problem)
            return None


@pytest.mark.parametrize("kind", KINDS)
@MANY
@given(data=st.data())
def test_a_file_cut_short_or_with_flipped_bits_is_refused_or_read(good, tmp_path, kind, data):
    raw = bytearray(good[kind])
    # HDF5 itself may loop for ever on a file with flipped bits, and nothing in a process stops it.
    if data.draw(st.booleans()) or kind == "netcdf4":
        raw = raw[: data.draw(st.integers(0, len(raw) - 1))]
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / KINDS[kind][0]
    path.write_bytes(bytes(raw))
    dataset = read(kind, path)
    if dataset is not None:
        values = dataset["pm2p5"].values
        assert np.nanmin(values) >= 0 and np.nanmax(values) <= 5000
        assert (np.abs(dataset["latitude"].values) <= 90).all()


@MANY
@given(
    st.booleans(),
    st.booleans(),
    st.permutations(range(3)),
    st.sampled_from([("ug m-3", 1.0), ("mg/m3", 1e-3), ("kg m**-3", 1e-9), ("ng m-3", 1e3)]),
)
def test_axes_order_and_units_change_no_value(tmp_path, north, east, order, unit):
    """Turned axes, times in any order, other units: the same map."""
    name, factor = unit
    values, lat, lon = VALUES * np.float32(factor), LAT, LON
    if north:
        values, lat = values[:, ::-1], lat[::-1]
    if east:
        values, lon = values[:, :, ::-1], lon[::-1]
    path = tmp_path / "a.nc"
    grid(values, lat, lon, list(order), name).to_netcdf(path)
    dataset = gridded.load([path])
    np.testing.assert_allclose(dataset["pm2p5"].values, VALUES, rtol=1e-5)
    np.testing.assert_array_equal(dataset["latitude"].values, LAT)
    np.testing.assert_array_equal(dataset["longitude"].values, LON)


@MANY
@given(st.sampled_from(["ppb", "1", "mg m-2", "mol mol-1", "AQI", "counts", "ug kg-1"]))
def test_a_unit_that_is_none_is_never_read(tmp_path, units):
    path = tmp_path / "a.nc"
    grid(units=units).to_netcdf(path)
    assert read("netcdf4", path) is None


@MANY
@given(st.randoms(use_true_random=False), st.sampled_from([-8, -3, 0, 8]), st.booleans())
def test_rows_in_any_order_and_any_zone_are_the_same_hours(tmp_path, random, zone, semicolons):
    rows = table()
    rows = rows.iloc[random.sample(range(len(rows)), len(rows))]
    stamps = pd.to_datetime(rows["time"]) + pd.Timedelta(hours=zone)
    sign, minutes = ("-" if zone < 0 else "+"), round(abs(zone) * 60)
    ending = f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
    rows = rows.assign(time=stamps.dt.strftime("%Y-%m-%dT%H:%M") + ending)
    path = tmp_path / "d.csv"
    rows.to_csv(path, index=False, sep=";" if semicolons else ",")
    dataset = stations.load([path])
    assert str(dataset["valid_time"].values[0])[:13] == "2015-01-10T00"
    np.testing.assert_array_equal(
        dataset["pm2p5"].values, np.arange(24, dtype=np.float32).reshape(12, 2) + 10
    )


@MANY
@given(st.data())
def test_a_cell_that_is_spoiled_is_named_or_no_data(tmp_path, data):
    rows = table().astype(str)
    row = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from(["lat", "lon", "time", "pm25"]))
    word = data.draw(st.sampled_from(["x", "", "NA", "—", "1e99", "-1", "2015-13-40", "31,2", "°"]))
    rows.loc[row, column] = word
    path = tmp_path / "d.csv"
    rows.to_csv(path, index=False)
    dataset = read("csv", path)
    if dataset is None:
        return
    # Every other reading is as it was.
    expected = (np.arange(24, dtype=np.float32) + 10).reshape(12, 2)
    got = dataset["pm2p5"].values
    same = np.isclose(got, expected, equal_nan=True)
    assert (~same).sum() <= 1
    assert np.isnan(got[~same]).all()
