"""The world's static fields that ship in `assets/real`: height of the land, and where water is."""

from functools import lru_cache

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


def at_sea(latitude: NDArray[np.floating], longitude: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Whether places have nothing but water within about 0.3°, by the land cover of 2019.

    False beyond the file's latitudes. Small islands are not in it.

    Raises:
        StorageError: If the file is missing or damaged.
    """
    classes, grid = _land_cover()
    rows, columns, inside = grid.cell_of(latitude, longitude)
    reach = 6
    wet = np.zeros(rows.shape, dtype=bool)
    for n, (row, column) in enumerate(zip(rows, columns, strict=True)):
        if inside[n] and reach <= row < classes.shape[0] - reach:
            around = np.arange(column - reach, column + reach + 1) % classes.shape[1]
            wet[n] = not classes[row - reach : row + reach + 1][:, around].any()
    return wet


@lru_cache(maxsize=1)
def _land_cover() -> tuple[NDArray[np.uint8], Grid]:
    """Land cover classes (row from the north, column) and their grid."""
    try:
        with xr.open_dataset(WORLD, engine="netcdf4") as world:
            cover = world["landcover_class"].values
            lat, lon = world["lat_lc"].values, world["lon_lc"].values
    except (OSError, KeyError, ValueError) as problem:
        raise StorageError(
            "a file of static fields is missing or damaged",
            where=str(WORLD),
            remedy="Get assets/real again, as with git checkout",
        ) from problem
    step = float(lon[1] - lon[0])
    ordered = cover[::-1] if lat[0] < lat[-1] else cover
    grid = Grid(float(lat.max()), float(lon[0]), step, step, *ordered.shape)
    return np.asarray(ordered, dtype=np.uint8), grid
