"""Station tables: UCI PRSA, daily city means, CNEMC, OpenAQ, Kolkata's static sensors, plain CSV.

The forms are in `engine.data.station_layouts`; the first whose columns a table has is its form.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core.errors import DataError, RequestError
from engine.core.variables import VARIABLES, find
from engine.data import openaq
from engine.data.cleaning import Cleaning
from engine.data.clock_columns import TIME, TIME_UTC, clock_of
from engine.data.coordinates import degrees
from engine.data.dropped import of_cleanings, total, usable
from engine.data.misplaced import corrected
from engine.data.network_tables import as_rows
from engine.data.options import STAMPS, ReadOptions
from engine.data.readings import Places, Readings, clock_offset, stations_dataset
from engine.data.recognise import files_of
from engine.data.reference_state import STATE, of_china, of_file
from engine.data.station_ids import check_places, checked, counted
from engine.data.station_layouts import (
    LATITUDE,
    LAYOUTS,
    LONGITUDE,
    NAME,
    PLACE_NAME,
    STATION,
    Layout,
    Measured,
)
from engine.data.tables import Clock, Table, numbers, read, texts
from engine.data.value_columns import names_pm25, pm25_column, unit_factors
from engine.data.wide_tables import unfolded
from engine.data.wind_sectors import wind


def load(paths: Sequence[Path], options: ReadOptions | None = None) -> xr.Dataset:
    """Station readings of the files, `pm2p5(valid_time, station)` and what else they have.

    Raises:
        DataError: Naming file, row and column of what is wrong.
        NotFoundError: If a path is not there.
        RequestError: If the options do not fit.
    """
    options = options or ReadOptions()
    tables, places = _tables(files_of(paths, "stations"), options)
    form = options.format or form_of(tables[0])
    if form not in LAYOUTS:
        raise RequestError(
            "{form!r} is no form of a station table",
            remedy="Choose from {layouts}",
            form=form,
            layouts=tuple(LAYOUTS),
        )
    layout = LAYOUTS[form]
    cleanings: dict[str, Cleaning] = {}
    parts = [
        _closing(_readings(table, form, layout, places, options, cleanings), layout, options)
        for table in tables
    ]
    notes = [n for p in parts for n in p.table.notes]
    notes += [n for c in cleanings.values() for n in c.finish() if "names no unit" not in n]
    dataset = stations_dataset(
        parts,
        places,
        offset=clock_offset(parts, options.utc_offset_hours, layout.utc_offset_hours),
        period=layout.period,
        attributes={
            "source": options.source or layout.source or tables[0].where,
            "licence": options.licence or layout.licence,
            "format": form,
            STAMPS: "end" if any(p.clock.closes for p in parts) else "start",
        },
        notes=notes,
        dropped=total([*(p.table.dropped for p in parts), of_cleanings(cleanings.values())]),
    )
    return _with_reference(check_places(dataset, where=tables[0].where), layout, options)


def _with_reference(dataset: xr.Dataset, layout: Layout, options: ReadOptions) -> xr.Dataset:
    """The dataset with the state that its cubic metres are at, as far as it is known."""
    state, note = of_file(options, options.units, {}), ""
    if layout.china and options.reference is None:
        state, note = of_china(dataset["valid_time"].values)
    notes = "\n".join(filter(None, [str(dataset.attrs.get("notes", "")), note]))
    return dataset.assign_attrs({STATE: state, "notes": notes})


def _closing(part: Readings, layout: Layout, options: ReadOptions) -> Readings:
    """The readings with a clock whose stamps are the ends of their hours, or the starts."""
    closes = part.clock.closes or layout.closes
    if options.stamps is not None:
        closes = options.stamps == "end"
    return replace(part, clock=replace(part.clock, closes=closes))


def form_of(table: Table) -> str:
    """The form that a table's columns show."""
    for form, layout in LAYOUTS.items():
        if layout.columns <= table.columns and (form != "kolkata" or is_kolkata(table)):
            return form
    return "csv"


def is_kolkata(table: Table) -> bool:
    """Whether a table of lat, long, time, pm lies in Kolkata, whose clock we know."""
    latitude, longitude = (
        numbers(table, table.need(("lat",))),
        numbers(table, table.need(("long",))),
    )
    near = (np.abs(latitude - 22.55) < 0.5) & (np.abs(longitude - 88.37) < 0.5)
    return table.columns == LAYOUTS["kolkata"].columns and bool(near.all())


def _tables(paths: Sequence[Path], options: ReadOptions) -> tuple[list[Table], Places]:
    """The tables of readings, and the coordinates from a file or a table among them."""
    tables, places = [], Places()
    for path in paths:
        table = as_rows(unfolded(read(path)), options)
        if is_coordinates(table):
            places = places_of(table)
        else:
            tables.append(usable(table, options))
    if options.coordinates is not None:
        places = places_of(read(options.coordinates))
    if not tables:
        raise DataError(
            "only coordinates are in it, no readings",
            where=paths[0].name,
            remedy="Name the table of readings too",
        )
    return tables, places


def is_coordinates(table: Table) -> bool:
    """Whether a table says where stations lie and holds no readings."""
    entry = VARIABLES["pm2p5"]
    readings = (*TIME, *TIME_UTC, "year", "datetimeutc", "value", entry.name, *entry.aliases)
    places = (table.find(LATITUDE), table.find(LONGITUDE), table.find(STATION))
    return table.find(readings) is None and not names_pm25(table) and None not in places


