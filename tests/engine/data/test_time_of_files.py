"""What a stamp covers: forecasts, WRF, composites, three-hourly means, dates in names, years."""

import datetime as dt

import numpy as np
import pytest
import xarray as xr

from engine.core import dates
from engine.core.errors import DataError, NotFoundError
from engine.data import stations
from engine.data.calendar import NamedDate, date_in_name
from engine.data.gridded import load
from engine.data.options import ReadOptions

LAT, LON = [33.0, 32.0, 31.0, 30.0], [118.0, 119.0, 120.0, 121.0, 122.0]


def hours(dataset):
    return [str(t)[:13] for t in dataset["valid_time"].values]


def even(steps):
    """Maps whose value is their place among the steps, from 1."""
    return np.broadcast_to(np.arange(1.0, steps + 1)[:, None, None], (steps, 4, 5))


# ---- dates in names ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "start", "period"),
    [
        ("CHAP_PM2.5_D1K_20150110_V4.nc", "2015-01-10", "day"),
        ("V5GL04.HybridPM25.Asia.201501-201501.nc", "2015-01-01", "month"),
        ("c20230915_V5GL04_PM25_201501.tif", "2015-01-01", "month"),
        ("PM25_201501_v20230915.tif", "2015-01-01", "month"),
        ("PM25_20150110_created_20230915.tif", "2015-01-10", "day"),
        ("PM25_produced-2023-09-15_2015-01-10.tif", "2015-01-10", "day"),
        ("PM25_20150101-20150131.tif", "2015-01-01", "month"),
        ("PM25_20150110-20150110.tif", "2015-01-10", "day"),
        ("201501/PM25_20150110.nc", "2015-01-10", "day"),
        ("pm25_20150110T06.nc", "2015-01-10T06", "hour"),
        ("pm25_20150110_0600.nc", "2015-01-10T06", "hour"),
        ("wrfout_d01_2015-01-10_06:00:00", "2015-01-10T06", "hour"),
        ("spring_2015-03.tif", "2015-03-01", "month"),
    ],
)
def test_the_date_of_the_data_is_read_from_a_name(tmp_path, name, start, period):
    assert date_in_name(tmp_path / name) == NamedDate(np.datetime64(start, "ns"), period)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("PM25_20150101-20150108.tif", "a mean over 20150101-20150108 is no day and no month"),
        ("pm25_8d_20150101.tif", "a mean over 8d is no day and no month"),
        ("pm25_16day_20150101.tif", "a mean over 16day is no day and no month"),
        ("CHAP_PM2.5_Y1K_2015_V4.nc", "a mean over Y1K_2015 is no day and no month"),
        ("a_20150110_b_20150215.tif", "two dates are in its name: 2015-01-10 and 2015-02-15"),
        ("a_20150110_20150111.tif", "a mean over 20150110_20150111 is no day"),
    ],
)
def test_a_name_that_says_something_else_is_refused(tmp_path, name, says):
    with pytest.raises(DataError, match=says):
        date_in_name(tmp_path / name)


def test_a_name_without_a_date_of_the_data_has_none(tmp_path):
    for name in ("maps.tif", "pm25_v20230915.tif", "pm25_990199.tif"):
        assert date_in_name(tmp_path / name) is None


# ---- steps ---------------------------------------------------------------------------------------


def test_eight_day_composites_are_not_days(grid_file):
    path = grid_file("a.nc", time=(0, 8, 16), values=even(3))
    with pytest.raises(DataError, match="8 days apart and may be means over 8 days"):
        load([path])
    assert load([path], ReadOptions(period="day")).attrs["period"] == "day"


def test_two_maps_some_days_apart_are_days(grid_file):
    assert load([grid_file("a.nc", time=(0, 5), values=even(2))]).attrs["period"] == "day"
    with pytest.raises(DataError, match="16 days apart"):
        load([grid_file("b.nc", time=(0, 16), values=even(2))])


def test_days_with_gaps_are_days(grid_file):
    dataset = load([grid_file("a.nc", time=(0, 3, 4, 9), values=even(4))])
    assert dataset.attrs["period"] == "day"


def test_bounds_that_cover_eight_days_are_refused(tmp_path):
    dataset = xr.Dataset(
        {
            "pm2p5": (("time", "lat", "lon"), even(1), {"units": "ug m-3"}),
            "bnds": (("time", "two"), [[0.0, 8.0]]),
        },
        coords={
            "time": ("time", [4.0], {"units": "days since 2015-01-10", "bounds": "bnds"}),
            "lat": LAT,
            "lon": LON,
        },
    )
    dataset.to_netcdf(tmp_path / "a.nc")
    with pytest.raises(DataError, match="means over 8 days"):
        load([tmp_path / "a.nc"])


