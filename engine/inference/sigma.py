"""How detail is made and at which length: chosen at stations on earlier dates, or the default."""

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import EngineError
from engine.core.progress import Progress
from engine.downscaling.choice import LEAST_UNITS, Choice, choose
from engine.downscaling.effective_resolution import candidate_sigmas
from engine.fusion.groups import squares
from engine.inference.fusing import Stations

if TYPE_CHECKING:
    from engine.inference.coarse_maps import Maps

SQUARE = 4.0  # degrees, of the units that decide
LEAST_YEARS = 1
CHOSEN_ON = 12  # of the earlier dates
SECONDS = 60.0  # after which no further network is judged


@dataclass(frozen=True)
class Detail:
    """How detail is made.

    Attributes:
        method: "area", "ratio" or "climatology".
        sigma: Length below which the climatology speaks, degrees of latitude.
        note: Which, why, by how much, for the reader.
        choice: How it was chosen; None where it was not.
        reason: "named", "climatology" (it stands for the coarse map), "no stations", "no dates",
            "default" (nothing is shown to be better) or "better".
    """

    method: str
    sigma: float
    note: str
    choice: Choice | None = None
    reason: str = ""

    def as_record(self) -> dict[str, str | float | int]:
        """What a page says of it, for JSON: never a sentence."""
        found: dict[str, str | float | int] = {
            "method": self.method,
            "sigma": round(self.sigma, 4),
            "reason": self.reason,
        }
        if self.choice is None:
            return found
        default, _ = _parts(self.choice.default)
        runner_up, _ = _parts(self.choice.runner_up)
        numbers = {
            "gain": self.choice.gain,
            "gain_error": self.choice.gain_error,
            "rmse": self.choice.rmse,
        }
        known = {k: round(v, 4) for k, v in numbers.items() if np.isfinite(v)}
        return (
            found
            | known
            | {
                "units": self.choice.units,
                "default": default,
                "runner_up": runner_up,
            }
        )


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
        note = "Stations over the climatology of the month."
        return Detail("climatology", own, note, reason="climatology")
    default = "area" if maps.climatology is None else "ratio"
    if stations is None or not earlier:
        taken = default if method == "auto" else method
        why = "no stations to choose by" if stations is None else "no earlier dates to choose by"
        note = f"{_words(taken, own)}: the default, as there are {why}."
        reason = "no stations" if stations is None else "no dates"
        return Detail(taken, own, note, reason=reason if method == "auto" else "named")
    candidates = _candidates(maps)
    if method != "auto":
        candidates = {method: candidates[method]}
        default = method
    errors = {}
    for name, sigmas in candidates.items():
        for sigma in sigmas:
            detail = Detail(name, sigma, "")
            errors[f"{name} {sigma:.6g}"] = _errors(maps, stations, earlier, detail)
    if method == "auto":
        errors |= _networks(maps, stations, earlier, len(next(iter(errors.values()))))
    first = f"{default} {own:.6g}"
    choice = choose(errors, first)
    taken, sigma = _parts(choice.name)
    reason = "named" if method != "auto" else "default" if choice.name == first else "better"
    return Detail(taken, sigma, _said(choice, first), choice, reason)


def _candidates(maps: "Maps") -> dict[str, list[float]]:
    """Methods without a network, each with its lengths."""
    own = maps.smoothing
    found = {"area": [own]}
    if maps.elevation is not None:
        found["topographic"] = [own]
    if maps.climatology is not None:
        found |= {"ratio": list(candidate_sigmas(own)), "climatology": [own]}
    return found


def _said(choice: Choice, first: str) -> str:
    """The choice in one line: which, why, by how much, the runner-up."""
    if choice.name == first:
        why = f"the default; nothing is shown to be better at {choice.units} squares of stations"
    else:
        why = (
            f"{choice.gain:.1%} ± {choice.gain_error:.1%} below {_words(*_parts(first))} at "
            f"{choice.units} squares of stations"
        )
    scored = f"; on squares that did not choose, RMSE {choice.rmse:.2f} µg/m³"
    against = _words(*_parts(choice.runner_up))
    return f"{_words(*_parts(choice.name))}: {why}{scored}; next best: {against}."


def _networks(
    maps: "Maps", stations: Stations, earlier: Sequence[dt.date], units: int
) -> dict[str, NDArray[np.float64]]:
    """Errors of the networks that suit the grid; none with too few units for any to be taken."""
    if units < LEAST_UNITS:
        return {}
    from engine.inference.network_detail import candidates  # torch takes seconds to load

    errors, started = {}, time.monotonic()
    for name in candidates(maps):
        if time.monotonic() - started > SECONDS:
            break
        try:
            found = _errors(maps, stations, earlier, Detail(name, maps.smoothing, ""))
        except EngineError:  # no weights, or the record is too short for them
            continue
        if len(found) == units:
            errors[f"{name} {maps.smoothing:.6g}"] = found
    return errors


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
    names = {
        "climatology": "climatology alone",
        "area": "coarse map by area",
        "topographic": "height of the land",
    }
    return names.get(method, method)
