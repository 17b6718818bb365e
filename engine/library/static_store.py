"""Static fields in Zarr: one map on its own grid."""

import hashlib
from pathlib import Path

import numpy as np
import xarray as xr

from engine.core.errors import StorageError
from engine.data.static_fields import StaticField

STORE = "static.zarr"


def write(field: StaticField, folder: Path) -> str:
    """Write a field and give the checksum of its values and axes."""
    dataset = xr.Dataset(
        {field.variable: (("latitude", "longitude"), field.values, {"units": field.units})},
        coords={"latitude": field.grid.latitude, "longitude": field.grid.longitude},
    )
    dataset.to_zarr(folder / STORE, mode="w", zarr_format=3, consolidated=False)
    whole = hashlib.sha256()
    for part in (field.grid.latitude, field.grid.longitude, field.values):
        whole.update(np.ascontiguousarray(part).tobytes())
    return whole.hexdigest()


def read(folder: Path) -> xr.Dataset:
    """A kept field, its values not yet read.

    Raises:
        StorageError: If it is damaged.
    """
    try:
        dataset: xr.Dataset = xr.open_zarr(folder / STORE, chunks=None, consolidated=False)
        return dataset
    except (OSError, KeyError, ValueError) as problem:
        raise StorageError(
            "the stored field is damaged",
            where=str(folder),
            remedy="Import it again with --replace",
        ) from problem
