"""Training STeP-Diff on a mobile dataset of the library, to a checkpoint and a card.

The physics in the loss is our reconstruction of what the paper's abstract states.
"""

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from engine import library
from engine.cities import checkpoint as stepcheckpoint
from engine.cities.checkpoint import StepCheckpoint
from engine.cities.record import Parts, gridded, parts_of, record_of
from engine.errors import RequestError
from engine.grid import Region
from engine.library import DatasetInfo
from engine.models import trend
from engine.models.citywindows import Record, in_unit, scale_of, starts, windows
from engine.models.diffusion import Sampler
from engine.models.stepdiff import StepDiff, StepDiffConfig, Window
from engine.models.trend import Trend
from engine.progress import Progress, Stop, report
from engine.recipes.stepdiff import DEFAULT_SAMPLER
from engine.superresolution.checkpoint import identity
from engine.training.curve import picture
from engine.training.stepdiff import StepTraining, fields_of, future_hidden, train
from engine.verify.ensembles import score, widening

STATE = "state"
FIT_STEPS = 40  # of the first guess's covariance
VALIDATE_EVERY = 6  # hours between starts: all times of the day, not every copy of one weather
CALIBRATION_MEMBERS = 12
TRUSTS = (0.0, 0.25, 0.5, 0.75, 1.0)
WIDEST = (0.5, 3.0)  # what the spread may be multiplied with
# The preset that ships: two cores draw twenty members of a hundred cells in seconds.
SMALL = StepDiffConfig(
    blocks=2, channels=32, heads=2, places="coordinates", dropout=0.0, predicts="velocity"
)
SMALL_TRAINING = StepTraining(steps=800, patch=6, flip=0.5, check_every=200)
# As published, on the same first guess.
PAPER = StepDiffConfig(places="coordinates", deeponet_dropout=0.0)
PAPER_TRAINING = StepTraining(steps=8000, patch=8, flip=0.5, check_every=500)
SIZES = {"small": (SMALL, SMALL_TRAINING), "paper": (PAPER, PAPER_TRAINING)}


@dataclass(frozen=True)
class Lesson:
    """A record cut into windows, in the unit of its first guess's usual error.

    Attributes:
        record: Hourly cells.
        parts: Rows of learning, validation and test.
        guess: Fitted to the learning part.
        scale: Unit, ug m-3.
        change: Usual change of a cell from hour to hour, ug m-3.
        training: Windows to learn from.
        validation: Later windows.
    """

    record: Record
    parts: Parts
    guess: Trend
    scale: float
    change: float
    training: Window
    validation: Window


@dataclass(frozen=True)
class TrainedStep:
    """What came of a run.

    Attributes:
        folder: Where the checkpoint is; None if the run was stopped before its end.
        step: How far it got.
        crps: Over the validation part, ug m-3.
        mae: There.
        coverage: Of the 90 % bands there.
    """

    folder: Path | None
    step: int
    crps: float = float("nan")
    mae: float = float("nan")
    coverage: float = float("nan")


def lesson(record: Record, parts: Parts, shape: StepDiffConfig, every: int = 1) -> Lesson:
    """Windows to learn from and to validate on.

    Args:
        record: Of the city.
        parts: Of it.
        shape: Lengths of history and forecast.
        every: Hours between starts of training windows.
    """
    learn = record.flat[: parts.learn]
    guess = trend.fit(learn, record.hour[: parts.learn], FIT_STEPS)
    begins = starts(2 * shape.history, parts.learn, shape, every)
    training = windows(record, begins, shape, guess, 1.0, left_out=parts.learn)
    scale = scale_of(training, shape)
    later = starts(*parts.validate, shape, VALIDATE_EVERY)
    change = learn[1:] - learn[:-1]
    return Lesson(
        record,
        parts,
        guess,
        scale,
        max(float(change[change.isfinite()].std()), 1e-3),
        in_unit(training, scale),
        windows(record, later, shape, guess, scale),
    )


def begin(shape: StepDiffConfig, data: Lesson, seed: int) -> StepDiff:
    """A network from a seed; wind, diffusivity and sources already fit the training hours.

    They are fitted to fields that the first guess completes.
    """
    torch.manual_seed(seed)
    network = StepDiff(shape)
    rows = range(0, len(data.training), shape.history)
    history = data.training.at(torch.tensor(list(rows)))
    fields = fields_of(history, history.values, data.record.grid)[:, : shape.history]
    whole = fields.flatten(0, 1)
    hour = history.hour[:, : shape.history].flatten()
    if min(data.record.grid) >= 3:
        network.transport.warm_start(whole, hour)
    return network


