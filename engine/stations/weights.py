"""Weights of the reanalysis network on disk: as `engine.training.weights_folder` keeps them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from engine.stations.networks.ensemble_mean import Averaged
from engine.stations.networks.reanalysis import Reanalysis, ReanalysisConfig
from engine.training.weights_folder import Described, described, filled, publish

Fields = dict[str, int | float | str | tuple[int, ...] | tuple[float, ...] | tuple[str, ...]]


class StationCheckpoint(Described):
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
        members: Networks whose mean is predicted.
    """

    positive: ClassVar[tuple[str, ...]] = ("factor", "day_factor", "inner")
    dates: ClassVar[tuple[str, ...]] = ("train_start", "train_end", "calibrate_end")

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
    members: int = 1


def fields(shape: ReanalysisConfig) -> Fields:
    """A network's shape as a checkpoint keeps it."""
    return asdict(shape)


def save(folder: Path, about: StationCheckpoint, network: Reanalysis, card: str) -> None:
    """Publish weights, card and, last, the configuration that names them.

    Raises:
        StorageError: If it cannot be written.
    """
    publish(folder, about, network, card)


def load(folder: Path) -> tuple[StationCheckpoint, Reanalysis]:
    """A checkpoint and its network, in evaluation mode.

    Raises:
        NotFoundError: If there is none in the folder.
        DataError: If a file is damaged, or does not fit the others.
    """
    about = described(StationCheckpoint, folder, "aqnet")
    shape: dict[str, Any] = dict(about.network)

    def build() -> Reanalysis:
        if about.members == 1:
            return Reanalysis(ReanalysisConfig(**shape))
        return Averaged([Reanalysis(ReanalysisConfig(**shape)) for _ in range(about.members)])

    return about, filled(folder, about, build)
