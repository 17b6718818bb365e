"""AirSTFM for the demo world: trained on other worlds than the one that is shipped.

A world is a seed of `engine.twin`: the same towns, coast and hills under other weather. The
network learns on some seeds, is stopped by others, and is scored on ones that neither saw; the
shipped windows have a seed and dates of their own. `python -m engine.research.airstfm.demo_weights
FOLDER` trains, and with `intervals` after it sizes the intervals of weights again.

What is learned of the place (`engine.superresolution.networks.regression`) is learned from the
training worlds and shipped with the weights, so that no date of the demo is needed to map another.
As a year is left out when a record of one place teaches a network what is left over, so is here a
world.
"""

import datetime as dt
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from engine.core.errors import EngineError, NotFoundError
from engine.core.progress import Progress, Stop, part, report
from engine.research.demo.build_demo import SCALE
from engine.superresolution import weights
from engine.superresolution.card import intervals
from engine.superresolution.examples import (
    WITHOUT_CLIMATOLOGY,
    Examples,
    Source,
    cut,
    months_of,
    series_of,
    series_without_climatology,
)
from engine.superresolution.networks.masking import masked_block_mean
from engine.superresolution.networks.regression import (
    LocalRegression,
    Parts,
    PlaceClimatology,
    RegressionConfig,
    learn,
    valid_blocks,
)
from engine.superresolution.regression_fit import Record
from engine.superresolution.static import Plane, Spread, planes, spreads, standard
from engine.superresolution.train_airstfm import (
    STATIC_FIELDS,
    Trained,
    calibrate,
    concentrations,
    train_on,
    training_config,
)
from engine.superresolution.training_config import TrainingConfig
from engine.training.weights_folder import CARD, republish
from engine.twin.datasets import LICENCE
from engine.twin.places import GRID
from engine.twin.places import places as the_place
from engine.twin.world import simulate


@dataclass(frozen=True)
class World:
    """Some days of one world.

    Attributes:
        seed: Of its weather.
        start: First local date.
        days: How many.
    """

    seed: int
    start: dt.date
    days: int


# All seasons twice, under other weather each time; none of the shipped windows' seed.
TRAINING = tuple(
    World(seed, dt.date(2009 + i % 5, month, 3), 14)
    for i, (seed, month) in enumerate(
        zip(range(7001, 7009), (1, 7, 4, 10, 12, 6, 2, 8), strict=True)
    )
)
VALIDATION = (World(7101, dt.date(2008, 1, 10), 4), World(7102, dt.date(2008, 7, 10), 4))
# What sizes the intervals: weather that neither taught nor stopped, in every season.
CALIBRATION = tuple(
    World(seed, dt.date(2006, month, 12), 3)
    for seed, month in zip(range(7301, 7305), (1, 4, 7, 10), strict=True)
)

# Worlds have no order in time, and days of one world are alike: equal weights. The ridge was chosen
# on the validation worlds, from 0.01 to 3.
REGRESSION = RegressionConfig(ratio_years=1e6, ridge_years=1e6, ridge=0.15, shrink=1.0)
PLACE = f"{GRID.rows} × {GRID.columns} cells; west, south, east, north {GRID.bounds}"
# Crops of 24 coarse cells hold two attention windows a side, so that attention learns too.
CONFIG = replace(training_config("small", 8000, 0), crop=24, batch=2, check_every=250)
JUDGED = (
    f"other worlds, seeds {' and '.join(str(w.seed) for w in VALIDATION)}; intervals were sized by "
    f"seeds {CALIBRATION[0].seed} to {CALIBRATION[-1].seed}; no other was looked at"
)
BASE = (
    "a regression on the training worlds, which comes with the weights (past.safetensors), or on "
    "the climatology of another dataset where that is long enough"
)
WORDS = (
    "AirLens demo world, simulated (engine.twin), seeds "
    f"{TRAINING[0].seed} to {TRAINING[-1].seed}; SYNTHETIC, not measured"
)