def test_eight_means_of_three_hours_are_a_day(grid_file):
    values = even(16).copy()
    path = grid_file(
        "a.nc", time=np.arange(0, 48, 3), time_units="hours since 2015-01-10", values=values
    )
    dataset = load([path])
    assert (dataset.attrs["period"], dataset.attrs["step_hours"]) == ("hour", 3.0)
    assert "Each map covers 3 hours." in dataset.attrs["notes"]
    day = dates.on(dataset, dt.date(2015, 1, 10), name="eac4")
    assert float(day["pm2p5"][0, 0, 0]) == pytest.approx(4.5)  # of 1 to 8


def test_a_day_needs_twenty_covered_hours(grid_file):
    for kept, valid in ((7, True), (6, False)):  # 21 and 18 hours
        values = even(8).copy()
        values[kept:] = np.nan
        path = grid_file(
            f"{kept}.nc", time=np.arange(0, 24, 3), time_units="hours since 2015-01-10",
            values=values,
        )  # fmt: skip
        dataset = load([path])
        if valid:
            assert dates.on(dataset, dt.date(2015, 1, 10), name="x")["pm2p5"].notnull().all()
        else:
            with pytest.raises(NotFoundError, match=r"no place has 20 hours .* the most is 18"):
                dates.on(dataset, dt.date(2015, 1, 10), name="x")


def test_bounds_of_one_hour_beat_steps_of_three(tmp_path):
    start = np.arange(0.0, 24, 3)
    dataset = xr.Dataset(
        {
            "pm2p5": (("time", "lat", "lon"), even(8), {"units": "ug m-3"}),
            "bnds": (("time", "two"), np.column_stack([start, start + 1])),
        },
        coords={
            "time": ("time", start, {"units": "hours since 2015-01-10", "bounds": "bnds"}),
            "lat": LAT,
            "lon": LON,
        },
    )
    dataset.to_netcdf(tmp_path / "a.nc")
    assert "step_hours" not in load([tmp_path / "a.nc"]).attrs


def test_maps_ten_minutes_apart_are_no_hours(grid_file):
    path = grid_file("a.nc", time=(0, 10, 20), time_units="minutes since 2015-01-10")
    with pytest.raises(DataError, match="its maps are 10 minutes apart"):
        load([path])


@pytest.mark.parametrize("year", ["9999", "1600"])
def test_impossible_years_are_refused(grid_file, year):
    path = grid_file("a.nc", time=(0,), time_units=f"days since {year}-01-01", values=even(1))
    with pytest.raises(DataError, match=r"no year of its data|no dates of our calendar|be read"):
        load([path])


# ---- forecasts and models ------------------------------------------------------------------------


def ads(path, references, leads):
    """A forecast as ADS gives it: reference times by lead times, the valid time beside them."""
    reference = 1420675200 + 86400 * np.arange(references)  # 2015-01-08 00 UTC
    lead = np.array(leads, dtype=float)
    valid = reference[:, None] + (3600 * lead[None]).astype(int)
    values = np.arange(1.0, valid.size + 1).reshape(len(lead), references)
    seconds = {"units": "seconds since 1970-01-01", "calendar": "proleptic_gregorian"}
    xr.Dataset(
        {
            "pm2p5": (
                ("forecast_period", "forecast_reference_time", "latitude", "longitude"),
                np.broadcast_to(values[:, :, None, None] * 1e-9, (*values.shape, 4, 5)),
                {"units": "kg m**-3"},
            )
        },
        coords={
            "forecast_period": ("forecast_period", lead, {"standard_name": "forecast_period"}),
            "forecast_reference_time": (
                "forecast_reference_time",
                reference,
                seconds | {"standard_name": "forecast_reference_time"},
            ),
            "valid_time": (
                ("forecast_reference_time", "forecast_period"),
                valid,
                seconds | {"standard_name": "time"},
            ),
            "latitude": LAT,
            "longitude": LON,
        },
    ).to_netcdf(path)
    return path


def test_the_valid_time_of_a_forecast_wins(tmp_path):
    one = load([ads(tmp_path / "cams_forecast_download_20240715.nc", 1, [12])])
    assert (hours(one), one.attrs["period"]) == (["2015-01-08T12"], "hour")
    three = load([ads(tmp_path / "data_sfc.nc", 3, [12])])
    assert hours(three) == ["2015-01-08T12", "2015-01-09T12", "2015-01-10T12"]
    assert three.attrs["period"] == "hour"


def test_reference_and_lead_times_together(tmp_path):
    dataset = load([ads(tmp_path / "a.nc", 2, [0, 3, 6, 9, 12, 15, 18, 21])])
    assert dataset.sizes["valid_time"] == 16
    # Leads run fastest in valid time, references fastest in the file.
    assert float(dataset["pm2p5"].sel(valid_time="2015-01-08T03")[0, 0]) == pytest.approx(3)
    assert float(dataset["pm2p5"].sel(valid_time="2015-01-09T00")[0, 0]) == pytest.approx(2)


