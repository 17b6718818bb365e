"""Weights of the reanalysis network on disk: as `engine.checkpoint`, for stations."""

import os
import tempfile
from dataclasses import asdict
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from engine.checkpoint import CARD, CONFIG, WEIGHTS, digest
from engine.errors import DataError, NotFoundError, StorageError
from engine.models.reanalysis import Reanalysis, ReanalysisConfig
from engine.paths import ASSETS, home, inside

Fields = dict[str, int | float | str | tuple[int, ...] | tuple[str, ...]]
AGAIN = "Take the folder again from where it came"


class StationCheckpoint(BaseModel):
    """What is needed to use a reanalysis network, beside its weights.

    Attributes:
        network: Fields of `ReanalysisConfig`.
        period: Averaging time of the readings it was trained on.
        factor: Turns its error scale into a standard deviation, so that 1.645 of these to either
            side hold 90 % of the errors in the calibration part.
        day_factor: The same for daily means of hourly estimates.
        inner: Half-width of the interval that holds 50 %, in these standard deviations.
        trained_on: The training data, in words.
        synthetic: Whether they were simulated.
        stations: How many it learned from.
        held_out: Names of stations that it never saw in training.
        train_start: First local date learned from.
        train_end: Last local date learned from.
        calibrate_end: Last local date that decided anything.
        licence: Of the training data.
        seed: Of the run.
        steps: Of the optimiser.
        sha256: Of weights.safetensors.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: Fields
    period: str
    factor: float
    day_factor: float
    inner: float
    trained_on: str
    synthetic: bool
    stations: int
    held_out: tuple[str, ...] = ()
    train_start: str
    train_end: str
    calibrate_end: str
    licence: str
    seed: int
    steps: int
    sha256: str = ""


def fields(shape: ReanalysisConfig) -> Fields:
    """A network's shape as a checkpoint keeps it."""
    return asdict(shape)


def save(folder: Path, about: StationCheckpoint, network: Reanalysis, card: str) -> None:
    """Publish weights, card and, last, the configuration that names them.

    Raises:
        StorageError: If it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            part = Path(scratch)
            tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
            save_file(tensors, part / WEIGHTS)
            (part / CARD).write_text(card, encoding="utf-8")
            named = about.model_copy(update={"sha256": digest(part / WEIGHTS)})
            (part / CONFIG).write_text(named.model_dump_json(indent=2) + "\n", encoding="utf-8")
            for name in (CARD, WEIGHTS, CONFIG):
                os.replace(part / name, folder / name)  # noqa: PTH105 - as everywhere: atomic
    except (OSError, SafetensorError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise StorageError(
            f"the weights cannot be written ({reason})",
            where=str(folder),
            remedy="Make room there, or give another --out",
        ) from problem


def load(folder: Path) -> tuple[StationCheckpoint, Reanalysis]:
    """A checkpoint and its network, in evaluation mode.

    Raises:
        NotFoundError: If there is none in the folder.
        DataError: If a file is damaged, or does not fit the others.
    """
    path, weights = folder / CONFIG, folder / WEIGHTS
    if not path.is_file():
        raise NotFoundError(
            "there are no weights", where=str(folder), remedy="Train some: airlens train aqnet"
        )
    try:
        about = StationCheckpoint.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError, OSError) as problem:
        raise DataError(
            "the configuration of the weights cannot be read", where=str(path), remedy=AGAIN
        ) from problem
    if not weights.is_file() or digest(weights) != about.sha256:
        raise DataError(
            "the weights are missing or not those the configuration names",
            where=str(weights),
            remedy=AGAIN,
        )
    try:
        network = Reanalysis(ReanalysisConfig(**about.network))  # type: ignore[arg-type]
        network.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError, TypeError, ValueError) as problem:
        raise DataError(
            "the weights do not fit the network that the configuration describes",
            where=str(folder),
            remedy=AGAIN,
        ) from problem
    return about, network.eval()


def weights_for(name: str, period: str) -> Path:
    """The AQ-Net weights for a dataset: its owner's, else those shipped for its averaging time.

    Raises:
        NotFoundError: If there are none, saying how to make some.
    """
    own = inside(home() / "weights", f"aqnet-{name}")
    for folder in (own, ASSETS / "weights" / f"aqnet-{period}"):
        if (folder / CONFIG).is_file():
            return folder
    raise NotFoundError(
        f"there are no AQ-Net weights for readings of one {period}",
        where=name,
        remedy=f"Train some: airlens train aqnet --data {name} --out {own}; or choose idw",
    )
