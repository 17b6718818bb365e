"""How sure a score is: intervals by drawing whole blocks of days, with replacement.

Neighbouring cells of a day are copies of one weather, and neighbouring days resemble each other:
half a million cells of ten days are nearer to three independent samples than to five million. So
what is drawn are blocks of consecutive days, all cells of a day together, the record closed to a
ring so that each day is drawn as often as any other.

Source: Politis and Romano (1992), A circular block-resampling procedure for stationary data.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Metric = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Interval:
    """A score with its interval.

    Attributes:
        value: The score of all days.
        low: Lower end, NaN where the days are too few to estimate.
        high: Upper end.
        level: Share of the draws between the ends.
        days: Days with data.
        block: Days in a block.
        draws: How many times was drawn.
    """

    value: float
    low: float
    high: float
    level: float
    days: int
    block: int
    draws: int


def block_length(days: int) -> int:
    """Days in a block: the cube root of the record's length, at least 1."""
    return max(1, int(np.rint(np.cbrt(days))))


def totals(
    sums: NDArray[np.float64], *, block: int | None = None, draws: int = 1000, seed: int = 0
) -> NDArray[np.float64]:
    """Totals of drawn records, (draws, statistics), each as long as the record itself.

    Args:
        sums: Sums over the cells of each day, in order of time, (days, statistics).
        block: Days in a block; None takes `block_length`.
        draws: How many records to draw.
        seed: The same seed gives the same draws.

    Raises:
        ValueError: If there is no day, or a block is not between one day and all.
    """
    days = len(sums)
    length = block_length(days) if block is None else block
    if not 1 <= length <= days:
        raise ValueError(f"a block of {length} days does not fit into {days}")
    generator = np.random.default_rng(seed)
    blocks = -(-days // length)
    starts = generator.integers(0, days, (draws, blocks))
    drawn = (starts[:, :, None] + np.arange(length)) % days  # (draws, blocks, days of a block)
    # The last block is cut, so that a record has neither more nor fewer days than the real one.
    drawn = drawn.reshape(draws, -1)[:, :days]
    # Counting each day is far smaller than gathering: (draws, days) @ (days, statistics).
    counts = np.zeros((draws, days))
    np.add.at(counts, (np.arange(draws)[:, None], drawn), 1)
    result: NDArray[np.float64] = counts @ sums
    return result


def interval(
    sums: NDArray[np.float64],
    metric: Metric,
    *,
    block: int | None = None,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """A metric of all days, and the interval that holds `level` of its values over drawn records.

    Statistics are summed first and the metric is taken of the sums: never a mean of roots.

    Args:
        sums: Sums over the cells of each day, in order of time, (days, statistics). Days without
            data, all zero or NaN, are left out.
        metric: From totals (…, statistics) to scores (…).
        block: Days in a block; None takes `block_length`.
        draws: How many records to draw.
        seed: The same seed gives the same interval.
        level: Between 0 and 1.
    """
    known = sums[np.isfinite(sums).all(axis=1) & (sums != 0).any(axis=1)]
    days = len(known)
    if days == 0:
        return Interval(np.nan, np.nan, np.nan, level, 0, 0, draws)
    value = float(metric(known.sum(axis=0)))
    length = min(days, block_length(days) if block is None else block)
    if days < 2 * length or days < 3:  # one block alone would draw the record itself
        return Interval(value, np.nan, np.nan, level, days, length, draws)
    scores = metric(totals(known, block=length, draws=draws, seed=seed))
    scores = scores[np.isfinite(scores)]
    if not scores.size:
        return Interval(value, np.nan, np.nan, level, days, length, draws)
    tail = (1 - level) / 2
    low, high = np.quantile(scores, [tail, 1 - tail])
    return Interval(value, float(low), float(high), level, days, length, draws)
