"""Station tables as people have them: which rows count, what names a station, where it lies."""

import re

import numpy as np
import pandas as pd
import pytest

from engine.core.errors import DataError
from engine.data import mobile, stations
from engine.data.options import ReadOptions
from engine.library.inspecting import inspect_files

CHINA = ReadOptions(utc_offset_hours=8)


def hours(dataset):
    return [str(t)[:13] for t in dataset["valid_time"].values]


def rows(*lines):
    return "\n".join(lines) + "\n"


# ---- wide tables ---------------------------------------------------------------------------------

PLACES = rows(
    "监测点编码,监测点名称,城市,经度,纬度", "1A,一,上海,121.4,31.2", "2A,二,上海,121.5,31.3"
)


def wide(hours_=3):
    lines = ["date,hour,type,1A,2A"]
    for h in range(hours_):
        lines += [
            f"20150110,{h},AQI,60,70",
            f"20150110,{h},PM2.5,{30 + h},{'' if h == 1 else 40 + h}",
            f"20150110,{h},PM2.5_24h,28,38",
            f"20150110,{h},PM10,{70 + h},80",
        ]
    return rows(*lines)


def test_columns_that_are_stations_become_rows(table_file):
    path = table_file(wide(), "china_sites_20150110.csv")
    dataset = stations.load([path], ReadOptions(coordinates=table_file(PLACES, "places.csv")))
    # The feed's stamps close their hours: 0:00 is 23 to 24 of the day before, UTC+8.
    assert hours(dataset) == ["2015-01-09T15", "2015-01-09T16", "2015-01-09T17"]
    np.testing.assert_array_equal(dataset["pm2p5"].values, [[30, 40], [31, np.nan], [32, 42]])
    np.testing.assert_array_equal(dataset["pm10"].values[:, 0], [70, 71, 72])
    assert list(dataset["name"].values) == ["一", "二"]
    assert "2 stations were columns; made rows." in dataset.attrs["notes"]
    assert dataset.attrs["reference_state"] == "273 K"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (wide().replace("PM2.5,", "NO2,"), "column 'type' has no rows of PM2.5"),
        (wide() + "20150110,2,PM2.5,1,2\n", "hour 2 of station '1A' has two rows of PM2_5"),
        (wide().replace("20150110,2", "201501xx,2"), "a date or an hour of it is none"),
        (wide(), "station '1A' has no coordinates"),
    ],
)
def test_a_wide_table_that_is_wrong_is_refused(table_file, text, says):
    with pytest.raises(DataError, match=says):
        stations.load([table_file(text)])


# ---- networks ------------------------------------------------------------------------------------


def test_sensor_community_has_pm2p5_in_p2(table_file):
    text = rows(
        "sensor_id;sensor_type;location;lat;lon;timestamp;P1;durP1;ratioP1;P2;durP2;ratioP2",
        "10001;SDS011;5001;48.7;9.1;2021-03-10T00:02:30;20;;;10;;",
        "10001;SDS011;5001;48.7;9.1;2021-03-10T00:32:30;24;;;14;;",
        "10003;SDS011;5001;48.7;9.2;2021-03-10T00:02:30;40;;;30;;",
    )
    dataset = stations.load([table_file(text)])
    assert (hours(dataset), dataset.attrs["format"]) == (["2021-03-10T00"], "sensor-community")
    np.testing.assert_array_equal(dataset["pm2p5"].values[0], [12, 30])
    np.testing.assert_array_equal(dataset["pm10"].values[0], [22, 40])


