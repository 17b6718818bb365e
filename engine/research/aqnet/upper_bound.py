"""How well the other stations can tell a station at all: what a fit *at the station itself* gives.

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

from engine.research.aqnet.baselines import scores, shifted
from engine.research.aqnet.setup import Setup, Values, kept
from engine.stations.covariance import Network
from engine.training.weights_folder import identity

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
    heard = np.isfinite(others)
    count = heard.sum(0).clip(1)
    mean = np.where(heard, others, 0).sum(0) / count
    spread = np.sqrt(np.where(heard, (others - mean) ** 2, 0).sum(0) / count)
    columns.append((others - mean) / (spread + 1e-9))
    turn = 2 * np.pi * network.clock
    columns += [np.sin(turn), np.cos(turn)]
    found: NDArray[np.float64] = np.nan_to_num(np.concatenate(columns, 1))
    return found


def told_by_itself(
    network: Network, station: int, base: Values, end: int, *, trees: int = 250
) -> dict[str, NDArray[np.float32]]:
    """What models fitted to a station's own hours before `end` tell of it, each (time).

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
    told = [*found, sum(found) / len(found)]
    return {name: values.astype(np.float32) for name, values in zip(MODELS, told, strict=True)}


def measure(
    known: Setup, stations: Sequence[int], base: Mapping[int, Values], target: Values
) -> dict[str, Any]:
    """Scores of fits at the stations themselves, over the hours of `target` (time, station)."""
    columns: dict[str, list[Values]] = {name: [] for name in MODELS}
    for station in stations:
        key = f"itself {identity(known.record.readings)[:16]} {station} {known.parts} {LAGS}"

        def make(station: int = station) -> dict[str, NDArray[np.float32]]:
            return told_by_itself(known.plain, station, base[station], known.parts.train)

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
        "rmse": float(np.sqrt(np.mean((stack[known] @ weight - target[known]) ** 2))),
        "weights": {name: float(w) for name, w in zip(names, weight, strict=True)},
    }


def in_few_hours(target: Values, told: Values) -> float:
    """Share of the squared error that the worst hundredth of the readings holds."""
    square = ((told - target) ** 2)[np.isfinite(target)].astype(np.float64)
    worst = np.sort(square)[-max(int(len(square) * FEWEST), 1) :]
    return float(worst.sum() / square.sum())


def section(found: Mapping[str, Any], own: Mapping[str, Any], best: tuple[str, float]) -> list[str]:
    """The part of the page that says why the goal is where it is.

    Args:
        found: `fits`, `mixture`, `few` as `engine.research.aqnet.page` gathers them.
        own: The network's scores over all stations.
        best: The best baseline and its RMSE.
    """
    fits = found["fits"]
    rows = [
        f"| {name}, fitted at the station itself | {m['all']['rmse']:.2f} | {m['all']['mae']:.2f} |"
        for name, m in fits.items()
    ]
    lowest = min(m["all"]["rmse"] for m in fits.values())
    goal = 0.9 * best[1]
    reach = "does not reach it either" if lowest > goal else "reaches it"
    share = (best[1] - own["rmse"]) / (best[1] - lowest)
    return [
        "### What the neighbours know",
        "",
        f"10 % below {best[0]} would be {goal:.2f} µg/m³. To see whether the other stations know "
        "so much, models were fitted to the station's *own* readings of the training part, which "
        "no reanalysis may do: from all other stations in the same hour and up to twelve hours "
        "before and after, their pollutants, the weather and the clock.",
        "",
        "| µg/m³ | RMSE | MAE |",
        "|---|---:|---:|",
        f"| {best[0]} | {best[1]:.2f} | |",
        f"| AQ-Net, which has never seen the station | {own['rmse']:.2f} | {own['mae']:.2f} |",
        *rows,
        f"| best mixture of all models above, weights from the hours scored "
        f"| {found['mixture']['rmse']:.2f} | |",
        "",
        f"The best fit at the station itself is {1 - lowest / best[1]:.1%} below {best[0]} and "
        f"{reach}. Of the way from {best[0]} to it the network, which has never seen the station, "
        f"goes {share:.0%}; the goal lies at {(best[1] - goal) / (best[1] - lowest):.0%} of it. "
        "The rest is knowledge of the station itself, which only its own record gives. Mixing "
        "the models gains little: their errors are the same ones. "
        f"{found['few']:.0%} of the network's squared error lies in one reading in a hundred.",
        "",
    ]
