"""Scores of models over a period: one date in memory at a time, sums added, metrics last."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite, nan

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine import library
from engine.core import dates as days
from engine.core.errors import EngineError, NotFoundError, RequestError
from engine.core.progress import Progress, Stop, part, report
from engine.inference.request import Request
from engine.inference.run import Run, open_run
from engine.verify.metrics import Sums, block_mean_difference, metrics, sums

Score = float | int | None
Scores = dict[str, Score | dict[str, dict[str, Score]]]

# Share of the work that opening and fitting the models is reported as.
_OPENING = 0.3


@dataclass
class _Tally:
    """What is added up for one model."""

    total: Sums = field(default_factory=Sums)
    by_lead: dict[int, Sums] = field(default_factory=dict)
    dates: int = 0
    in_training: int = 0
    inconsistency: float = nan
    trouble: EngineError | None = None


def evaluate(
    request: Request,
    models: Sequence[str],
    start: dt.date,
    end: dt.date,
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> dict[str, Scores]:
    """Scores of each model on the same pairs.

    Super-resolution is scored on all valid fine cells of the region. Reanalysis is scored at each
    station from the others. Forecasts start on each date and are scored where something was
    measured later, over all lead times together and under `lead_times` apart.

    Args:
        request: What to evaluate on; its date and model are not looked at.
        models: Names in the catalogue, all of one task.
        start: First local date.
        end: Last local date.
        progress: Called after each date.
        cancelled: Looked at before each date.

    Returns:
        For each model the metrics of `engine.verify.metrics.metrics`, None where one is not
        defined, and `dates`, `dates_in_training_period`, `training_end`, and for super-resolution
        `block_mean_difference`.

    Raises:
        EngineError: If a model, the dates or the region do not fit the dataset.
        Cancelled: If it was.
    """
    runs = _open(request, models, part(progress, 0.0, _OPENING), cancelled)
    dataset = library.open_dataset(request.dataset)
    dates = days.between(dataset, start, end, name=request.dataset)
    mean = _target_mean(runs[0], dates, cancelled)
    tallies = {run.entry.name: _Tally() for run in runs}
    for done, date in enumerate(dates):
        share = _OPENING + (1 - _OPENING) * done / len(dates)
        report(progress, cancelled, share, f"scoring {date.isoformat()}")
        for run in runs:
            _add(tallies[run.entry.name], run, date, mean)
    report(progress, cancelled, 1.0, "done")
    if not any(tally.total.n for tally in tallies.values()):
        trouble = next((t.trouble for t in tallies.values() if t.trouble), None)
        raise trouble or NotFoundError(
            "there is nothing to compare with in that period",
            where=request.dataset,
            remedy="Choose other dates; a forecast needs data after its date, a leave-one-out "
            "score needs several stations",
        )
    return {run.entry.name: _scores(tallies[run.entry.name], run) for run in runs}


def _open(
    request: Request, models: Sequence[str], progress: Progress | None, cancelled: Stop | None
) -> list[Run]:
    """A run for each model, all of one task."""
    runs: list[Run] = []
    for place, model in enumerate(dict.fromkeys(models)):
        share = part(progress, place / len(models), (place + 1) / len(models))
        runs.append(
            open_run(replace(request, model=model), maps=False, progress=share, cancelled=cancelled)
        )
    if not runs:
        raise RequestError("no model is named", remedy="Name one or more, for example copy,bicubic")
    tasks = {run.entry.task for run in runs}
    if len(tasks) > 1:
        raise RequestError(
            "models of different tasks cannot be compared: {tasks}",
            remedy="Evaluate one task at a time",
            tasks=tuple(sorted(tasks)),
        )
    return runs


def _add(tally: _Tally, run: Run, date: dt.date, mean: float) -> None:
    """Add the pairs of one date to a model's tally. A date without any is passed over."""
    try:
        result = run.predict(date)
    except (NotFoundError, RequestError) as trouble:
        # An hourly record has days with too few hours, and days with too few stations.
        tally.trouble = trouble
        return
    tally.dates += 1
    tally.in_training += int(result.attrs["in_training_period"])
    for lead, prediction, target in _pairs(result):
        valid = np.isfinite(target) & np.isfinite(prediction)
        if run.entry.task == "super-resolution":
            valid = np.isfinite(target)  # a hole in the prediction is an error, not a gap
        total = sums(prediction, target, valid, target_mean=mean)
        tally.total += total
        if lead:
            tally.by_lead[lead] = tally.by_lead.get(lead, Sums()) + total
    if "coarse" in result:
        worst = block_mean_difference(result["pm2p5"].values, result["coarse"].values)
        tally.inconsistency = float(np.fmax(tally.inconsistency, worst))


def _pairs(
    result: xr.Dataset,
) -> Iterator[tuple[int, NDArray[np.floating], NDArray[np.floating]]]:
    """Lead time (0: none), prediction and target of each comparable part of a result."""
    if "leave_one_out" in result:
        yield 0, result["leave_one_out"].values, result["observed"].values
    elif "lead_time" in result.dims:
        if "target" in result:
            # Several realizations are scored by their mean.
            mean = result["pm2p5"].mean("realization").values
            for step, target in enumerate(result["target"].values):
                yield step + 1, mean[step], target
    else:
        yield 0, result["pm2p5"].values, result["target"].values


def _target_mean(run: Run, dates: Sequence[dt.date], cancelled: Stop | None) -> float:
    """Mean of what predictions will be compared with, read before any model runs.

    The index of agreement needs it beforehand. For super-resolution it is exact. For stations and
    forecasts it is the mean of the series over the period, to which the pairs may not quite keep:
    the index is defined about any such mean.
    """
    total, count = 0.0, 0
    for date in dates:
        report(None, cancelled, 0.0, "")
        values = _observed(run, date)
        known = np.isfinite(values)
        total += float(values[known].sum(dtype=np.float64))
        count += int(known.sum())
    return total / count if count else nan


def _observed(run: Run, date: dt.date) -> NDArray[np.floating]:
    steps = days.positions(run.dataset, date, name=run.request.dataset)
    values = run.dataset["pm2p5"].isel(valid_time=steps)
    if run.window is not None:
        values = values.isel(latitude=run.window.rows, longitude=run.window.columns)
    readings: NDArray[np.floating] = values.values
    return readings


def _scores(tally: _Tally, run: Run) -> Scores:
    scores: Scores = dict(_plain(metrics(tally.total)))
    scores["dates"] = tally.dates
    scores["dates_in_training_period"] = tally.in_training
    if isfinite(tally.inconsistency):
        scores["block_mean_difference"] = tally.inconsistency
    if tally.by_lead:
        scores["lead_times"] = {
            str(lead): _plain(metrics(total)) for lead, total in sorted(tally.by_lead.items())
        }
    return scores


def _plain(values: Mapping[str, float | int]) -> dict[str, Score]:
    """JSON knows no NaN: what is not defined becomes null."""
    return {name: value if isfinite(value) else None for name, value in values.items()}
