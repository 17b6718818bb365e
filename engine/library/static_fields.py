"""Static fields of the library: kept on their own grid, brought to another by area when used."""

from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine import library
from engine.core.errors import RequestError
from engine.core.grid import Grid
from engine.core.paths import ASSETS
from engine.core.schema import grid_of
from engine.data import static_fields
from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid
from engine.library import static_store
from engine.library.importing import check_name, origins
from engine.library.manifest import DatasetInfo
from engine.library.storage import building

WORLD = "world"  # the fields that ship, without an import
WORLD_FILE = ASSETS / "real" / "world_static_0p1deg.nc"
MARGIN = 2  # cells around a region, for the shares of its rim


def import_static(
    path: Path,
    name: str,
    variable: str,
    *,
    how: str | None = None,
    year: int | None = None,
    source: str | None = None,
    licence: str | None = None,
    replace: bool = False,
) -> DatasetInfo:
    """Bring a static field into the library, whole or not at all.

    Args:
        path: GeoTIFF or NetCDF, in degrees.
        name: What to call it.
        variable: What it is, for example "elevation".
        how: "mean", "count" or "fraction".
        year: That it is of; None: not known.
        source: Where it comes from.
        licence: Under which terms.
        replace: Whether a dataset of that name may be replaced.

    Raises:
        EngineError: If the file holds no such field, or the name does not fit.
    """
    check_name(name, replace=replace)
    if name == WORLD:
        raise RequestError("{name!r} is what ships", remedy="Choose another --name", name=name)
    if year is not None and not 1900 <= year <= 2100:
        raise RequestError("{year} is no year of a static field", year=year)
    field = static_fields.load(path, variable, how)
    when = year or date.today().year
    with building(name, replace=replace) as (work, finish):
        checksum = static_store.write(field, work)
        box = field.grid.bounds
        info = DatasetInfo(
            name=name,
            kind="static",
            period="month",
            start=date(when, 1, 1),
            end=date(when, 12, 31),
            bounds=(box.west, box.south, box.east, box.north),
            shape={"latitude": field.grid.rows, "longitude": field.grid.columns},
            variables=(field.variable,),
            source=source or path.name,
            licence=licence or "not stated",
            synthetic=False,
            utc_offset_hours=0.0,
            checksum=checksum,
            units=field.units or "not stated",
            imported_at=datetime.now(UTC),
            train_end=None,
            notes=() if year else ("The year is not stated.",),
            format=field.how,
            files=origins([path]),
            airlens_version=version("airlens"),
        )
        finish(info)
    return info


def on_grid(name: str, variable: str, grid: Grid) -> NDArray[np.float64]:
    """A static field by area on the cells of a grid: means of means, sums of counts.

    Args:
        name: In the library, or `WORLD`.
        variable: What is wanted, for example "elevation".
        grid: The cells.

    Returns:
        (row, column), NaN where the field has nothing.

    Raises:
        RequestError: If it is no such field, or lies elsewhere.
        EngineError: If it cannot be read.
    """
    values, own, how = _opened(name, variable, grid)
    source, target = RegularCells.from_grid(own), RegularCells.from_grid(grid)
    if how == "count":
        area = own.cell_area()[:, None]
        density = regrid(values / area, overlap(source, target), min_valid_share=0.0)
        return np.asarray(density * grid.cell_area()[:, None], dtype=np.float64)
    return regrid(values, overlap(source, target), min_valid_share=0.0)


def _opened(name: str, variable: str, grid: Grid) -> tuple[NDArray[np.float64], Grid, str]:
    """Values around a grid, their own grid, and what they are of their cells."""
    if name == WORLD:
        if variable != "elevation":
            raise RequestError(
                "the world that ships has elevation, not {variable}",
                remedy="Import one: airlens import static FILE --variable {variable} --name NAME",
                variable=variable,
            )
        with xr.open_dataset(WORLD_FILE, engine="netcdf4") as file:
            array = file["elevation"].rename(lat="latitude", lon="longitude")
            return *_around(array.isel(latitude=slice(None, None, -1)), grid, name), "mean"
    about = library.info(name)
    if about.kind != "static" or variable not in about.variables:
        raise RequestError(
            "{name} holds {held}, no static field {variable}",
            remedy="Name one with --static, or import it: airlens import static",
            name=name,
            held=", ".join(about.variables) if about.kind == "static" else about.kind,
            variable=variable,
        )
    array = library.open_dataset(name)[variable]
    return *_around(array, grid, name), about.format


def _around(array: xr.DataArray, grid: Grid, name: str) -> tuple[NDArray[np.float64], Grid]:
    own = grid_of(array.to_dataset(name="field"))
    box = grid.bounds
    try:
        rows, columns = own.window(box)
    except RequestError as problem:
        raise RequestError(
            "it has no place in common with the map", where=name, remedy="Choose another"
        ) from problem
    rows = slice(max(rows.start - MARGIN, 0), min(rows.stop + MARGIN, own.rows))
    columns = slice(max(columns.start - MARGIN, 0), min(columns.stop + MARGIN, own.columns))
    values = array.isel(latitude=rows, longitude=columns).values.astype(np.float64)
    return values, own.crop(rows, columns)
