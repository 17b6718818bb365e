"""What else was tried against the error at hidden stations, each as a small experiment.

`python -m engine.research.aqnet.experiments` writes `docs/results/aqnet-probes.json`; the page
predicts for it. Beijing's twelve stations, hours and folds are those of
`engine.research.aqnet.page`. Rows that use what no reanalysis may know (a station's own level, its
own record) are bounds and are called so. A PM2.5 monitor that fails while the analysers beside it
run is another task, with rows of its own.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV

from engine import library
from engine.core.covariance import Covariance
from engine.core.errors import EngineError, NotFoundError
from engine.core.files import atomic_file
from engine.core.variables import WIND
from engine.research.aqnet import page, splits
from engine.research.aqnet.baselines import inverse_distance, kriging, scores, shifted, weighted
from engine.research.aqnet.probes_table import FILE
from engine.research.aqnet.setup import Setup, Values, kept, setup, shape_without
from engine.stations.covariance import Network, fit_covariance
from engine.stations.networks.kriging_solver import kriging_weights
from engine.stations.networks.neighbourhood import nearest
from engine.stations.networks.reanalysis import Reanalysis
from engine.stations.record import LOGARITHMIC, estimate
from engine.training.weights_folder import identity

CLIMATE, CLIMATE_END = "wustl", "2012-12-31"  # before the stations' first reading
PENALTIES = (1e3, 1e4, 1e5, 1e6)
CALM = 1.0  # m s-1: about half of the hours are calmer
LEVELS = (35.0, 80.0, 150.0)  # ug m-3
Rows = dict[str, dict[str, float]]
Change = Callable[[Values], Values]
Way = Callable[[Setup, Sequence[int], Sequence[int]], Values]


def every_station(known: Setup, way: Way, name: str) -> Values:
    """What a way of telling gives for each station from all others, (time, station); kept."""
    columns = np.full(known.plain.readings.shape, np.nan)
    for names in page.FOLDS:
        hidden = [known.names.index(n) for n in names]
        seen = [s for s in range(len(known.names)) if s not in hidden]
        text = f"probe {name} {identity(known.record.readings)[:16]} {hidden} {known.parts}"

        def make(
            hidden: list[int] = hidden, seen: list[int] = seen
        ) -> dict[str, NDArray[np.float32]]:
            return {"predicted": way(known, hidden, seen).astype(np.float32)}

        columns[:, hidden] = kept(text, make)["predicted"]
    return columns


def others_of(known: Setup, station: int) -> list[int]:
    """All stations but one."""
    return [s for s in range(len(known.names)) if s != station]


def transformed(to: Change, back: Change) -> Way:
    """Kriging of something else than the readings."""

    def way(known: Setup, hidden: Sequence[int], seen: Sequence[int]) -> Values:
        net = replace(
            known.plain, readings=to(np.maximum(known.plain.readings, 2.0)).astype(np.float64)
        )
        covariance = fit_covariance(net, seen, known.parts.train)
        return np.stack([back(kriging(net, s, others_of(known, s), covariance)) for s in hidden], 1)

    return way


def by_regime(classes: NDArray[np.integer]) -> Way:
    """Ordinary kriging with a covariance of its own for each class of hours."""

    def way(known: Setup, hidden: Sequence[int], seen: Sequence[int]) -> Values:
        found = np.full((len(classes), len(hidden)), np.nan)
        for one in np.unique(classes):
            of_it = classes == one
            only = np.where(of_it[:, None], known.plain.readings, np.nan)
            net = replace(known.plain, readings=only)
            covariance = fit_covariance(net, seen, known.parts.train, most_lag=0)
            for i, s in enumerate(hidden):
                predicted = kriging(net, s, others_of(known, s), covariance)
                found[of_it, i] = predicted[of_it]
        return found

    return way


def over_climate(level: Values, power: float) -> Way:
    """Ordinary kriging of readings over a power of each place's level in years before."""

    def way(known: Setup, hidden: Sequence[int], seen: Sequence[int]) -> Values:
        share = (level / level.mean()) ** power
        net = replace(known.plain, readings=known.plain.readings / share)
        covariance = fit_covariance(net, seen, known.parts.train)
        return np.stack(
            [kriging(net, s, others_of(known, s), covariance) * share[s] for s in hidden], 1
        )

    return way


def carried_by(wind: bool) -> Way:
    """Kriging with the covariance of `advected_kriging`, with the wind or without it."""

    def way(known: Setup, hidden: Sequence[int], seen: Sequence[int]) -> Values:
        record = known.record if wind else replace(known.record, blown=None)
        shape, _ = shape_without(replace(known, record=record), hidden)
        near = nearest(record.places, record.places, shape.neighbours, themselves=True)
        times = torch.arange(known.parts.test, len(record.readings))
        chosen = torch.tensor(list(hidden))
        with torch.inference_mode():
            found = estimate(
                Reanalysis(shape).eval(), record, times, near[chosen], record.places[chosen]
            )
        predicted = np.full((len(record.readings), len(hidden)), np.nan)
        predicted[known.parts.test :] = found.interpolated.reshape(len(times), -1).numpy()
        return predicted

    return way


