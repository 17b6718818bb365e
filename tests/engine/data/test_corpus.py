"""What files of people mean: one row a file, beside it what is read of it or the sentence.

Every grid holds 30 at 31 N 120 E, 10 more a degree north and 3 more a degree east. Every table
holds 30 at a station there. A row that is read says the start of its first step, in UTC, and its
period.
"""

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.transform import Affine

from engine.core.errors import EngineError
from engine.data import gridded, stations
from engine.data.options import ReadOptions

LAT, LON = [33.0, 32.0, 31.0, 30.0], [118.0, 119.0, 120.0, 121.0, 122.0]
DAY = (0, "days since 2015-01-10")


def field(lat, lon):
    return 30 + 10 * (np.asarray(lat)[:, None] - 31) + 3 * (np.asarray(lon)[None, :] - 120)


def grid(
    named="pm2p5",
    *,
    file="a.nc",
    units="ug m-3",
    factor=1.0,
    lat=LAT,
    lon=LON,
    lat_as=None,
    lon_as=None,
    time=DAY,
    bounds=None,
    beside=None,
    also=None,
    wrap=False,
    kind="f8",
    **attrs,
):
    """A NetCDF file: values × factor, axes written as `lat_as` and `lon_as`, variables beside."""

    def write(folder):
        values = (field(lat, lon) * factor).astype(kind)[None]
        if wrap:
            values[..., -1] = values[..., 0]
        attributes = attrs | ({"units": units} if units else {})
        data = {named: (("time", "lat", "lon"), values, attributes)}
        for name, share in (beside or {}).items():
            data[name] = (("time", "lat", "lon"), values * share, {"units": units})
        coords = {
            "lat": ("lat", np.asarray(lat if lat_as is None else lat_as), (also or {})),
            "lon": ("lon", np.asarray(lon if lon_as is None else lon_as), (also or {})),
        }
        dataset = xr.Dataset(data, coords)
        if time is None:
            dataset = dataset.squeeze("time")
        else:
            dataset["time"] = ("time", [time[0]], {"units": time[1]})
        if bounds is not None:
            dataset["time"].attrs["bounds"] = "edges"
            dataset["edges"] = (("time", "two"), [list(bounds)])
        dataset.to_netcdf(folder / file)
        return folder / file

    return write


def tiff(
    *descriptions, file="map_20150110.tif", units="ug m-3", factor=1.0, crs="EPSG:4326", **tags
):
    """A GeoTIFF: band n holds n times the field."""

    def write(folder):
        count = max(1, len(descriptions))
        values = np.stack([(n + 1) * field(LAT, LON) * factor for n in range(count)])
        with rasterio.open(
            folder / file, "w", driver="GTiff", height=4, width=5, count=count, dtype="float32",
            crs=crs, transform=Affine(1, 0, 117.5, 0, -1, 33.5),
        ) as made:  # fmt: skip
            made.write(values.astype("float32"))
            made.units = [units] * count
            for number, text in enumerate(descriptions, start=1):
                made.set_band_description(number, text)
            for number in range(1, count + 1):
                made.update_tags(number, **tags)
        return folder / file

    return write


def table(*lines, file="a.csv", encoding="utf-8"):
    def write(folder):
        path = folder / file
        path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
        return path

    return write


HEAD = "station,lat,lon,time,pm25"
CHINA, UTC = {"utc_offset_hours": 8}, {"utc_offset_hours": 0}


def one(time="2015-01-10 08:00", lat="31", lon="120", value="30", **how):
    return table(HEAD, f"a,{lat},{lon},{time},{value}", **how)


def read(start="2015-01-10T00", period="day"):
    return start, period


