"""What a map shows, as plain frozen values, and the pydeck specification that draws it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Literal, get_args

import numpy as np
import pandas as pd
import pydeck as pdk
from numpy.typing import NDArray

from app.maps.assets import asset
from app.maps.outlines import within
from app.maps.store import asset_url, offer_json, publish, publish_json
from app.style.palette import Scale, wire
from engine.core.grid import Grid

Mode = Literal["three", "two", "swipe", "blink", "single"]
MODES: tuple[Mode, ...] = get_args(Mode)
ROLES = ("used", "withheld", "reanalysed")  # their positions are sent to the browser
PANES = ("p0", "p1", "p2")
OUTLINES = ("coast", "provinces", "lakes")
NEAREST_ZOOM, FARTHEST_ZOOM = 13.0, 2.0
PALEST = 0.12  # opacity of what is far from every station: it stays to be seen that there is a map


@dataclass(frozen=True)
class Fade:
    """How a layer pales with a distance that another layer of the same grid holds.

    Attributes:
        layer: Name of that layer, km.
        start: Up to here nothing pales, km.
        end: From here on it is as pale as it gets, km; between the two evenly paler.
    """

    layer: str
    start: float
    end: float

    def opacity(self, distance: NDArray[np.floating]) -> NDArray[np.float64]:
        """Share of a cell's colour that is drawn at a distance; the browser does the same."""
        share = np.clip((self.end - distance) / (self.end - self.start), 0, 1)
        opacity: NDArray[np.float64] = PALEST + (1 - PALEST) * np.nan_to_num(share)
        return opacity


@dataclass(frozen=True)
class RasterLayer:
    """One variable that can be looked at.

    Attributes:
        name: Identifier, for example "fine"; letters, digits, "-" and "_".
        title: As people read it, for example "Fine map, 1 km".
        short: Title for the read-out, where space is scarce.
        grid: Where its cells lie; the picture is pinned to `grid.bounds`.
        scale: Its colours.
        fade: How it pales, or None.
    """

    name: str
    title: str
    grid: Grid
    scale: Scale
    short: str = ""
    fade: Fade | None = None

    def __post_init__(self) -> None:
        if not self.name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"{self.name!r} is not a plain name")


@dataclass(frozen=True)
class Day:
    """One step of time.

    Attributes:
        key: Short and stable, for the URL: "2015-01-10".
        label: As people read it.
        rasters: Layer name → address that `publish` or `offer` gave. A layer may be missing.
    """

    key: str
    label: str
    rasters: Mapping[str, str]


@dataclass(frozen=True, eq=False)  # tables have no equality worth the name
class Stations:
    """Places that do not move.

    Attributes:
        table: Columns `id`, `name`, `latitude`, `longitude`, `role` (one of `ROLES`).
        values: (days, stations), in the unit of the scale; NaN is an invalid day.
        scale: Colours: take the one of the concentration map.
        roles: (days, stations), positions in `ROLES`, where roles differ from day to day; None:
            those of the table.
        upon: Layer name → values (days, stations) that the stations show on that layer instead,
            in the colours of the layer; NaN is unknown.
    """

    table: pd.DataFrame
    values: NDArray[np.floating]
    scale: Scale
    roles: NDArray[np.integer] | None = None
    upon: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)

    def kinds(self) -> list[str]:
        """The roles that any station has on any day, in the order of `ROLES`."""
        if self.roles is None:
            there = set(self.table["role"])
        else:
            there = {ROLES[i] for i in np.unique(self.roles)}
        return [role for role in ROLES if role in there]

    def role(self, day: int) -> list[str]:
        """The role of each station on a day."""
        if self.roles is None:
            return [str(role) for role in self.table["role"]]
        return [ROLES[int(role)] for role in self.roles[day]]


