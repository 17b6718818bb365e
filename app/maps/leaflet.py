"""The map without WebGL: a Leaflet page with the same colours, legend and symbols.

One document serves two ends. In the stage of a map whose browser cannot draw WebGL it stands in
for the drawing; as a file of its own (`app.maps.snapshot`) it opens offline, anywhere, with its
values. Everything is inside: no server is used, and no CDN.

Nothing here is a template. The page is constant but for its title, escaped as HTML, and one block
of JSON (`app.style.safe_text.script_json`), from which `frontend/standin.js` builds the rest with
`textContent`: a name that looks like code, markup or a template stays a name (decision 0043).
"""

import base64
import gzip
import html

import numpy as np
import pandas as pd
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from app.maps import frames
from app.maps.assets import asset
from app.maps.bundle import STAND_IN, script
from app.maps.layers import RasterLayer, View, box, to_wire
from app.maps.outlines import within
from app.maps.store import read
from app.maps.view_query import ViewQuery, recall, requested
from app.style.safe_text import script_json

# A saved page is opened from anybody's disk: it may run what is in it and ask for nothing.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)

BEGIN = "connect(JSON.parse(document.getElementById('view').textContent));"


def page(request: Request) -> Response:
    """The stand-in for a map, for an `<iframe>` of the same origin."""
    view = recall(request.path_params["view"])
    if view is None:
        return PlainTextResponse("This map is no longer kept. Reload the page.", 404)
    return HTMLResponse(document(view, requested(view, request.query_params), alone=False))


def document(view: View, ask: ViewQuery, *, alone: bool) -> str:
    """The HTML of a view.

    Args:
        view: What there is.
        ask: What of it is to be seen.
        alone: With title, legend, credit and the values to point at, for a file that is kept.
    """
    title = " · ".join(part for part in (view.title, view.days[ask.day].label) if part)
    content = script_json(_content(view, ask, title, alone=alone))
    return "\n".join(
        (
            '<!DOCTYPE html>\n<html><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{html.escape(title)}</title>",
            STYLE,
            _library(),
            "</head><body>",
            f'<script type="application/json" id="view">{content}</script>',
            f"<script>{script(STAND_IN)}\n{BEGIN}</script>",
            "</body></html>",
        )
    )


def _pane(view: View, layer: RasterLayer, ask: ViewQuery, *, alone: bool) -> dict[str, object]:
    """One map: its heading, and its picture pinned to the outer edges of the cells."""
    url = view.days[ask.day].rasters.get(layer.name)
    packed = read(url) if url else None
    picture = None
    if packed is not None:
        west, south, east, north = box(layer)
        picture = {
            "url": _picture(frames.unpack(packed), layer, ask, _opacity(view, layer, ask)),
            "bounds": [[south, west], [north, east]],
        }
    # In the stage of a map the badge is the map's own.
    badge = view.labels["demo"] if alone and view.synthetic else None
    return {"title": layer.title if alone else None, "badge": badge, "picture": picture}


def _outlines(view: View) -> list[dict[str, object]]:
    """Coast, lakes and province lines within the map, as GeoJSON with the width of their line."""
    found = ((name, within(name, view.bounds())) for name in view.outlines)
    return [
        {"lines": lines, "weight": 1.2 if name == "coast" else 0.8}
        for name, lines in found
        if lines
    ]


def _opacity(view: View, layer: RasterLayer, ask: ViewQuery) -> np.ndarray | None:
    """How much of each cell's colour is drawn; None: all of it."""
    url = view.days[ask.day].rasters.get(layer.fade.layer) if layer.fade else None
    packed = read(url) if url else None
    if layer.fade is None or packed is None:
        return None
    return layer.fade.opacity(frames.unpack(packed))


