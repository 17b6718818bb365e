"""Where and when a model is wrong: tables from gathered evidence.

Error by concentration, by a property of the place, by category; Taylor's statistics; two
properties of places: distance to the nearest station and density of city dwellers.

Source of the Taylor diagram: Taylor (2001), doi:10.1029/2000JD900719.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from engine.core.grid import Grid, arc_km, on_sphere
from engine.verify.evidence import STEP, at_places, classes
from engine.verify.metric_tables import DIFFERENCES
from engine.verify.metrics import METRICS, centred_rmse, correlation, take, variance
from engine.verify.spectra import cell_km

CITY_REACH_KM = 10.0  # standard deviation over which the people of a city are spread


@dataclass(frozen=True)
class Bin:
    """Error over the pairs of one class of a covariate.

    Attributes:
        low: Lower bound of the class.
        high: Upper bound.
        n: Pairs.
        bias: Mean error, NaN without pairs.
        mae: Mean absolute error.
        rmse: Root mean square error.
    """

    low: float
    high: float
    n: int
    bias: float
    mae: float
    rmse: float


@dataclass(frozen=True)
class Taylor:
    """Taylor's statistics of a model.

    Attributes:
        correlation: Pearson's r.
        spread: Standard deviation of the prediction over that of the target.
        distance: Centred RMSE over the standard deviation of the target.
        bias: Mean error, which the diagram does not show.
        n: Pairs.
    """

    correlation: float
    spread: float
    distance: float
    bias: float
    n: int


@dataclass(frozen=True)
class Categories:
    """How often a model says "above the limit" and is right.

    Attributes:
        hits: Pairs above in both.
        misses: Above in the target alone.
        false_alarms: Above in the prediction alone.
        others: Above in neither.
    """

    hits: int
    misses: int
    false_alarms: int
    others: int

    @property
    def pod(self) -> float:
        """Probability of detection: share of what was above that was said to be."""
        return _share(self.hits, self.hits + self.misses)

    @property
    def far(self) -> float:
        """False alarm ratio: share of what was said to be above that was not."""
        return _share(self.false_alarms, self.hits + self.false_alarms)

    @property
    def csi(self) -> float:
        """Critical success index: hits among all that was above or said to be."""
        return _share(self.hits, self.hits + self.misses + self.false_alarms)


def by_concentration(evidence: xr.Dataset, parts: int = 10) -> tuple[Bin, ...]:
    """Error by part of the target's distribution: deciles, if `parts` is 10.

    Bounds lie on the classes of the histogram, so parts may differ in number by a class; empty
    ones are left out.
    """
    table = evidence["by_class"].values
    n = table[:, 0]
    if not n.sum():
        return ()
    middle = (np.cumsum(n) - n / 2) / n.sum()
    part = np.minimum((middle * parts).astype(int), parts - 1)
    bins = []
    for number in range(parts):
        rows = np.flatnonzero((part == number) & (n > 0))
        if rows.size:
            low, high = rows[0] * STEP, (rows[-1] + 1) * STEP
            bins.append(_bin(float(low), float(high), table[rows].sum(axis=0)))
    return tuple(bins)


def by_covariate(
    evidence: xr.Dataset, covariate: NDArray[np.floating], bounds: Sequence[float]
) -> tuple[Bin, ...]:
    """Error by classes of a property of the places.

    Args:
        evidence: From `gather`.
        covariate: The property, of the shape of a day; NaN counts nowhere.
        bounds: Lower bound of the first class, bounds between, upper bound of the last; a class
            holds its lower bound.

    Raises:
        ValueError: If the shape is not that of a day.
    """
    table = at_places(evidence)
    if covariate.shape != table.shape[:-1]:
        raise ValueError(f"covariate has shape {covariate.shape}, a day {table.shape[:-1]}")
    bins = []
    for low, high in pairwise(bounds):
        inside = (covariate >= low) & (covariate < high)
        bins.append(_bin(float(low), float(high), table[inside].sum(axis=0)))
    return tuple(bins)


def taylor(evidence: xr.Dataset) -> Taylor:
    """Taylor's statistics of all pairs together."""
    total = evidence["by_day"].values.sum(axis=0)
    spread = float(np.sqrt(variance(total, "target")))
    return Taylor(
        float(correlation(total)),
        _share(float(np.sqrt(variance(total, "prediction"))), spread),
        _share(float(centred_rmse(total)), spread),
        float(METRICS["bias"](total)),
        int(total[0]),
    )


