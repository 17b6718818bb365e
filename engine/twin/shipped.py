"""The demo world that ships in `assets/demo`, as `engine.research.demo.build_demo` wrote it."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

from engine.core.errors import NotFoundError, StorageError
from engine.core.paths import ASSETS

FOLDER = ASSETS / "demo"
MANIFEST = "manifest.json"
FILES = {
    "demo": "maps.zarr",
    "demo-stations": "stations.nc",
    "demo-mobile": "mobile.nc",
    "demo-cities": "cities.nc",
}
VERSION = 2  # of the demo world: places, sources and weather as they are made today
SEED = 2  # of the weather that ships
CELLS = "cells.nc"  # the truth under the mobile samples


@lru_cache(maxsize=1)
def demo_info() -> Mapping[str, Mapping[str, Any]]:
    """What each demo dataset is, in the fields of the library's record; empty if none is there.

    Raises:
        StorageError: If the record is damaged.
    """
    path = FOLDER / MANIFEST
    if not path.is_file():
        return {}
    try:
        record: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise StorageError(
            "the record of the demo is damaged",
            where=str(path),
            remedy="Get assets/demo again, as with git checkout",
        ) from problem
    return record


def open_demo(name: str) -> xr.Dataset:
    """One of the demo's datasets; values of maps are read when requested.

    Raises:
        NotFoundError: If there is none of that name.
        StorageError: If its file is missing or damaged.
    """
    if name not in FILES:
        raise NotFoundError(
            "the demo has no dataset {name!r}",
            remedy="There are {files}",
            name=name,
            files=list(FILES),
        )
    return _open(FILES[name])


def demo_cells() -> xr.Dataset:
    """The truth under the demo's mobile samples, `pm2p5(valid_time, latitude, longitude)`.

    Hourly, 10 × 10 cells, ug m-3: to score forecasts where no vehicle drove.

    Raises:
        StorageError: If its file is missing or damaged.
    """
    return _open(CELLS)


def _open(file: str) -> xr.Dataset:
    path = FOLDER / file
    try:
        if path.suffix == ".zarr":
            packed = xr.open_zarr(path, chunks=None, consolidated=False, decode_cf=False)
            # JSON has one kind of number; a single-precision scale keeps the maps single.
            packed["pm2p5"].attrs["scale_factor"] = np.float32(
                packed["pm2p5"].attrs["scale_factor"]
            )
            return xr.decode_cf(packed)
        with xr.open_dataset(path, engine="netcdf4") as dataset:
            return dataset.load()
    except (OSError, KeyError, ValueError) as problem:
        raise StorageError(
            "a file of the demo is missing or damaged",
            where=str(path),
            remedy="Get assets/demo again, as with git checkout",
        ) from problem
