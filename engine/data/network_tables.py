"""Tables of networks whose columns are their own: AQS, AirNow, UK-AIR and PurpleAir.

Each becomes one row for a station and a time, with the columns of `engine.data.station_layouts`:
the network's name beside "station", `time` with its zone, `pm2p5` in ug m-3.

Source: AirData File Formats (aqs.epa.gov): AQS names an hour by its beginning. AirNow Hourly Data
and Hourly AQ Obs fact sheets (docs.airnowapi.org): GMT, the beginning of the hour. UK-AIR: GMT, the
end of the hour, as its files say. PurpleAir API: UTC, the beginning.
"""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.core.errors import DataError
from engine.core.variables import mass_factor
from engine.data.csv_text import UK_AIR
from engine.data.dropped import without
from engine.data.options import ReadOptions
from engine.data.quantities import is_pm25
from engine.data.tables import Table, numbers, texts

_AQS_HOURLY = frozenset({"state code", "county code", "parameter code", "sample measurement"})
_AQS_DAILY = frozenset({"state code", "county code", "parameter code", "arithmetic mean"})
_AIRNOW = frozenset({"aqsid", "valid date", "valid time", "gmt offset", "parameter", "value"})
_AIRNOW_OBS = frozenset({"aqsid", "validdate", "validtime", "gmtoffset", "pm25", "pm25_unit"})
_AIRNOW_API = frozenset({"utc", "parameter", "unit", "fullaqscode"})
_PURPLEAIR = (
    frozenset({"time_stamp", "sensor_index"}),
    frozenset({"created_at", "entry_id"}),
)
# Mass by the federal method; else by methods that are no reference.
_AQS_CODES = ("88101", "88502")
_PURPLE = re.compile(r"pm2[._]5_(?:cf_?1|atm|alt)(?:_[ab])?(?:_ug/m3)?")
_IN_NAME = re.compile(r"\((-?\d{1,2}\.\d+) (-?\d{1,3}\.\d+)\)")


def as_rows(table: Table, options: ReadOptions) -> Table:
    """A network's table with one row for each station and time; any other table as it is.

    Raises:
        DataError: If it has no PM2.5, or several columns of it, or a cell cannot be read.
    """
    forms: tuple[tuple[frozenset[str], Callable[[Table, ReadOptions], Table]], ...] = (
        (_AQS_HOURLY, _aqs_hourly),
        (_AQS_DAILY, _aqs_daily),
        (_AIRNOW, _airnow),
        (_AIRNOW_OBS, _airnow_obs),
        (_AIRNOW_API, _airnow_api),
        *((columns, _purpleair) for columns in _PURPLEAIR),
        (frozenset({UK_AIR}), _uk_air),
    )
    for columns, read in forms:
        if columns <= table.columns:
            return read(table, options)
    return table


def _aqs_hourly(table: Table, options: ReadOptions) -> Table:
    table = _of_aqs(table)
    stamps = {
        which: _instants(table, f"date {which}", f"time {which}", "%Y-%m-%d %H:%M")
        for which in ("local", "gmt")
    }
    ahead = (stamps["local"] - stamps["gmt"]) / np.timedelta64(1, "h")
    time = _zoned(stamps["gmt"], ahead)
    return _averaged(_rows(table, "aqs", _aqs_site(table), time, "sample measurement"))


def _aqs_daily(table: Table, options: ReadOptions) -> Table:
    table = _of_aqs(table)
    event, duration = (table.find((n,)) for n in ("event type", "sample duration"))
    kept = np.ones(len(table.frame), bool)
    if event is not None:  # once with, once without a fire's days
        kept &= texts(table, event) != "Excluded"
    if duration is not None and (texts(table, duration) == "1 HOUR").any():
        kept &= texts(table, duration) != "24-HR BLK AVG"  # the same hours again
    table = without(table, kept, {"repeated": int((~kept).sum())})
    time = texts(table, table.need(("date local",)))
    return _averaged(_rows(table, "aqs", _aqs_site(table), time, "arithmetic mean"))


