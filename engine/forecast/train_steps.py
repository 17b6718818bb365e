"""How STeP-Diff is trained: noise on patches of a city, DeepONet beside it, physics to hold it.

Source: Zhou et al. 2025, arXiv:2512.04385; CSDI, arXiv:2107.03502, for the noise loss. The physics
term is our reconstruction: the squared convection-diffusion residual of the clean estimate, weighed
by how much of it is signal. Needs torch and safetensors alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from engine.forecast.networks.advection import mean_square, residual
from engine.forecast.networks.diffusion import Multistep
from engine.forecast.networks.stepdiff import StepDiff, Window, cells_of
from engine.forecast.patches import cell_numbers, patch
from engine.training import state, steps
from engine.training.state import Counters
from engine.verify.ensembles import crps

LEAST_RATE = 0.02  # of the highest, below which the cosine does not fall
LIMIT = 8.0  # departures beyond this many of their usual size are not believed


@dataclass(frozen=True)
class StepTraining:
    """Choices of one run.

    Attributes:
        steps: Of the optimiser.
        batch: Windows in a step.
        patch: Rows and columns of the part of the grid that a step looks at.
        learning_rate: Highest; a rise, then a cosine.
        weight_decay: As AdamW has it.
        clip: Largest norm of the gradient.
        physics: Weight of the convection-diffusion residual; 0 leaves it out.
        operator: Weight of DeepONet's own error.
        transport: Learning rate of wind, diffusivity and sources, as a share.
        source_penalty: On squared sources.
        hide: Up to this share of the history is hidden, so that thin hours are no surprise.
        flip: Share of the examples whose departures are turned upside down.
        average: Decay of the running average of the weights, which is what is kept.
        check_every: Steps between validations; a state is written at each.
        patience: Validations without a gain before training stops early.
        members: Drawn in a validation.
        seed: Of whatever is drawn.
    """

    steps: int = 3000
    batch: int = 8
    patch: int = 7
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    clip: float = 1.0
    physics: float = 1.0
    operator: float = 0.1
    transport: float = 0.1
    source_penalty: float = 1e-3
    hide: float = 0.5
    flip: float = 0.0
    average: float = 0.995
    check_every: int = 250
    patience: int = 6
    members: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be run.

        Raises:
            ValueError: With the value and what to choose instead.
        """
        steps.at_least(self, ("steps", "batch", "check_every", "patience"))
        if self.patch < 3:
            raise ValueError(f"a patch of {self.patch} cells has no inner cell; choose at least 3")
        if self.members < 2:
            raise ValueError(f"{self.members} members have no spread; choose at least 2")

    def text(self) -> str:
        """The same text for the same choices."""
        return steps.text(self)


@dataclass(frozen=True)
class Loss:
    """The parts of a step's loss, each a mean."""

    noise: Tensor
    physics: Tensor
    operator: Tensor

    def total(self, config: StepTraining) -> Tensor:
        """Their weighted sum."""
        return self.noise + config.physics * self.physics + config.operator * self.operator


def filled(window: Window, history: int) -> Float[Tensor, "b cell time"]:
    """Departures of whole fields: where a lead hour has no reading, that hour's mean.

    Hours without any take the mean of the hours beside them, or what was last known.
    """
    known = window.known.to(window.values)
    count = known.sum(1)  # (b, time)
    mean = (window.values * known).sum(1) / count.clamp(min=1)
    valid = count > 0
    time_axis = torch.arange(mean.shape[1], device=mean.device)
    before = torch.where(valid, time_axis, -1).cummax(1).values
    after = torch.where(valid, time_axis, mean.shape[1]).flip(1).cummin(1).values.flip(1)
    early = mean.gather(1, before.clamp(min=0)).masked_fill(before < 0, 0)
    late = mean.gather(1, after.clamp(max=mean.shape[1] - 1))
    late = torch.where(after >= mean.shape[1], early, late)
    early = torch.where(before < 0, late, early)
    gap = (after - before).clamp(min=1)
    part = ((time_axis - before) / gap).clamp(0, 1)
    level = torch.where(before == after, mean, early + part * (late - early))
    whole = torch.where(window.known, window.values, level[:, None].expand_as(window.values))
    # History that was not measured stays at the first guess, as it does at work.
    past = torch.arange(mean.shape[1], device=mean.device) < history
    return torch.where(past & ~window.known, 0, whole)


