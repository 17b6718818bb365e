"""Makes `assets/geo` from Natural Earth and GeoNames.

`python -m engine.research.demo.geography_extract FOLDER`. The folder it is given holds the 10 m
coastline, lakes and admin-1 lines of Natural Earth as shapefiles and the table
`cities_cn_ge5000.csv` (GeoNames, cities of China with 5 000 inhabitants or more). Lines are clipped
to East Asia and thinned to about 1 km; no line of a national border is among them.
"""

import json
import sys
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from engine.core.errors import DataError
from engine.core.paths import ASSETS

BOX = shapely.box(70.0, 15.0, 141.0, 55.0)
# Inland China, drawn by hand well inside its borders: the shapefile comes without its table, so a
# place decides which lines between provinces are kept. No national border runs through it.
INLAND = shapely.Polygon(
    [
        (117.9, 23.4), (120.3, 25.8), (123.0, 28.0), (123.0, 39.8), (124.0, 40.9), (126.5, 42.3),
        (128.3, 42.9), (130.0, 43.8), (130.0, 46.0), (127.5, 48.5), (123.5, 51.0), (120.5, 50.0),
        (119.8, 47.3), (117.0, 45.5), (112.0, 42.7), (108.0, 41.6), (104.5, 41.0), (100.0, 41.5),
        (97.0, 42.0), (94.0, 42.6), (90.0, 41.0), (82.0, 36.2), (82.0, 34.5), (89.0, 30.5),
        (95.0, 30.0), (98.9, 28.3), (99.3, 26.0), (101.5, 23.8), (104.3, 23.8), (106.3, 23.6),
        (108.2, 22.3), (109.5, 20.8), (111.0, 21.0), (113.0, 22.4), (115.0, 23.0),
    ]
)  # fmt: skip
TOLERANCE = 0.008  # degrees, under one cell of a 0.01° map
DECIMALS = 4
SHORTEST = 0.02  # degrees; islets and ponds with a shorter outline are left out

_ABSENT = {"Changshu": "常熟"}  # cities of the demo world that GeoNames has no Chinese name for

_ATTRIBUTION = """# Where these files come from

Made by `make geography SRC=DIR` (`python -m engine.research.demo.geography_extract DIR`).

`coast.geojson`, `lakes.geojson`
:   Natural Earth 10 m coastline and lakes, naturalearthdata.com, public domain. Clipped to
    70–141° E 15–55° N, thinned to 0.008°, four decimals; lakes as outlines.

`provinces.geojson`
:   Natural Earth 10 m admin-1 lines, the lines *inside* countries, public domain. Clipped to
    inland China, thinned as above. No national border is among them.

`cities.csv`
:   GeoNames, cities of China with 5 000 inhabitants or more, geonames.org, CC BY 4.0.
    Columns chosen; `name_zh` picked from the alternate names.

`misplaced_cities.csv`
:   Cities that the table of daily means of CRAN SpTe2M puts at a namesake's place, with the right
    place (GeoNames, CC BY 4.0) and the evidence. Made by hand.

The lines are for orientation. They are not an official map and say nothing about borders.
"""


def extract(source: Path, target: Path) -> list[Path]:
    """Writes the four files and their attribution; returns their paths.

    Raises:
        DataError: If a source file is missing.
    """
    target.mkdir(parents=True, exist_ok=True)
    table = cities(source)
    lines = {
        "coast": _read(source, "ne_10m_coastline").geometry.clip(BOX),
        "lakes": _read(source, "ne_10m_lakes").geometry.clip(BOX).boundary,
        "provinces": _read(source, "ne_10m_admin_1_states_provinces_lines").geometry.clip(INLAND),
    }
    written = [_write(target / f"{name}.geojson", _thin(found)) for name, found in lines.items()]
    path = target / "cities.csv"
    table.to_csv(path, index=False, float_format="%.4f")
    note = target / "ATTRIBUTION.md"
    note.write_text(_ATTRIBUTION, encoding="utf-8")
    return [*written, path, note]


def cities(source: Path) -> pd.DataFrame:
    """Cities by population: name_en, name_zh, lat, lon, population."""
    path = source / "cities_cn_ge5000.csv"
    if not path.is_file():
        raise DataError("the table of cities is missing", where=str(path))
    raw = pd.read_csv(path)
    names = [
        chinese_name(str(name), str(other))
        for name, other in zip(raw["name"], raw["alternatenames"].fillna(""), strict=True)
    ]
    table = pd.DataFrame(
        {
            "name_en": raw["name"],
            "name_zh": names,
            "lat": raw["latitude"],
            "lon": raw["longitude"],
            "population": raw["population"],
        }
    )
    # GeoNames gives this town in Zhejiang the inhabitants of the city of Puyang in Henan.
    table = table[(table["name_en"] != "Puyang") | (table["lat"] > 33)]
    return table.sort_values(["population", "name_en"], ascending=[False, True]).reset_index(
        drop=True
    )


def chinese_name(english: str, alternate: str) -> str:
    """The Chinese name among GeoNames' alternate names, or an empty string.

    A name that is there both plain and with 市 or 县 is the one in use today.
    """
    han = [part for part in alternate.split("|") if part and _simplified(part)]
    if english in _ABSENT:
        return _ABSENT[english]
    for suffix in ("市", "县", "区", "镇"):
        for name in han:
            if name + suffix in han:
                return name
    # Where the plain name is missing, the full one without its rank.
    for name in han:
        if len(name) > 2 and name[-1] in "市县":
            return name[:-1]
    return han[0] if han else ""


def _simplified(name: str) -> bool:
    """Whether a name is of simplified Han characters alone; GB 2312 holds no traditional ones."""
    if not all("一" <= c <= "鿿" for c in name):
        return False
    try:
        name.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True


def _read(source: Path, stem: str) -> gpd.GeoDataFrame:
    path = source / f"{stem}.shp"
    if not path.is_file():
        raise DataError("the shapefile is missing", where=str(path))
    return gpd.read_file(path).set_crs(4326, allow_override=True)


def _thin(lines: gpd.GeoSeries) -> list[list[list[float]]]:
    """Merged, thinned and rounded coordinates of all lines, long ones first."""
    merged: BaseGeometry = shapely.line_merge(shapely.union_all(lines.explode().values))
    parts = shapely.get_parts(shapely.simplify(merged, TOLERANCE))
    kept = sorted((p for p in parts if p.length >= SHORTEST), key=lambda p: (-p.length, p.bounds))
    result = []
    for part in kept:
        points = [[round(float(x), DECIMALS), round(float(y), DECIMALS)] for x, y in part.coords]
        points = [points[0], *(b for a, b in pairwise(points) if a != b)]
        if len(points) > 1:
            result.append(points)
    return result


def _write(path: Path, lines: list[list[list[float]]]) -> Path:
    """One GeoJSON feature of many lines, a line of text for each."""
    rows = ",\n".join(json.dumps(line, separators=(",", ":")) for line in lines)
    head = '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},'
    text = f'{head}"geometry":{{"type":"MultiLineString","coordinates":[\n{rows}\n]}}}}]}}\n'
    path.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    for made in extract(Path(sys.argv[1]), ASSETS / "geo"):
        sys.stdout.write(f"{made} {made.stat().st_size} bytes\n")
