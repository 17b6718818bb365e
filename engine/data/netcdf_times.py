"""The times of one NetCDF file: what its stamps cover, and how exactly they are written."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from engine.core.errors import DataError
from engine.core.schema import Period
from engine.data.calendar import Times, date_in_name

HOUR = np.timedelta64(3600, "s")
SECOND = np.timedelta64(1, "s")
_UNITS = {"day": 86400.0, "hour": 3600.0, "minute": 60.0, "second": 1.0}  # s
_NAMES = ("valid_time", "time", "date", "t", "day", "month", "xtime")
_LEAD = ("forecast_reference_time", "forecast_period")  # CF standard names of a forecast's axes
_WRF = "Times"  # text such as 2015-01-10_06:00:00
YEARS = (1900, 2200)


@dataclass(frozen=True)
class Steps:
    """The steps of one file.

    Attributes:
        times: Start of what each covers, or its stamp where the file does not say.
        period: Of a step, where the file or its name says it.
        hours: Hours that a step covers, where the file says it and it is less than a day.
        stated: Whether the file itself says what a step covers, and not its name.
    """

    times: Times
    period: Period | None
    hours: float | None = None
    stated: bool = False


def axes(dataset: xr.Dataset, variable: str) -> tuple[str | None, tuple[str, ...]]:
    """Name of what holds the times of a variable, and the dimensions that its steps run along.

    Two dimensions where a forecast has reference times and lead times: the valid time decides.
    """
    dims = tuple(map(str, dataset[variable].dims))
    dated = [str(n) for n in dataset.variables if _is_dated(dataset, str(n))]
    for name in dated:
        along = tuple(map(str, dataset[name].dims))
        if len(along) == 2 and set(along) <= set(dims):
            return name, along
    if _WRF in dataset.variables and dataset[_WRF].ndim == 1 and dataset[_WRF].dims[0] in dims:
        return _WRF, (str(dataset[_WRF].dims[0]),)
    for name in dated:
        if dataset[name].ndim <= 1:
            return name, tuple(map(str, dataset[name].dims))
    return next(((n, (n,)) for n in _NAMES if n in dims), (None, ()))


def _is_dated(dataset: xr.Dataset, name: str) -> bool:
    attrs = dataset[name].attrs
    named = name.lower() in _NAMES or attrs.get("standard_name") == "time"
    return named and " since " in str(attrs.get("units", ""))


def of_steps(path: Path, dataset: xr.Dataset, time: str | None, size: int) -> Steps:
    """The steps of a file: of its time axis, its attributes, or its name.

    Args:
        path: The file.
        dataset: What is in it.
        time: Name of what holds the times, as `axes` gives it.
        size: Steps that the variable has.

    Raises:
        DataError: If there is no time, or one that cannot be read or is no period of ours.
    """
    if time is not None and time in dataset.variables:
        return _of_axis(path, dataset, time)
    if size > 1:
        raise DataError(
            "dimension {time!r} has no times",
            where=path.name,
            remedy="Add a time coordinate with units such as 'days since 2015-01-01'",
            time=time,
        )
    for attribute in ("date", "time_coverage_start", "RANGEBEGINNINGDATE"):
        text = str(dataset.attrs.get(attribute, "")).strip().rstrip("Z")
        if len(text) == 8 and text.isdigit():
            text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
        if not text[:4].isdigit() or not YEARS[0] <= int(text[:4]) <= YEARS[1]:
            continue
        try:
            return Steps(np.array([np.datetime64(text, "ns")]), "day")
        except ValueError:
            continue
    named = date_in_name(path)
    if named is None:
        raise DataError(
            "no time is in it and no date in its name",
            where=path.name,
            remedy="Rename it so that it ends in _YYYYMMDD (a day) or _YYYYMM (a month)",
        )
    return Steps(np.array([named.start]), named.period)


def _of_axis(path: Path, dataset: xr.Dataset, time: str) -> Steps:
    if time == _WRF:
        return Steps(_wrf(path, dataset[time]), "hour")
    standard = {str(dataset[v].attrs.get("standard_name", v)) for v in dataset.variables}
    bounds = _bounds(path, dataset, time)
    if bounds is not None:
        return _covered(path, *bounds)
    stamps = _decoded(path, dataset[time].variable)
    if set(_LEAD) <= standard:
        return Steps(stamps, "hour")  # a forecast's fields are of its valid times
    try:
        # The name of a file of many steps may name the month or the year that they fill.
        named = date_in_name(path) if stamps.size == 1 else None
    except DataError:  # of a file that has a time its name need not be understood
        named = None
    centred = _of_increment(dataset[time], stamps)
    if centred is not None and (named is None or named.period != "month"):
        return centred
    if named is None:
        return Steps(stamps, None)
    unit = "datetime64[M]" if named.period == "month" else "datetime64[D]"
    same = bool(stamps[0].astype(unit) == named.start.astype(unit))
    return Steps(stamps, named.period if same else None)


def _of_increment(axis: xr.DataArray, stamps: Times) -> Steps | None:
    """Steps by `time_increment` of NASA's GEOS models; None where it says no period of ours.

    Means are stamped at the middle of what they cover, instants at themselves. Monthly files keep
    the increment of what they are the mean of.

    Source: MERRA-2: File Specification (GMAO Office Note 9), section 2.3; HHMMSS as an integer.
    """
    value = np.ravel(np.asarray(axis.attrs.get("time_increment", 0)))
    if value.size != 1 or value.dtype.kind not in "iu":
        return None
    step = int(value[0])
    if step == 240000:
        return Steps(stamps.astype("datetime64[D]").astype(stamps.dtype), "day", stated=True)
    hours = step // 10000
    if step % 10000 or not 1 <= hours <= 6:
        return None
    span = np.timedelta64(hours, "h").astype(stamps.dtype.str.replace("M8", "m8"))
    within = (stamps - stamps.astype("datetime64[D]")) % span
    middle = bool((within == span // 2).all())
    return Steps(stamps - span // 2 if middle else stamps, "hour", float(hours), stated=True)


def _wrf(path: Path, texts: xr.DataArray) -> Times:
    """Times of WRF's own variable of text."""
    written = [t.decode() if isinstance(t, bytes) else str(t) for t in np.ravel(texts.values)]
    try:
        return np.array([t.replace("_", "T") for t in written], dtype="datetime64[ns]")
    except ValueError:
        raise DataError(
            "{text!r} in Times is no time",
            where=path.name,
            remedy="Write times as 2015-01-10_06:00:00",
            text=written[0][:40],
        ) from None


