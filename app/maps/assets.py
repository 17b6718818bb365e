"""Files that come with AirLens or with a package, ready to be sent: outlines, places, libraries."""

import csv
import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from engine.core import paths

GEO = paths.ASSETS / "geo"
LEAFLET = paths.ASSETS / "vendor" / "leaflet"


@dataclass(frozen=True)
class Asset:
    """One file.

    Attributes:
        content: Its bytes.
        mime: What they are.
        digest: Names the content, so that a browser may keep it for ever.
    """

    content: bytes
    mime: str
    digest: str

    def packed(self) -> bytes:
        """Compressed, made once."""
        return _packed(self.digest, self)


def asset(name: str) -> Asset | None:
    """The file of that name, or None where we have none."""
    return _load(name) if name in _SOURCES else None


@lru_cache(maxsize=16)
def _load(name: str) -> Asset | None:
    source, mime = _SOURCES[name]
    content = source()
    if content is None:
        return None
    return Asset(content, mime, hashlib.sha256(content).hexdigest()[:16])


@lru_cache(maxsize=16)
def _packed(_digest: str, found: Asset) -> bytes:
    return gzip.compress(found.content, 6, mtime=0)


def _deck() -> bytes | None:
    """The deck.gl bundle that pydeck's wheel carries for Jupyter; no other copy is shipped."""
    bundle = files("pydeck") / "nbextension" / "static" / "index.js"
    return bundle.read_bytes() if bundle.is_file() else None


def _file(path: Path) -> Callable[[], bytes | None]:
    return lambda: path.read_bytes() if path.is_file() else None


def _cities() -> bytes | None:
    """The places as the browser wants them, most people first: [lon, lat, English, Chinese]."""
    path = GEO / "cities.csv"
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    rows.sort(key=lambda r: -int(float(r["population"] or 0)))
    places = [
        [round(float(r["lon"]), 4), round(float(r["lat"]), 4), r["name_en"], r["name_zh"]]
        for r in rows
    ]
    return json.dumps(places, ensure_ascii=False, separators=(",", ":")).encode()


_GEOJSON = "application/geo+json"
_SOURCES: dict[str, tuple[Callable[[], bytes | None], str]] = {
    "deck.js": (_deck, "text/javascript"),
    "coast.geojson": (_file(GEO / "coast.geojson"), _GEOJSON),
    "provinces.geojson": (_file(GEO / "provinces.geojson"), _GEOJSON),
    "lakes.geojson": (_file(GEO / "lakes.geojson"), _GEOJSON),
    "cities.json": (_cities, "application/json"),
    "leaflet.js": (_file(LEAFLET / "leaflet.js"), "text/javascript"),
    "leaflet.css": (_file(LEAFLET / "leaflet.css"), "text/css"),
}
