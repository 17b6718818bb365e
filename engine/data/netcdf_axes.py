"""Where latitudes and longitudes are in a NetCDF file, and along which dimensions they run."""

from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core.errors import DataError
from engine.data.projected import by_mapping, is_rotated

_LATITUDE = ("latitude", "lat", "nav_lat", "xlat", "ylat")
_LONGITUDE = ("longitude", "lon", "long", "lng", "nav_lon", "xlong", "xlon")


def places(path: Path, dataset: xr.Dataset, name: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Latitude and longitude of a variable's cells, as the file has them or else of its projection.

    Raises:
        DataError: If the file has neither, or its projection cannot be read.
    """
    try:
        latitude = _axis(dataset, _LATITUDE, ("degrees_north", "degree_north"), "latitude", path)
        longitude = _axis(dataset, _LONGITUDE, ("degrees_east", "degree_east"), "longitude", path)
    except DataError:
        placed = by_mapping(path, dataset, name)
        if placed is None:
            raise
        return placed
    return latitude, longitude


def _axis(
    dataset: xr.Dataset,
    names: tuple[str, ...],
    units: tuple[str, ...],
    standard_name: str,
    path: Path,
) -> xr.DataArray:
    by_name = {str(n).lower(): n for n in dataset.variables}
    for name in names:
        if name not in by_name or dataset[by_name[name]].ndim < 1:
            continue
        if not is_rotated(dataset[by_name[name]]):
            return dataset[by_name[name]]
    for found in dataset.variables:
        attrs = dataset[found].attrs
        named = attrs.get("standard_name") == standard_name or attrs.get("units") in units
        if named and not is_rotated(dataset[found]):
            return dataset[found]
    raise DataError(
        "no {standard_name} is in it",
        where=path.name,
        remedy="Add a coordinate named {standard_name!r} in degrees",
        standard_name=standard_name,
    )


def degrees(axis: xr.DataArray) -> NDArray[np.float64]:
    """Degrees in float64; of moving grids (WRF's XLAT has a time) the first step."""
    first = axis[0] if axis.ndim == 3 else axis
    values = np.asarray(first.values, dtype=np.float64)
    units = str(axis.attrs.get("units", "")).strip().lower()
    return np.rad2deg(values) if units in ("radian", "radians", "rad") else values


def horizontal(
    path: Path, array: xr.DataArray, latitude: xr.DataArray, longitude: xr.DataArray
) -> tuple[str, str]:
    """The variable's dimensions along rows and columns.

    Raises:
        DataError: If it does not lie on the latitudes and longitudes.
    """
    if latitude.ndim == 1 and longitude.ndim == 1:
        rows, columns = str(latitude.dims[0]), str(longitude.dims[0])
    else:
        rows, columns = (str(d) for d in latitude.dims[-2:])
    if rows == columns or rows not in array.dims or columns not in array.dims:
        raise DataError(
            "variable {name!r} does not lie on its latitudes and longitudes",
            where=path.name,
            remedy="A grid has rows and columns; import scattered points as stations",
            name=array.name,
        )
    return rows, columns
