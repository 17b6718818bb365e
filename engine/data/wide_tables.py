"""Tables with a column for each station: the archives of China's national network.

`china_sites_YYYYMMDD.csv` has `date`, `hour`, `type` and then one column a station, with a row for
each hour and pollutant. Values are those of the national feed, so that a stamp closes its hour.
"""

from dataclasses import replace

import pandas as pd

from engine.core.errors import DataError
from engine.core.size_limits import BYTES
from engine.core.variables import find
from engine.data.dropped import total
from engine.data.tables import Table, texts

ROW_BYTES = 300
_FIXED = ("date", "hour", "type")
# Columns of `engine.data.station_layouts`' form of CNEMC, so that units and clock are the same.
_NAMES = {
    **{"pm2p5": "PM2_5", "pm10": "PM10", "no2": "NO2", "so2": "SO2", "o3": "O3", "co": "CO"},
}


def unfolded(table: Table) -> Table:
    """A wide table with one row for each station and hour; any other table as it is.

    Means over 24 or 8 hours, and the index, are left out.

    Raises:
        DataError: If no row is of PM2.5.
    """
    columns = {str(c).strip().lower(): str(c) for c in table.frame.columns}
    if not set(_FIXED) <= set(columns):
        return table
    date, hour, kind = (columns[c] for c in _FIXED)
    stations = [str(c) for c in table.frame.columns if str(c) not in (date, hour, kind)]
    types = pd.Series(texts(table, kind))
    known = types.map(lambda written: (v := find(written)) is not None and v.name in _NAMES)
    # A row for each station takes some hundred bytes; a year of the whole network is many rows.
    cells = int(known.sum()) * len(stations)
    BYTES.check(ROW_BYTES * cells, what=f"a table of {cells:,} rows", where=table.where)
    parts = {}
    read = 0
    for written in types.unique():
        variable = find(written)
        if variable is None or variable.name not in _NAMES:
            continue
        rows = table.frame[(types == written).to_numpy()]
        read += len(rows)
        long = rows.melt([date, hour], stations, "StationCode", _NAMES[variable.name])
        parts[variable.name] = long.set_index([date, hour, "StationCode"])
    if "pm2p5" not in parts:
        raise DataError(
            "column {column!r} has no rows of PM2.5",
            where=table.where,
            remedy="Import a table that has them",
            column=kind,
        )
    for name, part in parts.items():
        if part.index.has_duplicates:
            twice = part.index[part.index.duplicated()][0]
            raise DataError(
                "hour {hour} of station {station!r} has two rows of {name}",
                where=table.where,
                remedy="Keep one of the two",
                hour=str(twice[1]),
                station=str(twice[2]),
                name=_NAMES[name],
            )
    joined = pd.concat(parts.values(), axis=1).reset_index()
    stamps = joined[date].astype(str).str.strip() + " " + joined[hour].astype(str).str.zfill(2)
    joined.insert(0, "TimePoint", pd.to_datetime(stamps, format="%Y%m%d %H", errors="coerce"))
    if joined["TimePoint"].isna().any():
        raise DataError(
            "a date or an hour of it is none",
            where=table.where,
            remedy="Write dates as 20150110 and hours from 0 to 23",
        )
    note = f"{table.where}: {len(stations)} stations were columns; made rows."
    frame = joined.drop(columns=[date, hour])
    other = {"other quantity": len(stations) * (len(table.frame) - read)}
    counts = total([table.dropped, other])
    return replace(table, frame=frame, notes=(*table.notes, note), dropped=counts)
