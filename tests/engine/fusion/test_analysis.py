"""The analysis: stations where they are, the scaled background far away, chances of exceedance."""

import numpy as np
import pytest

from engine.core.covariance import Covariance
from engine.fusion.analysis import Analysis, analyse, left_out_analysis
from engine.fusion.groups import distances, schemes, units
from engine.fusion.learning import Learned, Weight

RNG = np.random.default_rng(3)
LAT, LON = RNG.uniform(30, 32, 30), RNG.uniform(117, 119, 30)
SURE = Learned(Covariance(100.0, 0.02), Weight(), 0.05, np.ones(30), 1.0, 10)


def background(lat, lon):
    return 30 + 8 * np.sin(lat) + 3 * np.sin(lon)


OBSERVED = 1.5 * (background(LAT, LON) + 1) - 1  # the map at one factor


def test_far_from_stations_the_analysis_is_the_scaled_background():
    far = (np.array([50.0, 20.0]), np.array([90.0, 160.0]))
    learned = Learned(SURE.covariance, Weight((20.0, 100.0), (0.3, 0.5)), 0.05, np.ones(30), 1.0, 9)
    made = analyse(OBSERVED, background(LAT, LON), (LAT, LON), background(*far), far, learned)
    np.testing.assert_allclose(made.median + 1, 1.5 * (background(*far) + 1), rtol=1e-6)
    assert (made.distance > 1000).all()


def test_a_background_right_but_for_its_level_is_scaled_everywhere():
    places = (RNG.uniform(30, 32, 50), RNG.uniform(117, 119, 50))
    made = analyse(OBSERVED, background(LAT, LON), (LAT, LON), background(*places), places, SURE)
    np.testing.assert_allclose(made.median + 1, 1.5 * (background(*places) + 1), rtol=1e-6)


def test_at_a_station_the_analysis_follows_it():
    observed = OBSERVED.copy()
    observed[3] = 200.0
    at = (LAT[3:4], LON[3:4])
    made = analyse(observed, background(LAT, LON), (LAT, LON), background(*at), at, SURE)
    assert 120 < made.median[0] < 200
    assert made.distance[0] < 0.01


def test_the_mean_lies_above_the_median_inside_the_interval():
    places = (np.array([31.0, 33.0]), np.array([118.0, 121.0]))
    made = analyse(OBSERVED, None, (LAT, LON), None, places, SURE)
    assert (made.low < made.median).all()
    assert (made.median < made.mean).all() and (made.mean < made.high).all()
    assert made.log_spread[1] > made.log_spread[0]


def test_chances_of_exceedance_worked_by_hand():
    one = np.ones(1)
    made = Analysis(74 * one, 74 * one, one, one, 0.5 * one, one)
    assert made.exceeding(74.0)[0] == pytest.approx(0.5)
    # log(76 / 75) / 0.5 = 0.0265 standard deviations above the median.
    assert made.exceeding(75.0)[0] == pytest.approx(1 - 0.51057, abs=1e-4)


def test_stations_outside_the_map_or_without_a_value_do_not_count():
    observed, at = OBSERVED.copy(), background(LAT, LON)
    observed[0], at[1] = np.nan, np.nan
    place = (LAT[:1], LON[:1])
    made = analyse(observed, at, (LAT, LON), background(*place), place, SURE)
    assert np.isfinite(made.median).all()
    assert made.distance[0] > 0.1
    with pytest.raises(ValueError, match="2 stations are fewer than 3"):
        analyse(np.r_[1.0, 2.0, np.full(28, np.nan)], None, (LAT, LON), None, place, SURE)


def test_left_out_stations_are_the_analysis_without_them():
    km = distances(LAT, LON)
    way = schemes(LAT, LON, units(km))[0]
    observed = OBSERVED * np.exp(0.2 * RNG.standard_normal(30))
    made = left_out_analysis(observed[None], background(LAT, LON)[None], km, way, SURE)
    others = way.group != way.group[5]
    alone = Learned(SURE.covariance, SURE.weight, SURE.sill, np.ones(int(others.sum())), 1.0, 10)
    again = analyse(
        observed[others],
        background(LAT, LON)[others],
        (LAT[others], LON[others]),
        background(LAT[5:6], LON[5:6]),
        (LAT[5:6], LON[5:6]),
        alone,
    )
    assert made.median[0, 5] == pytest.approx(again.median[0], rel=1e-6)
    assert made.mean[0, 5] == pytest.approx(again.mean[0], rel=1e-3)
    assert made.distance[0, 5] == pytest.approx(again.distance[0], rel=1e-3)
