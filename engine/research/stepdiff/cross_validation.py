"""Whether the members' mean is worth believing, from the training part itself, by blocks.

A few days of validation decide little. Here the training part is cut into blocks of days; for each
a network is trained that never saw it, and predicts its windows. The day is the unit of what is
sure.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.forecast.calibration import MEAN_WEIGHTS, drawn_fields
from engine.forecast.examples import Examples, begin, textured
from engine.forecast.networks.stepdiff import StepDiffConfig, Window
from engine.forecast.train_steps import StepTraining, future_hidden, train
from engine.research.stepdiff.single_training import train_single

FOLDS = 3
MEMBERS = 10
EVERY = 11  # hours between the starts that are predicted: all times of the day
LEADS = {"1-2 h": slice(0, 2), "3-4 h": slice(2, 4), "5-8 h": slice(4, 8), "9-12 h": slice(8, 12)}


def cross_validated(
    data: Examples, shape: StepDiffConfig, config: StepTraining, folder: Path, identity: str
) -> dict[str, Any]:
    """What believing the members' mean gains over the first guess, and its standard error.

    Args:
        data: The examples; their validation part decides when to stop, as ever.
        shape: Of the network.
        config: How to train each.
        folder: For the states.
        identity: Of the place.

    Returns:
        `mean_weights`, `days`, and for each of `LEADS` the first guess's `mae`, `gain` and `sure`
        (standard error among days) for each mean weight, ug m-3; a gain above 0 is an error less.
    """
    shape = textured(_sized(shape, data), data)

    def predicted(fold: int, learn: Window, window: Window, seen: Tensor) -> Tensor:
        network = begin(shape, data, config.seed)
        train(
            config,
            network,
            learn,
            data.validation,
            data.record.grid,
            data.change,
            folder / f"fold-{fold}",
            identity=f"{identity} fold {fold} {shape}",
        )
        drawn = drawn_fields(network, window, data.record.grid, MEMBERS, only=seen)
        return drawn.mean(0) - window.guess[:, seen, shape.history :]

    return _over_folds(data, shape, predicted)


def cross_validated_operator(
    data: Examples, shape: StepDiffConfig, config: StepTraining
) -> dict[str, Any]:
    """The same of DeepONet alone, learned by absolute error."""
    shape = _sized(shape, data)

    def predicted(fold: int, learn: Window, window: Window, seen: Tensor) -> Tensor:
        network = begin(shape, data, config.seed + fold)

        def predict(some: Window) -> Tensor:
            return network.operator(some, data.record.grid)

        train_single(config, network, predict, learn, data.validation, shape.history)
        with torch.no_grad():
            return window.scale * predict(future_hidden(window, shape.history))[:, seen]

    return _over_folds(data, shape, predicted)


def _sized(shape: StepDiffConfig, data: Examples) -> StepDiffConfig:
    rows, columns = data.record.grid
    return replace(shape, rows=rows, columns=columns)


def _over_folds(
    data: Examples,
    shape: StepDiffConfig,
    predicted: Callable[[int, Window, Window, Tensor], Tensor],
) -> dict[str, Any]:
    """Departures of every block, predicted from the others, against the readings."""
    parts = []
    for fold in range(FOLDS):
        kept, requested = held_out(len(data.training), fold, shape.hours)
        window = data.training.at(requested)
        seen = window.known.any(2).any(0).nonzero()[:, 0]
        off = predicted(fold, data.training.at(kept), window, seen)
        left = window.scale * window.values[:, seen, shape.history :]
        parts.append(_by_lead(off, left, window.known[:, seen, shape.history :]))
    return gains(*(torch.cat(each) for each in zip(*parts, strict=True)))


def held_out(count: int, fold: int, hours: int) -> tuple[Tensor, Tensor]:
    """Numbers of the windows to learn from and to predict; no hour is in both.

    Args:
        count: Windows, an hour apart.
        fold: Which block, from 0.
        hours: Of a window.
    """
    first, last = count * fold // FOLDS, count * (fold + 1) // FOLDS
    every = torch.arange(count)
    kept = every[(every <= first - hours) | (every >= last + hours)]
    return kept, every[first:last:EVERY]


def _by_lead(off: Tensor, left: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Sums of absolute errors (window, mean weight, lead) and counts (window, lead)."""
    errors = torch.stack([((t * off - left).abs() * known).sum(1) for t in MEAN_WEIGHTS], 1)
    return errors.double(), known.sum(1).double()


def gains(errors: Tensor, count: Tensor) -> dict[str, Any]:
    """As `cross_validated` returns them, from sums by window; windows `EVERY` hours apart."""
    day = torch.arange(len(count)) * EVERY // 24
    found: dict[str, Any] = {
        "mean_weights": list(MEAN_WEIGHTS),
        "days": int(day[-1]) + 1,
        "leads": {},
    }
    for name, leads in LEADS.items():
        size = int(day[-1]) + 1
        total = torch.zeros(size, len(MEAN_WEIGHTS), dtype=torch.float64)
        total = total.index_add(0, day, errors[..., leads].sum(2))
        valid = torch.zeros(size, dtype=torch.float64).index_add(0, day, count[:, leads].sum(1))
        found["leads"][name] = _gain(total[valid > 0], valid[valid > 0])
    return found


def _gain(total: Tensor, valid: Tensor) -> dict[str, Any]:
    """Gain by mean weight with the standard error of a ratio of sums over days."""
    less = total[:, :1] - total
    gain = less.sum(0) / valid.sum()
    off = less - gain * valid[:, None]
    days = len(valid)
    sure = (off**2).sum(0).mul(days / max(days - 1, 1)).sqrt() / valid.sum()
    return {
        "mae": float(total[:, 0].sum() / valid.sum()),
        "gain": _list(gain),
        "sure": _list(sure),
    }


def _list(values: Tensor) -> Sequence[float]:
    return [round(float(v), 4) for v in values]
