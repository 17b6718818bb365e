"""How well the other stations can predict a station: what a fit *at the station itself* gives.

A ridge regression and boosted trees are fitted to three years of the station's own readings, from
all other stations in the same and in nearby hours, their pollutants, the weather and the clock. No
reanalysis may do so, since at its stations nothing was ever measured: what is left of the error is
what the neighbours do not know. Beside it stand the best mixture of all models, its weights fitted
to the very hours it is scored on, and how much of the squared error lies in few hours.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV

from engine.core.results_page import fill, reached, table
from engine.research.aqnet.baselines import scores, shifted
from engine.research.aqnet.setup import Setup, Values, kept
from engine.stations.covariance import Network
from engine.training.weights_folder import identity
from engine.verify.metrics import score

LAGS = (-12, -6, -3, -2, -1, 1, 2, 3, 6, 12)
PENALTIES = (10.0, 100.0, 1000.0, 10000.0)
FEWEST = 0.01  # share of the hours: those with the largest errors
MODELS = ("ridge regression", "boosted trees", "mean of both")


def features(network: Network, seen: Sequence[int], base: Values) -> NDArray[np.float64]:
    """What the other stations say, relative to what is corrected, (time, feature); no gaps."""
    values = network.readings[:, list(seen)]
    now = np.where(np.isfinite(values), values, base[:, None]) - base[:, None]
    columns = [now, base[:, None]]
    columns += [shifted(now + base[:, None], lag) - base[:, None] for lag in LAGS]
    others = network.others[:, list(seen)].reshape(len(base), -1)
    valid = np.isfinite(others)
    count = valid.sum(0).clip(1)
    mean = np.where(valid, others, 0).sum(0) / count
    spread = np.sqrt(np.where(valid, (others - mean) ** 2, 0).sum(0) / count)
    columns.append((others - mean) / (spread + 1e-9))
    turn = 2 * np.pi * network.clock
    columns += [np.sin(turn), np.cos(turn)]
    found: NDArray[np.float64] = np.nan_to_num(np.concatenate(columns, 1))
    return found


def predicted_alone(
    network: Network, station: int, base: Values, end: int, *, trees: int = 250
) -> dict[str, NDArray[np.float32]]:
    """What models fitted to a station's own hours before `end` predict for it, each (time).

    Args:
        network: All stations.
        station: Which.
        base: What is corrected, (time); NaN where there is nothing to correct.
        end: Of what is learned from.
        trees: Number of boosted trees.
    """
    seen = [s for s in range(network.readings.shape[1]) if s != station]
    given = features(network, seen, base)
    target = network.readings[:, station] - base
    learned = np.flatnonzero(np.isfinite(target[:end]))
    mean, deviation = given[learned].mean(0), given[learned].std(0) + 1e-9
    normal = (given - mean) / deviation
    ridge = RidgeCV(PENALTIES).fit(normal[learned], target[learned])
    boosted = HistGradientBoostingRegressor(
        max_iter=trees,
        learning_rate=0.05,
        min_samples_leaf=60,
        l2_regularization=5.0,
        random_state=0,
    ).fit(given[learned], target[learned])
    found = [(base + model).clip(0) for model in (ridge.predict(normal), boosted.predict(given))]
    predicted = [*found, sum(found) / len(found)]
    return {name: values.astype(np.float32) for name, values in zip(MODELS, predicted, strict=True)}


def measure(
    known: Setup, stations: Sequence[int], base: Mapping[int, Values], target: Values
) -> dict[str, Any]:
    """Scores of fits at the stations themselves, over the hours of `target` (time, station)."""
    columns: dict[str, list[Values]] = {name: [] for name in MODELS}
    for station in stations:
        key = f"itself {identity(known.record.readings)[:16]} {station} {known.parts} {LAGS}"

        def make(station: int = station) -> dict[str, NDArray[np.float32]]:
            return predicted_alone(known.plain, station, base[station], known.parts.train)

        found = kept(key, make)
        for name in MODELS:
            columns[name].append(found[name][known.parts.test :])
    return {
        name: {"all": scores(target, np.stack(parts, 1))}
        | {
            known.names[s]: scores(target[:, i], parts[i])
            for i, s in enumerate(stations)
            if np.isfinite(target[:, i]).any()
        }
        for name, parts in columns.items()
    }


def mixture(target: Values, by_model: Mapping[str, Values]) -> dict[str, Any]:
    """The best weighted sum of all models, its weights from the hours it is scored on."""
    names = list(by_model)
    stack = np.stack([np.asarray(by_model[name], dtype=np.float64) for name in names], -1)
    known = np.isfinite(target)
    weight = np.linalg.lstsq(stack[known], target[known], rcond=None)[0]
    return {
        "rmse": score(stack[known] @ weight, target[known])["rmse"],
        "weights": {name: float(w) for name, w in zip(names, weight, strict=True)},
    }


def in_few_hours(target: Values, predicted: Values) -> float:
    """Share of the squared error that the worst hundredth of the readings holds."""
    square = ((predicted - target) ** 2)[np.isfinite(target)].astype(np.float64)
    worst = np.sort(square)[-max(int(len(square) * FEWEST), 1) :]
    return float(worst.sum() / square.sum())


def section(
    found: Mapping[str, Any], own: Mapping[str, Any], best: tuple[str, float], template: str
) -> str:
    """The part of the page on what the other stations can give.

    Args:
        found: `fits`, `mixture`, `few` as `engine.research.aqnet.page` gathers them.
        own: The network's scores over all stations.
        best: The best baseline and its RMSE.
        template: Of the part.
    """
    name, error = best
    fits = {n: m["all"] for n, m in found["fits"].items()}
    lowest, goal = min(m["rmse"] for m in fits.values()), 0.9 * error
    rows = [
        (name, f"{error:.2f}", ""),
        ("AQ-Net, without the station", f"{own['rmse']:.2f}", f"{own['mae']:.2f}"),
        *(
            (f"{n}, fitted at the station itself", f"{m['rmse']:.2f}", f"{m['mae']:.2f}")
            for n, m in fits.items()
        ),
        (
            "best mixture of all models above, weights from the hours scored",
            f"{found['mixture']['rmse']:.2f}",
            "",
        ),
    ]
    record = {
        "best": name,
        "goal": goal,
        "goal_reached": reached(-lowest, -goal),
        "lowest_gain": 1 - lowest / error,
        "share": (error - own["rmse"]) / (error - lowest),
        "goal_share": (error - goal) / (error - lowest),
        "mixture": found["mixture"]["rmse"],
        "few": found["few"],
    }
    return fill(template, record, {"fits": table(("µg/m³", "RMSE", "MAE"), rows)})
