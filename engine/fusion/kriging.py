"""Ordinary kriging of many dates at once: fields, what each group misses, variances.

The covariance is exp(-distance / range) plus a nugget, in units of the sill. The same stations on
all dates share one inverse; dates with gaps are solved for the stations that they have.

Source: Dubrule, Mathematical Geology 15 (1983) 687, doi:10.1007/BF01033232, for errors of
stations left out from one inverse; blocks as in its generalisation to groups.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.fusion.groups import EARTH_KM, Groups, Numbers, distances, on_sphere

NEIGHBOURS = 32  # that decide a variance
CHUNK = 4_000_000  # distances at once


@dataclass(frozen=True)
class Covariance:
    """exp(-d / range_km), and a nugget at d = 0, in units of the sill."""

    range_km: float
    nugget: float

    def matrix(self, km: Numbers) -> Numbers:
        """Among stations: with the nugget on the diagonal."""
        return np.asarray(np.exp(-km / self.range_km) + self.nugget * np.eye(len(km)))


def bordered_inverse(km: Numbers, covariance: Covariance) -> Numbers:
    """Inverse of the kriging system of n stations with one unknown mean, (n + 1, n + 1)."""
    count = len(km)
    system = np.zeros((count + 1, count + 1))
    system[:count, :count] = covariance.matrix(km)
    system[:count, count] = system[count, :count] = 1.0
    return np.asarray(np.linalg.inv(system))


def left_out(values: Numbers, inverse: Numbers, group: Groups) -> tuple[Numbers, Numbers]:
    """What each station's value is beyond the kriging of all other groups, and its variance.

    Args:
        values: (date, station), no gaps.
        inverse: Of the stations' system.
        group: Left out together.

    Returns:
        Errors (date, station), value minus estimate; variances (station,) in units of the sill.
    """
    count = values.shape[1]
    weighted = values @ inverse[:count, :count]
    errors, variances = np.empty_like(weighted), np.empty(count)
    for one in np.unique(group):
        at = np.flatnonzero(group == one)
        block = np.linalg.inv(inverse[np.ix_(at, at)])
        errors[:, at] = weighted[:, at] @ block.T
        variances[at] = np.diag(block)
    return errors, variances


def by_gaps(known: NDArray[np.bool_]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Dates that have the same stations, and these stations; dates with fewer than two are left."""
    patterns, which = np.unique(known, axis=0, return_inverse=True)
    found = []
    for n, pattern in enumerate(patterns):
        if pattern.sum() >= 2:
            found.append((np.flatnonzero(which.ravel() == n), np.flatnonzero(pattern)))
    return found


def left_out_with_gaps(
    values: Numbers, km: Numbers, covariance: Covariance, group: Groups
) -> tuple[Numbers, Numbers]:
    """As `left_out`, with values that may be NaN; errors and variances (date, station), NaN there.

    A station whose group holds all stations of a date has no estimate, and NaN.
    """
    errors = np.full(values.shape, np.nan)
    variances = np.full(values.shape, np.nan)
    for dates, stations in by_gaps(np.isfinite(values)):
        own = group[stations]
        if len(np.unique(own)) < 2:
            continue
        inverse = bordered_inverse(km[np.ix_(stations, stations)], covariance)
        part, variance = left_out(values[np.ix_(dates, stations)], inverse, own)
        errors[np.ix_(dates, stations)] = part
        variances[np.ix_(dates, stations)] = variance
    return errors, variances


def field(
    values: Numbers,
    stations: tuple[Numbers, Numbers],
    places: tuple[Numbers, Numbers],
    covariance: Covariance,
) -> Numbers:
    """Kriging of each row of values (row, station) at places, (row, place).

    Args:
        values: No gaps.
        stations: Latitudes and longitudes of the stations.
        places: The same of the places.
        covariance: Of the values.
    """
    count = values.shape[1]
    inverse = bordered_inverse(distances(*stations), covariance)
    # The dual form: what is solved once for the stations serves every place.
    dual = np.column_stack([values, np.zeros(len(values))]) @ inverse
    result = np.empty((len(values), len(places[0])))
    step = max(1, CHUNK // count)
    for start in range(0, len(places[0]), step):
        part = slice(start, start + step)
        km = distances(places[0][part], places[1][part], *stations)
        result[:, part] = dual[:, :count] @ np.exp(-km / covariance.range_km).T + dual[:, count:]
    return result


def nearest_km(stations: tuple[Numbers, Numbers], places: tuple[Numbers, Numbers]) -> Numbers:
    """Distance of each place to its nearest station, km."""
    tree = cKDTree(on_sphere(*stations))
    chord, _ = tree.query(on_sphere(*places))
    return np.asarray(EARTH_KM * np.arcsin(np.minimum(chord / 2, 1.0)))


def variance(
    stations: tuple[Numbers, Numbers],
    places: tuple[Numbers, Numbers],
    covariance: Covariance,
) -> Numbers:
    """Kriging variance at places in units of the sill, nugget included: of a monitor put there.

    From the 32 nearest stations: those beyond them are screened.
    """
    near = min(NEIGHBOURS, len(stations[0]))
    tree = cKDTree(on_sphere(*stations))
    result = np.empty(len(places[0]))
    step = max(1, CHUNK // (near * near))
    for start in range(0, len(result), step):
        part = slice(start, start + step)
        _, index = tree.query(on_sphere(places[0][part], places[1][part]), k=near)
        index = index.reshape(-1, near)
        lat, lon = stations[0][index], stations[1][index]
        between = _km(lat[:, :, None], lon[:, :, None], lat[:, None], lon[:, None])
        to_place = _km(lat, lon, places[0][part][:, None], places[1][part][:, None])
        system = np.ones((len(index), near + 1, near + 1))
        system[:, :near, :near] = np.exp(-between / covariance.range_km)
        system[:, range(near), range(near)] += covariance.nugget
        system[:, near, near] = 0.0
        right = np.ones((len(index), near + 1, 1))
        right[:, :near, 0] = np.exp(-to_place / covariance.range_km)
        weights = np.linalg.solve(system, right)
        explained = (weights[..., 0] * right[..., 0]).sum(1)
        result[part] = np.maximum(1.0 + covariance.nugget - explained, 1e-9)
    return result


def _km(lat1: Numbers, lon1: Numbers, lat2: Numbers, lon2: Numbers) -> Numbers:
    """Great-circle distances of places that broadcast."""
    a, b = np.deg2rad(lat1), np.deg2rad(lat2)
    half = np.sin((a - b) / 2) ** 2
    half = half + np.cos(a) * np.cos(b) * np.sin(np.deg2rad(lon1 - lon2) / 2) ** 2
    return np.asarray(EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0))))
