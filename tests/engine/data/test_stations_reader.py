"""Station tables in every form, local clocks, and what is wrong with rows and columns."""

import numpy as np
import pandas as pd
import pytest

from engine.core.errors import DataError, RequestError
from engine.data.options import ReadOptions
from engine.data.stations import load

PLAIN = """station,latitude,longitude,time,pm2p5
A,31.2,121.5,2015-01-10 08:00,80
A,31.2,121.5,2015-01-10 09:00,90
B,32.0,118.8,2015-01-10 08:00,60
"""
CHINA = ReadOptions(utc_offset_hours=8)

PRSA = """"No","year","month","day","hour","PM2.5","PM10","SO2","NO2","CO","O3","TEMP","PRES",\
"DEWP","RAIN","wd","WSPM","station"
1,2013,3,1,0,4,8,4,7,300,77,-0.7,1023,-18.8,0,"NNW",4.4,"Aotizhongxin"
2,2013,3,1,1,NA,8,4,7,300,77,-1.1,1023.2,-18.2,0,"E",2,"Aotizhongxin"
3,2013,3,1,2,7,8,4,7,300,77,-1.1,1023.2,-18.2,0.5,NA,1.5,"Aotizhongxin"
4,2013,3,1,3,7,8,4,7,300,77,-1.1,1023.2,-18.2,0.5,NA,0,"Aotizhongxin"
"""
PRSA_PLACES = "station,lat,lon\nAotizhongxin,39.9821,116.3966\n"


def utc(dataset):
    return [str(t)[:16] for t in dataset["valid_time"].values]


def test_a_plain_table_becomes_times_by_stations_in_utc(table_file):
    dataset = load([table_file(PLAIN)], CHINA)
    assert utc(dataset) == ["2015-01-10T00:00", "2015-01-10T01:00"]
    assert list(dataset["station"].values) == ["A", "B"]
    np.testing.assert_array_equal(dataset["pm2p5"].values, [[80, 60], [90, np.nan]])
    assert list(dataset["latitude"].values) == [31.2, 32.0]
    assert dataset.attrs["utc_offset_hours"] == 8
    assert dataset.attrs["period"] == "hour"


def test_lines_that_end_in_a_carriage_return_are_lines(table_file, tmp_path):
    path = tmp_path / "mac.csv"
    path.write_bytes(PLAIN.encode().replace(b"\n", b"\r"))
    expected = load([table_file(PLAIN)], CHINA)
    np.testing.assert_array_equal(load([path], CHINA)["pm2p5"], expected["pm2p5"])


def test_a_place_at_zero_zero_is_named(table_file):
    with pytest.raises(DataError, match=r"row 2.*latitude 0, longitude 0 is what a device writes"):
        load([table_file("station,latitude,longitude,time,pm2p5\nA,0,0,2015-01-10T00:00Z,5\n")])


def test_a_clock_without_a_zone_has_to_be_declared(table_file):
    with pytest.raises(DataError, match=r"its times have no time zone.*--utc-offset 8 for China"):
        load([table_file(PLAIN)])


@pytest.mark.parametrize(
    ("times", "offset"),
    [
        (("2015-01-10T00:00Z", "2015-01-10T01:00Z", "2015-01-10T00:00Z"), 0),
        (("2015-01-10T08:00+08:00", "2015-01-10T09:00+08:00", "2015-01-10T08:00+08:00"), 8),
        (("2015-01-09T19:00-0500", "2015-01-09T20:00-0500", "2015-01-09T19:00-0500"), -5),
        (("2015-01-10T05:30+0530", "2015-01-10T06:30+0530", "2015-01-10T05:30+0530"), 5.5),
    ],
)
def test_stamps_that_name_their_zone_need_no_telling(table_file, times, offset):
    text = PLAIN
    for old, new in zip(("10 08:00,80", "10 09:00,90", "10 08:00,60"), times, strict=True):
        text = text.replace(f"2015-01-{old}", f"{new},{old.split(',')[1]}")
    dataset = load([table_file(text)])
    assert dataset.attrs["utc_offset_hours"] == offset
    whole = [t for t in utc(dataset) if t.endswith(":00")]
    if offset != 5.5:
        assert whole == ["2015-01-10T00:00", "2015-01-10T01:00"]
    else:  # hours begin where the local clock's do
        assert utc(dataset) == ["2015-01-09T23:30", "2015-01-10T00:30"]


