"""Detail of a climatology at a coarse grid's own resolution: means of its cells are kept exactly.

Both the coarse map and the climatology's own coarse map are drawn smoothly with exact area means;
the climatology over its smooth map is the ratio that the other gets. Where the coarse map is the
climatology's, the result is the climatology.
"""

import numpy as np
from numpy.typing import NDArray

from engine.downscaling.area_means import match_area_means
from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.effective_resolution import own_sigma
from engine.downscaling.overlaps import Overlap
from engine.downscaling.regridding import regrid
from engine.downscaling.smoothing import gaussian_smooth

Field = NDArray[np.float64]
LEAST = 1.0  # ug m-3: what a ratio is divided by at least


def smooth_map(coarse: NDArray[np.floating], land: NDArray[np.bool_], down: Overlap) -> Field:
    """A coarse map drawn smoothly on fine cells, with its own means over its cells.

    Args:
        coarse: (coarse row, column), ug m-3, NaN where it has none.
        land: Fine cells that are wanted.
        down: From the fine cells, which are regular, to the coarse cells.

    Returns:
        (row, column), NaN where `land` is not, or no coarse cell is near.
    """
    cells = down.source
    if not isinstance(cells, RegularCells):
        raise ValueError("the fine cells must be regular")
    spread = regrid(coarse, down.turned(), min_valid_share=0.0)
    start = gaussian_smooth(spread, cells, own_sigma(down.target), valid=np.isfinite(spread))
    start = np.where(land & np.isfinite(spread), start, np.nan)
    return match_area_means(start, coarse, down).values


def with_exact_detail(
    coarse: NDArray[np.floating], climatology: NDArray[np.floating], down: Overlap
) -> Field:
    """A coarse map with a climatology's detail, its own means kept at its own resolution.

    Args:
        coarse: (coarse row, column), ug m-3, NaN where it has none.
        climatology: (row, column), ug m-3; where it has none, nor has the result.
        down: From the fine cells to the coarse cells.
    """
    land = np.isfinite(climatology)
    usual = smooth_map(regrid(climatology, down, min_valid_share=0.01), land, down)
    ratio = climatology / np.maximum(usual, LEAST)
    return smooth_map(coarse, land, down) * ratio
