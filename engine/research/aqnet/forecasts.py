"""Forecasts of a week by AQ-Net and all it is held against, on Beijing's twelve stations.

Stations that are hidden are seen by nothing: not as inputs, not as targets, not by what normalises.
What is trained is kept, and goes on where it stopped.
"""

import json
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from torch import Tensor, nn

from engine import library
from engine.core import dates as days
from engine.core.files import atomic_file
from engine.core.paths import home
from engine.core.valid_means import HOURS_OF_A_DAY, valid_mean
from engine.research.aqnet import week_baselines as weekbaselines
from engine.research.aqnet.baselines import scores
from engine.research.aqnet.folds import Parts
from engine.research.aqnet.published import AQNet, AQNetConfig, Week
from engine.research.aqnet.record import WeekRecord, origins, week_record
from engine.research.aqnet.week_networks import LastState, PatchConfig, PatchTST
from engine.research.aqnet.week_training import WeekTraining, train
from engine.stations.record import whole_axis
from engine.training.weights_folder import identity

DATA = "prsa"
HIDDEN = ("Huairou", "Aotizhongxin", "Guanyuan")  # one far from all others, two in the city
WEATHER = ("t2m", "sp", "d2m", "u10", "v10")
HOURS, DAYS = (6, 12, 24, 48, 96, 168), (2, 4, 7)
LENGTHS = (336, 168)
GAP = sum(LENGTHS)
SHARES = (0.7, 0.8)
STRIDE = 25  # hours from one tested week to the next: all hours of the day in turn
TRAINING = WeekTraining(steps=300, batch=12, learning_rate=1e-3)
POOL, WIDTH, NEAR, SPACING = 6, 48, 12, 11.2
GROUPS = (0, 6, 12, 24, 48, 96, 168)  # leads whose intervals are made together
AT_ONCE = 32
FOLDER = Path("cache") / "aqnet"
MAIN = "AQ-Net"
Kind = Literal["aqnet", "lstm", "patchtst"]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Variant:
    """One network of the table.

    Attributes:
        kind: Which.
        linear: Whether it corrects the linear forecast; it is trained for half as long then.
        changes: Of `AQNetConfig`.
    """

    kind: Kind = "aqnet"
    linear: bool = True
    changes: tuple[tuple[str, Any], ...] = ()


VARIANTS = {
    MAIN: Variant(),
    "AQ-Net, no cyclic encoding": Variant(changes=(("cyclic", False),)),
    "AQ-Net, vectors by inverse distance": Variant(changes=(("spatial", "idw_feature"),)),
    "AQ-Net, predictions by inverse distance": Variant(changes=(("spatial", "idw_prediction"),)),
    "AQ-Net, vectors of the nearest": Variant(
        changes=(("spatial", "idw_feature"), ("neighbours", 1))
    ),
    "AQ-Net from nothing": Variant(linear=False),
    "AQ-Net from nothing, no cyclic encoding": Variant(linear=False, changes=(("cyclic", False),)),
    "LSTM": Variant("lstm"),
    "PatchTST": Variant("patchtst"),
}


@dataclass(frozen=True)
class Setup:
    """The record, how it is parted, and the origins of each part.

    Attributes:
        record: Stations and hours.
        source: Of the data, in words.
        parts: In time.
        dates: First and last local date of training, calibration and test.
        learn: Origins that networks learn from.
        some: One in three of them, for what is fitted at once.
        later: Origins that intervals are made on: of the calibration part, and, as it is a winter
            alone, some that were learned from.
        test: Origins that count.
    """

    record: WeekRecord
    source: str
    parts: Parts
    dates: tuple[str, ...]
    learn: Tensor
    some: Tensor
    later: Tensor
    test: Tensor


def shape(variant: Variant, summary: int) -> AQNetConfig:
    """The network's shape in the table: narrower than published, and steps of six hours."""
    plain = AQNetConfig(
        width=WIDTH,
        pool=POOL,
        weather=WEATHER,
        neighbours=NEAR,
        spacing=SPACING,
        scale=True,
        summary=summary if variant.linear else 0,
    )
    return replace(plain, **dict(variant.changes))


def setup() -> Setup:
    """Beijing's record from the library.

    Raises:
        NotFoundError: If it was not imported.
    """
    about = library.info(DATA)
    dataset = whole_axis(library.open_dataset(DATA).load())
    length = dataset.sizes["valid_time"]
    parts = Parts.of(length, GAP, SHARES)
    record = week_record(dataset, HIDDEN, parts.train, shape(VARIANTS[MAIN], 1))
    local = days.local_dates(dataset)
    ends = (0, parts.train - 1, *parts.calibrate, parts.test, length - 1)
    learn = origins(record, 0, parts.train, LENGTHS)
    return Setup(
        record,
        about.source,
        parts,
        tuple(str(local[i]) for i in ends),
        learn,
        learn[::3],
        torch.cat((learn[:: 4 * STRIDE], origins(record, *parts.calibrate, LENGTHS, STRIDE))),
        origins(record, parts.test, length, LENGTHS, STRIDE),
    )


