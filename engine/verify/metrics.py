"""Scores of a prediction: sums over pairs first, the metric of their total last.

A root of a mean is not the mean of roots. So each map, time step or place gives sums
(`STATISTICS`), sums are added, and only a total becomes metrics. There is one set of sums and one
set of names: command line, pages, comparison and research take them from here, and a test walks
the sources. What weighs cells by area, or sums on a device, has its reason in that test.

Definitions follow the usage of air-quality model evaluation (Boylan and Russell 2006,
doi:10.1016/j.atmosenv.2005.09.087; Emery et al. 2017, doi:10.1080/10962247.2016.1265027; Willmott
1981, doi:10.1080/02723646.1981.10642213). M is the prediction, O the target.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import nan
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
MAPE_FLOOR = 1.0  # ug m-3: MAPE divides by the target, but never by less
# The same for sensors of a city: below it, relative errors say more of the instrument.
MAPE_FLOOR_OF_SENSORS = 10.0

# What is summed over the pairs that count, in this order:
STATISTICS = (
    "n",  # pairs
    "error",  # M - O
    "absolute",  # |M - O|
    "squared",  # (M - O)²
    "prediction",  # M
    "target",  # O
    "prediction_squared",  # M²
    "target_squared",  # O²
    "product",  # M O
    "within_two",  # 1 where O / 2 <= M <= 2 O
    "fractional",  # 2 (M - O) / (M + O), 0 where both are 0
    "fractional_absolute",  # its size
    "percentage",  # |M - O| / max(O, floor); 1 ug m-3 unless said
    "potential",  # (|M - Ō| + |O - Ō|)², 0 where the mean Ō was not given
    "cells",  # cells, valid or not
)


def statistics(
    prediction: Values,
    target: Values,
    *,
    target_mean: float = nan,
    cells: int | None = None,
    mape_floor: float = MAPE_FLOOR,
) -> Values:
    """Sums over pairs, in the order of `STATISTICS`.

    Args:
        prediction: M of the pairs that count, ug m-3.
        target: O, same shape.
        target_mean: Mean of O over all samples, which the index of agreement needs beforehand.
        cells: Cells, valid or not; by default the pairs.
        mape_floor: What the percentage divides by at least, ug m-3.
    """
    error, both = prediction - target, prediction + target
    # 0 where both are 0, since they agree.
    fraction = np.divide(2 * error, both, out=np.zeros_like(error), where=both != 0)
    within = (2 * prediction >= target) & (prediction <= 2 * target)
    potential = (np.abs(prediction - target_mean) + np.abs(target - target_mean)) ** 2
    return np.array(
        [
            error.size,
            error.sum(),
            np.abs(error).sum(),
            (error**2).sum(),
            prediction.sum(),
            target.sum(),
            (prediction**2).sum(),
            (target**2).sum(),
            (prediction * target).sum(),
            within.sum(),
            fraction.sum(),
            np.abs(fraction).sum(),
            (np.abs(error) / np.maximum(target, mape_floor)).sum(),
            0.0 if np.isnan(target_mean) else potential.sum(),
            error.size if cells is None else cells,
        ],
        dtype=np.float64,
    )


def take(total: Values, name: str) -> Values:
    """One statistic of totals, whose last axis is `STATISTICS`."""
    taken: Values = np.asarray(total[..., STATISTICS.index(name)], dtype=np.float64)
    return taken


def _over(above: Values, below: Values) -> Values:
    """A quotient, NaN where nothing is divided by."""
    ratio = np.full(np.broadcast_shapes(above.shape, below.shape), nan)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio


def _mean(name: str, count: str = "n") -> Callable[[Values], Values]:
    return lambda total: _over(take(total, name), take(total, count))


def _root_mean(name: str, count: str = "n") -> Callable[[Values], Values]:
    return lambda total: np.sqrt(_over(take(total, name), take(total, count)))


def variance(total: Values, name: str) -> Values:
    """Variance over pairs of "prediction" or "target"."""
    mean = _over(take(total, name), take(total, "n"))
    square = _over(take(total, f"{name}_squared"), take(total, "n"))
    # Rounding can make the variance of a constant negative, or anything but 0.
    least = 1e-12 * square
    spread = square - mean**2
    return np.where(spread > least, spread, np.where(np.isnan(spread), nan, 0.0))


def centred_rmse(total: Values) -> Values:
    """Root mean square error after the bias is taken away."""
    n = take(total, "n")
    bias = _over(take(total, "error"), n)
    return np.sqrt(np.maximum(_over(take(total, "squared"), n) - bias**2, 0.0))


def correlation(total: Values) -> Values:
    """Pearson's r; NaN where M or O does not vary by more than float64 resolves."""
    n = take(total, "n")
    product = _over(take(total, "prediction"), n) * _over(take(total, "target"), n)
    covariance = _over(take(total, "product"), n) - product
    spread = np.sqrt(variance(total, "prediction") * variance(total, "target"))
    return _over(covariance, spread).clip(-1.0, 1.0)


