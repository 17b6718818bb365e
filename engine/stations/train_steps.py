"""How the reanalysis network is trained: stations play at being hidden.

In every step each example is a station and an hour whose reading is requested; what is shown are
some of the other stations. Whatever a network at work may lack is taken away now and then:
stations, other variables, all hours but one. Needs torch and safetensors alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.core.variables import WIND
from engine.stations.networks.advected_kriging import TransportCovariance
from engine.stations.networks.ensemble_mean import Averaged
from engine.stations.networks.gls_mean import with_levels
from engine.stations.networks.knn import chord
from engine.stations.networks.neighbourhood import Record, StationContext, around
from engine.stations.networks.reanalysis import FLOOR, Estimate, Reanalysis, ReanalysisConfig
from engine.training import state, steps
from engine.training.state import Counters

FAR = 10.0  # farther than any chord of the unit sphere
LEAST_SPREAD = 1e-6  # of a variable that hardly varies
STRAIGHT = 180.0  # degrees
SEEDS_APART = 1000


@dataclass(frozen=True)
class StationTraining:
    """Choices of one training run.

    Attributes:
        steps: Of the optimiser.
        batch: Pairs of station and hour in a step.
        learning_rate: Highest; it rises for a twentieth of the steps and falls along a cosine.
        weight_decay: As AdamW has it.
        clip: Largest norm of the gradient.
        large_error: From here on, in ug m-3, an error counts linearly and no more squared.
        relative: Weight of the squared error of logarithms beside that of concentrations.
        scale: Weight of the error scale's likelihood.
        most_hidden: Up to this share of the stations is hidden beside the one requested.
        bare: Share of the examples without any other variable.
        lonely: Share of the examples that see no hour but the one requested.
        turn: Each example is turned about the place requested by up to so many degrees, the wind
            with it: the few places there are to learn from are not learned by heart.
        keep_every: Steps between states on disk.
        members: Networks that are trained, from seeds of their own; their mean is what is used.
        seed: Of what is drawn.
    """

    steps: int = 200
    batch: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    clip: float = 1.0
    large_error: float = 60.0
    relative: float = 0.2
    scale: float = 0.1
    most_hidden: float = 0.4
    bare: float = 0.2
    lonely: float = 0.1
    turn: float = 20.0
    keep_every: int = 50
    members: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be run.

        Raises:
            ValueError: With the value and what to choose instead.
        """
        steps.at_least(self, ("steps", "batch", "keep_every", "members"))
        steps.shares(self, ("most_hidden", "bare", "lonely"))
        if not 0 <= self.turn <= STRAIGHT:
            raise ValueError(f"turn={self.turn}; choose 0 to {STRAIGHT:g} degrees")

    def text(self) -> str:
        """The same text for the same choices."""
        return steps.text(self)


@dataclass(frozen=True)
class Pairs:
    """What may be requested: hours and stations that have a reading.

    Attributes:
        times: Positions along the record's time.
        stations: Positions along its stations.
    """

    times: Tensor
    stations: Tensor


def pairs_of(record: Record, first: int, last: int) -> Pairs:
    """All pairs from time step `first` up to but not with `last`."""
    positions = record.readings[first:last].isfinite().nonzero()
    return Pairs(positions[:, 0] + first, positions[:, 1])


def part_of(record: Record, first: int, last: int) -> Record:
    """The record from time step `first` up to but not with `last`."""
    return replace(
        record,
        readings=record.readings[first:last],
        others=record.others[first:last],
        clock=record.clock[first:last],
        blown=None if record.blown is None else record.blown[first:last],
    )


def learn_normal(network: Reanalysis, record: Record, first: int, last: int) -> None:
    """Set mean and spread of the other variables from a part of the record."""
    part = record.others[first:last].flatten(0, 1).double()
    valid = part.isfinite()
    count = valid.sum(0).clamp(min=1)
    mean = torch.where(valid, part, 0).sum(0) / count
    variance = torch.where(valid, (part - mean) ** 2, 0).sum(0) / count
    network.other_mean.copy_(mean)
    network.other_std.copy_(variance.sqrt().clamp(min=LEAST_SPREAD))


