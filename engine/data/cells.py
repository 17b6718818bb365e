"""Mobile samples as hourly maps: the mean of the samples in each cell and hour."""

import math

import numpy as np
import xarray as xr

from engine.core import size_limits
from engine.core.errors import RequestError
from engine.core.grid import Grid, Region

RESOLUTION = 0.01  # degrees, about 1 km: as coarse as the rounded positions of published samples
# Beyond this, samples lie so far apart that a map of their cells is empty: a wrong coordinate.
MOST_CELLS = 1_000_000


def cells_of(dataset: xr.Dataset, region: Region | None, *, name: str) -> Grid:
    """The grid of all cells that samples lie in, at least two each way.

    Cell centres are multiples of the resolution, so that positions rounded to it are centres.

    Raises:
        RequestError: If the region holds no sample, or samples are spread too widely.
    """
    inside = _inside(dataset, region)
    if not inside.any():
        raise RequestError(
            "the region holds no sample", where=name, remedy="Choose a region with samples"
        )
    row = np.round(dataset["latitude"].values[inside] / RESOLUTION)
    column = np.round(dataset["longitude"].values[inside] / RESOLUTION)
    rows = max(int(row.max() - row.min()) + 1, 2)
    columns = max(int(column.max() - column.min()) + 1, 2)
    if rows * columns > MOST_CELLS:
        raise RequestError(
            "samples are spread over {rows} × {columns} cells",
            where=name,
            remedy="Choose a smaller region; a single wrong coordinate may be the reason",
            rows=rows,
            columns=columns,
        )
    return Grid(
        float(row.max()) * RESOLUTION,
        float(column.min()) * RESOLUTION,
        RESOLUTION,
        RESOLUTION,
        rows,
        columns,
    )


def hourly(dataset: xr.Dataset, region: Region | None = None, *, name: str) -> xr.Dataset:
    """A gridded hourly dataset: `pm2p5(valid_time, latitude, longitude)`, NaN where none drove.

    Every hour of the local clock from the first to the last is there.

    Raises:
        RequestError: As `cells_of`.
    """
    grid = cells_of(dataset, region, name=name)
    inside = _inside(dataset, region) & np.isfinite(dataset["pm2p5"].values)
    # Hours of the local clock: India's begin at half past.
    ahead = np.timedelta64(round(60 * float(dataset.attrs["utc_offset_hours"])), "m")
    hours = (dataset["valid_time"].values[inside] + ahead).astype("datetime64[h]")
    first = hours.min()
    step = (hours - first).astype(np.int64)
    row, column, _ = grid.cell_of(
        dataset["latitude"].values[inside], dataset["longitude"].values[inside]
    )
    shape = (int(step.max()) + 1, *grid.shape)
    size_limits.BYTES.check(24 * math.prod(shape), what="its hourly grid", where=name)
    flat = np.ravel_multi_index((step, row, column), shape)
    count = np.bincount(flat, minlength=int(np.prod(shape)))
    total = np.bincount(flat, dataset["pm2p5"].values[inside], minlength=count.size)
    mean = np.divide(total, count, out=np.full(count.size, np.nan), where=count > 0)
    return xr.Dataset(
        {
            "pm2p5": (
                ("valid_time", "latitude", "longitude"),
                mean.reshape(shape).astype(np.float32),
                {"units": "ug m-3"},
            )
        },
        coords={
            "valid_time": (first + np.arange(shape[0])).astype("datetime64[ns]") - ahead,
            "latitude": grid.latitude,
            "longitude": grid.longitude,
        },
        attrs=dataset.attrs | {"kind": "grid", "period": "hour"},
    )


def _inside(
    dataset: xr.Dataset, region: Region | None
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    latitude, longitude = dataset["latitude"].values, dataset["longitude"].values
    if region is None:
        return np.ones(latitude.size, dtype=bool)
    inside: np.ndarray[tuple[int], np.dtype[np.bool_]] = (
        (latitude >= region.south)
        & (latitude <= region.north)
        & (longitude >= region.west)
        & (longitude <= region.east)
    )
    return inside