def test_the_european_agency_s_invalid_rows_never_count(table_file):
    text = rows(
        "Samplingpoint,Pollutant,Start,End,Value,Unit,Validity",
        "X/S1,6001,2021-01-10 00:00,2021-01-10 01:00,10,ug.m-3,1",
        "X/S1,6001,2021-01-10 01:00,2021-01-10 02:00,900,ug.m-3,-1",
        "X/S1,6001,2021-01-10 02:00,2021-01-10 03:00,12,ug.m-3,2",
        "X/S1,5,2021-01-10 02:00,2021-01-10 03:00,99,ug.m-3,1",
    )
    places = table_file(rows("station,latitude,longitude", "X/S1,50,10"), "places.csv")
    dataset = stations.load([table_file(text)], ReadOptions(coordinates=places))
    assert hours(dataset) == ["2021-01-09T23", "2021-01-10T01"]  # UTC+1
    np.testing.assert_array_equal(dataset["pm2p5"].values[:, 0], [10, 12])
    assert "1 rows called invalid were left out" in dataset.attrs["notes"]


def test_a_renamed_table_keeps_its_validity(table_file):
    text = rows(
        "station,lat,lon,time,pm25,Validity",
        "a,50,10,2021-01-10 00:00,10,1",
        "a,50,10,2021-01-10 01:00,900,-99",
    )
    dataset = stations.load([table_file(text)], ReadOptions(utc_offset_hours=0))
    assert dataset["pm2p5"].values.ravel().tolist() == [10]


def test_hours_from_1_to_24_close_and_utc_may_be_a_word(table_file):
    text = rows(
        "station,lat,lon,time,pm25",
        *(f"a,51.5,-0.1,2021-01-10 {h:02d}:00,{h}" for h in range(1, 25)),
    )
    dataset = stations.load([table_file(text)], ReadOptions(utc_offset_hours=0))
    assert (hours(dataset)[0], hours(dataset)[-1]) == ("2021-01-10T00", "2021-01-10T23")
    assert dataset["pm2p5"].values[:, 0].tolist() == list(range(1, 25))
    word = rows("station,lat,lon,time,pm25", "a,37.7,-122.4,2021-03-10 00:00:05 UTC,5")
    assert hours(stations.load([table_file(word)])) == ["2021-03-10T00"]


@pytest.mark.parametrize("text", ["1700971200", "1701010000", "1700971200000"])
def test_a_bare_number_of_seconds_is_not_guessed(table_file, text):
    table = table_file(rows("station,lat,lon,time,pm25", f"a,37.7,-122.4,{text},5"))
    with pytest.raises(DataError, match="may be seconds since 1970 or a date without marks"):
        stations.load([table], CHINA)


# ---- what names a station ------------------------------------------------------------------------


def numbered(*, name):
    head = "id,station_name,lat,lon,time,pm25" if name else "id,lat,lon,time,pm25"
    lines = [head]
    for n in range(8):
        place = f"{31.2 + 0.1 * (n // 4):.1f},121.4"
        named = f"站{n // 4}," if name else ""
        lines.append(f"{n + 1},{named}{place},2015-01-10 0{n % 4}:00,{30 + n}")
    return rows(*lines)


@pytest.mark.parametrize(
    ("name", "names"), [(True, ["站0", "站1"]), (False, ["31.2, 121.4", "31.3, 121.4"])]
)
def test_a_number_for_each_row_is_no_station(table_file, name, names):
    dataset = stations.load([table_file(numbered(name=name))], CHINA)
    assert dict(dataset.sizes) == {"valid_time": 4, "station": 2}
    assert sorted(map(str, dataset["station"].values)) == names
    assert dataset["pm2p5"].values[:, 0].tolist() == [30, 31, 32, 33]


def test_stations_that_have_numbers_stay(table_file):
    text = rows("id,lat,lon,time,pm25", *(f"{n},31.{n},121,2015-01-10,3{n}" for n in range(1, 6)))
    assert stations.load([table_file(text)], CHINA).sizes["station"] == 5


def test_a_place_goes_before_its_city(table_file):
    text = rows(
        "city,location,lat,lon,time,pm25",
        "Shanghai,1141A,31.2,121.4,2015-01-10 00:00,30",
        "Shanghai,1142A,31.3,121.5,2015-01-10 00:00,40",
    )
    dataset = stations.load([table_file(text)], CHINA)
    assert list(dataset["station"].values) == ["1141A", "1142A"]


