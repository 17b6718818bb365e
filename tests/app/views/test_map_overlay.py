"""The map that stations make by themselves, over another map: roles, fading, days."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from study_world import opened, the_map

from app.jobs.study_runs import Withheld
from app.maps.layers import ROLES, Day, Stations
from app.style import palette
from app.views import map_overlay
from app.views.map_overlay import Overlay
from engine.inference.request import Request

USED, WITHHELD, REANALYSED = range(3)


def shown(**changes):
    """Four stations: used, kept out, silent and told, silent and beyond the map."""
    values = {
        "observed": [50.0, 60.0, np.nan, np.nan],
        "analysed": [50.0, 70.0, 80.0, np.nan],
        "used": [True, False, True, True],
    } | changes
    return xr.Dataset(
        {name: ("station", np.array(v)) for name, v in values.items()},
        coords={"station": ["a", "b", "c", "d"]},
    )


def of(day, **changes):
    requested = Withheld(Request("tiny-stations", day, "all", "idw"), 0.2)
    return Overlay(requested, shown(**changes), map_overlay.fading(50), stale=False)


def measured(days):
    table = pd.DataFrame({"id": ["a", "b", "c", "d"], "role": "used"})
    return Stations(table, np.full((days, 4), 10.0), palette.concentration("day"))


def test_a_silent_station_shows_what_the_map_tells_and_no_other_does():
    value, role = map_overlay.predicted_at(shown())
    assert value[:3].tolist() == [50, 60, 80]
    assert np.isnan(value[3])
    assert role.tolist() == [USED, WITHHELD, REANALYSED, USED]
    counted = map_overlay.counts(shown())
    assert counted == {"used": 1, "withheld": 1, "reanalysed": 1, "silent": 1}


def test_roles_hold_on_the_day_of_the_overlay_alone():
    days = [Day(f"2015-01-0{n}", "", {}) for n in (1, 2, 3)]
    found = map_overlay.stations(of(dt.date(2015, 1, 2)), days, measured(3))
    assert found.role(1) == ["used", "withheld", "reanalysed", "used"]
    assert found.role(0) == found.role(2) == ["used"] * 4
    assert found.values[1, :3].tolist() == [50, 60, 80]
    assert (found.values[[0, 2]] == 10).all()
    assert found.kinds() == ["used", "withheld", "reanalysed"]
    assert measured(3).kinds() == ["used"]
    other = measured(3)
    assert map_overlay.stations(of(dt.date(2015, 2, 2)), days, other) is other


def test_a_map_fades_evenly_between_two_distances():
    fade = map_overlay.fading(50)
    opacity = fade.opacity(np.array([0.0, 50.0, 100.0, 150.0, 1000.0]))
    assert opacity[:2].tolist() == [1, 1]
    assert opacity[2] == pytest.approx((1 + opacity[3]) / 2)
    assert 0.05 < opacity[3] == opacity[4] < 0.3
    assert map_overlay.fading(0) is None
    assert ROLES == ("used", "withheld", "reanalysed")


@pytest.mark.usefixtures("app_home")
class TestOnTheMap:
    def test_a_map_from_stations_fades_by_itself(self):
        wire = the_map(opened("map", dataset="tiny-stations", model="idw", reach="25"))
        layers = {layer["id"]: layer for layer in wire["layers"]}
        assert list(layers) == ["fine", "distance"]
        assert layers["fine"]["fade"]["start"] == 25
        assert "reanalysed" in wire["stations"]["kinds"]
