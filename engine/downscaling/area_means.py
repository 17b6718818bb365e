"""A fine field whose means over coarse cells are the coarse values.

Each fine cell is multiplied by a factor. Where coarse cells do not nest in fine ones a fine cell
lies in several of them, and its factor is found step by step: each step multiplies by the mean of
target ÷ present mean over the coarse cells that it lies in, weighted by shared area. Steps of that
kind approach the targets wherever a field that has them exists, keep zeros and never turn negative.

First steps smooth the factors, so that no edge of a coarse cell shows; the last ones do not and
take what then is left, which is little.

Sources: Richardson (1972) and Lucy (1974) for the iteration; Deming and Stephan (1940) for its
case of whole rows and columns.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.downscaling.cell_edges import RegularCells, width_degrees
from engine.downscaling.overlaps import Overlap
from engine.downscaling.regridding import LEAST_SHARE, check_values, regrid, valid_share
from engine.downscaling.smoothing import gaussian_smooth

TOLERANCE = 0.01  # µg/m³
STEPS = 200
# Standard deviations of the first steps' smoothing, in coarse cells, and how many steps of each.
_SMOOTH = ((1.0, 8), (0.5, 16))
_GAIN = 0.98  # a smoothed step that leaves more of the difference than this is the last of its kind

Field = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AreaMeans:
    """A field with given means, and how near they are.

    Attributes:
        values: (rows, columns), the fine field adjusted; NaN where the fine field was.
        converged: Whether every mean is within the tolerance.
        worst: Largest |mean − target| that is left, the field's unit; NaN without a target.
        steps: Steps taken.
        cells: Coarse cells with a target: those with a value and enough valid fine cells.
    """

    values: Field
    converged: bool
    worst: float
    steps: int
    cells: int


def match_area_means(
    fine: NDArray[np.floating],
    coarse: NDArray[np.floating],
    overlap: Overlap,
    *,
    smooth: bool = True,
    min_valid_share: float = LEAST_SHARE,
    tolerance: float = TOLERANCE,
    max_steps: int = STEPS,
) -> AreaMeans:
    """Multiply a fine field so that its area means over coarse cells become the coarse values.

    A coarse cell whose fine cells are all 0 has its value put into each of them first, since no
    factor leads away from 0. Fine cells outside every coarse cell with a target take the smoothed
    factors of their neighbours, or stay as they are where `smooth` is off.

    Args:
        fine: (rows, columns), not negative; what is not finite is no data and stays so.
        coarse: (coarse rows, coarse columns), not negative, the same unit; NaN sets no target.
        overlap: From the fine cells (source) to the coarse cells (target).
        smooth: Smooth the factors first; needs regular fine cells of one size.
        min_valid_share: Coarse cells with valid fine cells on less of their area set no target.
        tolerance: Of a mean, the field's unit.
        max_steps: Where to stop.

    Raises:
        ValueError: If shapes do not fit, a value is negative, or fine cells cannot be smoothed.
    """
    check_values(fine, overlap.source.shape)
    check_values(coarse, overlap.target.shape)
    if fine.ndim != 2 or coarse.ndim != 2:
        raise ValueError("one field at a time")
    valid = np.isfinite(fine)
    values = np.where(valid, fine, np.nan).astype(np.float64)
    share = valid_share(values, overlap)
    enough = (share >= min_valid_share - 1e-9) & (share > 0)
    target = np.where(np.isfinite(coarse) & enough, coarse, np.nan).astype(np.float64)
    if (values[valid] < 0).any() or (target < 0).any():
        raise ValueError("an adjusted field and its targets must not be negative")
    back = overlap.turned()
    values = _zeros_filled(values, target, overlap, back)
    chosen = _smoothers(overlap) if smooth else []
    steps = 0
    for smoother, most in (*chosen, (None, max_steps)):
        values, taken = _stepped(
            values, target, overlap, back, smoother, min(most, max_steps - steps), tolerance
        )
        steps += taken
    worst = _worst(values, target, overlap)
    count = int(np.isfinite(target).sum())
    return AreaMeans(values, bool(count and worst <= tolerance), worst, steps, count)


Smoother = Callable[[Field], Field]


def _smoothers(overlap: Overlap) -> list[tuple[Smoother | None, int]]:
    cells = overlap.source
    if not isinstance(cells, RegularCells):
        raise ValueError("factors are smoothed on regular fine cells only")
    width = width_degrees(overlap.target)

    def smoother(sigma: float) -> Smoother:
        return lambda factor: gaussian_smooth(factor, cells, sigma)

    return [(smoother(width * share), steps) for share, steps in _SMOOTH]


def _stepped(
    values: Field,
    target: Field,
    overlap: Overlap,
    back: Overlap,
    smoother: Smoother | None,
    most: int,
    tolerance: float,
) -> tuple[Field, int]:
    """Values after at most so many steps of one kind, and how many were taken."""
    before = _worst(values, target, overlap)
    for step in range(most):
        if not before > tolerance:
            return values, step
        factor = regrid(_ratio(values, target, overlap), back, min_valid_share=0.0)
        if smoother is not None:
            factor = smoother(factor)
        changed = values * np.where(np.isfinite(factor), factor, 1.0)
        worst = _worst(changed, target, overlap)
        if smoother is not None and worst > _GAIN * before:
            return values, step
        values, before = changed, worst
    return values, most


def _ratio(values: Field, target: Field, overlap: Overlap) -> Field:
    """Target ÷ present mean of each coarse cell; NaN without a target."""
    mean = regrid(values, overlap, min_valid_share=0.0)
    ratio = np.where(np.isfinite(target), 1.0, np.nan)
    return np.divide(target, mean, out=ratio, where=np.isfinite(target) & (mean > 0))


def _worst(values: Field, target: Field, overlap: Overlap) -> float:
    difference = np.abs(regrid(values, overlap, min_valid_share=0.0) - target)
    known = np.isfinite(target)
    return float(difference[known].max()) if known.any() else float("nan")


def _zeros_filled(values: Field, target: Field, overlap: Overlap, back: Overlap) -> Field:
    """Zeros in coarse cells that hold nothing but zeros take the coarse value."""
    mean = regrid(values, overlap, min_valid_share=0.0)
    lacking = np.where((mean == 0) & (target > 0), target, np.nan)
    if not np.isfinite(lacking).any():
        return values
    start = regrid(lacking, back, min_valid_share=0.0)
    return np.where((values == 0) & np.isfinite(start), start, values)
