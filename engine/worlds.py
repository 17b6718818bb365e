"""AirSTFM for the demo world: trained on other worlds than the one that is shipped.

A world is a seed of `engine.twin`: the same towns, coast and hills under other weather. The
network learns on some seeds, is stopped by others, and is scored on ones that neither saw; the
shipped windows have a seed and dates of their own. `python -m engine.worlds FOLDER` trains.

What is learned of the place (`engine.models.regression`) is learned from the training worlds and
shipped with the weights, so that no date of the demo is needed to map another. As a year is left
out when a record of one place teaches a network what is left over, so is here a world.
"""

import datetime as dt
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from engine.errors import EngineError
from engine.lessons import BLIND, Lessons, Source, blind_series, cut, series_of
from engine.models.masking import masked_block_mean
from engine.models.regression import (
    LocalRegression,
    Parts,
    Past,
    RegressionConfig,
    learn,
    valid_blocks,
)
from engine.progress import Progress, Stop, part, report
from engine.regression import Record
from engine.trainer import Trained, train_on, training_config
from engine.training.config import TrainingConfig
from engine.twin.datasets import LICENCE
from engine.twin.places import GRID, places
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
TEST = (
    World(7201, dt.date(2007, 1, 15), 15),
    World(7202, dt.date(2007, 4, 15), 15),
    World(7203, dt.date(2007, 7, 15), 15),
    World(7204, dt.date(2007, 10, 15), 15),
)

# Worlds have no order in time, and days of one world are alike: equal weights. The ridge was chosen
# on the validation worlds, from 0.01 to 3.
REGRESSION = RegressionConfig(ratio_years=1e6, ridge_years=1e6, ridge=0.15, shrink=1.0)
PLACE = f"{GRID.rows} × {GRID.columns} cells; west, south, east, north {GRID.bounds}"
CONFIG = replace(training_config("small", 600, 0), check_every=150, flow_frozen=200)
JUDGED = (
    f"other worlds, seeds {' and '.join(str(w.seed) for w in VALIDATION)}; no other was looked at"
)
BASE = (
    "a regression on the training worlds, which comes with the weights (past.safetensors), or on "
    "the past of another dataset where that is long enough"
)
WORDS = (
    "AirLens demo world, simulated (engine.twin), seeds "
    f"{TRAINING[0].seed} to {TRAINING[-1].seed}; SYNTHETIC, not measured"
)


def lessons_of(
    training: Sequence[World] = TRAINING,
    validation: Sequence[World] = VALIDATION,
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Lessons:
    """Simulate worlds and make lessons of them.

    Args:
        training: Worlds to learn from, three or more.
        validation: Worlds to stop by.
        progress: Told while simulating.
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
    past, parts = learn(
        coarse,
        mask,
        torch.cat([r.fine for r in records]),
        torch.cat([r.fine_mask for r in records]),
        torch.cat([torch.full((w.days,), float(i)) for i, w in enumerate(training)]),
        REGRESSION,
    )
    # No seasons were told apart; what differs between months is rounding.
    past = Past(*(z if z is past.slopes else z[:1].expand(12, -1, -1) for z in past))
    known = coarse[mask]
    mean, std = float(known.mean()), float(known.std())
    series, first = [], 0
    for record in records:
        frames = slice(first, first + len(record.coarse))
        series.append(
            series_of(record, Parts(*(getattr(parts, f)[frames] for f in Parts._fields)), mean, std)
        )
        first = frames.stop
    network = LocalRegression(past)
    later = [days_of(world) for world in validation]
    report(progress, cancelled, 1.0, "lessons are ready")
    return Lessons(
        Source("demo", WORDS, LICENCE, "day", PLACE, True, JUDGED, "worlds", BASE),
        tuple(series),
        tuple(series_of(r, mapped(network, r), mean, std) for r in later),
        tuple(blind_series(cut(r, slice(0, len(r.coarse) // BLIND)), mean, std) for r in records),
        tuple(blind_series(r, mean, std) for r in later),
        mean,
        std,
        "regression",
        min(w.start for w in training),
        max(w.start + dt.timedelta(days=w.days - 1) for w in training),
        max(w.start + dt.timedelta(days=w.days - 1) for w in validation),
        (past, GRID),
    )


def days_of(
    world: World, progress: Progress | None = None, cancelled: Stop | None = None
) -> Record:
    """Days of a world as the demo dataset would hold them: land alone."""
    land = torch.from_numpy(places().land)
    fine, dates = [], []
    for i, day in enumerate(simulate(world.days, world.seed, world.start)):
        report(progress, cancelled, i / world.days, f"simulating world {world.seed}")
        fine.append(torch.where(land, torch.from_numpy(day.pm2p5), 0))
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


def train_worlds(
    folder: Path,
    *,
    training: Sequence[World] = TRAINING,
    validation: Sequence[World] = VALIDATION,
    config: TrainingConfig = CONFIG,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Trained:
    """Train on worlds, or go on with a run that was stopped, and write the checkpoint.

    Raises:
        StorageError: If the folder cannot be written, or holds another run.
    """
    known = lessons_of(training, validation, progress=part(progress, 0.0, 0.3), cancelled=cancelled)
    return train_on(
        known, folder, config=config, progress=part(progress, 0.3, 1.0), cancelled=cancelled
    )


def main(folder: Path) -> None:
    """Train the weights for the demo and say what came out."""
    result = train_worlds(folder, progress=lambda share, doing: _tell(f"{share:4.0%} {doing}"))
    inner, outer = result.coverage
    _tell(f"done; 50 % intervals hold {inner:.0%}, 90 % intervals {outer:.0%} of unseen worlds\n")


def _tell(text: str) -> None:
    sys.stderr.write(f"\r{text:70s}" if sys.stderr.isatty() else "")
    sys.stderr.flush()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("airlens: name the folder for the weights")
    try:
        main(Path(sys.argv[1]))
    except EngineError as problem:
        sys.stderr.write(f"airlens: {problem}\n")
        sys.exit(2)