def own_weights(lags: Sequence[int]) -> Way:
    """A bound: the best constant weights of all others, fitted at the station itself."""

    def way(known: Setup, hidden: Sequence[int], seen: Sequence[int]) -> Values:
        base = page_base(known)
        filled = np.where(np.isfinite(known.plain.readings), known.plain.readings, base)
        columns = []
        for s in hidden:
            away = [shifted(filled[:, others_of(known, s)], lag) - base[:, [s]] for lag in lags]
            given = np.concatenate(away, 1)
            target = known.plain.readings[:, s] - base[:, s]
            there = np.isfinite(target) & np.isfinite(given).all(1)
            learned = there & (np.arange(len(target)) < known.parts.train)
            model = RidgeCV(PENALTIES, fit_intercept=False).fit(given[learned], target[learned])
            columns.append(base[:, s] + model.predict(np.nan_to_num(given)))
        return np.stack(columns, 1)

    return way


def own_level(by_hour: bool) -> Way:
    """A bound: kriging times the ratio that its own past, by hour of the day, would set right."""

    def way(known: Setup, hidden: Sequence[int], seen: Sequence[int]) -> Values:
        base = page_base(known)
        hour = np.round(known.plain.clock[:, 0] * 24).astype(int) % 24 * by_hour
        predicted = base[:, list(hidden)].copy()
        past = np.arange(len(base)) < known.parts.train
        for i, s in enumerate(hidden):
            both = past & np.isfinite(known.plain.readings[:, s]) & np.isfinite(base[:, s])
            for one in np.unique(hour):
                some = both & (hour == one)
                ratio = known.plain.readings[some, s].sum() / base[some, s].sum()
                predicted[hour == one, i] *= ratio
        return predicted

    return way


def page_base(known: Setup) -> Values:
    """Space-time kriging of every station, (time, station)."""
    whole = np.full(known.plain.readings.shape, np.nan)
    for names in page.FOLDS:
        hidden = [known.names.index(n) for n in names]
        whole[:, hidden] = page.baselines(known, names)["space-time kriging"]
    return whole


