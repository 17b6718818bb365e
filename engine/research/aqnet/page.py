"""`docs/results/aqnet.md`: reanalysis at stations outside the training data.

`python -m engine.research.aqnet.page 2 idw` does two folds of the variant `idw`. Each hides some of
Beijing's twelve stations from training, and predicts each of them from the eleven others in the
last fifth of the record. It goes on where it stopped; the page names the stations that are done.
`weights` in place of the number publishes the network of the first fold, `kept` writes the page
anew from the numbers that are there.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.core.errors import EngineError, NotFoundError
from engine.core.files import write_atomic
from engine.core.paths import ASSETS, ROOT, home
from engine.core.progress import Progress
from engine.core.results_page import TEMPLATES, fill, reached, read, table, verdict
from engine.research.aqnet import probes_table, splits, upper_bound
from engine.research.aqnet import week_page as weeks_page
from engine.research.aqnet.baselines import boosted_trees, inverse_distance, kriging, scores
from engine.research.aqnet.folds import Hidden, covered, network_of, run_fold
from engine.research.aqnet.setup import FOLDER, Setup, Values, kept, setup, shape_without
from engine.stations import weights as stationcheckpoint
from engine.stations.covariance import fit_covariance
from engine.stations.networks.reanalysis import ReanalysisConfig
from engine.stations.record import OTHERS
from engine.stations.train import calibrate, card
from engine.stations.train_steps import StationTraining
from engine.stations.weights import StationCheckpoint
from engine.training.weights_folder import identity

DATA, PERIOD = "prsa", "hour"
RESULTS = ROOT / "docs" / "results"
FOLDS = (
    ("Huairou", "Aotizhongxin", "Guanyuan"),
    ("Dingling", "Gucheng", "Dongsi"),
    ("Changping", "Nongzhanguan", "Wanshouxigong"),
    ("Shunyi", "Wanliu", "Tiantan"),
)
# What a network starts from, and how it is trained: what a busy machine does in minutes.
VARIANTS = {"kriging": StationTraining(), "idw": StationTraining(members=1)}
LABELS = {"kriging": "AQ-Net on kriging", "idw": "AQ-Net on inverse distance"}
SPACE_TIME = (-1, 0, 1)
BASELINES = (
    *(f"inverse distance, exponent {p}" for p in (1, 2, 3)),
    "ordinary kriging",
    "space-time kriging",
    "boosted trees",
)
TEMPLATE = TEMPLATES / "aqnet.md"


def beijing() -> Setup:
    """Beijing's record.

    Raises:
        EngineError: If it is not in the library, or lacks a station of the folds.
    """
    return setup(DATA, [name for fold in FOLDS for name in fold])


def choices(known: Setup, names: Sequence[str], variant: str) -> tuple[list[int], ReanalysisConfig]:
    """Positions of the stations that a fold hides, and the shape that the others give."""
    hidden = [known.names.index(name) for name in names]
    if variant == "idw":
        return hidden, ReanalysisConfig(others=OTHERS, width=32, inner=64, neighbours=12)
    return hidden, shape_without(known, hidden)[0]


def fold(
    known: Setup, names: Sequence[str], variant: str, progress: Progress | None = None
) -> Hidden:
    """What the network says of the stations that a fold hides."""
    hidden, shape = choices(known, names, variant)
    folder = home() / FOLDER
    return run_fold(
        known.record,
        hidden,
        known.parts,
        folder,
        shape=shape,
        training=VARIANTS[variant],
        progress=progress,
    )


def baselines(known: Setup, names: Sequence[str]) -> dict[str, Values]:
    """What the baselines say of them, (time, station), worked out once and kept.

    They are fitted as the network is: without them, and on the training part.
    """
    text = f"baselines {identity(known.record.readings)[:16]} {names} {known.parts}"
    found = kept(text, lambda: _baselines(known, names))
    return {name: found[name] for name in BASELINES}


def _baselines(known: Setup, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    hidden, everyone = [known.names.index(name) for name in names], range(len(known.names))
    seen = [s for s in everyone if s not in hidden]
    covariance = fit_covariance(known.plain, seen, known.parts.train)
    ways: dict[str, Callable[[int, list[int]], Values]] = {
        f"inverse distance, exponent {p}": lambda s, others, p=p: inverse_distance(  # type: ignore[misc]
            known.plain, s, others, p
        )
        for p in (1, 2, 3)
    }
    ways["ordinary kriging"] = lambda s, others: kriging(known.plain, s, others, covariance)
    ways["space-time kriging"] = lambda s, others: kriging(
        known.plain, s, others, covariance, SPACE_TIME
    )
    predicted = {
        name: np.stack([way(s, [o for o in everyone if o != s]) for s in hidden], 1)
        for name, way in ways.items()
    }
    predicted["boosted trees"] = boosted_trees(known.plain, hidden, known.parts.train)
    return {name: values.astype(np.float32) for name, values in predicted.items()}


def measure(count: int, variant: str, progress: Progress | None = None) -> dict[str, Any]:
    """All numbers of the page, for the first `count` folds and one variant of the network."""
    known = beijing()
    test = slice(known.parts.test, None)
    targets, answers = [], []
    columns: dict[str, list[Values]] = {}
    for names in FOLDS[:count]:
        answer = fold(known, names, variant, progress)
        answers.append(answer)
        predicted = baselines(known, names) | {
            splits.START: answer.start,
            LABELS[variant]: answer.value,
        }
        targets.append(known.plain.readings[test, list(answer.stations)])
        for name, values in predicted.items():
            columns.setdefault(name, []).append(values[test])
    target = np.concatenate(targets, 1)
    by_model = {name: np.concatenate(parts, 1) for name, parts in columns.items()}
    everywhere = np.isfinite(np.stack(list(by_model.values()))).all(0)
    target = np.where(everywhere, target, np.nan)  # the same hours for all
    order = [s for answer in answers for s in answer.stations]
    distance = [known.nearest_km(s, range(len(known.names))) for s in order]
    base = np.concatenate(
        [baselines(known, names)["space-time kriging"] for names in FOLDS[:count]], 1
    )
    own = by_model[LABELS[variant]]
    return {
        "data": known.about.source,
        "dates": known.dates,
        "model": LABELS[variant],
        "training": VARIANTS[variant].text(),
        "stations": [known.names[s] for s in order],
        "nearest_km": distance,
        "of": len(known.names),
        "deviation": float(np.nanstd(target)),
        "coverage": covered(known.plain.readings, known.parts, answers),
        "scores": {
            name: {"all": scores(target, values)}
            | {known.names[s]: scores(target[:, i], values[:, i]) for i, s in enumerate(order)}
            for name, values in by_model.items()
        },
        "ceiling": {
            "fits": upper_bound.measure(
                known, order, {s: base[:, i] for i, s in enumerate(order)}, target
            ),
            "mixture": upper_bound.mixture(target, by_model),
            "few": upper_bound.in_few_hours(target, own),
        },
    }


def page(
    found: Mapping[str, Any],
    forecast: Mapping[str, Any] | None = None,
    probes: Mapping[str, Any] | None = None,
) -> str:
    """The page in Markdown.

    Args:
        found: What `measure` gives, with `splits` where these were measured.
        forecast: What `engine.research.aqnet.week_page` keeps.
        probes: What `engine.research.aqnet.experiments` keeps.
    """
    parts = read(TEMPLATE)
    stations, marks = found["stations"], found["scores"]
    own = marks[found["model"]]
    best = splits.best_of(marks)
    change = splits.against(own, marks[best], stations)
    plain = own["all"]["rmse"] / marks["inverse distance, exponent 2"]["all"]["rmse"] - 1
    each = [(f"{n} ({km:.0f} km)", n) for n, km in zip(stations, found["nearest_km"], strict=True)]
    tables: dict[str, str | Sequence[str]] = {
        "scores": _scores(found),
        "stations": splits.by_station(marks, each),
        "upper_bound": upper_bound.section(
            found["ceiling"], own["all"], (best, marks[best]["all"]["rmse"]), parts["upper_bound"]
        ),
        "probes": probes_table.section(probes, parts["probes"]) if probes else "",
        "splits": splits.section(found["splits"], parts) if found.get("splits") else "",
        "forecast": weeks_page.section(forecast, parts) if forecast else "",
    }
    record = {
        **found,
        "count": len(stations),
        "others": found["of"] - 1,
        "own": own["all"],
        "training": json.loads(found["training"]),
        "best": best,
        "change": {"plain": plain, "best": change.value, "kinds": _beside(marks, own)},
        "low": change.low,
        "high": change.high,
        "verdict": verdict(change.low, change.high),
        "goal_reached": reached(-change.value, splits.GOAL),
        "start_name": splits.START,
    }
    return fill(parts["page"], record, tables) + "\n"


def _scores(found: Mapping[str, Any]) -> list[str]:
    far = farthest(found)
    rows = [
        (name, *splits.numbers(m["all"]), f"{pooled(m, far):.2f}")
        for name, m in found["scores"].items()
    ]
    return table(("µg/m³", "RMSE", "MAE", "R²", f"RMSE, far from others: {', '.join(far)}"), rows)


def _beside(marks: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    """The change against each kind of baseline that the goal names, apart from kriging."""
    words = []
    for kind, title in (("inverse", "the best inverse distance"), ("boosted", "boosted trees")):
        lowest = [m["all"]["rmse"] for name, m in marks.items() if name.startswith(kind)]
        if lowest:
            words.append(f"; against {title}: {own['all']['rmse'] / min(lowest) - 1:+.1%}")
    return "".join(words)


def farthest(found: Mapping[str, Any]) -> list[str]:
    """Names of a third of the stations: those farthest from any other."""
    order = np.argsort(found["nearest_km"])[::-1]
    return [found["stations"][i] for i in order[: max(len(order) // 3, 1)]]


def pooled(marks: Mapping[str, Any], names: Sequence[str]) -> float:
    """Root mean square error over some stations, each hour counting once."""
    squares = sum(marks[name]["rmse"] ** 2 * marks[name]["n"] for name in names)
    return float(np.sqrt(squares / sum(marks[name]["n"] for name in names)))


def publish(folder: Path, variant: str) -> StationCheckpoint:
    """The first fold's network as weights, its intervals from the stations it never saw."""
    known = beijing()
    names = FOLDS[0]
    hidden, shape = choices(known, names, variant)
    training = VARIANTS[variant]
    cache = home() / FOLDER
    network = network_of(known.record, hidden, known.parts, cache, shape=shape, training=training)
    found = calibrate(network, known.record, known.parts.calibrate, hourly=True, requested=hidden)
    about = StationCheckpoint(
        network=stationcheckpoint.fields(shape),
        period=PERIOD,
        factor=found.factor,
        day_factor=found.day_factor,
        inner=found.inner,
        trained_on=known.about.source,
        synthetic=known.about.synthetic,
        stations=len(known.names) - len(names),
        held_out=names,
        train_start=known.dates[0],
        train_end=known.dates[1],
        calibrate_end=known.dates[3],
        licence=known.about.licence,
        seed=training.seed,
        steps=training.steps,
        members=training.members,
    )
    text = card(about, known.about, network, training, found)
    stationcheckpoint.save(folder, about, network, text)
    return about


