"""Means of a table's rows over each station and period."""

import numpy as np
from numpy.typing import NDArray

from engine.core.size_limits import BYTES
from engine.data.calendar import Times


def several_stamps(cells: NDArray[np.intp], local: Times) -> bool:
    """Whether rows of one station and period differ in their exact time."""
    order = np.lexsort((local, cells))
    same_cell = np.diff(cells[order]) == 0
    return bool((same_cell & (np.diff(local[order]) != np.timedelta64(0, "ns"))).any())


def cell_means(
    cells: NDArray[np.intp], values: NDArray[np.float32], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Mean of the finite values of each (time, station), NaN where there is none."""
    finite = np.isfinite(values)
    size = shape[0] * shape[1]
    # Each row a station and a time of its own would make a table of the square of the rows.
    what = f"a table of {shape[0]:,} times and {shape[1]:,} stations"
    BYTES.check(28 * size, what=what, where="the stations")
    count = np.bincount(cells[finite], minlength=size)
    total = np.bincount(cells[finite], weights=values[finite].astype(np.float64), minlength=size)
    mean = np.divide(total, count, out=np.full(size, np.nan), where=count > 0)
    result: NDArray[np.float32] = mean.reshape(shape).astype(np.float32)
    return result
