"""The part of an outline that lies within a map."""

import json
from functools import lru_cache
from itertools import pairwise

from app.maps.assets import asset

Point = list[float]
Box = tuple[float, float, float, float]


@lru_cache(maxsize=32)
def within(name: str, bounds: Box) -> dict[str, object] | None:
    """Lines of `assets/geo/NAME.geojson` cut to a box, as one GeoJSON feature.

    Args:
        name: "coast", "provinces" or "lakes".
        bounds: West, south, east, north in degrees.

    Returns:
        A FeatureCollection of one MultiLineString, of nothing where none runs there, or None
        where the file is not installed.
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
    # deck.gl takes a feature without lines for a damaged one.
    return {"type": "FeatureCollection", "features": [feature] if lines else []}


def _lines(geometry: dict[str, object]) -> list[list[Point]]:
    """All lines and rings of a geometry."""
    coordinates = geometry["coordinates"]
    depth = {"LineString": 0, "MultiLineString": 1, "Polygon": 1, "MultiPolygon": 2}
    lines: list[list[Point]] = [coordinates]  # type: ignore[list-item]
    for _ in range(depth[str(geometry["type"])]):
        lines = [part for line in lines for part in line]  # type: ignore[misc]
    return lines


def _runs(line: list[Point], bounds: Box) -> list[list[Point]]:
    """The stretches of a line inside the box."""
    runs: list[list[Point]] = []
    for here, there in pairwise(line):
        kept = _clip(here, there, bounds)
        if kept is None:
            continue
        start, end = kept
        if start == end:
            continue  # it touches the edge
        if runs and runs[-1][-1] == start:
            runs[-1].append(end)
        else:
            runs.append([start, end])
    return runs


def _clip(here: Point, there: Point, bounds: Box) -> tuple[Point, Point] | None:
    """The part of a segment inside the box, or None.

    Source: Liang and Barsky 1984, ACM Transactions on Graphics 3, 1-22,
    https://doi.org/10.1145/357332.357333.
    """
    first, last = 0.0, 1.0
    steps = there[0] - here[0], there[1] - here[1]
    for axis in (0, 1):
        for way, edge in ((-1, bounds[axis]), (1, bounds[axis + 2])):
            along, room = way * steps[axis], way * (edge - here[axis])
            if along == 0 and room < 0:
                return None  # beside the box, and parallel to it
            if along < 0:
                first = max(first, room / along)
            elif along > 0:
                last = min(last, room / along)
    if first >= last:
        return None
    return _at(here, steps, first), _at(here, steps, last)


def _at(here: Point, steps: tuple[float, float], share: float) -> Point:
    if share == 0:
        return here
    return [round(here[0] + share * steps[0], 5), round(here[1] + share * steps[1], 5)]
