"""CF grids, WUSTL and CHAP files, as their publishers write them; and what is wrong with files."""

import numpy as np
import pytest
import xarray as xr

from engine.core.errors import DataError, NotFoundError, RequestError
from engine.core.schema import grid_of
from engine.data.gridded import load, open_stack
from engine.data.options import ReadOptions


def days(dataset):
    return [str(t)[:16] for t in dataset["valid_time"].values]


def test_a_cf_grid_comes_through_unchanged(grid_file, field):
    dataset = load([grid_file()])
    np.testing.assert_array_equal(dataset["pm2p5"].values, field())
    assert days(dataset) == ["2015-01-10T00:00", "2015-01-11T00:00", "2015-01-12T00:00"]
    assert dataset.attrs["period"] == "day"
    assert dataset.attrs["notes"] == ""
    assert dataset["pm2p5"].attrs["units"] == "ug m-3"


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF4_CLASSIC", "NETCDF3_CLASSIC", "NETCDF3_64BIT"])
def test_every_netcdf_but_cdf5_is_read(grid_file, field, form):
    path = grid_file(form=form, engine="netcdf4")
    np.testing.assert_array_equal(load([path])["pm2p5"].values, field())


def test_latitude_running_north_is_turned_and_reported(grid_file, field):
    path = grid_file(values=field()[:, ::-1], latitude=(30.0, 31.0, 32.0, 33.0))
    dataset = load([path])
    np.testing.assert_array_equal(dataset["pm2p5"].values, field())
    assert list(dataset["latitude"].values) == [33, 32, 31, 30]
    assert "Latitudes ran from south to north; turned." in dataset.attrs["notes"]


def test_longitudes_to_360_are_turned_with_their_values(grid_file):
    lon = np.arange(0, 360, 60.0)  # 0 60 120 | 180 240 300
    values = np.broadcast_to(np.arange(20, 26, dtype=np.float32), (1, 4, 6))
    dataset = load([grid_file(values=values, longitude=lon, time=[0])])
    assert list(dataset["longitude"].values) == [-120, -60, 0, 60, 120]  # 180° is the edge
    assert list(dataset["pm2p5"].values[0, 0]) == [24, 25, 20, 21, 22]
    assert "Longitudes ran from 0 to 360" in dataset.attrs["notes"]


def test_longitudes_of_the_west_written_beyond_180(grid_file, field):
    dataset = load([grid_file(longitude=np.arange(240, 245.0))])
    assert list(dataset["longitude"].values) == [-120, -119, -118, -117, -116]
    np.testing.assert_array_equal(dataset["pm2p5"].values, field())


def test_a_grid_across_the_180th_meridian_is_refused(grid_file):
    with pytest.raises(DataError, match="crosses the 180° meridian"):
        load([grid_file(longitude=np.arange(178, 183.0))])


def test_columns_running_west_and_transposed_dimensions(grid_file, tmp_path, field):
    path = tmp_path / "t.nc"
    xr.Dataset(
        {"PM25": (("lon", "lat", "time"), field()[:, :, ::-1].T, {"units": "µg/m³"})},
        {
            "time": ("time", [0, 1, 2], {"units": "days since 2015-01-10"}),
            "lat": [33.0, 32.0, 31.0, 30.0],
            "lon": [122.0, 121.0, 120.0, 119.0, 118.0],
        },
    ).to_netcdf(path, engine="netcdf4")
    dataset = load([path])
    np.testing.assert_array_equal(dataset["pm2p5"].values, field())
    assert "east to west" in dataset.attrs["notes"]


@pytest.mark.parametrize(
    ("units", "factor"), [("kg m-3", 1e-9), ("kg m**-3", 1e-9), ("mg/m3", 1e-3), ("ng m-3", 1e3)]
)
def test_units_are_converted(grid_file, field, units, factor):
    path = grid_file(values=field().astype(np.float64) * factor, units=units)
    np.testing.assert_allclose(load([path])["pm2p5"].values, field(), rtol=1e-6)


