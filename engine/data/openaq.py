"""OpenAQ's tables: one row a reading, the pollutant named in a column.

Three forms, distinguished by their columns: the archive on AWS (`location_id`, `datetime`, `lat`,
`lon`, `units`), the Explorer's download (`location_name`, `datetimeUtc`, `latitude`, `unit`), and
the older API's CSV (`location`, `utc`, `local`).

Source: docs.openaq.org, "About Open Data on AWS"; OpenAQ data format.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.core.errors import DataError
from engine.core.variables import find, mass_factor
from engine.data.cleaning import Cleaning
from engine.data.coordinates import degrees
from engine.data.dropped import total
from engine.data.options import ReadOptions
from engine.data.readings import Readings
from engine.data.tables import Clock, Table, numbers, texts, times

_STATION = ("location_id", "locationid", "location", "location_name")
_NAME = ("location_name", "location", "location_id")
_SENSOR = ("sensors_id", "sensor_id", "sensorsid", "sensorid")
_UTC = ("datetimeutc", "datetime_utc", "utc", "date.utc")
_ZONED = ("datetime",)
_LOCAL = ("datetimelocal", "datetime_local", "local", "date.local")


def readings(table: Table, options: ReadOptions, cleanings: dict[str, Cleaning]) -> Readings:
    """The rows of all pollutants that are given as mass per volume.

    Raises:
        DataError: If a column is missing, a cell is bad, or no row is PM2.5.
    """
    parameter = texts(table, table.need(("parameter",)))
    units = texts(table, table.need(("unit", "units")))
    value = numbers(table, table.need(("value",)))
    values, notes = _values(table, parameter, units, value, options, cleanings)
    kept = np.flatnonzero(
        np.any([np.isin(parameter, list(_spellings(parameter, n))) for n in values], axis=0)
    )
    latitude, longitude = degrees(
        table, table.need(("latitude", "lat")), table.need(("longitude", "lon"))
    )
    name = table.find(_NAME)
    clock = _clock(table)
    notes += _averaged(table, clock, values)
    return Readings(
        clock=Clock(clock.stamps[kept], clock.zoned, clock.offset_hours),
        station=texts(table, table.need(_STATION))[kept],
        name=texts(table, name)[kept] if name else np.full(len(kept), ""),
        latitude=latitude[kept],
        longitude=longitude[kept],
        values={n: v[kept] for n, v in values.items()},
        table=replace(
            table,
            notes=(*table.notes, *notes),
            dropped=total([table.dropped, {"other quantity": len(parameter) - len(kept)}]),
        ),
        rows=table.frame.index.to_numpy()[kept],
    )


def _averaged(table: Table, clock: Clock, values: dict[str, NDArray[np.float32]]) -> list[str]:
    """Give rows of several sensors of one place and time their mean; what to report.

    One sensor that says two values for a time is left as it is, and refused later.
    """
    column = table.find(_SENSOR)
    if column is None:
        return []
    rows = pd.DataFrame(
        {
            "station": texts(table, table.need(_STATION)),
            "time": clock.stamps,
            "sensor": texts(table, column),
        }
    )
    places: set[str] = set()
    for array in values.values():
        known = rows[np.isfinite(array)].assign(value=array[np.isfinite(array)].astype(np.float64))
        groups = known.groupby(["station", "time"])
        several = (groups["sensor"].transform("nunique") > 1) & (
            groups["sensor"].transform("nunique") == groups["sensor"].transform("size")
        )
        means = groups["value"].transform("mean")[several]
        array[means.index.to_numpy()] = means.to_numpy(dtype=np.float32)
        places |= set(known.loc[several[several].index, "station"])
    if not places:
        return []
    count = "1 place" if len(places) == 1 else f"{len(places)} places"
    return [f"{count} with several sensors of one pollutant: their mean was taken."]


def _spellings(parameter: NDArray[np.str_], name: str) -> set[str]:
    """How the table writes one variable of ours."""
    return {str(p) for p in np.unique(parameter) if (v := find(str(p))) and v.name == name}


def _values(
    table: Table,
    parameter: NDArray[np.str_],
    units: NDArray[np.str_],
    value: NDArray[np.float64],
    options: ReadOptions,
    cleanings: dict[str, Cleaning],
) -> tuple[dict[str, NDArray[np.float32]], list[str]]:
    values: dict[str, NDArray[np.float32]] = {}
    notes = []
    for written in map(str, np.unique(parameter)):
        variable = find(written)
        if variable is None or variable.units != "ug m-3":
            continue
        rows = parameter == written
        for unit in map(str, np.unique(units[rows])):
            here = rows & (units == unit)
            declared = options.units if variable.name == "pm2p5" and options.units else unit
            try:
                mass_factor(declared, where=table.where)
            except DataError:
                if variable.name == "pm2p5":
                    raise
                notes.append(f"{written} in {unit} is no mass concentration; left out.")
                continue
            key = f"{variable.name} in {declared}"
            cleaning = cleanings.setdefault(
                key, Cleaning(table.where, variable=variable.name, units=declared)
            )
            column = values.setdefault(variable.name, np.full(len(value), np.nan, np.float32))
            column[here] = cleaning.clean(value[here])
    if "pm2p5" not in values:
        raise DataError(
            "column 'parameter' holds no pm25, only {others}",
            where=table.where,
            remedy="Download PM2.5",
            others=tuple(map(str, np.unique(parameter)[:8])),
        )
    return values, notes


def _clock(table: Table) -> Clock:
    """UTC stamps, and the offset of local clocks where the table has both."""
    utc, local = table.find(_UTC), table.find(_LOCAL)
    if utc is None:
        return times(table, table.need((*_ZONED, *_LOCAL)))
    clock = times(table, utc)
    offset = times(table, local).offset_hours if local else None
    return Clock(clock.stamps, zoned=True, offset_hours=offset)
