"""Grids in Zarr: a chunk holds one time step of one tile, so a day and a cell's series are quick.

Small grids have a file for each chunk; a map of many tiles keeps them all in one file (a shard),
since a year at 0.01° would otherwise be a hundred thousand files. docs/decisions/0040.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from engine.core.errors import StorageError
from engine.data.stack import GridStack, coordinates, pm2p5_attributes

STORE = "grid.zarr"
TILE = 256  # cells along a side: 256 KB of float32, about a millisecond to unpack
MOST_TILES_AS_FILES = 16
Progress = Callable[[int, int], None]


def write(stack: GridStack, folder: Path, *, progress: Progress | None = None) -> str:
    """Write all steps, each as it is read, and give the checksum of values and coordinates."""
    path = folder / STORE
    base = coordinates(stack)
    base["valid_time"].encoding = {
        "units": "seconds since 1970-01-01",
        "dtype": "int64",
        "calendar": "proleptic_gregorian",
    }
    base.to_zarr(path, mode="w", zarr_format=3, consolidated=False)
    steps, rows, columns = stack.shape
    tile = (1, min(TILE, rows), min(TILE, columns))
    down, across = -(-rows // tile[1]), -(-columns // tile[2])
    array = zarr.open_group(path, mode="r+").create_array(
        "pm2p5",
        shape=stack.shape,
        chunks=tile,
        shards=(1, down * tile[1], across * tile[2])
        if down * across > MOST_TILES_AS_FILES
        else None,
        dtype="float32",
        fill_value=float("nan"),
        compressors=BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"),
        dimension_names=("valid_time", "latitude", "longitude"),
        attributes=pm2p5_attributes(),
    )
    digests = [b""] * steps
    done = 0
    for position, values in stack.read():  # `enumerate` would hold the map before
        array[position] = values
        digests[position] = hashlib.sha256(_bytes(values)).digest()
        del values  # before the next map is read
        done += 1  # noqa: SIM113 - see above
        if progress is not None:
            progress(done, steps)
    whole = hashlib.sha256()
    beside = () if stack.altitude is None else (stack.altitude,)
    for part in (stack.valid_time, stack.grid.latitude, stack.grid.longitude, *beside):
        whole.update(_bytes(part))
    for digest in digests:
        whole.update(digest)
    return whole.hexdigest()


def _bytes(values: NDArray[np.generic]) -> memoryview:
    """The bytes of an array without a copy of them."""
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data


def read(folder: Path) -> xr.Dataset:
    """The grid, its values not yet read.

    Raises:
        StorageError: If it is damaged.
    """
    try:
        dataset: xr.Dataset = xr.open_zarr(folder / STORE, chunks=None, consolidated=False)
        return dataset
    except (OSError, KeyError, ValueError) as problem:
        raise StorageError(
            "the stored grid is damaged",
            where=str(folder),
            remedy="Import the dataset again with --replace",
        ) from problem
