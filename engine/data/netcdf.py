"""One NetCDF file: which variable is PM2.5, where its axes are, what its times mean.

Reads NetCDF 4 through netCDF4 and classic NetCDF 3 through SciPy, because the former fills
the missing end of a truncated classic file with zeros and says nothing.
"""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core import size_limits
from engine.core.errors import DataError
from engine.core.variables import ALTITUDE, HEIGHT
from engine.data import packing
from engine.data.hdf5_links import check_self_contained
from engine.data.ioapi import as_cf, is_ioapi
from engine.data.netcdf_axes import degrees, horizontal, places
from engine.data.netcdf_times import Steps, axes, of_steps
from engine.data.netcdf_variables import group_of, pm2p5_name
from engine.data.recognise import container
from engine.data.zarr_stores import check_chunks, check_store, damaged, edition

_FROM_THE_GROUND = ("bottom_top", "LAY")  # levels of WRF and CMAQ, the lowest first
_TABLES = (".csv", ".tsv", ".parquet", ".xlsx")  # endings of what is no grid
_UNREADABLE = "airlens_unreadable"  # attribute in memory: what of its packing cannot be read
_DAMAGED = "Download or copy it again; its size should match the source's"

# What the libraries raise for a broken file, besides OSError.
_BROKEN = (
    *(OSError, RuntimeError, ValueError, KeyError, IndexError, TypeError, EOFError),
    *(SystemError, OverflowError),
)


@dataclass(frozen=True)
class Layout:
    """Where things are in one file.

    Attributes:
        variable: Name of the PM2.5 variable.
        latitude: Degrees north, one axis or two-dimensional.
        longitude: Degrees east, likewise.
        along: Dimensions of its steps: none, time, or reference and lead time of forecasts.
        dims: The variable's dimensions of rows and columns.
        units: The file's unit, or None.
        steps: Their times; stamps in UTC for instants, a date's label otherwise.
        valid: Smallest and largest value that the file calls valid, in its units.
        others: Other variables that look like PM2.5.
        notes: What is to be said of how it is read.
        attributes: The file's own attributes that say where it comes from.
    """

    variable: str
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    along: tuple[str, ...]
    dims: tuple[str, str]
    units: str | None
    steps: Steps
    valid: tuple[float, float]
    others: tuple[str, ...]
    attributes: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def curvilinear(self) -> bool:
        """Whether latitude and longitude need two dimensions."""
        return self.latitude.ndim == 2


@contextmanager
def opened(path: Path) -> Iterator[xr.Dataset]:
    """The file as a dataset, scaled and masked, times left as numbers; nothing loaded.

    Raises:
        DataError: If the file is no NetCDF file or is damaged, here or while it is read.
    """
    kind = container(path)
    if kind not in ("hdf5", "netcdf3", "zarr"):
        table = kind in ("parquet", "xlsx") or path.suffix.lower() in _TABLES
        raise DataError(
            "this is a table, no grid" if table else "this is no NetCDF file",
            where=path.name,
            remedy="Import it as stations, or as mobile samples"
            if table
            else "docs/formats.md lists what can be imported as a grid",
        )
    if kind == "hdf5":
        check_self_contained(path)
    elif kind == "zarr":
        check_store(path)
    try:
        raw = _raw(path, kind)
        try:
            dataset = _masked_and_scaled(raw)
            yield as_cf(path, dataset) if is_ioapi(dataset) else dataset
        finally:
            with warnings.catch_warnings():  # of a map in memory that a damaged file left behind
                warnings.simplefilter("ignore")
                raw.close()
    except _BROKEN as problem:
        if kind == "zarr":
            raise damaged(path, problem) from problem
        raise DataError(
            "the NetCDF file is damaged or cut short ({problem})",
            where=path.name,
            remedy=_DAMAGED,
            problem=_first_line(problem),
        ) from problem