def determination(total: Values) -> Values:
    """R², the coefficient of determination: 1 - Σ(M-O)² / Σ(O-Ō)². Not the square of r."""
    mean_square = _over(take(total, "squared"), take(total, "n"))
    return 1 - _over(mean_square, variance(total, "target"))


Metric = Callable[[Values], Values]
# Metric -> its function of totals.
METRICS: Mapping[str, Metric] = {
    "rmse": _root_mean("squared"),
    "mae": _mean("absolute"),
    "bias": _mean("error"),
    "centred_rmse": centred_rmse,
    "mape": _mean("percentage"),
    "correlation": correlation,
    "correlation_squared": lambda total: correlation(total) ** 2,
    "determination": determination,
    "nmb": _mean("error", "target"),
    "nme": _mean("absolute", "target"),
    "mfb": _mean("fractional"),
    "mfe": _mean("fractional_absolute"),
    "fac2": _mean("within_two"),
    "ioa": lambda total: 1 - _over(take(total, "squared"), take(total, "potential")),
    "mean_prediction": _mean("prediction"),
    "mean_target": _mean("target"),
    "paper_rmse": _root_mean("squared", "cells"),
    "paper_mae": _mean("absolute", "cells"),
    "paper_mape": _mean("percentage", "cells"),
}
# Names of earlier versions, in records and files that exist.
OLD_NAMES: Mapping[str, str] = {
    "crmse": "centred_rmse",
    "r": "correlation",
    "r_squared": "correlation_squared",
    "r2_determination": "determination",
    "r2": "determination",
}


@dataclass(frozen=True)
class Sums:
    """Sums over the valid pairs of one sample or of many, which can be added.

    Attributes:
        values: In the order of `STATISTICS`.
    """

    values: Values = field(default_factory=lambda: np.zeros(len(STATISTICS)))

    def __add__(self, other: Self) -> "Sums":
        return Sums(self.values + other.values)

    @property
    def n(self) -> int:
        """Pairs."""
        return int(self.values[0])


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
    return Sums(statistics(m, o, target_mean=target_mean, cells=int(o_all.size)))


def metrics(total: Sums) -> dict[str, float | int]:
    """All metrics of a total; NaN where a metric is not defined, all but n of no pairs.

    Returns:
        `n`; in ug m-3 `rmse`, `mae`, `bias` (mean of M - O), `centred_rmse` (without the bias),
        `mean_prediction`, `mean_target`; as fractions `mape` (floor 1 ug m-3, `mape_floor`),
        `nmb`, `nme`, `mfb`, `mfe`, `fac2`; `correlation` (Pearson), `correlation_squared`,
        `determination` (1 - Σ(M-O)² / Σ(O-Ō)², negative where the mean of O would do better),
        `ioa` (Willmott 1981); and as the AirSTFM paper probably computed them, over all cells with
        no data counted as 0, `paper_rmse`, `paper_mae`, `paper_mape`, `paper_n`.
    """
    values: dict[str, float | int] = {"n": total.n}
    for name, metric in METRICS.items():
        values[name] = float(metric(total.values))
        if name == "mape":
            values["mape_floor"] = MAPE_FLOOR
    values["paper_n"] = int(take(total.values, "cells"))
    return values


def score(
    prediction: ArrayLike, target: ArrayLike, mask: ArrayLike | None = None
) -> dict[str, float | int]:
    """All metrics of arrays that fit in memory together.

    Raises:
        ValueError: As `sums`.
    """
    first = sums(prediction, target, mask)
    mean = float(METRICS["mean_target"](first.values))
    return metrics(sums(prediction, target, mask, target_mean=mean))


def score_valid(prediction: ArrayLike, target: ArrayLike) -> dict[str, float | int]:
    """All metrics over the pairs that have both values."""
    both = np.isfinite(np.asarray(prediction, float)) & np.isfinite(np.asarray(target, float))
    return score(prediction, target, both)


def of_errors(metric: str, errors: ArrayLike) -> float:
    """A metric that only differences M - O decide: "bias", "mae" or "rmse"; NaN is no pair."""
    all_ = np.asarray(errors, dtype=np.float64)
    known = all_[np.isfinite(all_)]
    return float(METRICS[metric](statistics(known, np.zeros_like(known))))


def current_names(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record that an earlier version wrote, with today's names of metrics."""
    return {OLD_NAMES.get(name, name): _renamed(part) for name, part in record.items()}


def _renamed(part: object) -> object:
    if isinstance(part, Mapping):
        return current_names(part)
    return [_renamed(one) for one in part] if isinstance(part, list) else part


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
