"""A folder of weights: written whole, named by digests, checked when read.

`weights.safetensors` holds a network, `config.json` what is needed to build and use it, and the
digests of the rest; `card.md` what a person should know. Nothing there can run code when read.
"""

import datetime as dt
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from engine.core.errors import DataError, NotFoundError, StorageError
from engine.core.files import READABLE

WEIGHTS, CONFIG, CARD = "weights.safetensors", "config.json", "card.md"
AGAIN = "Take the folder again from where it came"


LARGEST = 1e6  # of a statistic in ug m-3, or of a weight: more is damage, not training
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?")


class Described(BaseModel):
    """The configuration beside weights; each family of networks adds its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    positive: ClassVar[tuple[str, ...]] = ()
    """Fields that are divided by or multiplied with: 0 or less is damage."""
    dates: ClassVar[tuple[str, ...]] = ("train_start", "train_end")
    """Fields that hold a local date."""
    renamed: ClassVar[Mapping[str, str]] = {}
    """Old names of fields, here and in `network`, and what they are called now."""

    sha256: str = ""
    """Of weights.safetensors."""

    @model_validator(mode="before")
    @classmethod
    def _old_names(cls, given: object) -> object:
        """A folder that an earlier version wrote names some fields otherwise."""
        if not isinstance(given, Mapping):
            return given
        known = {cls.renamed.get(name, name): value for name, value in given.items()}
        shape = known.get("network")
        if isinstance(shape, Mapping):
            known["network"] = {cls.renamed.get(name, name): v for name, v in shape.items()}
        return known


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
            "the weights cannot be written ({reason})",
            where=str(folder),
            remedy="Make room there, or give another --out",
            reason=reason,
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
            "the weights cannot be described ({strerror})",
            where=str(folder),
            strerror=problem.strerror or problem,
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
            "there are no weights",
            where=str(folder),
            remedy="Train some: airlens train {model}",
            model=model,
        )
    try:
        about = kind.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError, OSError) as problem:
        raise DataError(
            "the configuration of the weights cannot be read", where=str(path), remedy=AGAIN
        ) from problem
    for name, value in about.model_dump().items():
        if not _sane(about, name, value):
            raise DataError(
                "the configuration of the weights has {name} {value}, which no training gives",
                where=str(path),
                remedy=AGAIN,
                name=name,
                value=str(value)[:80],
            )
    return about


def _sane(about: Described, field: str, value: object) -> bool:
    """Whether a field holds what a training can have written."""
    if field in about.dates:
        return isinstance(value, str) and _is_date(value)
    numbers = [n for n in _leaves(value) if isinstance(n, float)]
    least = 0.0 if field in about.positive else -LARGEST
    return all(least < n < LARGEST for n in numbers)  # NaN fails it


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text if len(text) > len("2015-01") else f"{text}-01")
    except ValueError:
        return False
    return _DATE.fullmatch(text) is not None


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, list | tuple):
        yield value
        return
    for part in value:
        yield from _leaves(part)


def filled(folder: Path, about: Described, build: Callable[[], N]) -> N:
    """The network that a configuration describes with the folder's weights, in evaluation mode.

    Raises:
        DataError: If the weights are missing, damaged, or do not fit the network.
    """
    weights = checked(
        folder / WEIGHTS,
        about.sha256,
        "the weights are missing or not those the configuration names",
    )
    try:
        _check_shapes(weights, build)
        network = build()
        tensors = load_file(weights)
        network.load_state_dict(tensors)
    except (SafetensorError, RuntimeError, TypeError, ValueError) as problem:
        raise DataError(
            "the weights do not fit the network that the configuration describes",
            where=str(folder),
            remedy=AGAIN,
        ) from problem
    check_tensors(tensors, weights)
    return network.eval()


def _check_shapes(weights: Path, build: Callable[[], N]) -> None:
    """Compare shapes before the network takes memory: a configuration can ask for any size.

    Raises:
        ValueError: If they differ.
    """
    with torch.device("meta"):
        wanted = {name: tuple(t.shape) for name, t in build().state_dict().items()}
    with safe_open(weights, framework="pt") as file:
        known = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    if wanted != known:
        raise ValueError("other shapes")


def check_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse weights that make every map NaN.

    Raises:
        DataError: If a value is NaN, infinite or absurd, naming the tensor.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.numel():
            low, high = (float(end) for end in tensor.aminmax())  # NaN shows in both
            if not -LARGEST < low <= high < LARGEST:
                raise DataError(
                    "the weights {name!r} hold {low} to {high}, which no training gives",
                    where=str(path),
                    remedy=AGAIN,
                    name=name,
                    low=f"{low:g}",
                    high=f"{high:g}",
                )


def checked(path: Path, sha256: str, what: str) -> Path:
    """The path, if the file there is the one that a configuration names.

    Args:
        path: Of the file.
        sha256: In the configuration.
        what: The sentence if it is not.

    Raises:
        DataError: If it is not.
    """
    if not path.is_file() or digest(path) != sha256:
        raise DataError(what, where=str(path), remedy=AGAIN)
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
