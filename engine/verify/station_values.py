"""What stations' values show, by themselves and beside others: gaps, zeros, frozen values, twins.

Arrays in, arrays out: values (time, station) in ug m-3, NaN is missing; steps (time,), the number
of each time in steps of the period (hours, days or months), increasing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.grid import distance_km
from engine.core.progress import Progress, Stop, report

Floats = NDArray[np.float64]
Values = NDArray[np.floating]

MOST_COMPARED = 1000  # times of one station that are compared with others, evenly from its record
NEAR = 10  # stations whose median is the level around a place
FEWEST_NEAR = 3  # of them with a value at a time: one wrong station does not move the median
ENOUGH_LEVELS = 3  # times with a level around: a factor of 1000 needs no more
ENOUGH_COMMON = 24  # common values that are not zero
ENOUGH_DISTINCT = 5  # among them, so that two constant series are no twins
ALIKE = 0.5  # share of equal values from which a pair counts


@dataclass(frozen=True)
class Pair:
    """Two stations with the same values.

    Attributes:
        first: Index of the one that stands first in the dataset.
        second: Index of the other.
        share: Of equal values among those compared, zeros apart.
        km: Distance between their places.
    """

    first: int
    second: int
    share: float
    km: float


def valid_shares(values: Values) -> Floats:
    """Share of valid values from each station's first to its last, (station,); 0 without any.

    Times that no station has do not count: a dataset may consist of several seasons.
    """
    known = np.isfinite(values)
    first, last = known.argmax(axis=0), len(values) - 1 - known[::-1].argmax(axis=0)
    there = np.append(0, np.cumsum(known.any(axis=1)))
    expected = there[last + 1] - there[first]
    share: Floats = known.sum(axis=0) / np.maximum(expected, 1)
    return np.where(known.any(axis=0), share, 0.0)


def shares_where(condition: NDArray[np.bool_], values: Values) -> Floats:
    """Share of a station's valid values at which a condition holds, (station,); 0 without any."""
    known = np.isfinite(values)
    share: Floats = (condition & known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return share


def frozen(
    values: Values, steps: NDArray[np.int64], least: int
) -> tuple[NDArray[np.int64], Floats]:
    """The longest run of one value that is not zero, in steps, and the share of values in runs.

    Both (station,). A missing value or time ends a run. Only runs of `least` steps or more count
    for the share.
    """
    every = spacing(steps)
    same = np.zeros(values.shape, dtype=bool)
    same[1:] = (values[1:] == values[:-1]) & (np.diff(steps) == every)[:, None]
    longest = np.zeros(values.shape[1], dtype=np.int64)
    inside = np.zeros(values.shape[1])
    for station in range(values.shape[1]):
        starts = np.flatnonzero(~same[:, station])
        lengths = np.diff(np.append(starts, len(steps)))
        begun = values[starts, station]
        lengths = lengths[np.isfinite(begun) & (begun != 0)]
        longest[station] = lengths.max(initial=0) * every
        inside[station] = lengths[lengths * every >= least].sum()
    return longest, inside / np.maximum(np.isfinite(values).sum(axis=0), 1)


def levels(
    values: Values,
    latitude: Values,
    longitude: Values,
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Floats:
    """Median ratio of each station's values to the median of its `NEAR` nearest, (station,).

    NaN with fewer than `ENOUGH_LEVELS` times at which it and `FEWEST_NEAR` of them have a value.
    Only values above zero count.

    Raises:
        Cancelled: If that was requested.
    """
    count = values.shape[1]
    ratios = np.full(count, np.nan)
    for station in range(count if count > FEWEST_NEAR else 0):
        report(progress, cancelled, station / count, "Comparing levels")
        km = distance_km(latitude[station], longitude[station], latitude, longitude)
        km[station] = np.inf
        near = np.argsort(km, kind="stable")[: min(NEAR, count - 1)]
        rows = _some(np.flatnonzero(values[:, station] > 0))
        middle = _median_above_zero(values[np.ix_(rows, near)].astype(np.float64))
        there = np.isfinite(middle)
        if there.sum() >= ENOUGH_LEVELS:
            own = values[rows[there], station].astype(np.float64)
            ratios[station] = np.median(own / middle[there])
    return ratios


def pairs(
    values: Values,
    latitude: Values,
    longitude: Values,
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> list[Pair]:
    """Stations of which `ALIKE` or more of the common values are equal, in order of the dataset.

    Raises:
        Cancelled: If that was requested.
    """
    pairs_found = []
    count = values.shape[1]
    for first in range(count - 1):
        report(progress, cancelled, first / count, "Comparing values")
        rows = _some(np.flatnonzero(np.isfinite(values[:, first]) & (values[:, first] != 0)))
        own, others = values[rows, first], values[rows, first + 1 :]
        equal = own[:, None] == others
        common = np.isfinite(others).sum(axis=0)
        share = equal.sum(axis=0) / np.maximum(common, 1)
        for at in np.flatnonzero((common >= ENOUGH_COMMON) & (share >= ALIKE)):
            if len(np.unique(own[equal[:, at]])) >= ENOUGH_DISTINCT:
                second = first + 1 + int(at)
                km = distance_km(
                    latitude[first], longitude[first], latitude[second], longitude[second]
                )
                pairs_found.append(Pair(first, second, float(share[at]), float(km)))
    return pairs_found


def spacing(steps: NDArray[np.int64]) -> int:
    """Steps from one time to the next, as most often: 3 for hourly values of three hours."""
    return max(1, int(np.median(np.diff(steps)))) if len(steps) > 1 else 1


def _some(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most `MOST_COMPARED` of the rows, evenly spaced."""
    return rows[:: max(1, -(-len(rows) // MOST_COMPARED))]


def _median_above_zero(values: Floats) -> Floats:
    """Median of the values above zero in each row; NaN where fewer than `FEWEST_NEAR` are."""
    ordered = np.sort(np.where(values > 0, values, np.inf), axis=1)
    number = np.isfinite(ordered).sum(axis=1)
    index = np.arange(len(values))
    low = ordered[index, np.maximum(number - 1, 0) // 2]
    high = ordered[index, np.minimum(number // 2, values.shape[1] - 1)]
    return np.where(number >= FEWEST_NEAR, (low + high) / 2, np.nan)