def test_units_can_be_declared(grid_file, field):
    path = grid_file(values=field().astype(np.float64) * 1e-9, units="ug m-3")
    predicted = load([path], ReadOptions(units="kg m-3"))
    np.testing.assert_allclose(predicted["pm2p5"].values, field(), rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-9, 1e3])
def test_a_unit_that_cannot_be_right_is_refused(grid_file, field, scale):
    path = grid_file(values=field().astype(np.float64) * scale)
    with pytest.raises(DataError, match=r"'ug m-3' looks wrong: PM2.5 would have a median of"):
        load([path])


def test_the_unit_that_would_fit_is_named(grid_file, field):
    with pytest.raises(DataError, match=r"'kg m-3' looks wrong.*--units 'ug m-3' would fit"):
        load([grid_file(values=field(), units="kg m-3")])
    with pytest.raises(DataError, match=r"--units 'kg m-3' would fit"):
        load([grid_file(values=field() * 1e-9, units=None)])


def test_a_table_is_sent_to_the_stations(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("station,latitude\nA,31\n")
    with pytest.raises(DataError, match=r"this is a table, no grid\. Import it as stations"):
        load([path])


def test_another_kind_of_unit_is_refused(grid_file):
    with pytest.raises(DataError, match="'ppb' is not a mass concentration we know"):
        load([grid_file(units="ppb")])


def test_a_missing_unit_is_taken_as_ours_where_the_median_fits(grid_file, field):
    dataset = load([grid_file(units=None)])
    np.testing.assert_array_equal(dataset["pm2p5"].values, field())
    assert "names no unit" in dataset.attrs["notes"]


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1e3])
def test_a_missing_unit_is_refused_where_the_median_does_not_fit(grid_file, field, scale):
    path = grid_file(values=field().astype(np.float64) * scale, units=None)
    with pytest.raises(DataError, match=r"no unit is given, and a median .* --units"):
        load([path])


@pytest.mark.parametrize(
    "fill", [-999.0, -9999.0, 9.96921e36, 65535.0, 32767.0, 1e20, np.inf, -np.inf, np.nan, -5.0]
)
def test_numbers_that_mean_no_data_become_nan(grid_file, field, fill):
    values = field()
    values[1, 2, 3] = fill
    dataset = load([grid_file(values=values)])
    missing = np.isnan(dataset["pm2p5"].values)
    assert missing.sum() == 1
    assert missing[1, 2, 3]
    if not np.isnan(fill):
        assert "became no data" in dataset.attrs["notes"]


def test_packed_integers_with_an_unannounced_fill_value(grid_file, field):
    packed = np.round(field() * 10).astype(np.uint16)
    packed[0, 0, 0] = 65535
    path = grid_file(values=packed, scale_factor=0.1)
    values = load([path])["pm2p5"].values
    assert np.isnan(values[0, 0, 0])
    np.testing.assert_allclose(values[1:], np.round(field() * 10)[1:] / 10, rtol=1e-6)


def test_nothing_but_fill_values_is_refused(grid_file):
    with pytest.raises(DataError, match=r"not one valid PM2.5 value"):
        load([grid_file(values=np.full((3, 4, 5), -999.0, np.float32))])


def test_unsorted_times_are_sorted_and_reported(grid_file, field):
    dataset = load([grid_file(values=field()[[2, 0, 1]], time=(2, 0, 1))])
    np.testing.assert_array_equal(dataset["pm2p5"].values, field())
    assert "Times were not in order; sorted." in dataset.attrs["notes"]


def test_repeated_times_are_refused(grid_file):
    with pytest.raises(DataError, match="time 2015-01-11T00:00 is there twice"):
        load([grid_file(time=(0, 1, 1))])


def test_the_same_day_in_two_files_names_both(grid_file):
    first = grid_file("a.nc", values=np.full((1, 4, 5), 20.0), time=[0])
    second = grid_file("b.nc", values=np.full((1, 4, 5), 21.0), time=[0])
    with pytest.raises(DataError, match=r"2015-01-10T00:00 is there twice \(a.nc and b.nc\)"):
        load([first, second])


