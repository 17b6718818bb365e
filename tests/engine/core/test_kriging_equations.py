"""Kriging of arrays against the bordered system by LU, and against the networks' solver."""

import numpy as np
import pytest
import torch

from engine.core.covariance import Covariance
from engine.core.kriging import bordered_inverse, place_variance
from engine.stations.networks.kriging_solver import kriging_weights

COVARIANCE = Covariance(60.0, 0.1)
COUNT, PLACES = 9, 5


def given():
    """Covariances among readings and to places, no nugget: every place has its own readings."""
    at = np.random.default_rng(0).uniform(0, 100, (PLACES, COUNT + 1, 2))
    between = COVARIANCE.between(np.linalg.norm(at[:, :, None] - at[:, None], axis=-1))
    return between[:, :COUNT, :COUNT].copy(), between[:, :COUNT, COUNT].copy()


def bordered(inner):
    """Solved without any of our formulas."""
    system = np.ones((COUNT + 1, COUNT + 1))
    system[:COUNT, :COUNT] = inner + COVARIANCE.nugget * np.eye(COUNT)
    system[COUNT, COUNT] = 0
    return system


def test_the_inverse_is_that_of_the_bordered_system():
    inner, _ = given()
    made = bordered_inverse(inner[0] + COVARIANCE.nugget * np.eye(COUNT))
    np.testing.assert_allclose(made, np.linalg.inv(bordered(inner[0])), atol=1e-10)


def test_variances_are_those_of_the_bordered_system():
    inner, outer = given()
    made = place_variance(inner.copy(), outer, COVARIANCE.nugget)
    for n in range(PLACES):
        right = np.append(outer[n], 1.0)
        explained = right @ np.linalg.solve(bordered(inner[n]), right)
        assert made[n] == pytest.approx(1 + COVARIANCE.nugget - explained, abs=1e-10)


def test_arrays_and_tensors_have_the_same_weights():
    inner, outer = given()
    everyone = torch.ones(PLACES, COUNT, dtype=torch.bool)
    tensors = kriging_weights(
        torch.from_numpy(inner), torch.from_numpy(outer), everyone, COVARIANCE.nugget
    ).numpy()
    for n in range(PLACES):
        inverse = bordered_inverse(inner[n] + COVARIANCE.nugget * np.eye(COUNT))
        weights = (np.append(outer[n], 1.0) @ inverse)[:COUNT]
        np.testing.assert_allclose(tensors[n], weights, atol=1e-6)


def test_a_covariance_in_space_and_time():
    falls = Covariance(50.0, 0.2, memory=10.0)
    assert falls.between(np.array(50.0), -10.0) == pytest.approx(np.exp(-2))
    assert COVARIANCE.between(np.array(60.0), 99.0) == pytest.approx(np.exp(-1))
    assert falls.matrix(np.zeros((2, 2))).tolist() == [[1.2, 1.0], [1.0, 1.2]]
