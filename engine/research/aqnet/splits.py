"""Stations hidden from everything, in splits of their own: far from neighbours, and by chance.

Where `engine.research.aqnet.folds` keeps one station after another out and predicts it from all
others, here a share of the stations is hidden for good: nothing is learned from them, they are
nobody's neighbours, and each is predicted from the visible stations alone. "Far" hides those whose
nearest neighbour is farthest away, which a split by chance hardly ever does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.paths import home
from engine.core.progress import Progress
from engine.core.results_page import fill, reached, table, verdict
from engine.research.aqnet.baselines import boosted_trees, inverse_distance, kriging, scores
from engine.research.aqnet.folds import Hidden, covered, network_of
from engine.research.aqnet.setup import FOLDER, Setup, Values, kept, setup, shape_without
from engine.stations.covariance import fit_covariance
from engine.stations.networks.neighbourhood import nearest
from engine.stations.record import estimate, stations_of
from engine.stations.train import training_for
from engine.stations.train_steps import StationTraining
from engine.training.weights_folder import identity
from engine.verify.bootstrap import Interval, interval

OWN = "AQ-Net on kriging"
START = "AQ-Net before training"
SPACE_TIME = (-1, 0, 1)
BASELINES = (
    *(f"inverse distance, exponent {p}" for p in (1, 2, 3)),
    "ordinary kriging",
    "space-time kriging",
    "kriging of logarithms",
    "boosted trees",
)
GOAL = 0.1
FEWEST = 6  # stations that an interval needs: three have ten different draws


@dataclass(frozen=True)
class Split:
    """Which stations are hidden.

    Attributes:
        title: As the page calls it.
        data: Name in the library.
        rule: How they are chosen.
        share: Of all stations.
        training: Of the network.
        trees_see: Every how manieth time step the trees learn from.
    """

    title: str
    data: str
    rule: Literal["far", "chance"]
    share: float
    training: StationTraining
    trees_see: int


# Most neighbours are hidden in training, as they are at a far place: see docs/decisions/0066.
CITIES = training_for("day")
SPLITS = {
    "stations-far": Split(
        "Beijing, hourly, far stations", "prsa", "far", 0.25, StationTraining(), 6
    ),
    "cities-chance": Split("183 cities, daily, by chance", "city-daily", "chance", 0.1, CITIES, 2),
    "cities-far": Split("183 cities, daily, far ones", "city-daily", "far", 0.1, CITIES, 2),
}


def hidden_of(known: Setup, split: Split) -> list[int]:
    """The stations that a split hides, increasing."""
    count = len(known.names)
    most = max(round(count * split.share), 1)
    if split.rule == "far":
        away = [known.nearest_km(s, range(count)) for s in range(count)]
        order = np.argsort(away)[::-1]
    else:
        order = np.random.default_rng(0).permutation(count)
    return sorted(order[:most].tolist())


def measure(split: Split, progress: Progress | None = None) -> dict[str, Any]:
    """All numbers of a split: every model at its hidden stations, in common hours."""
    known = setup(split.data)
    hidden = hidden_of(known, split)
    seen = [s for s in range(len(known.names)) if s not in hidden]
    answer = network(known, hidden, split, progress)
    predicted: dict[str, Values] = baselines(known, hidden, split) | {
        START: answer.start,
        OWN: answer.value,
    }
    test = slice(known.parts.test, None)
    target = known.plain.readings[test][:, hidden]
    everywhere = np.isfinite(np.stack([values[test] for values in predicted.values()])).all(0)
    target = np.where(everywhere, target, np.nan)
    return {
        "title": split.title,
        "data": known.about.source,
        "dates": known.dates,
        "training": split.training.text(),
        "hidden": [known.names[s] for s in hidden],
        "nearest_km": [known.nearest_km(s, seen) for s in hidden],
        "visible": len(seen),
        "deviation": float(np.nanstd(target)),
        "coverage": covered(known.plain.readings, known.parts, [answer]),
        "scores": {
            name: {"all": scores(target, values[test])}
            | {
                known.names[s]: scores(target[:, i], values[test][:, i])
                for i, s in enumerate(hidden)
            }
            for name, values in predicted.items()
        },
    }


def network(
    known: Setup, hidden: Sequence[int], split: Split, progress: Progress | None = None
) -> Hidden:
    """What AQ-Net, trained on the visible stations, predicts for the hidden ones."""
    shape, visible = shape_without(known, hidden)
    text = f"split 2 {identity(known.record.readings)[:16]} {hidden} {known.parts} {shape} "

    def make() -> dict[str, NDArray[np.float32]]:
        trained = network_of(
            known.record,
            hidden,
            known.parts,
            home() / FOLDER,
            shape=shape,
            training=split.training,
            progress=progress,
        )
        record = stations_of(known.record, visible)
        places = known.record.places[list(hidden)]
        near = nearest(places, record.places, shape.neighbours)
        times = torch.arange(len(record.readings))
        with torch.inference_mode():
            found = estimate(trained, record, times, near, places)
        wide = (len(times), len(hidden))
        return {
            "value": found.value.reshape(wide).numpy(),
            "scale": found.scale.reshape(wide).numpy(),
            "start": found.interpolated.reshape(wide).numpy(),
        }

    found = kept(text + split.training.text(), make)
    return Hidden(tuple(hidden), found["value"], found["scale"], found["start"])


def baselines(known: Setup, hidden: Sequence[int], split: Split) -> dict[str, Values]:
    """What the baselines predict of the hidden stations from the visible ones, (time, station)."""
    text = f"split baselines 2 {identity(known.record.readings)[:16]} {hidden} {known.parts} "

    def make() -> dict[str, NDArray[np.float32]]:
        net, end = known.plain, known.parts.train
        seen = [s for s in range(len(known.names)) if s not in hidden]
        covariance = fit_covariance(net, seen, end)
        ways: dict[str, Callable[[int], Values]] = {
            f"inverse distance, exponent {p}": lambda s, p=p: inverse_distance(net, s, seen, p)  # type: ignore[misc]
            for p in (1, 2, 3)
        }
        ways["ordinary kriging"] = lambda s: kriging(net, s, seen, covariance)
        ways["space-time kriging"] = lambda s: kriging(net, s, seen, covariance, SPACE_TIME)
        logs = net.logarithms()
        of_logs = fit_covariance(logs, seen, end)
        ways["kriging of logarithms"] = lambda s: np.exp(kriging(logs, s, seen, of_logs))
        predicted = {
            name: np.stack([way(s) for s in hidden], 1).astype(np.float32)
            for name, way in ways.items()
        }
        trees = boosted_trees(net, hidden, end, share=split.trees_see, predicted_from=seen)
        return predicted | {"boosted trees": trees.astype(np.float32)}

    found = kept(f"{text} {split.trees_see}", make)
    return {name: found[name] for name in BASELINES}  # as files have no order


def section(found: Mapping[str, Mapping[str, Any]], parts: Mapping[str, str]) -> str:
    """The part of the page on these splits, from the parts of its template."""
    each = [_one(split, parts["split"]) for split in found.values()]
    return fill(parts["splits"], {"start_name": START}, {"each": "\n\n".join(each)})


def _one(split: Mapping[str, Any], template: str) -> str:
    marks, away = split["scores"], split["nearest_km"]
    own, best = marks[OWN], best_of(marks)
    change = against(own, marks[best], split["hidden"])
    order = sorted(zip(split["hidden"], away, strict=True), key=lambda pair: -pair[1])
    rows = [(name, *numbers(m["all"])) for name, m in marks.items()]
    record = {
        **split,
        "count": len(split["hidden"]),
        "nearest": float(min(away)),
        "farthest": float(max(away)),
        "median": float(np.median(away)),
        "own": own["all"],
        "best": best,
        "change": change.value,
        "low": change.low,
        "high": change.high,
        "verdict": verdict(change.low, change.high),
        "goal_reached": reached(-change.value, GOAL),
    }
    tables = {
        "scores": table(("µg/m³", "RMSE", "MAE", "R²"), rows),
        "stations": by_station(marks, [(f"{name} ({km:.0f} km)", name) for name, km in order]),
    }
    return fill(template, record, tables)


def best_of(marks: Mapping[str, Any]) -> str:
    """The baseline of the lowest RMSE."""
    return min((n for n in marks if n in BASELINES), key=lambda n: marks[n]["all"]["rmse"])


def against(own: Mapping[str, Any], base: Mapping[str, Any], stations: Sequence[str]) -> Interval:
    """Change of RMSE from a baseline to a model, as a share, by drawing stations.

    Args:
        own: Scores of the model, over `all` and by station.
        base: Scores of the baseline.
        stations: Which are drawn; of fewer than `FEWEST` there is no interval.
    """
    sums = np.array(
        [[m[s]["rmse"] ** 2 * m[s]["n"] if s in m else np.nan for m in (own, base)]
         for s in stations]
    )  # fmt: skip
    if len(stations) < FEWEST:
        sums = np.full((0, 2), np.nan)
    drawn = interval(sums, lambda t: np.sqrt(t[..., 0] / t[..., 1]) - 1, block=1)
    return replace(drawn, value=own["all"]["rmse"] / base["all"]["rmse"] - 1)


def by_station(marks: Mapping[str, Any], each: Sequence[tuple[str, str]]) -> list[str]:
    """A table of all models by station; `each` has the title and the name of the stations."""
    rows = [(title, *(cell(m[name]) for m in marks.values())) for title, name in each]
    return table(("", *marks), rows)


def numbers(score: Mapping[str, float]) -> tuple[str, str, str]:
    """Root mean square error, mean absolute error and R², each by itself."""
    return f"{score['rmse']:.2f}", f"{score['mae']:.2f}", f"{score['determination']:.3f}"


def cell(score: Mapping[str, float]) -> str:
    """Root mean square error, mean absolute error and R², for a table."""
    return f"{score['rmse']:.1f} / {score['mae']:.1f} / {score['determination']:.2f}"
