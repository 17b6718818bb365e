"""What is known of files before an import is what the import then makes of them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from engine import library
from engine.core.errors import DataError, NotFoundError
from engine.data.options import ReadOptions
from engine.library import examining, inspecting
from engine.library.inspecting import inspect_files
from engine.library.inspection_facts import (
    SENTENCES,
    as_json,
    english,
    facts,
    left_out,
    table_lines,
)


@pytest.fixture(autouse=True)
def nothing_is_written(home):
    yield
    assert not home.exists() or "mine" in library.names()


@pytest.fixture
def grid(tmp_path, maps):
    """A NetCDF file in kg m-3 with a second candidate and a day that is missing."""

    def make(name="maps.nc", steps=4, units="kg m-3", **more):
        data = maps(steps=steps).drop_attrs()
        factor = {"kg m-3": 1e-9, "mg m-3": 1e-3}.get(units, 1.0)
        days = pd.date_range("2015-01-10", periods=steps + 1).delete(1)
        data = data.assign_coords(valid_time=days.astype("datetime64[ns]"))
        data["pm25"] = data["pm2p5"].astype("float64") * factor
        data = data.drop_vars("pm2p5").assign(**more)
        data["pm25"].attrs["units"] = units
        data["pm25_model"] = data["pm25"].assign_attrs(long_name="PM2.5 of a model")
        path = tmp_path / name
        data.to_netcdf(path, engine="netcdf4")
        return path

    return make


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    rows = "".join(
        f"{s},{31 + n},121,2015-01-10 {h:02d}:00,{50 + h + n}\n"
        for h in range(4)
        for n, s in enumerate("AB")
    )
    path.write_text(f"station,lat,lon,time,pm25\n{rows}A,31,121,2015-01-10 00:00,50\n,,,,\n")
    return path


def said(found):
    return {fact.code: fact.lines for fact in facts(found, english)}


def test_maps(grid):
    path = grid()
    found = inspect_files([path])
    assert (found.kind, found.kind_by, found.container) == ("grid", "container", "hdf5")
    has = found.contents
    assert (has.variable, has.variable_by, has.others) == ("pm25", "name", ("pm25_model",))
    assert (has.units, has.units_by) == ("kg m-3", "file")
    assert has.factor == pytest.approx(1e9)
    assert (has.rhythm.steps, has.rhythm.hours, has.rhythm.missing) == (4, 24, 1)
    assert (has.record.start.isoformat(), has.record.end.isoformat()) == (
        "2015-01-10",
        "2015-01-14",
    )
    assert has.record.bounds == (117.5, 27.5, 122.5, 33.5)
    assert (has.values.cells, has.values.missing) == (120, 4)
    assert has.values.low == pytest.approx(20) and has.values.high == pytest.approx(23.53, abs=0.01)
    assert has.odd == (examining.Odd("gaps", {"n": 1, "total": 5}),)
    assert len(has.sketch) == 6 and has.sketch[0] and has.sketch[-1].rstrip() == has.sketch[-1]
    lines = said(found)
    assert lines["units"] == ("kg m-3 × 1e+09 = µg/m³ (as the file says)",)
    assert lines["place"] == ("6 × 5 cells of 1° × 1°, 117.5° E – 122.5° E, 27.5° N – 33.5° N",)
    assert lines["time"] == ("daily, 4 times from 2015-01-10 to 2015-01-14",)
    assert lines["missing"] == ("3.33 % of 120 values",)
    assert lines["odd"] == ("1 of 5 time steps are not there.",)


def test_the_import_makes_what_was_said(grid, table):
    for kind, path, options in (
        ("grid", grid(), ReadOptions()),
        ("stations", table, ReadOptions(utc_offset_hours=8, licence="MIT")),
        ("mobile", table, ReadOptions(utc_offset_hours=8)),
    ):
        before = inspect_files([path], kind, options=options).contents.record
        after = library.import_files(kind, [path], "mine", options=options, replace=True)
        own = {"name", "checksum", "imported_at", "files", "data", "stored_files"}
        assert before.model_dump(exclude=own) == after.model_dump(exclude=own)


def test_stations(table):
    found = inspect_files([table], options=ReadOptions(utc_offset_hours=8, stamps="end"))
    has = found.contents
    assert (found.kind, found.kind_by) == ("stations", "columns")
    assert found.rows[0] == ("station", "lat", "lon", "time", "pm25") and len(found.rows) == 6
    assert (has.variable, has.variable_by, has.units_by) == ("pm25", "name", "assumed")
    assert (has.clock_by, has.stamps) == ("given", "end")
    assert has.record.dropped == {"repeated": 1, "no time": 1}
    lines = said(found)
    assert lines["clock"] == ("UTC +8 (as given)", "hours are named by their end")
    assert lines["dropped"] == ("1 repeated; 1 without a time",)
    assert lines["place"][0].startswith("2 stations, 121° E – 121° E, 31° N – 32° N")


def test_mobile_samples(table):
    table.write_text(table.read_text().replace("station,", "device,").replace("00:00,", "00:00Z,"))
    table.write_text(table.read_text().replace(":00,", ":00Z,"))
    found = inspect_files([table])
    assert (found.kind, found.contents.clock_by, found.contents.stamps) == ("mobile", "file", None)
    assert said(found)["place"][0].startswith("8 samples")


def test_coordinates_beside_a_table_are_not_taken_for_it(table, tmp_path):
    places = tmp_path / "a_places.csv"
    places.write_text("station,latitude,longitude\nA,31,121\nB,32,121\n")
    found = inspect_files([places, table], options=ReadOptions(utc_offset_hours=8))
    assert found.rows[0][-1] == "pm25" and found.contents.variable == "pm25"


def test_what_an_import_refuses_is_shown_as_far_as_it_is_known(grid, table):
    found = inspect_files([table])
    assert found.contents is None and isinstance(found.refused, DataError)
    assert "its times have no time zone" in str(found.refused)
    assert len(found.rows) == 6
    path = grid(ozone=(("latitude", "longitude"), np.ones((6, 5)), {"units": "ppb"}))
    found = inspect_files([path], options=ReadOptions(variable="dust"))
    assert "no variable 'dust' is in it" in str(found.refused)
    assert "ozone (latitude 6, longitude 5) ppb" in said(found)["variables"]
    assert said(found)["import"] == ("is refused",)
    with pytest.raises(DataError, match="no variable 'dust' is in it"):
        library.import_files("grid", [path], "mine", options=ReadOptions(variable="dust"))


def test_a_wrong_unit_is_refused_as_by_an_import(grid):
    found = inspect_files([grid(units="ug m-3")], options=ReadOptions(units="kg m-3"))
    assert "the unit 'kg m-3' looks wrong" in str(found.refused)


def test_limits_of_size_hold(grid, table, monkeypatch):
    monkeypatch.setenv("AIRLENS_MAX_CELLS", "20")
    assert "one map has 30 cells, and at most 20 are read" in str(inspect_files([grid()]).refused)
    monkeypatch.setenv("AIRLENS_MAX_ROWS", "3")
    assert "and at most 3 are read" in str(inspect_files([table]).refused)


def test_only_the_first_of_many_maps_are_read(grid, monkeypatch):
    read = []
    original = inspecting.gridded.netcdf.steps

    def counting(*args, **kwargs):
        for values in original(*args, **kwargs):
            read.append(1)
            yield values

    monkeypatch.setattr(inspecting.gridded.netcdf, "steps", counting)
    seen = []
    found = inspect_files([grid()], most_cells=60, progress=lambda n, of: seen.append((n, of)))
    assert len(read) == 2 and seen == [(1, 2), (2, 2)]
    assert (found.contents.values.looked_at, found.contents.values.steps) == (2, 4)
    assert said(found)["missing"] == ("3.33 % of 60 values in the first 2 of 4 maps",)


def test_files_of_other_units_that_were_not_read_refuse_nothing(grid, tmp_path):
    first = grid("pm25_20150110.nc", steps=1)
    second = grid("pm25_20150111.nc", steps=1, units="mg m-3")
    with xr.open_dataset(second) as opened:
        later = opened.load()
    later = later.assign_coords(valid_time=later["valid_time"] + np.timedelta64(1, "D"))
    later.to_netcdf(second, engine="netcdf4")
    assert inspect_files([first, second], most_cells=30).refused is None
    assert inspect_files([first, second]).refused is None


def test_the_first_map_is_drawn_whatever_the_order_of_files(grid):
    later = grid("z_20150111.nc", steps=1)
    first = grid("pm25_20150110.nc", steps=1)
    with xr.open_dataset(later) as opened:
        other = opened.load()
    other = other.isel(longitude=slice(None, None, -1)).assign_coords(
        longitude=other["longitude"], valid_time=other["valid_time"] + np.timedelta64(1, "D")
    )
    other.to_netcdf(later, engine="netcdf4")
    drawn = inspect_files([first]).contents.sketch
    assert inspect_files([first, later]).contents.sketch == drawn
    assert inspect_files([later, first]).contents.sketch == drawn
    assert inspect_files([later]).contents.sketch != drawn


def test_a_geotiff_and_a_format_with_a_clock(grid, tmp_path):
    import rasterio
    from rasterio.transform import Affine

    path = tmp_path / "pm25_20150110.tif"
    about = {"crs": "EPSG:4326", "transform": Affine(1, 0, 118, 0, -1, 33), "dtype": "float32"}
    with rasterio.open(path, "w", "GTiff", 4, 3, 1, **about) as file:
        file.write(np.arange(12, dtype=np.float32).reshape(1, 3, 4) + 20)
    has = inspect_files([path]).contents
    assert (has.record.format, has.variable_by, has.clock_by) == ("geotiff", "format", "assumed")
    chap = grid("CHAP_PM2.5_D1K_20150110_V4.nc", steps=1)
    has = inspect_files([chap]).contents
    assert (has.record.format, has.clock_by, has.record.utc_offset_hours) == ("chap", "format", 8)
    options = ReadOptions(utc_offset_hours=5.5)
    assert inspect_files([chap], options=options).contents.clock_by == "given"


def test_chinese_columns_line_up():
    lines = table_lines([["站点", "x"], ["a", "y"], ["北京市", "z"]])
    assert lines == ["站点    x", "a       y", "北京市  z"]


def oddities(values, times=None, **record):
    times = pd.date_range("2015-01-10", periods=4) if times is None else times
    dataset = xr.Dataset(
        {"pm2p5": (("valid_time", "latitude", "longitude"), values, {"units": "ug m-3"})},
        {
            "valid_time": times.astype("datetime64[ns]"),
            "latitude": 33.0 - np.arange(values.shape[1]),
            "longitude": 118.0 + np.arange(values.shape[2]),
        },
        attrs={
            "kind": "grid", "period": "day", "utc_offset_hours": 0, "source": "a test",
            "licence": "CC0", "synthetic": 0,
        } | record,
    )  # fmt: skip
    from engine.library.importing import _stack_of, record_of_stack

    stack = _stack_of(dataset)
    seen, _ = examining.examine(stack, 10**9, None)
    steps = examining.rhythm(stack.valid_time, stack.period)
    return [
        english(f"odd_{o.code}", **o.values)
        for o in examining.oddities(record_of_stack(stack, "", None), steps, seen)
    ]


def field(level=20.0):
    return (level + np.arange(4 * 3 * 4).reshape(4, 3, 4) % 7).astype(np.float32)


def holes():
    values = field()
    values[:, :2] = np.nan
    return values


DAYS = pd.DatetimeIndex(["2015-01-01", "2015-01-02", "2015-01-03", "2015-01-09"])
ODD = {
    "nothing": (field(), None, {}, []),
    "even": (
        np.full((4, 3, 4), 7, np.float32), None, {},
        ["All values are 7.", "3 maps are the map before once more."],
    ),
    "low": (field(0.1) / 20, None, {}, ["The median of 0.155 µg/m³ is lower"]),
    "high": (field(700), None, {}, ["The median of 703 µg/m³ is higher"]),
    "holes": (holes(), None, {}, ["67% of the values are missing."]),
    "gaps": (field(), DAYS, {}, ["5 of 9 time steps are not there."]),
    "irregular": (
        field(), pd.DatetimeIndex([*DAYS[:3], "2015-01-04T12:00"]), {},
        ["Time steps are of different length."],
    ),
    "future": (
        field(), pd.date_range("2199-01-01", periods=4), {},
        ["The last date, 2199-01-04, lies in the future."],
    ),
    "months": (
        field(), pd.DatetimeIndex(["2015-01-01", "2015-02-01", "2015-03-01", "2015-06-01"]),
        {"period": "month"}, ["2 of 6 time steps are not there."],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_what_looks_odd(case):
    values, times, record, expected = ODD[case]
    found = oddities(values, times, **record)
    assert len(found) == len(expected)
    assert all(f.startswith(e) for f, e in zip(found, expected, strict=True)), found


def test_every_sentence_can_be_said_and_is_used(grid, table):
    """No code without a sentence: closed sets are complete."""
    import typing

    closed = {
        "kind_by": inspecting.KindBy, "by": inspecting.By, "odd": examining.Odd_,
        "kind": inspecting.Kind, "stamps": inspecting.Stamps,
    }  # fmt: skip
    for prefix, kinds in closed.items():
        assert {f"{prefix}_{k}" for k in typing.get_args(kinds)} <= set(SENTENCES)
    from engine.data.dropped import REASONS

    assert {f"reason_{r.replace(' ', '_')}" for r in REASONS} <= set(SENTENCES)
    assert left_out({"of a later time": 2}, english) == ("2 of a later time",)


def test_plain_values_for_programs(grid):
    import json

    plain = json.loads(json.dumps(as_json(inspect_files([grid()])), allow_nan=False))
    assert plain["importable"] and plain["record"]["kind"] == "grid"
    assert plain["time"]["first"] == "2015-01-10T00:00:00Z"
    assert plain["values"]["share_missing"] == pytest.approx(1 / 30)
    assert plain["odd"] == [{"code": "gaps", "n": 1, "total": 5}]
    refused = as_json(inspect_files([grid()], options=ReadOptions(variable="x")))
    assert not refused["importable"] and "no variable 'x'" in refused["refused"]


def test_what_is_nothing_to_look_at(tmp_path):
    with pytest.raises(NotFoundError, match="no such file"):
        inspect_files([tmp_path / "x.nc"])
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04" + b"0" * 100)
    with pytest.raises(DataError, match="a zip archive"):
        inspect_files([tmp_path / "x.zip"])


def test_an_inspection_is_not_changed(table):
    with pytest.raises(dataclasses.FrozenInstanceError):
        inspect_files([table]).kind = "mobile"