def wrf(path, times):
    lat, lon = np.meshgrid(LAT, LON, indexing="ij")
    steps = len(times)
    xr.Dataset(
        {
            "Times": ("Time", np.array(times, dtype="S19")),
            "PM2_5_DRY": (
                ("Time", "bottom_top", "south_north", "west_east"),
                even(steps)[:, None],
                {"units": "ug m^-3"},
            ),
        },
        coords={
            "XLAT": (("Time", "south_north", "west_east"), np.stack([lat] * steps)),
            "XLONG": (("Time", "south_north", "west_east"), np.stack([lon] * steps)),
        },
        attrs={"TITLE": " OUTPUT FROM WRF V4.0 MODEL"},
    ).to_netcdf(path)
    return path


def test_wrf_s_own_times_are_hours(tmp_path):
    day = "2015-01-10_"
    path = wrf(tmp_path / f"wrfout_d01_{day}00_00_00", [f"{day}0{h}:00:00" for h in range(3)])
    dataset = load([path])
    assert dataset.attrs["period"] == "hour"
    assert hours(dataset) == ["2015-01-10T00", "2015-01-10T01", "2015-01-10T02"]
    files = [wrf(tmp_path / f"wrfout_d01_{day}0{h}_00_00.nc", [f"{day}0{h}:00:00"]) for h in (6, 7)]
    assert hours(load(files)) == ["2015-01-10T06", "2015-01-10T07"]
    assert load(files[:1]).attrs["period"] == "hour"


def test_a_wrf_time_that_is_none_is_named(tmp_path):
    with pytest.raises(DataError, match="'yesterday' in Times is no time"):
        load([wrf(tmp_path / "wrfout", ["yesterday"])])


# ---- tables: the hour that a stamp closes --------------------------------------------------------

CNEMC = "TimePoint,PositionName,StationCode,Latitude,Longitude,PM2_5,PrimaryPollutant\n"


def test_cnemc_s_stamps_close_their_hour_and_dashes_are_no_data(table_file):
    rows = [f"2015-01-10T0{h}:00:00,a,1141A,31.2,121.4,{v},—\n" for h, v in enumerate("3—5")]
    dataset = stations.load([table_file(CNEMC + "".join(rows))])
    assert hours(dataset) == ["2015-01-09T15", "2015-01-09T16", "2015-01-09T17"]
    np.testing.assert_array_equal(dataset["pm2p5"].values[:, 0], [3, np.nan, 5])
    # 00:00 belongs to the day before.
    assert dates.local_dates(dataset)[0] == np.datetime64("2015-01-09")
    opened = stations.load([table_file(CNEMC + "".join(rows))], ReadOptions(stamps="start"))
    assert hours(opened)[0] == "2015-01-09T16"


OPENAQ = "location_id,sensors_id,location,datetime,lat,lon,parameter,units,value\n"


def openaq(sensor, stamp, value):
    return f"2178,{sensor},Site A,{stamp}:00:00+08:00,31.2,121.4,pm25,µg/m³,{value}\n"


def test_a_day_of_openaq_is_its_24_closed_hours(table_file):
    stamps = [f"2021-01-10T{h:02d}" for h in range(1, 24)] + ["2021-01-11T00"]
    rows = "".join(openaq(11, stamp, 20 + n) for n, stamp in enumerate(stamps))
    dataset = stations.load([table_file(OPENAQ + rows)])
    day = dates.on(dataset, dt.date(2021, 1, 10), name="openaq")
    assert float(day["pm2p5"][0, 0]) == pytest.approx(31.5)


def test_several_sensors_of_one_place_are_averaged_and_said(table_file):
    rows = openaq(11, "2021-01-10T01", 30) + openaq(12, "2021-01-10T01", 33)
    dataset = stations.load([table_file(OPENAQ + rows)])
    assert float(dataset["pm2p5"][0, 0]) == pytest.approx(31.5)
    assert "1 place with several sensors" in dataset.attrs["notes"]
    twice = openaq(11, "2021-01-10T01", 30) + openaq(11, "2021-01-10T01", 33)
    with pytest.raises(DataError, match="is there twice"):
        stations.load([table_file(OPENAQ + twice)])


def test_a_plain_table_may_name_hours_by_their_end(table_file):
    text = "time,station,lat,lon,pm2p5\n2015-01-10 01:00,a,31,118,5\n2015-01-10 02:30,a,31,118,7\n"
    options = {"utc_offset_hours": 0.0}
    assert hours(stations.load([table_file(text)], ReadOptions(**options))) == [
        "2015-01-10T01",
        "2015-01-10T02",
    ]
    ends = stations.load([table_file(text)], ReadOptions(**options, stamps="end"))
    assert hours(ends) == ["2015-01-10T00", "2015-01-10T02"]


def test_a_year_that_no_measurement_has_is_no_time(table_file):
    text = "time,station,lat,lon,pm2p5\n9999-01-01 00:00,a,31,118,5\n"
    with pytest.raises(DataError, match="'9999-01-01 00:00' is no time"):
        stations.load([table_file(text)], ReadOptions(utc_offset_hours=0))
