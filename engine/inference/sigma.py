"""How detail is made and at which length: chosen at stations on earlier dates, or the default."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.core.progress import Progress
from engine.downscaling.choice import Choice, choose
from engine.downscaling.effective_resolution import candidate_sigmas
from engine.fusion.groups import squares
from engine.inference.fusing import Stations

if TYPE_CHECKING:
    from engine.inference.coarse_maps import Maps

SQUARE = 4.0  # degrees, of the units that decide
LEAST_YEARS = 1
CHOSEN_ON = 12  # of the earlier dates


@dataclass(frozen=True)
class Detail:
    """How detail is made.

    Attributes:
        method: "area", "ratio" or "climatology".
        sigma: Length below which the climatology speaks, degrees of latitude.
        note: Which, why, by how much, for the reader.
        choice: How it was chosen; None where it was not.
    """

    method: str
    sigma: float
    note: str
    choice: Choice | None = None


def choose_detail(
    maps: "Maps",
    stations: Stations | None,
    earlier: Sequence[dt.date],
    method: str,
    *,
    progress: Progress | None = None,
) -> Detail:
    """The method and its length.

    Without stations or earlier dates the default stands: the climatology's ratio at half a coarse
    cell where there is a climatology, else the map by area.
    """
    own = maps.smoothing
    if maps.coarse is None:
        return Detail("climatology", own, "Stations over the climatology of the month.")
    default = "area" if maps.climatology is None else "ratio"
    if stations is None or not earlier:
        taken = default if method == "auto" else method
        why = "no stations to choose by" if stations is None else "no earlier dates to choose by"
        return Detail(taken, own, f"{_words(taken, own)}: the default, as there are {why}.")
    candidates = {"area": [own]}
    if maps.climatology is not None:
        ladder = candidate_sigmas(own)
        candidates = {"area": [own], "ratio": list(ladder), "climatology": [own]}
    if method != "auto":
        candidates = {method: candidates[method]}
        default = method
    errors = {}
    for name, sigmas in candidates.items():
        for sigma in sigmas:
            detail = Detail(name, sigma, "")
            errors[f"{name} {sigma:.6g}"] = _errors(maps, stations, earlier, detail)
    first = f"{default} {own:.6g}"
    choice = choose(errors, first)
    taken, text = choice.name.split(" ")
    sigma = float(text)
    against = _words(*_parts(choice.runner_up))
    if choice.name == first:
        why = f"the default; nothing is shown to be better at {choice.units} squares of stations"
    else:
        why = (
            f"{choice.gain:.1%} ± {choice.gain_error:.1%} below {_words(*_parts(first))} at "
            f"{choice.units} squares of stations"
        )
    scored = f"; on squares that did not choose, RMSE {choice.rmse:.2f} µg/m³"
    return Detail(
        taken, sigma, f"{_words(taken, sigma)}: {why}{scored}; next best: {against}.", choice
    )


def _errors(
    maps: "Maps", stations: Stations, earlier: Sequence[dt.date], detail: Detail
) -> NDArray[np.float64]:
    """Mean squared error of each square of 4°, after one factor, over the last earlier dates."""
    days = list(earlier)[-CHOSEN_ON:]
    observed = stations.observed(days)
    made = np.stack([stations.at(maps.background(day, detail)) for day in days])
    known = np.isfinite(observed) & np.isfinite(made)
    factor = level(observed, made)
    error = np.where(known, (made + 1) * factor - 1 - observed, 0.0) ** 2
    group = squares(stations.latitude, stations.longitude, SQUARE)
    number = np.broadcast_to(group, error.shape)
    size = int(group.max()) + 1
    total = np.bincount(number.ravel(), weights=error.ravel(), minlength=size)
    count = np.bincount(number.ravel(), weights=known.ravel(), minlength=size)
    return np.asarray(total[count > 0] / count[count > 0])


def level(observed: NDArray[np.float64], made: NDArray[np.float64]) -> float:
    """One factor between what stations measured and what a map has there, of value plus one."""
    known = np.isfinite(observed) & np.isfinite(made)
    if not known.any():
        return 1.0
    return float(np.exp(np.mean(np.log(observed[known] + 1) - np.log(made[known] + 1))))


def _parts(name: str) -> tuple[str, float]:
    method, sigma = name.split(" ")
    return method, float(sigma)


def _words(method: str, sigma: float) -> str:
    if method == "ratio":
        return f"ratio of the climatology below {sigma:.2g}°"
    if method == "climatology":
        return "climatology alone"
    return "coarse map by area"
