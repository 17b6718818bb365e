"""The numbers of a map, worked by hand."""

import math

import numpy as np
import pytest
import xarray as xr

from engine.inference.summary import Place, summarise

NAN = float("nan")
# Four cells around (31, 120), 0.5° apart; rows run north to south.
NANJING = Place("Nanjing", "南京", 31.25, 120.25, 9_000_000)
SUZHOU = Place("Suzhou", "苏州", 30.75, 120.75, 1_000_000)
FAR = Place("Beijing", "北京", 39.9, 116.4, 20_000_000)
SEA = Place("Adrift", "", 30.75, 120.25, 500)


def prediction(pm=((40.0, 60.0), (NAN, 80.0)), **extra):
    latitude, longitude = np.array([31.25, 30.75]), np.array([120.25, 120.75])
    dims = ("latitude", "longitude")
    data = {"pm2p5": (dims, np.array(pm))}
    data |= {name: (dims, np.array(values)) for name, values in extra.items()}
    return xr.Dataset(data, coords={"latitude": latitude, "longitude": longitude})


def test_the_mean_weighs_cells_by_area():
    result = summarise(prediction(), [], limit=None)
    north, south = math.cos(math.radians(31.25)), math.cos(math.radians(30.75))
    assert result.mean == pytest.approx((100 * north + 80 * south) / (2 * north + south))
    assert math.isnan(result.weighted)
    assert math.isnan(result.rmse)


def test_the_highest_cell_and_the_city_near_it():
    result = summarise(prediction(), [FAR, NANJING, SUZHOU], limit=None)
    assert (result.maximum, result.peak) == (80.0, (30.75, 120.75))
    assert result.near == SUZHOU
    assert summarise(prediction(), [FAR], limit=None).near is None


def test_cities_are_read_in_their_own_cell_worst_first():
    result = summarise(prediction(), [NANJING, SUZHOU, FAR, SEA], limit=60)
    assert [(row.place, row.value) for row in result.rows] == [(SUZHOU, 80.0), (NANJING, 40.0)]
    # 9 million at 40 and 1 million at 80.
    assert result.weighted == pytest.approx(44.0)


def test_a_city_at_the_limit_is_not_above_it():
    result = summarise(prediction(), [NANJING, SUZHOU], limit=80)
    assert result.above == ()
    result = summarise(prediction(), [NANJING, SUZHOU], limit=79.9)
    assert [row.place for row in result.above] == [SUZHOU]
    assert result.people_above == 1_000_000


def test_no_limit_no_city_above():
    result = summarise(prediction(), [SUZHOU], limit=None)
    assert result.above == ()


def test_errors_where_the_target_is_known():
    error = ((3.0, -4.0), (NAN, NAN))
    result = summarise(
        prediction(error=error, target=((37.0, 64.0), (NAN, NAN))), [NANJING], limit=1
    )
    assert result.rmse == pytest.approx(math.sqrt(25 / 2))
    assert result.bias == pytest.approx(-0.5)
    assert (result.rows[0].target, result.rows[0].error) == (37.0, 3.0)


def test_the_coarse_value_is_of_the_coarse_cell():
    data = prediction().assign(
        coarse=(("coarse_latitude", "coarse_longitude"), [[11.0, 12.0], [13.0, 14.0]])
    )
    # Coarse cells a degree wide: all of the fine map lies in the north-west one.
    data = data.assign_coords(coarse_latitude=[31.0, 30.0], coarse_longitude=[120.5, 121.5])
    result = summarise(data, [NANJING, SUZHOU], limit=None)
    assert [row.coarse for row in result.rows] == [11.0, 11.0]


def test_an_empty_map_has_no_numbers():
    assert summarise(prediction(((NAN, NAN), (NAN, NAN))), [NANJING], limit=60) is None
