"""Trains a network that predicts one forecast, on the windows that STeP-Diff learns from."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from engine.forecast.networks.stepdiff import Window
from engine.forecast.train_steps import LEAST_RATE, StepTraining, future_hidden, spoiled
from engine.training import steps
from engine.verify.metrics import of_errors

Predict = Callable[[Window], Tensor]


def train_single(
    config: StepTraining,
    network: nn.Module,
    predict: Predict,
    training: Window,
    validation: Window,
    history: int,
) -> float:
    """Train by absolute error; the network ends with the weights that were best in validation.

    Args:
        config: Steps, batch, rates and seed; what it says of noise and physics is not used.
        network: What; initialised by the caller.
        predict: Departures (b, cell, lead) that the network predicts for windows.
        training: Windows to learn from.
        validation: Later windows.
        history: Hours known.

    Returns:
        Mean absolute error over the validation part, in the window's unit.
    """
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    best, kept = _error(network, predict, validation, history), steps.copied(network)
    for step in range(config.steps):
        steps.set_rates(optimiser, config.learning_rate, step, config.steps, LEAST_RATE)
        generator = steps.drawing(config.seed, step)
        which = torch.randint(len(training), (config.batch,), generator=generator)
        batch = spoiled(training.at(which), config, history, generator)
        known = batch.known[..., history:]
        off = (predict(batch) - batch.values[..., history:])[known]
        steps.descend(network, optimiser, off.abs().mean(), config.clip)
        if (step + 1) % config.check_every == 0 or step + 1 == config.steps:
            error = _error(network, predict, validation, history)
            if error < best:
                best, kept = error, steps.copied(network)
    network.load_state_dict(kept)
    network.eval()
    return best


@torch.no_grad()
def _error(network: nn.Module, predict: Predict, window: Window, history: int) -> float:
    network.eval()
    predicted = predict(future_hidden(window, history))
    known = window.known[..., history:]
    difference = (predicted - window.values[..., history:])[known]
    error = of_errors("mae", difference.numpy(force=True))
    network.train()
    return error
