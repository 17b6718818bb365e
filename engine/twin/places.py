"""Where the demo world's sources, hills and water are. The same for every seed.

Cities and towns are real (GeoNames), so is the coast (Natural Earth) and the course of the lower
Yangtze, and the height of the land on cells of 0.1° (ETOPO1). Ridges and valleys between those
cells are noise and are *not* a terrain model.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import Delaunay

from engine.core.grid import Grid
from engine.data.geography import cities_within, lake_mask, land_mask
from engine.data.static_world import land_height

Field = NDArray[np.float32]

GRID = Grid(34.995, 116.005, 0.01, 0.01, 800, 720)  # 27–35° N, 116–123.2° E
KM_LAT = 1.112  # km along a cell of 0.01° latitude
ROUGHNESS = 0.35  # of the height's own spread within some 30 km
GEOGRAPHY_SEED = 20_150_101  # the place is one; only the weather changes with the seed

# Course of the lower Yangtze (longitude, latitude), through the towns on its banks.
_YANGTZE = (
    (116.00, 29.75), (116.75, 30.10), (117.05, 30.50), (117.50, 30.68), (117.80, 30.95),
    (118.33, 31.35), (118.46, 31.72), (118.72, 32.08), (119.10, 32.19), (119.45, 32.24),
    (119.88, 32.05), (120.27, 31.94), (120.82, 31.97), (121.15, 31.62), (121.50, 31.41),
)  # fmt: skip


@dataclass(frozen=True)
class Places:
    """Fixed fields of the demo world, each of shape (800, 720), float32 unless said.

    Attributes:
        land: Which cells are land, bool; lakes are.
        height: Height of the ground, m.
        urban: Emission of homes and small trades, relative, mean over land 1.
        road: The same for traffic, on roads that join real towns.
        farm: The same for fields and small fires, smooth.
        plants: Point sources: row, column, strength; shape (n, 3), strengths add up to 1.
        towns: The towns that sources were made from, with their place on the grid.
    """

    land: NDArray[np.bool_]
    height: Field
    urban: Field
    road: Field
    farm: Field
    plants: NDArray[np.float64]
    towns: pd.DataFrame


@lru_cache(maxsize=1)
def places() -> Places:
    """The demo world's places, made once a process (about 2 s)."""
    rng = np.random.default_rng(GEOGRAPHY_SEED)
    land = land_mask(GRID)
    dry = land & ~lake_mask(GRID)
    height = _hills(rng) * land
    towns = _towns()
    urban = _urban(rng, towns) * dry
    road = _roads(rng, towns) * land
    flat = np.exp(-height / 150.0)
    farm = ndimage.gaussian_filter(_fractal(rng, 2.6, 60), 2.0)
    farm = np.exp(0.4 * farm) * flat * dry / (1 + 4 * urban)
    return Places(
        land=land,
        height=height.astype(np.float32),
        urban=_per_land(urban, land),
        road=_per_land(road, land),
        farm=_per_land(farm, land),
        plants=_plants(rng, towns, land),
        towns=towns,
    )