def built(known: Setup, variant: Variant) -> nn.Module:
    """An untrained network; AQ-Net's line is the ridge regression it begins with."""
    torch.manual_seed(TRAINING.seed)
    record = known.record
    config = shape(variant, record.hours.summary.shape[-1])
    if variant.kind == "lstm":
        return LastState(config.inputs, LENGTHS[1], WIDTH, pool=POOL)
    if variant.kind == "patchtst":
        channel = len(config.measured) - 1
        flag = channel + len(config.measured)
        return PatchTST(PatchConfig(channel, flag, *record.log, record.unit, width=WIDTH))
    network = AQNet(config)
    if network.line is not None:
        weight, bias = weekbaselines.line(record, known.some, LENGTHS[1])
        with torch.no_grad():
            network.line.weight.copy_(weight)
            network.line.bias.copy_(bias)
        network.line.requires_grad_(requires_grad=False)
    return network


def trained(known: Setup, name: str) -> nn.Module:
    """A network of the table, trained now if it is not yet, in evaluation mode."""
    variant = VARIANTS[name]
    network = built(known, variant)
    seen = without_clock(known, variant)
    training, start = TRAINING, ""
    if isinstance(network, AQNet) and network.line is not None:
        training = replace(TRAINING, steps=TRAINING.steps // 2)
        start = f" {identity(network.line.weight.detach())[:16]}"
    text = f"{identity(known.record.hours.inputs)[:16]} {known.parts} {variant} {network}"
    text += f" {HIDDEN} {LENGTHS} {training.text()}{start}"
    digest = identity(torch.tensor(list(text.encode())))[:24]
    train(
        training,
        network,
        seen.seen(),
        known.learn,
        LENGTHS,
        home() / FOLDER / f"week-{digest}",
        identity=text,
        progress=lambda share, doing: _say(name, share, doing),
    )
    return network.eval()


def without_clock(known: Setup, variant: Variant) -> WeekRecord:
    """The record; without the clock among the network's inputs if the variant has none.

    The line keeps its clock: what is taken away is the published encoding.
    """
    if dict(variant.changes).get("cyclic", True):
        return known.record
    inputs = known.record.hours.inputs.clone()
    inputs[..., -10:-4] = 0
    return replace(known.record, hours=replace(known.record.hours, inputs=inputs))


def predict(
    network: nn.Module, record: WeekRecord, steps: Tensor, shown: Tensor, requested: Tensor
) -> tuple[Values, Values | None]:
    """Weeks at shown stations and then at those requested, and their scales, ug m-3."""
    values, scales = [], []
    seen = record.hours.some(shown)
    with torch.inference_mode():
        for some in torch.split(steps, AT_ONCE):
            week: Week = network(
                seen.history(some, LENGTHS[0]),
                seen.places,
                record.hours.places[requested],
                seen.summary[some],
            )
            values.append(torch.cat((week.stations, week.points), 1))
            if week.station_scale is not None and week.point_scale is not None:
                scales.append(torch.cat((week.station_scale, week.point_scale), 1))
    predicted = torch.cat(values).double().numpy() * record.unit
    return predicted, torch.cat(scales).double().numpy() * record.unit if scales else None


def network_weeks(known: Setup, name: str) -> tuple[Values, Values | None]:
    """What a network predicts in the test part, visible stations first."""
    visible = known.record.visible
    everyone = torch.arange(len(known.record.names))
    record = without_clock(known, VARIANTS[name])
    network = trained(known, name)
    return predict(network, record, known.test, everyone[:visible], everyone[visible:])


def baselines(known: Setup) -> dict[str, Values]:
    """What the baselines predict in the test part, worked out once and kept."""
    weight, _ = weekbaselines.line(known.record, known.some, LENGTHS[1])
    text = f"{identity(known.record.hours.target)[:16]} {known.parts} {HIDDEN} {len(known.test)}"
    text += f" {identity(weight)[:16]}"
    path = home() / FOLDER / f"weeks-{identity(torch.tensor(list(text.encode())))[:24]}"
    if not path.is_file():
        predicted = {k: v.astype(np.float32) for k, v in _baselines(known).items()}
        with atomic_file(path) as part:
            save_file(predicted, part)
    return {name: values.astype(np.float64) for name, values in load_file(path).items()}


def _baselines(known: Setup) -> dict[str, Values]:
    record, test, horizon, end = known.record, known.test, LENGTHS[1], known.parts.train
    usual = weekbaselines.climatology(record, test, horizon, end, monthly=True)
    before = weekbaselines.climatology(record, known.some, horizon, end, monthly=True)
    weight, bias = weekbaselines.line(record, known.some, horizon)
    summary = record.hours.summary[test][:, : record.visible]
    linear = nn.functional.linear(summary, weight, bias).clamp(min=0) * record.unit
    measured = len(shape(VARIANTS[MAIN], 0).measured)
    columns = [*range(5), measured - 1]
    predicted = {
        "persistence": weekbaselines.persistence(record, test, horizon),
        "climatology, hour": weekbaselines.climatology(record, test, horizon, end, monthly=False),
        "climatology, month and hour": usual,
        "ridge regression": weekbaselines.ridge_week(
            record, known.some[::2], test, LENGTHS, columns
        ),
        "linear start": linear.double().numpy(),
        "boosted trees": weekbaselines.trees(record, known.some, test, horizon, (before, usual)),
    }
    return {name: weekbaselines.spread(record, values) for name, values in predicted.items()}


def all_scores(
    target: Values, predicted: Values, names: tuple[str, ...], visible: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Scores by group of stations and by horizon; daily ones are of means of a day's hours."""
    groups = {"visible": slice(0, visible), "hidden": slice(visible, None)}
    groups |= {name: slice(visible + i, visible + i + 1) for i, name in enumerate(names[visible:])}
    day_target, day_predicted = (
        daily(target, np.isfinite(target)),
        daily(predicted, np.isfinite(target)),
    )
    return {
        group: {f"{h} h": scores(target[:, s, :h], predicted[:, s, :h]) for h in HOURS}
        | {f"{d} days": scores(day_target[:, s, :d], day_predicted[:, s, :d]) for d in DAYS}
        for group, s in groups.items()
    }


def daily(values: Values, valid: NDArray[np.bool_]) -> Values:
    """Means of each 24 hours over those that were measured, NaN where fewer than 20 were."""
    split = (*values.shape[:-1], values.shape[-1] // 24, 24)
    return valid_mean(np.where(valid, values, np.nan).reshape(split), HOURS_OF_A_DAY, axis=-1)


def coverage(known: Setup, predicted: Values, scale: Values) -> dict[str, dict[str, float]]:
    """Share of errors within 50 and 90 % intervals in the test part, by horizon.

    Their width is set in the calibration part: at visible stations by their own errors there, at
    hidden ones by those of visible stations that were hidden for it, a third at a time.
    """
    network, record = trained(known, MAIN), known.record
    visible = torch.arange(record.visible)
    at_visible = predict(network, record, known.later, visible, visible[:0])
    own = _relative(record, known.later, *at_visible)
    turns = [visible[i::3] for i in range(3)]
    away = []
    for requested in turns:
        shown = visible[~torch.isin(visible, requested)]
        values, scales = predict(network, record, known.later, shown, requested)
        order = torch.cat((shown, requested))
        found = _relative(record, known.later, values, scales, order)
        away.append(found[:, len(shown) :])
    tested = _relative(record, known.test, predicted, scale)
    groups = {
        "visible": (own, tested[:, : record.visible]),
        "hidden": (np.concatenate(away, 1), tested[:, record.visible :]),
    }
    return {
        group: {share: held(*pair, int(share) / 100) for share in ("50", "90")}
        for group, pair in groups.items()
    }


def held(earlier: Values, tested: Values, share: float) -> float:
    """How many of the tested lie below the quantile of the earlier, each lead by its group's."""
    inside = []
    for first, last in pairwise(GROUPS):
        reach = np.nanquantile(earlier[..., first:last], share)
        now = tested[..., first:last]
        inside.append(now[np.isfinite(now)] <= reach)
    return float(np.concatenate(inside).mean())


def _relative(
    record: WeekRecord,
    steps: Tensor,
    predicted: Values,
    scale: Values | None,
    order: Tensor | None = None,
) -> Values:
    if scale is None:
        raise ValueError("this network predicts no scale")
    target = truth(record, steps)[:, slice(None) if order is None else order.numpy()]
    found: Values = np.abs(predicted - target[:, : predicted.shape[1]]) / scale
    return found


def truth(record: WeekRecord, steps: Tensor) -> Values:
    """What was read in the weeks, (origin, station, lead), ug m-3."""
    picked = steps.numpy()[:, None] + np.arange(LENGTHS[1])
    return record.readings()[picked].transpose(0, 2, 1)


def measure() -> dict[str, Any]:
    """All numbers of the forecast part."""
    known = setup()
    predicted = baselines(known)
    intervals: dict[str, dict[str, float]] = {}
    for name in VARIANTS:
        predicted[name], scale = network_weeks(known, name)
        if name == MAIN and scale is not None:
            intervals = coverage(known, predicted[name], scale)
    everywhere = np.isfinite(np.stack(list(predicted.values()))).all(0)
    target = np.where(everywhere, truth(known.record, known.test), np.nan)
    visible = known.record.visible
    return {
        "data": known.source,
        "dates": known.dates,
        "hidden": list(HIDDEN),
        "visible": visible,
        "weeks": len(known.test),
        "learned": len(known.learn),
        "training": json.loads(TRAINING.text()),
        "shape": {"width": WIDTH, "pool": POOL, "layers": AQNetConfig().layers},
        "coverage": intervals,
        "scores": {
            name: all_scores(target, values, known.record.names, visible)
            for name, values in predicted.items()
        },
    }


def _say(name: str, share: float, doing: str) -> None:
    if round(share * TRAINING.steps) % 50 == 0:
        print(name, doing, file=sys.stderr, flush=True)  # noqa: T201 - a command's progress