def categories(evidence: xr.Dataset, limit: float) -> Categories:
    """How well "above the limit" is predicted.

    Exact for limits that are multiples of 0.5 ug m-3; others are taken at the next such multiple.
    """
    counts = evidence["histogram"].values.astype(np.int64)
    first = int(classes(np.array([limit]))[0]) + 1
    return Categories(
        hits=int(counts[first:, first:].sum()),
        misses=int(counts[first:, :first].sum()),
        false_alarms=int(counts[:first, first:].sum()),
        others=int(counts[:first, :first].sum()),
    )


def mean_error(evidence: xr.Dataset, measure: str, *, floor: float = 0.0) -> NDArray[np.float64]:
    """Map of the mean over days of one measure of error; NaN where no day has both values.

    Args:
        evidence: From `gather`.
        measure: "bias", "absolute", or "relative": bias in per cent of the mean target.
        floor: Smallest mean target, ug m-3, for which a relative error means something.

    Raises:
        ValueError: If the measure is unknown.
    """
    totals = at_places(evidence)
    if measure == "relative":
        enough = METRICS["mean_target"](totals) >= np.maximum(floor, 1e-9)
        return np.where(enough, 100 * METRICS["nmb"](totals), np.nan)
    names = {"bias": "bias", "absolute": "mae"}
    if measure not in names:
        raise ValueError(f"measure {measure!r} is none of bias, absolute, relative")
    return METRICS[names[measure]](totals)


def distance_to_station(
    grid: Grid, latitude: NDArray[np.floating], longitude: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Distance from each cell's centre to the nearest station, km, (rows, columns).

    Raises:
        ValueError: If there is no station.
    """
    if len(latitude) == 0:
        raise ValueError("there is no station to measure a distance to")
    lat, lon = np.meshgrid(grid.latitude, grid.longitude, indexing="ij")
    chord, _ = cKDTree(on_sphere(latitude, longitude)).query(on_sphere(lat.ravel(), lon.ravel()))
    return arc_km(chord).reshape(grid.shape)


def distance_to_others(
    latitude: NDArray[np.floating], longitude: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Distance from each station to the nearest other one, km; NaN where it is alone."""
    if len(latitude) < 2:
        return np.full(len(latitude), np.nan)
    points = on_sphere(latitude, longitude)
    chord, _ = cKDTree(points).query(points, k=2)
    return arc_km(chord[:, 1])


def city_density(
    grid: Grid,
    latitude: NDArray[np.floating],
    longitude: NDArray[np.floating],
    population: NDArray[np.floating],
) -> NDArray[np.float64]:
    """People of the listed cities per km², spread around each city's centre; (rows, columns).

    A proxy for how urban a cell is: it knows cities by their centre and population alone, not
    where anyone lives. Cities outside the grid are left out, so its rim is too low.
    """
    row, column, inside = grid.cell_of(latitude, longitude)
    people = np.zeros(grid.shape)
    np.add.at(people, (row[inside], column[inside]), population[inside])
    height, width = cell_km(grid)
    spread = gaussian_filter(
        people, (CITY_REACH_KM / height, CITY_REACH_KM / width), mode="constant"
    )
    density: NDArray[np.float64] = spread / grid.cell_area()[:, None]
    return density


def _bin(low: float, high: float, sums: NDArray[np.float64]) -> Bin:
    """A class from sums in the order of `BY_PLACE`."""
    bias, mae, rmse = (float(METRICS[name](sums)) for name in DIFFERENCES)
    return Bin(low, high, int(take(sums, "n")), bias, mae, rmse)


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")