def _raw(path: Path, kind: str) -> xr.Dataset:
    """The file as it is, nothing decoded and nothing loaded."""
    engine = {"hdf5": "netcdf4", "netcdf3": "scipy", "zarr": "zarr"}[kind]
    how: dict[str, dict[str, object]] = {
        "netcdf4": {"group": group_of(path)} if kind == "hdf5" else {},
        "zarr": {"consolidated": False, "zarr_format": edition(path)},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return xr.open_dataset(
            path, engine=engine, decode_cf=False, cache=False, backend_kwargs=how.get(engine)
        )


def _masked_and_scaled(raw: xr.Dataset) -> xr.Dataset:
    """The dataset with every fill value and flag masked and packed numbers unpacked, not loaded.

    What cannot be read of a variable's packing is kept under `_UNREADABLE`. The libraries' own
    warnings, as of two fill values, are no news to a reader: both are masked.
    """
    for array in raw.variables.values():
        attrs = array.attrs
        bad = packing.unreadable(attrs) if array.dtype.kind in "fiu" else None
        if array.dtype.kind not in "fiu" or (array.dtype.kind == "u" and "_Unsigned" in attrs):
            continue
        kind = array.dtype
        if kind.kind == "i" and str(attrs.get("_Unsigned", "")).lower() == "true":
            kind = np.dtype(f"u{kind.itemsize}")
            attrs |= packing.as_unsigned(attrs, kind)
        masked = packing.fills(attrs, kind)
        scaling = {n: packing.numbers(attrs[n]) for n in packing.SCALING if n in attrs}
        for name in (*packing.FILLS, *packing.SCALING):
            attrs.pop(name, None)
        if bad is not None:
            attrs[_UNREADABLE] = bad
            continue
        if masked.size:
            attrs["missing_value"] = masked if masked.size > 1 else masked[0]
        attrs |= {name: np.float64(found[0]) for name, found in scaling.items() if found}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return xr.decode_cf(raw, decode_times=False, decode_timedelta=False)


def _first_line(problem: BaseException) -> str:
    # The system's own words, without the path that the message names already.
    reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else problem
    text = str(reason).strip().splitlines()
    return text[0][:120] if text else type(problem).__name__


def layout(path: Path, dataset: xr.Dataset, variable: str | None) -> Layout:
    """Where latitude, longitude, time and PM2.5 are in an opened file.

    Raises:
        DataError: If one of them is not there, or the variable has further dimensions.
    """
    name, others = pm2p5_name(path, dataset, variable)
    latitude, longitude = places(path, dataset, name)
    time, along = axes(dataset, name)
    array = dataset[name]
    for read in (array, latitude, longitude):
        _check_packing(path, read)
    notes: tuple[str, ...] = ()
    if path.is_dir():
        notes = check_chunks(path, name, [str(n) for n in (latitude.name, longitude.name, time)])
    rows, columns = horizontal(path, array, latitude, longitude)
    along = tuple(d for d in along if d in array.dims)
    _check_size(path, array, (latitude, longitude), along, (rows, columns))
    other = [str(d) for d in array.dims if d not in (*along, rows, columns)]
    extra = [d for d in other if array.sizes[d] > 1 and d not in _FROM_THE_GROUND]
    if extra:
        raise DataError(
            "variable {name!r} has the further dimension {extra!r} of {sizes}",
            where=path.name,
            remedy="Take one of them out first, for example with ncks or cdo sellevel",
            name=name,
            extra=extra[0],
            sizes=array.sizes[extra[0]],
        )
    steps = of_steps(path, dataset, time, math.prod(array.sizes[d] for d in along))
    units = array.attrs.get("units")
    return Layout(
        variable=name,
        latitude=degrees(latitude),
        longitude=degrees(longitude),
        along=along,
        dims=(rows, columns),
        units=str(units).strip() or None if units is not None else None,
        steps=steps,
        valid=packing.limits(
            array.attrs,
            integers=np.dtype(array.encoding.get("dtype", array.dtype)).kind in "iu",
            scale=float(array.encoding.get("scale_factor", 1.0)),
            offset=float(array.encoding.get("add_offset", 0.0)),
        ),
        others=others,
        attributes={k: str(v) for k, v in dataset.attrs.items() if np.ndim(v) == 0},
        notes=notes
        + tuple(
            f"Took the lowest of {array.sizes[d]} levels ({d})."
            for d in other
            if array.sizes[d] > 1
        ),
    )


def _check_packing(path: Path, array: xr.DataArray) -> None:
    """Refuse a variable whose numbers cannot be turned into values."""
    bad = array.attrs.get(_UNREADABLE) or packing.unreadable(array.attrs)
    if bad is not None:
        raise bad.refused(where=path.name, name=str(array.name))
    if packing.MASKS in array.attrs:
        raise DataError(
            "variable {name!r} holds flags, one a bit, and no concentrations",
            where=path.name,
            remedy="Name the right one with --variable",
            name=str(array.name),
        )


def _check_size(
    path: Path,
    array: xr.DataArray,
    axes: tuple[xr.DataArray, xr.DataArray],
    along: tuple[str, ...],
    dims: tuple[str, str],
) -> None:
    """Refuse what is too large by its dimensions and chunks, before a value is read."""
    size_limits.CELLS.check(
        math.prod(array.sizes[d] for d in dims), what="one map", where=path.name
    )
    for axis in axes:
        last = math.prod(axis.sizes[d] for d in axis.dims[-2:])
        size_limits.CELLS.check(last, what=f"{axis.name}", where=path.name)
    size_limits.STEPS.check(
        math.prod(array.sizes[d] for d in along), what="the file", where=path.name
    )
    packed = array.encoding.get("chunksizes") or array.encoding.get("chunks") or (1,)
    chunk = math.prod(packed) * array.dtype.itemsize
    size_limits.BYTES.check(chunk, what="one chunk of it", where=path.name)


def steps(
    dataset: xr.Dataset, layout: Layout, *, budget_bytes: int = 64 * 1024**2
) -> Iterator[NDArray[np.generic]]:
    """The variable's maps one by one, each (row, column), NaN where the file calls it invalid.

    Args:
        dataset: The opened file.
        layout: Of this file.
        budget_bytes: As `_raw_steps` has it.
    """
    low, high = layout.valid
    for raw in _raw_steps(dataset, layout, budget_bytes=budget_bytes):
        if not np.isfinite([low, high]).any():
            yield raw
            continue
        values = raw.astype(np.float64)
        yield np.where(packing.outside(values, low, high), np.nan, values)


def _raw_steps(
    dataset: xr.Dataset, layout: Layout, *, budget_bytes: int
) -> Iterator[NDArray[np.generic]]:
    """The variable's maps one by one, each (row, column) as the file has them.

    Args:
        dataset: The opened file.
        layout: Of this file.
        budget_bytes: Steps are read in runs of about this size; in runs of four times it where
            the file's chunks are as long in time, which would else be unpacked for every step.
    """
    rows, columns = layout.dims
    kept = (*layout.along, rows, columns)
    whole = dataset[layout.variable]
    array = whole.isel({d: 0 for d in whole.dims if d not in kept}).transpose(*kept)
    if not layout.along:
        yield array.values
        return
    if len(layout.along) == 2:
        for at in np.ndindex(*(array.sizes[d] for d in layout.along)):
            yield array.isel(dict(zip(layout.along, at, strict=True))).values
        return
    (time,) = layout.along
    each = max(1, 8 * array.sizes[rows] * array.sizes[columns])
    chunks = dataset[layout.variable].encoding.get("chunksizes")
    long = chunks[dataset[layout.variable].dims.index(time)] if chunks else 1
    run = max(1, budget_bytes // each, min(long, 4 * budget_bytes // each))
    if run == 1:
        high = chunks[dataset[layout.variable].dims.index(rows)] if chunks else 1
        for step in range(array.sizes[time]):
            yield _in_strips(array.isel({time: step}), rows, high, budget_bytes)
        return
    for start in range(0, array.sizes[time], run):
        yield from array.isel({time: slice(start, start + run)}).values


def _in_strips(array: xr.DataArray, rows: str, high: int, budget_bytes: int) -> NDArray[np.generic]:
    """One map, unpacked in strips of whole chunks: unpacking all at once holds it four times."""
    count = max(1, budget_bytes // (8 * max(1, array.size // max(1, array.sizes[rows]))))
    count = max(high, count // high * high)
    if count >= array.sizes[rows]:
        return array.values
    values = np.empty(array.shape, array.dtype)
    for start in range(0, array.sizes[rows], count):
        strip = slice(start, start + count)
        values[strip] = array.isel({rows: strip}).values
    return values


def altitude(dataset: xr.Dataset, layout: Layout) -> NDArray[np.floating] | None:
    """Height of the ground in m, (row, column) as the file has it; None if it holds none.

    Of a height that is written for each time, the first.
    """
    factors = {"m": 1.0, "metre": 1.0, "metres": 1.0, "meter": 1.0, "meters": 1.0, "km": 1e3}
    rows, columns = layout.dims
    names = (ALTITUDE, *HEIGHT.aliases)
    for name, array in dataset.variables.items():
        known = str(name).lower() in names or array.attrs.get("standard_name") == ALTITUDE
        factor = factors.get(str(array.attrs.get("units", "m")).strip().lower())
        if not known or factor is None or not {rows, columns} <= set(array.dims):
            continue
        first = array.isel({d: 0 for d in array.dims if d not in (rows, columns)})
        metres = np.asarray(first.transpose(rows, columns).values, np.float64) * factor
        low, high = HEIGHT.valid_range
        return np.where((metres >= low) & (metres <= high), metres, np.nan)
    return None
