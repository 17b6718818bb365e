"""Files of CMAQ's I/O API as CF grids: times from `TFLAG`, places from the grid's attributes.

Source: I/O API documentation, "Grids and coordinates" and "Time stamps": `TFLAG` holds YYYYDDD and
HHMMSS for each step and variable, UTC; XORIG and YORIG are the south-western corner of the grid;
P_ALP, P_BET are the standard parallels, P_GAM the central meridian. CMAQ's and WRF's sphere has a
radius of 6 370 000 m. Means of ACONC files are stamped with the beginning of their hour.
"""

from pathlib import Path

import numpy as np
import pyproj
import xarray as xr
from numpy.typing import NDArray

from engine.core import size_limits
from engine.core.errors import DataError

RADIUS = 6_370_000.0  # m
_NEEDED = ("GDTYP", "XORIG", "YORIG", "XCELL", "YCELL")
# GDTYP → projection; P_ALP, P_BET, P_GAM, XCENT, YCENT stand where the documentation has them.
_DEGREES = 1
_PROJECTIONS = {
    2: "+proj=lcc +lat_1={P_ALP} +lat_2={P_BET} +lon_0={P_GAM} +lat_0={YCENT}",
    6: "+proj=stere +lat_0={pole} +lat_ts={P_BET} +lon_0={P_GAM}",
    7: "+proj=merc +lat_ts={P_ALP} +lon_0={P_GAM}",
}
_MIDNIGHT = np.datetime64("1970-01-01", "s")


def is_ioapi(dataset: xr.Dataset) -> bool:
    """Whether a NetCDF file is one of the I/O API."""
    return "TFLAG" in dataset.variables and all(n in dataset.attrs for n in _NEEDED)


def as_cf(path: Path, dataset: xr.Dataset) -> xr.Dataset:
    """The file with latitude, longitude and time with its bounds, as CF names them.

    A file of the I/O API without time steps (TSTEP 0) gets no time.

    Raises:
        DataError: If its projection is none of those that are read, or its times are none.
    """
    sizes = {n: dataset.sizes[n] for n in ("ROW", "COL") if n in dataset.sizes}
    if len(sizes) < 2:
        return dataset
    size_limits.CELLS.check(sizes["ROW"] * sizes["COL"], what="one map", where=path.name)
    attrs = {n: _number(path, dataset, n) for n in _NEEDED}
    x = attrs["XORIG"] + attrs["XCELL"] * np.arange(0.5, sizes["COL"])
    y = attrs["YORIG"] + attrs["YCELL"] * np.arange(0.5, sizes["ROW"])
    made = dataset.drop_vars("TFLAG")
    if int(attrs["GDTYP"]) == _DEGREES:
        made = made.assign_coords(latitude=("ROW", y), longitude=("COL", x))
    else:
        both = ("ROW", "COL")
        longitude, latitude = _turned(path, dataset, int(attrs["GDTYP"]), x, y)
        made = made.assign_coords(latitude=(both, latitude), longitude=(both, longitude))
    hours = _hours(int(np.ravel(dataset.attrs.get("TSTEP", 0))[0]))
    if hours == 0 or "TSTEP" not in dataset.sizes:
        return made
    return made.assign_coords(_times(path, dataset["TFLAG"].values[:, 0, :], hours))


def _number(path: Path, dataset: xr.Dataset, name: str) -> float:
    value = np.ravel(np.asarray(dataset.attrs.get(name, np.nan)))
    if value.size != 1 or value.dtype.kind not in "fiu" or not np.isfinite(value[0]):
        raise DataError(
            "attribute {name} of its grid is no number",
            where=path.name,
            remedy="Repair it, for example with ncatted",
            name=name,
        )
    return float(value[0])


def _turned(
    path: Path, dataset: xr.Dataset, kind: int, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of all cells, each (row, column)."""
    form = _PROJECTIONS.get(kind)
    if form is None:
        raise DataError(
            "its projection (GDTYP {kind}) is none of those that are read",
            where=path.name,
            remedy="Write latitude and longitude of the cells into it, as two variables",
            kind=kind,
        )
    named = {n: _number(path, dataset, n) for n in ("P_ALP", "P_BET", "P_GAM", "YCENT")}
    pole = 90 if named["P_ALP"] >= 0 else -90
    try:
        crs = pyproj.CRS.from_proj4(f"{form.format(pole=pole, **named)} +R={RADIUS} +units=m")
        back = pyproj.Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
        longitude, latitude = back.transform(*np.meshgrid(x, y))
    except pyproj.exceptions.ProjError:
        raise DataError(
            "its projection (GDTYP {kind}) cannot be turned into degrees",
            where=path.name,
            remedy="Check its attributes P_ALP, P_BET, P_GAM, XCENT and YCENT",
            kind=kind,
        ) from None
    return longitude, latitude


def _hours(step: int) -> float:
    """Hours of a step that is written HHMMSS, such as 10000 for one."""
    return step // 10000 + step // 100 % 100 / 60 + step % 100 / 3600


def _times(
    path: Path, flags: NDArray[np.integer], hours: float
) -> dict[str, tuple[str | tuple[str, ...], NDArray[np.float64], dict[str, str]]]:
    """Time and its bounds, seconds since 1970, from dates YYYYDDD and times HHMMSS."""
    dates, clocks = (flags[:, i].astype(np.int64) for i in (0, 1))
    year, day = dates // 1000, dates % 1000
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]") + (day - 1)
    wrong = (year < 1900) | (year > 2200) | (day < 1) | (clocks % 10000 >= 6000)
    wrong |= first.astype("datetime64[Y]").astype(np.int64) + 1970 != year
    if wrong.any():
        raise DataError(
            "{text!r} in TFLAG is no time",
            where=path.name,
            remedy="Repair its time steps",
            text=f"{dates[np.argmax(wrong)]} {clocks[np.argmax(wrong)]}",
        )
    start = (first.astype("datetime64[s]") - _MIDNIGHT).astype(np.float64)
    start += clocks // 10000 * 3600 + clocks // 100 % 100 * 60 + clocks % 100
    since = {"units": "seconds since 1970-01-01"}
    bounds = np.stack([start, start + 3600 * hours], axis=1)
    return {
        "time": ("TSTEP", start, since | {"bounds": "time_bounds", "standard_name": "time"}),
        "time_bounds": (("TSTEP", "bounds"), bounds, since),
    }
