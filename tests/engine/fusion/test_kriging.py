"""Kriging against a plain solution of its equations, and its own promises."""

import numpy as np
import pytest

from engine.core.covariance import Covariance
from engine.fusion import kriging
from engine.fusion.groups import distances

RNG = np.random.default_rng(1)
LAT, LON = RNG.uniform(28, 34, 25), RNG.uniform(114, 121, 25)
KM = distances(LAT, LON)
VALUES = RNG.normal(3, 0.5, (4, 25))
COVARIANCE = Covariance(150.0, 0.1)


def plainly(values, stations, place):
    """Estimate and variance of one place by the textbook's system."""
    lat, lon = stations
    count = len(lat)
    system = np.ones((count + 1, count + 1))
    system[:count, :count] = np.exp(-distances(lat, lon) / COVARIANCE.range_km)
    system[:count, :count] += COVARIANCE.nugget * np.eye(count)
    system[count, count] = 0
    right = np.ones(count + 1)
    right[:count] = np.exp(-distances(lat, lon, *place)[:, 0] / COVARIANCE.range_km)
    weights = np.linalg.solve(system, right)
    assert weights[:count].sum() == pytest.approx(1)
    return values @ weights[:count], 1 + COVARIANCE.nugget - weights @ right


def test_fields_and_variances_solve_the_equations():
    places = (np.array([30.0, 33.3, 40.0]), np.array([117.0, 115.2, 100.0]))
    made = kriging.field(VALUES, (LAT, LON), places, COVARIANCE)
    spread = kriging.variance((LAT, LON), places, COVARIANCE)
    for n in range(3):
        place = (places[0][n : n + 1], places[1][n : n + 1])
        value, variance = plainly(VALUES, (LAT, LON), place)
        np.testing.assert_allclose(made[:, n], value, rtol=1e-8)
        assert spread[n] == pytest.approx(variance, rel=1e-6)


def test_what_is_left_out_is_estimated_by_the_others_alone():
    group = np.arange(25) // 3
    error, variance = kriging.left_out_with_gaps(VALUES, KM, COVARIANCE, group)
    for station in (0, 7, 24):
        others = group != group[station]
        place = (LAT[station : station + 1], LON[station : station + 1])
        value, spread = plainly(VALUES[:, others], (LAT[others], LON[others]), place)
        np.testing.assert_allclose(error[:, station], VALUES[:, station] - value, atol=1e-6)
        np.testing.assert_allclose(variance[:, station], spread, rtol=1e-5)


def test_gaps_of_a_date_take_only_its_own_stations():
    values = VALUES.copy()
    values[1, 5:9] = np.nan
    values[3] = np.nan
    error, _ = kriging.left_out_with_gaps(values, KM, COVARIANCE, np.arange(25))
    assert np.isnan(error[1, 5:9]).all() and np.isnan(error[3]).all()
    known = np.isfinite(values[1]) & (np.arange(25) != 2)
    value, _ = plainly(VALUES[1:2, known], (LAT[known], LON[known]), (LAT[2:3], LON[2:3]))
    assert error[1, 2] == pytest.approx(values[1, 2] - value[0])


def test_a_group_that_holds_everything_has_no_estimate():
    error, _ = kriging.left_out_with_gaps(VALUES, KM, COVARIANCE, np.zeros(25, dtype=np.intp))
    assert np.isnan(error).all()


def test_the_nearest_station_is_the_nearest():
    places = (np.array([30.0, 33.3]), np.array([117.0, 115.2]))
    np.testing.assert_allclose(
        kriging.nearest_km((LAT, LON), places), distances(*places, LAT, LON).min(1), rtol=1e-6
    )
