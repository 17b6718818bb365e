"""Mobile samples: Kolkata's buses, plain CSV, and hourly arrays of cells as STeP-Diff has them."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.core import size_limits
from engine.core.errors import DataError, RequestError
from engine.core.variables import UG_M3
from engine.data.cleaning import Cleaning
from engine.data.clock_columns import clock_of
from engine.data.coordinates import degrees
from engine.data.dropped import of_cleanings, total, usable
from engine.data.options import ReadOptions
from engine.data.readings import Readings, clock_offset, samples_dataset
from engine.data.recognise import container, files_of
from engine.data.station_layouts import LATITUDE, LONGITUDE
from engine.data.stations import is_kolkata
from engine.data.tables import Clock, Table, numbers, read, texts
from engine.data.value_columns import pm25_column, unit_factors

FORMATS = ("kolkata", "csv", "array")
DEVICE = ("device", "device_id", "sensor", "vehicle", "bus", "id")


class ArrayPlace(BaseModel):
    """What an array of cells does not say: where it lies and when it starts. A JSON file.

    Attributes:
        start: Time of the first frame, with its zone.
        west: Western edge of the array, degrees.
        south: Southern edge.
        east: Eastern edge.
        north: Northern edge.
        step_hours: Between frames.
        first_row: Which edge row 0 lies at.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: datetime
    west: float = Field(ge=-180, lt=180)
    south: float = Field(ge=-90, lt=90)
    east: float = Field(gt=-180, le=180)
    north: float = Field(gt=-90, le=90)
    step_hours: float = Field(default=1.0, gt=0)
    first_row: str = Field(default="north", pattern="^(north|south)$")


def load(paths: Sequence[Path], options: ReadOptions | None = None) -> xr.Dataset:
    """Mobile readings of the files as `pm2p5(sample)`, sorted by time.

    Raises:
        DataError: Naming file, row and column of what is wrong.
        NotFoundError: If a path is not there.
        RequestError: If the options do not fit.
    """
    options = options or ReadOptions()
    if options.format is not None and options.format not in FORMATS:
        raise RequestError(
            "{format!r} is no form of mobile samples",
            remedy="Choose from {formats}",
            format=options.format,
            formats=tuple(FORMATS),
        )
    files = files_of(paths, "mobile")
    kinds = {"array" if container(f) == "npy" else "table" for f in files}
    if len(kinds) > 1:
        raise RequestError(
            "arrays and tables cannot be one dataset", remedy="Import them under two names"
        )
    units = options.units or UG_M3
    where = files[0].name if len(files) == 1 else f"{len(files)} files"
    cleaning = Cleaning(where, units=units)
    if kinds == {"array"}:
        form, source, licence, usual = "array", files[0].name, "not stated", None
        parts = [_array_readings(f, options, cleaning) for f in files]
    else:
        tables = [usable(read(f), options) for f in files]
        known = options.format == "kolkata" or (options.format is None and _is_kolkata(tables[0]))
        form, source, licence, usual = (
            ("kolkata", "Kolkata public buses, IIT Delhi", "CC BY 4.0", 5.5)
            if known
            else ("csv", tables[0].where, "not stated", None)
        )
        parts = [_table_readings(t, options, cleaning) for t in tables]
    return samples_dataset(
        parts,
        offset=clock_offset(parts, options.utc_offset_hours, usual),
        attributes={
            "source": options.source or source,
            "licence": options.licence or licence,
            "format": form,
        },
        notes=[*(n for p in parts for n in p.table.notes), *cleaning.finish()],
        dropped=total([*(p.table.dropped for p in parts), of_cleanings([cleaning])]),
    )


def _is_kolkata(table: Table) -> bool:
    return {"lat", "long", "time", "pm"} == set(table.columns) and is_kolkata(table)


