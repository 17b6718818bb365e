"""Gridded PM2.5: NetCDF (CF, WUSTL, CHAP, curvilinear model output) and GeoTIFF, as a stack.

`open_stack` looks at every file, brings their times into order and their cells onto one grid,
and leaves the values to be read step by step. `load` reads them all.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core.errors import DataError, RequestError
from engine.core.schema import Period
from engine.core.valid_means import STEP_HOURS
from engine.data import netcdf, species
from engine.data.calendar import Times, check_no_composites, order, period_of, starts, step_hours
from engine.data.cleaning import Cleaning
from engine.data.curvilinear import curvilinear
from engine.data.netcdf_times import Steps
from engine.data.options import ReadOptions, plain_offset
from engine.data.placement import Placement, as_axes, regular
from engine.data.recognise import container, files_of
from engine.data.reference_state import STATE, of_file
from engine.data.stack import GridStack, Step, as_dataset

Height = Callable[[], NDArray[np.floating] | None]
RawMaps = Callable[[], Iterator[NDArray[np.generic]]]


@dataclass(frozen=True)
class Origin:
    """What we know of a source that its files do not say.

    Attributes:
        source: A line for "where from".
        licence: Under which terms.
        utc_offset_hours: Of the local day its daily means are over.
    """

    source: str
    licence: str
    utc_offset_hours: float


FORMATS: dict[str, Origin] = {
    "wustl": Origin(
        "WUSTL ACAG V5.GL, van Donkelaar et al. 2021, doi:10.1021/acs.est.1c05309", "CC BY 4.0", 0
    ),
    "chap": Origin(
        "ChinaHighPM2.5 (CHAP), Wei et al. 2021, doi:10.5281/zenodo.6398971", "CC BY 4.0", 8
    ),
    "netcdf": Origin("", "not stated", 0),
    "curvilinear": Origin("", "not stated", 0),
    "geotiff": Origin("", "not stated", 0),
}


@dataclass(frozen=True)
class _File:
    """One file, looked at and not yet read."""

    path: Path
    steps: Steps
    units: str | None
    placement: Placement
    maps: RawMaps
    variable: str
    others: tuple[str, ...]
    attributes: dict[str, str]
    altitude: Height
    raster: bool = False
    notes: tuple[str, ...] = ()


def load(paths: Sequence[Path], options: ReadOptions | None = None) -> xr.Dataset:
    """All maps of the files in memory, `pm2p5(valid_time, latitude, longitude)`, checked.

    Raises:
        DataError: If a file is damaged, or the files do not belong together.
        NotFoundError: If a path is not there.
    """
    return as_dataset(open_stack(paths, options))


def open_stack(paths: Sequence[Path], options: ReadOptions | None = None) -> GridStack:
    """The maps of the files and folders as a stack that is read step by step.

    Raises:
        DataError: If a file is damaged, or the files do not belong together.
        NotFoundError: If a path is not there.
        RequestError: If the options do not fit.
    """
    options = options or ReadOptions()
    if options.format is not None and options.format not in FORMATS:
        raise RequestError(
            "{format!r} is no form of a grid",
            remedy="Choose from {formats}",
            format=options.format,
            formats=tuple(FORMATS),
        )
    places: dict[bytes, Placement] = {}
    files = [_look(path, options, places) for path in files_of(paths, "grid")]
    _check_same_grid(files)
    stamps = np.concatenate([f.steps.times for f in files])
    names = [f.path.name for f in files for _ in f.steps.times]
    form = options.format or _form(files[0])
    where = files[0].path.name if len(files) == 1 else f"{len(files)} files"
    period, hours, period_notes = _period(files, stamps, options, where)
    offset = _offset(files[0], form, period, options)
    times = starts(stamps, period, offset)
    positions, order_notes = order(times, names=names, where=where)
    rank = np.empty(len(positions), np.intp)
    rank[positions] = np.arange(len(positions))
    cleanings = {f.units: Cleaning(where, units=f.units) for f in files}
    altitude = files[0].altitude()
    notes = [
        *_choice_notes(files[0]),
        *files[0].notes,
        *period_notes,
        *order_notes,
        *files[0].placement.notes,
    ]
    if altitude is not None:
        altitude = files[0].placement.place(altitude.astype(np.float32))
        notes.append(f"Height of the ground is taken from {files[0].path.name}.")

    def read() -> Iterator[Step]:
        step, valid = 0, False
        for file in files:
            for raw in file.maps():
                cleaned = cleanings[file.units].clean(raw)
                del raw  # of a large map two copies at a time, not four
                placed = [file.placement.place(cleaned)]
                del cleaned
                valid = valid or bool(np.isfinite(placed[0]).any())
                yield int(rank[step]), placed.pop()  # whoever takes it holds it alone
                step += 1
        if not valid and any(c.valid for c in cleanings.values()):  # lost between cells
            raise DataError(
                "no cell of any map holds a value",
                where=where,
                remedy="Check the file and its grid",
            )

    def finish() -> list[str]:
        return notes + [note for c in cleanings.values() for note in c.finish()]

    return GridStack(
        valid_time=times[positions],
        grid=files[0].placement.grid,
        period=period,
        attributes=_attributes(files, form, period, offset, options)
        | ({} if hours is None else {STEP_HOURS: hours}),
        read=read,
        finish=finish,
        altitude=altitude,
    )


def _look(path: Path, options: ReadOptions, places: dict[bytes, Placement]) -> _File:
    """What one file holds. Files of one geometry share one placement."""
    if container(path) == "tiff":
        return _look_tiff(path, options, places)
    with netcdf.opened(path) as dataset:
        formula = species.formula_of(options.variable)
        if formula is None:
            parts: tuple[species.Part, ...] = ((netcdf.layout(path, dataset, options.variable), 1),)
        else:
            parts = species.parts_of(path, dataset, formula[0])
    layout = parts[0][0]
    if not layout.steps.times.size:
        raise DataError("the file has no time step", where=path.name, remedy="Check the file")

    def maps() -> Iterator[NDArray[np.generic]]:
        with netcdf.opened(path) as dataset:
            if formula is None:
                yield from netcdf.steps(dataset, layout)
            else:
                yield from species.summed(dataset, parts)

    def altitude() -> NDArray[np.floating] | None:
        with netcdf.opened(path) as dataset:
            return netcdf.altitude(dataset, layout)

    key = layout.latitude.tobytes() + b"/" + layout.longitude.tobytes()
    if key not in places:
        axes = as_axes(layout.latitude, layout.longitude)
        if axes is not None:
            places[key] = regular(*axes, where=path.name)
        else:
            places[key] = curvilinear(layout.latitude, layout.longitude, where=path.name)
    return _File(
        path,
        layout.steps,
        options.units or layout.units,
        places[key],
        maps,
        formula[0] if formula is not None else layout.variable,
        layout.others,
        layout.attributes,
        altitude,
        notes=layout.notes,
    )


def _look_tiff(path: Path, options: ReadOptions, places: dict[bytes, Placement]) -> _File:
    from engine.data import geotiff  # brings rasterio, 20 MB that pages without an import spare

    plan = geotiff.look(path, options.variable)
    if plan.key not in places:
        places[plan.key] = geotiff.placement(plan)

    def maps() -> Iterator[NDArray[np.generic]]:
        yield from geotiff.maps(plan)

    return _File(
        path,
        Steps(plan.times, plan.period),
        options.units or plan.units,
        places[plan.key],
        maps,
        plan.bands[0].label if plan.others else "band",
        plan.others,
        plan.tags,
        lambda: None,
        raster=True,
    )


def _check_same_grid(files: list[_File]) -> None:
    first = files[0].placement.grid
    for file in files[1:]:
        grid = file.placement.grid
        same = grid.shape == first.shape and np.allclose(
            [grid.north, grid.west, grid.step_lat, grid.step_lon],
            [first.north, first.west, first.step_lat, first.step_lon],
            rtol=0,
            atol=1e-4,
        )
        if not same:
            raise DataError(
                "its grid ({rows} × {columns}, {bounds}) is not that of {name} ({rows_2} × "
                "{columns_2}, {bounds_2})",
                where=file.path.name,
                remedy="Import files of different grids under different names",
                rows=grid.rows,
                columns=grid.columns,
                bounds=grid.bounds,
                name=files[0].path.name,
                rows_2=first.rows,
                columns_2=first.columns,
                bounds_2=first.bounds,
            )


def _form(file: _File) -> str:
    """The form that a file's content shows."""
    text = " ".join(file.attributes.values()).lower()
    variable = file.variable.lower()
    if file.raster:
        form = "geotiff"
    elif file.placement.method:
        form = "curvilinear"
    elif variable == "gwrpm25" or "acag" in text or "van donkelaar" in text:
        form = "wustl"
    elif file.path.name.startswith("CHAP_") or "chinahigh" in text:
        form = "chap"
    else:
        form = "netcdf"
    return form


