"""Scores of a prediction: statistics of each sample first, the metric of their sums last.

A root of a mean is not the mean of roots. So each map or time step gives sums (`Sums`), sums are
added, and only the total becomes metrics. Gaps are an explicit mask; a NaN under the mask is an
error in the program and says so.

Definitions follow the usage of air-quality model evaluation (Boylan and Russell 2006,
doi:10.1016/j.atmosenv.2005.09.087; Emery et al. 2017, doi:10.1080/10962247.2016.1265027; Willmott
1981, doi:10.1080/02723646.1981.10642213). M is the prediction, O the target.
"""

from dataclasses import dataclass, fields
from math import nan, sqrt
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

# MAPE divides by the target, but never by less than this, in ug m-3.
MAPE_FLOOR = 1.0


@dataclass(frozen=True)
class Sums:
    """Sums over the valid pairs of one sample or of many.

    Attributes:
        n: Pairs.
        cells: Cells, valid or not, for the paper-like variants.
        prediction: Sum of M.
        target: Sum of O.
        prediction_squared: Sum of M².
        target_squared: Sum of O².
        product: Sum of M·O.
        absolute: Sum of |M − O|.
        squared: Sum of (M − O)².
        percentage: Sum of |M − O| / max(O, 1 ug m-3).
        fractional: Sum of 2 (M − O) / (M + O), 0 where both are 0.
        fractional_absolute: The same with |M − O|.
        within_two: Pairs with O / 2 ≤ M ≤ 2 O.
        potential: Sum of (|M − Ō| + |O − Ō|)², where the mean Ō was given; else NaN.
    """

    n: int = 0
    cells: int = 0
    prediction: float = 0.0
    target: float = 0.0
    prediction_squared: float = 0.0
    target_squared: float = 0.0
    product: float = 0.0
    absolute: float = 0.0
    squared: float = 0.0
    percentage: float = 0.0
    fractional: float = 0.0
    fractional_absolute: float = 0.0
    within_two: int = 0
    potential: float = 0.0

    def __add__(self, other: Self) -> "Sums":
        return Sums(
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        )


def sums(
    prediction: ArrayLike,
    target: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    target_mean: float = nan,
) -> Sums:
    """The sums of one sample.

    Args:
        prediction: M, any shape, ug m-3.
        target: O, same shape.
        mask: Which pairs count; by default those with a target.
        target_mean: Mean of O over all samples, which the index of agreement needs beforehand.

    Raises:
        ValueError: If shapes differ, or a pair that counts holds NaN or infinity.
    """
    m_all = np.asarray(prediction, dtype=np.float64)
    o_all = np.asarray(target, dtype=np.float64)
    valid = np.isfinite(o_all) if mask is None else np.asarray(mask, dtype=bool)
    if m_all.shape != o_all.shape or valid.shape != o_all.shape:
        raise ValueError(f"shapes differ: {m_all.shape}, {o_all.shape}, {valid.shape}")
    m, o = m_all[valid], o_all[valid]
    if not (np.isfinite(m).all() and np.isfinite(o).all()):
        raise ValueError("a pair that counts holds NaN or infinity; exclude it by the mask")
    error = m - o
    fraction = _fraction(error, m + o)
    spread = np.abs(m - target_mean) + np.abs(o - target_mean)
    return Sums(
        n=int(m.size),
        cells=int(o_all.size),
        prediction=float(m.sum()),
        target=float(o.sum()),
        prediction_squared=float(m @ m),
        target_squared=float(o @ o),
        product=float(m @ o),
        absolute=float(np.abs(error).sum()),
        squared=float(error @ error),
        percentage=float((np.abs(error) / np.maximum(o, MAPE_FLOOR)).sum()),
        fractional=float(fraction.sum()),
        fractional_absolute=float(np.abs(fraction).sum()),
        within_two=int(((2 * m >= o) & (m <= 2 * o)).sum()),
        potential=float(spread @ spread) if m.size else 0.0,
    )


