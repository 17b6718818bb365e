import datetime as dt

import numpy as np
import pytest
import xarray as xr

from app import i18n
from app.maps import frames, store
from app.style import palette
from app.views import map_layers

DATES = [dt.date(2015, 1, 1) + dt.timedelta(days=n) for n in range(300)]
HERE = DATES[130]


def result(day=HERE, **leave_out):
    """A value that says which layer and day it is."""
    latitude = 32.0 - 0.01 * np.arange(16)
    longitude = 118.0 + 0.01 * np.arange(24)
    day_of_year = float(day.timetuple().tm_yday)
    fine = ("latitude", "longitude")
    data = {
        "pm2p5": (fine, np.full((16, 24), day_of_year)),
        "target": (fine, np.full((16, 24), day_of_year + 1)),
        "error": (fine, np.full((16, 24), -1.0)),
        "coarse": (("coarse_latitude", "coarse_longitude"), np.full((2, 3), day_of_year + 2)),
    }
    data = {name: values for name, values in data.items() if name not in leave_out}
    coords = {
        "latitude": latitude,
        "longitude": longitude,
        "coarse_latitude": latitude.reshape(2, 8).mean(1),
        "coarse_longitude": longitude.reshape(3, 8).mean(1),
    }
    return xr.Dataset(data, coords=coords)


def value(url):
    return float(frames.unpack(store.read(url))[0, 0])


def days(make=result, here=HERE, passing=True):
    return map_layers.days(
        DATES,
        here,
        list(map_layers.rasters(result(here))),
        label=str,
        identity=lambda day: f"test-{day}",
        make=make,
        passing=passing,
    )


def test_the_layers_of_a_super_resolution_come_coarse_fine_error_first():
    scale = palette.concentration("day")
    found = map_layers.layers(result(), "day", i18n.words("en"), scale)
    assert [layer.name for layer in found] == ["coarse", "fine", "error", "target"]
    assert found[0].title == "Coarse, 8 km"
    assert found[1].title == "Fine, 1 km"
    assert found[0].scale is found[1].scale is scale
    assert found[2].scale.name == "bias-day"
    assert found[0].grid.shape == (2, 3)
    zh = map_layers.layers(result(), "day", i18n.words("zh"), scale)
    assert zh[1].title == "细网格，1 公里"


def test_a_map_from_stations_is_not_called_fine():
    found = map_layers.layers(
        result(coarse=1, target=1, error=1), "day", i18n.words("en"), palette.concentration("day")
    )
    assert [layer.title for layer in found] == ["Map from stations"]


def test_each_day_brings_its_own_values_in_its_own_layer():
    found = {day.key: day.rasters for day in days()}
    assert value(found[HERE.isoformat()]["fine"]) == 131.0
    assert value(found["2015-05-12"]["fine"]) == 132.0
    assert value(found["2015-05-12"]["target"]) == 133.0
    assert value(found["2015-05-12"]["coarse"]) == 134.0


def test_days_are_made_only_when_looked_at():
    made = []

    def make(day):
        made.append(day)
        return result(day)

    found = days(make, here=DATES[200])
    assert made == []
    value(found[1].rasters["fine"])
    assert made == [dt.date.fromisoformat(found[1].key)]


def test_a_slow_model_is_not_run_for_days_passed_by():
    found = days(passing=False)
    assert [day.key for day in found if day.rasters] == [HERE.isoformat()]


@pytest.mark.parametrize("at", [0, 119, 120, 299])
def test_the_window_holds_the_day_and_stays_while_stepping(at):
    shown = map_layers.window(DATES, DATES[at])
    assert DATES[at] in shown
    assert len(shown) <= map_layers.MOST_DAYS
    if DATES[at] != shown[-1]:
        assert map_layers.window(DATES, DATES[at + 1]) == shown


def test_a_short_record_is_offered_whole():
    assert map_layers.window(DATES[:60], DATES[59]) == DATES[:60]
