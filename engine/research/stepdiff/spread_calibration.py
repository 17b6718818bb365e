"""Rules for the spread, held against days of learning and validation that they were not shown.

A rule turns members and what came true into factors by lead hour. Each is fitted to all days but
one, and predicts that day; then to all, and predicts the test part, which chooses nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.forecast import weights as stepcheckpoint
from engine.forecast.calibration import WIDEST, drawn_fields, settled, spread_of
from engine.forecast.examples import VALIDATE_EVERY
from engine.forecast.networks.mobile_windows import windows
from engine.forecast.networks.stepdiff import StepDiff, Window
from engine.research.stepdiff.scores import MEMBERS, Bench, test_windows
from engine.verify.ensembles import crps, score
from engine.verify.metrics import of_errors

LEARN_EVERY = 4  # hours between windows of the learning part
DAY = 24
HALF_LIVES = (12.0, 24.0, 48.0, 96.0)  # hours over which late errors are believed
BELIEVED = 4.0  # windows of late errors that weigh as much as the usual error
POWERS = (0.25, 0.5, 0.75, 1.0)  # of the level, with which errors might grow
FACTORS = torch.linspace(0.3, 4.0, 38)  # tried where CRPS chooses


@dataclass(frozen=True)
class Part:
    """Forecasts of a part and what came true.

    Attributes:
        drawn: About the first guess, (member, window, cell, lead), ug m-3.
        true: What came true.
        known: Where that is known.
        begins: First lead hour of each window.
    """

    drawn: Tensor
    true: Tensor
    known: Tensor
    begins: Tensor

    def at(self, some: Tensor) -> "Part":
        """Some windows."""
        return Part(self.drawn[:, some], self.true[some], self.known[some], self.begins[some])

    @property
    def pairs(self) -> tuple[Tensor, Tensor, Tensor]:
        """As `spread_of` wants them."""
        return self.drawn, self.true, self.known

    @property
    def count(self) -> int:
        """Readings."""
        return int(self.known.sum())


Spread = tuple[float, ...]
Rule = Callable[[Part, Part], Spread]  # of learning and validation


def _ships(learn: Part, validate: Part) -> Spread:
    return spread_of([learn.pairs, validate.pairs])


def _one(learn: Part, validate: Part) -> Spread:
    leads = learn.true.shape[-1]
    # All lead hours side by side: one hour of many cells.
    flat = [(d.flatten(2)[..., None], t.flatten(1)[..., None], k.flatten(1)[..., None])
            for d, t, k in (learn.pairs, validate.pairs)]  # fmt: skip
    return spread_of(flat) * leads


def _alone(learn: Part, validate: Part) -> Spread:
    return spread_of([validate.pairs if validate.count else learn.pairs])


def _alike(learn: Part, validate: Part) -> Spread:
    times = max(1, round(learn.count / max(validate.count, 1))) if validate.count else 0
    return spread_of([learn.pairs, *[validate.pairs] * times])


def _least_crps(learn: Part, validate: Part) -> Spread:
    found, leads = [], learn.true.shape[-1]
    for lead in range(leads):
        near = slice(max(lead - 1, 0), lead + 2)
        cut = [(d[..., near][:, k[..., near]], t[..., near][k[..., near]])
               for d, t, k in (learn.pairs, validate.pairs)]  # fmt: skip
        drawn, true = torch.cat([d for d, _ in cut], 1), torch.cat([t for _, t in cut])
        mean = drawn.mean(0)
        missed = [float(crps(mean + f * (drawn - mean), true).mean()) for f in FACTORS]
        best = float(FACTORS[int(torch.tensor(missed).argmin())])
        found.append(round(min(max(best, WIDEST[0]), WIDEST[1]), 3))
    return tuple(found)


RULES: dict[str, Rule] = {
    "by lead hour, 90 % of all readings (ships)": _ships,
    "one factor, 90 % of all readings": _one,
    "by lead hour, the two parts weigh alike": _alike,
    "by lead hour, validation hours alone": _alone,
    "by lead hour, least CRPS": _least_crps,
}


def compared(found: Bench) -> dict[str, Any]:
    """Every rule on days held out and on the test part.

    Returns:
        `rules` by name: `held_out` and `test`, each with `crps`, `half` and `most`; `days`, the
        share that the 90 % bands of the shipped rule hold on each day before the test, held out;
        `guess_mae` of learning windows, with their own days in the climatology or not, of
        validation and of test; `foreseen`, as that function has it.
    """
    _, network = stepcheckpoint.load(found.place.weights)
    data = found.data
    begins = torch.arange(2 * network.config.history, data.parts.learn)[: len(data.training)]
    some = slice(LEARN_EVERY // 2, None, LEARN_EVERY)
    later = data.parts.validate[0] + VALIDATE_EVERY * torch.arange(len(data.validation))
    learn = part(found, network, data.training.at(some), begins[some])
    validate = part(found, network, data.validation, later)
    test = part(found, network, test_windows(found, network.config), torch.tensor(found.begins))
    rules: dict[str, dict[str, Mapping[str, float]]] = {}
    days: dict[str, float] = {}
    for name, rule in RULES.items():
        by_day = held_out(rule, learn, validate)
        days = days or {str(day): round(s["coverage_90"], 3) for day, s in by_day.items()}
        held = pooled(list(by_day.values()))
        rules[name] = {"held_out": held, "test": scored(test, rule(learn, validate))}
    guess = {
        "learn": _missed(learn),
        "learn, own days known": _own_days(found, network, begins[some]),
        "validate": _missed(validate),
        "test": _missed(test),
    }
    return {"rules": rules, "days": days, "guess_mae": guess, "foreseen": foreseen(found)}


def foreseen(found: Bench) -> dict[str, dict[str, float]]:
    """Whether the size of errors can be foreseen, on the learning part: likelihood gained.

    Errors are taken as exponential about their usual size at each lead hour, times a factor: of
    late errors, those of windows that ended before, or of the first guess's own level.

    Returns:
        `late` by half-life and `level` by power: log likelihood gained for each error, 0 is none.
    """
    data = found.data
    window, history = data.training, data.training.known.shape[2] - found.target.shape[1]
    known = window.known[..., history:]
    count = known.sum(1)
    missed = (window.values[..., history:].abs() * known).sum(1) / count.clamp(min=1)
    there = count > 0
    usual = torch.where(there, missed, 0).sum(0) / there.sum(0).clamp(min=1)
    ratio = missed / usual  # (window, lead), windows an hour apart
    mean = torch.where(there, ratio, 0).sum(1) / there.sum(1).clamp(min=1)
    level = (window.guess[..., history:].mean(1) / data.guess.mean).clamp(min=0.05)

    def gained(factor: Tensor) -> float:
        scaled = (ratio / factor)[there]
        factor = factor.expand_as(ratio)[there] * scaled.mean()  # one size more, as without
        left = factor.log() + ratio[there] / factor
        return round(float(ratio[there].mean().log() + 1 - left.mean()), 4)

    late = {}
    hours = torch.arange(len(mean))
    ago = (hours[:, None] - hours - found.target.shape[1]).double()
    valid = (ago >= 0) & there.any(1)
    for half in HALF_LIVES:
        weight = torch.where(valid, 0.5 ** (ago / half), 0.0) / VALIDATE_EVERY
        late[f"{half:g}"] = gained(
            ((BELIEVED + weight @ mean.double()) / (BELIEVED + weight.sum(1)))[:, None]
        )
    return {"late": late, "level": {f"{p:g}": gained(level**p) for p in POWERS}}


def part(found: Bench, network: StepDiff, window: Window, begins: Tensor) -> Part:
    """Members of windows about the first guess, in the cells that can be scored."""
    history = network.config.history
    scored_cells = found.visited if found.truth is None else torch.ones_like(found.visited)
    cells = scored_cells.nonzero()[:, 0]
    drawn = drawn_fields(network, window, found.data.record.grid, MEMBERS, only=cells)
    base = window.guess[:, cells, history:]
    true = base + window.scale * window.values[:, cells, history:]
    return Part(settled(drawn, base, 0.0, 1.0), true, window.known[:, cells, history:], begins)


def held_out(rule: Rule, learn: Part, validate: Part) -> dict[int, Mapping[str, float]]:
    """Scores of each day by factors of the others; windows that touch it are left out."""
    found: dict[int, Mapping[str, float]] = {}
    for own in (learn, validate):
        for day in sorted(set((own.begins // DAY).tolist())):
            predicted = own.at(own.begins // DAY == day)
            if not predicted.count:
                continue
            rest = [p.at((p.begins // DAY - day).abs() > 1) for p in (learn, validate)]
            found[day] = scored(predicted, rule(rest[0], rest[1]))
    return found


def scored(predicted: Part, spread: Spread) -> dict[str, float]:
    """CRPS, ug m-3, and what the bands hold."""
    mean = predicted.drawn.mean(0)
    members = (mean + torch.tensor(spread) * (predicted.drawn - mean)).clamp(min=0)
    s = score(members[:, predicted.known], predicted.true[predicted.known])
    return {
        "crps": s.crps,
        "coverage_50": s.coverage_50,
        "coverage_90": s.coverage_90,
        "count": s.count,
    }


def pooled(days: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Means over days, each by its readings."""
    count = sum(day["count"] for day in days)
    return {
        name: sum(day[name] * day["count"] for day in days) / count
        for name in ("crps", "coverage_50", "coverage_90")
    }


def _missed(predicted: Part) -> float:
    """Mean absolute error of the first guess, about which members were put."""
    error = (predicted.drawn.mean(0) - predicted.true)[predicted.known]
    return of_errors("mae", error.numpy(force=True))


def _own_days(found: Bench, network: StepDiff, begins: Tensor) -> float:
    """The same of learning windows whose days are part of their climatology."""
    data, history = found.data, network.config.history
    window = windows(data.record, begins.tolist(), network.config, data.guess, 1.0)
    known = window.known[..., history:]
    return of_errors("mae", window.values[..., history:][known].numpy(force=True))
