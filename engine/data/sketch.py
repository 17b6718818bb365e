"""A map in letters: a look at its shape where no picture can be shown."""

import numpy as np
from numpy.typing import NDArray

SHADES = ".:-=+*#%@"  # from low to high; no data is blank
ROWS, COLUMNS = 16, 56
_LETTER = 2.0  # a letter is about twice as high as wide


def sketch(values: NDArray[np.float32]) -> tuple[str, ...]:
    """Lines of letters, north first, for a map (row, column).

    A letter is the mean of its cells. Shades go evenly from the 5th to the 95th percentile of these
    means; all are the middle one where the map is even.
    """
    rows, columns = values.shape
    down = min(ROWS, rows)
    across = min(COLUMNS, columns, max(1, round(_LETTER * down * columns / rows)))
    means = block_means(values, down, across)
    known = np.isfinite(means)
    if not known.any():
        return ()
    low, high = np.percentile(means[known], [5, 95])
    span = high - low
    with np.errstate(invalid="ignore"):
        level = (means - low) / span if span > 0 else np.where(known, 0.5, np.nan)
    index = np.clip(np.nan_to_num(level) * len(SHADES), 0, len(SHADES) - 1).astype(int)
    letters = np.where(known, np.array(list(SHADES))[index], " ")
    return tuple("".join(line).rstrip() for line in letters)


def block_means(values: NDArray[np.float32], down: int, across: int) -> NDArray[np.float64]:
    """Means of the finite values of `down` × `across` blocks of nearly equal size; NaN for none."""
    finite = np.isfinite(values)
    tops = np.arange(down) * values.shape[0] // down
    lefts = np.arange(across) * values.shape[1] // across
    sums = np.add.reduceat(np.where(finite, values, 0).astype(np.float64), tops, axis=0)
    counts = np.add.reduceat(finite.astype(np.int64), tops, axis=0)
    sums, counts = (np.add.reduceat(a, lefts, axis=1) for a in (sums, counts))
    means: NDArray[np.float64] = np.full(sums.shape, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means
