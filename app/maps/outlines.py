"""The part of an outline that a map shows, for pages that carry their outlines within them."""

import json
from functools import lru_cache
from itertools import pairwise

from app.maps.assets import asset

MARGIN = 1.0  # degrees kept around the box, so that panning a little finds no empty border
Point = list[float]


@lru_cache(maxsize=32)
def within(name: str, bounds: tuple[float, float, float, float]) -> dict[str, object] | None:
    """Lines of `assets/geo/NAME.geojson` near a box, as one GeoJSON feature.

    Args:
        name: "coast", "provinces" or "lakes".
        bounds: West, south, east, north in degrees.

    Returns:
        A FeatureCollection of one MultiLineString, or None where the file is not installed.
    """
    found = asset(f"{name}.geojson")
    if found is None:
        return None
    lines: list[list[Point]] = []
    for feature in json.loads(found.content)["features"]:
        for line in _lines(feature["geometry"]):
            lines.extend(_runs(line, bounds))
    geometry = {"type": "MultiLineString", "coordinates": lines}
    feature = {"type": "Feature", "properties": {}, "geometry": geometry}
    return {"type": "FeatureCollection", "features": [feature]}


def _lines(geometry: dict[str, object]) -> list[list[Point]]:
    """All lines and rings of a geometry."""
    coordinates = geometry["coordinates"]
    depth = {"LineString": 0, "MultiLineString": 1, "Polygon": 1, "MultiPolygon": 2}
    lines: list[list[Point]] = [coordinates]  # type: ignore[list-item]
    for _ in range(depth[str(geometry["type"])]):
        lines = [part for line in lines for part in line]  # type: ignore[misc]
    return lines


def _runs(line: list[Point], bounds: tuple[float, float, float, float]) -> list[list[Point]]:
    """The stretches of a line inside the box and its margin, each with one point beyond."""
    west, south, east, north = bounds
    runs: list[list[Point]] = []
    current: list[Point] = []
    for here, there in pairwise(line):
        near = any(
            west - MARGIN <= p[0] <= east + MARGIN and south - MARGIN <= p[1] <= north + MARGIN
            for p in (here, there)
        )
        if near:
            current = current or [here]
            current.append(there)
        elif current:
            runs.append(current)
            current = []
    return [*runs, current] if current else runs