def _of_aqs(table: Table) -> Table:
    """The rows of PM2.5, by the federal method where the table has it."""
    code = texts(table, table.need(("parameter code",)))
    wanted = next((c for c in _AQS_CODES if (code == c).any()), None)
    if wanted is None:
        raise _no_pm25(table, "Parameter Code", code)
    return without(table, code == wanted, {"other quantity": int((code != wanted).sum())})


def _aqs_site(table: Table) -> NDArray[np.str_]:
    parts = (("state code",), 2), (("county code",), 3), (("site num", "site number"), 4)
    state, county, site = (np.char.zfill(texts(table, table.need(n)), w) for n, w in parts)
    return np.char.add(np.char.add(state, "-"), np.char.add(np.char.add(county, "-"), site))


def _airnow(table: Table, options: ReadOptions) -> Table:
    parameter = texts(table, table.need(("parameter",)))
    table = _only(table, "parameter", parameter, ("PM2.5", "PM25"))
    stamps = _instants(table, "valid date", "valid time", "%m/%d/%y %H:%M")
    time = _zoned(stamps, numbers(table, table.need(("gmt offset",))))
    station = texts(table, table.need(("aqsid",)))
    return _averaged(_rows(table, "airnow", station, time, "value", name="sitename"))


def _airnow_obs(table: Table, options: ReadOptions) -> Table:
    year = "%m/%d/%Y" if len(str(texts(table, table.need(("validdate",)))[0])) > 8 else "%m/%d/%y"
    stamps = _instants(table, "validdate", "validtime", f"{year} %H:%M")
    time = _zoned(stamps, numbers(table, table.need(("gmtoffset",))))
    station = texts(table, table.need(("aqsid",)))
    return _averaged(_rows(table, "airnow", station, time, "pm25", name="sitename"))


def _airnow_api(table: Table, options: ReadOptions) -> Table:
    parameter = texts(table, table.need(("parameter",)))
    table = _only(table, "parameter", parameter, ("PM2.5", "PM25"))
    time = pd.Series(texts(table, table.need(("utc",)))) + "Z"
    station = texts(table, table.need(("fullaqscode",)))
    value = table.need(("value", "concentration")).lower()
    return _averaged(_rows(table, "airnow", station, time.to_numpy(str), value, name="sitename"))


def _purpleair(table: Table, options: ReadOptions) -> Table:
    columns = [str(c) for c in table.frame.columns]
    found = [c for c in columns if _PURPLE.fullmatch(c.lower())]
    if options.variable is not None:
        found = [table.need((options.variable,))]
    if len(found) != 1:
        raise DataError(
            "several columns may be PM2.5: {columns}"
            if found
            else "no column is PM2.5; it has {columns}",
            where=table.where,
            remedy="Name the right one with --variable",
            columns=tuple(found or columns),
        )
    column = table.need(("time_stamp", "created_at"))
    stamps = texts(table, column)
    if all(s.isdecimal() and len(s) == 10 for s in stamps):  # seconds since 1970
        seconds = stamps.astype(np.int64).astype("datetime64[s]")
        stamps = np.char.add(seconds.astype(str), "Z")
    named = table.where.rpartition(".")[0] or table.where
    place = _IN_NAME.search(named)
    index = table.find(("sensor_index",))
    station = texts(table, index) if index else np.full(len(stamps), named.split(" (")[0])
    made = _rows(table, "purpleair", station, stamps, found[0].lower(), name="name")
    if place is not None and made.find(("latitude",)) is None:
        frame = made.frame.assign(latitude=place[1], longitude=place[2])
        made = replace(made, frame=frame)
    return made


def _uk_air(table: Table, options: ReadOptions) -> Table:
    day, time = (table.need((n,)) for n in (UK_AIR, "time"))
    iso = pd.Series(texts(table, day)).str.replace(
        r"^(\d{2})[-/](\d{2})[-/](\d{4})$", r"\3-\2-\1", regex=True
    )
    stamps = (iso + " " + pd.Series(texts(table, time))).to_numpy(str)
    parts = []
    for column in map(str, table.frame.columns):
        site, _, quantity = column.partition("::")
        if "::" in quantity or not is_pm25(re.sub("<[^>]*>", "", quantity)):
            continue
        if "volatile" in quantity.lower():  # a part of it
            continue
        unit = table.find((f"{column}::unit",))
        station = np.full(len(stamps), site)
        parts.append(_rows(table, "uk-air", station, stamps, column.lower(), unit=unit).frame)
    if not parts:
        quantities = [str(c).partition("::")[2] for c in table.frame.columns]
        raise _no_pm25(table, "header", [q for q in quantities if q and "::" not in q])
    return replace(table, frame=pd.concat(parts))


