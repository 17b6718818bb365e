"""Scores of probable forecasts: how far, how sure, and whether rightly so."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from engine.verify.metrics import MAPE_FLOOR_OF_SENSORS, METRICS, statistics

QUANTILES = tuple(q / 20 for q in range(1, 20))


def crps(members: Float[Tensor, "member n"], target: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Continuous ranked probability score of an ensemble, fair to its size, in its unit.

    Of a single member it is the absolute error.

    Source: Ferro 2014, doi:10.1002/qj.2270, equation 4.
    """
    count = len(members)
    error = (members - target).abs().mean(0)
    if count == 1:
        return error
    ordered = members.sort(0).values
    rank = torch.arange(1, count + 1, device=members.device).to(members)[:, None]
    return error - (ordered * (2 * rank - count - 1)).sum(0) / (count * (count - 1))


def quantile_score(members: Float[Tensor, "member n"], target: Float[Tensor, " n"]) -> float:
    """The score that CSDI calls CRPS: of 19 quantiles, relative to the sum of what came true.

    Source: Tashiro et al. 2021, arXiv:2107.03502, appendix G.
    """
    levels = torch.tensor(QUANTILES).to(members)
    predicted = members.quantile(levels, dim=0)
    off = target - predicted
    pinball = torch.maximum(levels[:, None] * off, (levels[:, None] - 1) * off)
    return float(2 * pinball.sum(1).mean() / target.abs().sum())


def covered(
    members: Float[Tensor, "member n"], target: Float[Tensor, " n"], share: float
) -> Float[Tensor, " n"]:
    """1 where the central `share` of the members' distribution holds the target, else 0."""
    tail = (1 - share) / 2
    low, high = members.quantile(torch.tensor([tail, 1 - tail]).to(members), dim=0)
    inside: Tensor = (low <= target) & (target <= high)
    return inside.to(members)


@dataclass(frozen=True)
class Scores:
    """Of one forecast method over all targets.

    Attributes:
        count: Targets.
        mae: Mean absolute error of the mean, ug m-3.
        rmse: Of the mean, ug m-3.
        mape: Mean absolute error relative to the target, which counts as `floor` at least.
        crps: ug m-3; of a single forecast its mean absolute error.
        coverage_50: Share of the targets in the central half; NaN for a single forecast.
        coverage_90: Share in the central 90 per cent.
        quantile: As `quantile_score`.
    """

    count: int
    mae: float
    rmse: float
    mape: float
    crps: float
    coverage_50: float
    coverage_90: float
    quantile: float


def score(
    members: Float[Tensor, "member n"],
    target: Float[Tensor, " n"],
    floor: float = MAPE_FLOOR_OF_SENSORS,
) -> Scores:
    """All scores of forecasts (member, n) against what came true; one member is a single forecast.

    Raises:
        ValueError: If there is no target, or one is NaN.
    """
    if not target.numel() or bool(target.isnan().any()) or bool(members.isnan().any()):
        raise ValueError("there is no target, or a target or a forecast is NaN")
    members, target = members.double(), target.double()
    mean, known = members.mean(0).numpy(force=True), target.numpy(force=True)
    total = statistics(mean, known, mape_floor=floor)
    sure = len(members) > 1
    return Scores(
        count=target.numel(),
        **{name: float(METRICS[name](total)) for name in ("mae", "rmse", "mape")},
        crps=float(crps(members, target).mean()),
        coverage_50=float(covered(members, target, 0.5).mean()) if sure else float("nan"),
        coverage_90=float(covered(members, target, 0.9).mean()) if sure else float("nan"),
        quantile=quantile_score(members, target),
    )


def widening(
    members: Float[Tensor, "member n"], target: Float[Tensor, " n"], share: float = 0.9
) -> float:
    """What departures from the mean are multiplied with, so that the band holds its share."""
    tail = (1 - share) / 2
    mean = members.mean(0)
    low, high = members.quantile(torch.tensor([tail, 1 - tail]).to(members), dim=0)
    away = target - mean
    room = torch.where(away > 0, high - mean, mean - low).clamp(min=1e-6)
    return float((away.abs() / room).double().quantile(share))


def published_scores(members: Tensor, target: Tensor, mean: float, std: float) -> Scores:
    """As the released code counts, a quirk and not our way: z-scores, nothing below the mean.

    Targets at or below the mean are dropped and forecasts below it raised to it, so that a forecast
    of nothing but the mean scores below one.

    Source: `utils.py` of the code released with STeP-Diff, arXiv:2512.04385.
    """
    z_target, z_members = (target - mean) / std, ((members - mean) / std).clamp(min=0)
    above = z_target > 0
    return score(z_members[:, above], z_target[above], floor=1e-6)