def test_a_column_of_utc_times_is_utc(table_file):
    dataset = load([table_file(PLAIN.replace("time,", "time_utc,"))], CHINA)
    assert utc(dataset)[0] == "2015-01-10T08:00"
    assert dataset.attrs["utc_offset_hours"] == 8


def test_one_stamp_without_its_zone_is_named(table_file):
    text = PLAIN.replace("09:00", "09:00Z")
    with pytest.raises(DataError, match=r"row 3, column 'time': '2015-01-10 09:00Z' has a time z"):
        load([table_file(text)], CHINA)


def test_a_missing_column_is_named_with_those_there_are(table_file):
    for column, rest in (("station", "latitude"), ("time", "pm2p5"), ("longitude", "time")):
        text = "\n".join(
            ",".join(
                c
                for c, n in zip(line.split(","), PLAIN.split("\n")[0].split(","), strict=True)
                if n != column
            )
            for line in PLAIN.strip().split("\n")
        )
        with pytest.raises(
            DataError, match=rf"row 1: column '(valid_)?{column}' is missing; it has .*{rest}"
        ):
            load([table_file(text)], CHINA)
    with pytest.raises(DataError, match="row 1: column 'pm2p5' is missing"):
        load([table_file(PLAIN.replace("pm2p5", "dust"))], CHINA)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (",90", ",ninety", r"row 3, column 'pm2p5': 'ninety' is no number"),
        ("2015-01-10 09:00", "10. Jan", r"row 3, column 'time': '10. Jan' is no time"),
        ("2015-01-10 09:00", "", r"row 3, column 'time': '' is no time"),
        ("B,32.0", "B,north", r"row 4, column 'latitude': 'north' is no number"),
        ("B,32.0", "B,", r"row 4, column 'latitude': the coordinate is missing"),
        ("118.8", "500", r"row 4, column 'longitude': 500 is no longitude"),
        ("\nB,", "\n,", r"row 4, column 'station': the station is missing"),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column(table_file, old, new, says):
    with pytest.raises(DataError, match=says):
        load([table_file(PLAIN.replace(old, new))], CHINA)


def test_rows_keep_their_numbers_across_blank_lines_and_long_rows(table_file):
    with pytest.raises(DataError, match=r"row 5, column 'pm2p5': 'x' is no number"):
        load([table_file(PLAIN + "B,32.0,118.8,2015-01-10 09:00,x\n")], CHINA)
    with pytest.raises(DataError, match="row 5 has 7 cells, the header has 5"):
        load([table_file(PLAIN + "B,32.0,118.8,2015-01-10 09:00,1,2,3\n")], CHINA)


@pytest.mark.parametrize("exchanged", ["latitude,longitude", "lat,lon"])
def test_exchanged_columns_are_noticed(table_file, exchanged):
    first, second = exchanged.split(",")
    text = PLAIN.replace("latitude,longitude", f"{second},{first}")
    with pytest.raises(
        DataError,
        match=rf"row 2, column '{first}': 121.5 is no latitude .* exchanged with '{second}'",
    ):
        load([table_file(text)], CHINA)


def test_kolkata_exchanged_is_noticed_though_88_is_a_latitude(table_file):
    text = "station,lat,lon,time,pm2p5\nA,88.36,22.57,2023-12-01 08:00,80\n"
    with pytest.raises(DataError, match=r"88.36 is no latitude of a measurement; it looks exch"):
        load([table_file(text)], CHINA)


@pytest.mark.parametrize("cell", ["", "NA", "nan", "null", "-999", "65535", "inf", "9.96921e36"])
def test_cells_that_mean_no_data(table_file, cell):
    dataset = load([table_file(PLAIN.replace(",90", f",{cell}"))], CHINA)
    assert np.isnan(dataset["pm2p5"].values[1]).all()