def train_all(
    config: StationTraining,
    shape: ReanalysisConfig,
    record: Record,
    first: int,
    last: int,
    folder: Path,
    *,
    identity: str = "",
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[Reanalysis | None, int]:
    """Train all members, or go on; what they are together, and the steps done in all.

    The network is None if the run was stopped before its end. Arguments are those of `train`.
    """
    members: list[Reanalysis] = []
    for i in range(config.members):
        own = replace(config, seed=config.seed + SEEDS_APART * i)
        torch.manual_seed(own.seed)
        network = Reanalysis(shape)

        def predicted(share: float, doing: str, done: int = i) -> None:
            if progress is not None:
                progress((done + share) / config.members, f"network {done + 1}, {doing}")

        counters = train(
            own,
            network,
            record,
            first,
            last,
            folder / str(i),
            identity=identity,
            progress=predicted,
            cancelled=cancelled,
        )
        if not counters.over:
            return None, i * config.steps + counters.step
        members.append(network.eval())
    whole = members[0] if len(members) == 1 else Averaged(members)
    return whole.eval(), config.members * config.steps


def train(
    config: StationTraining,
    network: Reanalysis,
    record: Record,
    first: int,
    last: int,
    folder: Path,
    *,
    identity: str = "",
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Counters:
    """Train, or go on training, in `folder`; ends with the last weights.

    Stopped at any moment and called again with the same arguments it ends with the same weights
    as if it had never been stopped.

    Args:
        config: How.
        network: What; initialised by the caller, from the same seed each time.
        record: Of the stations that may be known. A hidden station is not in it.
        first: Time step from which readings may be seen.
        last: Time step before which they end; nothing later is seen, not as a lag either.
        folder: Holds the state.
        identity: Text that names data and network; the state of another is refused.
        progress: Called with the share of the steps done.
        cancelled: Looked at before each step.

    Raises:
        StorageError: If the state cannot be written, or belongs to another run.
    """
    learn_normal(network, record, first, last)
    network.train()
    seen, shape = part_of(record, first, last), network.config
    if shape.base == "log-kriging":
        every = torch.arange(last - first)
        seen = with_levels(seen, every, shape.reach, shape.nugget, FLOOR)
    pairs = pairs_of(seen, 0, last - first)
    if not len(pairs.times) or seen.readings.shape[1] < 2:
        raise ValueError("there are not two stations with readings to learn from")
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=True,
    )
    whole = f"{identity} {config.text()}"
    kept_state = state.read(folder, network, optimiser, whole)
    counters = kept_state[0] if kept_state else Counters("whole")
    distance = chord(seen.places, seen.places)

    def step(number: int) -> dict[str, float]:
        return {"loss": _step(config, network, optimiser, seen, pairs, distance, number)}

    def keep(losses: Mapping[str, float]) -> None:
        counters.over = counters.step == config.steps
        counters.curve.append({"stage": "whole", "step": counters.step, **losses})
        state.write(folder, counters, network, {}, {}, optimiser, whole)

    steps.go_on(
        counters,
        config.steps,
        config.keep_every,
        step,
        keep,
        progress=progress,
        cancelled=cancelled,
    )
    return counters


def examples(
    config: StationTraining,
    record: Record,
    pairs: Pairs,
    distance: Tensor,
    lags: tuple[int, ...],
    neighbours: int,
    generator: torch.Generator,
) -> tuple[StationContext, Tensor]:
    """A batch: what is shown, and the readings that are requested, (batch), ug m-3."""
    drawn = torch.randint(len(pairs.times), (config.batch,), generator=generator)
    times, requested = pairs.times[drawn], pairs.stations[drawn]
    count = record.readings.shape[1]
    # The nearest of those that are not hidden; of hidden ones in the list nothing is predicted.
    share = config.most_hidden * torch.rand(config.batch, 1, generator=generator)
    hidden = torch.rand(config.batch, count, generator=generator) < share
    hidden[torch.arange(config.batch), requested] = True
    near = (
        (distance[requested] + FAR * hidden).topk(min(neighbours, count - 1), largest=False).indices
    )
    shown = around(record, times, near, record.places[requested], lags, requested)
    silent = hidden.gather(1, near)[..., None]
    bare = torch.rand(config.batch, 1, 1, generator=generator) < config.bare
    lonely = torch.rand(config.batch, 1, 1, generator=generator) < config.lonely
    elsewhen = torch.tensor([lag != 0 for lag in lags])
    known = replace(
        shown,
        readings=shown.readings.masked_fill(silent | (lonely & elsewhen), torch.nan),
        others=shown.others.masked_fill(silent | bare, torch.nan),
        drift=None if shown.drift is None else shown.drift.masked_fill(bare, 0.0),
    )
    return known, record.readings[times, requested]


def fit_air(
    shape: ReanalysisConfig,
    record: Record,
    first: int,
    last: int,
    *,
    steps: int = 120,
    batch: int = 160,
    rate: float = 0.04,
    large_error: float = 80.0,
) -> TransportCovariance:
    """The covariance with which kriging carried by the wind errs least at stations left out.

    Args:
        shape: Of the network that will correct it; its `air` is where the search begins.
        record: Of the stations that may be known.
        first: Time step from which readings may be seen.
        last: Time step before which they end.
        steps: Of the search.
        batch: Pairs of station and hour in a step.
        rate: Of the first step; it falls to nothing.
        large_error: From here on, in ug m-3, an error counts linearly.
    """
    seen = part_of(record, first, last)
    pairs = pairs_of(seen, 0, last - first)
    distance = chord(seen.places, seen.places)
    drawn = StationTraining(batch=batch, bare=0.0, lonely=0.0)
    network = Reanalysis(shape)
    constants = torch.tensor(shape.air).log().requires_grad_()
    optimiser = torch.optim.Adam([constants], lr=rate)
    for number in range(steps):
        optimiser.param_groups[0]["lr"] = rate * (1 - number / steps) ** 0.5
        generator = torch.Generator().manual_seed(number)
        known, target = examples(
            drawn, seen, pairs, distance, shape.lags, shape.neighbours, generator
        )
        predicted = network.carried(known, constants.exp())
        there = known.readings.isfinite().flatten(1).any(1)
        value = nn.functional.huber_loss(predicted[there], target[there], delta=large_error) / 1000
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([constants], 1.0)
        optimiser.step()
    return TransportCovariance(*(float(f"{x:.4g}") for x in constants.detach().exp().tolist()))


def turned(
    known: StationContext, degrees: float, others: Sequence[str], generator: torch.Generator
) -> StationContext:
    """Each example turned about the place requested by a random angle, and its wind with it.

    Args:
        known: A batch.
        degrees: Largest angle to either side.
        others: Names of the further variables.
        generator: Draws the angles.
    """
    draw = 2 * torch.rand(len(known.offset), 1, generator=generator) - 1
    angle = torch.deg2rad(degrees * draw)

    def turn(east: Tensor, north: Tensor) -> tuple[Tensor, Tensor]:
        return (
            east * angle.cos() - north * angle.sin(),
            east * angle.sin() + north * angle.cos(),
        )

    offset = torch.stack(turn(*known.offset.unbind(-1)), -1)
    measured = known.others
    if all(name in others for name in WIND):
        planes = list(measured.unbind(-1))
        u, v = (others.index(name) for name in WIND)
        planes[u], planes[v] = turn(planes[u], planes[v])
        measured = torch.stack(planes, -1)
    drift = known.drift
    if drift is not None:
        drift = torch.stack(turn(*drift.unbind(-1)), -1)
    return replace(known, offset=offset, others=measured, drift=drift)


def loss(config: StationTraining, estimated: Estimate, target: Tensor) -> Tensor:
    """Squared error of concentrations and of logarithms, and the likelihood of the scale.

    The scale is that of a Laplace distribution, whose tails suit errors that are mostly small; it
    does not pull at the value.
    """
    predicted = estimated.value.isfinite()
    value, target, scale = estimated.value[predicted], target[predicted], estimated.scale[predicted]
    plain = nn.functional.huber_loss(value, target, delta=config.large_error) / 1000
    ratio = (value.clamp(min=FLOOR).log() - target.clamp(min=FLOOR).log()) ** 2
    away = (value.detach() - target).abs() / scale + scale.log()
    return plain + config.relative * ratio.mean() + config.scale * away.mean()


def _step(
    config: StationTraining,
    network: Reanalysis,
    optimiser: torch.optim.AdamW,
    record: Record,
    pairs: Pairs,
    distance: Tensor,
    step: int,
) -> float:
    steps.set_rates(optimiser, config.learning_rate, step, config.steps)
    generator = steps.drawing(config.seed, step)
    shape = network.config
    known, target = examples(
        config, record, pairs, distance, shape.lags, shape.neighbours, generator
    )
    if config.turn:
        known = turned(known, config.turn, shape.others, generator)
    value = loss(config, network(known), target)
    steps.descend(network, optimiser, value, config.clip)
    return float(value.detach())
