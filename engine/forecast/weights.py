"""Weights of STeP-Diff on disk: as `engine.training.weights_folder` keeps them."""

from dataclasses import asdict
from pathlib import Path
from typing import ClassVar

from engine.forecast.networks.stepdiff import StepDiff, StepDiffConfig
from engine.training.weights_folder import Described, described, filled, publish

Fields = dict[str, bool | int | float | str | tuple[int, ...]]


class StepCheckpoint(Described):
    """What is needed to use the network, beside its weights.

    Attributes:
        network: Fields of `StepDiffConfig`.
        covariance: Of the first guess; see `engine.forecast.networks.gp_first_guess.Trend`.
        variance: Of the city's anomaly in the training part.
        scale: Usual departure from the first guess there, ug m-3.
        spread_factor: What departures from the members' mean are multiplied with, by lead hour.
        mean_weight: Share of the members' mean departure from the first guess that is believed.
        trained_on: The training data, in words.
        dataset: Its name where it was trained.
        synthetic: Whether they were simulated.
        train_start: First local date learned from.
        train_end: Last local date learned from.
        validate_end: Last local date that decided anything.
        licence: Of the training data.
        stations: Dataset of fixed stations that it uses; empty: none.
        wind: Dataset of stations whose wind it uses; empty: none.
        physics: Weight of the convection-diffusion residual.
        seed: Of the run.
        steps: Of the optimiser, at which the weights that are kept were best.
    """

    positive: ClassVar[tuple[str, ...]] = ("variance", "scale", "spread_factor")
    dates: ClassVar[tuple[str, ...]] = ("train_start", "train_end", "validate_end")
    renamed: ClassVar[dict[str, str]] = {"spread": "spread_factor", "trust": "mean_weight"}

    network: Fields
    covariance: tuple[float, ...]
    variance: float
    scale: float
    spread_factor: tuple[float, ...]
    mean_weight: float = 1.0
    trained_on: str
    dataset: str
    synthetic: bool
    train_start: str
    train_end: str
    validate_end: str
    licence: str
    stations: str = ""
    wind: str = ""
    physics: float
    seed: int
    steps: int


def fields(shape: StepDiffConfig) -> Fields:
    """A network's shape as a checkpoint keeps it."""
    return asdict(shape)


def save(folder: Path, about: StepCheckpoint, network: StepDiff, card: str) -> None:
    """Publish weights, card and, last, the configuration that names them.

    Raises:
        StorageError: If it cannot be written.
    """
    publish(folder, about, network, card)


def load(folder: Path) -> tuple[StepCheckpoint, StepDiff]:
    """A checkpoint and its network, in evaluation mode.

    Raises:
        NotFoundError: If there is none in the folder.
        DataError: If a file is damaged, or does not fit the others.
    """
    about = described(StepCheckpoint, folder, "stepdiff")

    def build() -> StepDiff:
        return StepDiff(StepDiffConfig(**about.network))  # type: ignore[arg-type]

    return about, filled(folder, about, build)
