"""Static fields at the fine scale: planes that no date changes, to guide a network.

`coast` and `cities` are made from `assets/geo` for any grid, `elevation` is taken from the dataset
where it brings one (`surface_altitude`); none ships. A plane is NaN where it is not known, and 0,
the mean of what the network learned from, once it is brought to the network's scale.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, get_args

import numpy as np
import shapely
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from engine.core.errors import RequestError
from engine.core.grid import EARTH_RADIUS_KM, Grid, arc_km, on_sphere
from engine.core.schema import grid_of
from engine.core.variables import ALTITUDE
from engine.data import geography

Plane = Literal["coast", "cities", "elevation"]
PLANES: tuple[Plane, ...] = get_args(Plane)

FARTHEST_KM = 200.0  # beyond, the sea says nothing more
# A town's inhabitants are spread over a kernel of so much, or half a cell, or as wide as it takes
# for no more than so many per km² at its centre, whichever is widest.
KERNEL_KM = 3.0
MOST_PER_KM2 = 5_000.0
# The list of cities is of China; farther than this from any of them nothing is known.
LISTED_KM = 150.0
_STEP = 0.01  # degrees between points of the coast

Field = NDArray[np.float32]


class Spread(NamedTuple):
    """Mean and standard deviation of a plane over the cells that a network learned from."""

    mean: float
    std: float


def planes(names: Sequence[str], grid: Grid, dataset: xr.Dataset | None = None) -> Field:
    """Planes by name, (k, rows, columns), NaN where one is not known.

    Args:
        names: Of `PLANES`: `coast`, the logarithm of 1 + km to the nearest coast; `cities`, that
            of 1 + inhabitants per km²; `elevation`, km above the sea.
        grid: Where.
        dataset: Whose grid it is a part of; without `surface_altitude` the plane is unknown.

    Raises:
        RequestError: If there is no plane of a name.
    """
    for name in names:
        if name not in PLANES:
            raise RequestError(
                "there is no static field {name!r}",
                remedy="Choose from {planes}",
                name=name,
                planes=tuple(PLANES),
            )
    made = {"coast": _coast, "cities": _cities}
    stacked = [elevation(grid, dataset) if n == "elevation" else made[n](grid) for n in names]
    return np.stack(stacked) if stacked else np.zeros((0, *grid.shape), np.float32)


def elevation(grid: Grid, dataset: xr.Dataset | None) -> Field:
    """Kilometres above the sea as the dataset brings them; NaN everywhere if it brings none.

    Raises:
        ValueError: If the grid is no part of the dataset's.
    """
    if dataset is None or ALTITUDE not in dataset:
        return np.full(grid.shape, np.nan, np.float32)
    rows, columns = grid_of(dataset).window(grid.bounds)
    metres = np.asarray(dataset[ALTITUDE][rows, columns].values, dtype=np.float32)
    if metres.shape != grid.shape:
        raise ValueError(f"heights of {metres.shape} cells for a grid of {grid.shape}")
    return metres / np.float32(1000)


def spreads(values: Field, cells: NDArray[np.bool_]) -> tuple[Spread, ...]:
    """Mean and standard deviation of each plane (k, H, W) over the cells learned from (H, W)."""
    fields = []
    for plane in values:
        known = plane[cells & np.isfinite(plane)].astype(np.float64)
        mean, std = (float(known.mean()), float(known.std())) if known.size else (0.0, 1.0)
        fields.append(Spread(mean, max(std, 1e-6)))
    return tuple(fields)


def standard(values: Field, scale: Sequence[Spread]) -> Tensor:
    """Planes (k, H, W) as the network sees them: of mean 0 and spread 1, 0 where not known."""
    if len(scale) != len(values):
        raise ValueError(f"{len(values)} planes and {len(scale)} scales")
    shape = (-1, 1, 1)
    mean, std = (np.array([s[i] for s in scale], np.float32).reshape(shape) for i in (0, 1))
    return torch.from_numpy(np.nan_to_num((values - mean) / std, nan=0.0))


def of_weights(
    scale: Mapping[str, tuple[float, float]], grid: Grid, dataset: xr.Dataset | None
) -> Tensor | None:
    """The planes that weights were trained with, by name and scale, anywhere; None: they want none.

    Raises:
        RequestError: If there is no plane of a name.
    """
    if not scale:
        return None
    return standard(
        planes(tuple(scale), grid, dataset), [Spread(*numbers) for numbers in scale.values()]
    )


@lru_cache(maxsize=8)  # a second for 800 × 720 cells; a page asks for day after day
def _coast(grid: Grid) -> Field:
    return _covered(grid, np.log1p(np.minimum(_nearest(_shore(), grid, FARTHEST_KM), FARTHEST_KM)))


@lru_cache(maxsize=8)
def _cities(grid: Grid) -> Field:
    """Gaussian kernels, in double precision; then where no listed city is near, nothing."""
    table = geography.cities()
    towns = table[["lat", "lon"]].to_numpy(np.float64)
    density = np.zeros(grid.shape)
    latitude, longitude = grid.latitude, grid.longitude
    for (lat, lon), people in zip(towns, table["population"].to_numpy(np.float64), strict=True):
        km_lat, km_lon = (EARTH_RADIUS_KM * np.deg2rad(f) for f in (1.0, np.cos(np.deg2rad(lat))))
        cell = max(grid.step_lat * km_lat, grid.step_lon * km_lon)
        width = max(KERNEL_KM, 0.5 * cell, np.sqrt(people / (2 * np.pi * MOST_PER_KM2)))
        rows = np.flatnonzero(np.abs(latitude - lat) * km_lat < 5 * width)
        columns = np.flatnonzero(np.abs(longitude - lon) * km_lon < 5 * width)
        if rows.size and columns.size:
            down = np.exp(-0.5 * ((latitude[rows] - lat) * km_lat / width) ** 2)
            across = np.exp(-0.5 * ((longitude[columns] - lon) * km_lon / width) ** 2)
            share = people / (2 * np.pi * width**2)
            density[np.ix_(rows, columns)] += share * down[:, None] * across
    listed = cKDTree(on_sphere(towns[:, 0], towns[:, 1]))
    known = np.isfinite(_nearest(listed, grid, LISTED_KM))
    return np.where(known, np.log1p(density), np.nan).astype(np.float32)


@lru_cache(maxsize=1)
def _shore() -> cKDTree:
    """The coast as points a kilometre apart."""
    points = shapely.get_coordinates(shapely.segmentize(geography.lines("coast"), _STEP))
    return cKDTree(on_sphere(points[:, 1], points[:, 0]))


def _nearest(points: cKDTree, grid: Grid, farthest: float) -> NDArray[np.float64]:
    """Great-circle kilometres from cells to the nearest of some points; beyond `farthest` inf."""
    latitude, longitude = np.meshgrid(grid.latitude, grid.longitude, indexing="ij")
    most = 2 * np.sin(farthest / EARTH_RADIUS_KM / 2)
    cells = on_sphere(latitude.ravel(), longitude.ravel())
    chord, _ = points.query(cells, distance_upper_bound=most, workers=-1)
    return arc_km(chord).reshape(grid.shape)


def _covered(grid: Grid, values: NDArray[np.floating]) -> Field:
    """NaN where the outlines do not reach."""
    box = geography.COVERED
    rows = (grid.latitude >= box.south) & (grid.latitude <= box.north)
    columns = (grid.longitude >= box.west) & (grid.longitude <= box.east)
    return np.where(rows[:, None] & columns, values, np.nan).astype(np.float32)
