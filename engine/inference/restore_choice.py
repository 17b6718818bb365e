"""Which model `auto` takes where block means are restored, or a map is made from stations alone.

The candidates learn from the first dates of the training part and are judged on its last ones. No
date after the training part is looked at. What is found is kept beside the library; that of the
demo ships.
"""

import datetime as dt
import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine import library
from engine.core import dates as days
from engine.core.errors import EngineError
from engine.core.files import write_atomic
from engine.core.paths import ASSETS, home
from engine.core.progress import Progress, Stop, report
from engine.core.task import TaskName
from engine.downscaling.choice import Choice, choose
from engine.fusion.groups import squares
from engine.inference import catalogue
from engine.inference.ranking import ready, usable
from engine.inference.request import Request
from engine.library import DatasetInfo

SHIPPED = ASSETS / "first" / "choices"
LEARNED = 0.75  # of the dates of the training part, to learn from; the others judge
JUDGED = 6  # dates, evenly among those that judge
LEAST_DATES = 8  # of the training part
MOST_CELLS = 4_000_000  # of a map; the default stands on larger ones
SECONDS = 60.0  # after which no further candidate is begun
REASONS = ("default", "better", "no dates", "too large")
NAN = float("nan")
SQUARE, BLOCKS = 4.0, 20  # units: squares of so many degrees, or of so many coarse cells if less


@dataclass(frozen=True)
class Taken:
    """What `auto` takes for a dataset.

    Attributes:
        model: Name in the catalogue.
        reason: "default" (nothing is shown to be better), "better", "no dates" (too few to judge
            on), "too large", or "unknown" (nobody has looked yet).
        choice: The numbers, where there are some.
        late: Candidates that were left out, as time was over.
    """

    model: str
    reason: str
    choice: Choice | None = None
    late: tuple[str, ...] = ()

    def as_record(self) -> dict[str, str | float | int]:
        """What a page says of it, for JSON: never a sentence."""
        found: dict[str, str | float | int] = {"method": self.model, "reason": self.reason}
        if self.choice is None:
            return found
        given = asdict(self.choice)
        given.pop("name")
        return found | {k: v for k, v in given.items() if v == v}


def fixed_default(about: DatasetInfo) -> str:
    """The model that stands before anything is measured: the simplest that uses what is known."""
    if about.kind == "stations":
        return "kriging" if ready("kriging", about) else "idw"
    if about.kind == "mobile":
        return "stepdiff" if usable("stepdiff", about) else "persistence"
    if usable("local-regression", about):
        return "local-regression"
    return "bicubic-ratio" if ready("bicubic-ratio", about) else "bicubic"


def known(about: DatasetInfo) -> Taken:
    """What was found before, else the fixed default with the reason "unknown"."""
    name = f"{_key(about)}.json"
    for path in (SHIPPED / name, home() / "choices" / name):
        found = _read(path)
        if found is not None and usable(found.model, about):
            return found
    return Taken(fixed_default(about), "unknown")


def find(
    about: DatasetInfo,
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
    seconds: float = SECONDS,
    folder: Path | None = None,
) -> Taken:
    """What was found before; else the candidates are judged, and what comes of it is kept.

    Args:
        about: The dataset's record.
        progress: Called after each candidate's date.
        cancelled: Looked at before each.
        seconds: After which no further candidate is begun.
        folder: Where the result is kept; the library's by default.

    Raises:
        EngineError: If the dataset cannot be read.
        Cancelled: If it was.
    """
    before = known(about)
    if before.reason != "unknown" and folder is None:
        return before
    found = _judged(about, progress, cancelled, seconds)
    if about.kind != "mobile":
        where = folder or home() / "choices"
        where.mkdir(parents=True, exist_ok=True)
        write_atomic(where / f"{_key(about)}.json", json.dumps(_plain(found), indent=1) + "\n")
    return found


def candidates(about: DatasetInfo) -> list[str]:
    """Models that can be used on a dataset, from the simple to the learned."""
    task: TaskName = "super-resolution" if about.kind == "grid" else "reanalysis"
    simple = ("bicubic", "bicubic-ratio", "local-regression", "idw", "kriging", "aqnet")
    names = [n for n, e in catalogue.MODELS.items() if e.task == task and about.kind in e.kinds]
    kept = [n for n in names if n in simple or n in catalogue.NETWORKS]
    # The networks last, the one of the project first among them: time may be over.
    order = [*simple, "airstfm", *catalogue.NETWORKS]
    return sorted((n for n in kept if usable(n, about) and ready(n, about)), key=order.index)


def _judged(
    about: DatasetInfo, progress: Progress | None, cancelled: Stop | None, seconds: float
) -> Taken:
    default = fixed_default(about)
    if about.kind == "mobile":
        return Taken(default, "default")
    learned, judged = _split(about)
    if not judged:
        return Taken(default, "no dates")
    if about.kind == "grid" and about.shape["latitude"] * about.shape["longitude"] > MOST_CELLS:
        return Taken(default, "too large")
    names = candidates(about)
    order = [default, *(n for n in names if n != default)]
    started, late = time.monotonic(), list[str]()
    errors: dict[str, NDArray[np.float64]] = {}
    for number, name in enumerate(order):
        if errors and time.monotonic() - started > seconds:
            late.append(name)
            continue
        report(progress, cancelled, number / len(order), name)
        made = _errors(about, name, learned, judged, cancelled)
        if made is not None:
            errors[name] = made
    report(progress, cancelled, 1.0, "done")
    if default not in errors:
        return Taken(default, "no dates")
    common = np.logical_and.reduce([np.isfinite(e) for e in errors.values()])
    choice = choose({name: e[common] for name, e in errors.items()}, default)
    reason = "default" if choice.name == default else "better"
    return Taken(choice.name, reason, choice, tuple(late))