@pytest.mark.parametrize(("factor", "unit"), [(1e-9, "kg m-3"), (1e-3, "mg/m3")])
def test_units_are_reported_or_suspected(table_file, factor, unit):
    text = PLAIN
    for value in (80, 90, 60):
        text = text.replace(f",{value}\n", f",{value * factor!r}\n")
    with pytest.raises(DataError, match=r"'ug m-3' looks wrong: PM2.5 would have a median of"):
        load([table_file(text)], CHINA)
    dataset = load([table_file(text)], ReadOptions(utc_offset_hours=8, units=unit))
    np.testing.assert_allclose(dataset["pm2p5"].values[0], [80, 60], rtol=1e-6)


def test_unsorted_rows_give_the_same_dataset(table_file):
    head, *rows = PLAIN.strip().split("\n")
    backwards = "\n".join([head, *reversed(rows)])
    assert load([table_file(backwards)], CHINA).identical(load([table_file(PLAIN)], CHINA))


def test_repeated_rows_count_once_and_contradictions_are_named(table_file):
    again = PLAIN + "A,31.2,121.5,2015-01-10 08:00,80\n"
    dataset = load([table_file(again)], CHINA)
    assert dataset["pm2p5"].values[0, 0] == 80
    assert "1 rows that repeat another were left out." in dataset.attrs["notes"]
    clash = PLAIN + "A,31.2,121.5,2015-01-10 08:00,81\n"
    with pytest.raises(
        DataError,
        match=r"2015-01-10T08:00 of station 'A' is there twice: row 2 .* says 80 and row 5 .* 81",
    ):
        load([table_file(clash)], CHINA)


def test_readings_within_one_hour_are_averaged_and_reported(table_file):
    text = PLAIN + "A,31.2,121.5,2015-01-10 08:30,100\n"
    dataset = load([table_file(text)], CHINA)
    assert dataset["pm2p5"].values[0, 0] == 90
    assert "Several readings of one station in one hour were averaged." in dataset.attrs["notes"]


def test_daily_tables_keep_their_local_dates(table_file):
    text = PLAIN.replace(" 08:00", "").replace("10 09:00", "11")
    dataset = load([table_file(text)], CHINA)
    assert dataset.attrs["period"] == "day"
    assert utc(dataset) == ["2015-01-09T16:00", "2015-01-10T16:00"]


def test_a_coordinates_file_serves_tables_without(table_file):
    bare = "station,time,pm25\nA,2015-01-10 08:00,80\n"
    path = table_file(bare)
    with pytest.raises(DataError, match=r"station 'A' has no coordinates. Give --coordinates FILE"):
        load([path], CHINA)
    places = table_file("station,lat,lon,name\nA,31.2,121.5,Xuhui\n", "places.csv")
    dataset = load([path], ReadOptions(utc_offset_hours=8, coordinates=places))
    assert dataset["name"].values[0] == "Xuhui"
    assert dataset["longitude"].values[0] == 121.5


def test_semicolons_gb18030_and_a_byte_order_mark(table_file):
    text = PLAIN.replace("A,", "徐汇,")
    chinese = load([table_file(text, encoding="gb18030")], CHINA)
    assert "徐汇" in chinese["station"].values
    assert "GB 18030" in chinese.attrs["notes"]
    marked = load([table_file("\ufeff" + text.replace(",", ";"))], CHINA)
    np.testing.assert_array_equal(chinese["pm2p5"].values, marked["pm2p5"].values)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("just words\n", "row 1: this is no table with columns"),
        ("station,latitude,longitude,time,pm2p5\n", "the table has no rows"),
        ("a,b,A\n1,2,3\n", "row 1: column 'a' is there twice"),
    ],
)
def test_what_is_no_table(table_file, text, says):
    with pytest.raises(DataError, match=says):
        load([table_file(text)], CHINA)


def test_an_unknown_form_names_the_known_ones(table_file):
    with pytest.raises(RequestError, match=r"no form of a station table. Choose from prsa, cnemc"):
        load([table_file(PLAIN)], ReadOptions(format="epa"))