ROWS = {
    # -- units -------------------------------------------------------------------------------------
    "ug m-3": (grid(), read()),
    "µg/m³": (grid(units="µg/m³"), read()),
    "μg m⁻³": (grid(units="μg m⁻³"), read()),
    "ug m**-3": (grid(units="ug m**-3"), read()),
    "ug m^(-3)": (grid(units="ug m^(-3)"), read()),
    "micrograms per cubic meter": (grid(units="micrograms per cubic meter"), read()),
    "1e-9 kg m-3": (grid(units="1e-9 kg m-3"), read()),
    "kg m-3": (grid(units="kg m-3", factor=1e-9), read()),
    "kg m**-3": (grid(units="kg m**-3", factor=1e-9), read()),
    "mg/m3": (grid(units="mg/m3", factor=1e-3), read()),
    "MG/M3": (grid(units="MG/M3", factor=1e-3), read()),
    "ng m-3": (grid(units="ng m-3", factor=1e3), read()),
    "ug/m3 (LC)": (grid(units="ug/m3 (LC)"), read()),
    "no unit": (grid(units=""), read()),
    "no unit, mg": (grid(units="", factor=1e-3), "no unit is given"),
    "a wrong unit": (grid(factor=1e-3), "the unit 'ug m-3' looks wrong"),
    "ppb": (grid(units="ppb"), "unit 'ppb' is not a mass concentration"),
    "kg kg-1": (grid(units="kg kg-1"), "unit 'kg kg-1' is not a mass concentration"),
    "ug m-2": (grid(units="ug m-2"), "unit 'ug m-2' is not a mass concentration"),
    "Mg m-3": (grid(units="Mg m-3"), "looks wrong"),
    # -- variables ---------------------------------------------------------------------------------
    "pm25": (grid("pm25"), read()),
    "PM2.5": (grid("PM2.5"), read()),
    "GWRPM25": (grid("GWRPM25"), read()),
    "PM25_RH35_GCC": (grid("PM25_RH35_GCC"), read()),
    "PM2_5_DRY": (grid("PM2_5_DRY"), read()),
    "by its long name": (grid("conc", long_name="Surface PM2.5"), read()),
    "by its standard name": (
        grid("x", standard_name="mass_concentration_of_pm2p5_ambient_aerosol_particles_in_air"),
        read(),
    ),
    "mean beside std and count": (
        grid("pm25_mean", beside={"pm25_std": 0.1, "pm25_count": 3}),
        read(),
    ),
    "mean beside percentiles": (grid("pm25_avg", beside={"pm25_p05": 0.5, "pm25_p95": 2}), read()),
    "whole beside species": (grid("PM25_total", beside={"PM25_so4": 0.3, "PM25bc": 0.1}), read()),
    "std alone": (grid("PM25Std"), "PM25Std is a standard deviation"),
    "count alone": (grid("n_pm25"), "n_pm25 is a count"),
    "maximum alone": (grid("pm25_max"), "pm25_max is a maximum"),
    "std by cell methods": (
        grid("pm25", cell_methods="time: standard_deviation"),
        "pm25 is a standard deviation",
    ),
    "mean by cell methods": (grid("pm25", cell_methods="time: mean"), read()),
    "two as good": (grid("PM25_a", beside={"PM25_b": 2}), "several variables may be PM2.5"),
    "two, one named": (grid("PM25_a", beside={"PM25_b": 2}), read(), {"variable": "PM25_a"}),
    "none": (grid("t2m"), "no variable looks like PM2.5; it has t2m"),
    "none of that name": (grid(), "no variable 'pm10' is in it", {"variable": "pm10"}),
    # -- values ------------------------------------------------------------------------------------
    "packed": (grid(factor=10, kind="i2", scale_factor=0.1), read()),
    "packed, scale in text": (grid(factor=10, kind="i2", scale_factor="0.1"), read()),
    "packed, scale unreadable": (
        grid(factor=10, kind="i2", scale_factor="a tenth"),
        "scale_factor of 'pm2p5' is 'a tenth', which cannot be read",
    ),
    "packed, scale 0": (grid(kind="i2", scale_factor=0.0), "scale_factor of 'pm2p5' is '0.0'"),
    "limits in text": (grid(valid_range="0, 500"), read()),
    "limits unreadable": (grid(valid_max="high"), "valid_max of 'pm2p5' is 'high'"),
    "flags among values": (grid(flag_values="-1 -2", flag_meanings="sea cloud"), read()),
    "a field of bits": (grid(kind="i2", flag_masks=1), "'pm2p5' holds flags, one a bit"),
    "all beyond its limits": (grid(valid_max=1.0), "not one valid PM2.5 value is in it"),
    "negative": (grid(factor=-1), "not one valid PM2.5 value|looks wrong"),
    # -- axes --------------------------------------------------------------------------------------
    "south first": (grid(lat=LAT[::-1]), read()),
    "east first": (grid(lon=LON[::-1]), read()),
    "0 to 360": (grid(lon=np.arange(0, 360, 30.0)), read()),
    "0 to 360, cyclic": (grid(lon=np.arange(0, 361, 30.0), wrap=True), read()),
    "radians": (
        grid(lat_as=np.deg2rad(LAT), lon_as=np.deg2rad(LON), also={"units": "radians"}),
        read(),
    ),
    "exchanged": (grid(lat_as=LON[:4], lon_as=[*LAT, 29.0]), "latitude reaches 121"),
    "a row is missing": (grid(lat=[34.0, 33.0, 31.0, 30.0]), "is not evenly spaced"),
    "constant latitude": (grid(lat_as=[31.0] * 4), "latitude"),
    # -- time --------------------------------------------------------------------------------------
    "days since": (grid(), read()),
    "hours since": (grid(time=(24, "hours since 2015-01-09")), read()),
    "seconds since 1970": (grid(time=(1420848000, "seconds since 1970-01-01")), read()),
    "bounds: stamp at the end": (grid(time=(1, DAY[1]), bounds=(0, 1)), read()),
    "bounds: a month": (
        grid(time=(31, "days since 2015-01-01"), bounds=(0, 31)),
        read("2015-01-01T00", "month"),
    ),
    "bounds: an hour": (
        grid(time=(7, "hours since 2015-01-10"), bounds=(6, 7)),
        read("2015-01-10T06", "hour"),
    ),
    "bounds: eight days": (grid(bounds=(0, 8)), "its maps are means over 8 days"),
    "bounds: a year": (grid(bounds=(0, 365)), "its maps are means over 365 days"),
    "date in the name": (grid(file="pm25_20150110.nc", time=None), read()),
    "month in the name": (grid(file="pm25_201501.nc", time=None), read("2015-01-01T00", "month")),
    "date and version in the name": (grid(file="pm25_20150110_v20230915.nc", time=None), read()),
    "two dates in the name": (grid(file="a_20150110_b_20160210.nc", time=None), "two dates are in"),
    "no date": (grid(file="pm25.nc", time=None), "no time is in it and no date in its name"),
    "year 9999": (grid(time=(0, "days since 9999-01-01")), "are no dates of our calendar"),
    "no calendar of ours": (grid(time=(0, "fortnights since 2015-01-10")), "its times"),
    "said to be a month": (
        grid(time=(0, "days since 2015-01-01")),
        read("2015-01-01T00", "month"),
        {"period": "month"},
    ),
    "of China's days": (grid(time=(0, DAY[1])), read("2015-01-09T16"), CHINA),
    # -- GeoTIFF -----------------------------------------------------------------------------------
    "a GeoTIFF": (tiff(), read()),
    "its month": (tiff(file="map_201501.tif"), read("2015-01-01T00", "month")),
    "its date in the band": (tiff("2015-01-10", file="map.tif"), read()),
    "its band among others": (tiff("PM2.5", "NO2", "count"), read()),
    "its band by number": (tiff("a", "b"), read(), {"variable": "1"}),
    "its band by description": (tiff("first", "second"), read(), {"variable": "First"}),
    "its tag of a scale": (tiff(factor=10, scale_factor="0.1"), read()),
    "its tag of a unit": (tiff(units="", factor=1e-3, unit="mg m-3"), read()),
    "its limits": (tiff(valid_range="{0,500}"), read()),
    "its scale unreadable": (tiff(scale_factor="x"), "scale_factor of 'band 1' is 'x'"),
    "its band of another pollutant": (tiff("NO2"), "NO2 is another pollutant"),
    "its band of a deviation": (tiff("stdev"), "stdev is a standard deviation"),
    "its name of another pollutant": (tiff(file="NO2_20150110.tif"), "by the file's name it is"),
    "its two bands": (tiff("a", "b"), "its 2 bands have no dates"),
    "its eight days": (tiff(file="pm25_8d_20150101.tif"), "a mean over 8d is no day"),
    "without a place": (tiff(crs=None), "it does not say where on Earth it lies"),
    # -- tables: time ------------------------------------------------------------------------------
    "local hours": (one(), read(period="hour"), CHINA),
    "hours of UTC": (one("2015-01-10 00:00"), read(period="hour"), UTC),
    "no zone": (one(), "its times have no time zone"),
    "Z": (one("2015-01-10T00:00Z"), read(period="hour")),
    "+08:00": (one("2015-01-10T08:00:00+08:00"), read(period="hour")),
    "UTC in words": (one("2015-01-10 00:00 UTC"), read(period="hour")),
    "stamps at the end": (
        one("2015-01-10 09:00"),
        read(period="hour"),
        CHINA | {"stamps": "end"},
    ),
    "2015年1月10日 08:00": (one("2015年1月10日 08:00"), read(period="hour"), CHINA),
    "day or month first": (one("01/10/2015 08:00"), "may be day/month or month/day", CHINA),
    "day first": (one("13/01/2015 08:00"), read("2015-01-13T00", "hour"), CHINA),
    "seconds": (one("1420848000"), "may be seconds since 1970", CHINA),
    "a day number": (one("42014.33"), "'42014.33' is no time", CHINA),
    "date and hour": (
        table("station,lat,lon,date,hour,pm25", "a,31,120,2015-01-10,8,30"),
        read(period="hour"),
        CHINA,
    ),
    "date and time": (
        table("station,lat,lon,date,time,pm25", "a,31,120,2015-01-10,08:00,30"),
        read(period="hour"),
        CHINA,
    ),
    "an hour 25": (
        table("station,lat,lon,date,hour,pm25", "a,31,120,2015-01-10,25,30"),
        "'25' is no hour of a day",
        CHINA,
    ),
    "no time at all": (
        table("station,lat,lon,pm25", "a,31,120,30"),
        "'valid_time' is missing",
        UTC,
    ),
    # -- tables: form ------------------------------------------------------------------------------
    "semicolons and commas": (
        table("station;lat;lon;time;pm25", "a;31,0;120,0;2015-01-10 08:00;30,0"),
        read(period="hour"),
        CHINA,
    ),
    "tabs": (
        table(HEAD.replace(",", "\t"), "a\t31\t120\t2015-01-10 08:00\t30"),
        read(period="hour"),
        CHINA,
    ),
    "UTF-16": (one(encoding="utf-16"), read(period="hour"), CHINA),
    "GB 18030": (
        table("站点,纬度,经度,时间,pm25", "一,31,120,2015-01-10 08:00,30", encoding="gb18030"),
        read(period="hour"),
        CHINA,
    ),
    "unit in the header": (
        table("station,lat,lon,time,PM2.5 (µg/m³)", "a,31,120,2015-01-10 08:00,30"),
        read(period="hour"),
        CHINA,
    ),
    "unit in a column": (
        table(HEAD + ",unit", "a,31,120,2015-01-10 08:00,0.03,mg/m3"),
        read(period="hour"),
        CHINA,
    ),
    "unit that is none": (
        table(HEAD + ",unit", "a,31,120,2015-01-10 08:00,30,ppb"),
        "unit 'ppb' is not a mass concentration",
        CHINA,
    ),
    "two columns that differ": (
        table(HEAD + ",pm2.5", "a,31,120,2015-01-10 08:00,30,40"),
        "several columns may be PM2.5: pm25, pm2.5",
        CHINA,
    ),
    "a dash": (one(value="—"), "not one valid PM2.5 value", CHINA),
    "a word": (one(value="high"), "row 2, column 'pm25': 'high' is no number", CHINA),
    "a row too long": (table(HEAD, "a,31,120,2015-01-10 08:00,30,9,9"), "row 2 has 7 cells", CHINA),
    "no rows": (table(HEAD), "the table has no rows", CHINA),
    "one name twice": (table(HEAD + ",PM25", "a"), "column 'pm25' is there twice", CHINA),
    "nothing": (table("", file="b.csv"), "this is no table with columns", CHINA),
    # -- tables: place -----------------------------------------------------------------------------
    "degrees and minutes": (
        one(lat='"31°00\'00""N"', lon='"120°00\'00""E"'),
        read(period="hour"),
        CHINA,
    ),
    "letters": (one(lat="31N", lon="120E"), read(period="hour"), CHINA),
    "0, 0": (one(lat="0", lon="0"), "latitude 0, longitude 0 is what a device writes", CHINA),
    "latitude 121": (one(lat="121"), "121 is no latitude", CHINA),
    "no place": (table("station,time,pm25", "a,2015-01-10 08:00,30"), "has no coordinates", CHINA),
    "an id in powers of ten": (
        table(HEAD, "3.1E+11,31,120,2015-01-10 08:00,30"),
        "is a number that a spreadsheet shortened",
        CHINA,
    ),
    "two values for one hour": (
        table(HEAD, "a,31,120,2015-01-10 08:00,30", "a,31,120,2015-01-10 08:00,40"),
        "is there twice: row 2 of a.csv says 30 and row 3 of a.csv says 40",
        CHINA,
    ),
    "one row twice": (
        table(HEAD, "a,31,120,2015-01-10 08:00,30", "a,31,120,2015-01-10 08:00,30"),
        read(period="hour"),
        CHINA,
    ),
    # -- networks ----------------------------------------------------------------------------------
    "CNEMC": (
        table(
            "TimePoint,PositionName,StationCode,Latitude,Longitude,PM2_5",
            "2015-01-10T09:00:00,a,1A,31,120,30",
        ),
        read(period="hour"),
    ),
    "sensor.community": (
        table(
            "sensor_id;sensor_type;location;lat;lon;timestamp;P1;P2",
            "1;SDS011;2;31;120;2015-01-10T00:02:30;50;30",
        ),
        read(period="hour"),
    ),
    "OpenAQ": (
        table(
            "location_id,location,datetime,lat,lon,parameter,units,value",
            "1,a,2015-01-10T01:00:00Z,31,120,pm25,µg/m³,30",
        ),
        read(period="hour"),
    ),
    "AQS": (
        table(
            "State Code,County Code,Site Num,Parameter Code,POC,Latitude,Longitude,Date Local,"
            "Time Local,Date GMT,Time GMT,Sample Measurement,Units of Measure",
            "1,3,10,88101,1,31,120,2015-01-10,08:00,2015-01-10,00:00,30,Micrograms/cubic meter",
        ),
        read(period="hour"),
    ),
    "AirNow": (
        table(
            "AQSID,SiteName,Latitude,Longitude,GMTOffset,ValidDate,ValidTime,PM25,PM25_Unit",
            "1,a,31,120,8,01/10/15,00:00,30,UG/M3",
        ),
        read(period="hour"),
    ),
    "PurpleAir": (
        table("time_stamp,sensor_index,latitude,longitude,pm2.5_atm", "1420848000,1,31,120,30"),
        read(period="hour"),
    ),
    "PurpleAir, two estimates": (
        table(
            "time_stamp,sensor_index,latitude,longitude,pm2.5_atm,pm2.5_cf_1",
            "1420848000,1,31,120,30,40",
        ),
        "several columns may be PM2.5: pm2.5_atm, pm2.5_cf_1",
    ),
}


def test_the_corpus_is_large_enough_to_be_one():
    assert len(ROWS) >= 120


@pytest.mark.parametrize("name", ROWS)
def test_a_file_is_read_as_it_is_meant_or_refused_with_a_sentence(tmp_path, name):
    write, expected, *options = ROWS[name]
    path = write(tmp_path)
    reader = stations if path.suffix == ".csv" else gridded
    asked = ReadOptions(**(options[0] if options else {}))
    if isinstance(expected, str):
        with pytest.raises(EngineError, match=expected) as caught:
            reader.load([path], asked)
        assert caught.value.remedy
        return
    dataset = reader.load([path], asked)
    assert (str(dataset["valid_time"].values[0])[:13], dataset.attrs["period"]) == expected
    if reader is stations:
        assert (dataset["latitude"].item(), dataset["longitude"].item()) == (31, 120)
        assert dataset["pm2p5"].values.ravel().tolist() == [pytest.approx(30)]
        return
    at = dataset["pm2p5"][0]
    near = at.sel(latitude=31, longitude=120, method="nearest")
    assert float(near) == pytest.approx(30, rel=1e-5)
    north = at.sel(latitude=32, longitude=120, method="nearest")
    assert float(north) == pytest.approx(40, rel=1e-5)