@dataclass(frozen=True)
class Tracks:
    """Samples of mobile sensors.

    Attributes:
        table: Columns `id` (of the sensor), `day` (key of the day), `latitude`, `longitude`,
            `value` (NaN is invalid) and `role`; in order of time.
        scale: Colours.
    """

    table: pd.DataFrame
    scale: Scale

    def kinds(self) -> list[str]:
        """The roles that any sample has, in the order of `ROLES`."""
        there = set(self.table["role"])
        return [role for role in ROLES if role in there]


@dataclass(frozen=True)
class View:
    """All that a map, its Leaflet stand-in and its snapshot are drawn from.

    Attributes:
        days: Steps of time, at least one.
        layers: What can be looked at, in the order of the panes.
        day: Key of the day to begin with.
        mode: How to begin.
        show: Layers of the panes to begin with.
        labels: Texts, by the keys of `labels.LABELS`.
        language: "en" or "zh": which names of cities.
        title: Printed on exported pictures.
        credit: Data, model and licence, printed on exported pictures.
        synthetic: Whether the data are made up: the map then says DEMO wherever it goes.
        stations: Fixed places, or None.
        tracks: Moving ones, or None.
        outlines: Which of `OUTLINES` to draw.
    """

    days: tuple[Day, ...]
    layers: tuple[RasterLayer, ...]
    day: str
    mode: Mode
    show: tuple[str, ...]
    labels: Mapping[str, str]
    language: str = "en"
    title: str = ""
    credit: str = ""
    synthetic: bool = False
    stations: Stations | None = None
    tracks: Tracks | None = None
    outlines: tuple[str, ...] = OUTLINES

    def __post_init__(self) -> None:
        if not self.days or not self.layers:
            raise ValueError("a map needs a day and a layer")
        names = [layer.name for layer in self.layers]
        if len(set(names)) < len(names):
            raise ValueError(f"layers {names} are not all different")
        if unknown := set(self.show) - set(names):
            raise ValueError(f"panes show {sorted(unknown)}, which are no layers")
        if unknown := {layer.fade.layer for layer in self.layers if layer.fade} - set(names):
            raise ValueError(f"layers pale with {sorted(unknown)}, which are no layers")
        if self.mode not in MODES:
            raise ValueError(f"mode {self.mode!r} is none of {MODES}")

    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of all layers together."""
        boxes = [layer.grid.bounds for layer in self.layers]
        return (
            min(b.west for b in boxes),
            min(b.south for b in boxes),
            max(b.east for b in boxes),
            max(b.north for b in boxes),
        )


def box(layer: RasterLayer) -> tuple[float, float, float, float]:
    """West, south, east, north edges of a layer's outermost cells."""
    b = layer.grid.bounds
    return b.west, b.south, b.east, b.north


def to_wire(view: View) -> dict[str, object]:
    """The view as the browser wants it. Rasters and tables travel as addresses."""
    return {
        "days": [{"key": d.key, "label": d.label, "urls": dict(d.rasters)} for d in view.days],
        "layers": [
            {
                "id": layer.name,
                "title": layer.title,
                "short": layer.short or layer.title,
                "rows": layer.grid.rows,
                "columns": layer.grid.columns,
                "bounds": box(layer),
                "scale": layer.scale.name,
                "fade": _fade(layer.fade),
            }
            for layer in view.layers
        ],
        "scales": {scale.name: wire(scale) for scale in _scales(view)},
        "spec": deck_spec(
            tuple((layer.name, box(layer)) for layer in view.layers), _outlines(view)
        ),
        "bounds": view.bounds(),
        "day": view.day,
        "mode": view.mode,
        "show": list(view.show),
        "labels": dict(view.labels),
        "language": view.language,
        "title": view.title,
        "credit": view.credit,
        "synthetic": view.synthetic,
        "stations": _stations(view.stations),
        "tracks": _tracks(view.tracks),
        "deck": asset_url("deck.js"),
        "cities": asset_url("cities.json"),
    }


