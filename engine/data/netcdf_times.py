"""The times of one NetCDF file: what its stamps cover, and how exactly they are written."""

from pathlib import Path

import numpy as np
import xarray as xr

from engine.core.errors import DataError
from engine.core.schema import Period
from engine.data.calendar import Times, date_in_name

HOUR = np.timedelta64(3600, "s")
SECOND = np.timedelta64(1, "s")
_UNITS = {"day": 86400.0, "hour": 3600.0, "minute": 60.0, "second": 1.0}  # s


def of_steps(path: Path, dataset: xr.Dataset, time: str | None) -> tuple[Times, Period | None]:
    """Stamps of the steps, and the period where the file's name gives it.

    Where the file has CF bounds, a stamp is the start of what its step covers.

    Raises:
        DataError: If there is no time, or one that cannot be read.
    """
    named = date_in_name(path)
    if time is not None and time in dataset.variables:
        times = _begins(path, dataset, time)
        # The name of a file of many steps may name the month or the year that they fill.
        return times, named.period if named and times.size == 1 else None
    if time is not None and dataset.sizes[time] > 1:
        raise DataError(
            "dimension {time!r} has no times",
            where=path.name,
            remedy="Add a time coordinate with units such as 'days since 2015-01-01'",
            time=time,
        )
    for attribute in ("date", "time_coverage_start", "RANGEBEGINNINGDATE"):
        text = str(dataset.attrs.get(attribute, ""))
        if not text[:4].isdigit():
            continue
        try:
            return np.array([np.datetime64(text.rstrip("Z"), "ns")]), "day"
        except ValueError:
            continue
    if named is None:
        raise DataError(
            "no time is in it and no date in its name",
            where=path.name,
            remedy="Rename it so that it ends in _YYYYMMDD (a day) or _YYYYMM (a month)",
        )
    return np.array([named.start]), named.period


def _decoded(path: Path, dataset: xr.Dataset) -> Times:
    """Times of a CF axis."""
    (name,) = dataset.variables
    tolerance = _resolution(dataset[name])
    try:
        decoded = xr.decode_cf(dataset, decode_timedelta=False)[name].values
    except (ValueError, OverflowError, OSError) as problem:
        raise DataError(
            "its times cannot be read ({problem})",
            where=path.name,
            remedy="Give the time axis units such as 'days since 2015-01-01'",
            problem=(str(problem).strip() or type(problem).__name__).splitlines()[0],
        ) from None
    times = np.atleast_1d(decoded)
    if times.dtype.kind != "M":
        units = dataset[name].attrs.get("units", "none")
        calendar = dataset[name].attrs.get("calendar", "standard")
        raise DataError(
            "its times (units {units!r}, calendar {calendar!r}) are no dates of our calendar",
            where=path.name,
            remedy="Give the time axis units such as 'days since 2015-01-01'",
            units=units,
            calendar=calendar,
        )
    return _rounded(times.astype("datetime64[ns]"), tolerance)


def _begins(path: Path, dataset: xr.Dataset, time: str) -> Times:
    """Start of what each step covers: of its CF bounds, or else the stamp.

    Source: CF Conventions 1.11, section 7.1: bounds have the units and calendar of their axis.
    """
    stamps = _decoded(path, dataset[[time]])
    name = str(dataset[time].attrs.get("bounds", ""))
    if name not in dataset.variables or dataset[name].shape != (stamps.size, 2):
        return stamps
    of_axis = {k: v for k, v in dataset[time].attrs.items() if k in ("units", "calendar")}
    low, high = (
        _decoded(path, xr.Dataset({time: (time, dataset[name].values[:, i], of_axis)}))
        for i in (0, 1)
    )
    covers = (high > low).all() and ((stamps >= low) & (stamps <= high)).all()
    return low if covers else stamps


def _resolution(axis: xr.DataArray) -> np.timedelta64:
    """How far apart two stamps are that the axis's own type can write: float32 days, minutes."""
    unit = str(axis.attrs.get("units", "")).split(" ")[0].lower().rstrip("s")
    values = np.asarray(axis.values)
    if unit not in _UNITS or values.dtype.kind != "f" or not np.isfinite(values).any():
        return SECOND
    step = float(np.spacing(np.nanmax(np.abs(values)))) * _UNITS[unit]
    return max(np.timedelta64(round(1e9 * step), "ns"), SECOND)


def _rounded(times: Times, tolerance: np.timedelta64) -> Times:
    """Stamps at whole hours where their type cannot write it exactly, else at whole seconds."""
    nearest = {}
    for name, step in (("hour", HOUR), ("second", SECOND)):
        half = step.astype("timedelta64[ns]") // 2
        whole = (times + half).astype("int64") // step.astype("timedelta64[ns]").astype("int64")
        nearest[name] = (whole * step.astype("timedelta64[ns]").astype("int64")).astype(times.dtype)
    close = np.abs(times - nearest["hour"]) <= tolerance
    rounded: Times = np.where(close, nearest["hour"], nearest["second"])
    return rounded