def demo_examples(
    training: Sequence[World] = TRAINING,
    validation: Sequence[World] = VALIDATION,
    calibration: Sequence[World] = (),
    *,
    static_fields: Sequence[Plane] = STATIC_FIELDS,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Examples:
    """Simulate worlds and make examples of them.

    Args:
        training: Worlds to learn from, three or more.
        validation: Worlds to stop by.
        calibration: Worlds to size the intervals by; none: those of the validation.
        static_fields: Static fields that guide.
        progress: Called while simulating.
        cancelled: Looked at between days.

    Raises:
        Cancelled: If it was.
    """
    records = [
        days_of(
            world,
            part(progress, 0.8 * i / len(training), 0.8 * (i + 1) / len(training)),
            cancelled,
        )
        for i, world in enumerate(training)
    ]
    report(progress, cancelled, 0.8, "learning the place")
    coarse = torch.cat([r.coarse for r in records])
    mask = torch.cat([r.mask for r in records])
    # Whole numbers are worlds; a fraction would be a season, which the worlds share.
    climatology, parts = learn(
        coarse,
        mask,
        torch.cat([r.fine for r in records]),
        torch.cat([r.fine_mask for r in records]),
        torch.cat([torch.full((w.days,), float(i)) for i, w in enumerate(training)]),
        REGRESSION,
    )
    # No seasons were distinguished; what differs between months is rounding.
    climatology = PlaceClimatology(
        *(z if z is climatology.slopes else z[:1].expand(12, -1, -1) for z in climatology)
    )
    known = coarse[mask]
    mean, std = float(known.mean()), float(known.std())
    fixed = planes(static_fields, GRID)
    scale = spreads(fixed, records[0].fine_mask.any(0).numpy())
    beside = standard(fixed, scale)
    series, first = [], 0
    for record in records:
        frames = slice(first, first + len(record.coarse))
        series.append(
            series_of(
                record,
                Parts(*(getattr(parts, f)[frames] for f in Parts._fields)),
                mean,
                std,
                beside,
            )
        )
        first = frames.stop
    network = LocalRegression(climatology)
    later, last = ([days_of(world) for world in part_] for part_ in (validation, calibration))
    report(progress, cancelled, 1.0, "examples are ready")
    return Examples(
        Source("demo", WORDS, LICENCE, "day", PLACE, True, JUDGED, "worlds", BASE),
        tuple(series),
        tuple(series_of(r, mapped(network, r), mean, std, beside) for r in later),
        tuple(
            series_without_climatology(
                cut(r, slice(0, len(r.coarse) // WITHOUT_CLIMATOLOGY)), mean, std, beside
            )
            for r in records
        ),
        tuple(series_without_climatology(r, mean, std, beside) for r in later),
        mean,
        std,
        "regression",
        min(w.start for w in training),
        max(w.start + dt.timedelta(days=w.days - 1) for w in training),
        max(w.start + dt.timedelta(days=w.days - 1) for w in validation),
        (climatology, GRID),
        tuple(series_of(r, mapped(network, r), mean, std, beside) for r in last),
        tuple(series_without_climatology(r, mean, std, beside) for r in last),
        tuple(static_fields),
        scale,
        tuple(months_of(record.dates) for record in last or later),
    )


def days_of(
    world: World, progress: Progress | None = None, cancelled: Stop | None = None
) -> Record:
    """Days of a world as the shipped demo would hold them: land alone, in its steps of ug m-3."""
    land = torch.from_numpy(the_place().land)
    fine, dates = [], []
    for i, day in enumerate(simulate(world.days, world.seed, world.start)):
        report(progress, cancelled, i / world.days, f"simulating world {world.seed}")
        fine.append(torch.where(land, torch.from_numpy(np.rint(day.pm2p5 / SCALE) * SCALE), 0))
        dates.append(day.date)
    whole, mask = torch.stack(fine), land.expand(len(fine), -1, -1)
    return Record(
        masked_block_mean(whole, mask, 8),
        valid_blocks(land[None]).expand(len(fine), -1, -1),
        whole,
        mask,
        torch.zeros(len(fine)),
        np.array(dates, dtype="datetime64[D]"),
    )


def mapped(network: LocalRegression, record: Record) -> Parts:
    """The regression's maps of days that it did not learn from."""
    month = torch.ones(1, len(record.coarse), dtype=torch.long)  # every month's past is the same
    with torch.inference_mode():
        parts = network.parts(
            record.coarse[None, :, None],
            record.mask[None],
            fine_mask=record.fine_mask[None],
            month=month,
        )
    return Parts(*(z.clone() for z in parts))


def train_demo_weights(
    folder: Path,
    *,
    training: Sequence[World] = TRAINING,
    validation: Sequence[World] = VALIDATION,
    calibration: Sequence[World] = CALIBRATION,
    config: TrainingConfig = CONFIG,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Trained:
    """Train on worlds, or go on with a run that was stopped, and write the checkpoint.

    Raises:
        StorageError: If the folder cannot be written, or holds another run.
    """
    known = demo_examples(
        training,
        validation,
        calibration,
        progress=part(progress, 0.0, 0.3),
        cancelled=cancelled,
    )
    return train_on(
        known, folder, config=config, progress=part(progress, 0.3, 1.0), cancelled=cancelled
    )


def size_intervals(
    folder: Path,
    calibration: Sequence[World] = CALIBRATION,
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> tuple[float, float]:
    """Size the intervals of weights again, without training; the network stays as it is.

    Args:
        folder: With the weights of the demo; its configuration and card are written anew.
        calibration: Worlds to size them by.
        progress: Called while simulating.
        cancelled: Looked at between days.

    Returns:
        What the 50 and 90 % intervals hold of these worlds' errors.

    Raises:
        EngineError: If there are no such weights, or they cannot be written.
    """
    about, network = weights.load(folder)
    climatology = weights.climatology_of(folder, about, GRID)
    if climatology is None:
        raise NotFoundError(
            "these weights hold no climatology of the demo's grid", where=str(folder)
        )
    known = LocalRegression(climatology)
    records = [days_of(world, progress, cancelled) for world in calibration]
    mean, std = about.mean, about.std
    beside = standard(
        planes(tuple(about.static_fields), GRID), [Spread(*t) for t in about.static_fields.values()]
    )
    series = [series_of(r, mapped(known, r), mean, std, beside) for r in records]
    months, unknown = (
        [months_of(r.dates) for r in records],
        [series_without_climatology(r, mean, std, beside) for r in records],
    )
    own = calibrate(network, series, months, correct=about.correct)
    alone = calibrate(network, unknown, correct=about.correct_without_climatology)
    held = own.coverage
    sized = about.model_copy(
        update={
            "error_factor": own.factor,
            "season_factors": own.seasons,
            "largest_errors": concentrations(own, std),
            "factor_without_climatology": alone.factor,
            "largest_error_without_climatology": concentrations(alone, std)[0],
        }
    )
    text = (folder / CARD).read_text(encoding="utf-8")
    for row, said in {"intervals": intervals(sized, *held), "stopped by": JUDGED}.items():
        text = re.sub(rf"(?m)^\| {row} \|.*$", f"| {row} | {said} |", text)
    republish(folder, sized, text)
    return held


def main(folder: Path, *, sizing: bool = False) -> None:
    """Train the weights for the demo, or size their intervals again, and say what came out."""

    def report_progress(share: float, doing: str) -> None:
        _tell(f"{share:4.0%} {doing}")

    if sizing:
        inner, outer = size_intervals(folder, progress=report_progress)
    else:
        inner, outer = train_demo_weights(folder, progress=report_progress).coverage
    _tell(f"done; 50 % intervals hold {inner:.0%}, 90 % intervals {outer:.0%} of unseen worlds\n")


def _tell(text: str) -> None:
    sys.stderr.write(f"\r{text:70s}" if sys.stderr.isatty() else "")
    sys.stderr.flush()


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or sys.argv[2:] not in ([], ["intervals"]):
        sys.exit("airlens: name the folder of the weights, and intervals to size these alone")
    try:
        main(Path(sys.argv[1]), sizing=len(sys.argv) == 3)
    except EngineError as problem:
        sys.stderr.write(f"airlens: {problem}\n")
        sys.exit(2)
