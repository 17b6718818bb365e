"""Ordinary kriging's equations, for arrays and for tensors.

A solution is that of simple kriging, and what its weights lack of 1 shared out by the weights of
the unknown mean. Arrays are solved here; the networks, whose gradients pass through the solution,
factor tensors in `engine.stations.networks.kriging_solver` and take the rest from here.

Source: Chiles and Delfiner, "Geostatistics", 2nd ed. 2012, sections 3.2 (simple), 3.3 (ordinary).
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Array = TypeVar("Array", bound=Any)  # of NumPy or torch


def unbiased(simple: Array, ones: Array, total: Array) -> tuple[Array, Array]:
    """Weights that add up to one, and what an unknown mean adds to the variance.

    Args:
        simple: Simple kriging's weights, (..., reading).
        ones: The same of a place that is alike to all readings by 1.
        total: Sum of `ones`, not 0, (...).
    """
    short = (1 - simple.sum(-1)) / total
    return simple + short[..., None] * ones, short


def place_variance(covariance: Numbers, to_place: Numbers, own: float) -> Numbers:
    """Variance of ordinary kriging at places, each from readings of its own, (place).

    Args:
        covariance: Between the readings of each place, (place, reading, reading); `own` is added to
            its diagonal.
        to_place: Between readings and the place, (place, reading).
        own: Variance that a reading shares with none, above 0; the place's value has it too.
    """
    each = range(covariance.shape[-1])
    covariance[:, each, each] += own
    right = np.stack([to_place, np.ones_like(to_place)], -1)
    simple, ones = np.moveaxis(np.linalg.solve(covariance, right), -1, 0)
    weights, short = unbiased(simple, ones, ones.sum(-1))
    variance: Numbers = 1 + own - (weights * to_place).sum(-1) + short
    return variance


def bordered_inverse(covariance: Numbers) -> Numbers:
    """Inverse of the system of n readings with one unknown mean, (n + 1, n + 1).

    Its first n rows give the weights of any place; it serves many dates and places.

    Args:
        covariance: Among the readings, with what each shares with none on the diagonal.
    """
    count = len(covariance)
    inverse = np.linalg.inv(covariance)
    ones = inverse.sum(1)
    total = ones.sum()
    whole = np.empty((count + 1, count + 1))
    # Columns are the weights of places alike to one reading alone, less those of no place.
    whole[:count, :count] = inverse - np.outer(ones, ones) / total
    whole[count, :count] = whole[:count, count] = ones / total
    whole[count, count] = -1 / total
    return whole
