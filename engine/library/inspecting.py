"""Look at files before they are imported: what is in them, and what an import would make of them.

Nothing is written. Files are read by the same readers as `engine.library.import_files`, so that
what is refused there is refused here, in the same words and under the same limits of size.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import xarray as xr

from engine.core.errors import DataError, EngineError
from engine.core.schema import Kind
from engine.core.variables import UG_M3, find, mass_factor
from engine.data import gridded, mobile, netcdf, stations
from engine.data.kinds import (
    Candidate,
    KindBy,
    expanded,
    first_rows,
    kind_of,
    pm25_columns,
    variables_of,
)
from engine.data.netcdf_variables import pm2p5_name
from engine.data.options import STAMPS, ReadOptions, Stamps
from engine.data.recognise import Container, container
from engine.data.stack import GridStack
from engine.data.station_layouts import LAYOUTS
from engine.data.tables import Table, read, texts
from engine.data.value_columns import pm25_column, units_written
from engine.library.examining import CELLS_LOOKED_AT, Odd, Rhythm, Values, examine, oddities, rhythm
from engine.library.importing import record_of_points, record_of_stack
from engine.library.manifest import DatasetInfo

By = Literal["given", "file", "name", "meaning", "format", "assumed"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Contents:
    """What an import would make of the files.

    Attributes:
        record: As the library would keep it; without name, checksum and files.
        variable: Variable or column that is taken for PM2.5.
        variable_by: By what.
        others: Variables or columns that may be PM2.5 as well.
        units: Unit of the values in the files.
        units_by: By what it is known.
        factor: From it to ug m-3; None where rows differ.
        clock_by: By what the hours from UTC are known.
        stamps: Whether hours are named by their start or their end; None for days and months.
        rhythm: The time steps.
        values: The values that were looked at.
        odd: What looks odd of them.
        sketch: The first map in letters, north first; empty for tables.
    """

    record: DatasetInfo
    variable: str
    variable_by: By
    others: tuple[str, ...]
    units: str
    units_by: By
    factor: float | None
    clock_by: By
    stamps: Stamps | None
    rhythm: Rhythm
    values: Values
    odd: tuple[Odd, ...] = ()
    sketch: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """What files hold.

    Attributes:
        files: Their names.
        size: Bytes of all.
        container: Technical form of the first.
        kind: What they hold.
        kind_by: By what that is seen.
        variables: Variables of the first file, if it is NetCDF.
        rows: Header and first rows of the first file, if it is a table.
        contents: What an import would make of them; None where it would refuse.
        refused: Why it would refuse; None where it would not.
    """

    files: tuple[str, ...]
    size: int
    container: Container
    kind: Kind
    kind_by: KindBy
    variables: tuple[Candidate, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    contents: Contents | None = None
    refused: EngineError | None = field(default=None, compare=False)


def inspect_files(
    paths: Sequence[Path],
    kind: Kind | None = None,
    *,
    options: ReadOptions | None = None,
    progress: Progress | None = None,
    most_cells: int = CELLS_LOOKED_AT,
) -> Inspection:
    """What files hold and what an import would make of them.

    Args:
        paths: Files and folders.
        kind: What they hold; by default seen from the first file.
        options: What the files leave open, as for an import.
        progress: Called with (maps looked at, maps in all) for grids.
        most_cells: Maps are looked at until they have so many cells, at least one.

    Raises:
        DataError: If the first file is nothing that can be imported.
        NotFoundError: If a path is not there.
    """
    options = options or ReadOptions()
    files = expanded(paths, kind)
    form = container(files[0])
    refused: EngineError | None = None
    table: Table | None = None
    variables: tuple[Candidate, ...] = ()
    try:
        if form in ("text", "parquet", "xlsx"):
            table = _first_readings(files)
        elif form in ("hdf5", "netcdf3"):
            variables = variables_of(files[0])
    except EngineError as error:
        refused = error
    seen, by = kind_of(form, table)
    found = Inspection(
        files=tuple(f.name for f in files),
        size=sum(_size(f) for f in files),
        container=form,
        kind=kind or seen,
        kind_by="given" if kind else by,
        variables=variables,
        rows=first_rows(table) if table is not None else (),
    )
    if refused is not None:
        return replace(found, refused=refused)
    try:
        if found.kind == "grid":
            contents = _of_grid(files, options, progress, most_cells)
        else:
            contents = _of_table(found.kind, files, table, options)
    except EngineError as error:
        return replace(found, refused=error)
    return replace(found, contents=contents)


def _size(path: Path) -> int:
    """Bytes of a file, or of all files of a Zarr store."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


def _first_readings(files: Sequence[Path]) -> Table:
    """The first table that is more than coordinates of stations, or else the first."""
    first = read(files[0])
    for path in files[1:] if stations.is_coordinates(first) else ():
        table = read(path)
        if not stations.is_coordinates(table):
            return table
    return first