def test_prsa_csvs_with_a_coordinates_file(table_file):
    places = table_file(PRSA_PLACES, "places.csv")
    dataset = load([table_file(PRSA)], ReadOptions(coordinates=places))
    assert dataset.attrs["format"] == "prsa"
    assert utc(dataset)[0] == "2013-02-28T16:00"
    np.testing.assert_array_equal(dataset["pm2p5"].values[:, 0], [4, np.nan, 7, 7])
    first = {n: float(a[0, 0]) for n, a in dataset.data_vars.items()}
    assert first["t2m"] == pytest.approx(272.45)
    assert first["d2m"] == pytest.approx(254.35)
    assert first["sp"] == pytest.approx(102300)
    assert dataset["tp"].values[2, 0] == pytest.approx(0.5)
    assert dataset["sp"].attrs["units"] == "Pa"


def test_prsa_wind_blows_from_its_sector(table_file):
    places = table_file(PRSA_PLACES, "places.csv")
    dataset = load([table_file(PRSA)], ReadOptions(coordinates=places))
    u, v = dataset["u10"].values[:, 0], dataset["v10"].values[:, 0]
    # From the north-north-west: to the south, a little to the east.
    assert (u[0], v[0]) == pytest.approx((4.4 * np.sin(np.pi / 8), -4.4 * np.cos(np.pi / 8)))
    assert (u[1], v[1]) == pytest.approx((-2, 0), abs=1e-6)  # from the east
    assert np.isnan(u[2])
    assert np.isnan(v[2])  # no sector
    assert (u[3], v[3]) == (0, 0)  # calm
    np.testing.assert_allclose(np.hypot(u, v)[[0, 1, 3]], dataset["si10"].values[[0, 1, 3], 0])


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("2,2013,3,1,1,", "2,2013,3,1,24,", r"row 3, column 'hour': 24 is no hour"),
        ("2,2013,3,1,1,", "2,2013,2,30,1,", r"row 3, column 'day': the month has no day 30"),
        ("2,2013,3,1,1,", "2,2013,,1,1,", r"row 3, column 'month': nan is no month"),
    ],
)
def test_prsa_dates_that_are_none(table_file, old, new, says):
    with pytest.raises(DataError, match=says):
        load([table_file(PRSA.replace(old, new))])


_SENSOR = '"2178","{}","Del Norte-2178","2021-12-16T0{}:00:00-07:00","35.1353","-106.5847",{}\n'
OPENAQ_ARCHIVE = (
    '"location_id","sensors_id","location","datetime","lat","lon","parameter","units","value"\n'
    + _SENSOR.format(3919, 1, '"pm25","µg/m³","12.5"')
    + _SENSOR.format(3920, 1, '"o3","ppm","0.031"')
    + _SENSOR.format(3921, 1, '"pm10","µg/m³","25"')
    + _SENSOR.format(3919, 2, '"pm25","µg/m³","-999"')
    + _SENSOR.format(3919, 3, '"pm25","µg/m³","14.5"')
    + _SENSOR.format(3920, 5, '"o3","ppm","0.031"')  # an hour of which we keep nothing
)
OPENAQ_EXPLORER = """location_id,location_name,parameter,value,unit,datetimeUtc,datetimeLocal,\
timezone,latitude,longitude,country_iso,isMobile,isMonitor,owner_name,provider
7902,Shanghai,pm25,52,µg/m³,2022-01-01T00:00:00Z,2022-01-01T08:00:00+08:00,\
Asia/Shanghai,31.2,121.4,,,,x,y
7902,Shanghai,pm25,50,µg/m³,2022-01-01T01:00:00Z,2022-01-01T09:00:00+08:00,\
Asia/Shanghai,31.2,121.4,,,,x,y
"""
OPENAQ_OLD = """location,city,country,utc,local,parameter,value,unit,latitude,longitude,attribution
Shanghai,Shanghai,CN,2020-01-01T00:00:00.000Z,2020-01-01T08:00:00+08:00,pm25,52,µg/m³,31.2,121.4,\
"[{""name"":""x""}]"
"""


