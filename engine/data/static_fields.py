"""Static fields: height, population, land cover. One map without a time, on its own grid.

Read are GeoTIFF and NetCDF in degrees. What a value is of its cell has to be known, since a finer
or coarser grid takes means of one and sums of the other.
"""

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import rasterio
import xarray as xr
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from engine.core import size_limits
from engine.core.errors import DataError, RequestError
from engine.core.grid import Grid
from engine.data import netcdf

How = Literal["mean", "count", "fraction"]
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
METRES = ("m", "meter", "meters", "metre", "metres", "")
LATITUDES, LONGITUDES = ("latitude", "lat", "y"), ("longitude", "lon", "x")
SLACK = 1e-3  # by which a fraction may lie outside 0 to 1: rounding


@dataclass(frozen=True, eq=False)
class StaticField:
    """One static field.

    Attributes:
        variable: What it is, for example "elevation" or "population".
        values: (row from the north, column), float32, NaN is no data.
        grid: Its cells.
        how: "mean" (of the cell, as height), "count" (in the cell, as people) or "fraction".
        units: As the file says, or "".
    """

    variable: str
    values: NDArray[np.float32]
    grid: Grid
    how: How
    units: str


def load(path: Path, variable: str, how: str | None = None) -> StaticField:
    """Read a static field.

    Args:
        path: GeoTIFF or NetCDF, in degrees.
        variable: What it is; in a NetCDF file with several, the variable's name too.
        how: What a value is of its cell; height is a mean, of all else it has to be said.

    Raises:
        RequestError: If `variable` or `how` is none.
        DataError: If the file does not hold such a field.
    """
    if not NAME.fullmatch(variable):
        raise RequestError(
            "{variable!r} is no name of a static field",
            remedy="Take small letters, for example elevation or population",
            variable=variable[:40],
        )
    how = how or ("mean" if variable == "elevation" else None)
    if how not in get_args(How):
        raise RequestError(
            "what a value of {variable} is of its cell is not known",
            where=path.name,
            remedy="Give --how mean (as height, or people a km²), count (people in the cell) or "
            "fraction",
            variable=variable,
        )
    read = _netcdf if path.suffix.lower() in (".nc", ".nc4", ".cdf") else _geotiff
    values, grid, units = read(path, variable)
    if not np.isfinite(values).any():
        raise DataError("it holds no value", where=path.name)
    field = StaticField(variable, values, grid, how, units)  # type: ignore[arg-type]  # checked
    _check(field, path)
    return field


def _check(field: StaticField, path: Path) -> None:
    if field.variable == "elevation" and field.units.lower() not in METRES:
        raise DataError(
            "its heights are in {units!r}, not m",
            where=path.name,
            remedy="Convert them to metres",
            units=field.units[:40],
        )
    low, high = float(np.nanmin(field.values)), float(np.nanmax(field.values))
    if field.how == "fraction" and not -SLACK <= low <= high <= 1 + SLACK:
        raise DataError(
            "a fraction lies between 0 and 1; its values run from {low} to {high}",
            where=path.name,
            remedy="Divide per cent by 100, or give another --how",
            low=f"{low:.6g}",
            high=f"{high:.6g}",
        )
    if field.how == "count" and low < 0:
        raise DataError(
            "a count is never below 0; its lowest value is {low}",
            where=path.name,
            remedy="Give the file's value of no data its tag, or another --how",
            low=f"{low:.6g}",
        )


def _geotiff(path: Path, variable: str) -> tuple[NDArray[np.float32], Grid, str]:
    try:
        with rasterio.open(path) as file:
            if file.crs is None or not file.crs.is_geographic or file.transform.b:
                raise DataError(
                    "its cells are not in degrees",
                    where=path.name,
                    remedy="Warp it first: gdalwarp -t_srs EPSG:4326 IN OUT",
                )
            if file.count != 1:
                raise DataError(
                    "it has {count} bands, a static field has one",
                    where=path.name,
                    count=file.count,
                )
            size_limits.CELLS.check(file.height * file.width, what="the map", where=path.name)
            block = max(h * w for h, w in file.block_shapes) * 8
            size_limits.BYTES.check(block, what="one block of it", where=path.name)
            read = file.read(1, masked=True)
            values = read.data.astype(np.float32)
            values[np.ma.getmaskarray(read)] = np.nan
            del read
            values *= np.float32(file.scales[0])
            values += np.float32(file.offsets[0])
            step = file.transform
            grid = Grid(step.f + step.e / 2, step.c + step.a / 2, -step.e, step.a, *values.shape)
            return values, grid, str(file.units[0] or "")
    except (RasterioError, OSError, ValueError) as problem:
        raise _damaged(path) from problem


def _netcdf(path: Path, variable: str) -> tuple[NDArray[np.float32], Grid, str]:
    try:
        # As for maps: nothing kept elsewhere, masked and scaled, nothing loaded yet.
        with netcdf.opened(path) as file:
            array = _array(file, variable, path)
            chunk = math.prod(array.encoding.get("chunksizes") or (1,)) * array.dtype.itemsize
            size_limits.BYTES.check(chunk, what="one chunk of it", where=path.name)
            size_limits.CELLS.check(array.size, what="the map", where=path.name)
            rows, columns = (_axis(array, names, path) for names in (LATITUDES, LONGITUDES))
            array = array.transpose(rows, columns)
            if array[rows].values[0] < array[rows].values[-1]:
                array = array.isel({rows: slice(None, None, -1)})
            grid = Grid.from_axes(
                array[rows].values.astype(float),
                array[columns].values.astype(float),
                where=path.name,
            )
            return array.values.astype(np.float32), grid, str(array.attrs.get("units", ""))
    except (OSError, KeyError, ValueError) as problem:
        raise _damaged(path) from problem


def _array(file: xr.Dataset, variable: str, path: Path) -> "xr.DataArray":
    """The one map of the file, or that of the given name, without axes of length one."""
    maps: dict[str, Any] = {}
    for name, array in file.data_vars.items():
        flat = array.squeeze(drop=True)
        if flat.ndim == 2 and flat.dtype.kind in "fiu":
            maps[str(name)] = flat
        elif name == variable and flat.ndim > 2:
            raise DataError(
                "{variable} has several times or levels, a static field has none",
                where=path.name,
                remedy="Cut one out first",
                variable=variable,
            )
    if variable in maps:
        found: xr.DataArray = maps[variable]
        return found
    if len(maps) != 1:
        raise DataError(
            "it has no variable {variable}",
            where=path.name,
            remedy="Name one with --variable: {names}" if maps else "A map in degrees is needed",
            variable=variable,
            names=tuple(maps),
        )
    only: xr.DataArray = next(iter(maps.values()))
    return only


def _axis(array: "xr.DataArray", names: tuple[str, ...], path: Path) -> str:
    for dimension in map(str, array.dims):
        if dimension.lower().startswith(names):
            return dimension
    raise DataError(
        "it has no axis of {axis}", where=path.name, axis=names[0], remedy="Take a map in degrees"
    )


def _damaged(path: Path) -> DataError:
    return DataError(
        "it cannot be read as a map", where=path.name, remedy="Take a GeoTIFF or a NetCDF file"
    )
