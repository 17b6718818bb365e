"""From the order of cells in a file to ours: north first, west first, longitudes in [-180, 180).

A `Placement` is made once for a geometry and applied to each map. Turning an axis moves values
and changes none; `engine.data.curvilinear` makes those that must interpolate.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import DataError
from engine.core.grid import Grid

Map = NDArray[np.float32]


@dataclass(frozen=True)
class Placement:
    """How the maps of a file come to lie on our grid.

    Attributes:
        grid: Where they lie afterwards.
        place: Takes a map (row, column) as the file has it; gives it on `grid`.
        notes: What was turned, for the user.
        method: How values were interpolated; empty where none was.
    """

    grid: Grid
    place: Callable[[Map], Map]
    notes: tuple[str, ...] = ()
    method: str = ""


def regular(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64], *, where: str
) -> Placement:
    """Placement of a grid with one axis of latitudes and one of longitudes.

    Raises:
        DataError: If the axes are uneven, exchanged, or cross the 180° meridian.
    """
    check_degrees(latitude, longitude, where=where)
    longitude, kept, notes = _once_around(longitude)
    rows = slice(None)
    if latitude[0] < latitude[-1]:
        rows = slice(None, None, -1)
        notes.append("Latitudes ran from south to north; turned.")
    turned = wrap(longitude)
    if longitude.max() >= 180:
        notes.append("Longitudes ran from 0 to 360; turned to -180…180.")
    columns = np.argsort(turned, kind="stable")
    if longitude[0] > longitude[-1]:
        notes.append("Longitudes ran from east to west; turned.")
    if len(columns) > 2 and turned[columns[0]] - _half_step(turned[columns]) < -180 - 1e-6:
        columns = columns[1:]
        notes.append("The column at 180° was left out.")
    if np.ptp(turned) > 180 > np.ptp(longitude):
        raise DataError(
            "the grid crosses the 180° meridian",
            where=where,
            remedy="Cut it there and import both parts",
        )
    grid = Grid.from_axes(tidy(latitude[rows]), tidy(turned[columns]), where=where)

    def place(values: Map) -> Map:
        return values[rows][:, kept][:, columns]

    return Placement(grid, place, tuple(notes))


def _half_step(axis: NDArray[np.float64]) -> float:
    """Half of the usual distance between two neighbours of a sorted axis."""
    return float(np.median(np.diff(axis))) / 2


def _once_around(
    longitude: NDArray[np.float64],
) -> tuple[NDArray[np.float64], slice, list[str]]:
    """An axis without the column at its end that is the one at its beginning, or lies on 180°.

    Gives the axis, its columns, and what to report. A cell with its centre on 180° lies half beyond
    the map's edge.
    """
    first, last = float(longitude[0]), float(longitude[-1])
    if abs(abs(last - first) - 360) < 1e-6:
        return longitude[:-1], slice(None, -1), ["The last column repeats the first; left out."]
    if abs(last - 180) < 1e-6 and first < last and first > -180:
        return longitude[:-1], slice(None, -1), ["The column at 180° was left out."]
    return longitude, slice(None), []


def check_degrees(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64], *, where: str
) -> None:
    """Refuse what cannot be degrees north and east.

    Raises:
        DataError: If a value is missing or out of range; says so if the two look exchanged.
    """
    if not (np.isfinite(latitude).all() and np.isfinite(longitude).all()):
        raise DataError(
            "a latitude or longitude is missing", where=where, remedy="Fill in the coordinates"
        )
    farthest = float(latitude.ravel()[np.abs(latitude).argmax()])
    if abs(farthest) > 90.0001:
        exchanged = np.abs(longitude).max() <= 90
        raise DataError(
            "latitude reaches {farthest}°; latitude and longitude look exchanged"
            if exchanged
            else "latitude reaches {farthest}°",
            where=where,
            remedy="Exchange the two" if exchanged else "Give coordinates in degrees",
            farthest=f"{farthest:g}",
        )
    if longitude.min() < -180.0001 or longitude.max() > 360.0001:
        raise DataError(
            "longitudes from {low} to {high} are no degrees",
            where=where,
            remedy="Give coordinates in degrees",
            low=f"{longitude.min():g}",
            high=f"{longitude.max():g}",
        )


def wrap(longitude: NDArray[np.float64]) -> NDArray[np.float64]:
    """Longitudes in [-180, 180)."""
    wrapped: NDArray[np.float64] = np.where(longitude >= 180, longitude - 360, longitude)
    return wrapped


def tidy(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """The axis without the dust of float32: 44.949997 becomes 44.95 if all values allow it."""
    rounded = np.round(axis, 4)
    # Float32 is off by at most 1.5e-5 at 180°; a finer grid than 1e-4 keeps its own digits.
    return rounded if np.abs(rounded - axis).max() < 2e-5 else axis


def as_axes(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The two axes of a regular grid that was written out in full; None if it is curvilinear."""
    if latitude.ndim == 1 and longitude.ndim == 1:
        return latitude, longitude
    if latitude.shape != longitude.shape:
        return None
    flat = np.allclose(latitude, latitude[:, :1], atol=1e-4, equal_nan=False)
    upright = np.allclose(longitude, longitude[:1, :], atol=1e-4, equal_nan=False)
    return (latitude[:, 0], longitude[0, :]) if flat and upright else None
