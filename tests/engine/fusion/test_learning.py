"""What earlier dates teach, on dates whose law is known."""

import numpy as np
import pytest

from engine.fusion.groups import distances, schemes, units
from engine.fusion.learning import (
    NUGGETS,
    RANGES_KM,
    Weight,
    _rising,
    learn,
    left_out_errors,
    restricted_likelihood,
)

RNG = np.random.default_rng(2)
COUNT, DATES = 60, 120
LAT, LON = RNG.uniform(26, 36, COUNT), RNG.uniform(110, 122, COUNT)
KM = distances(LAT, LON)
WAYS = schemes(LAT, LON, units(KM))


def drawn(range_km, nugget, scale, rng=RNG):
    matrix = np.exp(-KM / range_km) + nugget * np.eye(COUNT)
    return scale * rng.standard_normal((DATES, COUNT)) @ np.linalg.cholesky(matrix).T


def test_the_likeliest_covariance_is_that_which_drew_the_dates():
    found = restricted_likelihood(drawn(200.0, 0.2, 0.3), KM)
    assert found.range_km in (100.0, 200.0, 400.0)
    assert found.nugget in (0.1, 0.2, 0.4)
    assert RANGES_KM[0] < found.range_km < RANGES_KM[-1]
    assert NUGGETS[0] < found.nugget < NUGGETS[-1]


def test_a_background_that_says_all_has_the_weight_1_and_one_that_says_nothing_none():
    true = drawn(150.0, 0.05, 0.4)
    observed = 3.5 + true + 0.05 * RNG.standard_normal(true.shape)
    for background, low, high in ((3.0 + true, 0.9, 1.05), (drawn(150.0, 0.05, 0.4), 0.0, 0.15)):
        weight = learn(observed, background, KM, WAYS).weight
        assert low <= min(weight.value) <= max(weight.value) <= high


def test_the_weight_is_1_beyond_what_was_learned():
    weight = Weight((10.0, 100.0), (0.2, 0.6))
    np.testing.assert_allclose(weight.at(np.array([1.0, 10.0, 100.0])), [0.2, 0.2, 0.6])
    assert 0.6 < weight.at(np.array([150.0]))[0] < 1
    np.testing.assert_allclose(weight.at(np.array([200.0, 5000.0])), 1.0)
    np.testing.assert_allclose(Weight().at(np.array([3.0, 3000.0])), 1.0)


def test_weights_never_fall_with_distance():
    assert _rising([0.5, 0.9, 0.7, 1.0], [1, 1, 3, 1]) == pytest.approx((0.5, 0.75, 0.75, 1.0))
    assert _rising([0.9, 0.5], [1, 1]) == pytest.approx((0.7, 0.7))


def test_a_place_with_errors_of_its_own_gets_a_wider_interval():
    observed = 3.5 + drawn(200.0, 0.1, 0.3)
    observed[:, 4] += 0.9 * RNG.standard_normal(DATES)
    learned = learn(observed, None, KM, WAYS)
    assert learned.place_ratio[4] == learned.place_ratio.max()
    assert learned.place_ratio[4] > 3
    assert np.median(learned.place_ratio) < 1.2


def test_errors_are_of_the_size_that_is_said():
    observed = 3.5 + drawn(200.0, 0.1, 0.3)
    learned = learn(observed[:60], None, KM, WAYS)
    error, variance = left_out_errors(
        observed[60:], None, KM, learned.covariance, learned.weight, WAYS[0]
    )
    scaled = error / np.sqrt(learned.sill * variance * learned.place_ratio) / learned.reach
    assert np.mean(np.abs(scaled) < 1.645) == pytest.approx(0.9, abs=0.03)


def test_too_little_teaches_nothing():
    observed = np.full((2, COUNT), np.nan)
    observed[0, :5] = 3.0
    learned = learn(observed, None, KM, WAYS)
    assert learned.dates == 0
    assert learned.weight == Weight()
