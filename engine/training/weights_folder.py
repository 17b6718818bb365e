"""A folder of weights: written whole, named by digests, checked when read.

`weights.safetensors` holds a network, `config.json` what is needed to build and use it, and the
digests of the rest; `card.md` what a person should know. Nothing there can run code when read.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.core.errors import DataError, NotFoundError, StorageError
from engine.core.files import READABLE

WEIGHTS, CONFIG, CARD = "weights.safetensors", "config.json", "card.md"
AGAIN = "Take the folder again from where it came"


class Described(BaseModel):
    """The configuration beside weights; each family of networks adds its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = ""
    """Of weights.safetensors."""


D = TypeVar("D", bound=Described)
N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Beside:
    """A further file of tensors.

    Attributes:
        name: Of the file.
        digest_field: Field of the configuration for its SHA-256.
        tensors: What it holds.
        metadata: Text kept with them.
    """

    name: str
    digest_field: str
    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str] = field(default_factory=dict)


def publish(
    folder: Path,
    about: Described,
    network: nn.Module,
    card: str,
    beside: Beside | None = None,
) -> None:
    """Write a folder of weights: each file whole, the configuration, which names the rest, last.

    Raises:
        StorageError: If it cannot be written.
    """
    tensors = {k: v.detach().cpu().contiguous() for k, v in network.state_dict().items()}
    names = [CARD, WEIGHTS, CONFIG]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            part = Path(scratch)
            save_file(tensors, part / WEIGHTS)
            digests = {"sha256": digest(part / WEIGHTS)}
            if beside is not None:
                save_file(dict(beside.tensors), part / beside.name, metadata=dict(beside.metadata))
                digests[beside.digest_field] = digest(part / beside.name)
                names.insert(0, beside.name)
            named = about.model_copy(update=digests)
            (part / CARD).write_text(card, encoding="utf-8")
            (part / CONFIG).write_text(named.model_dump_json(indent=2) + "\n", encoding="utf-8")
            for name in names:
                (part / name).chmod(READABLE)
                os.replace(part / name, folder / name)  # noqa: PTH105 - as everywhere: atomic
    except (OSError, SafetensorError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise StorageError(
            f"the weights cannot be written ({reason})",
            where=str(folder),
            remedy="Make room there, or give another --out",
        ) from problem


def republish(folder: Path, about: Described, card: str) -> None:
    """Write card and configuration anew beside weights that stay, each whole.

    Raises:
        StorageError: If they cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            part = Path(scratch)
            (part / CARD).write_text(card, encoding="utf-8")
            (part / CONFIG).write_text(about.model_dump_json(indent=2) + "\n", encoding="utf-8")
            for name in (CARD, CONFIG):
                os.replace(part / name, folder / name)  # noqa: PTH105 - as everywhere: atomic
    except OSError as problem:
        raise StorageError(
            f"the weights cannot be described ({problem.strerror or problem})", where=str(folder)
        ) from problem


def described(kind: type[D], folder: Path, model: str) -> D:
    """What a folder holds, without loading the weights.

    Args:
        kind: The family's configuration.
        folder: Where the weights are.
        model: What to train if there are none.

    Raises:
        NotFoundError: If it holds no weights.
        DataError: If its configuration is damaged.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise NotFoundError(
            "there are no weights", where=str(folder), remedy=f"Train some: airlens train {model}"
        )
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError, OSError) as problem:
        raise DataError(
            "the configuration of the weights cannot be read", where=str(path), remedy=AGAIN
        ) from problem


def filled(folder: Path, about: Described, build: Callable[[], N]) -> N:
    """The network that a configuration describes with the folder's weights, in evaluation mode.

    Raises:
        DataError: If the weights are missing, damaged, or do not fit the network.
    """
    weights = checked(folder / WEIGHTS, about.sha256, "the weights are missing or not those")
    try:
        network = build()
        network.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError, TypeError, ValueError) as problem:
        raise DataError(
            "the weights do not fit the network that the configuration describes",
            where=str(folder),
            remedy=AGAIN,
        ) from problem
    return network.eval()


def checked(path: Path, sha256: str, what: str) -> Path:
    """The path, if the file there is the one that a configuration names.

    Args:
        path: Of the file.
        sha256: In the configuration.
        what: Beginning of the sentence if it is not: "… missing or not those".

    Raises:
        DataError: If it is not.
    """
    if not path.is_file() or digest(path) != sha256:
        raise DataError(f"{what} the configuration names", where=str(path), remedy=AGAIN)
    return path


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def identity(*tensors: Tensor) -> str:
    """SHA-256 over tensors: what a training run learned from, in one word."""
    running = hashlib.sha256()
    for tensor in tensors:
        running.update(str(tuple(tensor.shape)).encode())
        running.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return running.hexdigest()
