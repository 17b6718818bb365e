"""All runs behind the page on STeP-Diff, each kept as soon as it is done.

Parts of the network taken away or changed, and weights of the physics, at a tiny budget.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.core.errors import EngineError
from engine.core.files import write_atomic
from engine.forecast.examples import as_published, begin, textured
from engine.forecast.networks.advection import Transport
from engine.forecast.train import SMALL, SMALL_TRAINING
from engine.forecast.train_steps import StepTraining, train
from engine.research.stepdiff import baselines as citybaselines
from engine.research.stepdiff.cross_validation import cross_validated, cross_validated_operator
from engine.research.stepdiff.samplers import REPEATS, SAMPLERS, SHIPPED, solved
from engine.research.stepdiff.scores import (
    Bench,
    Place,
    alone,
    as_released,
    baseline,
    bench,
    probable,
    shipped,
    split,
)
from engine.research.stepdiff.spread_calibration import compared

Scored = dict[str, Any]
# One budget for all parts and weights of the physics; one for networks that a table sets beside.
TINY = StepTraining(steps=60, patch=6, flip=0.5, check_every=60, patience=9, members=2)
BESIDE = StepTraining(steps=150, patch=6, check_every=75, patience=9, members=2)
RAW = (1.0,) * SMALL.lead_times  # members as they are drawn, no calibration
MEAN_WEIGHT, OPERATOR = "STeP-Diff, 250 steps", "DeepONet alone"
CROSS_VALIDATED = replace(SMALL_TRAINING, steps=250, check_every=50, patience=9, members=2)
SINGLE = StepTraining(steps=600, learning_rate=1e-3, check_every=30)
# As published, on concentrations: no first guess, independent noise, which is what is predicted,
# and cells by number.
CSDI = {
    "deeponet": False, "guess": False, "predicts": "noise", "places": "learned",
    "common": 0.0, "smooth": 0.0, "memory": 0.0,
}  # fmt: skip
PUBLISHED: dict[str, dict[str, Any]] = {
    "CSDI alone": CSDI,
    "CSDI + DeepONet": CSDI | {"deeponet": True},
}
SINGLES = ("DeepONet alone", "ConvLSTM", "graph recurrent")
PROBABLE = "STeP-Diff"
OMEGAS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
# Parts taken away or changed, all at the tiny budget: fields of the network, then of the training.
# All parts, and all but the physics, are weights of the physics: 1 and 0.
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "without DeepONet": ({"deeponet": False}, {}),
    "without DeepONet and physics": ({"deeponet": False}, {"physics": 0.0}),
    "without first guess as a plane": ({"guess": False}, {}),
    "predicts noise, as published": ({"predicts": "noise"}, {}),
    "independent noise, as published": ({"common": 0.0, "smooth": 0.0, "memory": 0.0}, {}),
    "learned table of cells, as published": ({"places": "learned"}, {}),
    "noise against data, as released": ({"noise_against_data": True}, {}),
    "DeepONet shifted, as released": ({"deeponet_shifted": True}, {}),
}


def published(found: Bench, name: str, folder: Path) -> Scored:
    """Scores of CSDI on concentrations, with DeepONet or without, trained here."""
    data = as_published(found.data, SMALL)
    shape = PUBLISHED[name]
    return variant(
        replace(found, data=data), shape, {"physics": 0.0}, folder, BESIDE, found.transport
    )


def variant(
    found: Bench,
    shape: Mapping[str, Any],
    how: Mapping[str, Any],
    folder: Path,
    budget: StepTraining = TINY,
    transport: Transport | None = None,
) -> Scored:
    """Scores of a network with parts changed, trained here at a budget."""
    rows, columns = found.data.record.grid
    changed = textured(replace(SMALL, rows=rows, columns=columns, **shape), found.data)
    config = replace(budget, **how)
    network = begin(changed, found.data, config.seed)
    train(
        config,
        network,
        found.data.training,
        found.data.validation,
        (rows, columns),
        found.data.change,
        folder,
        identity=f"{found.place.name} {changed}",
    )
    return probable(found, network, RAW, 1.0, transport=transport)


class Kept:
    """Scores on disk: computed once, kept for ever, until the file is deleted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, Any] = (
            json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        )

    def get(self, place: str, group: str, name: str, work: Callable[[], Scored]) -> Scored:
        """What is kept, or what the work finds now."""
        part = self.found.setdefault(place, {}).setdefault(group, {})
        if name not in part:
            part[name] = work()
            write_atomic(self.path, json.dumps(self.found, indent=1) + "\n")
        scored: Scored = part[name]
        return scored


