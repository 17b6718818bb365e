"""The topographic step: detail from the height of the land, learned from the coarse map alone.

Where higher coarse cells around are cleaner, a fine cell that lies higher than its coarse cell is
made cleaner, and the other way round. Nothing is trained. The slope of log PM2.5 on height is taken
over five by five coarse cells; it counts by how much of the variance there it explains, so that it
does nothing on flat land, where height explains nothing, and where too few cells are known.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from engine.downscaling.area_means import match_area_means
from engine.downscaling.overlaps import Overlap
from engine.downscaling.regridding import regrid

Field = NDArray[np.float64]

AROUND = 5  # coarse cells along a side of the window
LEAST_CELLS = 8  # of the window that are known
FLAT = 0.02  # km², added to the variance of height: hills of 140 m count half
SHARE = 0.4  # of the slope between coarse cells that holds inside them
HIGHEST = 0.3  # km above or below the coarse cell; more counts as that much
MOST = 0.5  # of the logarithm at most, either way


@dataclass(frozen=True)
class Slopes:
    """What the coarse map says of height.

    Attributes:
        slope: (coarse row, column), change of log(PM2.5 + 1) by km of height, never above 0.
        explained: Share of the variance of log PM2.5 around that height explains, 0 to 1.
        height: Mean height of each coarse cell, km.
    """

    slope: Field
    explained: Field
    height: Field


def slopes(coarse: NDArray[np.floating], elevation: NDArray[np.floating], down: Overlap) -> Slopes:
    """Slope of log PM2.5 on height around each coarse cell.

    Args:
        coarse: (coarse row, column), ug m-3, NaN where it has none.
        elevation: (row, column) of the fine cells, m; NaN counts as sea.
        down: From the fine cells to the coarse cells.
    """
    height = regrid(np.nan_to_num(elevation) / 1000.0, down, min_valid_share=0.0)
    known = np.isfinite(coarse) & np.isfinite(height)
    x = np.where(known, height, 0.0)
    y = np.where(known, np.log(np.maximum(np.nan_to_num(coarse), 0.0) + 1.0), 0.0)
    count = _mean(known.astype(np.float64))

    def over(values: Field) -> Field:
        return _mean(values) / np.maximum(count, 1e-9)

    mean_x, mean_y = over(x), over(y)
    covariance = over(x * y) - mean_x * mean_y
    spread_x = np.maximum(over(x * x) - mean_x**2, 0.0)
    spread_y = np.maximum(over(y * y) - mean_y**2, 1e-9)
    slope = np.minimum(covariance / (spread_x + FLAT), 0.0)
    explained = np.clip(covariance**2 / (np.maximum(spread_x, 1e-9) * spread_y), 0.0, 1.0)
    enough = count * AROUND**2 >= LEAST_CELLS - 0.5
    return Slopes(np.where(enough, slope, 0.0), np.where(enough, explained, 0.0), height)


def topographic(
    coarse: NDArray[np.floating],
    smooth: NDArray[np.floating],
    elevation: NDArray[np.floating],
    down: Overlap,
) -> Field:
    """A smooth map with the detail that height gives it; means of coarse cells are kept exactly.

    Args:
        coarse: (coarse row, column), ug m-3, NaN where it has none.
        smooth: (row, column), `engine.downscaling.exact_detail.smooth_map` of it.
        elevation: (row, column), m; NaN counts as sea.
        down: From the fine cells to the coarse cells.

    Returns:
        (row, column), ug m-3; NaN where `smooth` is.
    """
    found = slopes(coarse, elevation, down)
    up = down.turned()
    weight = np.nan_to_num(regrid(found.slope * found.explained, up, min_valid_share=0.0))
    mean = np.nan_to_num(regrid(found.height, up, min_valid_share=0.0))
    above = np.clip(np.nan_to_num(elevation) / 1000.0 - mean, -HIGHEST, HIGHEST)
    change = np.clip(SHARE * weight * above, -MOST, MOST)
    made = np.maximum((smooth + 1.0) * np.exp(change) - 1.0, 0.0)
    return match_area_means(made, coarse, down).values


def _mean(values: Field) -> Field:
    """Mean over the window, beyond the edges of the map as at them."""
    return np.asarray(uniform_filter(values, AROUND, mode="nearest"), dtype=np.float64)