CNEMC = """TimePoint,StationCode,PositionName,Area,Longitude,Latitude,PM2_5,PM2_5_24h,PM10,NO2,CO
2019-07-18T12:00:00,1001A,万寿西宫,北京市,116.366,39.8673,101.0,65.0,92.0,28.0,1.2
2019-07-18T13:00:00,1001A,万寿西宫,北京市,116.366,39.8673,,65.0,92.0,28.0,1.2
"""


def test_cnemc_has_carbon_monoxide_in_milligrams(table_file):
    dataset = load([table_file(CNEMC)])
    assert dataset.attrs["format"] == "cnemc"
    assert utc(dataset) == ["2019-07-18T03:00", "2019-07-18T04:00"]  # stamps close their hours
    np.testing.assert_array_equal(dataset["pm2p5"].values[:, 0], [101, np.nan])
    assert float(dataset["co"][0, 0]) == pytest.approx(1200)
    assert dataset["name"].item() == "万寿西宫"


def test_openaq_archive(table_file):
    dataset = load([table_file(OPENAQ_ARCHIVE)])
    assert dataset.attrs["format"] == "openaq"
    assert utc(dataset) == ["2021-12-16T07:00", "2021-12-16T08:00", "2021-12-16T09:00"]
    np.testing.assert_array_equal(dataset["pm2p5"].values[:, 0], [12.5, np.nan, 14.5])
    assert dataset["pm10"].values[0, 0] == 25
    assert "o3" not in dataset
    assert "o3 in ppm is no mass concentration; left out." in dataset.attrs["notes"]
    assert dataset.attrs["utc_offset_hours"] == -7
    assert dataset["name"].values[0] == "Del Norte-2178"


@pytest.mark.parametrize("text", [OPENAQ_EXPLORER, OPENAQ_OLD])
def test_openaq_downloads(table_file, text):
    dataset = load([table_file(text)])
    assert utc(dataset)[0].endswith("12-31T23:00")
    assert dataset["pm2p5"].values[0, 0] == 52
    assert dataset.attrs["utc_offset_hours"] == 8
    assert dataset["name"].values[0] == "Shanghai"


def test_openaq_without_pm25_is_refused(table_file):
    with pytest.raises(DataError, match="column 'parameter' holds no pm25, only no2"):
        load([table_file(OPENAQ_OLD.replace("pm25", "no2"))])


def test_a_truncated_parquet_is_refused(tmp_path):
    path = tmp_path / "x.parquet"
    pd.DataFrame({"a": np.arange(1000)}).to_parquet(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="the Parquet file is damaged or cut short"):
        load([path])


def test_real_prsa_csvs_and_parquet_agree(shared):
    places = shared("prsa/stations.csv")
    csvs = [
        shared(f"prsa/PRSA_Data_{s}_20130301-20170228.csv") for s in ("Aotizhongxin", "Huairou")
    ]
    two = load(csvs, ReadOptions(coordinates=places))
    twelve = load([shared("prsa/prsa12_hourly.parquet")])
    assert dict(twelve.sizes) == {"valid_time": 35064, "station": 12}
    for name in two.data_vars:
        np.testing.assert_allclose(
            two[name].values, twelve[name].sel(station=two["station"]).values, rtol=1e-6
        )
    assert utc(twelve)[0] == "2013-02-28T16:00"
    assert int(twelve["pm2p5"].isnull().sum()) == 420768 - 412029
    # Warmest in the local afternoon, so that the clock was read the right way.
    local = (twelve["valid_time"].dt.hour + 8) % 24
    by_hour = twelve["t2m"].mean("station").groupby(local).mean()
    assert 14 <= int(by_hour.values.argmax()) <= 16


def test_real_city_means(shared):
    dataset = load([shared("city-daily/china183_daily_2014_2015_clean.parquet")])
    assert dict(dataset.sizes) == {"valid_time": 730, "station": 183}
    assert (utc(dataset)[0], dataset.attrs["period"]) == ("2013-12-31T16:00", "day")
    assert float(dataset["pm2p5"].mean()) == pytest.approx(57.2147, abs=1e-3)
    assert int(dataset["pm2p5"].isnull().sum()) == 0


