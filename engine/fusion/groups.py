"""Which stations are left out together: units, squares, regions, and how far the next one is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.cluster.vq import kmeans2

from engine.core.grid import arc_km, on_sphere

Numbers = NDArray[np.float64]
Groups = NDArray[np.intp]

UNIT_KM = 2.0  # stations nearer than this are one unit
SQUARES = (1.0, 2.0, 4.0)  # degrees
REGIONS = 10
LEAST_UNITS = 10


@dataclass(frozen=True)
class Scheme:
    """One way to leave stations out.

    Attributes:
        name: "singly", "1° squares", "2° squares", "4° squares" or "regions".
        group: Group of each station.
        distance: From each station to the next one outside its group, km.
    """

    name: str
    group: Groups
    distance: Numbers


def distances(
    latitude: Numbers,
    longitude: Numbers,
    other_latitude: Numbers | None = None,
    other_longitude: Numbers | None = None,
) -> Numbers:
    """Great-circle distances in km, (place, other place); by default among the places.

    As `engine.core.grid.distance_km`, of all pairs at once.
    """
    lat2 = latitude if other_latitude is None else other_latitude
    lon2 = longitude if other_longitude is None else other_longitude
    a, b = on_sphere(latitude, longitude), on_sphere(lat2, lon2)
    # Half the chord is the sine of half the angle; a product of matrices is quick.
    chord = np.sqrt(np.clip(2.0 - 2.0 * (a @ b.T), 0.0, 4.0))
    return arc_km(chord)


def units(km: Numbers, cell: Groups | None = None) -> Groups:
    """Unit of each station: those within 2 km of one another, or in one cell of the fine map.

    Args:
        km: Distances among the stations.
        cell: Cell of each, where there is a map.
    """
    count = len(km)
    if count < 2:
        return np.zeros(count, dtype=np.intp)
    near = np.minimum(km, km.T)
    if cell is not None:
        near = np.where(cell[:, None] == cell[None], 0.0, near)
    upper = near[np.triu_indices(count, 1)]
    return np.asarray(fcluster(linkage(upper, "single"), UNIT_KM, "distance") - 1, dtype=np.intp)


def schemes(latitude: Numbers, longitude: Numbers, unit: Groups) -> tuple[Scheme, ...]:
    """All ways to leave stations out that leave some in; a unit is never split."""
    km = distances(latitude, longitude)
    first = {int(u): int(np.flatnonzero(unit == u)[0]) for u in np.unique(unit)}
    lead = np.array([first[int(u)] for u in unit])
    ways = {"singly": unit}
    for side in SQUARES:
        ways[f"{side:g}° squares"] = squares(latitude[lead], longitude[lead], side)
    ways["regions"] = regions(latitude[lead], longitude[lead])
    ways_kept: list[Scheme] = []
    for name, group in ways.items():
        if len(np.unique(group)) < 2 or any(_same(group, way.group) for way in ways_kept):
            continue
        apart = np.where(group[:, None] == group[None], np.inf, km)
        ways_kept.append(Scheme(name, group, apart.min(1)))
    return tuple(ways_kept)


def _same(one: Groups, other: Groups) -> bool:
    """Whether two ways put the same stations together."""
    pairs = len(np.unique(np.column_stack([one, other]), axis=0))
    return pairs == len(np.unique(one)) == len(np.unique(other))


def squares(latitude: Numbers, longitude: Numbers, side: float) -> Groups:
    """Number of the square of so many degrees that each place lies in."""
    rows, columns = np.floor(latitude / side), np.floor(longitude / side)
    _, number = np.unique(np.column_stack([rows, columns]), axis=0, return_inverse=True)
    return np.asarray(number.ravel(), dtype=np.intp)


def regions(latitude: Numbers, longitude: Numbers, count: int = REGIONS) -> Groups:
    """Ten regions of places near to one another, the same for the same places."""
    places = np.column_stack([latitude, longitude * np.cos(np.deg2rad(latitude.mean()))])
    distinct = len(np.unique(places, axis=0))
    if distinct <= count:
        return squares(latitude, longitude, 4.0)
    _, number = kmeans2(places, count, seed=3, minit="++", missing="warn")
    _, number = np.unique(number, return_inverse=True)
    return np.asarray(number, dtype=np.intp)
