"""What earlier dates teach of a merging: covariance, weight of the background, each place's error.

The analysis in logarithms is K(y) + a · (z - K(z)): kriging K of the observations y, and of what
the background z has beside the kriging of its own values at the stations, with the weight a. With
a = 1 it is the background plus the kriged residual, so that far from stations it is the background
at the stations' mean level.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from engine.core.covariance import Covariance
from engine.fusion.groups import Numbers, Scheme
from engine.fusion.kriging import by_gaps, left_out_with_gaps

RANGES_KM = (25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0)
NUGGETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
LARGEST_WEIGHT = 1.1
BINS = 6  # of distance, for the weight
LEAST_ERRORS = 60  # errors that a bin of distance needs
PRIOR_ERRORS = 10.0  # earlier errors that a place needs to count as much as all places together
DEFAULT = Covariance(200.0, 0.2)
NORMAL_90 = 1.6448536


@dataclass(frozen=True)
class Weight:
    """Weight of the background by distance to the next station that is used.

    Attributes:
        km: Distances, increasing; empty: 1 everywhere.
        value: Weight at each.
    """

    km: tuple[float, ...] = ()
    value: tuple[float, ...] = ()

    def at(self, km: Numbers) -> Numbers:
        """Weights at distances: even between the learned ones, and 1 beyond the last."""
        if not self.km:
            return np.ones_like(km)
        weight = np.interp(np.log(np.maximum(km, 0.1)), np.log(self.km), self.value)
        beyond = np.clip((km - self.km[-1]) / self.km[-1], 0.0, 1.0)
        return np.asarray(weight * (1 - beyond) + beyond)


@dataclass(frozen=True)
class Learned:
    """All that a merging takes from earlier dates.

    Attributes:
        covariance: Of the residuals' logarithms.
        weight: Of the background.
        sill: Mean square of the standardised errors: variance in units of the kriging variance.
        place_ratio: Of each station, its own error's variance to what the kriging says, shrunk.
        reach: Errors' 90th percentile in standard deviations, over the normal one's.
        dates: Dates that it was learned from; 0: nothing, the default stands.
    """

    covariance: Covariance = DEFAULT
    weight: Weight = field(default_factory=Weight)
    sill: float = 0.05
    place_ratio: Numbers = field(default_factory=lambda: np.ones(0))
    reach: float = 1.0
    dates: int = 0


def learn(
    observed: Numbers,
    background: Numbers | None,
    km: Numbers,
    ways: Sequence[Scheme],
) -> Learned:
    """Learn from earlier dates.

    Args:
        observed: Logarithms log(value + 1), (date, station), NaN where missing.
        background: The same of the background at the stations; None: there is none.
        km: Distances among the stations.
        ways: How stations are left out; the first is singly.
    """
    residual = observed if background is None else observed - background
    if np.isfinite(residual).sum() < LEAST_ERRORS or not ways:
        return Learned(place_ratio=np.ones(observed.shape[1]))
    # Where the background adds little, the residual's covariance is not that of what is kriged.
    fields = [residual] if background is None else [residual, observed]
    tried = []
    for values in fields:
        covariance = restricted_likelihood(values, km)
        weight = Weight()
        if background is not None:
            weight = _weight(observed, background, km, covariance, ways)
        error, variance = left_out_errors(observed, background, km, covariance, weight, ways[0])
        size = float(np.nanmean(error**2)) if np.isfinite(error).any() else np.inf
        tried.append((size, covariance, weight, error, variance))
    _, covariance, weight, error, variance = min(tried, key=lambda one: one[0])
    if np.isfinite(error).sum() < LEAST_ERRORS:
        return Learned(covariance, weight, place_ratio=np.ones(observed.shape[1]))
    square = error**2 / variance
    sill = float(np.nanmean(square))
    ratio = _by_place(square / sill)
    standard = np.abs(error) / np.sqrt(sill * variance * ratio)
    reach = float(np.nanquantile(standard, 0.9)) / NORMAL_90
    return Learned(covariance, weight, sill, ratio, reach, int(np.isfinite(residual).any(1).sum()))


def left_out_errors(
    observed: Numbers,
    background: Numbers | None,
    km: Numbers,
    covariance: Covariance,
    weight: Weight,
    way: Scheme,
) -> tuple[Numbers, Numbers]:
    """Observed minus analysis from all other groups, in logarithms, and the kriging variance.

    Both (date, station); NaN where there is no estimate.
    """
    known = observed if background is None else np.where(np.isfinite(background), observed, np.nan)
    error, variance = left_out_with_gaps(known, km, covariance, way.group)
    if background is None:
        return error, variance
    own = np.where(np.isfinite(known), background, np.nan)
    beside, _ = left_out_with_gaps(own, km, covariance, way.group)
    return error - weight.at(way.distance) * beside, variance


def restricted_likelihood(residual: Numbers, km: Numbers) -> Covariance:
    """The covariance under which the residuals are likeliest, each date with a sill of its own.

    Of ranges that the dates cannot tell apart, the shortest: the gain of a longer one must be above
    its standard error over dates.

    Source: Patterson and Thompson, Biometrika 58 (1971) 545, doi:10.1093/biomet/58.3.545.
    """
    groups = by_gaps(np.isfinite(residual))
    table: dict[tuple[float, float], Numbers] = {}
    for range_km in RANGES_KM:
        for nugget in NUGGETS:
            parts = [
                _likelihoods(residual[np.ix_(dates, at)], km[np.ix_(at, at)], range_km, nugget)
                for dates, at in groups
                if len(at) > 3
            ]
            if parts:
                table[range_km, nugget] = np.concatenate(parts)
    if not table:
        return DEFAULT
    best = max(table, key=lambda key: float(table[key].sum()))
    for range_km in RANGES_KM:
        mine = max(
            (key for key in table if key[0] == range_km), key=lambda key: float(table[key].sum())
        )
        loss = table[best] - table[mine]
        error = float(loss.std(ddof=1) / np.sqrt(len(loss))) if len(loss) > 1 else 0.0
        if float(loss.mean()) <= error:
            return Covariance(*mine)
    return Covariance(*best)


def _likelihoods(values: Numbers, km: Numbers, range_km: float, nugget: float) -> Numbers:
    """Restricted log likelihood of each row, its sill at its best value."""
    count = values.shape[1]
    factor = np.linalg.cholesky(Covariance(range_km, nugget).matrix(km))
    half = 2.0 * np.log(np.diag(factor)).sum()
    white = np.linalg.solve(factor, np.column_stack([np.ones(count), values.T]))
    ones, rows = white[:, 0], white[:, 1:]
    information = float(ones @ ones)
    left = rows - np.outer(ones, ones @ rows) / information
    sill = np.maximum((left**2).sum(0) / (count - 1), 1e-12)
    return np.asarray(-0.5 * ((count - 1) * np.log(sill) + half + np.log(information)))


def _weight(
    observed: Numbers,
    background: Numbers,
    km: Numbers,
    covariance: Covariance,
    ways: Sequence[Scheme],
) -> Weight:
    """Weight by distance: least squares of what is missed on what the background has beside it."""
    missed, beside, far = [], [], []
    own = np.where(np.isfinite(observed), background, np.nan)
    seen = np.where(np.isfinite(background), observed, np.nan)
    for way in ways:
        y, _ = left_out_with_gaps(seen, km, covariance, way.group)
        z, _ = left_out_with_gaps(own, km, covariance, way.group)
        there = np.isfinite(y) & np.isfinite(z)
        missed.append(y[there])
        beside.append(z[there])
        far.append(np.broadcast_to(way.distance, y.shape)[there])
    y, z, d = (np.concatenate(part) for part in (missed, beside, far))
    count = min(BINS, len(y) // LEAST_ERRORS)
    if count < 1:
        return Weight()
    edges = np.quantile(d, np.linspace(0, 1, count + 1))
    centres: list[float] = []
    values: list[float] = []
    counts: list[int] = []
    for low, high in pairwise(edges):
        here = (d >= low) & (d <= high)
        square = float((z[here] ** 2).sum())
        centre = max(float(np.median(d[here])), 0.1)
        if here.sum() < LEAST_ERRORS or square == 0 or (centres and centre <= centres[-1]):
            continue
        centres.append(centre)
        counts.append(int(here.sum()))
        values.append(float(np.clip((y[here] * z[here]).sum() / square, 0.0, LARGEST_WEIGHT)))
    return Weight(tuple(centres), _rising(values, counts))


def _rising(values: Sequence[float], counts: Sequence[int]) -> tuple[float, ...]:
    """The nearest values that never fall with distance: noise of a bin is no feature.

    Source: pooling of adjacent violators, Barlow et al., Statistical Inference under Order
    Restrictions (1972).
    """
    pools: list[tuple[float, int, int]] = []  # mean, errors, bins
    for value, count in zip(values, counts, strict=True):
        pools.append((value, count, 1))
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (a, m, i), (b, n, k) = pools[-2:]
            pools[-2:] = [((a * m + b * n) / (m + n), m + n, i + k)]
    return tuple(value for value, _, bins in pools for _ in range(bins))


def _by_place(square: Numbers) -> Numbers:
    """Mean standardised square of each station, shrunk to 1, (station,)."""
    count = np.isfinite(square).sum(0)
    total = np.nansum(square, axis=0)
    return np.asarray((total + PRIOR_ERRORS) / (count + PRIOR_ERRORS))