def test_times_without_a_meaning_are_refused(grid_file):
    with pytest.raises(DataError, match="are no dates of our calendar"):
        load([grid_file(time_units="months")])


def test_yearly_means_are_refused(grid_file):
    with pytest.raises(DataError, match="its times are 365 days apart"):
        load([grid_file(time=(0, 365, 730))])


def test_uneven_axes_are_refused(grid_file):
    with pytest.raises(DataError, match="latitude is not evenly spaced"):
        load([grid_file(latitude=(33.0, 32.0, 30.5, 30.0))])


def test_exchanged_latitude_and_longitude_are_named(grid_file):
    path = grid_file(
        latitude=(122.0, 121.0, 120.0, 119.0), longitude=(30.0, 31.0, 32.0, 33.0, 34.0)
    )
    with pytest.raises(DataError, match="latitude reaches 122°; latitude and longitude look exch"):
        load([path])


def test_variables_that_are_not_there(grid_file):
    path = grid_file(variable="aod", units="1")
    with pytest.raises(DataError, match=r"no variable looks like PM2.5; it has aod"):
        load([path])
    with pytest.raises(DataError, match="no variable 'pm' is in it; it has aod"):
        load([path], ReadOptions(variable="pm"))


def test_a_variable_known_by_its_long_name(grid_file, field):
    path = grid_file(variable="conc", long_name="Surface PM2.5 concentration")
    np.testing.assert_array_equal(load([path])["pm2p5"].values, field())


def test_a_further_dimension_is_refused(tmp_path, field):
    path = tmp_path / "levels_20150110.nc"
    xr.Dataset(
        {"pm2p5": (("level", "lat", "lon"), field(), {"units": "ug m-3"})},
        {"lat": [33.0, 32.0, 31.0, 30.0], "lon": np.arange(118.0, 123.0)},
    ).to_netcdf(path, engine="netcdf4")
    with pytest.raises(DataError, match="further dimension 'level' of 3"):
        load([path])


def test_a_file_without_axes_or_date(tmp_path, grid_file):
    path = tmp_path / "bare.nc"
    xr.Dataset({"pm2p5": (("y", "x"), np.ones((3, 3)))}).to_netcdf(path, engine="netcdf4")
    with pytest.raises(DataError, match="no latitude is in it"):
        load([path])
    undated = grid_file("undated.nc", values=np.full((4, 5), 20.0), time=None)
    with pytest.raises(DataError, match="no time is in it and no date in its name"):
        load([undated])


@pytest.mark.parametrize("form", ["NETCDF4", "NETCDF3_CLASSIC"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
def test_a_truncated_file_is_refused_and_never_filled_in(grid_file, form, share):
    path = grid_file(form=form, values=np.full((3, 4, 5), 20.0))
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(DataError, match=r"damaged or cut short.*Download or copy it again"):
        load([path])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"<!DOCTYPE html><html>", "this is a web page"),
        (b"PK\x03\x04rest", "this is a zip archive"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        (b"\x00\x01\x02\x03", "this is no NetCDF, GeoTIFF"),
        (b"lat,lon,pm25\n1,2,3\n", "this is no NetCDF file"),
    ],
)
def test_strangers_are_named(tmp_path, content, says):
    path = tmp_path / "x_20150110.nc"
    path.write_bytes(content)
    with pytest.raises(DataError, match=says):
        load([path])


def test_paths_that_are_not_there(tmp_path):
    with pytest.raises(NotFoundError, match="no such file or folder"):
        load([tmp_path / "no.nc"])
    with pytest.raises(NotFoundError, match="the folder holds no"):
        load([tmp_path])


def test_an_unknown_form_names_the_known_ones(grid_file):
    with pytest.raises(RequestError, match=r"'grib' is no form of a grid. Choose from wustl, chap"):
        load([grid_file()], ReadOptions(format="grib"))


