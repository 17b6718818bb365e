"""The training loop: pretext stage, then the whole network; stops early, and resumes exactly.

Works on any network with AirSTFM's `forward`: coarse frames and masks in, a `FineMap` out. Needs
torch, NumPy and safetensors alone.

Source: Li et al., Atmosphere 2025, 16, 166, doi:10.3390/atmos16020166, section 4.1, and
`engine.superresolution.training_config` for what the paper leaves open.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.superresolution.batches import Batch, Series, crops, window
from engine.superresolution.losses import loss, pretext_loss
from engine.superresolution.networks.layers import FineMap
from engine.superresolution.training_config import TrainingConfig
from engine.training import state
from engine.training.state import Counters
from engine.training.steps import (
    Progress,
    Weights,
    copied,
    descend,
    drawing,
    follow,
    go_on,
    set_rates,
)

FAR_WORSE = 3.0


@dataclass
class Run:
    """A run under way; only `train` and its helpers touch it."""

    config: TrainingConfig
    network: nn.Module
    optimiser: torch.optim.Adam
    device: torch.device
    counters: Counters
    average: Weights
    best: Weights
    folder: Path
    identity: str


def train(
    config: TrainingConfig,
    network: nn.Module,
    frames: int,
    training: Sequence[Series],
    validation: Sequence[Series],
    folder: Path,
    *,
    device: str = "cpu",
    identity: str = "",
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Counters:
    """Train, or go on training, in `folder`; the network ends with the best weights.

    Stopped at any moment and called again with the same arguments, it ends with the same weights
    as if it had never been stopped (on a CPU, with the same number of threads).

    Args:
        config: How.
        network: What; initialised by the caller, from the same seed each time.
        frames: Length of the network's window.
        training: Series to learn from.
        validation: Series to stop by. None of their frames is in `training`.
        folder: Holds the state; made if it is not there.
        device: "cpu" or "cuda".
        identity: Text that names data and network; a state of another identity is refused.
        progress: Called with the share of the steps done, and where it is.
        cancelled: Looked at before each step. The last state stays on disk.

    Returns:
        How far it got, with the curve.

    Raises:
        StorageError: If the state cannot be written, or belongs to another run.
    """
    run = _begin(config, network, folder, torch.device(device), identity)
    stages = {"pretext": config.pretext_steps, "whole": config.steps}
    if run.counters.stage == "pretext":
        _stage(run, stages, training, validation, frames, progress, cancelled)
        if run.counters.step >= stages["pretext"]:
            _next_stage(run)
    if run.counters.stage == "whole":
        _stage(run, stages, training, validation, frames, progress, cancelled)
    if run.counters.over and run.best:
        network.load_state_dict(run.best)
    return run.counters


def _stage(
    run: Run,
    stages: Mapping[str, int],
    training: Sequence[Series],
    validation: Sequence[Series],
    frames: int,
    progress: Progress | None,
    cancelled: Callable[[], bool] | None,
) -> None:
    """One stage, from where the counters stand, by the loop that all trainings share."""
    stage, steps = run.counters.stage, stages[run.counters.stage]
    before = stages["pretext"] if stage == "whole" else 0

    def step(number: int) -> dict[str, float]:
        del number  # the counters hold it
        return {"loss": _step(run, _batch(run, training, frames).to(run.device), steps)}

    def shown(share: float, text: str) -> None:
        if progress is not None:
            done = (before + share * steps) / sum(stages.values())
            progress(done, text.replace("step", stage, 1))

    go_on(
        run.counters,
        steps,
        run.config.check_every,
        step,
        lambda losses: _check(run, losses["loss"], validation, frames),
        progress=shown,
        cancelled=cancelled,
    )


def validate(
    network: nn.Module, series: Sequence[Series], frames: int, device: torch.device
) -> float:
    """Root mean squared error over the valid cells of all frames, in normalised units."""
    squares, count = 0.0, 0.0
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        for part in series:
            for at in range(len(part)):
                batch = window(part, at, frames).to(device)
                error = (forward(network, batch).mean - batch.fine)[:, :, 0][batch.fine_mask]
                squares += float((error.double() ** 2).sum())
                count += error.numel()
    network.train(was_training)
    return math.sqrt(squares / max(count, 1.0))


def forward(network: nn.Module, batch: Batch) -> FineMap:
    """The network's answer to a batch."""
    answer: FineMap = network(
        batch.coarse,
        batch.mask,
        fine_mask=batch.fine_mask,
        base=batch.base,
        guide=batch.guide,
        frames=batch.wanted,
    )
    return answer


def _begin(
    config: TrainingConfig, network: nn.Module, folder: Path, device: torch.device, identity: str
) -> Run:
    network.to(device).train()
    groups = _groups(config, network)
    optimiser = torch.optim.Adam(groups, betas=(0.9, 0.99), weight_decay=config.weight_decay)
    whole = f"{identity} {config.text()}"
    kept_state = state.read(folder, network, optimiser, whole)
    pretext = getattr(network, "pretext", None) is not None and config.pretext_steps > 0
    counters, average, best = kept_state or (Counters("pretext" if pretext else "whole"), {}, {})
    average = {k: v.to(device) for k, v in average.items()} or copied(network)
    return Run(config, network, optimiser, device, counters, average, best, folder, whole)


