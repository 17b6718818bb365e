"""Tables of networks with columns of their own: which rows count, and what their stamps cover."""

import numpy as np
import pytest

from engine.core.errors import DataError, EngineError
from engine.data import stations
from engine.data.options import ReadOptions


def rows(*lines):
    return "\n".join(lines) + "\n"


def hours(dataset):
    return [str(t)[:13] for t in dataset["valid_time"].values]


@pytest.fixture
def places(table_file):
    return table_file(
        rows(
            "station,latitude,longitude",
            "000010102,47.6,-52.7",
            "840060010001,37.8,-122.3",
            "London Bloomsbury,51.52,-0.126",
            "Leeds Centre,53.8,-1.55",
            "pa,37.7,-122.4",
            "1234,37.7,-122.4",
        ),
        "places.csv",
    )


# ---- AQS: local standard and GMT, the beginning of the hour --------------------------------------

AQS = '"State Code","County Code","Site Num","Parameter Code","POC","Latitude","Longitude",{}'
HOURLY = AQS.format(
    '"Date Local","Time Local","Date GMT","Time GMT","Sample Measurement","Units of Measure"'
)
UNIT = '"Micrograms/cubic meter (LC)"'


def aqs(hour, value, *, site="0010", code=88101, poc=1, ahead=-6):
    local = f'"2021-01-{10 if hour >= 0 else 9}","{hour % 24:02d}:00"'
    gmt = f'"2021-01-10","{hour - ahead:02d}:00"'
    return f'"01","003","{site}",{code},{poc},30.5,-87.9,{local},{gmt},{value},{UNIT}'


def test_aqs_hours_begin_and_have_the_zone_of_their_state(table_file):
    table = rows(HOURLY, aqs(0, 10), aqs(1, 11), aqs(1, 99, code=81102))
    dataset = stations.load([table_file(table)])
    assert hours(dataset) == ["2021-01-10T06", "2021-01-10T07"]
    assert dataset.attrs["utc_offset_hours"] == -6
    assert list(dataset["station"].values) == ["01-003-0010"]
    assert dataset["pm2p5"].values[:, 0].tolist() == [10, 11]
    assert '"other quantity": 1' in dataset.attrs["dropped"]


def test_states_of_two_zones_are_in_utc(table_file):
    table = rows(HOURLY, aqs(0, 10), aqs(1, 20, site="0011", ahead=-5))
    dataset = stations.load([table_file(table)])
    assert hours(dataset) == ["2021-01-10T06"]
    assert dataset["pm2p5"].values.tolist() == [[10, 20]]
    assert dataset.attrs["utc_offset_hours"] == 0


def test_instruments_of_one_site_are_averaged_and_said(table_file):
    dataset = stations.load([table_file(rows(HOURLY, aqs(0, 10), aqs(0, 14, poc=3)))])
    assert dataset["pm2p5"].values.tolist() == [[12]]
    assert "several instruments of one site were averaged" in dataset.attrs["notes"]


DAILY = AQS.format(
    '"Sample Duration","Date Local","Units of Measure","Event Type","Arithmetic Mean","1st Max"'
)


def test_aqs_days_are_means_and_count_once(table_file):
    row = '"01","003","0010",88101,{},30.5,-87.9,"{}","2021-01-{}",' + UNIT + ',"{}",{},99'
    table = rows(
        DAILY,
        row.format(1, "24 HOUR", 10, "None", 10),
        row.format(3, "1 HOUR", 10, "None", 12),
        row.format(3, "24-HR BLK AVG", 10, "None", 12.5),
        row.format(1, "24 HOUR", 11, "Included", 50),
        row.format(1, "24 HOUR", 11, "Excluded", 8),
    )
    dataset = stations.load([table_file(table)], ReadOptions(utc_offset_hours=-6))
    assert dataset.attrs["period"] == "day"
    assert hours(dataset) == ["2021-01-10T06", "2021-01-11T06"]
    assert dataset["pm2p5"].values[:, 0].tolist() == [11, 50]


# ---- AirNow: GMT, the beginning of the hour ------------------------------------------------------


