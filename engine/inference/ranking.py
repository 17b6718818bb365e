"""Which models can be used on a dataset, and which stand first."""

import datetime as dt
from collections.abc import Sequence

from engine.core.errors import EngineError
from engine.core.task import TaskName
from engine.inference import catalogue
from engine.library import DatasetInfo
from engine.library.weights_table import SHIPPED
from engine.superresolution.regression_limits import LEAST_YEARS, MOST_CELLS

# What stands first where nothing is measured. Ratios by month take a season.
DEFAULTS = ("bicubic-ratio", "bicubic", "kriging", "idw")
# Most cells for which AirSTFM answers in about two seconds on two cores; it stays in the list.
NETWORK_CELLS = 1_000_000
SEASON = dt.timedelta(days=90)
# Fewer have no variogram, with some of them kept out or silent.
KRIGING_STATIONS = 12


def ranked(tasks: Sequence[TaskName], about: DatasetInfo, *, first: str = "") -> list[str]:
    """Models of some tasks that can be used on a dataset, the learned before the simple.

    Args:
        tasks: Which.
        about: The dataset's record.
        first: What stands before all; where it cannot be used, the first of `DEFAULTS` that can.
    """
    entries = [entry for entry in catalogue.MODELS.values() if entry.task in tasks]
    # The catalogue goes from the simple to the learned.
    fitting = [entry.name for entry in reversed(entries) if about.kind in entry.kinds]
    names = [name for name in fitting if usable(name, about)]
    default = next((n for n in (first, *DEFAULTS) if n in names and ready(n, about)), "")
    return sorted(names, key=lambda name: name != default)


def usable(model: str, about: DatasetInfo) -> bool:
    """Whether a model has what it needs to be run on a dataset of its kind."""
    if model in (*catalogue.NETWORKS, *SHIPPED):
        try:
            return (catalogue.weights_for(about, model) / "config.json").is_file()
        except EngineError:
            return False
    if model == "local-regression":
        years = about.train_end.year - about.start.year + 1 if about.train_end else 0
        return years >= LEAST_YEARS and _cells(about) <= MOST_CELLS
    return True


def ready(model: str, about: DatasetInfo) -> bool:
    """Whether a usable model is one to open a dataset with."""
    if model in catalogue.NETWORKS:
        return _cells(about) <= NETWORK_CELLS
    if model == "bicubic-ratio":
        return about.train_end is not None and about.train_end - about.start >= SEASON
    if model == "kriging":
        return about.shape.get("station", 0) >= KRIGING_STATIONS
    return True


def _cells(about: DatasetInfo) -> int:
    return about.shape["latitude"] * about.shape["longitude"]
