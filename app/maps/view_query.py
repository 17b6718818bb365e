"""What of a view somebody requests, and the views that can be requested.

The Leaflet stand-in and the saved page are made when they are wanted, from a view that a map has
shown before.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from app.maps.layers import MODES, View
from app.maps.store import base, digest

MOST_VIEWS = 256
# Panes a mode has here. Swiped layers stand side by side; of blinking ones the page shows one.
PANES = {"three": 3, "two": 2, "swipe": 2, "blink": 1, "single": 1}

_views: OrderedDict[str, View] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class ViewQuery:
    """What of a view is to be seen, read from a query; what makes no sense is left out.

    Attributes:
        camera: Longitude, latitude and zoom (512-pixel tiles), or None for the whole.
        mode: One of `MODES`.
        day: Index of the day.
        show: Names of the layers, a pane each.
        steps: Whether colours go by the classes of the step legend.
        dark: Whether the page around is dark.
    """

    camera: tuple[float, float, float] | None
    mode: str
    day: int
    show: tuple[str, ...]
    steps: bool
    dark: bool


def remember(view: View, wire: Mapping[str, object]) -> str:
    """Name under which `leaflet.page` and `snapshot.download` find a view again."""
    name = digest(json.dumps(wire, sort_keys=True).encode())
    with _lock:
        _views[name] = view
        _views.move_to_end(name)
        while len(_views) > MOST_VIEWS:
            _views.popitem(last=False)
    return name


def recall(name: str) -> View | None:
    """The view of that name, or None if it is no longer kept."""
    with _lock:
        return _views.get(name)


def address(name: str, ending: str) -> str:
    """Where the stand-in (`ending` "leaflet") or the saved page ("snapshot") of a view is."""
    return f"{base()}/{ending}/{name}"


def requested(view: View, query: Mapping[str, str]) -> ViewQuery:
    """What a query asks of a view."""
    mode = query.get("view", view.mode)
    mode = mode if mode in MODES else view.mode
    names = [layer.name for layer in view.layers]
    show = [n for n in query.get("show", "").split() if n in names] or list(view.show)
    keys = [day.key for day in view.days]
    day = query.get("on", view.day)
    return ViewQuery(
        _camera(query.get("at", "")),
        mode,
        keys.index(day) if day in keys else len(keys) - 1,
        tuple(show[: PANES[mode]]),
        bool(query.get("steps")),
        bool(query.get("dark")),
    )


def _camera(text: str) -> tuple[float, float, float] | None:
    try:
        lon, lat, zoom = (float(part) for part in text.split(","))
    except ValueError:
        return None
    sane = abs(lon) <= 180 and abs(lat) <= 85 and 0 <= zoom <= 20  # NaN fails it
    return (lon, lat, zoom) if sane else None