def _groups(config: TrainingConfig, network: nn.Module) -> list[dict[str, object]]:
    """Parameters by learning rate: pretext and flow networks learn slowly, the rest at once."""
    shares = {"pretext": config.pretext_factor, "spynet": config.flow_factor}
    parts: dict[str, list[nn.Parameter]] = {"pretext": [], "spynet": [], "rest": []}
    for name, parameter in network.named_parameters():
        part = name.split(".")[0]
        parts[part if part in shares else "rest"].append(parameter)
    return [
        {"params": params, "lr": config.learning_rate, "part": part, "share": shares.get(part, 1.0)}
        for part, params in parts.items()
        if params
    ]


def _rates(run: Run, steps: int) -> None:
    """Learning rates of this step; slow and frozen parts as configured."""
    config, counters = run.config, run.counters

    def share(group: Mapping[str, Any]) -> float:
        if counters.stage == "pretext":
            return float(group["part"] == "pretext")
        frozen = group["part"] == "spynet" and counters.step < config.flow_frozen
        return 0.0 if frozen else float(group["share"])

    set_rates(
        run.optimiser,
        config.learning_rate,
        counters.step,
        steps,
        lowest=config.last_learning_rate,
        warm_up=config.warm_up,
        share=share,
    )


def _step(run: Run, batch: Batch, steps: int) -> float:
    _rates(run, steps)
    autocast = torch.autocast(run.device.type, torch.bfloat16, enabled=run.config.mixed_precision)
    with autocast:
        if run.counters.stage == "pretext":
            value = _pretext_value(run.network, batch)
        else:
            answer = forward(run.network, batch)
            mean, scale, unit = answer.mean[:, :, 0], answer.log_scale, _unit(run.config, batch)
            value = loss(
                run.config.loss,
                mean.float() / unit,
                None if scale is None else scale[:, :, 0].float() - unit.log(),
                batch.fine[:, :, 0] / unit,
                batch.fine_mask,
            )
    descend(run.network, run.optimiser, value, run.config.clip)
    follow(run.average, run.network, run.config.average, run.counters.step)
    return float(value.detach())


def _unit(config: TrainingConfig, batch: Batch) -> Tensor:
    """What errors are counted in, for each map (b, 1, 1, 1).

    The run's unit; more for a map whose base is far worse than usual, as without climatology,
    or it would own the loss.
    """
    unit = batch.fine.new_full((len(batch.fine), 1, 1, 1), config.unit)
    if batch.base is None:
        return unit
    error = torch.where(batch.fine_mask, (batch.fine - batch.base)[:, :, 0], 0)
    count = batch.fine_mask.sum((1, 2, 3), keepdim=True).clamp(min=1)
    size = ((error**2).sum((1, 2, 3), keepdim=True) / count).sqrt()
    return torch.maximum(unit, size / FAR_WORSE)


def _batch(run: Run, training: Sequence[Series], frames: int) -> Batch:
    """The batch of this step, a function of the seed and the step's number."""
    config, counters = run.config, run.counters
    generator = drawing(config.seed * 2 + (counters.stage == "whole"), counters.step)
    batch = crops(
        training, frames, config.crop, config.batch, generator, all_frames=config.all_frames
    )
    drop = float(torch.rand((), generator=generator)) < config.guide_drop
    if drop and batch.guide is not None:
        batch = replace(batch, guide=torch.zeros_like(batch.guide))
    return batch


def _pretext_value(network: nn.Module, batch: Batch) -> Tensor:
    pretext = network.get_submodule("pretext")
    x = torch.where(batch.mask[:, :, None], batch.coarse, 0)
    _, rebuilt = pretext(x, batch.mask)
    return pretext_loss(rebuilt, x, batch.mask)


def _check(run: Run, value: float, validation: Sequence[Series], frames: int) -> None:
    """Validate the averaged weights, keep the best, write the state."""
    counters = run.counters
    row: dict[str, float | str] = {
        "stage": counters.stage,
        "step": counters.step,
        "training_loss": value,
        "learning_rate": run.optimiser.param_groups[-1]["lr"],
        "seconds": round(counters.seconds, 1),
    }
    if counters.stage == "whole":
        own = copied(run.network)
        run.network.load_state_dict(run.average)
        score = validate(run.network, validation, frames, run.device)
        run.network.load_state_dict(own)
        row["validation_rmse"] = score
        if score < counters.best:
            counters.best, counters.best_step, counters.waited = score, counters.step, 0
            run.best = {k: v.detach().cpu().clone() for k, v in run.average.items()}
        else:
            counters.waited += 1
        counters.over = counters.waited >= run.config.patience or counters.step >= run.config.steps
    counters.curve.append(row)
    state.write(
        run.folder, counters, run.network, run.average, run.best, run.optimiser, run.identity
    )


def _next_stage(run: Run) -> None:
    """From the pretext stage to the whole network; Adam's moments begin anew."""
    run.counters.stage, run.counters.step = "whole", 0
    run.optimiser.state.clear()
    run.average = copied(run.network)