def _of_grid(
    files: Sequence[Path], options: ReadOptions, progress: Progress | None, most_cells: int
) -> Contents:
    """What an import would make of maps.

    Raises:
        EngineError: What the import would refuse.
    """
    stack = gridded.open_stack(files, options)
    record = record_of_stack(stack, "", None)
    values, drawing = examine(stack, most_cells, progress)
    try:
        record = record.model_copy(update={"notes": tuple(stack.finish())})
    except DataError:
        # Of files with several units, one may not yet have been looked at.
        if values.looked_at == values.steps:
            raise
    variable, by, others = _variable_of_grid(files[0], stack, options)
    units = str(stack.attributes["units_in_file"])
    steps = rhythm(stack.valid_time, stack.period)
    return Contents(
        record=record,
        variable=variable,
        variable_by=by,
        others=others,
        units=UG_M3 if units == "none" else units,
        units_by="given" if options.units else "assumed" if units == "none" else "file",
        factor=1.0 if units == "none" else mass_factor(units, where=files[0].name),
        clock_by=_clock_of_grid(record, options),
        stamps="start" if record.period == "hour" else None,
        rhythm=steps,
        values=values,
        odd=oddities(record, steps, values),
        sketch=drawing,
    )


def _variable_of_grid(
    path: Path, stack: GridStack, options: ReadOptions
) -> tuple[str, By, tuple[str, ...]]:
    name = str(stack.attributes["variable"])
    if container(path) == "tiff":
        return name, "given" if options.variable else "format", ()
    if options.variable is not None:
        return name, "given", ()
    with netcdf.opened(path) as dataset:
        _, others = pm2p5_name(path, dataset, None)
    entry = find(name)
    return name, "name" if entry and entry.name == "pm2p5" else "meaning", others


def _clock_of_grid(record: DatasetInfo, options: ReadOptions) -> By:
    if options.utc_offset_hours is not None and record.period != "month":
        return "given"
    usual = gridded.FORMATS[record.format].utc_offset_hours
    if record.period != "month" and record.utc_offset_hours != usual:
        return "file"
    return "format" if record.format in ("chap", "wustl") else "assumed"


def _of_table(
    kind: Kind, files: Sequence[Path], table: Table | None, options: ReadOptions
) -> Contents:
    """What an import would make of stations or mobile samples.

    Raises:
        EngineError: What the import would refuse.
    """
    reader = stations if kind == "stations" else mobile
    dataset = reader.load(list(files), options)
    record = record_of_points(dataset, "", None)
    variable, by = _column(table, record.format, options)
    units, units_by = _units_of_table(table, record.format, options)
    factors = {mass_factor(u, where=files[0].name) for u in units}
    times = np.unique(dataset["valid_time"].values)
    steps = rhythm(times, record.period)
    values = _values_of(dataset)
    others = () if table is None else tuple(c for c in pm25_columns(table) if c != variable)
    return Contents(
        record=record,
        variable=variable,
        variable_by=by,
        others=others,
        units=", ".join(units),
        units_by=units_by,
        factor=next(iter(factors)) if len(factors) == 1 else None,
        clock_by=_clock_of_table(record, options),
        stamps=_stamps(dataset, record),
        rhythm=steps,
        values=values,
        odd=oddities(record, steps, values),
    )


def _values_of(dataset: xr.Dataset) -> Values:
    pm2p5 = dataset["pm2p5"].values
    known = pm2p5[np.isfinite(pm2p5)]
    steps = int(np.unique(dataset["valid_time"].values).size)
    return Values(
        cells=pm2p5.size,
        missing=pm2p5.size - known.size,
        low=float(known.min()),
        median=float(np.median(known)),
        high=float(known.max()),
        looked_at=steps,
        steps=steps,
    )


def _column(table: Table | None, form: str, options: ReadOptions) -> tuple[str, By]:
    if table is None:
        return "array", "format"
    if options.variable is not None:
        return table.find((options.variable,)) or options.variable, "given"
    layout = LAYOUTS.get(form)
    if layout is not None and "pm2p5" in layout.measured:
        known = layout.measured["pm2p5"].column
        return table.find((known,)) or known, "format"
    if form == "openaq":
        return table.find(("value",)) or "value", "format"
    return pm25_column(table, options)[0], "name"


def _units_of_table(
    table: Table | None, form: str, options: ReadOptions
) -> tuple[tuple[str, ...], By]:
    if options.units is not None:
        return (options.units,), "given"
    if form == "openaq" and table is not None:
        mass = np.array([_is_pm2p5(p) for p in texts(table, table.need(("parameter",)))], bool)
        written = texts(table, table.need(("unit", "units")))[mass]
        return tuple(map(str, np.unique(written))) or (UG_M3,), "file"
    if form == "csv" and table is not None and (stated := units_written(table, options)):
        return stated, "file"
    return (UG_M3,), "assumed" if form in ("csv", "array") else "format"


def _is_pm2p5(parameter: str) -> bool:
    entry = find(str(parameter))
    return entry is not None and entry.name == "pm2p5"


def _clock_of_table(record: DatasetInfo, options: ReadOptions) -> By:
    if options.utc_offset_hours is not None:
        return "given"
    # Arrays have no layout; they say their clock themselves. Plain tables have one without a clock.
    layout = LAYOUTS.get(record.format)
    known = layout.utc_offset_hours if layout is not None else None
    return "format" if known is not None and known == record.utc_offset_hours else "file"


def _stamps(dataset: xr.Dataset, record: DatasetInfo) -> Stamps | None:
    if record.period != "hour" or record.kind != "stations":
        return None
    return "end" if dataset.attrs.get(STAMPS) == "end" else "start"