def test_files_of_different_grids_are_refused(grid_file):
    first = grid_file("a.nc")
    second = grid_file("b.nc", latitude=(34.0, 33.0, 32.0, 31.0), time=(3, 4, 5))
    with pytest.raises(DataError, match=r"b.nc: its grid .* is not that of a.nc"):
        load([first, second])


def test_a_daily_file_of_local_days_keeps_its_dates(grid_file):
    dataset = load([grid_file()], ReadOptions(utc_offset_hours=8))
    assert days(dataset)[0] == "2015-01-09T16:00"  # 10 January in China
    assert dataset.attrs["utc_offset_hours"] == 8


def test_a_date_is_a_date_west_of_greenwich_too(grid_file):
    dataset = load([grid_file()], ReadOptions(utc_offset_hours=-5))
    assert days(dataset)[0] == "2015-01-10T05:00"  # 10 January, 00:00 in Bogotá


def test_stamps_at_noon_and_at_local_midnight_mean_the_same_day(grid_file):
    noon = load([grid_file(time=(0.5, 1.5, 2.5))], ReadOptions(utc_offset_hours=8))
    midnight = load(
        [grid_file(time=(16, 40, 64), time_units="hours since 2015-01-09")],
        ReadOptions(utc_offset_hours=8),
    )
    assert (
        days(noon) == days(midnight) == ["2015-01-09T16:00", "2015-01-10T16:00", "2015-01-11T16:00"]
    )


def test_hours_stay_where_they_are(grid_file):
    path = grid_file(time=(0, 1, 2), time_units="hours since 2015-01-10")
    dataset = load([path], ReadOptions(utc_offset_hours=8))
    assert dataset.attrs["period"] == "hour"
    assert days(dataset) == ["2015-01-10T00:00", "2015-01-10T01:00", "2015-01-10T02:00"]


def test_a_month_in_the_name_of_a_file_of_days_means_nothing(grid_file):
    assert load([grid_file("daily_201501.nc")]).attrs["period"] == "day"


def test_wustl_as_published_takes_the_month_from_the_name(grid_file, field):
    for month in (2, 1):
        grid_file(
            f"V5GL04.HybridPM25.Asia.20150{month}-20150{month}.nc",
            variable="GWRPM25",
            values=field()[month, ::-1],
            latitude=(30.05, 30.15, 30.25, 30.35),
            longitude=np.float32([118.05, 118.15, 118.25, 118.35, 118.45]),
            time=None,
            units="ug/m3",
        )
    folder = grid_file("V5GL04.HybridPM25.Asia.201503-201503.nc").parent
    (folder / "V5GL04.HybridPM25.Asia.201503-201503.nc").unlink()
    dataset = load([folder])
    assert days(dataset) == ["2015-01-01T00:00", "2015-02-01T00:00"]
    assert (dataset.attrs["period"], dataset.attrs["utc_offset_hours"]) == ("month", 0)
    assert dataset.attrs["format"] == "wustl"
    assert dataset.attrs["licence"] == "CC BY 4.0"
    np.testing.assert_array_equal(dataset["pm2p5"].values, field()[1:])
    # Float32's dust is swept from the axis.
    assert list(dataset["longitude"].values) == pytest.approx(
        [118.05, 118.15, 118.25, 118.35, 118.45], abs=1e-12
    )


def test_a_yearly_wustl_file_is_refused(grid_file):
    path = grid_file(
        "V5GL04.HybridPM25.Asia.201501-201512.nc", values=np.full((4, 5), 20.0), time=None
    )
    with pytest.raises(DataError, match="a mean over 201501-201512 is no day and no month"):
        load([path])


