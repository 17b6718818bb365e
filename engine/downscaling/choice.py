"""Which of several methods is taken: the default, unless another is shown to be better.

A method takes the default's place only if its gain over independent units (squares, years) is
larger than one standard error and than 1 % of the default's error, with ten units or more. With few
units the smallest error picks a wrong method one time in five; this rule seldom does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_UNITS = 10
LEAST_GAIN = 0.01


@dataclass(frozen=True)
class Choice:
    """What was taken and why.

    Attributes:
        name: The method.
        default: Which stood before.
        gain: Of the method over the default, share of its root mean squared error.
        gain_error: Standard error of that.
        runner_up: The next best method; the method itself where there is no other.
        units: Independent units.
        rmse: Of the units, each by the choice that all others make: its true price.
    """

    name: str
    default: str
    gain: float
    gain_error: float
    runner_up: str
    units: int
    rmse: float


def choose(squares: Mapping[str, NDArray[np.float64]], default: str) -> Choice:
    """The method to take.

    Args:
        squares: Mean squared error of each unit by method, all over the same units.
        default: The method that stands where too little is known.

    Raises:
        ValueError: If the default is not among the methods, or the units differ.
    """
    if default not in squares:
        raise ValueError(f"no errors of the default {default!r}")
    lengths = {len(values) for values in squares.values()}
    if len(lengths) != 1:
        raise ValueError(f"methods with {sorted(lengths)} units")
    count = lengths.pop()
    name = _best(squares, default)
    others = [n for n in squares if n != name]
    runner_up = min(others, key=lambda n: float(squares[n].mean()), default=name)
    gain, error = _gain(squares[name], squares[default]) if count else (0.0, float("nan"))
    left_out = [
        squares[_best({n: np.delete(v, unit) for n, v in squares.items()}, default)][unit]
        for unit in range(count)
    ]
    rmse = float(np.sqrt(np.mean(left_out))) if left_out else float("nan")
    return Choice(name, default, gain, error, runner_up, count, rmse)


def _best(squares: Mapping[str, NDArray[np.float64]], default: str) -> str:
    if len(squares[default]) < LEAST_UNITS:
        return default
    best, most = default, 0.0
    for name, values in squares.items():
        gain, error = _gain(values, squares[default])
        if gain > max(error, LEAST_GAIN, most):
            best, most = name, gain
    return best


def _gain(values: NDArray[np.float64], against: NDArray[np.float64]) -> tuple[float, float]:
    """Share by which the root mean square falls, and its standard error over units."""
    level = float(against.mean())
    if level <= 0:
        return 0.0, float("nan")
    root = float(np.sqrt(values.mean() / level))
    # Of √(Σv/Σw): the spread of v - root² · w over units, by the delta method.
    spread = values - root**2 * against
    count = len(values)
    if count < 2:
        return 1 - root, float("inf")
    error = float(spread.std(ddof=1) / np.sqrt(count) / (2 * max(root, 1e-9) * level))
    return 1 - root, error