@lru_cache(maxsize=64)
def deck_spec(
    rasters: tuple[tuple[str, tuple[float, float, float, float]], ...],
    outlines: tuple[tuple[str, str], ...] = (),
) -> str:
    """The deck.gl specification, written by pydeck.

    Layer ids say what the browser does with them: `raster:NAME` gets the picture of a day and
    shows in the panes that chose it; `lines:…` show in every pane.

    Args:
        rasters: Name and west, south, east, north of each.
        outlines: Name and address of line files.
    """
    layers = [_raster(name, bounds) for name, bounds in rasters]
    layers += [_lines(name, url) for name, url in outlines]
    views = [pdk.View("MapView", id=pane, controller=False) for pane in PANES]
    # `map_provider=None` alone means: no base map. With `map_style=None` as well, Streamlit's
    # own chart would ask a tile server; ours would not, but a spec may be reused.
    deck = pdk.Deck(layers=layers, views=views, map_provider=None)
    return str(deck.to_json())


def _outlines(view: View) -> tuple[tuple[str, str], ...]:
    """Name and address of the outlines, cut to the map: each line is drawn in every frame."""
    found = []
    for name in view.outlines:
        whole = asset(f"{name}.geojson")
        if whole is not None:
            west, south, east, north = view.bounds()
            box = (round(west, 2), round(south, 2), round(east, 2), round(north, 2))
            make = partial(within, name, box)
            found.append((name, offer_json(f"{whole.digest}|{box}", make)))
    return tuple(found)


def _raster(name: str, bounds: tuple[float, float, float, float]) -> pdk.Layer:
    return pdk.Layer(
        "BitmapLayer",
        id=f"raster:{name}",
        bounds=list(bounds),
        # The picture's rows are even in latitude; without this they would be drawn as even in
        # Mercator, up to six kilometres off. A quoted string, or pydeck takes it for code.
        _imageCoordinateSystem="'lnglat'",
        pickable=False,
    )


def _lines(name: str, url: str) -> pdk.Layer:
    return pdk.Layer(
        "GeoJsonLayer",
        id=f"lines:{name}",
        data=url,
        filled=False,
        stroked=True,
        line_width_units="'pixels'",
        get_line_width=1.2 if name == "coast" else 0.8,
        pickable=False,
    )


def _scales(view: View) -> list[Scale]:
    scales = [layer.scale for layer in view.layers]
    scales += [points.scale for points in (view.stations, view.tracks) if points is not None]
    return scales


def _fade(fade: Fade | None) -> dict[str, object] | None:
    if fade is None:
        return None
    return {"layer": fade.layer, "start": fade.start, "end": fade.end, "palest": PALEST}


def _stations(stations: Stations | None) -> dict[str, object] | None:
    if stations is None:
        return None
    return {
        "url": publish_json(_columns(stations)),
        "values": publish(stations.values),
        "roles": None if stations.roles is None else publish(stations.roles.astype(float)),
        "upon": {name: publish(values) for name, values in stations.upon.items()},
        "kinds": stations.kinds(),
        "scale": stations.scale.name,
    }


@lru_cache(maxsize=32)  # pandas takes two milliseconds for it, at every rerun
def _columns(stations: Stations) -> dict[str, list[object]]:
    table = stations.table
    return {
        "id": table["id"].astype(str).tolist(),
        "name": table["name"].astype(str).tolist(),
        "lat": table["latitude"].round(5).tolist(),
        "lon": table["longitude"].round(5).tolist(),
        "role": [ROLES.index(role) for role in table["role"]],
    }


def _tracks(tracks: Tracks | None) -> dict[str, object] | None:
    if tracks is None:
        return None
    table = tracks.table
    values = table["value"].round(1).astype(object).where(table["value"].notna(), None)
    columns = {
        "id": table["id"].astype(str).tolist(),
        "day": table["day"].astype(str).tolist(),
        "lat": table["latitude"].round(5).tolist(),
        "lon": table["longitude"].round(5).tolist(),
        "value": values.tolist(),
        "role": [ROLES.index(role) for role in table["role"]],
    }
    return {
        "url": publish_json(columns),
        "kinds": tracks.kinds(),
        "scale": tracks.scale.name,
    }