def row_column(
    latitude: NDArray[np.floating] | float, longitude: NDArray[np.floating] | float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place on the fine grid in rows and columns, counted from the centre of the first cell."""
    row = (GRID.north - np.asarray(latitude, dtype=np.float64)) / GRID.step_lat
    return row, (np.asarray(longitude, dtype=np.float64) - GRID.west) / GRID.step_lon


def _per_land(field: NDArray[np.floating], land: NDArray[np.bool_]) -> Field:
    mean = float(field[land].mean())
    return np.asarray(field / mean, dtype=np.float32)


def _towns() -> pd.DataFrame:
    """Towns with 5 000 inhabitants or more; parts of a city that is counted already left out."""
    table = cities_within(GRID.bounds, at_least=5_000)
    kept: list[int] = []
    lat, lon = table["lat"].to_numpy(), table["lon"].to_numpy()
    population = table["population"].to_numpy(dtype=np.float64)
    for i in range(len(table)):
        distance = 111.2 * np.hypot(lat[kept] - lat[i], 0.86 * (lon[kept] - lon[i]))
        if not (distance < 2.2 * (population[kept] / 1e5) ** 0.4).any():
            kept.append(i)
    towns = table.iloc[kept].reset_index(drop=True)
    towns["row"], towns["column"] = row_column(towns["lat"].to_numpy(), towns["lon"].to_numpy())
    return towns


def _fractal(rng: np.random.Generator, slope: float, longest: float) -> NDArray[np.float64]:
    """Gaussian noise with a power-law spectrum, unit variance; no wave beyond `longest` cells."""
    rows, columns = 1024, 1024  # larger than the map, so that its edges do not repeat
    spectrum = np.fft.rfft2(rng.standard_normal((rows, columns)))
    k = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None])
    k = np.maximum(k, 1 / longest)
    noise = np.fft.irfft2(spectrum * k ** (-slope / 2 - 0.5), s=(rows, columns))
    noise = noise[: GRID.rows, : GRID.columns]
    result: NDArray[np.float64] = (noise - noise.mean()) / noise.std()
    return result


def _hills(rng: np.random.Generator) -> NDArray[np.float64]:
    """Height in m: ETOPO1 at 0.1°, with ridges and valleys below that from noise.

    The noise is the larger, the more the height varies around a cell, and has no mean over some
    cells of ETOPO1, so that plains stay flat and ranges keep their height.
    """
    height = land_height(GRID).astype(np.float64)
    around = ndimage.uniform_filter(height, 31)
    rough = np.sqrt(np.maximum(ndimage.uniform_filter(height**2, 31) - around**2, 0.0))
    noise = 1 - np.abs(_fractal(rng, 3.4, 22))
    noise = noise - ndimage.uniform_filter(noise, 31)
    return np.asarray(np.maximum(height + ROUGHNESS * rough * noise, 0.0))


def _urban(rng: np.random.Generator, towns: pd.DataFrame) -> NDArray[np.float64]:
    """Built-up density: each town's own size and ragged outline, inhabitants by area."""
    density = np.zeros(GRID.shape)
    ragged = _fractal(rng, 2.0, 30)
    for row, column, population in zip(
        towns["row"], towns["column"], towns["population"], strict=True
    ):
        radius = 1.3 * (population / 1e5) ** 0.42  # cells, about km
        reach = int(np.ceil(6 * radius + 4))
        rows = slice(max(0, int(row) - reach), min(GRID.rows, int(row) + reach + 1))
        columns = slice(max(0, int(column) - reach), min(GRID.columns, int(column) + reach + 1))
        y = np.arange(rows.start, rows.stop)[:, None] - row
        x = (np.arange(columns.start, columns.stop)[None] - column) * 0.86
        distance = np.hypot(x, y) * np.exp(-0.28 * ragged[rows, columns]) / radius
        core = np.exp(-(distance**1.15))
        density[rows, columns] += population**0.85 * core / core.sum()
    return np.asarray(density * np.exp(0.45 * _fractal(rng, 1.2, 8)))


def _roads(rng: np.random.Generator, towns: pd.DataFrame) -> NDArray[np.float64]:
    """Traffic on roads between neighbouring towns, gently bent, the more the larger both are."""
    large = towns[towns["population"] >= 40_000]
    points = large[["row", "column"]].to_numpy()
    population = large["population"].to_numpy(dtype=np.float64)
    field = np.zeros(GRID.shape)
    for a, b in sorted(_neighbours(points)):
        length = float(np.hypot(*(points[a] - points[b])))
        step = np.linspace(0, 1, max(2, int(length * 3)))[:, None]
        across = np.array([points[b][1] - points[a][1], points[a][0] - points[b][0]]) / length
        bend = sum(
            rng.normal(0, 0.05 / n) * length * np.sin(np.pi * n * step) for n in (1, 2, 3, 4)
        )
        way = points[a] * (1 - step) + points[b] * step + across * bend
        weight = (population[a] * population[b]) ** 0.2 / 3
        cell = np.rint(way).astype(int)
        inside = ((cell >= 0) & (cell < GRID.shape)).all(axis=1)
        np.add.at(field, tuple(cell[inside].T), weight)
    return np.asarray(ndimage.gaussian_filter(field, 0.5))


def _neighbours(points: NDArray[np.float64]) -> set[tuple[int, int]]:
    """Gabriel graph: pairs with no third town in the circle that has both as its diameter."""
    edges: set[tuple[int, int]] = set()
    for triangle in Delaunay(points).simplices:
        for a, b in ((0, 1), (1, 2), (0, 2)):
            edges.add((min(triangle[a], triangle[b]), max(triangle[a], triangle[b])))
    kept = set()
    for a, b in edges:
        middle = (points[a] + points[b]) / 2
        radius = np.hypot(*(points[a] - middle))
        others = np.delete(points, [a, b], axis=0)
        if (np.hypot(*(others - middle).T) >= radius).all() and radius < 70:
            kept.add((int(a), int(b)))
    return kept


def _plants(
    rng: np.random.Generator, towns: pd.DataFrame, land: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Point sources: along the Yangtze and at the edges of towns, more of them in the north."""
    course = np.array([row_column(lat, lon) for lon, lat in _YANGTZE])
    leg = rng.integers(0, len(course) - 1, 110)
    share = rng.random((110, 1))
    river = course[leg] * (1 - share) + course[leg + 1] * share + rng.normal(0, 3.5, (110, 2))
    weight = towns["population"].to_numpy() ** 0.6 * np.where(towns["lat"] > 32.2, 1.8, 1.0)
    pick = rng.choice(len(towns), 190, p=weight / weight.sum())
    edge = towns[["row", "column"]].to_numpy()[pick] + rng.normal(0, 6.0, (190, 2))
    at = np.clip(np.rint(np.concatenate([river, edge])), 1, np.array(GRID.shape) - 2)
    strength = rng.lognormal(0, 0.9, len(at)) * np.r_[np.full(110, 1.5), np.ones(190)]
    strength *= land[tuple(at.astype(int).T)]
    kept = strength > 0
    return np.column_stack([at[kept], strength[kept] / strength[kept].sum()])
