"""All super-resolution systems on one dataset under one budget: train, score, keep, go on.

Every network has the same number of steps (or of minutes), the same frames and crops in the same
order, the same loss over the same cells and the same early stopping; each starts from the map that
it would give without learning. A system is scored on dates that nothing learned from or was
stopped by, as it is and with its block means made exact.
"""

import datetime as dt
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from platform import machine
from typing import Any

import torch
import xarray as xr

from engine import library
from engine.comparison import scores as compare_scores
from engine.comparison.plan import Plan, check
from engine.core import dates as days
from engine.core.errors import RequestError, StorageError
from engine.core.files import atomic_file
from engine.core.progress import Progress, Stop, part, report
from engine.core.task import Need, Task
from engine.inference import catalogue
from engine.inference.catalogue import Model
from engine.inference.request import Request
from engine.inference.run import Run, open_run
from engine.superresolution import examples, train_networks, weights
from engine.superresolution.batches import Series
from engine.superresolution.examples import Examples
from engine.superresolution.networks.layers import SCALE
from engine.superresolution.networks.networks import NETWORKS
from engine.superresolution.recipe import Learned
from engine.verify.metrics import current_names

RECORD = "runs.json"
SCORED = 24  # dates at most, by default
TRAINED = 20  # times as long as a system takes that only is scored, for the display