def chap(grid_file, day, value, **options):
    packed = np.full((4, 5), value * 10, np.uint16)
    packed[0, 0] = 65535
    return grid_file(
        f"CHAP_PM2.5_D1K_2015011{day}_V4.nc",
        variable="PM2.5",
        values=packed,
        scale_factor=0.1,
        time=None,
        units="µg/m3",
        encoding={"_FillValue": 65535, "dtype": "uint16"},
        latitude=(30.005, 30.015, 30.025, 30.035),
        longitude=(118.005, 118.015, 118.025, 118.035, 118.045),
        **options,
    )


def test_a_folder_of_chap_days_is_local_days_of_china(grid_file):
    folder = chap(grid_file, 2, 40).parent
    chap(grid_file, 0, 30)
    dataset = load([folder])
    assert days(dataset) == ["2015-01-09T16:00", "2015-01-11T16:00"]
    assert dataset.attrs["format"] == "chap"
    assert dataset.attrs["utc_offset_hours"] == 8
    values = dataset["pm2p5"].values
    assert np.isnan(values[:, 3, 0]).all()  # row 0 of the file is the south
    assert values[:, 0, 0] == pytest.approx([30, 40])
    assert grid_of(dataset).step_lat == pytest.approx(0.01)


def test_two_versions_of_one_chap_day_are_named(grid_file):
    path = chap(grid_file, 0, 30)
    path.with_name("CHAP_PM2.5_D1K_20150110_V5.nc").write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r"_V4.nc and CHAP_PM2.5_D1K_20150110_V5.nc"):
        load([path.parent])


def test_a_stack_is_read_step_by_step(grid_file, monkeypatch):
    monkeypatch.setattr("engine.data.netcdf.steps.__kwdefaults__", {"budget_bytes": 1})
    stack = open_stack([grid_file()])
    steps = stack.read()
    assert next(steps)[0] == 0
    assert [p for p, _ in steps] == [1, 2]


def _stamped(path, stamps, dtype="f8", units="days since 2015-01-01", **bounds):
    """Maps with raw times, and CF bounds if they are given; values 20 + step."""
    size = len(stamps)
    data = {
        "pm2p5": (
            ("time", "lat", "lon"),
            np.full((size, 4, 4), 20.0, "f4") + np.arange(size, dtype="f4")[:, None, None],
            {"units": "ug m-3"},
        )
    }
    attributes = {"units": units}
    if bounds:
        attributes["bounds"] = "time_bnds"
        data["time_bnds"] = (("time", "nv"), np.array(bounds["bounds"], dtype))
    xr.Dataset(
        data,
        {
            "time": ("time", np.array(stamps, dtype), attributes),
            "lat": 30 + 0.1 * np.arange(4),
            "lon": 110 + 0.1 * np.arange(4),
        },
    ).to_netcdf(path)
    return path


def test_bounds_decide_what_a_stamp_at_the_end_covers(tmp_path):
    months = [(0, 31), (31, 59), (59, 90)]
    path = _stamped(tmp_path / "a.nc", [31, 59, 90], bounds=months)
    dataset = load([path])
    assert [str(t)[:7] for t in dataset["valid_time"].values] == ["2015-01", "2015-02", "2015-03"]
    path = _stamped(tmp_path / "b.nc", [10, 11, 12], bounds=[(9, 10), (10, 11), (11, 12)])
    days = load([path])["valid_time"].values
    assert [str(t)[:10] for t in days] == ["2015-01-10", "2015-01-11", "2015-01-12"]


def test_bounds_that_do_not_hold_their_stamps_are_left_aside(tmp_path):
    path = _stamped(tmp_path / "a.nc", [9, 10], bounds=[(0, 1), (1, 2)])
    assert str(load([path])["valid_time"].values[0])[:10] == "2015-01-10"


def test_days_in_single_precision_are_whole_hours(tmp_path):
    stamps = 42012 + np.arange(24) / 24
    path = _stamped(tmp_path / "a.nc", stamps, "f4", "days since 1900-01-01")
    times = load([path])["valid_time"].values
    assert set(np.diff(times)) == {np.timedelta64(3600, "s")}