def test_airnow_hours_have_no_header_and_begin(table_file, places):
    table = rows(
        "01/10/21|05:00|000010102|St. John's|-4|PM2.5|UG/M3|5.5|Newfoundland",
        "01/10/21|05:00|000010102|St. John's|-4|OZONE|PPB|33|Newfoundland",
        "01/10/21|06:00|000010102|St. John's|-4|PM2.5|UG/M3|-999|Newfoundland",
    )
    path = table_file(table, "HourlyData_2021011005.dat")
    dataset = stations.load([path], ReadOptions(coordinates=places))
    assert hours(dataset) == ["2021-01-10T05", "2021-01-10T06"]
    np.testing.assert_array_equal(dataset["pm2p5"].values[:, 0], [5.5, np.nan])
    assert dataset.attrs["utc_offset_hours"] == -4
    assert dataset["name"].values.tolist() == ["St. John's"]


def test_a_row_of_airnow_is_named_by_its_place_in_the_file(table_file):
    table = rows(
        "01/10/21|05:00|1|a|-4|PM2.5|UG/M3|5|x", "01/10/21|06:00|1|a|-4|PM2.5|UG/M3|high|x"
    )
    with pytest.raises(DataError, match="row 2, column 'value': 'high' is no number"):
        stations.load([table_file(table)])


@pytest.mark.parametrize("day", ["01/10/21", "01/10/2021"])
def test_airnow_s_observations_bring_their_places(table_file, day):
    table = rows(
        "AQSID,SiteName,Status,Latitude,Longitude,GMTOffset,ValidDate,ValidTime,PM25_AQI,PM25,"
        "PM25_Unit",
        f"840060010001,Oakland,Active,37.8,-122.3,-8,{day},05:00,40,9.5,UG/M3",
        f"840060010001,Oakland,Active,37.8,-122.3,-8,{day},06:00,,,",
    )
    dataset = stations.load([table_file(table)])
    assert hours(dataset) == ["2021-01-10T05", "2021-01-10T06"]
    np.testing.assert_array_equal(dataset["pm2p5"].values[:, 0], [9.5, np.nan])
    assert dataset.attrs["utc_offset_hours"] == -8


def test_airnow_s_web_service_is_in_utc(table_file):
    table = rows(
        "Latitude,Longitude,UTC,Parameter,Unit,Value,AQI,SiteName,FullAQSCode",
        "37.8,-122.3,2021-01-10T05:00,PM2.5,UG/M3,9.5,40,Oakland,840060010001",
        "37.8,-122.3,2021-01-10T05:00,OZONE,PPB,33,40,Oakland,840060010001",
    )
    dataset = stations.load([table_file(table)])
    assert (hours(dataset), dataset["pm2p5"].values.tolist()) == (["2021-01-10T05"], [[9.5]])


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (rows(HOURLY, aqs(0, 10, code=44201)), "'Parameter Code' holds no pm25, only 44201"),
        (rows("01/10/21|05:00|1|a|-4|OZONE|PPB|5|x"), "'parameter' holds no pm25, only OZONE"),
        (rows("01/10/21|05:00|1|a|-4|PM2.5|PPB|5|x"), "unit 'PPB' is not a mass concentration"),
        (rows("01/40/21|05:00|1|a|-4|PM2.5|UG/M3|5|x"), "row 1, .*'01/40/21 05:00' is no time"),
    ],
)
def test_a_table_without_pm2p5_or_a_time_is_refused(table_file, table, says):
    with pytest.raises(DataError, match=says):
        stations.load([table_file(table)])


# ---- UK-AIR: GMT, the end of the hour ------------------------------------------------------------

TITLES = (
    "Data supplied by UK-AIR on 10/1/2022",
    "All Data GMT hour ending",
    "Status: R = Ratified",
)
PM = "PM<sub>2.5</sub> particulate matter (Hourly measured)"


def uk_air(*hours_):
    return rows(
        *TITLES,
        "",
        "," + ",London Bloomsbury" * 3 + ",Leeds Centre" * 3,
        f"Date,Time,{PM},status,unit,{PM},status,unit",
        *(f"10-01-2021,{h:02d}:00,{h},R,ugm-3 (TEOM FDMS),No data,," for h in hours_[:-1]),
        *(f"10-01-2021,{h:02d}:00,{h},R,ugm-3,{h + 20},P,ugm-3 (BAM)" for h in hours_[-1:]),
    )


def test_uk_air_s_hours_end_at_their_stamps(table_file, places):
    path = table_file(uk_air(*range(1, 25)), "AirQualityDataHourly.csv")
    dataset = stations.load([path], ReadOptions(coordinates=places))
    assert (hours(dataset)[0], hours(dataset)[-1]) == ("2021-01-10T00", "2021-01-10T23")
    leeds, london = dataset["pm2p5"].values.T
    assert london.tolist() == list(range(1, 25))
    assert leeds[-1] == 44 and np.isnan(leeds[:-1]).all()
    assert list(dataset["station"].values) == ["Leeds Centre", "London Bloomsbury"]


