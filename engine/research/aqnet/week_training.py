"""How forecast networks are trained: some of the stations play at being hidden.

One example is an hour and all stations: what they read in the two weeks before it, and the week
after, which is predicted at the stations and, from the others, at those that are hidden for this
step. Needs torch and safetensors alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.research.aqnet.published import Week
from engine.training import state, steps
from engine.training.state import Counters


@dataclass(frozen=True)
class WeekTraining:
    """Choices of one training run.

    Attributes:
        steps: Of the optimiser.
        batch: Hours in a step, each with all stations.
        learning_rate: Highest; it rises for a twentieth of the steps and falls along a cosine.
        weight_decay: As AdamW has it.
        clip: Largest norm of the gradient.
        hidden: Share of the stations that is hidden in a step; at least one is.
        hidden_weight: Of the error at hidden stations beside that at the others.
        entropy: Weight of the attention's entropy.
        scale: Weight of the error scale's likelihood, where it is predicted.
        keep_every: Steps between states on disk.
        seed: Of what is drawn.
    """

    steps: int = 400
    batch: int = 8
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    clip: float = 1.0
    hidden: float = 0.2
    hidden_weight: float = 1.0
    entropy: float = 0.01
    scale: float = 0.1
    keep_every: int = 50
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be run.

        Raises:
            ValueError: With the value and what to choose instead.
        """
        steps.at_least(self, ("steps", "batch", "keep_every"))
        steps.shares(self, ("hidden",))

    def text(self) -> str:
        """The same text for the same choices."""
        return steps.text(self)


@dataclass(frozen=True)
class Hours:
    """A record of stations as forecast networks want it; every hour of it is there.

    Attributes:
        inputs: (time, station, input); a gap is 0 with its flag 1.
        target: (time, station), NaN is a gap.
        summary: What is known at each hour *before* it, (time, station, value).
        places: Latitude and longitude, (station, 2), degrees.
    """

    inputs: Tensor
    target: Tensor
    summary: Tensor
    places: Tensor

    def history(self, origins: Tensor, length: int) -> Tensor:
        """The `length` hours before each origin, (origin, station, length, input)."""
        steps = origins[:, None] + torch.arange(-length, 0)
        return self.inputs[steps].transpose(1, 2)

    def week(self, origins: Tensor, length: int) -> Tensor:
        """The `length` hours from each origin on, (origin, station, length)."""
        return self.target[origins[:, None] + torch.arange(length)].transpose(1, 2)

    def some(self, stations: Tensor) -> "Hours":
        """The record of some stations."""
        return Hours(
            self.inputs[:, stations],
            self.target[:, stations],
            self.summary[:, stations],
            self.places[stations],
        )


def train(
    config: WeekTraining,
    network: nn.Module,
    hours: Hours,
    origins: Tensor,
    lengths: tuple[int, int],
    folder: Path,
    *,
    identity: str = "",
    progress: Callable[[float, str], None] | None = None,
) -> Counters:
    """Train, or go on training, in `folder`; ends with the last weights.

    Stopped at any moment and called again with the same arguments it ends with the same weights
    as if it had never been stopped.

    Args:
        config: How.
        network: `published.AQNet`, or a baseline that is a network, initialised by the caller,
            from the same seed each time.
        hours: Of the stations that may be known. A hidden station is not in it.
        origins: First hours of the weeks that are learned from.
        lengths: Of the history and of what is predicted, hours.
        folder: Holds the state.
        identity: Text that names data and network; the state of another is refused.
        progress: Called with the share of the steps done.

    Raises:
        StorageError: If the state cannot be written, or belongs to another run.
    """
    if hours.target.shape[1] < 2 or not len(origins):
        raise ValueError("there are not two stations and a week to learn from")
    network.train()
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    whole = f"{identity} {config.text()}"
    found = state.read(folder, network, optimiser, whole)
    counters = found[0] if found else Counters("whole")

    def step(number: int) -> dict[str, float]:
        return {"loss": _step(config, network, optimiser, hours, origins, lengths, number)}

    def keep(losses: Mapping[str, float]) -> None:
        counters.over = counters.step == config.steps
        counters.curve.append({"stage": "whole", "step": counters.step, **losses})
        state.write(folder, counters, network, {}, {}, optimiser, whole)

    steps.go_on(counters, config.steps, config.keep_every, step, keep, progress=progress)
    return counters


def _step(
    config: WeekTraining,
    network: nn.Module,
    optimiser: torch.optim.AdamW,
    hours: Hours,
    origins: Tensor,
    lengths: tuple[int, int],
    step: int,
) -> float:
    steps.set_rates(optimiser, config.learning_rate, step, config.steps)
    generator = steps.drawing(config.seed, step)
    drawn = origins[torch.randint(len(origins), (config.batch,), generator=generator)]
    order = torch.randperm(len(hours.places), generator=generator)
    count = max(int(config.hidden * len(order)), 1)
    hidden, shown = hours.some(order[:count]), hours.some(order[count:])
    week: Week = network(
        shown.history(drawn, lengths[0]), shown.places, hidden.places, shown.summary[drawn]
    )
    targets = shown.week(drawn, lengths[1]), hidden.week(drawn, lengths[1])
    value = loss(config, week, *targets)
    steps.descend(network, optimiser, value, config.clip)
    return float(value.detach())


def loss(config: WeekTraining, week: Week, at_stations: Tensor, at_points: Tensor) -> Tensor:
    """Squared error at stations and at hidden ones, the entropy, and the scale's likelihood."""
    total = config.entropy * week.entropy
    for value, scale, target, weight in (
        (week.stations, week.station_scale, at_stations, 1.0),
        (week.points, week.point_scale, at_points, config.hidden_weight),
    ):
        known = target.isfinite()
        if not bool(known.any()):
            continue
        error = value[known] - target[known]
        total = total + weight * (error**2).mean()
        if scale is not None:
            predicted = scale[known]
            total = (
                total
                + weight
                * config.scale
                * (error.detach().abs() / predicted + predicted.log()).mean()
            )
    return total
