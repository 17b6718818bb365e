"""What a dataset must look like inside the engine. Readers check once, on the way in.

Gridded (`kind = "grid"`)
    `pm2p5(valid_time, latitude, longitude)` float32, `ug m-3`, NaN is no data; axes as
    `engine.core.grid.Grid` wants them; where the files bring it, the coordinate
    `surface_altitude(latitude, longitude)` in m, NaN where unknown.
Stations (`kind = "stations"`)
    `pm2p5(valid_time, station)` float32 and any further variable of the vocabulary; coordinates
    `latitude(station)`, `longitude(station)`, `name(station)`; NaN is no data.
Mobile samples (`kind = "mobile"`)
    `pm2p5(sample)`, `valid_time(sample)`, `latitude(sample)`, `longitude(sample)`, sorted by time;
    optional `device(sample)`.

Static fields (`kind = "static"`)
    one variable on (latitude, longitude) with its `units`, without times.

`valid_time` is the UTC start of the averaging period, datetime64[ns], increasing, unique (mobile:
not decreasing). Dataset attributes: `kind`, `period` ("hour", "day" or "month"),
`utc_offset_hours` (of the local day that a daily mean is over; 8 for China), `source`, `licence`,
`synthetic` (1 or 0).
"""

from typing import Literal, get_args

import numpy as np
import xarray as xr

from engine.core.errors import DataError
from engine.core.grid import Grid
from engine.core.variables import ALTITUDE, HEIGHT, VARIABLES

Kind = Literal["grid", "stations", "mobile", "static"]
Period = Literal["hour", "day", "month"]

ATTRIBUTES = ("kind", "period", "utc_offset_hours", "source", "licence", "synthetic")
_DIMENSIONS: dict[str, tuple[str, ...]] = {
    "grid": ("valid_time", "latitude", "longitude"),
    "stations": ("valid_time", "station"),
    "mobile": ("sample",),
}


def check(dataset: xr.Dataset, *, where: str) -> xr.Dataset:
    """The dataset itself, if it keeps the contract of its kind.

    Raises:
        DataError: Naming the first point of the contract that is broken.
    """
    for attribute in ATTRIBUTES:
        if attribute not in dataset.attrs:
            raise DataError("attribute {attribute!r} is missing", where=where, attribute=attribute)
    kind, period = dataset.attrs["kind"], dataset.attrs["period"]
    if kind not in _DIMENSIONS or period not in get_args(Period):
        raise DataError(
            "kind {kind!r} with period {period!r} is none we know",
            where=where,
            kind=kind,
            period=period,
        )
    _check_variables(dataset, _DIMENSIONS[kind], where)
    _check_time(dataset, strict=kind != "mobile", where=where)
    if kind == "grid":
        Grid.from_axes(dataset["latitude"].values, dataset["longitude"].values, where=where)
        _check_altitude(dataset, where)
    else:
        _check_points(dataset, where)
    return dataset


def grid_of(dataset: xr.Dataset) -> Grid:
    """The grid of a checked gridded dataset."""
    return Grid.from_axes(
        dataset["latitude"].values,
        dataset["longitude"].values,
        where=str(dataset.attrs.get("source", "dataset")),
    )


def _check_variables(dataset: xr.Dataset, dims: tuple[str, ...], where: str) -> None:
    if "pm2p5" not in dataset:
        raise DataError("variable pm2p5 is missing", where=where)
    if dataset["pm2p5"].dims != dims:
        raise DataError(
            "pm2p5 has dimensions {dims}, not {dims_2}",
            where=where,
            dims=dataset["pm2p5"].dims,
            dims_2=dims,
        )
    for name, array in dataset.data_vars.items():
        known = VARIABLES.get(str(name))
        if known is not None and array.attrs.get("units") != known.units:
            raise DataError(
                "{name} is in {value!r}, not {units!r}",
                where=where,
                name=name,
                value=array.attrs.get("units"),
                units=known.units,
            )


def _check_altitude(dataset: xr.Dataset, where: str) -> None:
    if ALTITUDE not in dataset:
        return
    array = dataset[ALTITUDE]
    if array.dims != ("latitude", "longitude") or array.attrs.get("units") != HEIGHT.units:
        raise DataError(
            "{name} has dimensions {dims} in {units!r}, not (latitude, longitude) in {wanted!r}",
            where=where,
            name=ALTITUDE,
            dims=array.dims,
            units=array.attrs.get("units"),
            wanted=HEIGHT.units,
        )


def _check_time(dataset: xr.Dataset, *, strict: bool, where: str) -> None:
    if "valid_time" not in dataset.variables or dataset["valid_time"].dtype.kind != "M":
        raise DataError("valid_time is missing or holds no times", where=where)
    times = dataset["valid_time"].values.astype("datetime64[ns]")
    if times.size == 0:
        raise DataError("there is not one time step", where=where)
    steps = np.diff(times)
    floor = np.timedelta64(1 if strict else 0, "ns")
    if np.isnat(times).any() or (steps < floor).any():
        raise DataError("times are unsorted, repeated or missing", where=where)


def _check_points(dataset: xr.Dataset, where: str) -> None:
    latitude, longitude = dataset["latitude"].values, dataset["longitude"].values
    if np.isnan(latitude).any() or np.isnan(longitude).any():
        raise DataError("a place has no coordinates", where=where)
    if np.abs(latitude).max(initial=0) > 90 or np.abs(longitude).max(initial=0) > 180:
        raise DataError(
            "a latitude lies beyond 90° or a longitude beyond 180°",
            where=where,
            remedy="Check that the two columns are not exchanged",
        )
