"""The map without WebGL: Leaflet, written by folium, with the same colours, legend and symbols.

One document serves two ends. In the stage of a map whose browser cannot draw WebGL it stands in
for the drawing; as a file of its own (`app.maps.snapshot`) it opens offline, anywhere, with its
values. Everything is inside: no server is asked, and no CDN.
"""

import base64
import gzip
import html
import json
import re

import folium
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
from app.maps.view_query import Asked, asked, recall

LINE = "#4a545c"


def page(request: Request) -> Response:
    """The stand-in for a map, for an `<iframe>` of the same origin."""
    view = recall(request.path_params["view"])
    if view is None:
        return PlainTextResponse("This map is no longer kept. Reload the page.", 404)
    return HTMLResponse(document(view, asked(view, request.query_params), alone=False))


def document(view: View, ask: Asked, *, alone: bool) -> str:
    """The HTML of a view.

    Args:
        view: What there is.
        ask: What of it is to be seen.
        alone: With title, legend, credit and the values to point at, for a file that is kept.
    """
    chosen = [next(la for la in view.layers if la.name == name) for name in ask.show]
    figure = folium.Figure()
    for text in (_style(), _library()):
        figure.header.add_child(folium.Element(text))
    figure.html.add_child(folium.Element(_head(view, ask, alone=alone)))
    maps: list[str] = []
    for layer in chosen:
        drawn = _map(view, layer, ask, zoom_control=alone and not maps)
        # What folium would fetch from a CDN is in the header already.
        drawn.default_js, drawn.default_css = [], []
        figure.html.add_child(folium.Element(f"<section>{_pane_head(view, layer, alone=alone)}"))
        figure.add_child(drawn)
        figure.html.add_child(drawn)
        figure.html.add_child(folium.Element('<div class="legend"></div></section>'))
        maps.append(drawn.get_name())
    figure.html.add_child(folium.Element(_foot(view, alone=alone)))
    content = _content(view, ask, chosen, maps, alone=alone)
    # folium writes the maps after this; they are there when the page has loaded.
    begin = f"addEventListener('load', () => connect({content}));"
    figure.script.add_child(folium.Element(f"{script(STAND_IN)}\n{begin}"))
    text = str(figure.render())
    # Folium forbids zooming the page, which those who see little need.
    return re.sub(r",\s*maximum-scale=1.0, user-scalable=no", "", text)


def _map(view: View, layer: RasterLayer, ask: Asked, *, zoom_control: bool) -> folium.Map:
    west, south, east, north = view.bounds()
    drawn = folium.Map(
        location=[(south + north) / 2, (west + east) / 2],
        tiles=None,
        prefer_canvas=True,
        zoom_control=zoom_control,
        zoom_snap=0,
        attribution_control=False,
    )
    url = view.days[ask.day].rasters.get(layer.name)
    packed = read(url) if url else None
    if packed is not None:
        opacity = _opacity(view, layer, ask)
        drawn.add_child(_overlay(frames.unpack(packed), layer, ask, opacity))
    for name in view.outlines:
        lines = within(name, view.bounds())
        if lines:
            style = {"color": LINE, "weight": 1.2 if name == "coast" else 0.8, "fill": False}
            drawn.add_child(
                folium.GeoJson(lines, style_function=lambda _, style=style: style, smooth_factor=1)
            )
    if ask.camera is not None:  # else the script fits the box to the window
        lon, lat, zoom = ask.camera
        drawn.location = [lat, lon]
        drawn.options["zoom"] = zoom + 1  # Leaflet's world has 256 pixels at zoom 0, ours 512
    return drawn


def _opacity(view: View, layer: RasterLayer, ask: Asked) -> np.ndarray | None:
    """How much of each cell's colour is drawn; None: all of it."""
    url = view.days[ask.day].rasters.get(layer.fade.layer) if layer.fade else None
    packed = read(url) if url else None
    if layer.fade is None or packed is None:
        return None
    return layer.fade.opacity(frames.unpack(packed))


