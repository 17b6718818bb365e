"""How many values a mean needs: the one rule, for readers, pages, models and research.

A daily mean needs 20 valid hours, a monthly mean 27 valid days, 25 in February.

Source: GB 3095-2012, table 4, and the same table of the 2026 edition.
"""

import math
from collections.abc import Hashable, Mapping

import numpy as np
from numpy.typing import NDArray

HOURS_OF_A_DAY = 20
STEP_HOURS = "step_hours"  # attribute of hourly data whose values cover more than one hour
DAYS_OF_A_MONTH = 27
DAYS_OF_FEBRUARY = 25


def hours_covered(attributes: Mapping[Hashable, object]) -> float:
    """Hours that one value of an hourly dataset covers; 1 where it does not say."""
    return float(str(attributes.get(STEP_HOURS, 1)))


def values_of_a_day(attributes: Mapping[Hashable, object]) -> int:
    """Values of an hourly dataset that cover the 20 hours of a valid day: 7 of three hours each."""
    return math.ceil(HOURS_OF_A_DAY / hours_covered(attributes) - 1e-9)


def days_needed(month: int) -> int:
    """Valid days that the mean of a month (1 to 12) needs."""
    return DAYS_OF_FEBRUARY if month == 2 else DAYS_OF_A_MONTH


def valid_mean(values: NDArray[np.floating], needed: int, axis: int = 0) -> NDArray[np.float64]:
    """Mean of the finite values along an axis, NaN where fewer than `needed` are."""
    finite = np.isfinite(values)
    total = np.where(finite, values, 0.0).sum(axis=axis, dtype=np.float64)
    count = finite.sum(axis=axis)
    mean: NDArray[np.float64] = np.full(np.shape(total), np.nan)
    np.divide(total, count, out=mean, where=count >= max(needed, 1))
    return mean