def _picture(
    values: np.ndarray, layer: RasterLayer, ask: ViewQuery, opacity: np.ndarray | None
) -> str:
    """The values as a PNG in a data URL, rows at even steps of Mercator."""
    _, south, _, north = box(layer)
    rows = frames.mercator_rows(values, south=south, north=north)
    if opacity is not None:
        opacity = frames.mercator_rows(opacity, south=south, north=north)
    png = frames.picture(rows, layer.scale, steps=ask.steps, opacity=opacity)
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _content(view: View, ask: ViewQuery, title: str, *, alone: bool) -> dict[str, object]:
    """What the script needs."""
    chosen = [next(la for la in view.layers if la.name == name) for name in ask.show]
    wire = to_wire(view)
    entries = {entry["id"]: entry for entry in wire["layers"]}  # type: ignore[attr-defined]
    layers = []
    for layer in chosen:
        url = view.days[ask.day].rasters.get(layer.name)
        packed = read(url) if alone and url else None
        text = base64.b64encode(packed).decode() if packed else None
        layers.append({**entries[layer.name], "packed": text})
    places = (view.stations, view.tracks)
    return {
        "title": title,
        "credit": view.credit,
        "dark": ask.dark,
        "panes": [_pane(view, layer, ask, alone=alone) for layer in chosen],
        "outlines": _outlines(view),
        "camera": ask.camera,
        "layers": layers,
        "scales": wire["scales"],
        "labels": wire["labels"],
        "points": _points(view, ask.day),
        "signs": {
            "points": any(places),
            "kinds": [kind for place in places if place for kind in place.kinds()],
            "fade": next((entries[la.name]["fade"] for la in chosen if la.fade), None),
        },
        "bounds": view.bounds(),
        "day": view.days[ask.day].key,
        "steps": ask.steps,
        "alone": alone,
    }


def _points(view: View, day: int) -> list[dict[str, object]]:
    """Stations and samples of a day, in one list."""
    points = []
    if view.stations is not None:
        table = view.stations.table.assign(
            value=view.stations.values[day], role=view.stations.role(day)
        )
        records = _records(table, view.stations.scale.name)
        for number, record in enumerate(records):
            record["upon"] = {
                name: _plain(values[day][number]) for name, values in view.stations.upon.items()
            }
        points += records
    if view.tracks is not None:
        table = view.tracks.table
        table = table[table["day"] == view.days[day].key]
        points += _records(table.assign(name=table["id"]), view.tracks.scale.name)
    return points


def _plain(value: float) -> float | None:
    """A number for JSON, which knows no NaN."""
    return float(np.round(value, 1)) if np.isfinite(value) else None


def _records(table: pd.DataFrame, scale: str) -> list[dict[str, object]]:
    values = table["value"].astype(float).round(1)
    return [
        {
            "name": str(name),
            "lat": float(lat),
            "lon": float(lon),
            "value": _plain(value),
            "role": role,
            "scale": scale,
        }
        for name, lat, lon, value, role in zip(
            table["name"],
            table["latitude"],
            table["longitude"],
            values,
            table["role"],
            strict=True,
        )
    ]


def _library() -> str:
    """Leaflet, inside the page."""
    parts = []
    for name, tag in (("leaflet.css", "style"), ("leaflet.js", "script")):
        found = asset(name)
        if found is None:
            raise FileNotFoundError(f"assets/vendor/leaflet/{name} is part of AirLens")
        parts.append(f"<{tag}>{gzip.decompress(found.packed()).decode()}</{tag}>")
    return "\n".join(parts)


STYLE = """<style>
html, body { height: 100%; margin: 0; }
body { display: flex; flex-direction: column; color: #16232a;
  font: 14px/1.4 system-ui, sans-serif; }
h1 { font-size: 18px; margin: 12px 16px 4px; }
h2 { font-size: 14px; margin: 4px 0; }
main { flex: 1; display: grid; gap: 2px; min-height: 0; }
main.alone { margin: 0 16px; gap: 12px; }
section { display: flex; flex-direction: column; min-height: 0; position: relative; }
section > strong { position: absolute; z-index: 1000; top: 38px; right: 10px; padding: 3px 9px;
  background: #ffc905; border: 1.5px solid #16232a; border-radius: 3px; }
main .map { flex: 1; position: relative; min-height: 0;
  background: #eef2f4; cursor: crosshair; }
main .pixelated { image-rendering: pixelated; }
main.dark .map { background: #1b262b; }
.inside .legend { display: none; }
.legend { padding: 8px 0; height: 52px; }
.symbols span { margin-right: 18px; }
.symbols svg { vertical-align: -3px; margin-right: 6px; }
.reading, .symbols { margin: 4px 16px; }
.reading { min-height: 1.4em; font-variant-numeric: tabular-nums; }
footer { margin: 0 16px 12px; font-size: 12px; color: #4a545c; }
</style>"""
