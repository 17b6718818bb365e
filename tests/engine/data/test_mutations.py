"""Good files with one thing changed: read the same, read otherwise with a word, or refused.

A few dozen files in `make test`; `make fuzz` sets `AIRLENS_FUZZ` to a thousand of each kind.
"""

import os
import shutil
import warnings
import zipfile
from dataclasses import replace

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
    elif kind == "xlsx":
        table().to_excel(path, index=False)
    elif kind in TEXTS:
        path.write_text(TEXTS[kind], encoding="utf-8")
    else:
        with rasterio.open(
            path, "w", driver="GTiff", height=4, width=5, count=1, dtype="float32",
            crs="EPSG:4326", transform=Affine(1, 0, 117.5, 0, -1, 33.5), compress="deflate",
        ) as file:  # fmt: skip
            file.write(VALUES[:1])
    return path


HOURS = range(1, 13)
TEXTS = {
    "airnow": "".join(
        f"01/10/21|{h:02d}:00|{s}|name|-4|PM2.5|UG/M3|{h + 5.5}|source\n"
        for h in HOURS
        for s in "ab"
    ),
    "aqs": "State Code,County Code,Site Num,Parameter Code,POC,Latitude,Longitude,Date Local,"
    "Time Local,Date GMT,Time GMT,Sample Measurement,Units of Measure\n"
    + "".join(
        f"01,003,0010,88101,1,30.5,-87.9,2021-01-10,{h:02d}:00,2021-01-10,{h + 6:02d}:00,{h},"
        "Micrograms/cubic meter (LC)\n"
        for h in HOURS
    ),
    "uk-air": "Data supplied by UK-AIR on 10/1/2022\nAll Data GMT hour ending\n\n,,a,a,a\n"
    "Date,Time,PM<sub>2.5</sub> (Hourly measured),status,unit\n"
    + "".join(f"10-01-2021,{h:02d}:00,{h},R,ugm-3 (BAM)\n" for h in HOURS),
    "purpleair": "time_stamp,sensor_index,latitude,longitude,pm2.5_atm\n"
    + "".join(f"{1700971200 + 3600 * h},1234,37.7,-122.4,{h}\n" for h in HOURS),
}
KINDS = {
    "netcdf4": ("a.nc", gridded.load),
    "netcdf3": ("b.nc", gridded.load),
    "geotiff": ("c_20150110.tif", gridded.load),
    "csv": ("d.csv", stations.load),
    "parquet": ("e.parquet", stations.load),
    "xlsx": ("f.xlsx", stations.load),
    **{kind: (f"{kind}.csv", stations.load) for kind in TEXTS},
}
PLACES = "station,latitude,longitude\n" + "".join(f"{s},31.2,118.5\n" for s in "ab")


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The folder of one good file of each kind."""
    folder = tmp_path_factory.mktemp("good")
    for kind, (name, _) in KINDS.items():
        write(kind, folder / name)
    return folder


def read(kind, path):
    """The dataset or None where the file is refused; no warning of a library reaches the reader."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            places = path.with_name("places.csv")
            places.write_text(PLACES)
            options = replace(UTC, coordinates=places) if kind in ("airnow", "uk-air") else UTC
            return KINDS[kind][1]([path], options)
        except EngineError as problem:
            assert len(str(problem)) < 600 and "\n" not in str(problem)
            return None


SHARE = st.floats(0, 1, exclude_max=True)
FLIPS = st.lists(st.tuples(SHARE, st.integers(0, 7)), min_size=1, max_size=4)


def flipped(raw, flips):
    """The bytes with bits turned over, each at a share of their length."""
    changed = bytearray(raw)
    for share, bit in flips if changed else ():
        changed[int(share * len(changed))] ^= 1 << bit
    return bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
@MANY
@given(cut=st.none() | SHARE, flips=FLIPS)
def test_a_file_cut_short_or_with_flipped_bits_is_refused_or_read(good, tmp_path, kind, cut, flips):
    raw = (good / KINDS[kind][0]).read_bytes()
    # HDF5 itself may loop for ever on a file with flipped bits, and nothing in a process stops it.
    if cut is None and kind == "netcdf4":
        cut = flips[0][0]
    path = tmp_path / KINDS[kind][0]
    path.write_bytes(flipped(raw, flips) if cut is None else raw[: int(cut * len(raw))])
    dataset = read(kind, path)
    if dataset is not None:
        values = dataset["pm2p5"].values
        assert np.nanmin(values) >= 0 and np.nanmax(values) <= 5000
        assert (np.abs(dataset["latitude"].values) <= 90).all()


@MANY
@given(part=SHARE, flips=FLIPS)
def test_a_sheet_with_flipped_bits_is_refused_or_read(good, tmp_path, part, flips):
    """The XML inside a workbook whose archive is whole: the checksums are of the flipped bits."""
    path = tmp_path / "f.xlsx"
    with zipfile.ZipFile(good / "f.xlsx") as source, zipfile.ZipFile(path, "w") as target:
        names = source.namelist()
        chosen = names[int(part * len(names))]
        for name in names:
            raw = source.read(name)
            target.writestr(name, flipped(raw, flips) if name == chosen else raw)
    dataset = read("xlsx", path)
    if dataset is not None:
        assert (np.abs(dataset["latitude"].values) <= 90).all()


@MANY
@given(edition=st.sampled_from([2, 3]), part=SHARE, flips=FLIPS)
def test_a_zarr_store_with_flipped_bits_is_refused_or_read(tmp_path, edition, part, flips):
    path = tmp_path / "a.zarr"
    shutil.rmtree(path, ignore_errors=True)
    grid().to_zarr(path, zarr_format=edition, consolidated=False)
    files = sorted(p for p in path.rglob("*") if p.is_file())
    file = files[int(part * len(files))]
    file.write_bytes(flipped(file.read_bytes(), flips))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            values = gridded.load([path])["pm2p5"].values
        except EngineError as problem:
            assert len(str(problem)) < 600 and "\n" not in str(problem)
            return
    assert np.nanmin(values) >= 0 and np.nanmax(values) <= 5000


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
