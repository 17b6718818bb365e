"""Means by area from one grid onto another: any ratio of cell sizes, either way.

A target cell takes the mean of the valid source cells that it shares area with, each weighted by
the shared area. A constant stays one, and what the cells hold in sum is kept. At a coast, where
part of a cell has no data, the weights of the rest are renormalised.
"""

import numpy as np
from numpy.typing import NDArray

from engine.downscaling.overlaps import Overlap

LEAST_SHARE = 0.5
_ROUND = 1e-9  # of a cell: what rounding may take from a share


def regrid(
    values: NDArray[np.floating], overlap: Overlap, *, min_valid_share: float = LEAST_SHARE
) -> NDArray[np.float64]:
    """Mean of the valid source cells of each target cell, by shared area.

    Args:
        values: (…, source rows, source columns), any unit; what is not finite is no data.
        overlap: Of `engine.downscaling.overlaps.overlap(source, target)`.
        min_valid_share: A target cell needs valid source cells on this share of its area, and on
            more than none of it.

    Returns:
        (…, target rows, target columns), the unit of `values`; NaN where too little is valid.

    Raises:
        ValueError: If the last two axes are not the source's, or the share is not in 0…1.
    """
    check_values(values, overlap.source.shape)
    if not 0 <= min_valid_share <= 1:
        raise ValueError(f"min_valid_share {min_valid_share} is not between 0 and 1")
    valid = np.isfinite(values)
    weight = overlap.spread(valid.astype(np.float64))
    total = overlap.spread(np.where(valid, values, 0.0).astype(np.float64))
    enough = weight >= (min_valid_share - _ROUND) * _area(overlap)
    mean: NDArray[np.float64] = np.full(weight.shape, np.nan)
    np.divide(total, weight, out=mean, where=enough & (weight > _ROUND * _area(overlap)))
    return mean


def valid_share(values: NDArray[np.floating], overlap: Overlap) -> NDArray[np.float64]:
    """Share of each target cell's area on valid source cells, 0…1, the shape of `regrid`'s.

    Raises:
        ValueError: If the last two axes are not the source's.
    """
    check_values(values, overlap.source.shape)
    covered = overlap.spread(np.isfinite(values).astype(np.float64))
    return np.divide(covered, _area(overlap), out=np.zeros(covered.shape), where=covered > 0)


def check_values(values: NDArray[np.generic], shape: tuple[int, int]) -> None:
    """Values whose last two axes are not a grid's are a programmer's mistake.

    Raises:
        ValueError: If they are not.
    """
    if values.shape[-2:] != shape:
        raise ValueError(f"values {values.shape} do not lie on cells {shape}")


def _area(overlap: Overlap) -> NDArray[np.float64]:
    return overlap.target.area()