def metrics(total: Sums) -> dict[str, float | int]:
    """All metrics of a total; NaN where a metric is not defined, all but n of no pairs.

    Returns:
        `n`; in ug m-3 `rmse`, `mae`, `bias` (mean of M − O), `crmse` (without the bias),
        `mean_prediction`, `mean_target`; as fractions `mape` (floor 1 ug m-3, `mape_floor`),
        `nmb`, `nme`, `mfb`, `mfe`, `fac2`; `r` (Pearson), `r_squared` (its square),
        `r2_determination` (1 − Σ(M−O)² / Σ(O−Ō)², negative where the mean of O would do better),
        `ioa` (Willmott 1981); and as the AirSTFM paper probably computed them, over all cells with
        no data counted as 0, `paper_rmse`, `paper_mae`, `paper_mape`, `paper_n`.
    """
    n, t = total.n, total
    bias = _ratio(t.prediction - t.target, n)
    rmse = _root(_ratio(t.squared, n))
    # Sums of squares about the means. Rounding can make the variance of a constant negative.
    var_m = max(t.prediction_squared - _ratio(t.prediction**2, n), 0.0) if n else nan
    var_o = max(t.target_squared - _ratio(t.target**2, n), 0.0) if n else nan
    covariance = t.product - _ratio(t.prediction * t.target, n)
    r = _correlation(covariance, var_m, var_o, t)
    return {
        "n": n,
        "rmse": rmse,
        "mae": _ratio(t.absolute, n),
        "mape": _ratio(t.percentage, n),
        "mape_floor": MAPE_FLOOR,
        "bias": bias,
        "crmse": _root(max(rmse**2 - bias**2, 0.0)) if n else nan,
        "r": r,
        "r_squared": r**2,
        "r2_determination": 1 - _ratio(t.squared, var_o),
        "nmb": _ratio(t.prediction - t.target, t.target),
        "nme": _ratio(t.absolute, t.target),
        "mfb": _ratio(t.fractional, n),
        "mfe": _ratio(t.fractional_absolute, n),
        "fac2": _ratio(t.within_two, n),
        "ioa": 1 - _ratio(t.squared, t.potential),
        "mean_prediction": _ratio(t.prediction, n),
        "mean_target": _ratio(t.target, n),
        "paper_rmse": _root(_ratio(t.squared, t.cells)),
        "paper_mae": _ratio(t.absolute, t.cells),
        "paper_mape": _ratio(t.percentage, t.cells),
        "paper_n": t.cells,
    }


def score(
    prediction: ArrayLike, target: ArrayLike, mask: ArrayLike | None = None
) -> dict[str, float | int]:
    """All metrics of arrays that fit in memory together.

    Raises:
        ValueError: As `sums`.
    """
    first = sums(prediction, target, mask)
    mean = first.target / first.n if first.n else nan
    return metrics(sums(prediction, target, mask, target_mean=mean))


def block_mean_difference(fine: NDArray[np.floating], coarse: NDArray[np.floating]) -> float:
    """Largest difference between the block means of a fine map and its coarse map, ug m-3.

    How far a model contradicts its own input. NaN is no data in both.

    Args:
        fine: Shape (..., rows, columns).
        coarse: Shape (..., rows / factor, columns / factor).
    """
    factor = fine.shape[-1] // coarse.shape[-1]
    shape = (*coarse.shape[:-1], factor, coarse.shape[-1], factor)
    blocks = fine.astype(np.float64).reshape(shape)
    count = np.isfinite(blocks).sum((-3, -1))
    means = np.nansum(blocks, axis=(-3, -1)) / np.maximum(count, 1)
    difference = np.abs(means - coarse)[(count > 0) & np.isfinite(coarse)]
    return float(difference.max()) if difference.size else nan


def _fraction(error: NDArray[np.float64], total: NDArray[np.float64]) -> NDArray[np.float64]:
    """2 (M − O) / (M + O); 0 where both are 0, since they agree."""
    return np.divide(2 * error, total, out=np.zeros_like(error), where=total != 0)


def _correlation(covariance: float, var_m: float, var_o: float, total: Sums) -> float:
    """Pearson's r; NaN where M or O does not vary by more than float64 can tell."""
    least = 1e-12
    if not (var_m > least * total.prediction_squared and var_o > least * total.target_squared):
        return nan
    return max(-1.0, min(1.0, covariance / sqrt(var_m * var_o)))


def _ratio(above: float, below: float) -> float:
    return above / below if below else nan


def _root(square: float) -> float:
    return sqrt(square) if square >= 0 else nan
