"""Training the networks that AirSTFM is compared with: plain examples, one loop, a checkpoint.

They learn as they were published: coarse frames in, their own bilinear map (Urban-FM: the block's
value) to start from, no guidance and no climatology. The loss, over valid cells, is the squared
error; Charbonnier's, as published, with the paper's preset.
"""

import copy
import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.core.progress import Progress, Stop, part
from engine.superresolution import examples, weights
from engine.superresolution.card import History, card
from engine.superresolution.examples import Examples
from engine.superresolution.loop import train
from engine.superresolution.networks.initialisation import keep_signal
from engine.superresolution.networks.networks import NETWORKS, from_preset
from engine.superresolution.train_airstfm import (
    STATE,
    Preset,
    Trained,
    training_config,
    write_curve,
)
from engine.superresolution.training_config import TrainingConfig
from engine.superresolution.weights import Checkpoint
from engine.training.state import Counters

# What their papers say of the learning rate, where it is not the AirSTFM paper's 2e-4.
PUBLISHED: dict[str, dict[str, Any]] = {
    "urbanfm": {"learning_rate": 1e-4},
    "edvr": {"learning_rate": 4e-4},
    "basicvsrpp": {"learning_rate": 1e-4, "flow_factor": 0.25},
    "mana": {"learning_rate": 1e-4},
}

# Small networks other than AirSTFM, whose own choices suit what it adds to.
SLOWLY: dict[str, Any] = {"learning_rate": 1e-3, "flow_frozen": 500, "average": 0.995}


def train_network(
    model: str,
    name: str,
    folder: Path,
    *,
    size: Preset = "small",
    steps: int | None = None,
    seed: int = 0,
    train_end: dt.date | None = None,
    validate_end: dt.date | None = None,
    block_offsets: int = 1,
    device: str = "cpu",
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Trained:
    """Train one of the networks on a dataset, or go on with a run that was stopped.

    Args:
        model: Its name.
        name: A gridded dataset of the library.
        folder: For the checkpoint, the curve and the state of the run.
        size: Preset of the network and of the training.
        steps: None: the preset's.
        seed: Of the initial weights and the order of the data.
        train_end: Last local date to learn from; None: the dataset's own.
        validate_end: Last local date to validate on; None: half of what follows.
        block_offsets: Corners to count blocks from; more make more of a short record.
        device: "cpu" or "cuda".
        progress: Called with the share done.
        cancelled: Looked at between steps; the state stays and the run can go on.

    Raises:
        EngineError: If the dataset cannot be learned from, or the folder not written.
    """
    known = examples.from_library(
        name,
        NETWORKS[model].title,
        train_end=train_end,
        validate_end=validate_end,
        block_offsets=block_offsets,
        regress=False,
        progress=part(progress, 0.0, 0.1),
        cancelled=cancelled,
    )
    config = plain_config(training_config(size, steps, seed, device))
    if size == "paper":
        config = replace(config, loss="charbonnier", **PUBLISHED.get(model, {}))
    else:
        config = replace(config, **SLOWLY)
    network = fresh(model, size, known, seed)
    counters = learn(
        network,
        known,
        config,
        folder / STATE,
        device=device,
        progress=part(progress, 0.1, 1.0),
        cancelled=cancelled,
    )
    write_curve(counters, folder)
    if not counters.over:
        return Trained(None, counters)
    publish(model, network, known, folder, config, counters, device)
    return Trained(folder, counters)


def plain_config(config: TrainingConfig) -> TrainingConfig:
    """A way of training for networks without pretext stage and without error scale.

    Squared error, under which few steps bring more than under Charbonnier's (decision 0034).
    """
    return replace(config, loss="mse", pretext_steps=0)


def fresh(
    model: str,
    size: str,
    known: Examples,
    seed: int,
    *,
    drawn_anew: bool = True,
    **changes: object,
) -> nn.Module:
    """A network that at first gives the map it starts from, the same for the same seed.

    Args:
        model: Its name.
        size: Preset.
        known: What it is to learn from.
        seed: Of its weights.
        drawn_anew: Draw the tail so that it keeps its signal; off: PyTorch's first weights.
        changes: Fields of its configuration that differ from the preset's.
    """
    torch.manual_seed(seed)
    fields: dict[str, object] = {"mask_plane": True, "mean": known.mean, "std": known.std}
    network = from_preset(model, size, **(fields | changes))
    if drawn_anew and model != "urbanfm":  # whose norms see to it
        keep_signal(network.get_submodule("tail"))
    last: nn.Module = network.get_submodule("last" if model == "urbanfm" else "tail.last")
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.zero_()
    return network


def learn(
    network: nn.Module,
    known: Examples,
    config: TrainingConfig,
    folder: Path,
    *,
    device: str = "cpu",
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Counters:
    """Train on examples, or go on with a run that was stopped, with its state in `folder`."""
    chosen = settings(network)
    return train(
        config,
        network,
        chosen.frames,
        known.training,
        known.validation,
        folder,
        device=device,
        identity=f"{known.identity} {chosen}",
        progress=progress,
        cancelled=cancelled,
    )


def publish(
    model: str,
    network: nn.Module,
    known: Examples,
    folder: Path,
    config: TrainingConfig,
    counters: Counters,
    device: str = "cpu",
) -> Checkpoint:
    """Write a trained network, in half precision, with its card."""
    network.to("cpu").eval()
    described = Checkpoint(
        model=model,
        network=weights.network_fields(settings(network)),
        mean=known.mean,
        std=known.std,
        base="bilinear",
        planes=(),
        period=known.source.period,
        error_factor=1.0,
        trained_on=known.source.words,
        train_start=known.train_start.isoformat(),
        train_end=known.train_end.isoformat(),
        validate_end=known.validate_end.isoformat(),
        licence=known.source.licence,
        seed=config.seed,
    )
    std = (float("nan"), float("nan"))
    history = History(counters, config, len(known.training), std, counters.seconds, device)
    text = card(described, known.source, network, history)
    weights.save(folder, described, copy.deepcopy(network).half(), text)
    return described


def settings(network: nn.Module) -> Any:  # noqa: ANN401 - one dataclass for each network
    """A network's configuration."""
    return network.config
