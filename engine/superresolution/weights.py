"""Weights of the super-resolution networks on disk, as `engine.training.weights_folder` keeps them.

`past.safetensors`, where there is one, holds the climatology of one place, and the
grid it belongs to.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import ClassVar, Literal

import torch
from pydantic import Field
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.core.errors import DataError
from engine.core.grid import Grid
from engine.superresolution.networks.airstfm import AirSTFM, AirSTFMConfig
from engine.superresolution.networks.layers import SCALE
from engine.superresolution.networks.networks import from_fields
from engine.superresolution.networks.regression import PlaceClimatology
from engine.superresolution.networks.video import VideoConfig
from engine.training.weights_folder import (
    Beside,
    Described,
    check_tensors,
    checked,
    described,
    filled,
    publish,
)

CLIMATOLOGY = "past.safetensors"
Base = Literal["bilinear", "regression"]
Fields = dict[str, bool | int | float | str | tuple[int, ...] | tuple[str, ...] | None]


class Checkpoint(Described):
    """What is needed to use a network, beside its weights.

    Attributes:
        model: Name in the catalogue.
        network: Fields of the network's configuration.
        mean: Of the training part, ug m-3.
        std: Of the training part, ug m-3.
        base: What the network adds to: its own bilinear map, or
            `engine.superresolution.networks.regression`, learned from the training part of
            the dataset at hand, or, on the grid of `past.safetensors`, read there.
        planes: Names of the guidance planes, in order.
        static_fields: Mean and standard deviation of each of them that no date changes, by name.
        period: Averaging time of the maps it was trained on.
        error_factor: What the network's error scale is multiplied with so that intervals cover
            what they say on the validation part.
        factor_without_climatology: The same for places without a climatology.
        season_factors: The same for each season, winter first, with climatology; empty:
            one for all.
        largest_errors: Largest absolute error of each season, winter first, in what sized the
            intervals, ug m-3: no standard deviation is larger. Empty: no bound.
        largest_error_without_climatology: The same for places without a climatology, all seasons.
        correct: Whether the map is the network's with climatology, and not its base map as
            it is, below which no step of the training came.
        correct_without_climatology: The same without a climatology.
        trained_on: The training data, in words.
        train_start: First local date it learned from.
        train_end: Last local date it learned from.
        validate_end: Last local date that decided anything.
        licence: Of the training data.
        seed: Of the run that is kept.
        climatology_sha256: Of past.safetensors; empty where there is none.
    """

    positive: ClassVar[tuple[str, ...]] = (
        "std",
        "error_factor",
        "factor_without_climatology",
        "season_factors",
        "largest_errors",
    )
    dates: ClassVar[tuple[str, ...]] = ("train_start", "train_end", "validate_end")
    renamed: ClassVar[dict[str, str]] = {
        "ground": "static_fields",
        "blind_factor": "factor_without_climatology",
        "correct_blind": "correct_without_climatology",
        "past_sha256": "climatology_sha256",
    }

    model: str
    network: Fields
    mean: float
    std: float
    base: Base
    planes: tuple[str, ...]
    static_fields: dict[str, tuple[float, float]] = Field(default_factory=dict)
    period: str
    error_factor: float
    factor_without_climatology: float = 1.0
    season_factors: tuple[float, ...] = ()
    largest_errors: tuple[float, ...] = ()
    largest_error_without_climatology: float | None = None
    correct: bool = True
    correct_without_climatology: bool = True
    trained_on: str
    train_start: str
    train_end: str
    validate_end: str
    licence: str
    seed: int
    climatology_sha256: str = ""


def save(
    folder: Path,
    about: Checkpoint,
    network: nn.Module,
    card: str,
    climatology: tuple[PlaceClimatology, Grid] | None = None,
) -> None:
    """Publish a checkpoint, with the climatology of one place if that is given.

    Raises:
        StorageError: If it cannot be written.
    """
    beside = (
        None
        if climatology is None
        else Beside(CLIMATOLOGY, "climatology_sha256", *_pack(*climatology))
    )
    publish(folder, about, network, card, beside)


def load(folder: Path) -> tuple[Checkpoint, AirSTFM]:
    """A checkpoint of AirSTFM and its network, in evaluation mode.

    Raises:
        NotFoundError: If there is none in the folder.
        DataError: If a file is damaged, does not fit the others, or holds another network.
    """
    about, network = load_network(folder)
    if not isinstance(network, AirSTFM):
        raise DataError(
            "these are weights of {model}, not of AirSTFM",
            where=str(folder),
            remedy="Put them in a folder named for that model",
            model=about.model,
        )
    return about, network


def load_network(folder: Path) -> tuple[Checkpoint, nn.Module]:
    """A checkpoint and its network, whichever it is, in evaluation mode.

    Raises:
        NotFoundError: If there is none in the folder.
        DataError: If a file is damaged, or does not fit the others.
    """
    about = describe(folder)
    return about, filled(folder, about, lambda: from_fields(about.model, about.network))


def describe(folder: Path) -> Checkpoint:
    """What a folder holds, without loading the weights.

    Raises:
        NotFoundError: If it holds no checkpoint.
        DataError: If its configuration is damaged.
    """
    return described(Checkpoint, folder, "airstfm")


def climatology_of(folder: Path, about: Checkpoint, grid: Grid) -> PlaceClimatology | None:
    """The climatology beside the weights for a grid's cells; None if they lie elsewhere.

    Raises:
        DataError: If the file is damaged or missing.
    """
    if not about.climatology_sha256:
        return None
    missing = "the climatology of the weights is missing or not what the configuration names"
    path = checked(folder / CLIMATOLOGY, about.climatology_sha256, missing)
    with safe_open(path, "pt") as file:
        whole = Grid(**json.loads(file.metadata()["grid"]))
    place = _place(whole, grid)
    if place is None:
        return None
    packed = load_file(path)
    check_tensors(packed, path)
    return _unpack(packed, *place)


def _place(whole: Grid, part: Grid) -> tuple[slice, slice] | None:
    """Rows and columns of one grid in another, if they are whole blocks of the same cells."""
    steps = (whole.step_lat, whole.step_lon, part.step_lat, part.step_lon)
    if abs(steps[0] - steps[2]) > 1e-3 * steps[0] or abs(steps[1] - steps[3]) > 1e-3 * steps[1]:
        return None
    top, left = (whole.north - part.north) / steps[0], (part.west - whole.west) / steps[1]
    corner = (round(top / SCALE) * SCALE, round(left / SCALE) * SCALE)
    if abs(top - corner[0]) > 0.05 or abs(left - corner[1]) > 0.05:
        return None
    rows = slice(corner[0], corner[0] + part.rows // SCALE * SCALE)
    columns = slice(corner[1], corner[1] + part.columns // SCALE * SCALE)
    inside = rows.start >= 0 and columns.start >= 0
    inside &= rows.stop <= whole.rows and columns.stop <= whole.columns
    return (rows, columns) if inside else None


def _pack(climatology: PlaceClimatology, grid: Grid) -> tuple[dict[str, Tensor], dict[str, str]]:
    """A climatology in few bytes: halves, slopes of each block in 8 bits, equal months once."""
    known = climatology.slopes.abs().amax((2, 3)) > 0
    slopes = climatology.slopes[known]
    scale = slopes.abs().amax((1, 2)) / 127
    tensors = {
        "log_ratio": _once(climatology.log_ratio).half(),
        "spread": _once(climatology.spread).half(),
        "log_coarse": _once(climatology.log_coarse),
        "slopes": (slopes / scale[:, None, None]).round().to(torch.int8),
        "scale": scale,
        "known": known,
    }
    packed = {name: value.contiguous().clone() for name, value in tensors.items()}
    return packed, {"grid": json.dumps(asdict(grid))}


def _unpack(packed: dict[str, Tensor], rows: slice, columns: slice) -> PlaceClimatology:
    """The part of a packed climatology that belongs to some rows and columns."""
    down, across = (slice(s.start // SCALE, s.stop // SCALE) for s in (rows, columns))
    number = torch.full(packed["known"].shape, -1)
    number[packed["known"]] = torch.arange(len(packed["slopes"]))
    here = number[down, across]
    slopes = torch.zeros(*here.shape, *packed["slopes"].shape[1:])
    valid_cells = here[here >= 0]
    slopes[here >= 0] = (
        packed["slopes"][valid_cells].float() * packed["scale"][valid_cells, None, None]
    )
    log_ratio, spread = packed["log_ratio"], packed["spread"]
    return PlaceClimatology(
        log_ratio[:, rows, columns].float().expand(12, -1, -1),
        packed["log_coarse"][:, down, across].expand(12, -1, -1),
        slopes,
        spread[:, rows, columns].float().expand(12, -1, -1),
    )


def _once(months: Tensor) -> Tensor:
    """Twelve maps, or one if they are all the same."""
    return months[:1] if bool((months == months[:1]).all()) else months


def network_fields(config: AirSTFMConfig | VideoConfig) -> Fields:
    """A network's configuration as a checkpoint keeps it."""
    return asdict(config)