def test_real_cnemc_hours(shared):
    dataset = load([shared("cnemc/cnemc_20190718_hours.parquet")])
    assert dict(dataset.sizes) == {"valid_time": 5, "station": 1499}
    assert utc(dataset)[0] == "2019-07-18T03:00"  # its stamp closes the hour
    station = dataset.sel(station="1001A")
    assert station["name"].item() == "万寿西宫"
    assert float(station["pm2p5"][0]) == 101
    assert float(station["co"][0]) == pytest.approx(1200)  # the feed has mg m-3


def test_real_static_sensors_of_kolkata(shared):
    dataset = load([shared("kolkata/Static_Winter.csv")])
    assert dict(dataset.sizes) == {"valid_time": 1395, "station": 22}
    assert (utc(dataset)[0], dataset.attrs["utc_offset_hours"]) == ("2023-11-30T18:30", 5.5)
    places = shared("kolkata/Locations-staticLCS.csv")
    named = load([shared("kolkata/Static_Winter.csv")], ReadOptions(coordinates=places))
    assert "SBN" in named["station"].values
    np.testing.assert_allclose(
        np.nanmean(dataset["pm2p5"].values), np.nanmean(named["pm2p5"].values), rtol=1e-6
    )


def test_a_european_spreadsheet_writes_decimals_with_commas(table_file):
    european = PLAIN.replace(",", ";").replace(".", ",")
    dataset = load([table_file(european)], CHINA)
    np.testing.assert_array_equal(dataset["latitude"].values, [31.2, 32.0])
    np.testing.assert_array_equal(dataset["pm2p5"].values, [[80, 60], [90, np.nan]])
    assert "decimals with a comma" in dataset.attrs["notes"]


def test_commas_beside_decimal_points_stay_an_error(table_file):
    mixed = PLAIN.replace(",", ";").replace("31.2;121.5;2015-01-10 09", "31,2;121.5;2015-01-10 09")
    with pytest.raises(DataError, match="row 3, column 'latitude': '31,2' is no number"):
        load([table_file(mixed)], CHINA)


def test_unicode_text_of_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "unicode.csv"
    path.write_text(PLAIN.replace(",", "\t"), encoding="utf-16")
    assert load([path], CHINA).sizes["station"] == 2


def test_chinese_columns_and_dates(table_file):
    text = (
        "站点,纬度,经度,日期,PM2.5\nA,31.2,121.5,2015年1月10日,80\nA,31.2,121.5,2015年1月11日,90\n"
    )
    dataset = load([table_file(text)], CHINA)
    assert dataset.attrs["period"] == "day"
    assert utc(dataset) == ["2015-01-09T16:00", "2015-01-10T16:00"]


def test_a_day_number_of_a_spreadsheet_is_reported_as_such(table_file):
    with pytest.raises(DataError, match=r"'42014.5' is no time.*format the column as dates"):
        load([table_file(PLAIN.replace("2015-01-10 08:00", "42014.5"))], CHINA)


def test_a_station_in_two_places_is_reported(table_file):
    moved = PLAIN.replace("A,31.2,121.5,2015-01-10 09", "A,35.2,121.5,2015-01-10 09")
    assert "took the median: A." in load([table_file(moved)], CHINA).attrs["notes"]
    assert "took the median" not in load([table_file(PLAIN)], CHINA).attrs["notes"]


def test_negative_readings_are_not_blamed_on_the_unit(table_file):
    negative = PLAIN.replace(",80", ",-80").replace(",90", ",-90").replace(",60", ",-60")
    with pytest.raises(DataError, match="not negative"):
        load([table_file(negative)], CHINA)


def test_a_workbook_is_called_one(tmp_path):
    path = tmp_path / "book.ods"
    path.write_bytes(b"PK\x03\x04" + bytes(60))
    with pytest.raises(DataError, match=r"this is a workbook of another form .* Save it as XLSX"):
        load([path], CHINA)
    path.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(60))
    with pytest.raises(DataError, match="this is an older Excel workbook, or one with a password"):
        load([path], CHINA)
