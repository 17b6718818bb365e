"""The world's static fields that ship in `assets/real`: height of the land at 0.1°."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from engine.core.errors import StorageError
from engine.core.grid import Grid
from engine.core.paths import ASSETS

WORLD = ASSETS / "real" / "world_static_0p1deg.nc"


def land_height(grid: Grid) -> NDArray[np.float32]:
    """Height of the land on a grid, m, sea 0: cubic between the 0.1° cells of ETOPO1.

    A grid whose cells are wider than 0.1° gets the height at its cells' centres, not their means.

    Raises:
        StorageError: If the file is missing or damaged.
    """
    try:
        with xr.open_dataset(WORLD, engine="netcdf4") as world:
            margin = 0.5
            box = world["elevation"].sel(
                lat=slice(grid.latitude.min() - margin, grid.latitude.max() + margin),
                lon=slice(grid.longitude.min() - margin, grid.longitude.max() + margin),
            )
            height = box.values.astype(np.float64)
            lat, lon = box["lat"].values, box["lon"].values
    except (OSError, KeyError, ValueError) as problem:
        raise StorageError(
            "a file of static fields is missing or damaged",
            where=str(WORLD),
            remedy="Get assets/real again, as with git checkout",
        ) from problem
    rows = (grid.latitude - lat[0]) / (lat[1] - lat[0])
    columns = (grid.longitude - lon[0]) / (lon[1] - lon[0])
    places = np.meshgrid(rows, columns, indexing="ij")
    cubic = ndimage.map_coordinates(height, places, order=3, mode="nearest")
    return np.asarray(np.maximum(cubic, 0.0), dtype=np.float32)
