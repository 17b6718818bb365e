"""The covariance of readings in space and time, and noise of their own."""

from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Covariance:
    """exp(-distance / range_km - |steps| / memory), and a nugget, in units of the sill.

    Attributes:
        range_km: Distance over which it falls to a third.
        nugget: Variance that a station shares with nobody.
        memory: Time steps over which it falls to a third; infinite: time does not count.
    """

    range_km: float
    nugget: float
    memory: float = inf

    def between(self, km: Numbers, steps: Numbers | float = 0.0) -> Numbers:
        """Covariance without the nugget; 1 at the same place and time."""
        if self.memory == inf:
            return np.asarray(np.exp(-km / self.range_km))
        return np.asarray(np.exp(-km / self.range_km - np.abs(steps) / self.memory))

    def matrix(self, km: Numbers) -> Numbers:
        """Among stations: with the nugget on the diagonal."""
        return np.asarray(self.between(km) + self.nugget * np.eye(len(km)))
