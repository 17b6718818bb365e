"""The effective resolution of a coarse product, and a fine map that uses it down to there.

A model on cells of 36 km does not resolve 36 km. Below its effective resolution the pattern of a
fine dataset's climatology is nearer to the truth:

    downscaled = smooth(coarse) × climatology ÷ smooth(climatology)

with one Gaussian for both. Its sigma is chosen where dates of coarse and fine data overlap: each
candidate is scored by squares of some degrees, and the least sigma within one standard error of
the best is taken. The left-out score is of squares that the choice never used.

Source: Breiman et al. (1984), Classification and regression trees, section 3.4, for the rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.downscaling.cell_edges import Cells, RegularCells, width_degrees
from engine.downscaling.regridding import check_values
from engine.downscaling.smoothing import gaussian_smooth

SQUARE = 3.0  # degrees
LEAST_SQUARES = 10
LARGEST_SIGMA = 5.0  # degrees
_LADDER = 2.0**0.5  # from one candidate to the next

Reason = Literal["cross-validated", "too few squares", "nothing in common"]
Field = NDArray[np.float64]


@dataclass(frozen=True)
class CandidateScore:
    """One sigma against the fine dataset, all squares.

    Attributes:
        sigma: Degrees of latitude.
        rmse: Root of the mean squared error by area, the field's unit.
        bias: Mean of downscaled − fine by area, the field's unit.
        excess: Mean squared error above the best candidate's, the unit squared.
        excess_error: Standard error of `excess` over squares, paired.
    """

    sigma: float
    rmse: float
    bias: float
    excess: float
    excess_error: float


@dataclass(frozen=True)
class EffectiveResolution:
    """A chosen sigma and the scores that it was chosen by.

    Attributes:
        sigma: The choice, degrees of latitude.
        best_sigma: The candidate of the smallest error.
        rmse_left_out: Error of squares whose sigma was chosen on all others, the field's unit; NaN
            where nothing could be chosen.
        sigmas_left_out: The least and the largest sigma of those choices.
        scores: Each candidate's, in order of sigma; empty where coarse and fine have no date.
        squares: Squares that were scored.
        dates: Dates that were scored.
        reason: "cross-validated", or why the grid's own sigma stands.
    """

    sigma: float
    best_sigma: float
    rmse_left_out: float
    sigmas_left_out: tuple[float, float]
    scores: tuple[CandidateScore, ...]
    squares: int
    dates: int
    reason: Reason


def own_sigma(cells: Cells) -> float:
    """The least smoothing that hides the edges of coarse cells: half a cell, in degrees."""
    return width_degrees(cells) / 2


def candidate_sigmas(own: float, largest: float = LARGEST_SIGMA) -> tuple[float, ...]:
    """Sigmas from a grid's own up to `largest`, each the root of two times the one before.

    Raises:
        ValueError: If the grid's own is not above 0.
    """
    if not 0 < own < np.inf:
        raise ValueError(f"sigma {own} is no number of degrees above 0")
    steps = max(int(np.floor(np.log(largest / own) / np.log(_LADDER) + 1e-9)), 0)
    return tuple(float(own * _LADDER**n) for n in range(steps + 1))


def downscale(
    coarse: NDArray[np.floating],
    climatology: NDArray[np.floating],
    cells: RegularCells,
    sigma: float,
) -> Field:
    """A coarse field with the detail of a climatology below `sigma`.

    Both are smoothed over the same cells: those where both have a value. Where the climatology is 0
    all around, its ratio is 1.

    Args:
        coarse: (…, rows, columns) on the fine cells, as `regrid` gives it.
        climatology: The same unit, broadcast to `coarse`; not negative.
        cells: The fine cells.
        sigma: Degrees of latitude.

    Returns:
        The shape and unit of `coarse`; NaN where either has no data.

    Raises:
        ValueError: If the shapes do not fit.
    """
    check_values(coarse, cells.shape)
    check_values(climatology, cells.shape)
    valid = np.isfinite(coarse) & np.isfinite(climatology)
    mean = gaussian_smooth(np.broadcast_to(climatology, valid.shape), cells, sigma, valid=valid)
    ratio = np.where(valid, 1.0, np.nan)
    np.divide(climatology, mean, out=ratio, where=valid & (mean > 0))
    return gaussian_smooth(coarse, cells, sigma, valid=valid) * ratio


def effective_resolution(
    coarse: NDArray[np.floating],
    fine: NDArray[np.floating],
    climatology: NDArray[np.floating],
    cells: RegularCells,
    sigmas: Sequence[float],
    *,
    square: float = SQUARE,
    least_squares: int = LEAST_SQUARES,
) -> EffectiveResolution:
    """Choose sigma by squares left out over dates that a coarse and a fine dataset share.

    Args:
        coarse: (dates, rows, columns) on the fine cells, as `regrid` gives it.
        fine: What it is scored against, the same shape, dates and unit.
        climatology: Of other dates than those scored; broadcast to `coarse`.
        cells: The fine cells.
        sigmas: Candidates in degrees of latitude; the least stands where too little is known.
        square: Side of the squares that are left out, degrees.
        least_squares: Fewer squares than this choose nothing.

    Raises:
        ValueError: If the shapes do not fit or there is no candidate.
    """
    if coarse.ndim != 3 or coarse.shape != fine.shape:
        raise ValueError(f"coarse {coarse.shape} and fine {fine.shape} must be dates of one grid")
    check_values(coarse, cells.shape)
    ladder = sorted(float(s) for s in sigmas)
    if not ladder:
        raise ValueError("there is no candidate")
    number, count = _squares(cells, square)
    known = np.isfinite(coarse) & np.isfinite(fine) & np.isfinite(climatology)
    weight = _by_square(known * cells.area(), number, count)
    scored = weight > 0
    dates = int(known.any(axis=(1, 2)).sum())
    if not scored.any():
        return _own(ladder[0], (), 0, 0, "nothing in common")
    squared, signed = (np.empty((len(ladder), int(scored.sum()))) for _ in range(2))
    for n, sigma in enumerate(ladder):
        error = np.where(known, downscale(coarse, climatology, cells, sigma) - fine, 0.0)
        squared[n] = _by_square(error**2 * cells.area(), number, count)[scored]
        signed[n] = _by_square(error * cells.area(), number, count)[scored]
    weight = weight[scored]
    scores = _scores(ladder, squared, signed, weight)
    if weight.size < least_squares:
        return _own(ladder[0], scores, weight.size, dates, "too few squares")
    left_out = np.array([_choice(*_without(squared, weight, q)) for q in range(weight.size)])
    total = squared[left_out, np.arange(weight.size)].sum()
    return EffectiveResolution(
        sigma=ladder[_choice(squared, weight)],
        best_sigma=min(scores, key=lambda s: s.rmse).sigma,
        rmse_left_out=float(np.sqrt(total / weight.sum())),
        sigmas_left_out=(ladder[left_out.min()], ladder[left_out.max()]),
        scores=scores,
        squares=weight.size,
        dates=dates,
        reason="cross-validated",
    )


def _own(
    sigma: float, scores: tuple[CandidateScore, ...], squares: int, dates: int, reason: Reason
) -> EffectiveResolution:
    best = min(scores, key=lambda s: s.rmse).sigma if scores else sigma
    nothing = float("nan")
    return EffectiveResolution(sigma, best, nothing, (sigma, sigma), scores, squares, dates, reason)


def _squares(cells: RegularCells, side: float) -> tuple[NDArray[np.intp], int]:
    """Number of the square that each cell lies in, (rows, columns), and how many there are.

    Their borders are multiples of the side, so that another crop has the same squares.
    """
    row = np.floor(cells.latitude / side).astype(np.intp)
    column = np.floor(cells.longitude / side).astype(np.intp)
    row, column = row - row.min(), column - column.min()
    across = int(column.max()) + 1
    return row[:, None] * across + column, (int(row.max()) + 1) * across


def _by_square(values: Field, number: NDArray[np.intp], count: int) -> Field:
    """Sums over all dates and the cells of each square, (squares,)."""
    sums = values.sum(axis=0)
    return np.bincount(number.ravel(), weights=sums.ravel(), minlength=count).astype(np.float64)


def _excess(squared: Field, weight: Field) -> tuple[int, Field, Field]:
    """The best candidate; what others have above it, and its paired standard error.

    The error is that of a ratio of sums over squares.
    """
    loss = squared.sum(axis=1) / weight.sum()
    best = int(loss.argmin())
    excess = loss - loss[best]
    n = weight.size
    spread = squared - squared[best] - excess[:, None] * weight
    error = np.sqrt(n / max(n - 1, 1) * (spread**2).sum(axis=1)) / weight.sum()
    return best, excess, error


def _choice(squared: Field, weight: Field) -> int:
    """The first candidate, the least sigma, within one standard error of the best."""
    _, excess, error = _excess(squared, weight)
    return int(np.flatnonzero(excess <= error)[0])


def _without(squared: Field, weight: Field, square: int) -> tuple[Field, Field]:
    return np.delete(squared, square, axis=1), np.delete(weight, square)


def _scores(
    ladder: list[float], squared: Field, signed: Field, weight: Field
) -> tuple[CandidateScore, ...]:
    _, excess, error = _excess(squared, weight)
    rmse = np.sqrt(squared.sum(axis=1) / weight.sum())
    bias = signed.sum(axis=1) / weight.sum()
    rows = zip(ladder, rmse, bias, excess, error, strict=True)
    return tuple(CandidateScore(*(float(v) for v in row)) for row in rows)
