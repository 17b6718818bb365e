import base64
import gzip
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from asgi import get
from PIL import Image

from app.maps import leaflet, outlines
from app.maps.assets import Asset, asset
from app.maps.labels import LABELS
from app.maps.layers import Day, Fade, RasterLayer, Stations, View, to_wire
from app.maps.snapshot import snapshot
from app.maps.store import publish
from app.maps.view_query import address, remember, requested
from app.style import palette
from engine.core.grid import Grid

ROOT = Path(__file__).resolve().parents[3]
GRID = Grid(north=33.95, west=117.05, step_lat=0.1, step_lon=0.1, rows=16, columns=24)
PM = palette.concentration("day")
BAD = "</script><script>alert(1)</script>"


@pytest.fixture
def view():
    values = np.linspace(0, 90, GRID.rows * GRID.columns).reshape(GRID.shape)
    table = pd.DataFrame(
        {"id": ["1"], "name": [BAD], "latitude": [33.0], "longitude": [118.0], "role": ["used"]}
    )
    return View(
        days=tuple(Day(k, f"day {k}", {"fine": publish(values)}) for k in ("a", "b")),
        layers=(
            RasterLayer("fine", "Fine", GRID, PM),
            RasterLayer("empty", "Nothing here", GRID, PM),
        ),
        day="a",
        mode="two",
        show=("fine", "empty"),
        labels=LABELS,
        title=f"Title {BAD}",
        credit="Source, CC BY 4.0",
        synthetic=True,
        stations=Stations(table, np.array([[42.0], [np.nan]]), PM),
    )


def test_a_snapshot_asks_no_server_for_anything(view):
    text = snapshot(view)
    assert not re.findall(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=", text)
    ours = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)  # comments name bugs of browsers
    library = gzip.decompress(asset("leaflet.js").packed()).decode()
    ours = ours.replace(re.sub(r"/\*.*?\*/", "", library, flags=re.DOTALL).strip(), "")
    assert set(re.findall(r"https?://[\w./-]+", ours)) == {"http://www.w3.org/2000/svg"}


def content(text):
    """The block of data in a page."""
    return json.loads(
        re.search(r'<script type="application/json" id="view">(.*?)</script>', text, re.DOTALL)[1]
    )


def test_a_snapshot_says_what_it_is(view):
    text = snapshot(view)
    for wanted in ("day a", "Source, CC BY 4.0", LABELS["demo"], "Fine", "Nothing here"):
        assert wanted in text


def test_no_name_becomes_code(view):
    text = snapshot(view)
    assert BAD not in text
    page = content(text)
    assert page["title"] == f"Title {BAD} · day a"
    assert page["points"][0]["name"] == BAD
    assert text.count("</script>") == 3  # Leaflet, the data, ours


def test_the_badge_of_a_stand_in_is_the_maps_own(view):
    text = leaflet.document(view, requested(view, {}), alone=False)
    assert [pane["badge"] for pane in content(text)["panes"]] == [None, None]
    kept = content(snapshot(view))["panes"]
    assert [pane["badge"] for pane in kept] == [LABELS["demo"]] * 2


def test_a_query_is_believed_only_where_it_makes_sense(view):
    ask = requested(view, {"view": "single", "on": "b", "show": "fine", "at": "118,33,7.5"})
    assert (ask.mode, ask.day, ask.show, ask.camera) == ("single", 1, ("fine",), (118, 33, 7.5))
    ask = requested(view, {"view": "x", "on": "z", "show": "gone", "at": "nan,1,2"})
    assert (ask.mode, ask.day, ask.show, ask.camera) == ("two", 1, ("fine", "empty"), None)


def test_the_raster_is_pinned_to_cell_edges(view):
    text = leaflet.document(view, requested(view, {}), alone=False)
    south_west, north_east = content(text)["panes"][0]["picture"]["bounds"]
    assert south_west == pytest.approx([32.4, 117.0])
    assert north_east == pytest.approx([34.0, 119.4])
    assert content(text)["panes"][1]["picture"] is None


def test_routes_find_a_remembered_view(view):
    name = remember(view, to_wire(view))
    assert get(address(name, "leaflet"), show="fine").status == 200
    saved = get(address(name, "snapshot"), show="fine", on="b")
    assert saved.headers["content-disposition"] == 'attachment; filename="airlens-fine-b.html"'
    gone = get(address("0" * 32, "snapshot"))
    assert (gone.status, gone.body) == (404, b"This map is no longer kept. Reload the page.")


def test_outlines_are_cut_to_the_map(monkeypatch):
    through = [[116.0, 33.0], [118.0, 33.0], [118.0, 35.0]]  # in by the west, out by the north
    corner = [[116.9, 33.95], [117.2, 34.25]]  # reaches both ranges, never at once
    across = [[116.0, 36.0], [121.0, 31.0]]  # both ends outside
    ring = [[10.0, 10.0], [11.0, 10.0], [10.0, 11.0], [10.0, 10.0]]
    features = [
        {"type": "Feature", "geometry": {"type": "LineString", "coordinates": through}},
        {"type": "Feature", "geometry": {"type": "LineString", "coordinates": corner}},
        {"type": "Feature", "geometry": {"type": "LineString", "coordinates": across}},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}},
    ]
    content = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    monkeypatch.setattr(outlines, "asset", lambda name: Asset(content, "", name))
    outlines.within.cache_clear()
    cut = outlines.within("coast", (117.0, 32.4, 119.4, 34.0))
    far = outlines.within("coast", (150.0, 50.0, 151.0, 51.0))
    outlines.within.cache_clear()
    lines = cut["features"][0]["geometry"]["coordinates"]
    assert lines == [
        [[117.0, 33.0], [118.0, 33.0], [118.0, 34.0]],
        [[118.0, 34.0], [119.4, 32.6]],
    ]
    assert far["features"] == []  # without lines a feature would be a damaged one


def test_without_webgl_a_map_fades_and_its_stations_have_their_roles(view):
    distance = np.tile(np.linspace(0, 200, GRID.columns), (GRID.rows, 1))
    faded = replace(
        view,
        days=(Day("a", "day a", view.days[0].rasters | {"distance": publish(distance)}),),
        layers=(
            replace(view.layers[0], fade=Fade("distance", 50, 150)),
            RasterLayer("distance", "Distance", GRID, PM),
        ),
        show=("fine", "distance"),
        stations=replace(view.stations, roles=np.array([[2]]), values=np.array([[42.0]])),
    )
    text = leaflet.document(faded, requested(faded, {}), alone=True)
    pictures = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(found))).convert("RGBA"))
        for found in re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", text)
    ]
    opacity = pictures[0][0, :, 3] / 255
    known = Fade("distance", 50, 150).opacity(distance[0])
    assert np.abs(opacity - known).max() < 0.01
    assert (pictures[1][..., 3] == 255).all()  # the distance itself does not fade
    plain = leaflet.document(view, requested(view, {}), alone=True)
    for wanted in ('"role": "reanalysed"', '"kinds": ["reanalysed"]', '"start": 50'):
        assert wanted in text
        assert wanted not in plain


def test_a_layer_fades_with_one_that_is_there(view):
    with pytest.raises(ValueError, match="no layers"):
        replace(view, layers=(replace(view.layers[0], fade=Fade("gone", 1, 2)),), show=("fine",))
