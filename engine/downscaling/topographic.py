"""The topographic step: height gives a coarse map detail, where the coarse map shows that it does.

Over rough land PM2.5 falls with height, and a fine map of height is known everywhere. The slope of
log(PM2.5 + 1) on height is found from the coarse cells around each coarse cell, and nothing is
learned. The same slope is then tried on the coarse cells themselves: each is predicted from its
neighbours without it. Only the share of the slope that is shown there is used; where none is shown
the map stays as it is. Area means over the coarse cells are kept.

Sources: Daly, Neilson and Phillips (1994), A statistical-topographic model for mapping
climatological precipitation over mountainous terrain, J. Appl. Meteorol. 33, 140–158, for a local
regression on height, doi:10.1175/1520-0450(1994)033<0140:ASTMFM>2.0.CO;2. Conley (1999), GMM
estimation with cross sectional dependence, J. Econometrics 92, 1–45, for errors that go together,
doi:10.1016/S0304-4076(98)00084-0. Share and bounds are of this project.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.downscaling.area_means import match_area_means
from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.effective_resolution import own_sigma
from engine.downscaling.exact_detail import smooth_map
from engine.downscaling.overlaps import Overlap
from engine.downscaling.regridding import check_values, regrid
from engine.downscaling.smoothing import gaussian_smooth

Field = NDArray[np.float64]
SLOPE_CELLS = 5  # coarse cells along the side of the square that a slope is found in
SHARE_CELLS = 11  # and of the square that its share is found in
RIDGE = 0.02  # km²: a spread of height below 140 m says little
LEAST_CELLS = 20  # tried cells that a share needs
MOST_SHARE = 0.4
TOGETHER_CELLS = 5  # cells along the side of the square in which errors go together
STANDARD_ERRORS = 2.0  # that a share is lowered by
FLAT = 1e-6  # of the log: less is rounding


def topographic(
    coarse: NDArray[np.floating],
    smooth: NDArray[np.floating],
    elevation: NDArray[np.floating],
    down: Overlap,
) -> Field:
    """A smooth map with the detail that height gives it, the coarse map's own means kept.

    Args:
        coarse: (coarse row, coarse column), ug m-3, NaN where it has none.
        smooth: (row, column), ug m-3, `engine.downscaling.exact_detail.smooth_map` of it; NaN is
            no data and stays so.
        elevation: (row, column), m; below 0 counts as 0; NaN: not known, no detail there.
        down: From the fine cells, which are regular, to the coarse cells.

    Returns:
        (row, column), ug m-3: `smooth` itself where no coarse cell shows a slope.

    Raises:
        ValueError: If shapes do not fit or the fine cells are not regular.
    """
    check_values(smooth, down.source.shape)
    change = log_change(coarse, elevation, np.isfinite(smooth), down)
    same: Field = np.asarray(smooth, np.float64)
    if not (np.abs(change) > FLAT).any():
        return same
    detailed = np.maximum((same + 1) * np.exp(change) - 1, 0.0)
    return match_area_means(detailed, coarse, down, smooth=False).values


def log_change(
    coarse: NDArray[np.floating],
    elevation: NDArray[np.floating],
    land: NDArray[np.bool_],
    down: Overlap,
) -> Field:
    """What the step adds to the logarithm of value + 1, before area means are restored.

    It is never more than the coarse values around differ: half of the range of their logarithms in
    the square that the slope is found in.

    Args:
        coarse: As for `topographic`.
        elevation: As for `topographic`.
        land: (row, column), cells that have a value.
        down: As for `topographic`.

    Returns:
        (row, column), no unit; 0 where there is no detail.

    Raises:
        ValueError: If shapes do not fit or the fine cells are not regular.
    """
    check_values(elevation, down.source.shape)
    check_values(coarse, down.target.shape)
    cells = down.source
    if not isinstance(cells, RegularCells):
        raise ValueError("the fine cells must be regular")
    known = land & np.isfinite(elevation)
    km = np.where(known, np.maximum(elevation, 0.0) / 1000, np.nan)
    there = regrid(km, down, min_valid_share=0.01)
    slope, most = used_slope(coarse, there)
    if not slope.any():
        return np.zeros(cells.shape)
    anomaly = km - smooth_map(there, known, down)
    sigma = own_sigma(down.target)
    fine_slope, fine_most = (_drawn(f, down, cells, sigma) for f in (slope, most))
    change = np.clip(fine_slope * anomaly, -fine_most, fine_most)
    return np.where(np.isfinite(change), change, 0.0)


def used_slope(coarse: NDArray[np.floating], km: NDArray[np.floating]) -> tuple[Field, Field]:
    """The slope of log(value + 1) on height that is used in each coarse cell, and its bound.

    Args:
        coarse: (coarse row, coarse column), ug m-3, NaN where it has none.
        km: (coarse row, coarse column), mean height, km, NaN where not known.

    Returns:
        Slope per km, 0 where none is shown; and half of the range of log(value + 1) around. Both
        (coarse row, coarse column).
    """
    known = np.isfinite(coarse) & np.isfinite(km)
    weight = known.astype(np.float64)
    y = np.where(known, np.log1p(np.maximum(np.nan_to_num(coarse), 0.0)), 0.0)
    z = np.where(known, np.nan_to_num(km), 0.0)
    # Tried: each cell from the eight around it, with the slope of the square without it.
    around = _sums(weight, 3) - weight
    near = known & (around >= 3)
    count = np.maximum(around, 1.0)
    dy = np.where(near, y - (_sums(y, 3) - y) / count, 0.0)
    dz = np.where(near, z - (_sums(z, 3) - z) / count, 0.0)
    tried = dz * _slope(y, z, weight, without_centre=True) * near
    share = _share(dy, tried, near)
    low = ndimage.minimum_filter(np.where(known, y, np.inf), SLOPE_CELLS, mode="nearest")
    high = ndimage.maximum_filter(np.where(known, y, -np.inf), SLOPE_CELLS, mode="nearest")
    span = np.where(np.isfinite(high - low), (high - low) / 2, 0.0)
    return share * _slope(y, z, weight, without_centre=False) * known, span


def _share(dy: Field, tried: Field, near: NDArray[np.bool_]) -> Field:
    """Slope through 0 of what cells differ by on what was predicted, less its standard errors."""
    square = _sums(tried**2, SHARE_CELLS)
    count = _sums(((tried != 0) & near).astype(np.float64), SHARE_CELLS)
    some = (count >= LEAST_CELLS) & (square > 0)
    divisor = np.where(some, square, 1.0)
    share = _sums(tried * dy, SHARE_CELLS) / divisor
    # What neighbours are off by goes together: Conley (1999), never below White (1980).
    score = tried * (dy - share * tried)
    alone = _sums(score**2, SHARE_CELLS)
    together = _sums(score * _sums(score, TOGETHER_CELLS), SHARE_CELLS)
    error = np.sqrt(np.maximum(alone, together)) / divisor
    return np.where(some, np.clip(share - STANDARD_ERRORS * error, 0.0, MOST_SHARE), 0.0)


def _slope(y: Field, z: Field, weight: Field, *, without_centre: bool) -> Field:
    """Slope of y on z in a square of cells, made smaller where heights hardly differ."""

    def total(field: Field) -> Field:
        square = _sums(field, SLOPE_CELLS)
        return square - field if without_centre else square

    count = np.maximum(total(weight), 1.0)
    mean_y, mean_z = total(y) / count, total(z) / count
    together = total(y * z) / count - mean_y * mean_z
    spread = np.maximum(total(z * z) / count - mean_z**2, 0.0)
    return np.where(spread > 0, together / (spread + RIDGE), 0.0)


def _sums(field: Field, side: int) -> Field:
    """Sums over squares of cells; beyond the edge there is nothing."""
    ones = np.ones(side)
    down = ndimage.correlate1d(field, ones, axis=0, mode="constant")
    return np.asarray(ndimage.correlate1d(down, ones, axis=1, mode="constant"))


def _drawn(values: Field, down: Overlap, cells: RegularCells, sigma: float) -> Field:
    """A coarse field on the fine cells, without edges of coarse cells."""
    return gaussian_smooth(regrid(values, down.turned(), min_valid_share=0.0), cells, sigma)
