import dataclasses
import gzip
import json

import numpy as np
import pandas as pd
import pytest

from app.maps import layers
from app.maps.component import Camera, _state
from app.maps.labels import LABELS
from app.maps.layers import Day, RasterLayer, Stations, Tracks, View
from app.maps.store import publish, read
from app.style import palette
from engine.core.grid import Grid

GRID = Grid(north=33.95, west=117.05, step_lat=0.1, step_lon=0.1, rows=16, columns=24)
PM = palette.concentration("day")


def view(**changes):
    url = publish(np.full(GRID.shape, 42.0))
    given = {
        "days": (Day("2015-01-10", "10 January 2015", {"fine": url}),),
        "layers": (RasterLayer("fine", "Fine", GRID, PM),),
        "day": "2015-01-10",
        "mode": "single",
        "show": ("fine",),
        "labels": LABELS,
    }
    return View(**(given | changes))


def test_the_specification_pins_pictures_to_cell_edges_in_degrees():
    spec = json.loads(layers.to_wire(view())["spec"])
    raster = spec["layers"][0]
    assert raster["@@type"] == "BitmapLayer"
    # Centres begin at 117.05 and 33.95, steps are 0.1: edges at 117 … 119.4 and 34 … 32.4.
    assert raster["bounds"] == pytest.approx([117.0, 32.4, 119.4, 34.0])
    # Without it rows would be taken for even in Mercator and drawn kilometres off.
    assert raster["_imageCoordinateSystem"] == "lnglat"


def test_vectors_travel_by_address_not_in_the_specification():
    spec = json.loads(layers.to_wire(view())["spec"])
    lines = [layer for layer in spec["layers"] if layer["id"].startswith("lines:")]
    assert [layer["id"] for layer in lines] == ["lines:coast", "lines:provinces", "lines:lakes"]
    for layer in lines:
        assert json.loads(gzip.decompress(read(layer["data"])))["type"] == "FeatureCollection"


def test_no_base_map_is_asked_for():
    spec = json.loads(layers.deck_spec((("fine", (117.0, 32.0, 119.0, 34.0)),)))
    assert spec.get("mapProvider") is None
    assert "http" not in json.dumps(spec)


def test_the_wire_is_small_and_plain_json():
    url = publish(np.full(GRID.shape, 42.0))
    days = tuple(Day(f"2015-{i:03}", str(i), {"fine": url}) for i in range(365))
    text = json.dumps(layers.to_wire(view(days=days, day="2015-000")))
    assert len(text) < 60_000  # a year; rasters are not in it


def test_layers_of_one_scale_share_one_legend():
    two = (RasterLayer("a", "A", GRID, PM), RasterLayer("b", "B", GRID.coarsen(8), PM))
    wire = layers.to_wire(view(layers=two, show=("a", "b")))
    assert list(wire["scales"]) == [PM.name]


def test_bounds_hold_all_layers():
    other = Grid(north=30.0, west=110.0, step_lat=0.5, step_lon=0.5, rows=4, columns=4)
    both = (RasterLayer("a", "A", GRID, PM), RasterLayer("b", "B", other, PM))
    bounds = view(layers=both, show=("a",)).bounds()
    assert bounds == pytest.approx((109.75, 28.25, 119.4, 34.0))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"days": ()}, "a day and a layer"),
        ({"layers": (RasterLayer("fine", "x", GRID, PM),) * 2}, "not all different"),
        ({"show": ("gone",)}, "no layers"),
        ({"mode": "sideways"}, "is none of"),
    ],
)
def test_a_view_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        view(**changes)


def test_a_layer_name_is_plain():
    with pytest.raises(ValueError, match="plain name"):
        RasterLayer("a:b", "x", GRID, PM)


def test_stations_travel_as_a_table_and_a_raster_of_days():
    table = pd.DataFrame(
        {
            "id": ["1001", "1002"],
            "name": ["南京", "合肥"],
            "latitude": [32.0, 31.9],
            "longitude": [118.8, 117.3],
            "role": ["used", "withheld"],
        }
    )
    values = np.array([[50.0, np.nan]])
    wire = layers.to_wire(view(stations=Stations(table, values, PM)))["stations"]
    assert read(wire["url"]) and read(wire["values"])


def test_a_track_sample_without_a_value_stays_valid_json():
    table = pd.DataFrame(
        {
            "id": ["bus"],
            "day": ["2015-01-10"],
            "latitude": [32.0],
            "longitude": [118.0],
            "value": [np.nan],
            "role": ["used"],
        }
    )
    wire = layers.to_wire(view(tracks=Tracks(table, PM)))["tracks"]
    assert json.loads(gzip.decompress(read(wire["url"])))["value"] == [None]


def test_what_the_browser_says_is_checked():
    here = view()
    state = _state(None, here)
    assert (state.click, state.day, state.camera) == (None, "2015-01-10", None)
    said = {
        "day": "1999-01-01",
        "mode": "swipe",
        "show": ["gone", "fine"],
        "camera": [118.0, 32.0, 7.5],
        "click": {
            "lon": 118.0,
            "lat": 32.0,
            "day": "2015-01-10",
            "values": {"fine": 42.0},
            "station": None,
            "km": None,
            "count": 3,
        },
    }
    state = _state(said, here)
    assert state.day == "2015-01-10"  # not the one we never offered
    assert state.show == ("fine",)
    assert state.camera == Camera(118.0, 32.0, 7.5)
    assert state.click.values == {"fine": 42.0}
    assert dataclasses.asdict(state.click)["station_km"] is None