def main(arguments: Sequence[str]) -> int:
    """`FOLDS VARIANT SPLIT…` measures and writes the page, `weights VARIANT` publishes weights.

    `kept` writes the page from the numbers that are there.
    """
    torch.set_num_threads(1)
    what, variant, *chosen = [*arguments, *("4", "kriging")[len(arguments) :]]
    if variant not in VARIANTS:
        print(f"airlens: {variant!r} is none of {', '.join(VARIANTS)}.", file=sys.stderr)  # noqa: T201
        return 2
    try:
        if what == "kept":
            again()
            return 0
        if what == "weights":
            publish(ASSETS / "weights" / "aqnet-hour", variant)
            return 0
        found = measure(int(what), variant, _tell)
        hidden = {
            name: splits.measure(split, _tell)
            for name, split in splits.SPLITS.items()
            if name in (chosen or splits.SPLITS)
        }
    except EngineError as problem:
        print(f"airlens: {problem}", file=sys.stderr)  # noqa: T201 - a command's last word
        return 2
    text = json.dumps(found | {"splits": hidden}, indent=1, ensure_ascii=False)
    write_atomic(RESULTS / "aqnet.json", text + "\n")
    again()
    return 0


def again(results: Path = RESULTS) -> None:
    """Write the page from the numbers that are kept.

    Raises:
        NotFoundError: If there are none.
    """
    if not (results / "aqnet.json").is_file():
        raise NotFoundError(
            "there are no scores yet",
            where=str(results / "aqnet.json"),
            remedy="Run make results-aqnet",
        )
    found, forecast, probes = (
        json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        for name in ("aqnet.json", weeks_page.FILE.name, probes_table.FILE.name)
        for file in [results / name]
    )
    write_atomic(results / "aqnet.md", page(found, forecast, probes))


def _tell(share: float, doing: str) -> None:
    if round(share * 1000) % 50 == 0:
        print(doing, file=sys.stderr, flush=True)  # noqa: T201 - a command's progress


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