def _rows(
    table: Table,
    network: str,
    station: NDArray[np.str_],
    time: NDArray[np.str_],
    value: str,
    *,
    name: str = "",
    unit: str | None = None,
) -> Table:
    """The table in the columns of the network's layout, values in ug m-3."""
    column = table.need((value,))
    values = numbers(table, column)
    unit = unit or table.find(("units of measure", "units", "unit", "pm25_unit"))
    if unit is not None:
        values = values * _factors(table, unit, np.isfinite(values))
    frame = pd.DataFrame(
        {f"{network} station": station, "time": time, "pm2p5": values}, index=table.frame.index
    )
    for kept in ("latitude", "longitude", name):
        found = table.find((kept,)) if kept else None
        if found is not None:
            frame[kept if kept != name else "name"] = texts(table, found)
    return replace(table, frame=frame)


def _factors(table: Table, column: str, valued: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Factor of each row to ug m-3, by its unit; the method in brackets is none."""
    written = pd.Series(texts(table, column)).str.replace(r"^[RPVNS*]+ |\s*\(.*\)$", "", regex=True)
    known = {u: mass_factor(u, where=table.where) for u in written[valued].unique()}
    return written.map(known).fillna(1.0).to_numpy(np.float64)


def _averaged(table: Table) -> Table:
    """One row for a station and a time, of several instruments the mean."""
    station = str(table.frame.columns[0])
    keys = [station, "time"]
    if not table.frame.duplicated(keys).any():
        return table
    mean = table.frame.groupby(keys)["pm2p5"].transform("mean")
    kept = ~table.frame.duplicated(keys).to_numpy()
    whole = replace(table, frame=table.frame.assign(pm2p5=mean))
    note = f"{table.where}: several instruments of one site were averaged."
    return without(
        replace(whole, notes=(*table.notes, note)), kept, {"repeated": int((~kept).sum())}
    )


def _only(table: Table, column: str, cells: NDArray[np.str_], wanted: tuple[str, ...]) -> Table:
    kept = np.isin(cells, wanted)
    if not kept.any():
        raise _no_pm25(table, column, cells)
    return without(table, kept, {"other quantity": int((~kept).sum())})


def _no_pm25(table: Table, column: str, cells: NDArray[np.str_] | list[str]) -> DataError:
    return DataError(
        "column {column!r} holds no pm25, only {others}",
        where=table.where,
        remedy="Import a table that has them",
        column=column,
        others=tuple(map(str, np.unique(cells)[:8])),
    )


def _instants(table: Table, day: str, time: str, form: str) -> NDArray[np.datetime64]:
    """Instants of a date beside a time of day.

    Raises:
        DataError: Naming the first cell that is none.
    """
    column = table.need((day,))
    joined = pd.Series(texts(table, column)) + " " + pd.Series(texts(table, table.need((time,))))
    stamps = pd.to_datetime(joined, format=form, errors="coerce").to_numpy("datetime64[s]")
    if np.isnat(stamps).any():
        position = int(np.argmax(np.isnat(stamps)))
        raise table.bad(
            position,
            column,
            "{text!r} is no time",
            "Write times as 2015-01-10 08:00, or 2015-01-10T00:00Z in UTC",
            text=str(joined[position])[:40],
        )
    return stamps


def _zoned(utc: NDArray[np.datetime64], ahead: NDArray[np.float64]) -> NDArray[np.str_]:
    """Local times with their zone, so that a table of one zone has that zone's days."""
    minutes = np.round(60 * np.nan_to_num(ahead)).astype(np.int64)
    local = (utc + minutes.astype("timedelta64[m]")).astype("datetime64[s]").astype(str)
    zone = [f"{'-' if m < 0 else '+'}{abs(m) // 60:02d}:{abs(m) % 60:02d}" for m in minutes]
    return np.char.add(local, np.array(zone, dtype=np.str_))
