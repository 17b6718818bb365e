"""Trains a network that tells one forecast, on the windows that STeP-Diff learns from."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from engine.models.stepdiff import Window
from engine.training.stepdiff import StepTraining, future_hidden, spoiled

Told = Callable[[Window], Tensor]


def train_single(
    config: StepTraining,
    network: nn.Module,
    tell: Told,
    training: Window,
    validation: Window,
    history: int,
) -> float:
    """Train by absolute error; the network ends with the weights that were best in validation.

    Args:
        config: Steps, batch, rates and seed; what it says of noise and physics is not used.
        network: What; initialised by the caller.
        tell: Departures (b, cell, lead) that the network tells for windows.
        training: Windows to learn from.
        validation: Later windows.
        history: Hours known.

    Returns:
        Mean absolute error over the validation part, in the window's unit.
    """
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    best, kept = _error(network, tell, validation, history), _copy(network)
    for step in range(config.steps):
        for group in optimiser.param_groups:
            rise = min(1.0, (step + 1) / max(config.steps // 20, 1))
            fall = (1 + math.cos(math.pi * step / config.steps)) / 2
            group["lr"] = config.learning_rate * rise * max(fall, 0.02)
        generator = torch.Generator().manual_seed(config.seed * 10_000_019 + step)
        which = torch.randint(len(training), (config.batch,), generator=generator)
        batch = spoiled(training.at(which), config, history, generator)
        known = batch.known[..., history:]
        off = (tell(batch) - batch.values[..., history:])[known]
        optimiser.zero_grad(set_to_none=True)
        off.abs().mean().backward()  # type: ignore[no-untyped-call]  # torch's own
        nn.utils.clip_grad_norm_(network.parameters(), config.clip)
        optimiser.step()
        if (step + 1) % config.check_every == 0 or step + 1 == config.steps:
            error = _error(network, tell, validation, history)
            if error < best:
                best, kept = error, _copy(network)
    network.load_state_dict(kept)
    network.eval()
    return best


@torch.no_grad()
def _error(network: nn.Module, tell: Told, window: Window, history: int) -> float:
    network.eval()
    told = tell(future_hidden(window, history))
    known = window.known[..., history:]
    error = float((told - window.values[..., history:])[known].abs().mean())
    network.train()
    return error


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {k: v.detach().clone() for k, v in network.state_dict().items()}
