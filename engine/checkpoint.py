"""Weights on disk: a folder of three files, none of which can run code when it is read.

`weights.safetensors` holds the network, `config.json` what is needed to build and use it, `card.md`
what a person should know. `planes.safetensors`, where there is one, holds static guidance and the
grid it belongs to.
"""

import hashlib
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.errors import DataError, NotFoundError, StorageError
from engine.models.airstfm import AirSTFM, AirSTFMConfig

WEIGHTS, CONFIG, CARD, PLANES = (
    "weights.safetensors",
    "config.json",
    "card.md",
    "planes.safetensors",
)
Base = Literal["bilinear", "regression"]


class Checkpoint(BaseModel):
    """What is needed to use a network, beside its weights.

    Attributes:
        model: Name in the catalogue.
        network: Fields of the network's configuration.
        mean: Of the training part, ug m-3.
        std: Of the training part, ug m-3.
        base: What the network adds to: its own bilinear map, or `engine.models.regression`, learned
            from the past of the dataset at hand.
        planes: Names of the guidance planes, in order.
        period: Averaging time of the maps it was trained on.
        error_factor: What the network's error scale is multiplied with so that intervals cover
            what they say on the validation part.
        trained_on: The training data, in words.
        train_start: First local date it learned from.
        train_end: Last local date it learned from.
        validate_end: Last local date that decided anything.
        licence: Of the training data.
        seed: Of the run that is kept.
        sha256: Of weights.safetensors.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    network: dict[str, bool | int | float | str | tuple[int, ...]]
    mean: float
    std: float
    base: Base
    planes: tuple[str, ...]
    period: str
    error_factor: float
    trained_on: str
    train_start: str
    train_end: str
    validate_end: str
    licence: str
    seed: int
    sha256: str = ""


def save(
    folder: Path,
    about: Checkpoint,
    network: nn.Module,
    card: str,
    planes: dict[str, Tensor] | None = None,
) -> None:
    """Publish a checkpoint: each file whole, the configuration, which names the rest, last.

    Raises:
        StorageError: If it cannot be written.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            part = Path(scratch)
            save_file(tensors, part / WEIGHTS)
            if planes is not None:
                save_file({k: v.contiguous() for k, v in planes.items()}, part / PLANES)
            (part / CARD).write_text(card, encoding="utf-8")
            named = about.model_copy(update={"sha256": digest(part / WEIGHTS)})
            (part / CONFIG).write_text(named.model_dump_json(indent=2) + "\n", encoding="utf-8")
            for name in (PLANES, CARD, WEIGHTS, CONFIG):
                if (part / name).exists():
                    os.replace(part / name, folder / name)  # noqa: PTH105 - as everywhere: atomic
    except OSError as problem:
        raise StorageError(
            f"the weights cannot be written ({problem.strerror or problem})",
            where=str(folder),
            remedy="Make room there, or give another --out",
        ) from problem


def load(folder: Path) -> tuple[Checkpoint, AirSTFM]:
    """A checkpoint and its network, in evaluation mode.

    Raises:
        NotFoundError: If there is none in the folder.
        DataError: If a file is damaged, or does not fit the others.
    """
    about = describe(folder)
    weights = folder / WEIGHTS
    if not weights.is_file() or digest(weights) != about.sha256:
        raise DataError(
            "the weights are missing or not those the configuration names",
            where=str(weights),
            remedy="Take the folder again from where it came",
        )
    try:
        network = AirSTFM(AirSTFMConfig(**about.network))  # type: ignore[arg-type]  # checked there
        network.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError, TypeError, ValueError) as problem:
        raise DataError(
            "the weights do not fit the network that the configuration describes",
            where=str(folder),
            remedy="Take the folder again from where it came",
        ) from problem
    return about, network.eval()


def describe(folder: Path) -> Checkpoint:
    """What a folder holds, without loading the weights.

    Raises:
        NotFoundError: If it holds no checkpoint.
        DataError: If its configuration is damaged.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise NotFoundError(
            "there are no weights", where=str(folder), remedy="Train some: airlens train airstfm"
        )
    try:
        return Checkpoint.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError, OSError) as problem:
        raise DataError(
            "the configuration of the weights cannot be read",
            where=str(path),
            remedy="Take the folder again from where it came",
        ) from problem


def planes(folder: Path) -> dict[str, Tensor]:
    """Static guidance that lies with the weights; empty where there is none."""
    path = folder / PLANES
    return load_file(path) if path.is_file() else {}


def network_fields(config: AirSTFMConfig) -> dict[str, bool | int | float | str | tuple[int, ...]]:
    """A network's configuration as a checkpoint keeps it."""
    return asdict(config)


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def identity(*tensors: torch.Tensor) -> str:
    """SHA-256 over tensors: what a training run learned from, in one word."""
    running = hashlib.sha256()
    for tensor in tensors:
        running.update(str(tuple(tensor.shape)).encode())
        running.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return running.hexdigest()