def _overlay(
    values: np.ndarray, layer: RasterLayer, ask: Asked, opacity: np.ndarray | None
) -> folium.raster_layers.ImageOverlay:
    west, south, east, north = box(layer)
    rows = frames.mercator_rows(values, south=south, north=north)
    if opacity is not None:
        opacity = frames.mercator_rows(opacity, south=south, north=north)
    png = frames.picture(rows, layer.scale, steps=ask.steps, opacity=opacity)
    nothing = np.zeros((1, 1, 4), np.uint8)
    overlay = folium.raster_layers.ImageOverlay(
        nothing, bounds=[[south, west], [north, east]], pixelated=True
    )
    # Set afterwards: given as an argument, folium would take it for the path of a file.
    overlay.url = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return overlay


def _content(
    view: View, ask: Asked, chosen: list[RasterLayer], maps: list[str], *, alone: bool
) -> str:
    """What the script needs, as JSON that may stand in a script."""
    wire = to_wire(view)
    entries = {entry["id"]: entry for entry in wire["layers"]}  # type: ignore[attr-defined]
    layers = []
    for layer in chosen:
        url = view.days[ask.day].rasters.get(layer.name)
        packed = read(url) if alone and url else None
        text = base64.b64encode(packed).decode() if packed else None
        layers.append({**entries[layer.name], "packed": text})
    places = (view.stations, view.tracks)
    content = {
        "maps": maps,
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
        "whole": ask.camera is None,
        "day": view.days[ask.day].key,
        "steps": ask.steps,
        "alone": alone,
    }
    return json.dumps(content, ensure_ascii=False).replace("</", "<\\/")


def _points(view: View, day: int) -> list[dict[str, object]]:
    """Stations and samples of a day, in one list."""
    points = []
    if view.stations is not None:
        table = view.stations.table.assign(
            value=view.stations.values[day], role=view.stations.role(day)
        )
        points += _records(table, view.stations.scale.name)
    if view.tracks is not None:
        table = view.tracks.table
        table = table[table["day"] == view.days[day].key]
        points += _records(table.assign(name=table["id"]), view.tracks.scale.name)
    return points


def _records(table: pd.DataFrame, scale: str) -> list[dict[str, object]]:
    values = table["value"].astype(float).round(1)
    return [
        {
            "name": str(name),
            "lat": float(lat),
            "lon": float(lon),
            "value": float(value) if np.isfinite(value) else None,
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


def _head(view: View, ask: Asked, *, alone: bool) -> str:
    columns = f"grid-template-columns: repeat({len(ask.show)}, minmax(0, 1fr))"
    kind = "alone" if alone else "inside dark" if ask.dark else "inside"
    title = " · ".join(part for part in (view.title, view.days[ask.day].label) if part)
    heading = f"<h1>{html.escape(title)}</h1>" if alone else ""
    return f"<title>{html.escape(title)}</title>{heading}<main class='{kind}' style='{columns}'>"


def _pane_head(view: View, layer: RasterLayer, *, alone: bool) -> str:
    title = f"<h2>{html.escape(layer.title)}</h2>" if alone else ""
    # In the stage of a map the badge is the map's own.
    demo = alone and view.synthetic
    badge = f"<strong>{html.escape(view.labels['demo'])}</strong>" if demo else ""
    return title + badge


def _foot(view: View, *, alone: bool) -> str:
    if not alone:
        return "</main>"
    reading = html.escape(view.labels["point_here"])
    credit = html.escape(view.credit)
    return (
        f"</main><p class='symbols'></p><p class='reading'>{reading}</p><footer>{credit}</footer>"
    )


def _library() -> str:
    """Leaflet, inside the page."""
    parts = []
    for name, tag in (("leaflet.css", "style"), ("leaflet.js", "script")):
        found = asset(name)
        if found is None:
            raise FileNotFoundError(f"assets/vendor/leaflet/{name} is part of AirLens")
        parts.append(f"<{tag}>{gzip.decompress(found.packed()).decode()}</{tag}>")
    return "\n".join(parts)


def _style() -> str:
    return """<style>
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
main .folium-map { flex: 1; position: relative !important; height: auto !important;
  background: #eef2f4; cursor: crosshair; }
main.dark .folium-map { background: #1b262b; }
.inside .legend { display: none; }
.legend { padding: 8px 0; height: 52px; }
.symbols span { margin-right: 18px; }
.symbols svg { vertical-align: -3px; margin-right: 6px; }
.reading, .symbols { margin: 4px 16px; }
.reading { min-height: 1.4em; font-variant-numeric: tabular-nums; }
footer { margin: 0 16px 12px; font-size: 12px; color: #4a545c; }
</style>"""
