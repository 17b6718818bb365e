"""Rows that give no value are counted by reason; rows used and rows counted are all rows."""

import numpy as np
import pytest

from engine.core.errors import DataError
from engine.data import dropped, mobile, stations
from engine.data.options import ReadOptions

UTC = ReadOptions(utc_offset_hours=0)
HEAD = "station,lat,lon,time,pm25\n"


def counts(dataset):
    return dropped.from_text(dataset.attrs["dropped"])


def rows(*cells):
    return "".join(",".join(c) + "\n" for c in cells)


def row(station="A", lat="31.2", lon="121.5", time="2015-01-10 08:00", value="80"):
    return station, lat, lon, time, value


STATIONS = {
    "nothing": ([row()], {}),
    "an empty cell": ([row(), row(time="2015-01-10 09:00", value="")], {"empty value": 1}),
    "a fill value": ([row(), row(time="2015-01-10 09:00", value="-999")], {"empty value": 1}),
    "no concentration": ([row(), row(time="2015-01-10 09:00", value="-3")], {"out of range": 1}),
    "infinite": ([row(), row(time="2015-01-10 09:00", value="inf")], {"out of range": 1}),
    "the same row again": ([row(), row(), row()], {"repeated": 2}),
    "a blank line": ([row(), ("", "", "", "", "")], {"no time": 1}),
    "no place": ([row(), row(lat="", lon="", value="NA")], {"unknown place": 1}),
    "no station": ([row(), row(station="", value="-")], {"unknown place": 1}),
    "all": (
        [
            *(row(), row(), row(time="2015-01-10 09:00", value="-999"), row(time="", value="")),
            *(row(lat="NA", value="--"), row(time="2015-01-10 10:00", value="-3")),
        ],
        {"empty value": 1, "repeated": 1, "unknown place": 1, "out of range": 1, "no time": 1},
    ),
}


@pytest.mark.parametrize("case", STATIONS)
@pytest.mark.parametrize("reader", [stations, mobile], ids=["stations", "mobile"])
def test_rows_are_counted_by_reason(tmp_path, case, reader):
    given, expected = STATIONS[case]
    path = tmp_path / "table.csv"
    path.write_text(HEAD + rows(*given))
    if reader is mobile and case == "no station":
        pytest.skip("a sample needs no station")
    dataset = reader.load([path], UTC)
    assert counts(dataset) == expected
    used = int(np.isfinite(dataset["pm2p5"].values).sum())
    assert used + sum(expected.values()) == len(given)


@pytest.mark.parametrize("bad", [row(time=""), row(lat=""), row(station="")])
def test_a_value_without_time_or_place_is_never_left_out(tmp_path, bad):
    path = tmp_path / "table.csv"
    path.write_text(HEAD + rows(row(), bad))
    with pytest.raises(DataError, match="row 3, column"):
        stations.load([path], UTC)


def test_rows_keep_their_numbers_in_the_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("# made by hand\n" + HEAD + rows(row(), ("",) * 5, row(value="high")))
    with pytest.raises(DataError, match=r"row 5, column 'pm25': 'high' is no number"):
        stations.load([path], UTC)
    path.write_text("# made by hand\n" + HEAD + rows(("",) * 5, row(), row(value="90")))
    with pytest.raises(DataError, match=r"row 4 of table.csv says 80 and row 5 of table.csv"):
        stations.load([path], UTC)


def test_invalid_rows_and_those_of_other_pollutants(tmp_path):
    path = tmp_path / "eea.csv"
    path.write_text(
        "Samplingpoint,Pollutant,Start,End,Value,Validity,lat,lon\n"
        "S,6001,2020-01-01 00:00,2020-01-01 01:00,11,1,50,8\n"
        "S,6001,2020-01-01 01:00,2020-01-01 02:00,12,-1,50,8\n"
        "S,5,2020-01-01 00:00,2020-01-01 01:00,30,1,50,8\n"
        "S,5,2020-01-01 01:00,2020-01-01 02:00,30,1,50,8\n"
    )
    assert counts(stations.load([path])) == {"invalid flag": 1, "other quantity": 2}


def test_pollutants_of_openaq_that_are_no_mass(tmp_path):
    path = tmp_path / "openaq.csv"
    path.write_text(
        "location_id,location,datetime,lat,lon,parameter,units,value\n"
        "7,Roof,2020-01-01T01:00:00Z,28.6,77.2,pm25,µg/m³,80\n"
        "7,Roof,2020-01-01T01:00:00Z,28.6,77.2,o3,ppm,0.03\n"
        "7,Roof,2020-01-01T02:00:00Z,28.6,77.2,pm25,µg/m³,-999\n"
    )
    assert counts(stations.load([path])) == {"empty value": 1, "other quantity": 1}


def test_types_of_a_wide_table_that_are_no_concentrations(tmp_path):
    path = tmp_path / "china_sites_20150110.csv"
    path.write_text(
        "date,hour,type,1001A,1002A\n"
        "20150110,1,PM2.5,80,\n"
        "20150110,1,AQI,120,130\n"
        "20150110,1,PM2.5_24h,70,71\n"
    )
    places = tmp_path / "places.csv"
    places.write_text("station,latitude,longitude\n1001A,39.9,116.4\n1002A,39.9,116.5\n")
    dataset = stations.load([path], ReadOptions(coordinates=places))
    assert counts(dataset) == {"empty value": 1, "other quantity": 4}


def test_a_cell_that_nobody_passed_is_no_row(tmp_path):
    values = np.full((2, 3, 3), np.nan)
    values[0, 1, 1], values[1, 0, 0] = 50, -999
    np.save(tmp_path / "cells.npy", values)
    place = tmp_path / "cells.json"
    place.write_text(
        '{"start": "2020-01-01T00:00Z", "west": 88, "south": 22, "east": 89, "north": 23}'
    )
    dataset = mobile.load([tmp_path / "cells.npy"], ReadOptions(coordinates=place))
    assert counts(dataset) == {"empty value": 1}
