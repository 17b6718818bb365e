"""Training AirSTFM on a dataset of the library, from the record to a checkpoint with its card."""

import csv
import datetime as dt
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from engine.core.progress import Progress, Stop, part
from engine.superresolution import examples, weights
from engine.superresolution.batches import Series, window
from engine.superresolution.card import History, card
from engine.superresolution.examples import Examples
from engine.superresolution.loop import forward, train, validate
from engine.superresolution.networks.airstfm import PRESETS, AirSTFM, preset
from engine.superresolution.networks.initialisation import keep_signal
from engine.superresolution.recipe_airstfm import CLIMATOLOGY_PLANES, season
from engine.superresolution.static import Plane
from engine.superresolution.training_config import TrainingConfig
from engine.superresolution.weights import Checkpoint
from engine.training.curve import picture
from engine.training.state import Counters

Preset = Literal["paper", "small"]
CURVE, PICTURE, STATE = "curve.csv", "curve.svg", "state"

# The paper's preset follows the paper; the small one learns faster, having less to learn.
RECIPES: dict[str, TrainingConfig] = {
    "paper": TrainingConfig(loss="gaussian", crop=48, batch=2),
    "small": TrainingConfig(
        steps=3_000,
        pretext_steps=100,
        batch=4,
        crop=16,
        learning_rate=3e-3,
        flow_frozen=200,
        loss="gaussian",
        average=0.99,
        check_every=125,
        patience=8,
    ),
}
# Static fields that ship for any place; they help without climatology (decision 0024).
STATIC_FIELDS: tuple[Plane, ...] = ("coast", "cities")
# Error scale that the network starts from, as a logarithm in its unit.
FIRST_LOG_SCALE = -0.5


@dataclass(frozen=True)
class Trained:
    """What came of a run.

    Attributes:
        folder: Where the checkpoint is; None if the run was stopped before its end.
        counters: How far it got.
        coverage: Share of the errors that sized the intervals in those of 50 and 90 %.
    """

    folder: Path | None
    counters: Counters
    coverage: tuple[float, float] = (float("nan"), float("nan"))


