"""Baselines: hand-worked values, PyKrige, and nothing from the hidden station."""

from dataclasses import replace

import numpy as np
import pytest
from pykrige.ok import OrdinaryKriging

from engine.core.covariance import Covariance
from engine.research.aqnet.baselines import (
    boosted_trees,
    inverse_distance,
    kriging,
    shifted,
    tree_features,
)
from engine.stations.covariance import Network, fit_covariance


def network(hours=300, stations=7, seed=0):
    random = np.random.default_rng(seed)
    places = random.uniform(0, 60, (stations, 2))
    level = 60 + 20 * np.sin(np.arange(hours) / 8)[:, None]
    readings = level + 0.5 * places[:, :1].T + random.standard_normal((hours, stations))
    return Network(
        readings, places, random.standard_normal((hours, stations, 1)), np.zeros((hours, 2))
    )


def test_inverse_distance_by_hand():
    # Stations at 1 and 2 km: squared, the weights are 4/5 and 1/5.
    line = Network(
        np.array([[np.nan, 10.0, 20.0], [np.nan, np.nan, 20.0], [1.0, np.nan, np.nan]]),
        np.array([[0.0, 0], [1, 0], [2, 0]]),
        np.empty((3, 3, 0)),
        np.zeros((3, 2)),
    )
    predicted = inverse_distance(line, 0, [1, 2], 2)
    assert predicted[:2].tolist() == pytest.approx([12.0, 20.0])
    assert np.isnan(predicted[2])


def test_shifted_looks_ahead_and_back():
    values = np.arange(4.0)[:, None]
    assert np.array_equal(shifted(values, 1)[:, 0], [1, 2, 3, np.nan], equal_nan=True)
    assert np.array_equal(shifted(values, -2)[:, 0], [np.nan, np.nan, 0, 1], equal_nan=True)
    assert np.array_equal(shifted(values, 0), values)


def test_kriging_is_pykriges():
    net = network()
    seen = [1, 2, 3, 4, 5, 6]
    # PyKrige's exponential variogram reaches its sill at three of its lengths.
    theirs = OrdinaryKriging(
        *net.places[seen].T,
        net.readings[5, seen],
        variogram_model="exponential",
        variogram_parameters={"sill": 1.0, "range": 3 * 40.0, "nugget": 0.0},
    )
    x, y = net.places[0]
    expected = float(theirs.execute("points", [x], [y])[0][0])
    found = kriging(net, 0, seen, Covariance(40.0, 0.0, memory=10.0))[5]
    assert found == pytest.approx(expected, rel=1e-3)


def test_space_time_kriging_with_lags_is_one_system_of_all():
    net = network(stations=4)
    seen, lags, covariance = [1, 2, 3], (-1, 0, 1), Covariance(40.0, 0.0, memory=10.0)
    points = [(s, 5 + lag) for s in seen for lag in lags]
    n = len(points)
    system, right, values = np.ones((n + 1, n + 1)), np.ones(n + 1), np.zeros(n)
    system[n, n] = 0
    for a, (s, t) in enumerate(points):
        values[a] = net.readings[t, s]
        right[a] = np.exp(-np.hypot(*(net.places[s] - net.places[0])) / 40 - abs(t - 5) / 10)
        for b, (r, u) in enumerate(points):
            km = np.hypot(*(net.places[s] - net.places[r]))
            system[a, b] = np.exp(-km / 40 - abs(t - u) / 10) + 1e-4 * (a == b)
    expected = np.linalg.solve(system, right)[:n] @ values
    assert kriging(net, 0, seen, covariance, lags)[5] == pytest.approx(expected, rel=1e-8)


def test_kriging_does_without_a_silent_station():
    net = network()
    silent = replace(net, readings=net.readings.copy())
    silent.readings[:, 3] = np.nan
    covariance = Covariance(40.0, 0.05, memory=10.0)
    predicted = kriging(silent, 0, [1, 2, 3, 4], covariance)
    assert np.allclose(predicted, kriging(net, 0, [1, 2, 4], covariance))
    silent.readings[7, [1, 2, 4]] = np.nan
    assert np.isnan(kriging(silent, 0, [1, 2, 3, 4], covariance)[7])


def test_a_covariance_is_found_again():
    random = np.random.default_rng(3)
    places, hours = random.uniform(0, 80, (10, 2)), 3000
    km = np.linalg.norm(places[:, None] - places[None], axis=-1)
    root = np.linalg.cholesky(np.exp(-km / 50) + 1e-9 * np.eye(10))
    values = np.zeros((hours, 10))
    for t in range(1, hours):
        keep = np.exp(-1 / 12)
        values[t] = keep * values[t - 1] + np.sqrt(1 - keep**2) * root @ random.standard_normal(10)
    net = Network(values, places, np.empty((hours, 10, 0)), np.zeros((hours, 2)))
    found = fit_covariance(net, range(10), hours)
    assert found.range_km == pytest.approx(50, rel=0.35)
    assert found.memory == pytest.approx(12, rel=0.35)
    assert found.nugget < 0.05


def test_trees_learn_what_inverse_distance_does_not_know_and_see_nothing_hidden():
    net = network()
    predicted = boosted_trees(net, [0, 4], 200, share=2, trees=30)
    plain = inverse_distance(net, 0, [1, 2, 3, 4, 5, 6], 2)
    error = [
        np.sqrt(np.mean((t - net.readings[:, 0])[200:] ** 2)) for t in (predicted[:, 0], plain)
    ]
    assert error[0] < error[1]
    spoilt = replace(net, readings=net.readings.copy(), others=net.others.copy())
    spoilt.readings[:, 0] = 999
    spoilt.others[:, 0] = 99
    assert np.array_equal(
        boosted_trees(spoilt, [0], 200, share=2, trees=5)[:, 0],
        boosted_trees(net, [0], 200, share=2, trees=5)[:, 0],
    )


def test_the_first_feature_is_inverse_distance():
    net = network()
    features = tree_features(net, 2, [0, 1, 3])
    assert np.array_equal(features[:, 0], inverse_distance(net, 2, [0, 1, 3], 2))
    assert len(features) == 300