def test_one_site_of_uk_air_is_named_above_its_columns(table_file, places):
    head = f"Date,Time,Ozone,status,unit,{PM},status,unit,Volatile PM<sub>2.5</sub>,status,unit"
    row = "10-01-2021,{:02d}:00,80,R,ugm-3,{},R,ugm-3,2,R,ugm-3"
    text = rows("London Bloomsbury", *TITLES, head, row.format(1, 9), row.format(2, 10))
    dataset = stations.load([table_file(text, "BLOO_2021.csv")], ReadOptions(coordinates=places))
    assert dataset["pm2p5"].values.ravel().tolist() == [9, 10]
    assert list(dataset["station"].values) == ["London Bloomsbury"]


def test_a_cell_of_uk_air_is_named_by_its_row(table_file, places):
    text = uk_air(1, 2).replace("10-01-2021,02:00,2,", "10-01-2021,02:00,two,")
    with pytest.raises(DataError, match=r"row 8, .*'two' is no number"):
        stations.load([table_file(text)], ReadOptions(coordinates=places))


def test_uk_air_without_pm2p5_is_refused(table_file):
    text = rows(*TITLES, "Date,Time,Ozone,status,unit", "10-01-2021,01:00,80,R,ugm-3")
    with pytest.raises(DataError, match="'header' holds no pm25, only Ozone"):
        stations.load([table_file(text)])


# ---- PurpleAir: UTC, the beginning ---------------------------------------------------------------

PRIMARY = "created_at,entry_id,PM1.0_CF1_ug/m3,PM2.5_CF1_ug/m3,PM10.0_CF1_ug/m3,PM2.5_ATM_ug/m3"


def test_purpleair_s_two_estimates_are_a_choice(table_file, places):
    table = rows(PRIMARY, "2021-03-10 00:00:05 UTC,0,5,12.5,20,10.5")
    path = table_file(table, "pa.csv")
    with pytest.raises(DataError, match=r"several columns may be PM2.5: PM2.5_CF1_ug/m3, PM2"):
        stations.load([path], ReadOptions(coordinates=places))
    for column, value in (("PM2.5_CF1_ug/m3", 12.5), ("PM2.5_ATM_ug/m3", 10.5)):
        dataset = stations.load([path], ReadOptions(coordinates=places, variable=column))
        assert (hours(dataset), dataset["pm2p5"].values.tolist()) == (["2021-03-10T00"], [[value]])


@pytest.mark.parametrize("stamp", ["1700971200", "2023-11-26T04:00:00Z"])
def test_purpleair_s_seconds_are_those_since_1970(table_file, places, stamp):
    table = rows("time_stamp,sensor_index,humidity,pm2.5_atm", f"{stamp},1234,40,12")
    dataset = stations.load([table_file(table)], ReadOptions(coordinates=places))
    assert (hours(dataset), dataset["pm2p5"].values.tolist()) == (["2023-11-26T04"], [[12]])


def test_purpleair_s_file_names_bring_the_place(table_file):
    table = rows("created_at,entry_id,PM2.5_ATM_ug/m3", "2021-03-10 00:00:05 UTC,0,10.5")
    name = "Mission (outside) (37.7599 -122.4148) Primary Real Time 03_10_2021 03_11_2021.csv"
    dataset = stations.load([table_file(table, name)])
    assert dataset["latitude"].values.tolist() == [37.7599]
    assert dataset["longitude"].values.tolist() == [-122.4148]
    assert list(dataset["station"].values) == ["Mission"]


# ---- sensor.community, the European agency and CNEMC: test_tables_of_people.py -------------------


@pytest.mark.parametrize(
    "text",
    [
        # A flipped byte of a line end leaves a carriage return within a row.
        "station,latitude,longitude,time,pm2p5\na,31,120,2020-01-01,35\na,31,1\r2,x,y,z,5,6\n",
        "station,latitude\r,longitude,time,pm2p5\na,31,120,2020-01-01T00:00Z,35\n",
        f"station,{'x' * 200_000},longitude,time,pm2p5\na,31,120,2020-01-01T00:00Z,35\n",
        "\nDate,time,UK-AIR\n\n",
    ],
    ids=["return", "header", "long", "empty"],
)
def test_a_table_that_csv_cannot_read_is_one_sentence(tmp_path, text):
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    with pytest.raises(EngineError):
        stations.load([path], ReadOptions(utc_offset_hours=0))