def train_airstfm(
    name: str,
    folder: Path,
    *,
    size: Preset = "small",
    steps: int | None = None,
    seed: int = 0,
    train_end: dt.date | None = None,
    validate_end: dt.date | None = None,
    block_offsets: int = 1,
    static_fields: Sequence[Plane] = STATIC_FIELDS,
    device: str = "cpu",
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Trained:
    """Train on a dataset, or go on with a run that was stopped, and write the checkpoint.

    Args:
        name: A gridded dataset of the library.
        folder: For the checkpoint, the curve and the state of the run.
        size: Preset of the network and of the training.
        steps: Of the second stage; None: the preset's.
        seed: Of the initial weights and the order of the data.
        train_end: Last local date to learn from; None: the dataset's own.
        validate_end: Last local date to validate on; None: half of what follows.
        block_offsets: Corners to count blocks from; more make more of a short record.
        static_fields: Static fields that guide it.
        device: "cpu" or "cuda".
        progress: Called with the share done.
        cancelled: Looked at between steps; the state stays and the run can go on.

    Raises:
        EngineError: If the dataset cannot be learned from, or the folder not written.
    """
    known = examples.from_library(
        name,
        "AirSTFM",
        train_end=train_end,
        validate_end=validate_end,
        block_offsets=block_offsets,
        static_fields=static_fields,
        progress=part(progress, 0.0, 0.1),
        cancelled=cancelled,
    )
    return train_on(
        known,
        folder,
        config=training_config(size, steps, seed, device),
        size=size,
        device=device,
        progress=part(progress, 0.1, 1.0),
        cancelled=cancelled,
    )


def training_config(
    size: Preset, steps: int | None, seed: int, device: str = "cpu"
) -> TrainingConfig:
    """The preset's way of training, with another number of steps if one is given.

    On a GPU in mixed precision.
    """
    chosen = RECIPES[size]
    return replace(
        chosen, steps=steps or chosen.steps, seed=seed, mixed_precision=device.startswith("cuda")
    )


def train_on(
    known: Examples,
    folder: Path,
    *,
    config: TrainingConfig,
    size: Preset = "small",
    device: str = "cpu",
    progress: Progress | None = None,
    cancelled: Stop | None = None,
    **changes: object,
) -> Trained:
    """Train on examples, or go on with a run that was stopped, and write the checkpoint.

    Args:
        known: What to learn from.
        folder: For the checkpoint, the curve and the state of the run.
        config: How to train.
        size: Preset of the network.
        device: "cpu" or "cuda".
        progress: Called with the share done.
        cancelled: Looked at between steps; the state stays and the run can go on.
        changes: Fields of the network's configuration that differ from the preset.

    Raises:
        EngineError: If the folder cannot be written, or holds another run.
    """
    unit = residual_spread(known)
    config = replace(config, unit=unit)
    network = build(known, size, config.seed, **({"unit": unit} | changes))
    frames = network.config.frames
    before = _scores(network, known)
    counters = train(
        config,
        network,
        frames,
        (*known.training, *known.training_without_climatology),
        # Stopped by both: with climatology, the base is as good as the network (`correct`).
        (*known.validation, *known.validation_without_climatology),
        folder / STATE,
        device=device,
        identity=f"{known.identity} {network.config}",
        progress=progress,
        cancelled=cancelled,
    )
    write_curve(counters, folder)
    if not counters.over:
        return Trained(None, counters)
    network.to("cpu").eval()
    if not network.config.log_scale:
        raise ValueError("a network without log_scale has no uncertainty to ship")
    after = _scores(network, known)
    better = after[0] < before[0]
    better_without_climatology = after[1] < before[1] or not known.validation_without_climatology
    if known.base == "bilinear" and not better:
        keep_base(network)
    sizing = known.calibration or known.validation
    unknown = known.calibration_without_climatology or known.validation_without_climatology
    sized = calibrate(network, sizing, known.months, correct=better)
    alone = calibrate(network, unknown, correct=better_without_climatology) if unknown else None
    described = Checkpoint(
        model="airstfm",
        network=weights.network_fields(network.config),
        mean=known.mean,
        std=known.std,
        base=known.base,
        planes=guidance(known),
        static_fields=dict(zip(known.static_fields, known.scale, strict=True)),
        period=known.source.period,
        error_factor=sized.factor,
        factor_without_climatology=1.0 if alone is None else alone.factor,
        season_factors=sized.seasons,
        largest_errors=concentrations(sized, known.std),
        largest_error_without_climatology=(
            None if alone is None else concentrations(alone, known.std)[0]
        ),
        correct=better,
        correct_without_climatology=better_without_climatology,
        trained_on=known.source.words,
        train_start=known.train_start.isoformat(),
        train_end=known.train_end.isoformat(),
        validate_end=known.validate_end.isoformat(),
        licence=known.source.licence,
        seed=config.seed,
    )
    history = History(
        counters,
        config,
        len(known.training),
        sized.coverage,
        counters.seconds,
        device,
        before,
        after,
    )
    text = card(described, known.source, network, history)
    weights.save(folder, described, network, text, known.climatology)
    return Trained(folder, counters, sized.coverage)


def _scores(network: AirSTFM, known: Examples) -> tuple[float, float]:
    """RMSE of the validation, in standard deviations, with climatology and without."""
    parts = (known.validation, known.validation_without_climatology)
    frames, device = network.config.frames, torch.device("cpu")
    known_one, one_without_climatology = (validate(network, part, frames, device) for part in parts)
    return known_one, one_without_climatology


def keep_base(network: AirSTFM) -> None:
    """Take the network's correction out, which made the validation worse; its scale stays."""
    with torch.no_grad():
        network.tail.last.weight[0] = 0
        network.tail.last.get_parameter("bias")[0] = 0


def residual_spread(known: Examples) -> float:
    """Size of what the base maps of the training part leave over, in standard deviations."""
    squares, count = 0.0, 0
    for series in known.training:
        base = series.base
        if base is None:
            return 1.0
        error = (series.fine - base)[series.fine_mask.expand_as(series.fine)]
        squares += float((error.double() ** 2).sum())
        count += error.numel()
    return max(math.sqrt(squares / max(count, 1)), 1e-4)


def build(known: Examples, size: str, seed: int, **changes: object) -> AirSTFM:
    """The network, which at first gives what it is to correct; with fields replaced.

    With `quiet_start`, the small preset's, the tail keeps the size of its signal too (0034).
    """
    if size not in PRESETS:
        raise ValueError(f"no preset {size!r}; choose from {', '.join(PRESETS)}")
    torch.manual_seed(seed)
    fields: dict[str, object] = {
        "guide": len(guidance(known)),
        "static_fields": known.static_fields,
        "guide_at": "both",
        "conserve": True,
        "log_scale": True,
        "mask_plane": True,
        "quiet_start": size != "paper",
        "mean": known.mean,
        "std": known.std,
    }
    network = AirSTFM(preset(size, **(fields | changes)))
    with torch.no_grad():
        network.tail.last.weight.zero_()
    if network.config.quiet_start:
        keep_signal(network.tail.stages)
        keep_signal(network.tail.head)
    with torch.no_grad():
        bias = network.tail.last.get_parameter("bias").zero_()
        bias[1:2] = FIRST_LOG_SCALE
    return network


def guidance(known: Examples) -> tuple[str, ...]:
    """Names of the planes that guide a network on these examples, in order."""
    climatology = CLIMATOLOGY_PLANES if known.base == "regression" else ()
    return (*climatology, *known.static_fields)


class Sizing(NamedTuple):
    """How the intervals were sized."""

    factor: float
    """What the error's scale is multiplied with."""
    seasons: tuple[float, ...]
    """The same in each season; as the factor where a season was not seen."""
    coverage: tuple[float, float]
    """What the intervals of 50 and 90 % then hold of the errors that sized them."""
    largest: tuple[float, ...]
    """Largest absolute error of each season, in standard deviations of the training part; of all
    where a season was not seen or seasons are not distinguished."""


def calibrate(
    network: AirSTFM,
    sizing: Sequence[Series],
    months: Sequence[Sequence[int]] = (),
    *,
    correct: bool = True,
) -> Sizing:
    """What the error scale has to be multiplied with, and what the intervals then cover.

    A factor makes the central 90 % interval of a normal error hold 90 % of the errors; what the
    50 % interval then holds shows how far from normal they are.

    Args:
        network: With an error scale.
        sizing: Series that it did not learn from.
        months: 1 to 12, of the frames of each; none: seasons are not distinguished.
        correct: Whether the map is the network's, and not its base as it is.
    """
    frames: list[Tensor] = []
    largest: list[float] = []
    with torch.inference_mode():
        for series in sizing:
            for at in range(len(series)):
                batch = window(series, at, network.config.frames).to(torch.device("cpu"))
                answer = forward(network, batch)
                if answer.log_scale is None:
                    raise ValueError("a network without log_scale has nothing to calibrate")
                predicted = answer.mean if correct or batch.base is None else batch.base
                error = (predicted - batch.fine).abs()
                largest.append(float(error[:, :, 0][batch.fine_mask].max()))
                away = error / answer.log_scale.exp()
                frames.append(away[:, :, 0][batch.fine_mask].double())
    seen = [season(month) for each in months for month in each]
    factor = _factor(frames)
    sized = [factor] * len(frames)
    seasons: tuple[float, ...] = ()
    if seen:
        each = [[f for f, s in zip(frames, seen, strict=True) if s == i] for i in range(4)]
        seasons = tuple(_factor(part) if part else factor for part in each)
        sized = [seasons[s] for s in seen]
    scaled = torch.cat([f / by for f, by in zip(frames, sized, strict=True)])
    inner, outer = (float((scaled <= _reach(p)).double().mean()) for p in (0.5, 0.9))
    season_of = seen or [0] * len(largest)
    most = [
        max([e for e, s in zip(largest, season_of, strict=True) if s == i], default=max(largest))
        for i in range(4 if seen else 1)
    ]
    return Sizing(factor, seasons, (inner, outer), tuple(most))


def concentrations(sized: Sizing, std: float) -> tuple[float, ...]:
    """The largest errors in ug m-3, to a thousandth; a part without error gets that much."""
    return tuple(max(round(error * std, 3), 0.001) for error in sized.largest)


def _factor(frames: Sequence[Tensor]) -> float:
    away = torch.cat(list(frames)).sort().values
    return float(away[int(0.9 * (len(away) - 1))]) / _reach(0.9)


def _reach(share: float) -> float:
    """Standard deviations on each side that hold a share of a normal error."""
    return float(torch.special.ndtri(torch.tensor((1 + share) / 2)))


def write_curve(counters: Counters, folder: Path) -> None:
    """The loss curve as CSV and as a picture."""
    if not counters.curve:
        return
    names = ["stage", "step", "training_loss", "validation_rmse", "learning_rate", "seconds"]
    text = io.StringIO()
    table = csv.DictWriter(text, names, lineterminator="\n")
    table.writeheader()
    table.writerows(counters.curve)
    (folder / CURVE).write_text(text.getvalue(), encoding="utf-8")
    (folder / PICTURE).write_text(picture(counters.curve), encoding="utf-8")
