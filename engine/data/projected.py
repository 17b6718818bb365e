"""Places of NetCDF grids on a map projection, from the file's own mapping.

Source: CF Conventions 1.11, section 5.6 and appendix F: `grid_mapping` names the variable of the
projection, whose coordinates are in m or km, or in degrees about a rotated pole.
"""

from pathlib import Path

import numpy as np
import pyproj
import xarray as xr
from numpy.typing import NDArray

from engine.core import size_limits
from engine.core.errors import DataError

_PLAIN = "latitude_longitude"
_X = ("projection_x_coordinate", "grid_longitude")
_Y = ("projection_y_coordinate", "grid_latitude")
_METRES = {"m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0, "km": 1000.0}
_DEGREES = ("degree", "degrees", "degrees_north", "degrees_east", "")

Places = tuple[xr.DataArray, xr.DataArray]


def is_rotated(axis: xr.DataArray) -> bool:
    """Whether an axis that may be called lat or lon counts from a rotated pole."""
    return axis.attrs.get("standard_name") in (_X[1], _Y[1])


def by_mapping(path: Path, dataset: xr.Dataset, name: str) -> Places | None:
    """Latitude and longitude of the cells of a variable, each (row, column), in degrees.

    None where the file names no projection for it, or no coordinates on it.

    Raises:
        DataError: If the projection or the units of its coordinates cannot be read.
    """
    array = dataset[name]
    mapping = str(array.attrs.get("grid_mapping", array.encoding.get("grid_mapping", "")))
    mapping = mapping.partition(":")[0].strip()
    if mapping not in dataset.variables:
        return None
    attrs = {k: v.item() if np.ndim(v) == 0 and hasattr(v, "item") else v
             for k, v in dataset[mapping].attrs.items()}  # fmt: skip
    x, y = (_axis(dataset, array, names) for names in (_X, _Y))
    if attrs.get("grid_mapping_name", _PLAIN) == _PLAIN or x is None or y is None:
        return None
    size_limits.CELLS.check(x.size * y.size, what="one map", where=path.name)
    rotated = attrs["grid_mapping_name"] == "rotated_latitude_longitude"
    east, north = (_values(path, axis, rotated=rotated) for axis in (x, y))
    try:
        crs = pyproj.CRS.from_cf(attrs)
        back = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
        longitude, latitude = back.transform(*np.meshgrid(east, north))
    except (pyproj.exceptions.ProjError, KeyError, TypeError, ValueError) as problem:
        raise DataError(
            "its projection {mapping!r} cannot be read ({problem})",
            where=path.name,
            remedy="Write latitude and longitude of the cells into it, as two variables",
            mapping=mapping,
            problem=str(problem).splitlines()[0][:80] if str(problem) else "",
        ) from None
    dims = (*y.dims, *x.dims)
    return xr.DataArray(latitude, dims=dims, name=y.name), xr.DataArray(longitude, dims=dims)


def _axis(
    dataset: xr.Dataset, array: xr.DataArray, standard_names: tuple[str, ...]
) -> xr.DataArray | None:
    """The axis of an array that has one of the standard names."""
    for dim in array.dims:
        for found in (str(dim), *map(str, dataset.variables)):
            if found not in dataset.variables or dataset[found].dims != (dim,):
                continue
            if dataset[found].attrs.get("standard_name") in standard_names:
                return dataset[found]
    return None


def _values(path: Path, axis: xr.DataArray, *, rotated: bool) -> NDArray[np.float64]:
    units = str(axis.attrs.get("units", "")).strip().lower()
    values = np.asarray(axis.values, np.float64)
    if rotated and units in _DEGREES:
        return values
    if not rotated and units in _METRES:
        return values * _METRES[units]
    raise DataError(
        "the unit {units!r} of {name!r} is none of its projection",
        where=path.name,
        remedy="Write m or km, or of a rotated pole degrees",
        units=units,
        name=str(axis.name),
    )
