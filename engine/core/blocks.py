"""Coarse from fine and back: masked means over square blocks of cells.

The coarse map of a study pair is the mean of the valid fine cells of each block (Li et al.
2025, section 3.1). Arrays are NumPy; the last two axes are rows and columns; NaN is no data.
"""

import numpy as np
from numpy.typing import NDArray


def block_mean(
    fine: NDArray[np.floating], factor: int, *, min_valid_fraction: float = 0.0
) -> NDArray[np.float32]:
    """Mean of the valid cells of every block, float32, NaN where too few are valid.

    Args:
        fine: Values, shape (..., rows, columns), rows and columns multiples of `factor`.
        factor: Cells along a block's side.
        min_valid_fraction: A block needs more than this share of valid cells (at least one).

    Raises:
        ValueError: If the shape is no multiple of `factor`.
    """
    *lead, rows, columns = fine.shape
    if rows % factor or columns % factor:
        raise ValueError(f"{rows} × {columns} cells are not whole blocks of {factor}; crop first")
    blocks = fine.reshape(*lead, rows // factor, factor, columns // factor, factor)
    valid = np.isfinite(blocks)
    count = valid.sum(axis=(-3, -1))
    total = np.where(valid, blocks, 0).sum(axis=(-3, -1), dtype=np.float64)
    enough = count > min_valid_fraction * factor**2
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=enough & (count > 0))
    result: NDArray[np.float32] = mean.astype(np.float32)
    return result
