"""Scores of AirSTFM and what it has to beat: by season, by region, by wavelength, and coverage.

One pass over the dates, one map of each model in memory at a time.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import cast

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import norm

from engine import library
from engine.core import dates as days
from engine.core import regions
from engine.core.progress import Progress, report
from engine.core.schema import grid_of
from engine.inference.catalogue import Model
from engine.inference.request import Request
from engine.inference.run import Run, open_run
from engine.superresolution.networks.regression import LocalRegression
from engine.superresolution.recipe import Classical
from engine.superresolution.recipe_airstfm import SEASONS, AirSTFMRecipe, season
from engine.verify.metrics import Sums, block_mean_difference, metrics, sums
from engine.verify.spectra import cell_km, spectrum

# Wavelengths in fine cells; a coarse cell is 8, so the coarse map holds nothing below 16.
BANDS = ((2, 4), (4, 8), (8, 16), (16, 64))
INTERVALS = (0.5, 0.9)
BASE = "what airstfm corrects"

Maps = NDArray[np.floating]
Cut = tuple[slice, slice]


@dataclass(frozen=True)
class Question:
    """What is to be scored.

    Attributes:
        dataset: Name in the library.
        models: Names in the catalogue, or `BASE`.
        start: First local date.
        end: Last local date.
        main: Region of the scores by season and by wavelength.
        also: Further regions, for the whole time only.
        train_end: Last date that models learn from which learn here; None: the dataset's own.
        every: One date of so many is scored.
    """

    dataset: str
    models: tuple[str, ...]
    start: dt.date
    end: dt.date
    main: str
    also: tuple[str, ...] = ()
    train_end: dt.date | None = None
    every: int = 1


@dataclass
class Tally:
    """What is added up for one model.

    Attributes:
        groups: Sums by season, "year" and region.
        inside: By the same, errors within each interval, and all there are.
        inconsistency: Largest difference of a block mean to the coarse map, ug m-3.
        power: Of the map, of the target and of their difference in each band.
        error: Sum of the errors of each cell of the main region, and of their squares.
    """

    groups: dict[str, Sums] = field(default_factory=dict)
    inside: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    inconsistency: float = 0.0
    power: NDArray[np.float64] = field(default_factory=lambda: np.zeros((3, len(BANDS))))
    error: NDArray[np.float64] | None = None
    dates: int = 0
    squares: list[float] = field(default_factory=list)
    """Mean squared error of each date in the main region."""


Answer = dict[str, object]


def ask(question: Question, progress: Progress | None = None) -> dict[str, Answer]:
    """The answer for each model: `year`, seasons and regions with metrics, and more.

    Raises:
        EngineError: If dataset, models and dates do not go together.
    """
    dataset = library.open_dataset(question.dataset)
    grid = grid_of(dataset)
    cuts = {
        name: grid.window(regions.resolve(name) or grid.bounds, factor=8)
        for name in (question.main, *question.also)
    }
    cell = cell_km(grid.crop(*cuts[question.main]))
    dates = days.between(dataset, question.start, question.end, name=question.dataset)
    dates = dates[:: question.every]
    found = {}
    for i, name in enumerate(question.models):
        run, tally = _run(question, name), Tally()
        for j, date in enumerate(dates):
            report(progress, None, (i + j / len(dates)) / len(question.models), f"{name} {date}")
            _add(tally, run.predict(date), date, cuts, question.main, cell)
        found[name] = _answer(tally)
    return found


def _run(question: Question, name: str) -> Run:
    """The model open on the whole grid; `BASE` is AirSTFM without its network."""
    request = Request(
        question.dataset,
        question.start,
        model="airstfm" if name == BASE else name,
        train_end=question.train_end,
    )
    run = open_run(request)
    if name != BASE:
        return run
    climatology = cast(AirSTFMRecipe, run.model.recipe).climatology
    if climatology is None:
        raise ValueError(f"AirSTFM corrects nothing on {question.dataset}")
    model = Model(
        Classical(),
        LocalRegression(climatology.climatology),
        run.model.weights,
        run.model.train_end,
    )
    return replace(run, model=model)


def _add(
    tally: Tally,
    result: xr.Dataset,
    date: dt.date,
    cuts: Mapping[str, Cut],
    main: str,
    cell: tuple[float, float],
) -> None:
    fine, target = result["pm2p5"].values[0], result["target"].values[0]
    scale = result["uncertainty"].values[0] if "uncertainty" in result else None
    for name, cut in cuts.items():
        found = sums(fine[cut], target[cut], np.isfinite(target[cut]))
        held = None if scale is None else _held(fine[cut] - target[cut], scale[cut])
        for group in (name, *(("year", SEASONS[season(date.month)]) if name == main else ())):
            tally.groups[group] = tally.groups.get(group, Sums()) + found
            if held is not None:
                tally.inside[group] = tally.inside.get(group, np.zeros_like(held)) + held
    worst = block_mean_difference(result["pm2p5"].values, result["coarse"].values)
    tally.inconsistency = max(tally.inconsistency, float(worst))
    cut = cuts[main]
    error = np.where(np.isfinite(target[cut]), fine[cut] - target[cut], np.nan)
    parts = (np.where(np.isfinite(error), fine[cut], np.nan), target[cut], error)
    tally.power += np.stack([_bands(part, cell) for part in parts])
    known = np.nan_to_num(error).astype(np.float64)
    both = np.stack((known, known**2, np.isfinite(error)))
    tally.error = both if tally.error is None else tally.error + both
    tally.dates += 1
    tally.squares.append(float(np.nanmean(error.astype(np.float64) ** 2)))


def _held(error: Maps, scale: Maps) -> NDArray[np.float64]:
    """How many errors lie within each interval, and how many there are."""
    away = np.abs(error / scale)[np.isfinite(error)]
    reach = [norm.ppf((1 + share) / 2) for share in INTERVALS]
    return np.array([*((away <= r).sum() for r in reach), away.size], np.float64)


def _bands(values: Maps, cell: tuple[float, float]) -> NDArray[np.float64]:
    """Power in each band."""
    found = spectrum(values, cell)
    cells = found.wavelength / (sum(cell) / 2)
    power = found.power * found.modes
    return np.array([power[(cells >= low) & (cells < high)].sum() for low, high in BANDS])


def _answer(tally: Tally) -> Answer:
    if tally.error is None:
        raise ValueError("no date was scored")
    answer: Answer = {name: _plain(metrics(total)) for name, total in tally.groups.items()}
    answer["dates"] = tally.dates
    answer["squares_of_dates"] = tally.squares
    answer["block_mean_difference"] = tally.inconsistency
    names = [f"{low}–{high}" for low, high in BANDS]
    ours, target, error = tally.power
    answer["power_over_target"] = dict(zip(names, (ours / target).tolist(), strict=True))
    answer["error_power_over_target"] = dict(zip(names, (error / target).tolist(), strict=True))
    if tally.inside:
        answer["coverage"] = {
            group: {f"{p:.0%}": s for p, s in zip(INTERVALS, held[:-1] / held[-1], strict=True)}
            for group, held in tally.inside.items()
        }
    total, squares, count = tally.error
    own = np.divide(total**2, count, out=np.zeros_like(total), where=count > 0)
    answer["rmse_without_each_cells_own_mean_error"] = float(
        np.sqrt((squares - own).sum() / count.sum())
    )
    return answer


def _plain(found: Mapping[str, float | int]) -> dict[str, float | int | None]:
    """JSON knows no NaN."""
    return {name: value if isfinite(value) else None for name, value in found.items()}
