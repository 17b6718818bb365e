"""Where the weights of each network lie: one table, for pages, commands and models alike.

The owner's weights of a dataset come first (`AIRLENS_HOME/weights/MODEL-DATASET`), then those that
ship. Nothing here loads torch.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from engine.core.errors import NotFoundError
from engine.core.paths import ASSETS, home, inside

CONFIG = "config.json"
STEPDIFF, STEPDIFF_SIMULATED = "kolkata", "twin"


class About(Protocol):
    """What of a dataset's record decides."""

    @property
    def name(self) -> str:
        """In the library."""
        ...

    @property
    def period(self) -> str:
        """Averaging time."""
        ...

    @property
    def synthetic(self) -> bool:
        """Whether it is simulated."""
        ...


def _maps(about: About) -> tuple[str, ...]:
    return ("day" if about.period == "hour" else about.period,)  # hourly maps take those of days


# Model -> endings of the weights that ship, the best first; all others go by the averaging time.
SHIPPED: dict[str, Callable[[About], tuple[str, ...]]] = {
    "aqnet": lambda about: (about.name, about.period),
    "stepdiff": lambda about: (STEPDIFF_SIMULATED if about.synthetic else STEPDIFF,),
}


def weights_for(about: About, model: str) -> Path:
    """The folder of a network's weights for a dataset.

    Raises:
        NotFoundError: If there are none, saying how to make some.
    """
    own = inside(home() / "weights", f"{model}-{about.name}")
    endings = SHIPPED.get(model, _maps)(about)
    for folder in (own, *(ASSETS / "weights" / f"{model}-{ending}" for ending in endings)):
        if (folder / CONFIG).is_file():
            return folder
    raise NotFoundError(
        "there are no weights of {model} for data of one {period}",
        where=about.name,
        remedy="Train some: airlens train {model} --data {name} --out {own}",
        model=model,
        period=about.period,
        name=about.name,
        own=own,
    )
