"""What a practitioner would try before a network: distances, kriging, boosted trees.

Each predicts one station from the others in the same hours, for all hours at once. `seen` are the
stations that may be looked at, in each hour those of them that have a reading.

Kriging here has one covariance for the whole record, fitted to the training part, so that an hour
costs one small system of equations; the catalogue's `kriging` fits a variogram to each date with
PyKrige. A test holds the two against each other.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor

from engine.core.covariance import Covariance
from engine.stations.covariance import NUGGET_FLOOR, Network, Values
from engine.stations.networks.kriging_solver import kriging_weights
from engine.verify.metrics import score_valid

AT_ONCE = 4000  # hours whose systems are in memory together
NEIGHBOURS = 6
NO_STATION_KM = 1e4
LAGS = (-6, -3, -2, -1, 1, 2, 3, 6)


def inverse_distance(
    network: Network, station: int, seen: Sequence[int], exponent: float
) -> Values:
    """Mean of the readings, weighted by a power of inverse distance, (time)."""
    return weighted(network.readings[:, list(seen)], network.distance(station, seen) ** -exponent)


def weighted(values: Values, weight: Values) -> Values:
    """Weighted mean along the last axis over what is there; NaN where nothing is."""
    valid = np.isfinite(values)
    total = (valid * weight).sum(-1)
    mean = np.where(valid, values, 0) * weight
    result: Values = np.divide(
        mean.sum(-1), total, out=np.full(total.shape, np.nan), where=total > 0
    )
    return result


def kriging(
    network: Network,
    station: int,
    seen: Sequence[int],
    covariance: Covariance,
    lags: Sequence[int] = (0,),
) -> Values:
    """Ordinary kriging from the readings at some lags, (time); NaN where there is none.

    With `lags` beyond 0 this is space-time kriging with a separable covariance.
    """
    of, lag = (a.ravel() for a in np.meshgrid(np.arange(len(seen)), lags, indexing="ij"))
    places = network.places[list(seen)][of]
    km = np.linalg.norm(places[:, None] - places[None], axis=-1)
    inner = covariance.between(km, (lag[:, None] - lag[None]).astype(float))
    # The noise of a station stays with it from hour to hour.
    same = of[:, None] == of[None]
    inner = inner + covariance.nugget * same * covariance.between(
        np.zeros_like(km), (lag[:, None] - lag[None]).astype(float)
    )
    inner[np.diag_indices_from(inner)] += NUGGET_FLOOR
    outer = covariance.between(
        np.linalg.norm(places - network.places[station], axis=1), lag.astype(float)
    )
    shown = np.stack([shifted(network.readings[:, list(seen)], step) for step in lags], -1)
    shown = shown.reshape(len(network.readings), -1)  # (time, station × lag), as `of` and `lag`
    parts = [
        _solve(inner, outer, some) for some in np.array_split(shown, -(-len(shown) // AT_ONCE))
    ]
    return np.concatenate(parts)


def _solve(inner: Values, outer: Values, shown: Values) -> Values:
    """One system for all hours with the same gaps."""
    valid, which = np.unique(np.isfinite(shown), axis=0, return_inverse=True)
    weights = kriging_weights(
        torch.from_numpy(inner).expand(len(valid), -1, -1),
        torch.from_numpy(outer).expand(len(valid), -1),
        torch.from_numpy(valid),
        0.0,
    ).numpy()[which.ravel()]
    predicted = (weights * np.nan_to_num(shown)).sum(1)
    result: Values = np.where(np.isfinite(shown).any(1), predicted.clip(0), np.nan)
    return result


def shifted(values: Values, lag: int) -> Values:
    """Values `lag` steps later at each step, NaN beyond the ends."""
    moved: Values = np.full_like(values, np.nan)
    if lag >= 0:
        moved[: len(values) - lag] = values[lag:]
    else:
        moved[-lag:] = values[:lag]
    return moved


def tree_features(network: Network, station: int, seen: Sequence[int]) -> Values:
    """What boosted trees are given for a station, (time, feature); the first is inverse distance.

    The nearest readings relative to it and where they were measured, its own past and future, the
    slope of the field, the spread, all other variables and the time.
    """
    seen = list(seen)
    values, away = network.readings[:, seen], network.distance(station, seen)
    base = weighted(values, away**-2.0)
    columns = [base]
    columns += [weighted(values, away**-p) - base for p in (1.0, 3.0)]
    columns += [shifted(base, lag) - base for lag in LAGS]
    offset = network.places[seen] - network.places[station]
    for n in np.argsort(away)[:NEIGHBOURS]:
        columns += [values[:, n] - base]
        columns += [np.full(len(base), x) for x in (away[n], *offset[n])]
    # Where there are too few: stations too far to matter, which say what the others say.
    for _ in range(NEIGHBOURS - min(NEIGHBOURS, len(seen))):
        columns += [np.full(len(base), x) for x in (0, NO_STATION_KM, 0, 0)]
    filled = np.where(np.isfinite(values), values, base[:, None])
    plane = np.column_stack([np.ones(len(seen)), offset])
    columns += list(np.linalg.lstsq(plane, np.nan_to_num(filled).T, rcond=None)[0])
    columns.append(filled.std(1))
    weight = away**-2.0
    columns += [weighted(plane_.T, weight) for plane_ in network.others[:, seen].transpose(2, 1, 0)]
    columns += list(network.clock.T)
    features: Values = np.stack(columns, 1)
    return features


def boosted_trees(
    network: Network,
    hidden: Sequence[int],
    end: int,
    *,
    share: int = 6,
    trees: int = 300,
    seed: int = 0,
    predicted_from: Sequence[int] | None = None,
) -> Values:
    """Predictions of boosted trees at hidden stations, (time, hidden).

    They learn what to add to inverse distance at stations that are not hidden, from every
    `share`-th of the hours before `end`, drawn at random. Each hidden station is predicted from the
    stations `predicted_from`; None: from all others.
    """
    everyone = range(network.readings.shape[1])
    known = [s for s in everyone if s not in hidden]
    random = np.random.default_rng(seed)
    rows, targets = [], []
    for station in known:
        some = np.sort(random.choice(end, end // share, replace=False))
        features = tree_features(network, station, [s for s in known if s != station])[some]
        target = network.readings[some, station] - features[:, 0]
        predicted = np.isfinite(target)
        rows.append(features[predicted])
        targets.append(target[predicted])
    model = HistGradientBoostingRegressor(
        max_iter=trees,
        learning_rate=0.05,
        min_samples_leaf=60,
        l2_regularization=5.0,
        random_state=seed,
    ).fit(np.concatenate(rows), np.concatenate(targets))
    answers = []
    for station in hidden:
        seen = predicted_from or [s for s in everyone if s != station]
        features = tree_features(network, station, seen)
        answers.append((features[:, 0] + model.predict(features)).clip(0))
    return np.stack(answers, 1)


def scores(target: NDArray[np.floating], predicted: NDArray[np.floating]) -> dict[str, float]:
    """RMSE and MAE in ug m-3, R², and the number of pairs, over what both have."""
    found = score_valid(predicted, target)
    return {name: found[name] for name in ("rmse", "mae", "determination", "n")}
