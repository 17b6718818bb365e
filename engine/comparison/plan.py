"""What a comparison compares, and with what budget."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from engine import library
from engine.core.errors import RequestError
from engine.inference import catalogue
from engine.library import DatasetInfo
from engine.superresolution.networks.networks import NETWORKS
from engine.superresolution.training_config import TrainingConfig

# Systems that learn nothing, or climatology alone; then the networks.
CLASSICAL = ("copy", "bilinear", "bicubic", "ha", "ha-monthly", "bicubic-ratio")
ALL = (*CLASSICAL, *(name for name in NETWORKS if name != "airstfm"), "airstfm")


@dataclass(frozen=True)
class Plan:
    """What is compared, and how.

    Attributes:
        data: Name in the library.
        models: Names in the catalogue.
        steps: Budget of each training, in steps; or
        minutes: in minutes, from which steps follow by the measured time of a step.
        fractions: Shares of the training part, 0 to 1.
        seeds: Of weights and data order.
        preset: Size of the networks.
        train_end: Last local date to learn from; None: the dataset's own.
        validate_end: Last local date to stop by; None: half of what follows.
        batch: Crops in a step.
        crop: Side of a crop in coarse cells.
        checks: Validations in a training.
        look: Side, in coarse cells, of the middle of the map that training is stopped by; 0: all.
        every: Of so many test dates one is scored; None: so that no more than 24 are.
    """

    data: str
    models: tuple[str, ...] = ALL
    steps: int | None = None
    minutes: float | None = None
    fractions: tuple[float, ...] = (1.0, 0.8, 0.4)
    seeds: tuple[int, ...] = (0,)
    preset: Literal["small", "paper"] = "small"
    train_end: dt.date | None = None
    validate_end: dt.date | None = None
    batch: int = 8
    crop: int = 8
    checks: int = 4
    look: int = 0
    every: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be run.

        Raises:
            RequestError: With what may be chosen.
        """
        unknown = [name for name in self.models if name not in ALL]
        if unknown or not self.models:
            raise RequestError(
                "{unknown} cannot be compared here",
                remedy="Choose all, or some of {all}",
                unknown=tuple(unknown) or ("no model",),
                all=tuple(ALL),
            )
        if (self.steps is None) == (self.minutes is None):
            raise RequestError("the budget is in steps or in minutes", remedy="Give one of them")
        if not all(0 < share <= 1 for share in self.fractions) or not self.fractions:
            raise RequestError("a share of the training part is more than 0 and at most 100 %")

    @property
    def trainings(self) -> int:
        """How many networks are trained."""
        learned = sum(name in NETWORKS for name in self.models)
        return learned * len(self.fractions) * len(self.seeds)

    def config(self, steps: int, seed: int) -> TrainingConfig:
        """How every network is trained.

        The loss is the squared error. Under Charbonnier's, whose gradient is the sign of the
        error, the many cells that bilinear already has right to a hundredth outvote the few that
        matter: networks stay at their bilinear start for hundreds of steps.
        """
        return TrainingConfig(
            steps=steps,
            pretext_steps=0,
            batch=self.batch,
            crop=self.crop,
            learning_rate=2e-3,
            pretext_factor=1.0,
            warm_up=max(1, steps // 20),
            flow_frozen=steps // 6,
            average=0.97,
            loss="mse",
            check_every=max(1, steps // self.checks),
            patience=3,
            seed=seed,
        )


def check(plan: Plan) -> DatasetInfo:
    """The record of a plan's dataset, if every system of the plan can start from it.

    Raises:
        EngineError: If there is no such dataset, or one of them cannot.
    """
    about = library.info(plan.data)
    for name in plan.models:
        catalogue.check_kind(catalogue.find(name), about)
    return about
