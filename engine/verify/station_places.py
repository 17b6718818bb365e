"""Whether a station's series belongs to its place: correlation with neighbours against the best.

What a monitor measures follows the weather of its place. A station whose days correlate clearly
better with stations elsewhere than with its neighbours is at a wrong place, or is not the station
it is called. Arrays in, arrays out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.grid import distance_km
from engine.core.progress import Progress, Stop, report
from engine.core.schema import Period

Floats = NDArray[np.float64]

NEIGHBOURS = 5
FEWEST_STATIONS = 12  # below, the five nearest and the five best are mostly the same
ENOUGH = 30.0  # independent common values; one correlation's Fisher z then has an error of 0.19
MOST_TIMES = 9000  # a year of hours; more say little more and cost as much again
SPREADS = 6.0
LEAST_GAP = 0.25  # in Fisher z, as correlations of 0.70 and 0.81: half of the least wrong place's

# Steps of a cycle, cycles on each side of a value that its usual level is the mean of, and how many
# of them it needs: a month of days, the same hour in a month of days, the same month in all years.
USUAL_LEVEL: dict[Period, tuple[int, int, int]] = {
    "hour": (24, 15, 10),
    "day": (1, 15, 10),
    "month": (12, 15, 3),
}
_ONE = 1 - 1e-6  # keeps Fisher's z of identical series finite


@dataclass(frozen=True)
class Places:
    """What the place check finds; NaN and -1 where a station is not checked.

    Attributes:
        checked: Which stations have enough neighbours with enough common values, (station,).
        wrong: Which series do not belong to their place, (station,).
        near: Mean correlation with the nearest stations, (station,).
        near_km: Median distance to these, km, (station,).
        best: Mean correlation with the best-correlated stations, (station,).
        best_km: Median distance to these, km, (station,).
        best_stations: Their indices, the best first, (station, NEIGHBOURS).
        gap: Difference of the two in Fisher's z, (station,).
        threshold: What the gap must exceed, (station,).
    """

    checked: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    near: Floats
    near_km: Floats
    best: Floats
    best_km: Floats
    best_stations: NDArray[np.int64]
    gap: Floats
    threshold: Floats


def places(
    values: NDArray[np.floating],
    steps: NDArray[np.int64],
    period: Period,
    latitude: NDArray[np.floating],
    longitude: NDArray[np.floating],
    usable: NDArray[np.bool_],
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Places:
    """Compare each station's correlation with its neighbours and with the best elsewhere.

    The station whose gap is the largest is put aside and the others are compared again, because it
    spoils the comparison of those that it pretends to be near, until no gap exceeds the larger of
    two: what the best of that many correlations reaches by chance, and `LEAST_GAP`. Then all are
    compared with those that are left, and the place is wrong where the gap exceeds these two and
    the median gap plus `SPREADS` robust standard deviations: in mountains all gaps are large.

    Args:
        values: PM2.5, ug m-3, (time, station); NaN is missing.
        steps: Number of each time in steps of the period, increasing, (time,).
        period: What a value is a mean over.
        latitude: Degrees north, (station,).
        longitude: Degrees east, (station,).
        usable: Stations that are compared and compared with, (station,).
        progress: Called with the share done.
        cancelled: Says whether to stop.

    Raises:
        Cancelled: If that was requested.
    """
    rows = np.flatnonzero(usable)
    kept = thinned(steps, period)
    report(progress, cancelled, 0.0, "Correlating stations")
    anomalies = departures(values[kept][:, rows], steps[kept], period)
    z, effective = fisher(anomalies, steps[kept])
    report(progress, cancelled, 0.7, "Comparing with neighbours")
    km = distance_km(
        latitude[rows][:, None], longitude[rows][:, None], latitude[rows], longitude[rows]
    )
    comparison = _Comparison(z, km, effective)
    while (worst := comparison.worst()) is not None:
        report(progress, cancelled, 0.8, "Comparing with neighbours")
        comparison.put_aside(worst)
    comparison.take_back()
    return comparison.result(rows, len(usable))


def departures(
    values: NDArray[np.floating], steps: NDArray[np.int64], period: Period
) -> NDArray[np.float32]:
    """Logarithms of values less their usual level at that time, (time, station).

    The usual level is the running mean over `USUAL_LEVEL`, without which all series correlate by
    their seasons and their hours of the day alone. NaN where it has too few values.
    """
    cycle, half, needed = USUAL_LEVEL[period]
    logs = np.log1p(np.maximum(values, 0.0)).astype(np.float64)
    out = np.full(logs.shape, np.nan, dtype=np.float32)
    for phase in np.unique(steps % cycle):
        rows = np.flatnonzero(steps % cycle == phase)
        turn = steps[rows] // cycle
        first = np.searchsorted(turn, turn - half, side="left")
        after = np.searchsorted(turn, turn + half, side="right")
        total = _running(np.nan_to_num(logs[rows], nan=0.0))
        count = _running(np.isfinite(logs[rows]).astype(np.float64))
        enough = count[after] - count[first]
        level = (total[after] - total[first]) / np.maximum(enough, 1)
        out[rows] = np.where(enough >= needed, logs[rows] - level, np.nan)
    return out


def fisher(anomalies: NDArray[np.float32], steps: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Fisher's z of the correlations between series, and how many independent values each has.

    Both (station, station); z is NaN on the diagonal and below `ENOUGH` independent values, which
    are n(1 - ab)/(1 + ab) of n common values with autocorrelations a and b at one step.

    Source: Bretherton et al. (1999), The effective number of spatial degrees of freedom of a
    time-varying field, J. Climate 12, 1990-2009.
    """
    known = np.isfinite(anomalies)
    x = np.where(known, anomalies, 0).astype(np.float32)
    m = known.astype(np.float32)
    n = (m.T @ m).astype(np.float64)
    sums, squares = (x.T @ m).astype(np.float64), ((x * x).T @ m).astype(np.float64)
    products = (x.T @ x).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = squares / n - (sums / n) ** 2
        covariance = products / n - sums * sums.T / n**2
        r = covariance / np.sqrt(variance * variance.T)
    ab = np.multiply.outer(*[_autocorrelation(x, m, steps)] * 2)
    effective = n * (1 - ab) / (1 + ab)
    z = np.arctanh(np.clip(r, -_ONE, _ONE))
    # A constant series has a variance of rounding errors, and would correlate by these.
    flat = np.minimum(variance, variance.T) <= 1e-9
    z[(effective < ENOUGH) | flat | np.eye(len(z), dtype=bool)] = np.nan
    return z, effective


