"""Gaussian means over valid cells, as wide in kilometres to the east as to the north."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.regridding import check_values

_REACH = 4.0  # standard deviations; beyond lie 6 parts in 100 000 of the weight
_LEAST = 1e-6  # of the full weight: less than this is rounding
_NARROWEST = 0.05  # cosine of latitude, at 87°: a degree of longitude is no shorter than there


def gaussian_smooth(
    values: NDArray[np.floating],
    cells: RegularCells,
    sigma: float,
    *,
    valid: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Mean of the valid cells around each cell, weighted by area and by a Gaussian of distance.

    Weights are renormalised over valid cells, so a constant stays one up to a coast. A grid that
    closes round the globe is smoothed across its ends.

    Args:
        values: (…, rows, columns), any unit; what is not finite is no data.
        cells: Where the values lie, evenly spaced.
        sigma: Standard deviation in degrees of latitude; in longitude it is longer by
            1 / cos(latitude). 0 leaves values as they are.
        valid: Cells that count, broadcast to `values`; None counts all that are finite.

    Returns:
        The shape and unit of `values`. A cell without data is filled from those around it, and is
        NaN where they are 3 to 4 sigma away; a mask is the caller's.

    Raises:
        ValueError: If the shapes do not fit, cells are uneven or sigma is negative.
    """
    check_values(values, cells.shape)
    if not 0 <= sigma < np.inf:
        raise ValueError(f"sigma {sigma} is no number of degrees")
    counted = np.isfinite(values) if valid is None else np.isfinite(values) & valid
    known = np.where(counted, values, 0.0).astype(np.float64)
    if sigma == 0:
        return np.where(counted, known, np.nan)
    # Area of a row's cells against the largest: a mean over the plane, not over degrees.
    area = cells.area()
    area = area / area.max()
    weight = _convolved(counted * area, cells, sigma)
    total = _convolved(known * area, cells, sigma)
    smooth: NDArray[np.float64] = np.full(known.shape, np.nan)
    enough = weight > _LEAST * area
    np.divide(total, weight, out=smooth, where=enough)
    if counted.any():  # rounding of the transform must not lead outside: below 0, for one
        smooth = smooth.clip(known[counted].min(), known[counted].max())
    return smooth


def _convolved(
    field: NDArray[np.float64], cells: RegularCells, sigma: float
) -> NDArray[np.float64]:
    """Field times a Gaussian, along rows and then columns; 0 lies outside."""
    height, width = cells.steps()
    rows, columns = cells.shape
    across = sigma / np.maximum(np.cos(np.deg2rad(cells.latitude)), _NARROWEST) / width
    reach = min(int(np.ceil(_REACH * across.max())), columns)
    kernel = _gaussian(across[:, None], reach)
    lead = [(0, 0)] * (field.ndim - 1)
    ends = [*lead, (reach, reach)]
    padded = np.pad(field, ends, mode="wrap") if cells.wraps else np.pad(field, ends)
    by_row = oaconvolve(
        padded,
        np.broadcast_to(kernel, (*field.shape[:-1], kernel.shape[-1])),
        mode="valid",
        axes=-1,
    )
    along = np.full((1, 1), sigma / height)
    reach = min(int(np.ceil(_REACH * sigma / height)), rows)
    kernel = np.broadcast_to(_gaussian(along, reach).T, (*field.shape[:-2], 2 * reach + 1, 1))
    padded = np.pad(by_row, [*lead[:-1], (reach, reach), (0, 0)])
    return np.asarray(oaconvolve(padded, kernel, mode="valid", axes=-2))


def _gaussian(sigma: NDArray[np.float64], reach: int) -> NDArray[np.float64]:
    """Weights at −reach…reach cells for each sigma (rows, 1), (rows, 2 × reach + 1)."""
    distance = np.arange(-reach, reach + 1)
    weight: NDArray[np.float64] = np.exp(-0.5 * (distance / sigma) ** 2)
    weight /= weight.sum(axis=-1, keepdims=True)
    return weight