def test_maps_that_lose_every_value_on_the_way_are_refused(tmp_path):
    across = 120 + 0.1 * np.arange(24) - 0.015 * np.arange(24)[:, None]
    xr.Dataset(
        {"pm2p5": (("time", "y", "x"), np.full((1, 24, 24), 30.0, "f4"), {"units": "ug m-3"})},
        {
            "time": np.array(["2015-01-10"], "datetime64[ns]"),
            "lat": (("y", "x"), np.full((24, 24), 31.0)),
            "lon": (("y", "x"), across),
        },
    ).to_netcdf(tmp_path / "flat.nc")
    with pytest.raises(DataError, match="longitudes are no grid"):
        load([tmp_path / "flat.nc"])


def test_a_file_without_a_time_step_is_named(tmp_path):
    path = tmp_path / "empty.nc"
    xr.Dataset(
        {"pm2p5": (("time", "lat", "lon"), np.zeros((0, 4, 4), "f4"), {"units": "ug m-3"})},
        {
            "time": np.zeros(0, "datetime64[ns]"),
            "lat": 30 + 0.1 * np.arange(4),
            "lon": 110 + 0.1 * np.arange(4),
        },
    ).to_netcdf(path)
    with pytest.raises(DataError, match=r"empty\.nc: the file has no time step"):
        load([path])


@pytest.mark.parametrize("chunks", [None, (1, 2, 3)])
def test_a_large_map_read_in_strips_is_the_same_map(tmp_path, monkeypatch, chunks):
    values = np.arange(2 * 7 * 5, dtype="i2").reshape(2, 7, 5)
    path = tmp_path / "maps.nc"
    xr.Dataset(
        {"PM2.5": (("time", "lat", "lon"), 0.1 * values + 20, {"units": "ug m-3"})},
        {
            "time": np.array(["2020-01-01", "2020-01-02"], "datetime64[ns]"),
            "lat": 30 + 0.1 * np.arange(7),
            "lon": 110 + 0.1 * np.arange(5),
        },
    ).to_netcdf(
        path,
        engine="netcdf4",
        encoding={
            "PM2.5": {"dtype": "i2", "scale_factor": 0.1, "_FillValue": -1, "chunksizes": chunks}
        },
    )
    at_once = load([path])
    monkeypatch.setattr("engine.data.netcdf.steps.__kwdefaults__", {"budget_bytes": 90})
    in_strips = load([path])
    np.testing.assert_array_equal(in_strips["pm2p5"], at_once["pm2p5"])
    assert float(in_strips["pm2p5"][1, -1, 0]) == pytest.approx(23.5)


def test_values_of_own_exports_keep_their_offset_and_badge(grid_file):
    path = grid_file(attrs={"utc_offset_hours": 8, "synthetic": 1, "licence": "CC0"})
    dataset = load([path])
    assert (dataset.attrs["utc_offset_hours"], dataset.attrs["synthetic"]) == (8, 1)
    assert dataset.attrs["licence"] == "CC0"


def test_the_real_wustl_crop(shared):
    path = shared("wustl/V5GL04_PM25_eastasia_monthly_1998-2018.nc")
    dataset = load([path])
    assert dict(dataset.sizes) == {"valid_time": 252, "latitude": 300, "longitude": 450}
    assert (days(dataset)[0], days(dataset)[-1]) == ("1998-01-01T00:00", "2018-12-01T00:00")
    assert dataset.attrs["licence"] == "CC BY 4.0"
    with xr.open_dataset(path, engine="netcdf4") as raw:
        there = raw["PM25"].sel(time="2015-01-01").sel(lat=31.25, lon=121.45, method="nearest")
        here = (
            dataset["pm2p5"]
            .sel(valid_time="2015-01-01")
            .sel(latitude=31.25, longitude=121.45, method="nearest")
        )
        assert float(here) == pytest.approx(float(there), abs=1e-4)
    sea = np.isnan(dataset["pm2p5"].values)
    assert sea.mean() == pytest.approx(0.4245, abs=1e-3)
    assert (sea == sea[0]).all()