def places_of(table: Table) -> Places:
    """Coordinates of stations from a table with columns station, latitude, longitude[, name].

    Rows without a station and without coordinates are skipped.

    Raises:
        DataError: If a column is missing or a cell is no coordinate.
    """
    column = table.need(STATION)
    latitude, longitude = table.need(LATITUDE), table.need(LONGITUDE)
    empty = (texts(table, column) == "") & (texts(table, latitude) == "")
    kept = Table(table.frame[~empty], table.where)
    lat, lon = degrees(kept, latitude, longitude)
    name_column = kept.find(PLACE_NAME)
    names = texts(kept, name_column) if name_column else np.full(len(lat), "")
    rows = zip(texts(kept, column), lat, lon, names, strict=True)
    return Places({str(s): (float(a), float(b), str(n)) for s, a, b, n in rows})


def _readings(
    table: Table,
    form: str,
    layout: Layout,
    places: Places,
    options: ReadOptions,
    cleanings: dict[str, Cleaning],
) -> Readings:
    if form == "openaq":
        return openaq.readings(table, options, cleanings)
    if layout.columns - table.columns:
        missing = sorted(layout.columns - table.columns)[0]
        table.need((missing,))
    table = counted(table, layout.only)
    latitude, longitude = _positions(table)
    values = _values(table, layout, options, cleanings)
    if form == "prsa":
        values |= wind(table, values["si10"])
    station = _identifiers(table, layout, places, latitude, longitude)
    if form == "city-daily":
        latitude, longitude, notes = corrected(station, latitude, longitude)
        table = replace(table, notes=(*table.notes, *notes))
    name_column = table.find(NAME)
    return Readings(
        clock=_clock(table, layout),
        station=station,
        name=texts(table, name_column) if name_column else np.full(len(station), ""),
        latitude=latitude,
        longitude=longitude,
        values=values,
        table=table,
        rows=table.frame.index.to_numpy(),
    )


def _positions(table: Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    latitude, longitude = table.find(LATITUDE), table.find(LONGITUDE)
    if latitude is None and longitude is None:
        nowhere = np.full(len(table.frame), np.nan)
        return nowhere, nowhere.copy()
    return degrees(table, table.need(LATITUDE), table.need(LONGITUDE))


def _identifiers(
    table: Table,
    layout: Layout,
    places: Places,
    latitude: NDArray[np.float64],
    longitude: NDArray[np.float64],
) -> NDArray[np.str_]:
    """Each row's station; where the table has none, its position or the place known there."""
    if layout.station:
        column = table.need(layout.station)
        station = texts(table, column)
        if (station == "").any():
            raise table.bad(
                int(np.argmax(station == "")), column, "the station is missing", "Fill it in"
            )
        return checked(table, column, station, latitude, longitude)
    known = {(round(a, 4), round(b, 4)): s for s, (a, b, _) in places.by_station.items()}
    pairs = list(zip(latitude.round(4), longitude.round(4), strict=True))
    return np.array([known.get((a, b)) or _called(a, b) for a, b in pairs], dtype=np.str_)


def _called(latitude: float, longitude: float) -> str:
    """A station's identifier from its position: 22.57N 88.36E."""
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):g}{north} {abs(longitude):g}{east}"


def _clock(table: Table, layout: Layout) -> Clock:
    parts = [table.find((n,)) for n in ("year", "month", "day", "hour")]
    if layout.columns >= {"year", "month", "day", "hour"} and all(parts):
        return _calendar_clock(table, [p for p in parts if p])
    return clock_of(table, layout.time_formats, layout.time)


def _calendar_clock(table: Table, columns: list[str]) -> Clock:
    """Times from columns year, month, day and hour.

    Raises:
        DataError: Naming the cell that makes no date.
    """
    fields = [numbers(table, c) for c in columns]
    limits = ((1900, 2200), (1, 12), (1, 31), (0, 23))
    for values, column, (low, high) in zip(fields, columns, limits, strict=True):
        wrong = ~((values >= low) & (values <= high))
        if wrong.any():
            position = int(np.argmax(wrong))
            raise table.bad(
                position,
                column,
                "{value} is no {part}",
                "Correct it",
                value=f"{values[position]:g}",
                part=column.lower(),
            )
    year, month, day, hour = (f.astype(np.int64) for f in fields)
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    dates = months.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]")
    slipped = dates.astype("datetime64[M]") != months
    if slipped.any():
        position = int(np.argmax(slipped))
        raise table.bad(
            position, columns[2], "the month has no day {day}", "Correct it", day=day[position]
        )
    return Clock(dates.astype("datetime64[ns]") + hour.astype("timedelta64[h]"), zoned=False)


def _values(
    table: Table, layout: Layout, options: ReadOptions, cleanings: dict[str, Cleaning]
) -> dict[str, NDArray[np.float32]]:
    """Every variable of the table, cleaned, in our units."""
    values = {}
    for name, measured in (layout.measured or _by_vocabulary(table, options)).items():
        column = (
            table.need((measured.column,)) if name == "pm2p5" else table.find((measured.column,))
        )
        if column is None:
            continue
        if name not in cleanings:
            declared = options.units if name == "pm2p5" else None
            cleanings[name] = Cleaning(
                table.where,
                variable=name,
                units=declared or VARIABLES[name].units,
                factor=None if declared else measured.factor,
                offset=measured.offset,
            )
        raw = numbers(table, column)
        if name == "pm2p5":
            raw = raw * unit_factors(table, options)
        values[name] = cleanings[name].clean(raw)
    return values


def _by_vocabulary(table: Table, options: ReadOptions) -> dict[str, Measured]:
    """Columns of a plain table that bear a name of the vocabulary."""
    column, factor = pm25_column(table, options)
    found = {"pm2p5": Measured(column, factor)}
    if options.variable is not None:
        return found
    for column in map(str, table.frame.columns):
        variable = find(column)
        if variable is not None and variable.name not in found:
            found[variable.name] = Measured(column)
    return found