def _autocorrelation(
    x: NDArray[np.float32], m: NDArray[np.float32], steps: NDArray[np.int64]
) -> Floats:
    """Autocorrelation of each series at one step, 0 to 0.99, (station,)."""
    gaps = np.diff(steps)
    next_to = gaps == gaps.min() if gaps.size else np.zeros(0, dtype=bool)
    both = m[:-1][next_to] * m[1:][next_to]
    a, b = x[:-1][next_to] * both, x[1:][next_to] * both
    product = (a * b).sum(axis=0, dtype=np.float64)
    power = np.sqrt((a * a).sum(axis=0, dtype=np.float64) * (b * b).sum(axis=0, dtype=np.float64))
    return np.asarray(np.clip(product / np.maximum(power, 1e-12), 0.0, 0.99), dtype=np.float64)


class _Comparison:
    """Gaps between the nearest and the best, kept up while stations are put aside."""

    def __init__(self, z: Floats, km: Floats, effective: Floats) -> None:
        self.z, self.km = z, km
        defined = np.isfinite(z)
        self.by_distance = np.argsort(np.where(defined, km, np.inf), axis=1, kind="stable")
        self.by_z = np.argsort(np.where(defined, -z, np.inf), axis=1, kind="stable")
        self.defined = defined
        count = len(z)
        self.active = np.ones(count, dtype=bool)
        self.nearest = np.full((count, NEIGHBOURS), -1)
        self.best = np.full((count, NEIGHBOURS), -1)
        self.gap = np.full(count, np.nan)
        typical = np.full(count, np.nan)
        some = defined.any(axis=1)
        typical[some] = np.nanmedian(np.where(defined, effective, np.nan)[some], axis=1)
        # The largest of n normal values is about sqrt(2 ln n) standard deviations.
        chance = np.sqrt(2 * np.log(max(count, 2)) * 2 / np.maximum(typical - 3, 1))
        self.least = np.fmax(chance, LEAST_GAP)
        for row in range(count):
            self._compare(row)

    def threshold(self) -> Floats:
        """What gaps must exceed, from those of all stations against the active ones."""
        gaps = self.gap[np.isfinite(self.gap)]
        if not gaps.size:
            return np.full(len(self.gap), np.nan)
        middle = np.median(gaps)
        spread = 1.4826 * np.median(np.abs(gaps - middle))
        return np.asarray(np.maximum(middle + SPREADS * spread, self.least), dtype=np.float64)

    def worst(self) -> int | None:
        """The active station whose gap exceeds the least threshold by most; None if none does."""
        excess = np.where(self.active, self.gap - self.least, -np.inf)
        excess[np.isnan(excess)] = -np.inf
        row = int(excess.argmax()) if excess.size else -1
        return row if row >= 0 and excess[row] > 0 else None

    def put_aside(self, row: int) -> None:
        self.active[row] = False
        touched = (self.nearest == row).any(axis=1) | (self.best == row).any(axis=1)
        for other in np.flatnonzero(touched):
            self._compare(int(other))

    def take_back(self) -> None:
        aside = np.flatnonzero(~self.active)
        for row in aside:
            self._compare(int(row))
        self.active[aside] = ~(self.gap[aside] > self.threshold()[aside])

    def _compare(self, row: int) -> None:
        self.nearest[row], self.best[row], self.gap[row] = -1, -1, np.nan
        near, best = (
            order[self.active[order] & self.defined[row, order] & (order != row)][:NEIGHBOURS]
            for order in (self.by_distance[row], self.by_z[row])
        )
        if len(near) == NEIGHBOURS and self.defined[row].sum() + 1 >= FEWEST_STATIONS:
            self.nearest[row], self.best[row] = near, best
            self.gap[row] = self.z[row, best].mean() - self.z[row, near].mean()

    def result(self, rows: NDArray[np.int64], count: int) -> Places:
        """The same for all stations, those that were not compared among them."""
        compared = np.isfinite(self.gap)
        index = np.arange(len(rows))[:, None]

        def mean(chosen: NDArray[np.int64], of: Floats) -> Floats:
            return np.where(compared, np.tanh(of[index, chosen].mean(axis=1)), np.nan)

        def km(chosen: NDArray[np.int64]) -> Floats:
            return np.where(compared, np.median(self.km[index, chosen], axis=1), np.nan)

        def spread(part: NDArray[np.generic], empty: float) -> NDArray:  # type: ignore[type-arg]
            whole = np.full((count, *part.shape[1:]), empty, dtype=part.dtype)
            whole[rows] = part
            return whole

        return Places(
            checked=spread(compared, False),
            wrong=spread(~self.active & compared, False),
            near=spread(mean(self.nearest, self.z), np.nan),
            near_km=spread(km(self.nearest), np.nan),
            best=spread(mean(self.best, self.z), np.nan),
            best_km=spread(km(self.best), np.nan),
            best_stations=spread(np.where(self.best < 0, -1, rows[self.best]), -1),
            gap=spread(self.gap, np.nan),
            threshold=spread(self.threshold(), np.nan),
        )


def thinned(steps: NDArray[np.int64], period: Period) -> NDArray[np.int64]:
    """Rows of at most about `MOST_TIMES` times, at the same hours of every day."""
    every = 1
    if period == "hour":
        every = next((s for s in (1, 2, 3, 4, 6, 8, 12) if len(steps) <= s * MOST_TIMES), 24)
    return np.flatnonzero(steps % every == 0)


def _running(values: Floats) -> Floats:
    """Sums of the rows before each, one row more than there are."""
    return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
