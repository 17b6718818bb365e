"""The forms of station tables that are known by their columns: names, units, clocks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.core.schema import Period

STATION = (
    *("station", "station_id", "stationcode", "site", "site_id", "id", "location", "city"),
    *("站点编号", "站点", "监测点编码", "监测点", "站名", "城市"),
)
NAME = (
    *("name", "station_name", "positionname", "city", "location_name"),
    *("站点名称", "监测点名称", "站名", "城市"),
)
PLACE_NAME = ("name", "station_name", "name_en", "监测点名称", "站点名称", "站名")
LATITUDE = ("latitude", "lat", "纬度")
LONGITUDE = ("longitude", "lon", "long", "lng", "经度")


@dataclass(frozen=True)
class Measured:
    """A column of readings: its name, and how it becomes ours (value × factor + offset)."""

    column: str
    factor: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class Layout:
    """One form of station table.

    Attributes:
        columns: Names, without case, by which the form is recognised.
        source: A line for "where from".
        licence: Under which terms.
        utc_offset_hours: Of its clock; None where that differs from file to file.
        period: Of its means; None where that differs.
        station: Columns that may hold the identifier; empty where the position is all there is.
        measured: Our variable → the column it is in; empty means by the vocabulary's names.
        time_formats: Beyond ISO 8601.
        closes: Whether a stamp is the end of its hour (docs/formats.md).
        time: The column of times, where it is none of the usual.
        china: Whether it holds values of China's network, whose reference state changed in 2018.
        only: Column → the one value that rows have which count; others are of other pollutants.
    """

    columns: frozenset[str]
    source: str
    licence: str
    utc_offset_hours: float | None
    period: Period | None
    station: tuple[str, ...] = STATION
    measured: Mapping[str, Measured] = field(default_factory=dict)
    time_formats: tuple[str, ...] = ()
    closes: bool = False
    time: tuple[str, ...] = ()
    china: bool = False
    only: Mapping[str, str] = field(default_factory=dict)


LAYOUTS: dict[str, Layout] = {
    "prsa": Layout(
        frozenset({"year", "month", "day", "hour", "pm2.5", "station"}),
        "Beijing Multi-Site Air Quality, UCI 501, Zhang et al. 2017, doi:10.24432/C5RK5G",
        "CC BY 4.0",
        8,
        "hour",
        ("station",),
        {
            "pm2p5": Measured("PM2.5"),
            "pm10": Measured("PM10"),
            "so2": Measured("SO2"),
            "no2": Measured("NO2"),
            "co": Measured("CO"),
            "o3": Measured("O3"),
            "t2m": Measured("TEMP", offset=273.15),  # °C
            "d2m": Measured("DEWP", offset=273.15),  # °C
            "sp": Measured("PRES", factor=100.0),  # hPa
            "tp": Measured("RAIN"),
            "si10": Measured("WSPM"),
        },
        china=True,
    ),
    "cnemc": Layout(
        frozenset({"timepoint", "stationcode", "latitude", "longitude", "pm2_5"}),
        "China National Environmental Monitoring Centre, hourly feed",
        "public feed, terms not stated",
        8,
        "hour",
        ("stationcode",),
        {
            "pm2p5": Measured("PM2_5"),
            "pm10": Measured("PM10"),
            "no2": Measured("NO2"),
            "so2": Measured("SO2"),
            "o3": Measured("O3"),
            "co": Measured("CO", factor=1000.0),  # mg m-3
        },
        closes=True,
        china=True,
    ),
    "cnemc-wide": Layout(
        frozenset({"timepoint", "stationcode", "pm2_5"}),
        "China National Environmental Monitoring Centre, archive with a column for each station",
        "public feed, terms not stated",
        8,
        "hour",
        ("stationcode",),
        {
            "pm2p5": Measured("PM2_5"),
            "pm10": Measured("PM10"),
            "no2": Measured("NO2"),
            "so2": Measured("SO2"),
            "o3": Measured("O3"),
            "co": Measured("CO", factor=1000.0),  # mg m-3
        },
        closes=True,
        china=True,
    ),
    "city-daily": Layout(
        frozenset({"date", "city", "lon", "lat", "pm25"}),
        "Daily means of Chinese cities, CNEMC via CRAN SpTe2M",
        "GPL-3 (package); public data",
        8,
        "day",
        ("city",),
        {"pm2p5": Measured("pm25")},
        china=True,
    ),
    "aqs": Layout(
        frozenset({"aqs station", "pm2p5"}),
        "United States Environmental Protection Agency, Air Quality System (AirData)",
        "public domain (United States government)",
        None,
        None,
        ("aqs station",),
        {"pm2p5": Measured("pm2p5")},
    ),
    "airnow": Layout(
        frozenset({"airnow station", "pm2p5"}),
        "AirNow and its partners, preliminary data",
        "AirNow data use guidelines",
        None,
        "hour",
        ("airnow station",),
        {"pm2p5": Measured("pm2p5")},
    ),
    "uk-air": Layout(
        frozenset({"uk-air station", "pm2p5"}),
        "UK-AIR, Department for Environment, Food and Rural Affairs",
        "OGL 3.0",
        0,
        "hour",
        ("uk-air station",),
        {"pm2p5": Measured("pm2p5")},
        closes=True,
    ),
    "purpleair": Layout(
        frozenset({"purpleair station", "pm2p5"}),
        "PurpleAir",
        "PurpleAir's terms of service",
        0,
        None,
        ("purpleair station",),
        {"pm2p5": Measured("pm2p5")},
    ),
    "openaq": Layout(
        frozenset({"parameter", "value"}),
        "OpenAQ",
        "as each provider states",
        None,
        "hour",
        closes=True,
    ),
    "sensor-community": Layout(
        frozenset({"sensor_id", "sensor_type", "timestamp", "p1", "p2"}),
        "sensor.community",
        "ODbL or DbCL, as the archive states",
        0,
        "hour",
        ("sensor_id",),
        {"pm2p5": Measured("P2"), "pm10": Measured("P1")},
    ),
    "eea": Layout(
        frozenset({"samplingpoint", "pollutant", "start", "end", "value", "validity"}),
        "European Environment Agency, air quality download service",
        "CC BY 4.0",
        1,
        None,
        ("samplingpoint",),
        {"pm2p5": Measured("Value")},
        time=("start",),
        only={"pollutant": "6001"},
    ),
    "kolkata": Layout(
        frozenset({"lat", "long", "time", "pm"}),
        "Kolkata low-cost static sensors, IIT Delhi",
        "CC BY 4.0",
        5.5,
        "hour",
        (),
        {"pm2p5": Measured("pm")},
        ("%m/%d/%Y %H:%M",),
    ),
    "csv": Layout(frozenset(), "", "not stated", None, None),
}