def train_stepdiff(
    name: str,
    folder: Path,
    *,
    size: str = "small",
    shape: StepDiffConfig | None = None,
    config: StepTraining | None = None,
    steps: int | None = None,
    seed: int = 0,
    region: Region | None = None,
    train_end: dt.date | None = None,
    validate_end: dt.date | None = None,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> TrainedStep:
    """Train on a mobile dataset, or go on with a run that was stopped; write the checkpoint.

    Args:
        name: A mobile dataset of the library.
        folder: For the checkpoint and the state of the run.
        size: "small" or "paper".
        shape: Of the network; None: as the size says. Rows and columns are the dataset's.
        config: How to train; None: as the size says.
        steps: Of the optimiser; None: as the size says.
        seed: Of whatever is drawn.
        region: Part of the dataset; None: all.
        train_end: Last local date to learn from; None: the dataset's own, else two thirds.
        validate_end: Last local date to validate on; None: at four fifths.
        progress: Told how far it is.
        cancelled: Looked at between steps; the state stays and the run can go on.

    Raises:
        EngineError: If the dataset cannot be learned from, or the folder not written.
    """
    about = library.info(name)
    if about.kind != "mobile":
        raise RequestError(
            f"STeP-Diff learns from mobile samples, and {name!r} holds {about.kind}",
            remedy="Import some: airlens import mobile FILE --name NAME",
        )
    preset, usual = SIZES[size]
    config = replace(config or usual, seed=seed)
    config = config if steps is None else replace(config, steps=steps)
    report(progress, cancelled, 0.0, "cutting windows")
    series = gridded(library.open_dataset(name).load(), region, name=name)
    record = record_of(series)
    parts = parts_of(series, about, train_end, validate_end)
    rows, columns = record.grid
    shape = replace(shape or preset, rows=rows, columns=columns)
    data = lesson(record, parts, shape)
    network = begin(shape, data, config.seed)
    counters = train(
        config,
        network,
        data.training,
        data.validation,
        record.grid,
        data.change,
        folder / STATE,
        identity=f"{identity(record.values.nan_to_num(-1.0))} {shape} {parts}",
        progress=progress,
        cancelled=cancelled,
    )
    if not counters.over:
        return TrainedStep(None, counters.step)
    spread, trust, found = calibrate(network, data)
    described = StepCheckpoint(
        network=stepcheckpoint.fields(shape),
        covariance=data.guess.covariance,
        variance=data.guess.variance,
        scale=data.scale,
        spread=spread,
        trust=trust,
        trained_on=about.source,
        dataset=about.name,
        synthetic=about.synthetic,
        train_start=about.start.isoformat(),
        train_end=parts.ends[0].isoformat(),
        validate_end=parts.ends[1].isoformat(),
        licence=about.licence,
        physics=config.physics,
        seed=config.seed,
        steps=counters.best_step,
    )
    result = TrainedStep(folder, counters.step, *found)
    stepcheckpoint.save(folder, described, network, card(described, about, network, config, result))
    (folder / "curve.svg").write_text(picture(counters.curve), encoding="utf-8")
    return result


def calibrate(network: StepDiff, data: Lesson) -> tuple[float, float, tuple[float, float, float]]:
    """Spread and trust, from the validation part; CRPS, MAE and coverage with them.

    Trust is the share of the members' mean departure from the first guess that errs least; where
    the network has learned nothing of use, it is 0 and the first guess stays.
    """
    history, window = network.config.history, data.validation
    seen = window.known.any(2).any(0).nonzero()[:, 0]
    known = window.known[:, seen, history:]
    field = drawn_fields(network, window, data.record.grid, CALIBRATION_MEMBERS, only=seen)
    base = window.guess[:, seen, history:][known]
    target = base + window.scale * window.values[:, seen, history:][known]
    members = field[:, known]
    off = members.mean(0) - base
    trust = min(TRUSTS, key=lambda t: float((base + t * off - target).abs().mean()))
    centred = settled(members, base, trust, 1.0)
    low, high = WIDEST
    spread = min(max(widening(centred, target), low), high)
    found = score(settled(members, base, trust, spread).clamp(min=0), target)
    return spread, trust, (found.crps, found.mae, found.most)


def settled(members: Tensor, base: Tensor, trust: float, spread: float) -> Tensor:
    """Members (member, ...) about a mean between the first guess and theirs, spread out."""
    mean = members.mean(0)
    return base + trust * (mean - base) + spread * (members - mean)


def drawn_fields(
    network: StepDiff,
    window: Window,
    grid: tuple[int, int],
    members: int,
    *,
    sampler: Sampler = DEFAULT_SAMPLER,
    only: Tensor | None = None,
    seed: int = 0,
) -> Tensor:
    """Forecasts (member, window, cell, lead), ug m-3; what came true is hidden from the network.

    Args:
        network: Any; ends in evaluation mode.
        window: Of whole grids.
        grid: Rows and columns.
        members: How many.
        sampler: How they are drawn.
        only: Cells that are told; None: all.
        seed: Of the noise.
    """
    network.eval()
    history = network.config.history
    generator = torch.Generator().manual_seed(seed)
    told = []
    for first in range(len(window)):
        hidden = future_hidden(window.at(slice(first, first + 1)), history)
        found = list(network.draw(hidden, grid, sampler, members, generator, only))
        told.append(torch.cat(found, 1)[0, ..., history:])
    base = window.guess if only is None else window.guess[:, only]
    return base[..., history:] + window.scale * torch.stack(told, 1)


def card(
    about: StepCheckpoint,
    data: DatasetInfo,
    network: StepDiff,
    config: StepTraining,
    result: TrainedStep,
) -> str:
    """The model card in Markdown."""
    shape = network.config
    flow = network.transport
    rows = {
        "trained on": f"{about.trained_on} ({data.name})",
        "licence of the data": about.licence,
        "learned from": f"{about.train_start} to {about.train_end}",
        "stopped and calibrated by": f"dates to {about.validate_end}; nothing after was looked at",
        "grid": f"{shape.rows} × {shape.columns} cells of 0.01°; knows cells by their "
        + ("place, so it runs on other grids" if shape.places == "coordinates" else "number"),
        "window": f"{shape.history} h known, {shape.lead_times} h told; further hours by going on "
        "from each member's own end",
        "network": f"{sum(p.numel() for p in network.parameters()):,} parameters: denoiser of "
        f"{shape.blocks} blocks and {shape.channels} channels"
        + (", DeepONet" if shape.deeponet else ""),
        "learns": f"departures from a first guess (hour of day, cell, kriged anomaly of the "
        f"city), in units of {about.scale:.1f} µg/m³; {config.steps} steps of {config.batch}, "
        f"best at {about.steps}, seed {about.seed}",
        "physics": f"weight {about.physics:g}; diffusivity {flow.diffusivity.item():.2f} square "
        f"cells an hour, mean wind {flow.wind[0, 0].item():+.2f}, {flow.wind[1, 0].item():+.2f} "
        "cells an hour towards east and south",
        "validation": f"CRPS {result.crps:.2f} and MAE {result.mae:.2f} µg/m³; 90 % bands hold "
        f"{result.coverage:.0%} there, once the spread was multiplied by {about.spread:.2f}; "
        f"{about.trust:.0%} of the members' mean departure from the first guess is believed",
    }
    return "\n".join(
        [
            f"# STeP-Diff weights: {data.name}",
            "",
            *(["**Synthetic data**: these weights know a simulated city.", ""] * about.synthetic),
            "Probable PM2.5 of a city's next hours, from what vehicles measured in those before.",
            "",
            "**The physics is our reconstruction** of what the paper's abstract states: its "
            "equations could not be had, and the released code holds no residual of a differential "
            "equation.",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {value} |" for name, value in rows.items()),
            "",
            "**Where not to believe it.** In weather that its training weeks had not: bands are "
            "right on average over the validation part and too narrow when the season turns. In "
            "cells that no vehicle visited: what it says there is the city's level. In another "
            "city it knows only what a departure from the hour-of-day mean usually does next.",
            "",
            "Source: Zhou et al. 2025, arXiv:2512.04385. Departures are listed in "
            "`engine/models/stepdiff.py`; scores in `docs/results/stepdiff.md`.",
            "",
        ]
    )