def _table_readings(table: Table, options: ReadOptions, cleaning: Cleaning) -> Readings:
    column, factor = pm25_column(table, options)
    raw = numbers(table, column) * (1.0 if options.units else factor)
    latitude, longitude = degrees(table, table.need(LATITUDE), table.need(LONGITUDE))
    device = table.find(DEVICE)
    rows = len(table.frame)
    return Readings(
        clock=clock_of(table, ("%m/%d/%Y %H:%M",) if _is_kolkata(table) else ()),
        station=texts(table, device) if device else np.full(rows, ""),
        name=np.full(rows, ""),
        latitude=latitude,
        longitude=longitude,
        values={"pm2p5": cleaning.clean(raw * unit_factors(table, options))},
        table=table,
        rows=table.frame.index.to_numpy(),
    )


def _array_readings(path: Path, options: ReadOptions, cleaning: Cleaning) -> Readings:
    """An array (time, row, column), NaN where nothing was measured; a sample a measured cell."""
    values = _array(path)
    place = _place(path, options.coordinates)
    _, rows, columns = values.shape
    lat = place.south + (np.arange(rows) + 0.5) * (place.north - place.south) / rows
    if place.first_row == "north":
        lat = lat[::-1]
    lon = place.west + (np.arange(columns) + 0.5) * (place.east - place.west) / columns
    cleaned = cleaning.clean(values)
    cleaning.missing = 0  # cells that nobody passed are no rows
    frame, row, column = np.nonzero(np.isfinite(cleaned))
    offset = place.start.utcoffset()
    zone = offset.total_seconds() / 3600 if offset is not None else None
    start = np.datetime64(place.start.replace(tzinfo=None), "ns")
    if zone is not None:
        start = start - np.timedelta64(round(zone * 3600), "s")
    step = np.timedelta64(round(place.step_hours * 3600), "s")
    return Readings(
        clock=Clock(start + frame * step, zoned=zone is not None, offset_hours=zone),
        station=np.full(len(frame), ""),
        name=np.full(len(frame), ""),
        latitude=lat[row],
        longitude=lon[column],
        values={"pm2p5": cleaned[frame, row, column]},
        table=Table(pd.DataFrame(), path.name),
        rows=np.arange(len(frame)),
    )


def _array(path: Path) -> NDArray[np.generic]:
    try:
        # Mapped, not read: a head that promises more than the file holds is refused here.
        values = np.load(path, allow_pickle=False, mmap_mode="r")
    except (ValueError, OSError, EOFError) as problem:
        objects = any(
            w in str(problem) for w in ("allow_pickle", "Object arrays", "Python objects")
        )
        raise DataError(
            "the array holds Python objects, which are not opened"
            if objects
            else "the array is damaged or cut short ({problem})",
            where=path.name,
            remedy="Save it from NumPy as plain numbers, with allow_pickle=False",
            problem=str(problem)[:100],
        ) from None
    if values.ndim != 3 or values.dtype.kind not in "fiu" or min(values.shape) < 1:
        raise DataError(
            "an array of {dtype} with shape {shape} is no (time, row, column)",
            where=path.name,
            remedy="Save one map of numbers for each hour",
            dtype=values.dtype,
            shape=str(values.shape),
        )
    size_limits.ROWS.check(values.size, what="the array", where=path.name)
    return np.asarray(values)


def _place(path: Path, sidecar: Path | None) -> ArrayPlace:
    if sidecar is None:
        raise DataError(
            "an array does not say where it lies or when it starts",
            where=path.name,
            remedy='Give --coordinates FILE.json with "start", "west", "south", "east", "north"',
        )
    try:
        return ArrayPlace.model_validate_json(sidecar.read_text(encoding="utf-8"))
    except OSError as problem:
        raise DataError(
            "cannot be read ({strerror})", where=str(sidecar), strerror=problem.strerror
        ) from None
    except ValidationError as problem:
        first = problem.errors()[0]
        field = ".".join(map(str, first["loc"]))
        said = first["msg"]
        raise DataError(
            "field {field}: {said}" if field else "the file: {said}",
            where=sidecar.name,
            remedy='Give "start", "west", "south", "east" and "north"; see docs/formats.md',
            field=field,
            said=said,
        ) from None