def losses(
    network: StepDiff,
    config: StepTraining,
    window: Window,
    grid: tuple[int, int],
    change: float,
    generator: torch.Generator,
) -> Loss:
    """The loss of a batch of windows on one patch.

    Args:
        network: In training mode.
        config: How.
        window: Of whole grids, with what came true.
        grid: Rows and columns.
        change: Usual change from hour to hour, ug m-3: the unit of the physics residual.
        generator: Of patch, noise and what is hidden.
    """
    shape = network.config
    operator = network.operator(window, grid) if shape.deeponet else None
    off = window.values.new_zeros(())
    if operator is not None:
        target = window.known[..., shape.history :]
        off = ((operator - window.values[..., shape.history :]) ** 2)[target].mean()
    rows, columns = patch(window, grid, config.patch, shape.history, generator)
    some = cell_numbers(rows, columns, grid[1]).to(window.values.device)
    part = cells_of(window, some)
    clean = filled(part, shape.history)
    count = len(part)
    step = torch.randint(shape.noise_steps, (count,), generator=generator)
    noise = torch.randn(clean.shape, generator=generator)
    factors = network.texture_of(some, grid, part)
    noise = noise if factors is None else factors.shaped(noise)
    noisy = network.schedule.noisy(clean, noise, step)
    mask = network.condition(part)
    planes = network.planes(part, None if operator is None else operator.detach()[:, some])
    predicted, guessed = network.noise(part, mask, noisy, step, network.places(grid)[some], planes)
    kept = network.kept[step][:, None, None]
    wanted = noise if shape.predicts == "noise" else kept.sqrt() * noise - (1 - kept).sqrt() * clean
    requested = part.known & (mask == 0)
    first = (
        ((predicted - wanted) ** 2)[requested].mean()
        if bool(requested.any())
        else predicted.sum() * 0
    )
    if shape.noise_against_data:
        return Loss(first, ((guessed - part.values) ** 2).mean(), off)
    physics = off * 0
    if config.physics:
        estimate = ((noisy - (1 - kept).sqrt() * guessed) / kept.sqrt()).clamp(-LIMIT, LIMIT)
        estimate = torch.where(mask.bool(), part.values, estimate)
        physics = _physics(network, part, estimate, (rows, columns), change, kept)
        physics = physics + config.source_penalty * (network.transport.sources**2).mean()
    return Loss(first, physics, off)


def fields_of(window: Window, departures: Tensor, grid: tuple[int, int]) -> Tensor:
    """Departures (b, cell, time) as fields in ug m-3, (b, time, row, column)."""
    field = window.guess + window.scale * departures
    return field.transpose(1, 2).reshape(len(field), field.shape[2], *grid)


def _physics(
    network: StepDiff,
    part: Window,
    estimate: Tensor,
    cut: tuple[slice, slice],
    change: float,
    kept: Tensor,
) -> Tensor:
    """Mean squared residual from the last known hour on, in units of usual change, by signal."""
    size = (cut[0].stop - cut[0].start, cut[1].stop - cut[1].start)
    first = network.config.history - 1
    field = fields_of(part, estimate, size)[:, first:]
    hour = part.hour[:, first:-1]
    wind = None if part.wind is None else part.wind[..., first:-1]
    left = residual(field, network.transport(hour, wind, cut))
    everywhere = torch.ones(1, 1, 1, 1, dtype=torch.bool)
    return (kept[:, 0, 0] * mean_square(left, everywhere)).mean() / change**2


def validate(
    network: StepDiff, window: Window, grid: tuple[int, int], members: int, seed: int = 0
) -> tuple[float, float]:
    """CRPS and mean absolute error of the mean over what came true, in the window's unit."""
    was_training = network.training
    network.eval()
    history = network.config.history
    seen = window.known.any(2).any(0).nonzero()[:, 0]
    generator = torch.Generator().manual_seed(seed)
    scores, errors, count = 0.0, 0.0, 0
    for first in range(0, len(window), 8):
        some = window.at(slice(first, first + 8))
        hidden = future_hidden(some, history)
        drawn = torch.cat(
            list(network.draw(hidden, grid, Multistep(6, LIMIT), members, generator, seen)), 1
        )
        known = some.known[:, seen, history:]
        target = some.values[:, seen, history:][known]
        predicted = drawn.transpose(0, 1)[..., history:][:, known]
        scores += float(crps(predicted, target).sum())
        errors += float((predicted.mean(0) - target).abs().sum())
        count += target.numel()
    network.train(was_training)
    return scores / max(count, 1), errors / max(count, 1)


