"""Units, squares and regions that are left out together."""

import numpy as np
import pytest

from engine.core.grid import distance_km
from engine.fusion import groups


def test_distances_are_great_circles():
    lat, lon = np.array([31.0, 31.01, -20.0]), np.array([118.0, 118.0, -60.0])
    km = groups.distances(lat, lon)
    assert km[0, 1] == pytest.approx(1.112, abs=0.002)
    assert km[0, 2] == pytest.approx(float(distance_km(31.0, 118.0, -20.0, -60.0)), rel=1e-3)
    assert (np.diag(km) < 1e-3).all()


def test_near_stations_and_those_of_one_cell_are_one_unit():
    lat = np.array([31.0, 31.01, 31.02, 31.3, 31.34])
    lon = np.full(5, 118.0)
    unit = groups.units(groups.distances(lat, lon))
    assert len(set(unit[:3])) == 1  # a chain of 1.1 km steps
    assert len(set(unit)) == 3
    unit = groups.units(groups.distances(lat, lon), cell=np.array([0, 0, 0, 7, 7]))
    assert len(set(unit)) == 2


def test_squares_are_of_the_globe_and_not_of_the_data():
    lat, lon = np.array([31.9, 32.1, 31.9]), np.array([118.1, 118.1, 119.9])
    assert len(set(groups.squares(lat, lon, 1.0))) == 3
    assert groups.squares(lat, lon, 4.0)[0] == groups.squares(lat, lon, 4.0)[2]


def test_every_scheme_keeps_units_whole_and_knows_the_next_station():
    rng = np.random.default_rng(0)
    lat, lon = rng.uniform(28, 36, 60), rng.uniform(112, 122, 60)
    lat[1], lon[1] = lat[0] + 0.001, lon[0]
    unit = groups.units(groups.distances(lat, lon))
    ways = groups.schemes(lat, lon, unit)
    assert ways[0].name == "singly"
    assert ways[-1].name == "regions"
    km = groups.distances(lat, lon)
    for way in ways:
        assert way.group[0] == way.group[1]
        for n in range(60):
            others = way.group != way.group[n]
            assert way.distance[n] == pytest.approx(km[n][others].min())
    assert np.median(ways[-1].distance) > np.median(ways[0].distance)


def test_one_place_has_no_scheme():
    lat, lon = np.full(4, 31.0), np.full(4, 118.0)
    assert groups.schemes(lat, lon, groups.units(groups.distances(lat, lon))) == ()
