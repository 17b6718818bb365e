"""Ordinary kriging of many dates at once: fields, what each group misses, variances.

The systems are solved by `engine.core.kriging`. The same stations on all dates share one inverse;
dates with gaps are solved for the stations that they have.

Source: Dubrule, Mathematical Geology 15 (1983) 687, doi:10.1007/BF01033232, for errors of
stations left out from one inverse; blocks as in its generalisation to groups.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from engine.core.covariance import Covariance
from engine.core.grid import arc_km, on_sphere
from engine.core.kriging import bordered_inverse, place_variance
from engine.fusion.groups import Groups, Numbers, distances

NEIGHBOURS = 32  # that decide a variance
CHUNK = 4_000_000  # distances at once


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
    groups = []
    for n, pattern in enumerate(patterns):
        if pattern.sum() >= 2:
            groups.append((np.flatnonzero(which.ravel() == n), np.flatnonzero(pattern)))
    return groups


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
        inverse = bordered_inverse(covariance.matrix(km[np.ix_(stations, stations)]))
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
    inverse = bordered_inverse(covariance.matrix(distances(*stations)))
    # The dual form: what is solved once for the stations serves every place.
    dual = np.column_stack([values, np.zeros(len(values))]) @ inverse
    result = np.empty((len(values), len(places[0])))
    step = max(1, CHUNK // count)
    for start in range(0, len(places[0]), step):
        part = slice(start, start + step)
        km = distances(places[0][part], places[1][part], *stations)
        result[:, part] = dual[:, :count] @ covariance.between(km).T + dual[:, count:]
    return result


def nearest_km(stations: tuple[Numbers, Numbers], places: tuple[Numbers, Numbers]) -> Numbers:
    """Distance of each place to its nearest station, km."""
    tree = cKDTree(on_sphere(*stations))
    chord, _ = tree.query(on_sphere(*places))
    return arc_km(chord)


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
    # Once for all pairs of stations: a place only picks its neighbours' rows and columns.
    among = covariance.between(distances(*stations))
    result = np.empty(len(places[0]))
    step = max(1, CHUNK // (near * near))
    for start in range(0, len(result), step):
        part = slice(start, start + step)
        chord, index = tree.query(on_sphere(places[0][part], places[1][part]), k=near)
        index, to_place = index.reshape(-1, near), arc_km(chord.reshape(-1, near))
        unexplained = place_variance(
            among[index[:, :, None], index[:, None, :]],
            covariance.between(to_place),
            covariance.nugget,
        )
        result[part] = np.maximum(unexplained, 1e-9)
    return result