def future_hidden(window: Window, history: int) -> Window:
    """Windows as they are at work: nothing is known of the lead times."""
    past = torch.arange(window.known.shape[2], device=window.known.device) < history
    known = window.known & past
    return replace(window, known=known, values=torch.where(known, window.values, 0))


def train(
    config: StepTraining,
    network: StepDiff,
    training: Window,
    validation: Window,
    grid: tuple[int, int],
    change: float,
    folder: Path,
    *,
    identity: str = "",
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Counters:
    """Train, or go on training, in `folder`; the network ends with the best averaged weights.

    Stopped at any moment and called again with the same arguments it ends with the same weights as
    if it had never been stopped (same number of threads).

    Args:
        config: How.
        network: What; initialised by the caller, from the same seed each time.
        training: Windows to learn from.
        validation: Windows to stop by, later ones.
        grid: Rows and columns.
        change: Usual change from hour to hour, ug m-3.
        folder: Holds the state.
        identity: Text that names data and network; the state of another is refused.
        progress: Called with the share of the steps done.
        cancelled: Looked at before each step.

    Raises:
        StorageError: If the state cannot be written, or belongs to another run.
    """
    network.train()
    slow = list(network.transport.parameters())
    fast = [p for n, p in network.named_parameters() if not n.startswith("transport.")]
    optimiser = torch.optim.AdamW(
        [{"params": fast, "share": 1.0}, {"params": slow, "share": config.transport}],
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
    )
    whole = f"{identity} {config.text()}"
    kept_state = state.read(folder, network, optimiser, whole)
    counters, average, best = kept_state or (Counters("whole"), {}, {})
    average = average or steps.copied(network)

    def step(number: int) -> dict[str, float]:
        predicted = _step(config, network, optimiser, training, grid, change, number)
        steps.follow(average, network, config.average, number)
        return predicted

    def keep(losses: Mapping[str, float]) -> None:
        score, mae = _score(config, network, average, validation, grid)
        counters.curve.append(
            {
                "stage": "whole",
                "step": counters.step,
                **losses,
                "validation_crps": score,
                "validation_mae": mae,
            }
        )
        if score < counters.best:
            counters.best, counters.best_step, counters.waited = score, counters.step, 0
            best.update({k: v.clone() for k, v in average.items()})
        else:
            counters.waited += 1
        counters.over = counters.waited >= config.patience or counters.step == config.steps
        state.write(folder, counters, network, average, best, optimiser, whole)

    steps.go_on(
        counters,
        config.steps,
        config.check_every,
        step,
        keep,
        progress=progress,
        cancelled=cancelled,
    )
    if best and counters.over:
        network.load_state_dict(best)
    return counters


def _step(
    config: StepTraining,
    network: StepDiff,
    optimiser: torch.optim.AdamW,
    training: Window,
    grid: tuple[int, int],
    change: float,
    step: int,
) -> dict[str, float]:
    steps.set_rates(optimiser, config.learning_rate, step, config.steps, LEAST_RATE)
    generator = steps.drawing(config.seed, step)
    which = torch.randint(len(training), (config.batch,), generator=generator)
    batch = spoiled(training.at(which), config, network.config.history, generator)
    parts = losses(network, config, batch, grid, change, generator)
    value = parts.total(config)
    steps.descend(network, optimiser, value, config.clip)
    predicted = {
        "training_loss": value,
        "noise": parts.noise,
        "physics": parts.physics,
        "operator": parts.operator,
    }
    return {name: float(part.detach()) for name, part in predicted.items()}


def spoiled(
    window: Window, config: StepTraining, history: int, generator: torch.Generator
) -> Window:
    """Windows of which some of the history is hidden, and some are turned upside down."""
    count, cells, time_ = window.known.shape
    share = config.hide * torch.rand(count, 1, 1, generator=generator)
    hidden = torch.rand(count, cells, 1, generator=generator) < share
    past = torch.arange(time_) < history
    known = window.known & ~(hidden & past)
    sign = torch.where(torch.rand(count, 1, 1, generator=generator) < config.flip, -1.0, 1.0)
    values = torch.where(known, window.values * sign, 0)
    stations = None if window.stations is None else window.stations * sign
    return replace(window, known=known, values=values, stations=stations)


def _score(
    config: StepTraining,
    network: StepDiff,
    average: steps.Weights,
    validation: Window,
    grid: tuple[int, int],
) -> tuple[float, float]:
    """Validation CRPS and MAE of the averaged weights; the network's own are put back."""
    current = steps.copied(network)
    network.load_state_dict(average)
    score = validate(network, validation, grid, config.members)
    network.load_state_dict(current)
    return score