def _covered(path: Path, low: Times, high: Times) -> Steps:
    """Steps by what their bounds cover: some hours, a day or a month.

    Raises:
        DataError: If they cover anything else.
    """
    hours = (high - low) / np.timedelta64(1, "h")
    if (hours <= 6).all():
        return Steps(low, "hour", float(hours.max()), stated=True)
    if np.allclose(hours, 24):
        return Steps(low, "day", stated=True)
    if ((hours >= 28 * 24) & (hours <= 31 * 24)).all():
        return Steps(low, "month", stated=True)
    raise DataError(
        "its maps are means over {days} days",
        where=path.name,
        remedy="Import hourly, daily or monthly maps",
        days=f"{hours.max() / 24:.3g}",
    )


def _decoded(path: Path, axis: xr.Variable) -> Times:
    """Times of a CF axis, flat; instants of years that data can have.

    Raises:
        DataError: If they cannot be read or are no dates of our calendar and time.
    """
    tolerance = _resolution(axis)
    flat = xr.Variable("steps", np.ravel(axis.values), axis.attrs)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", xr.SerializationWarning)  # years beyond ours, see below
            decoded = xr.decode_cf(xr.Dataset({"stamps": flat}), decode_timedelta=False)
            times = decoded["stamps"].values
    except (ValueError, OverflowError, OSError) as problem:
        raise DataError(
            "its times cannot be read ({problem})",
            where=path.name,
            remedy="Give the time axis units such as 'days since 2015-01-01'",
            problem=(str(problem).strip() or type(problem).__name__).splitlines()[0],
        ) from None
    if times.dtype.kind != "M":
        units = axis.attrs.get("units", "none")
        calendar = axis.attrs.get("calendar", "standard")
        raise DataError(
            "its times (units {units!r}, calendar {calendar!r}) are no dates of our calendar",
            where=path.name,
            remedy="Give the time axis units such as 'days since 2015-01-01'",
            units=units,
            calendar=calendar,
        )
    years = times.astype("datetime64[Y]").astype(int) + 1970
    if times.size and not (YEARS[0] <= years.min() and years.max() <= YEARS[1]):
        raise DataError(
            "the year {year} is no year of its data",
            where=path.name,
            remedy="Repair its time axis",
            year=int(years.min() if years.min() < YEARS[0] else years.max()),
        )
    return _rounded(times.astype("datetime64[ns]"), tolerance)


def _bounds(path: Path, dataset: xr.Dataset, time: str) -> tuple[Times, Times] | None:
    """Start and end of what each step covers, of its CF bounds; None where it has none.

    Source: CF Conventions 1.11, section 7.1: bounds have the units and calendar of their axis.
    """
    stamps = _decoded(path, dataset[time].variable)
    name = str(dataset[time].attrs.get("bounds", ""))
    if name not in dataset.variables or dataset[name].shape != (stamps.size, 2):
        return None
    of_axis = {k: v for k, v in dataset[time].attrs.items() if k in ("units", "calendar")}
    low, high = (
        _decoded(path, xr.Variable("steps", dataset[name].values[:, i], of_axis)) for i in (0, 1)
    )
    covers = (high > low).all() and ((stamps >= low) & (stamps <= high)).all()
    return (low, high) if covers else None


def _resolution(axis: xr.Variable) -> np.timedelta64:
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