def _split(about: DatasetInfo) -> tuple[dt.date | None, list[dt.date]]:
    """Last date to learn from, and those that judge: all of the training part."""
    if about.train_end is None:
        return None, []
    every = np.unique(days.local_dates(library.open_dataset(about.name)))
    every = every[every <= np.datetime64(about.train_end)]
    if every.size < LEAST_DATES:
        return None, []
    cut = int(LEARNED * every.size)
    last = every[cut:]
    places = np.unique(np.linspace(0, last.size - 1, min(JUDGED, last.size)).round().astype(int))
    return every[cut - 1].item(), [day.item() for day in last[places]]


def _errors(
    about: DatasetInfo,
    name: str,
    learned: dt.date | None,
    judged: Sequence[dt.date],
    cancelled: Stop | None,
) -> NDArray[np.float64] | None:
    """Mean squared error of each unit; None for a model that fails or knows these dates."""
    from engine.inference.run import open_run

    try:
        run = open_run(
            Request(about.name, judged[0], model=name, train_end=learned),
            maps=False,
            cancelled=cancelled,
        )
        total: NDArray[np.floating] | None = None
        count: NDArray[np.floating] | None = None
        for day in judged:
            report(None, cancelled, 0.0, name)
            answer = run.predict(day)
            if answer.attrs.get("in_training_period"):
                return None
            sums, number = _by_unit(answer)
            total = sums if total is None else total + sums
            count = number if count is None else count + number
    except EngineError:
        return None
    if total is None or count is None:
        return None
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan), np.float64)


def _by_unit(answer: xr.Dataset) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Sum of squared errors and number of pairs of each unit."""
    if "leave_one_out" in answer:
        error = (answer["leave_one_out"] - answer["observed"]).values[0].astype(np.float64)
        lat, lon = answer["station_latitude"].values, answer["station_longitude"].values
        side = SQUARE
    else:
        error = answer["error"].values[0].astype(np.float64)
        lat, lon = (
            axis.ravel()
            for axis in np.meshgrid(
                answer["latitude"].values, answer["longitude"].values, indexing="ij"
            )
        )
        coarse = answer["coarse_latitude"].values
        cell = abs(float(coarse[1] - coarse[0])) if coarse.size > 1 else SQUARE
        side = min(SQUARE, BLOCKS * cell)
    unit = squares(np.asarray(lat, float), np.asarray(lon, float), side)
    there = np.isfinite(error.ravel())
    squared = np.where(there, error.ravel(), 0.0) ** 2
    sums = np.bincount(unit, weights=squared).astype(np.float64)
    return sums, np.bincount(unit, weights=there.astype(np.float64)).astype(np.float64)


def _key(about: DatasetInfo) -> str:
    """Everything that decides: data, training part, candidates with their weights, version."""
    parts = [about.checksum, str(about.train_end), version("airlens")]
    for name in candidates(about):
        entry = catalogue.find(name)
        parts.append(f"{name} {entry.version} {_weights(about, name)}")
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:32]


def _weights(about: DatasetInfo, name: str) -> str:
    """What distinguishes one set of weights from another without reading it whole."""
    if name not in catalogue.NETWORKS and name != "aqnet":
        return ""
    folder = catalogue.weights_for(about, name)
    return hashlib.sha256((folder / "config.json").read_bytes()).hexdigest()


def _plain(taken: Taken) -> dict[str, object]:
    numbers = None
    if taken.choice is not None:
        given = asdict(taken.choice)
        numbers = {k: None if v != v else v for k, v in given.items()}
    return {
        "model": taken.model,
        "reason": taken.reason,
        "choice": numbers,
        "late": list(taken.late),
    }


def _read(path: Path) -> Taken | None:
    """A kept choice; None where there is none or it is damaged, which costs a new one."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        numbers = given["choice"]
        choice = None
        if numbers is not None:
            filled: dict[str, Any] = {k: NAN if v is None else v for k, v in numbers.items()}
            choice = Choice(**filled)
            numeric = (choice.gain, choice.gain_error, choice.units, choice.rmse)
            named = (choice.name, choice.default, choice.runner_up)
            if not all(isinstance(v, float | int) for v in numeric):
                return None
            if not all(name in catalogue.MODELS for name in named):
                return None
        if given["model"] not in catalogue.MODELS or given["reason"] not in REASONS:
            return None
        return Taken(given["model"], str(given["reason"]), choice, tuple(given["late"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def sentence(taken: Taken) -> str:
    """Which model, why, by how much, and the runner-up, for the command line."""
    if taken.choice is None:
        why = {
            "no dates": "the training part has too few dates to choose by",
            "too large": "the map is too large to judge the candidates on",
        }.get(taken.reason, "nothing was measured")
        return f"auto takes {taken.model}: the default; {why}."
    choice = taken.choice
    if taken.reason == "better":
        why = f"{choice.gain:.1%} ± {choice.gain_error:.1%} below {choice.default}"
    else:
        why = "the default; nothing is shown to be better"
    late = f"; not judged in time: {', '.join(taken.late)}" if taken.late else ""
    return (
        f"auto takes {taken.model}: {why} in {choice.units} blocks, on dates that taught nothing; "
        f"RMSE {choice.rmse:.2f} µg/m³; next best: {choice.runner_up}{late}."
    )
