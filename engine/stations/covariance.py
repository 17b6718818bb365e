"""A station network as plain arrays, and the fit of a covariance to its readings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from engine.core.covariance import Covariance

Values = NDArray[np.float64]
NUGGET_FLOOR = 1e-4  # of the sill: keeps the system solvable where stations share a place
FARTHEST_KM = 1000.0  # of pairs that a covariance is fitted to
LEAST = 2.0  # ug m-3: below, logarithms run away


@dataclass(frozen=True)
class Network:
    """A station network, plain arrays.

    Attributes:
        readings: (time, station), ug m-3, NaN is a gap.
        places: East and north, (station, 2), km.
        others: Further variables, (time, station, variable), NaN is a gap.
        clock: (time, 2), as `engine.stations.networks.reanalysis.Record`.
    """

    readings: Values
    places: Values
    others: Values
    clock: Values

    def logarithms(self) -> "Network":
        """The same with logarithms for readings."""
        return replace(self, readings=np.log(np.maximum(self.readings, LEAST)))

    def distance(self, station: int, seen: Sequence[int]) -> Values:
        """From a station to others, km."""
        away: Values = np.linalg.norm(self.places[list(seen)] - self.places[station], axis=1)
        return away


def fit_covariance(
    network: Network, seen: Sequence[int], end: int, most_lag: int = 6
) -> Covariance:
    """The covariance whose semivariances come closest to those of the hours before `end`."""
    values = network.readings[:end, list(seen)]
    places = network.places[list(seen)]
    scale = np.nanvar(values)
    rows = []
    for lag in range(most_lag + 1):
        early, late = values[: end - lag], values[lag:]
        for i, place in enumerate(places):
            both = np.isfinite(early[:, i : i + 1]) & np.isfinite(late)
            square = np.where(both, (early[:, i : i + 1] - late) ** 2, 0).sum(0)
            away = np.linalg.norm(places - place, axis=1)
            pairs = both.sum(0)
            predicted = (
                (pairs > 0) & (away < FARTHEST_KM) & ((lag > 0) | (np.arange(len(places)) > i))
            )
            half = 0.5 * square[predicted] / pairs[predicted] / scale
            own = np.arange(len(places)) == i
            rows.append(
                np.stack([away[predicted], np.full(half.size, lag), own[predicted], half], 1)
            )
    km, lag_, own, half = np.concatenate(rows).T

    def misfit(p: Values) -> Values:
        sill, reach, memory, nugget = np.exp(p)
        # A station's own noise is not white: it is part of what it shares with itself an hour on.
        predicted = sill * (1 - np.exp(-km / reach - lag_ / memory)) + nugget * sill * (own == 0)
        difference: Values = (predicted - half) / (half + 0.02)
        return difference

    start = np.log([1.0, 100.0, 50.0, 0.05])
    solution = least_squares(misfit, start, bounds=(start - 6, start + 6)).x
    _, reach, memory, nugget = np.exp(solution)
    return Covariance(float(reach), float(max(nugget, NUGGET_FLOOR)), float(memory))