def _period(
    files: list[_File], stamps: Times, options: ReadOptions, where: str
) -> tuple[Period, float | None, list[str]]:
    """What a map is a mean of; the hours that it covers where that is not its period; notes."""
    stepping = None if options.period == "month" else period_of(stamps, where=where)
    named = {f.steps.period for f in files}
    said = next(iter(named)) if len(named) == 1 else None
    notes = []
    if options.period is not None:
        period: Period = options.period
    elif stepping == "hour" or said is None:
        # A file with a date in its name may hold its hours.
        period = stepping or "day"
        if stepping is None:
            notes.append("One time step and no period named; taken as the mean of that day.")
    else:
        period = said
    if period == "day" and options.period is None and not all(f.steps.stated for f in files):
        check_no_composites(stamps, where=where)
    if period != "hour":
        return period, None, notes
    covered = {f.steps.hours for f in files}
    known = next(iter(covered)) if len(covered) == 1 else None
    hours = known or step_hours(stamps, where=where)
    if hours not in (None, 1.0):
        notes.append(f"Each map covers {hours:g} hours.")
    return period, None if hours == 1.0 else hours, notes


def _offset(file: _File, form: str, period: Period, options: ReadOptions) -> float:
    """Hours from UTC of the local day. Months have none (0002)."""
    if options.utc_offset_hours is not None:
        return options.utc_offset_hours if period != "month" else 0.0
    if period == "month":
        return 0.0
    try:
        return float(file.attributes["utc_offset_hours"])
    except (KeyError, ValueError):
        return FORMATS[form].utc_offset_hours


def _choice_notes(file: _File) -> list[str]:
    if not file.others:
        return []
    others = ", ".join(file.others)
    return [f"Took variable {file.variable}; {others} would be another, with --variable."]


def _attributes(
    files: list[_File], form: str, period: Period, offset: float, options: ReadOptions
) -> dict[str, str | int | float]:
    origin, own = FORMATS[form], files[0].attributes
    stated = own.get("licence") or own.get("license") or origin.licence
    attributes: dict[str, str | int | float] = {
        "kind": "grid",
        "period": period,
        "utc_offset_hours": plain_offset(offset),
        "source": options.source
        or own.get("source")
        or origin.source
        or own.get("title")
        or files[0].path.name,
        "licence": options.licence or stated,
        "synthetic": int(own.get("synthetic", "0") in ("1", "true", "True")),
        "format": form,
        "variable": files[0].variable,
        "units_in_file": files[0].units or "none",
        STATE: of_file(options, files[0].units, own),
    }
    if own.get("made_by") == "prediction":
        attributes["made_by"] = "prediction"
    if files[0].placement.method:
        attributes["regrid_method"] = files[0].placement.method
    return attributes
