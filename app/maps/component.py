"""The map on a Streamlit page: one call, and back comes what was clicked.

The browser does the rest alone. Panning, zooming, pointing, swiping and playing back never call
the server; a click does, and so does coming to rest on another day, if the page asks for it.

Example::

    from app.maps.component import linked_maps
    from app.maps.layers import Day, RasterLayer
    from app.maps.store import publish

    layers = [
        RasterLayer("coarse", "Coarse, 8 km", grid.coarsen(8), palette.concentration("day")),
        RasterLayer("fine", "Fine, 1 km", grid, palette.concentration("day")),
        RasterLayer("error", "Error", grid, palette.bias("day")),
    ]
    days = [Day("2015-01-10", "10 January 2015", {"coarse": publish(coarse), ...})]
    state = linked_maps("map", days=days, layers=layers, synthetic=True)
    if state.click:
        show_series(state.click.latitude, state.click.longitude)

Put it inside `st.fragment`, so that a click reruns the fragment alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import streamlit as st

from app.maps.bundle import script
from app.maps.labels import LABELS
from app.maps.layers import OUTLINES, Day, Mode, RasterLayer, Stations, Tracks, View, to_wire
from app.maps.view_query import address as address_of
from app.maps.view_query import remember

FRONTEND = Path(__file__).parent / "frontend"


@dataclass(frozen=True)
class Camera:
    """Where the map looks: centre in degrees, zoom as web maps count it (512-pixel tiles)."""

    longitude: float
    latitude: float
    zoom: float


@dataclass(frozen=True)
class Click:
    """A place that was clicked, or inspected with Enter.

    Attributes:
        longitude: Degrees east.
        latitude: Degrees north.
        day: Key of the day on screen.
        values: Layer name → value of the cell, None for no data.
        station: `id` of the station that was clicked or is nearest, or None beyond 50 km.
        station_km: How far it is.
        count: Grows with every click, so that a second click at one place is news.
    """

    longitude: float
    latitude: float
    day: str
    values: Mapping[str, float | None]
    station: str | None
    station_km: float | None
    count: int


@dataclass(frozen=True)
class MapState:
    """What the map sends to the page.

    Attributes:
        click: The last click, or None.
        day: Key of the day on screen when the map last spoke.
        mode: How layers were laid out then.
        show: Layers of the panes then.
        camera: Where it looked then, or None before it has spoken.
    """

    click: Click | None
    day: str
    mode: str
    show: tuple[str, ...]
    camera: Camera | None


@dataclass(frozen=True)
class Fly:
    """A place to go to. A new `count` goes there, the same one does not go there again."""

    longitude: float
    latitude: float
    zoom: float
    count: int


def linked_maps(
    key: str,
    *,
    days: Sequence[Day],
    layers: Sequence[RasterLayer],
    day: str | None = None,
    mode: Mode = "three",
    show: Sequence[str] | None = None,
    stations: Stations | None = None,
    tracks: Tracks | None = None,
    outlines: Sequence[str] = OUTLINES,
    labels: Mapping[str, str] | None = None,
    language: str = "en",
    title: str = "",
    credit: str = "",
    synthetic: bool = False,
    stale: str = "",
    report_day: bool = False,
    steps: bool = False,
    fly: Fly | None = None,
    height: int | None = None,
    address: bool = True,
) -> MapState:
    """Draw linked maps and return what was clicked.

    Args:
        key: Of the Streamlit element; the camera survives reruns and page changes under it.
        days: Steps of time; the map has a slider if there are two or more.
        layers: What can be looked at.
        day: Key of the day to show; a new value moves the map to it. None takes the last.
        mode: How to begin: "three", "two", "swipe", "blink" or "single".
        show: Names of the layers to begin with, a pane each. None takes them in order.
        stations: Fixed places; circle = used, square = withheld, diamond =
            reanalysed, hollow = invalid.
        tracks: Moving ones.
        outlines: "coast", "provinces", "lakes".
        labels: Texts that replace the English ones of `labels.LABELS`.
        language: Which names of cities: "en" or "zh".
        title: Printed on exported pictures.
        credit: Data, model and licence; printed on exported pictures.
        synthetic: Whether the data are made up. The badge cannot be turned off by the reader.
        stale: A sentence if what is shown is not what is requested; the map is dimmed with it.
        report_day: Whether coming to rest on another day reruns the page.
        steps: Begin with the step legend of the scale, if it has breaks.
        fly: Where to go.
        height: Of the map in pixels; None adapts it to the window.
        address: Whether camera, mode, day and layers are kept in the page's URL. Only one map of
            a page can.

    Raises:
        ValueError: If there is no day or no layer, or a name is unknown.
    """
    names = [layer.name for layer in layers]
    view = View(
        tuple(days),
        tuple(layers),
        day if day is not None else (days[-1].key if days else ""),
        mode,
        tuple(show if show is not None else names),
        {**LABELS, **(labels or {})},
        language,
        title,
        credit,
        synthetic,
        stations,
        tracks,
        tuple(outlines),
    )
    data = to_wire(view)
    name = remember(view, data)
    data |= {
        "standin": address_of(name, "leaflet"),
        "snapshot": address_of(name, "snapshot"),
        "key": key,
        "stale": stale,
        "reportDay": report_day,
        "steps": steps,
        "fly": fly.__dict__ if fly else None,
        "height": height,
        "address": address,
    }
    result = _renderer()(
        key=key,
        data=data,
        default={"said": None},
        on_said_change=_nothing,
    )
    return _state(result.get("said"), view)


def _nothing() -> None:
    """A state of a component reaches Python only if somebody listens to it."""


def _state(said: object, view: View) -> MapState:
    """What the browser said, checked: it may have said it about other layers or days."""
    if not isinstance(said, dict):
        return MapState(None, view.day, view.mode, view.show, None)
    keys = {d.key for d in view.days}
    names = {layer.name for layer in view.layers}
    day = said.get("day")
    camera = said.get("camera")
    return MapState(
        _click(said.get("click")),
        day if day in keys else view.day,
        str(said.get("mode", view.mode)),
        tuple(n for n in said.get("show", ()) if n in names) or view.show,
        Camera(*(float(v) for v in camera)) if camera else None,
    )


def _click(click: object) -> Click | None:
    if not isinstance(click, dict):
        return None
    return Click(
        float(click["lon"]),
        float(click["lat"]),
        str(click["day"]),
        dict(click["values"]),
        click.get("station"),
        click.get("km"),
        int(click["count"]),
    )


@lru_cache(maxsize=1)
def _renderer() -> Callable[..., Mapping[str, object]]:
    return st.components.v2.component(
        "airlens.maps",
        html=(FRONTEND / "map.html").read_text(encoding="utf-8"),
        css=(FRONTEND / "map.css").read_text(encoding="utf-8"),
        js=script(),
    )