def score_place(
    kept: Kept, key: str, place: Place, scratch: Path, log: Callable[[str], None]
) -> None:
    """All methods of one place that are not kept yet."""
    try:
        found = bench(place)
    except EngineError as problem:
        log(f"{key}: {problem}")
        return
    kept.get(key, "about", "split", lambda: split(found))
    jobs: list[tuple[str, str, Callable[[], Scored]]] = [
        ("methods", name, lambda name=name: baseline(found, name))  # type: ignore[misc]
        for name in citybaselines.SIMPLE | citybaselines.FITTED
    ]
    jobs += [("methods", "released metric of a constant", lambda: as_released(found))]
    if (place.weights / "config.json").is_file():
        jobs += [("methods", PROBABLE, lambda: shipped(found))]
        jobs += [
            ("samplers", name, lambda s=sampler: solved(found, s, _width(kept, key)))  # type: ignore[misc]
            for name, sampler in SAMPLERS.items()
        ]
        jobs += [
            ("samplers", name, lambda s=s, n=n: solved(found, s, _width(kept, key), n))  # type: ignore[misc]
            for name, (s, n) in REPEATS.items()
        ]
        if key != "kolkata":  # whose test is long enough to show what a rule holds
            jobs += [("rules", "compared", lambda: compared(found))]
    jobs += [("mean_weight", OPERATOR, lambda: cross_validated_operator(found.data, SMALL, SINGLE))]
    if key == "kolkata":  # the one record long enough to be cut
        folder = scratch / "crossed"
        jobs += [
            (
                "mean_weight",
                MEAN_WEIGHT,
                lambda: cross_validated(found.data, SMALL, CROSS_VALIDATED, folder, key),
            )
        ]
    if key == "changshu":
        jobs += _experiments(found, scratch)
    jobs += [
        ("methods", kind, lambda kind=kind: alone(found, kind, SINGLE))  # type: ignore[misc]
        for kind in SINGLES
    ]
    jobs += [
        ("methods", name, lambda n=name: published(found, n, scratch / f"{key} {n}"))  # type: ignore[misc]
        for name in PUBLISHED
    ]
    for group, name, work in jobs:
        log(f"{key}: {name}")
        kept.get(key, group, name, work)


def _width(kept: Kept, key: str) -> list[float] | None:
    """Spread of the sampler that ships, once it is known."""
    width: list[float] | None = kept.found[key]["samplers"].get(SHIPPED, {}).get("drawn_spread")
    return width


def _experiments(found: Bench, scratch: Path) -> Sequence[tuple[str, str, Callable[[], Scored]]]:
    """Parts and weights of the physics, at a tiny budget."""
    jobs: list[tuple[str, str, Callable[[], Scored]]] = []
    for omega in OMEGAS:
        folder = scratch / f"omega-{omega:g}"
        jobs.append(
            (
                "omega",
                f"{omega:g}",
                lambda o=omega, f=folder: variant(found, {}, {"physics": o}, f),  # type: ignore[misc]
            )
        )
    for n, (name, (shape, how)) in enumerate(VARIANTS.items()):
        folder = scratch / f"variant-{n}"
        jobs.append(
            ("variants", name, lambda s=shape, h=how, f=folder: variant(found, s, h, f))  # type: ignore[misc]
        )
    return jobs