def compare(
    plan: Plan,
    folder: Path,
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> dict[str, Any]:
    """Run what is not in the folder's record yet; the record is whole after each run.

    Returns:
        The record: `plan`, `data`, and `runs` by name, share and seed.

    Raises:
        EngineError: If dataset and models do not go together, or the folder holds another plan.
        Cancelled: If it was; what was done stays, and the next call goes on.
    """
    about = check(plan)
    record = _open(plan, folder, about)
    dataset = library.open_dataset(plan.data)
    jobs = [
        (share, name, seed)
        for share in plan.fractions
        for name in plan.models
        for seed in (plan.seeds if name in NETWORKS else plan.seeds[:1])
        if _key(name, share, seed) not in record["runs"]
    ]
    known: dict[float, Examples] = {}
    for (share, name, seed), stage in zip(jobs, _parts(progress, jobs), strict=True):
        report(stage, cancelled, 0.0, "making ready")
        if share not in known:
            known = {share: _examples(plan, dataset, about, share, cancelled)}
        dates = _test_dates(plan, known[share])
        report(stage, cancelled, 0.0, "measuring a step" if plan.minutes else "beginning")
        job = Job(plan, name, share, seed, _steps(plan, name, known[share], seed, folder, record))
        run, row = _ready(job, known[share], folder, stage, cancelled)
        winter = min(dates, key=lambda d: (abs((d.month - 1 + 6) % 12 - 6), d))
        tally = compare_scores.score(run, dates, part(stage, 0.8, 1.0), cancelled)
        row |= compare_scores.row(tally)
        record["winter"] = winter.isoformat()
        record["tested"] = [dates[0].isoformat(), dates[-1].isoformat()]
        if share == plan.fractions[0] and seed == plan.seeds[0]:
            picture = run.predict(winter)
            compare_scores.keep_picture(folder, name, picture["pm2p5"].values[0], tally)
            compare_scores.keep_picture(folder, "target", picture["target"].values[0], None)
        record["runs"][_key(name, share, seed)] = row
        _write(folder, record)
    return record


def _parts(
    progress: Progress | None, jobs: Sequence[tuple[float, str, int]]
) -> Iterator[Progress | None]:
    """The progress of each job, which says whose it is. To train takes far longer than to score."""
    lengths = [TRAINED if name in NETWORKS else 1 for _, name, _ in jobs]
    done = 0
    for (share, name, seed), length in zip(jobs, lengths, strict=True):
        stage = part(progress, done / sum(lengths), (done + length) / sum(lengths))
        done += length
        whose = f"{name} {share:.0%} seed {seed}" if name in NETWORKS else name
        yield None if stage is None else partial(_tell, stage, whose)


def _tell(progress: Progress, whose: str, share: float, doing: str) -> None:
    progress(share, f"{whose}: {doing}")


def _examples(
    plan: Plan, dataset: xr.Dataset, about: library.DatasetInfo, share: float, stop: Stop | None
) -> Examples:
    """What every network learns from, and is stopped by."""
    known = examples.prepare(
        dataset,
        about,
        train_end=plan.train_end,
        validate_end=plan.validate_end,
        regress=False,
        fraction=share,
        cancelled=stop,
    )
    if not plan.look:
        return known
    judged = f"the middle {plan.look} × {plan.look} coarse cells on later dates to "
    judged += f"{known.validate_end}; nothing after that was looked at"
    seen = tuple(middle(series, plan.look) for series in known.validation)
    return replace(known, validation=seen, source=replace(known.source, judged=judged))


def middle(series: Series, side: int) -> Series:
    """The middle of the maps, at most so many coarse cells high and wide."""
    h, w = series.coarse.shape[-2:]
    rows, columns = (slice(max(0, (n - side) // 2), max(0, (n - side) // 2) + side) for n in (h, w))
    down, across = (slice(SCALE * s.start, SCALE * s.stop) for s in (rows, columns))
    return replace(
        series,
        coarse=series.coarse[:, rows, columns],
        mask=series.mask[:, rows, columns],
        fine=series.fine[:, down, across],
        fine_mask=series.fine_mask[:, down, across],
    )


@dataclass(frozen=True)
class Job:
    """One system to make ready and to score; `steps` is 0 for one that is not trained."""

    plan: Plan
    name: str
    share: float
    seed: int
    steps: int


def _steps(
    plan: Plan, name: str, known: Examples, seed: int, folder: Path, record: dict[str, Any]
) -> int:
    """How long a network is trained. Steps measured once hold for all its runs, and going on."""
    if name not in NETWORKS:
        return 0
    if plan.steps:
        return plan.steps
    measured: dict[str, int] = record.setdefault("steps", {})
    if name not in measured:
        measured[name] = _steps_within(plan, name, known, seed)
        _write(folder, record)
    return measured[name]


def _ready(
    job: Job,
    known: Examples,
    folder: Path,
    progress: Progress | None,
    cancelled: Stop | None,
) -> tuple[Run, dict[str, Any]]:
    """A system that has learned, and what that took."""
    plan, name, share, seed = job.plan, job.name, job.share, job.seed
    request = Request(plan.data, known.validate_end, model="bilinear", train_end=known.train_end)
    row: dict[str, Any] = {"model": name, "fraction": share, "seed": seed}
    if name not in NETWORKS:
        started = time.process_time()
        run = open_run(replace(request, model=name), cancelled=cancelled)
        taken = time.process_time() - started
        return run, row | {"parameters": 0, "training_seconds": taken, "curve": []}
    network = train_networks.fresh(name, plan.preset, known, seed)
    place = place_of(folder, name, share, seed)
    config = plan.config(job.steps, seed)
    resumed, started = (place / "state").exists(), time.process_time()
    counters = train_networks.learn(
        network,
        known,
        config,
        place / "state",
        progress=part(progress, 0.0, 0.8),
        cancelled=cancelled,
    )
    report(None, cancelled, 0.0, "")
    taken = time.process_time() - started
    train_networks.publish(name, network, known, place, config, counters)
    # What is scored is what was written, in half precision.
    _, network = weights.load_network(place)
    half = train_networks.settings(network).frames // 2
    recipe = Learned(
        Task("super-resolution", (Need("grid", before=half, after=half),)), known.mean, known.std
    )
    opened = open_run(request)
    model = Model(recipe, network, "trained for the comparison", known.train_end)
    row |= {
        "parameters": sum(p.numel() for p in network.parameters()),
        # Of the processor; those of the clock where a run was taken up again.
        "training_seconds": round(counters.seconds if resumed else taken, 1),
        "resumed": resumed,
        "steps": config.steps,
        "best_step": counters.best_step,
        "validation_rmse": counters.best * known.std,
        "curve": [[c["step"], float(c["validation_rmse"]) * known.std] for c in counters.curve],
    }
    return replace(opened, model=model, entry=catalogue.find(name)), row


def place_of(folder: Path, name: str, share: float, seed: int) -> Path:
    """Where a comparison keeps a network's weights."""
    return folder / "weights" / f"{name}-{share:.0%}-{seed}".replace("%", "")


def _steps_within(plan: Plan, name: str, known: Examples, seed: int) -> int:
    """Steps that fit into the minutes, from the time that a few take."""
    from tempfile import TemporaryDirectory

    def timed(steps: int) -> float:
        network = train_networks.fresh(name, plan.preset, known, seed)
        config = replace(plan.config(steps, seed), check_every=steps + 1)
        few = replace(known, validation=tuple(_first(s) for s in known.validation))
        with TemporaryDirectory(prefix="airlens-") as scratch:
            started = time.perf_counter()
            train_networks.learn(network, few, config, Path(scratch))
            return time.perf_counter() - started

    timed(1)
    one, four = timed(1), timed(4)
    each = max((four - one) / 3, 1e-3)
    return max(1, int(60 * (plan.minutes or 0) / each))


def _first(series: Series) -> Series:
    """The first frame of a series."""
    cut = {n: getattr(series, n)[:1] for n in ("coarse", "mask", "fine", "fine_mask")}
    return replace(series, **cut)


def _test_dates(plan: Plan, known: Examples) -> list[dt.date]:
    dataset = library.open_dataset(plan.data)
    last = days.local_dates(dataset)[-1].item()
    dates = days.between(dataset, known.validate_end, last, name=plan.data)
    # Any day of a month means the month: one that decided something is not looked at again.
    later = [date for date in dates if date > known.validate_end]
    if not later:
        raise RequestError(
            "no date is left to score: training is stopped by those up to {validate_end}",
            where=plan.data,
            remedy="Set --train-end and --validate-end earlier",
            validate_end=known.validate_end,
        )
    return later[:: plan.every or -(-len(later) // SCORED)]


def _key(name: str, share: float, seed: int) -> str:
    return f"{name} {share:.0%} {seed}"


def _open(plan: Plan, folder: Path, about: library.DatasetInfo) -> dict[str, Any]:
    """The record of the folder, or a new one.

    Raises:
        StorageError: If it is damaged, or of a plan with another budget or other data.
    """
    chosen = json.loads(json.dumps(asdict(plan), default=str))
    fixed = {k: v for k, v in chosen.items() if k not in ("models", "fractions", "seeds")}
    path = folder / RECORD
    if not path.is_file():
        return {
            "plan": chosen,
            "fixed": fixed,
            "checksum": about.checksum,
            "data": about.source,
            "licence": about.licence,
            "synthetic": about.synthetic,
            "shape": dict(about.shape),
            "period": about.period,
            "threads": torch.get_num_threads(),
            "machine": f"{os.cpu_count()} × {machine()}",
            "torch": torch.__version__,
            "runs": {},
        }
    try:
        record = current_names(json.loads(path.read_text(encoding="utf-8")))
        same = record["fixed"] == fixed and record["checksum"] == about.checksum
    except (ValueError, KeyError, OSError) as problem:
        raise StorageError(
            "the record of the comparison is damaged", where=str(path), remedy="Delete the folder"
        ) from problem
    if not same:
        raise StorageError(
            "a comparison with another budget or other data is in this folder",
            where=str(folder),
            remedy="Give another --out, or the same choices to go on",
        )
    record["plan"] = chosen
    return record


def _write(folder: Path, record: Mapping[str, Any]) -> None:
    text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
    remedy = "Make room there, or give another --out"
    with atomic_file(folder / RECORD, "the record cannot be written", remedy) as part:
        part.write_text(text, encoding="utf-8")
