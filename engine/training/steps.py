"""What all trainings here do alike: rates, what is drawn, one step down, going on to the end.

Everything random in a step follows from the run's seed and the step's number, so that a run which
was stopped at any moment ends as if it had never been.
"""

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from engine.training.state import Counters

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Progress = Callable[[float, str], None]
Weights = dict[str, Tensor]
SEEDS_APART = 10_000_019  # a prime: no two runs of few steps draw alike


def at_least(choices: object, names: Iterable[str], least: float = 1) -> None:
    """Refuse choices below the least that can be run.

    Raises:
        ValueError: With the value and what to choose instead.
    """
    for name in names:
        if getattr(choices, name) < least:
            raise ValueError(f"{name}={getattr(choices, name)}; choose at least {least:g}")


def shares(choices: object, names: Iterable[str]) -> None:
    """Refuse choices that are no share from 0 up to, not including, 1.

    Raises:
        ValueError: With the value and what to choose instead.
    """
    for name in names:
        if not 0 <= getattr(choices, name) < 1:
            raise ValueError(f"{name}={getattr(choices, name)}; choose a share below 1")


def text(choices: "DataclassInstance") -> str:
    """Choices as JSON, the same text for the same choices."""
    return json.dumps(asdict(choices), sort_keys=True)


def usual_share(group: Mapping[str, Any]) -> float:
    """A group's part of the rate: its `share`, where it has one."""
    return float(group.get("share", 1.0))


def set_rates(
    optimiser: torch.optim.Optimizer,
    highest: float,
    step: int,
    steps: int,
    least: float = 0.0,
    *,
    lowest: float = 0.0,
    warm_up: int | None = None,
    share: Callable[[Mapping[str, Any]], float] = usual_share,
) -> None:
    """Learning rates of a step: they rise, then fall along a cosine.

    Args:
        optimiser: Its groups get the rates.
        highest: Rate.
        step: From 0.
        steps: In all.
        least: Share of the highest below which the cosine does not fall.
        lowest: Rate at which the cosine ends.
        warm_up: Steps of the rise; None: a twentieth of all.
        share: A group's part of the rate in this step.
    """
    rise = min(1.0, (step + 1) / max(steps // 20 if warm_up is None else warm_up, 1))
    fall = max((1 + math.cos(math.pi * step / steps)) / 2, least)
    rate = rise * (lowest + (highest - lowest) * fall) if lowest else highest * rise * fall
    for group in optimiser.param_groups:
        group["lr"] = rate * share(group)


def drawing(seed: int, step: int) -> torch.Generator:
    """Where a step's random numbers come from; torch's own, of dropout, are seeded too."""
    torch.manual_seed(seed * SEEDS_APART + step)
    return torch.Generator().manual_seed(seed * SEEDS_APART + step)


def descend(
    network: nn.Module, optimiser: torch.optim.Optimizer, value: Tensor, clip: float
) -> None:
    """One step of the optimiser down `value`, the gradient's norm at most `clip`.

    A group at rate 0 keeps its moments at rest too, so that thawing it does not jolt it.
    """
    optimiser.zero_grad(set_to_none=True)
    value.backward()  # type: ignore[no-untyped-call]  # torch's own
    nn.utils.clip_grad_norm_(network.parameters(), clip)
    for group in optimiser.param_groups:
        if group["lr"] == 0:
            for parameter in group["params"]:
                parameter.grad = None
    optimiser.step()


def copied(network: nn.Module) -> Weights:
    """A copy of a network's weights."""
    return {k: v.detach().clone() for k, v in network.state_dict().items()}


@torch.no_grad()
def follow(average: Weights, network: nn.Module, decay: float, step: int) -> None:
    """Move the running average of the weights; a young average follows faster."""
    decay = min(decay, (1 + step) / (10 + step))
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)


def go_on(
    counters: Counters,
    steps: int,
    every: int,
    step: Callable[[int], Mapping[str, float]],
    keep: Callable[[Mapping[str, float]], None],
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> None:
    """From where the counters stand to the last step, or until `keep` says that it is over.

    Args:
        counters: Moved on.
        steps: In all.
        every: Steps between calls of `keep`; the last step has one too.
        step: Does the step of a number; its losses, the whole first.
        keep: Given the losses of the last step; writes the state.
        progress: Called with the share of the steps done.
        cancelled: Looked at before each step.
    """
    started, before = time.monotonic(), counters.seconds
    while counters.step < steps and not counters.over:
        if cancelled is not None and cancelled():
            return
        losses = step(counters.step)
        counters.step += 1
        if counters.step % every == 0 or counters.step == steps:
            counters.seconds = before + time.monotonic() - started
            keep(losses)
        if progress is not None:
            whole = next(iter(losses.values()))
            progress(counters.step / steps, f"step {counters.step}, loss {whole:.4f}")