def test_numbers_that_a_spreadsheet_shortened_are_refused(table_file):
    text = rows(
        "station,lat,lon,time,pm25",
        "3.10115E+11,31.20,121.4,2015-01-10 00:00,30",
        "3.10115E+11,31.21,121.4,2015-01-10 01:00,40",
    )
    with pytest.raises(DataError, match=r"'3.10115E.11' is a number that a spreadsheet shortened"):
        stations.load([table_file(text)], CHINA)


# ---- which column, in which unit -----------------------------------------------------------------


def plain(head, *cells):
    lines = [f"a,31.2,121.4,2015-01-10 0{h}:00,{row}" for h, row in enumerate(cells)]
    return rows(f"station,lat,lon,time,{head}", *lines)


@pytest.mark.parametrize("reader", [stations, mobile])
@pytest.mark.parametrize(
    ("head", "cells", "values"),
    [
        ("pm25", ("30", "31"), [30, 31]),
        ("pm,pm25", ("70,30",), [30]),
        ("PM2.5_std,pm2.5", ("3,30",), [30]),
        ("pm2.5,pm25", ("30,30.0", ","), [30, np.nan]),
        ("PM2.5 (µg/m³)", ("30",), [30]),
        ("PM25_AQI,PM2.5 (ug/m3)", ("90,30",), [30]),
        ("PM2.5 [mg/m3]", ("0.03",), [30]),
        ("PM2.5浓度(μg/m³)", ("30",), [30]),
        ("pm25_ug_m3", ("30",), [30]),
        ("pm2p5_ugm3", ("30",), [30]),
        ("pm25,unit", ("0.03,mg/m3", "31,ug/m3", "32,"), [30, 31, 32]),
        ("pm25,单位", ("0.03,mg/m³",), [30]),
    ],
)
def test_the_column_and_the_unit_of_pm2p5(table_file, reader, head, cells, values):
    dataset = reader.load([table_file(plain(head, *cells))], CHINA)
    wanted = [v for v in values if reader is stations or not np.isnan(v)]
    np.testing.assert_allclose(dataset["pm2p5"].values.ravel(), wanted, rtol=1e-6)


@pytest.mark.parametrize("reader", [stations, mobile])
@pytest.mark.parametrize(
    ("head", "cell", "says"),
    [
        ("pm2.5,pm25", "30,99", "several columns may be PM2.5: pm2.5, pm25"),
        ("pm25,PM2.5 (mg/m3)", "30,0.05", "several columns may be PM2.5: pm25, PM2.5 (mg/m3)"),
        ("pm25,unit", "30,ppb", "unit 'ppb' is not a mass concentration"),
        ("pm25,units", "30,AQI", "unit 'AQI' is not a mass concentration"),
        ("PM25Std", "3", "column 'pm2p5' is missing"),
        ("PM2.5 (ppb)", "3", "column 'pm2p5' is missing"),
    ],
)
def test_columns_and_units_that_do_not_agree_are_refused(table_file, reader, head, cell, says):
    with pytest.raises(DataError, match=re.escape(says)):
        reader.load([table_file(plain(head, cell))], CHINA)


@pytest.mark.parametrize(
    ("head", "cell", "column", "units", "factor"),
    [
        ("pm25", "30", "pm25", "ug m-3", 1),
        ("pm25,unit", "0.03,mg/m3", "pm25", "mg/m3", 1000),
        ("PM2.5 (µg/m³)", "30", "PM2.5 (µg/m³)", "µg/m³", 1),
        ("pm25_ug_m3", "30", "pm25_ug_m3", "ug/m3", 1),
    ],
)
def test_a_look_says_the_column_and_its_unit(table_file, head, cell, column, units, factor):
    found = inspect_files([table_file(plain(head, cell))], options=CHINA)
    assert found.refused is None
    seen = found.contents
    assert (seen.variable, seen.units, seen.factor) == (column, units, factor)


