"""Coast, lakes, provinces and cities that ship in `assets/geo`, and the land they enclose.

For orientation on maps and for masks: generalised to about 1 km (Natural Earth 10 m, GeoNames).
Sources and licences are in `assets/geo/ATTRIBUTION.md`.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import rasterio.features
import shapely
from affine import Affine  # rasterio's form of a transform
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from engine.core.errors import NotFoundError
from engine.core.grid import Grid, Region
from engine.core.paths import ASSETS

Line = Literal["coast", "lakes", "provinces"]

GEO = ASSETS / "geo"
COVERED = Region(70.0, 15.0, 141.0, 55.0)  # the box that the lines were clipped to
# A place that is surely sea: from here, every coast that is crossed leads on to land or back.
_OPEN_SEA = (128.0, 29.0)  # longitude, latitude; East China Sea


@lru_cache(maxsize=4)
def lines(name: Line) -> BaseGeometry:
    """All lines of one kind as one multi-line, longitude and latitude in degrees.

    Raises:
        NotFoundError: If the file is not installed.
    """
    document = json.loads(_asset(f"{name}.geojson").read_text(encoding="utf-8"))
    parts = [shapely.geometry.shape(f["geometry"]) for f in document["features"]]
    return shapely.union_all([shapely.node(part) for part in parts])


@lru_cache(maxsize=1)
def cities() -> pd.DataFrame:
    """Cities of China, largest first: name_en, name_zh, lat, lon, population.

    Raises:
        NotFoundError: If the file is not installed.
    """
    table = pd.read_csv(_asset("cities.csv"))
    table["name_zh"] = table["name_zh"].fillna("")
    return table


def cities_within(region: Region, *, at_least: int = 0) -> pd.DataFrame:
    """Cities of a region with so many inhabitants or more, largest first, numbered from 0."""
    table = cities()
    inside = table["lat"].between(region.south, region.north) & table["lon"].between(
        region.west, region.east
    )
    return table[inside & (table["population"] >= at_least)].reset_index(drop=True)


@lru_cache(maxsize=8)
def land_mask(grid: Grid) -> NDArray[np.bool_]:
    """Which cells have their centre on land, lakes included; shape (rows, columns).

    The coast ships as lines. They and the frame of the grid cut the box into faces, and a face
    is land when the way to it from the open sea crosses the coast an odd number of times.

    Raises:
        ValueError: If the grid leaves the box that the coast covers.
    """
    frame = _frame(grid)
    coast = lines("coast")
    cut = shapely.union_all([shapely.intersection(coast, frame), frame.exterior])
    faces = shapely.get_parts(shapely.polygonize([cut]))
    return _burn(grid, [face for face in faces if _is_land(face, coast)])


@lru_cache(maxsize=8)
def lake_mask(grid: Grid) -> NDArray[np.bool_]:
    """Which cells have their centre in a lake; shape (rows, columns).

    Raises:
        ValueError: If the grid leaves the box that the lakes cover.
    """
    _frame(grid)
    return _burn(grid, list(shapely.get_parts(shapely.polygonize([lines("lakes")]))))


def _is_land(face: BaseGeometry, coast: BaseGeometry) -> bool:
    """Whether a straight way from the open sea to a face crosses the coast oddly often.

    The nodes of a simplified coast can lie on the way, so three ways vote.
    """
    inside = face.representative_point()
    odd = 0
    for shift in (0.0, 0.0137, 0.0271):
        way = shapely.LineString([(_OPEN_SEA[0], _OPEN_SEA[1] + shift), (inside.x, inside.y)])
        cross_validated = shapely.intersection(way, coast)
        odd += (
            int(shapely.get_num_coordinates(cross_validated)) % 2
        )  # points; none where nothing is crossed
    return odd >= 2


def _frame(grid: Grid) -> shapely.Polygon:
    box = grid.bounds
    if not (COVERED.contains(box.south, box.west) and COVERED.contains(box.north, box.east)):
        raise ValueError(f"{box} leaves {COVERED}, which the outlines cover")
    return shapely.box(box.west, box.south, box.east, box.north)


def _burn(grid: Grid, faces: list[BaseGeometry]) -> NDArray[np.bool_]:
    """Cells whose centre lies in one of the faces."""
    if not faces:
        return np.zeros(grid.shape, dtype=bool)
    box = grid.bounds
    corner = Affine(grid.step_lon, 0.0, box.west, 0.0, -grid.step_lat, box.north)
    burnt = rasterio.features.rasterize(
        [(face, 1) for face in faces], out_shape=grid.shape, transform=corner, dtype="uint8"
    )
    return np.asarray(burnt, dtype=bool)


def _asset(name: str) -> Path:
    path = GEO / name
    if not path.is_file():
        raise NotFoundError(
            "the outline is not installed", where=str(path), remedy="Check out assets/geo again"
        )
    return path