def beside_its_gases(known: Setup, hidden: Sequence[int], seen: Sequence[int]) -> Values:
    """Another task: the PM2.5 monitor fails, the analysers beside it run.

    Boosted trees learn at the other stations what a station's own gases and PM10, relative to those
    around, add to kriging of PM2.5. They have never seen a PM2.5 reading of the station.
    """
    covariance = fit_covariance(known.plain, seen, known.parts.train)
    random = np.random.default_rng(0)
    end = known.parts.train
    rows, targets = [], []
    for s in seen:
        some = np.sort(random.choice(end, end // 6, replace=False))
        given = _gases(known, s, [o for o in seen if o != s], covariance)
        target = known.plain.readings[:, s] - given[:, 0]
        some = some[np.isfinite(target[some])]
        rows.append(given[some])
        targets.append(target[some])
    model = HistGradientBoostingRegressor(
        max_iter=300, learning_rate=0.05, min_samples_leaf=60, l2_regularization=5, random_state=0
    ).fit(np.concatenate(rows), np.concatenate(targets))
    predicted = []
    for s in hidden:
        given = _gases(known, s, others_of(known, s), covariance)
        predicted.append((given[:, 0] + model.predict(given)).clip(0))
    return np.stack(predicted, 1)


def _gases(known: Setup, station: int, seen: Sequence[int], covariance: Covariance) -> Values:
    """Kriging, the station's own other pollutants relative to those around, weather and clock."""
    net = known.plain
    base = kriging(net, station, seen, covariance)
    columns = [base, inverse_distance(net, station, seen, 3) - base]
    weight = net.distance(station, seen) ** -2.0
    for n, name in enumerate(known.others):
        around = weighted(net.others[:, list(seen), n], weight)
        if name in LOGARITHMIC:
            columns += [net.others[:, station, n], net.others[:, station, n] - around]
        else:
            columns.append(around)
    found: Values = np.column_stack([*columns, net.clock])
    return found


def climate_of(known: Setup) -> Values | None:
    """Mean of the satellites' PM2.5 in years before the record, (station); None: not imported.

    The product is fused with monitors; there were none of these before 2013.
    """
    try:
        maps = library.open_dataset(CLIMATE)["pm2p5"].sel(valid_time=slice(None, CLIMATE_END))
    except NotFoundError:
        return None
    places = known.record.places.numpy()
    west, east = places[:, 1].min() - 0.5, places[:, 1].max() + 0.5
    south, north = places[:, 0].min() - 0.5, places[:, 0].max() + 0.5
    inside = (
        (maps["latitude"] > south)
        & (maps["latitude"] < north)
        & (maps["longitude"] > west)
        & (maps["longitude"] < east)
    )
    near = maps.where(inside, drop=True).mean("valid_time").sortby("latitude").load()
    at: Values = near.interp(
        latitude=xr.DataArray(places[:, 0], dims="station"),
        longitude=xr.DataArray(places[:, 1], dims="station"),
    ).values
    return at


def beijing() -> dict[str, Rows]:
    """All experiments on Beijing's stations: name of the table → row → scores."""
    known = page.beijing()
    clock, others = known.plain.clock, known.plain.others
    u, v = (np.nanmean(others[..., known.others.index(n)], 1) for n in WIND)
    windy = (np.hypot(np.nan_to_num(u), np.nan_to_num(v)) > CALM).astype(int)
    season = (clock[:, 1] * 4).astype(int).clip(0, 3)
    seen_level = np.digitize(np.nanmean(known.plain.readings, 1), LEVELS)
    ways: dict[str, dict[str, Way]] = {
        "kriging": {
            "of readings": transformed(lambda x: x, lambda x: x),
            "of square roots": transformed(np.sqrt, np.square),
            "of logarithms": transformed(np.log, np.exp),
            "one covariance a season": by_regime(season),
            "one covariance for calm, one for wind": by_regime(windy),
            "one covariance a level": by_regime(seen_level),
            "two scales in time, without wind": carried_by(wind=False),
            "carried with the wind": carried_by(wind=True),
        },
        "bounds": {
            "own weights of the same hour": own_weights((0,)),
            "own weights, an hour before and after": own_weights((-1, 0, 1)),
            "own weights, six hours before and after": own_weights((-6, -3, -2, -1, 0, 1, 2, 3, 6)),
            "own level": own_level(by_hour=False),
            "own level by hour of the day": own_level(by_hour=True),
        },
        "gap filling": {"its own gases and PM10 known": beside_its_gases},
    }
    if (level := climate_of(known)) is not None:
        for power in (0.5, 1.0):
            name = f"over the satellites' level of 1998 to 2012, power {power:g}"
            ways["kriging"][name] = over_climate(level, power)
    base = page_base(known)
    target = known.plain.readings.copy()
    predicted = {
        table: {name: every_station(known, way, f"{table} {name}") for name, way in rows.items()}
        for table, rows in ways.items()
    }
    everyone = [base, *(values for rows in predicted.values() for values in rows.values())]
    target[~np.isfinite(np.stack(everyone)).all(0)] = np.nan
    test = slice(known.parts.test, None)
    first = {"space-time kriging": scores(target[test], base[test])}
    return {"reference": first} | {
        table: {name: scores(target[test], values[test]) for name, values in rows.items()}
        for table, rows in predicted.items()
    }


def cities() -> dict[str, Rows]:
    """Kriging of a country from so many nearest cities, with and without the whole's level."""
    known = setup("city-daily")
    found: dict[str, Rows] = {}
    parts = {"calibration": slice(*known.parts.calibrate), "test": slice(known.parts.test, None)}
    for name in ("cities-far", "cities-chance"):
        hidden = splits.hidden_of(known, splits.SPLITS[name])
        seen = [s for s in range(len(known.names)) if s not in hidden]
        for words, net, back in (
            ("readings", known.plain, lambda x: x),
            ("logarithms", known.plain.logarithms(), np.exp),
        ):
            reach = fit_covariance(net, seen, known.parts.train)
            inner = reach.between(
                np.linalg.norm(net.places[seen][:, None] - net.places[seen][None], axis=-1),
                np.zeros(1),
            ) + reach.nugget * np.eye(len(seen))
            for count in (12, 24, 48, 96, len(seen)):
                for levelled in (False, True):
                    predicted = back(_of_nearest(net, hidden, seen, inner, reach, count, levelled))
                    row = f"{words}, {count} nearest" + ", level of all" * levelled
                    for part, some in parts.items():
                        target = known.plain.readings[some][:, hidden]
                        found.setdefault(f"{name}, {part}", {})[row] = scores(
                            target, predicted[some]
                        )
    return found


def _of_nearest(
    net: Network,
    hidden: Sequence[int],
    seen: Sequence[int],
    inner: Values,
    covariance: Covariance,
    count: int,
    levelled: bool,
) -> Values:
    values = net.readings[:, list(seen)]
    ones = np.linalg.solve(inner, np.ones(len(seen)))
    level = values @ ones / ones.sum()
    columns = []
    for s in hidden:
        away = net.distance(s, seen)
        near = np.argsort(away)[:count]
        some = inner[np.ix_(near, near)]
        weights = kriging_weights(
            torch.from_numpy(some)[None],
            torch.from_numpy(covariance.between(away[near], np.zeros(1)))[None],
            torch.ones(1, len(near), dtype=torch.bool),
            0.0,
            ordinary=not levelled,
        )[0].numpy()
        columns.append(values[:, near] @ weights + (1 - weights.sum()) * level)
    return np.stack(columns, 1)


def main() -> int:
    """Run all, write the file."""
    torch.set_num_threads(1)
    try:
        found = {"beijing": beijing(), "cities": cities()}
    except EngineError as problem:
        print(f"airlens: {problem}", file=sys.stderr)  # noqa: T201 - a command's last word
        return 2
    with atomic_file(FILE) as part:
        part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
