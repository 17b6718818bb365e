"""How far a trained network is to be believed, by hours that it did not learn from."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.forecast.examples import VALIDATE_EVERY, Examples
from engine.forecast.networks.diffusion import Sampler
from engine.forecast.networks.stepdiff import StepDiff, Window
from engine.forecast.recipe_stepdiff import DEFAULT_SAMPLER
from engine.forecast.train_steps import future_hidden
from engine.verify.ensembles import score, widening
from engine.verify.metrics import of_errors

CALIBRATION_MEMBERS = 10
CALIBRATION_WINDOWS = 16  # of the learning part, beside all of the validation part
MEAN_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
WIDEST = (0.2, 4.0)  # what the spread may be multiplied with


@dataclass(frozen=True)
class Calibration:
    """What hours that were not learned from say of a network's members.

    Attributes:
        spread_factor: What departures from their mean are multiplied with, by lead hour.
        mean_weight: Share of their mean departure from the first guess that is believed.
        crps: With these over the validation part, ug m-3.
        mae: There.
        guess_mae: Of the first guess alone there.
        coverage: Of the 90 % bands there.
    """

    spread_factor: tuple[float, ...]
    mean_weight: float
    crps: float = float("nan")
    mae: float = float("nan")
    guess_mae: float = float("nan")
    coverage: float = float("nan")


def calibrate(network: StepDiff, data: Examples) -> Calibration:
    """Mean weight and spread factors.

    The mean weight is the smallest share of the members' mean departure from the first guess that
    errs no more over the validation part than the best share does, give or take the standard error
    among its days (Hastie et al. 2009, The Elements of Statistical Learning, section 7.10: the
    one-standard-error rule). What a few days do not make sure of is left to the first guess.

    Spread is found for each lead hour and its neighbours over the validation part and windows
    of the learning part, whose climatology left their days out: a few days of validation know
    little of how far a forecast can go wrong.
    """
    history, window, learned = network.config.history, data.validation, data.training
    every = max(1, len(learned) // CALIBRATION_WINDOWS)
    parts = []
    for part in (window, learned.at(slice(every // 2, None, every))):
        seen = part.known.any(2).any(0).nonzero()[:, 0]
        drawn = drawn_fields(network, part, data.record.grid, CALIBRATION_MEMBERS, only=seen)
        known = part.known[:, seen, history:]
        base = part.guess[:, seen, history:]
        true = base + part.scale * part.values[:, seen, history:]
        parts.append((drawn, base, true, known))
    mean_weight = supported_weight(*parts[0])
    spread = spread_of([(settled(d, b, mean_weight, 1.0), t, k) for d, b, t, k in parts])
    drawn, base, true, known = parts[0]
    members = settled(drawn, base, mean_weight, torch.tensor(spread)).clamp(min=0)[:, known]
    scores = score(members, true[known])
    first = of_errors("mae", (base - true)[known].numpy(force=True))
    return Calibration(spread, mean_weight, scores.crps, scores.mae, first, scores.coverage_90)


def supported_weight(drawn: Tensor, base: Tensor, true: Tensor, known: Tensor) -> float:
    """The share of `MEAN_WEIGHTS` that the days of validation make sure of.

    Args:
        drawn: Members (member, window, cell, lead), windows `VALIDATE_EVERY` hours apart.
        base: First guess (window, cell, lead).
        true: What came true, likewise.
        known: Where that is known.
    """
    off, day = drawn.mean(0) - base, torch.arange(len(base)) * VALIDATE_EVERY // 24
    errors = torch.stack([(base + t * off - true).abs() * known for t in MEAN_WEIGHTS]).sum((2, 3))
    by_day = torch.zeros(len(MEAN_WEIGHTS), int(day[-1]) + 1).index_add(1, day, errors.float())
    count = torch.zeros(int(day[-1]) + 1).index_add(0, day, known.sum((1, 2)).float())
    mean = by_day[:, count > 0] / count[count > 0]
    best = int(errors.sum(1).argmin())
    for share, row in zip(MEAN_WEIGHTS, mean, strict=True):
        worse = row - mean[best]
        # Of one day nobody knows the error.
        sure = float(worse.std()) / len(worse) ** 0.5 if len(worse) > 1 else float("inf")
        if float(worse.mean()) <= sure:
            return share
    return MEAN_WEIGHTS[best]


def spread_of(parts: Sequence[tuple[Tensor, Tensor, Tensor]]) -> tuple[float, ...]:
    """Factors by lead hour, each from its own readings and its neighbours'.

    Args:
        parts: Members (member, window, cell, lead), what came true, and where it is known.
    """
    leads, (low, high) = parts[0][1].shape[-1], WIDEST
    factors = []
    for lead in range(leads):
        near = slice(max(lead - 1, 0), lead + 2)
        cut = [(d[..., near][:, k[..., near]], t[..., near][k[..., near]]) for d, t, k in parts]
        members, true = torch.cat([m for m, _ in cut], 1), torch.cat([t for _, t in cut])
        factor = widening(members, true) if true.numel() else 1.0
        factors.append(round(min(max(factor, low), high), 3))
    return tuple(factors)


def settled(members: Tensor, base: Tensor, mean_weight: float, spread: float | Tensor) -> Tensor:
    """Members (member, ..., lead) about a mean between the first guess and theirs, spread out."""
    mean = members.mean(0)
    return base + mean_weight * (mean - base) + spread * (members - mean)


def drawn_fields(
    network: StepDiff,
    window: Window,
    grid: tuple[int, int],
    members: int,
    *,
    sampler: Sampler = DEFAULT_SAMPLER,
    only: Tensor | None = None,
    seed: int = 0,
) -> Tensor:
    """Forecasts (member, window, cell, lead), ug m-3; what came true is hidden from the network.

    Args:
        network: Any; ends in evaluation mode.
        window: Of whole grids.
        grid: Rows and columns.
        members: How many.
        sampler: How they are drawn.
        only: Cells that are predicted; None: all.
        seed: Of the noise.
    """
    network.eval()
    history = network.config.history
    generator = torch.Generator().manual_seed(seed)
    predicted = []
    for first in range(len(window)):
        hidden = future_hidden(window.at(slice(first, first + 1)), history)
        members_drawn = list(network.draw(hidden, grid, sampler, members, generator, only))
        predicted.append(torch.cat(members_drawn, 1)[0, ..., history:])
    base = window.guess if only is None else window.guess[:, only]
    return base[..., history:] + window.scale * torch.stack(predicted, 1)
