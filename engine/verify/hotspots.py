"""Where a map is wrong: connected areas of large error, ranked, with how long they last.

An area holds one sign only: cells above `threshold` and cells below minus `threshold` are never
joined, since a model that is too high in a city and too low around it has two faults. Cells that
touch at a corner are one area. Rank is by area times mean error: the mass that is misplaced.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.core.grid import Grid

TOUCHING = np.ones((3, 3), dtype=int)  # neighbours, corners included


@dataclass(frozen=True)
class Hotspot:
    """A connected area of large error.

    Attributes:
        rank: 1 is the worst.
        sign: +1 where the model is too high, -1 where it is too low.
        area: km².
        cells: Number of cells.
        mean: Mean error over the area, each cell weighted by its area; in the field's unit.
        peak: Error of the worst cell.
        latitude: Of the area's centroid, which may lie outside a bent area.
        longitude: Of the centroid.
        peak_latitude: Of the worst cell.
        peak_longitude: Of the worst cell.
        days: Days on which the area's mean error passes the threshold with the same sign.
        of_days: Days with at least one valid cell in the area.
    """

    rank: int
    sign: int
    area: float
    cells: int
    mean: float
    peak: float
    latitude: float
    longitude: float
    peak_latitude: float
    peak_longitude: float
    days: int
    of_days: int


def hotspots(
    error: NDArray[np.floating],
    grid: Grid,
    *,
    threshold: float,
    daily: NDArray[np.floating] | None = None,
    most: int = 20,
    least_cells: int = 4,
) -> tuple[Hotspot, ...]:
    """The worst connected areas of an error map, worst first.

    Args:
        error: Signed error, or its mean over days, (rows, columns); NaN is no data.
        grid: Where the cells are.
        threshold: Size of error that counts, in the unit of `error`; positive.
        daily: Errors of the single days, (days, rows, columns), for persistence. None takes
            `error` for the only day.
        most: Areas to return at most.
        least_cells: Smaller areas are left out.

    Raises:
        ValueError: If the threshold is not positive or the shapes differ.
    """
    if not threshold > 0:
        raise ValueError(f"threshold {threshold} is not positive")
    if error.shape != grid.shape or (daily is not None and daily.shape[1:] != grid.shape):
        raise ValueError(f"errors do not have the {grid.shape} cells of the grid")
    days = error[None] if daily is None else daily
    area = np.broadcast_to(grid.cell_area()[:, None], grid.shape)
    spots = [
        spot
        for sign in (1, -1)
        for spot in _of_sign(error, grid, area, days, sign, threshold, least_cells)
    ]
    spots.sort(key=lambda spot: -abs(spot.mean) * spot.area)
    return tuple(replace(spot, rank=rank) for rank, spot in enumerate(spots[:most], 1))


def _of_sign(
    error: NDArray[np.floating],
    grid: Grid,
    area: NDArray[np.float64],
    days: NDArray[np.floating],
    sign: int,
    threshold: float,
    least_cells: int,
) -> list[Hotspot]:
    labels, _ = ndimage.label(np.nan_to_num(sign * error) > threshold, structure=TOUCHING)
    sizes = np.bincount(labels.ravel())
    windows = ndimage.find_objects(labels)
    return [
        _describe(labels[window] == label, window, error, grid, area, days, sign, threshold)
        for label, window in enumerate(windows, 1)
        if window is not None and sizes[label] >= least_cells
    ]


def _describe(
    inside: NDArray[np.bool_],
    window: tuple[slice, slice],
    error: NDArray[np.floating],
    grid: Grid,
    area: NDArray[np.float64],
    days: NDArray[np.floating],
    sign: int,
    threshold: float,
) -> Hotspot:
    values = error[window][inside].astype(np.float64)
    weight = area[window][inside]
    latitude, longitude = np.meshgrid(
        grid.latitude[window[0]], grid.longitude[window[1]], indexing="ij"
    )
    latitude, longitude = latitude[inside], longitude[inside]
    worst = int((sign * values).argmax())
    of_day = _means(days[(slice(None), *window)][:, inside], weight)
    return Hotspot(
        rank=0,
        sign=sign,
        area=float(weight.sum()),
        cells=len(values),
        mean=float(np.average(values, weights=weight)),
        peak=float(values[worst]),
        latitude=float(np.average(latitude, weights=weight)),
        longitude=float(np.average(longitude, weights=weight)),
        peak_latitude=float(latitude[worst]),
        peak_longitude=float(longitude[worst]),
        days=int((sign * np.nan_to_num(of_day) > threshold).sum()),
        of_days=int(np.isfinite(of_day).sum()),
    )


def _means(values: NDArray[np.floating], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted mean over the valid cells of each day; NaN where a day has none."""
    valid = np.isfinite(values)
    total = np.where(valid, values, 0.0).astype(np.float64) @ weight
    known = valid.astype(np.float64) @ weight
    means = np.full(len(values), np.nan)
    np.divide(total, known, out=means, where=known > 0)
    return means