def test_what_the_user_names_goes_before_what_the_table_says(table_file):
    path = table_file(plain("pm2.5,pm25,unit", "0.03,0.05,ug/m3"))
    options = ReadOptions(utc_offset_hours=8, variable="pm25", units="mg m-3")
    assert float(stations.load([path], options)["pm2p5"][0, 0]) == pytest.approx(50)


# ---- where it lies -------------------------------------------------------------------------------


def test_stations_at_sea_that_are_on_land_when_exchanged_are_refused(table_file):
    text = rows("station,lat,lon,time,pm25", "sp,-46.6,-23.5,2015-01-10 00:00,30")
    with pytest.raises(DataError, match="lie at sea, and on land with latitude and longitude exch"):
        stations.load([table_file(text)], ReadOptions(utc_offset_hours=-3))


def test_one_station_at_sea_is_said(table_file):
    text = rows(
        "station,lat,lon,time,pm25",
        "land,31.2,121.4,2015-01-10 00:00,30",
        "buoy,30.0,126.0,2015-01-10 00:00,20",
    )
    notes = stations.load([table_file(text)], CHINA).attrs["notes"]
    assert "Far from any land: buoy; check their coordinates." in notes


def test_a_coast_and_a_small_island_are_no_sea(table_file):
    text = rows(
        "station,lat,lon,time,pm25",
        "Zhoushan,29.99,122.20,2015-01-10 00:00,30",
        "Honolulu,21.31,-157.86,2015-01-10 00:00,5",
    )
    assert "Far from" not in stations.load([table_file(text)], CHINA).attrs["notes"]


# ---- the air that a cubic metre is of ------------------------------------------------------------

CNEMC = "TimePoint,PositionName,StationCode,Latitude,Longitude,PM2_5"


@pytest.mark.parametrize(
    ("dates", "state"),
    [
        (["2018-08-31T12:00:00"], "273 K"),
        (["2018-09-02T12:00:00"], "ambient"),
        (["2018-08-31T12:00:00", "2018-09-02T12:00:00"], "unknown"),
    ],
)
def test_china_changed_its_reference_state(table_file, dates, state):
    text = rows(CNEMC, *(f"{date},a,1A,31.2,121.4,30" for date in dates))
    dataset = stations.load([table_file(text)])
    assert dataset.attrs["reference_state"] == state
    assert ("are not the same quantity" in dataset.attrs["notes"]) == (state == "unknown")
    said = stations.load([table_file(text)], ReadOptions(reference="298 K"))
    assert said.attrs["reference_state"] == "298 K"


def test_a_plain_table_does_not_say(table_file):
    text = rows("station,lat,lon,time,pm25", "a,31,118,2015-01-10 00:00,5")
    assert stations.load([table_file(text)], CHINA).attrs["reference_state"] == "unknown"


def test_an_empty_frame_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"station": [], "lat": [], "lon": [], "time": [], "pm25": []}).to_parquet(path)
    with pytest.raises(DataError):
        stations.load([path], CHINA)


def test_nested_columns_are_never_unpacked(tmp_path):
    path = tmp_path / "a.parquet"
    rows = {
        **{"station": ["a"], "lat": [31.0], "lon": [118.0], "time": ["2015-01-10 00:00"]},
        **{"pm25": [5.0], "more": [[0] * 1000]},
    }
    pd.DataFrame(rows).to_parquet(path)
    assert float(stations.load([path], CHINA)["pm2p5"].mean()) == 5


def test_a_table_of_too_many_cells_is_refused_by_its_header(table_file, monkeypatch):
    monkeypatch.setenv("AIRLENS_MAX_BYTES", "100000")
    text = ",".join(["station", "lat", "lon", "time", "pm25", *(f"c{n}" for n in range(500))])
    with pytest.raises(DataError, match=r"a table of .* cells"):
        stations.load([table_file(text + "\n" + "a,31,118,2015-01-10 00:00,5\n" * 20)], CHINA)
