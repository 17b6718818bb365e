"""Experiments on AirSTFM's place in the comparison.

`python -m engine.research.comparison.experiments`.

The comparison's own training on WUSTL's monthly maps, with one thing changed in each row. A row is
judged on the dates that the comparison scores, by which nothing was chosen there. What has been
run is kept in `docs/results/comparison/probes.json`; stopped, it goes on with the next row.
"""

import datetime as dt
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine import library
from engine.comparison.plan import Plan
from engine.comparison.runs import middle
from engine.core.errors import NotFoundError
from engine.core.files import write_atomic
from engine.core.paths import ROOT
from engine.core.results_page import TEMPLATES, fill, read, table, verdict_of_runs
from engine.research.airstfm.ablation import WUSTL, own_library
from engine.superresolution import examples, train_networks
from engine.superresolution.batches import Batch, Series, window
from engine.superresolution.examples import Examples
from engine.superresolution.loop import forward, train
from engine.superresolution.networks.masking import conserve
from engine.superresolution.networks.video import completed

RESULTS = ROOT / "docs" / "results" / "comparison" / "probes.json"
# As `make results-comparison` asks for WUSTL.
PLAN = Plan(
    "wustl",
    steps=100,
    train_end=dt.date(2014, 12, 31),
    validate_end=dt.date(2015, 12, 31),
    look=16,
    every=5,
)
LAST = dt.date(2018, 12, 31)
YEAR = 12  # months that training is stopped by
# How AirSTFM takes the past of a place in the weights that ship.
GUIDED = {"guide": 4, "guide_at": "both", "conserve": True}


@dataclass(frozen=True)
class Row:
    """One training, or several that differ by their seed alone.

    Attributes:
        name: What is special about it.
        model: Name of the network; empty: nothing is trained, and the start is judged.
        climatology: Whether it starts from the regression on the place's past, and not from its own
            bilinear map.
        network: Fields of its configuration that differ from the small preset.
        config: Choices of the training that differ from the comparison's.
        drawn_anew: Whether the tail's first weights keep its signal, as in the comparison.
        steps: Of the training.
        seeds: Of the runs.
    """

    name: str
    model: str = "airstfm"
    climatology: bool = False
    network: Mapping[str, object] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    drawn_anew: bool = True
    steps: int = 100
    seeds: tuple[int, ...] = (0, 1)


# What AirSTFM adds to the features of a frame starts at zero, as it does in MANA.
QUIET = {"quiet_start": True}
LARGE = {"crop": 16, "batch": 2}
FIRST = (0,)
CHARBONNIER, TWO = {"loss": "charbonnier"}, {"batch": 2}
ROWS = (
    Row("as compared"),
    Row("branches that start at zero", network=QUIET),
    Row("ordinary attention", network={"attention": False}),
    Row("32 channels instead of 16", network={"channels": 32}),
    Row("both: 32 channels, branches at zero", network={"channels": 32, **QUIET}),
    Row("MANA, as compared", "mana"),
    # What decision 0034 changed for all, taken back.
    Row("BasicVSR, as compared", "basicvsr"),
    Row("BasicVSR, Charbonnier's loss", "basicvsr", config=CHARBONNIER, seeds=FIRST),
    Row("BasicVSR, PyTorch's first weights", "basicvsr", drawn_anew=False, seeds=FIRST),
    Row("BasicVSR, 2 crops of 8 cells, not 8", "basicvsr", config=TWO, seeds=FIRST),
    # The past of the place, which no network of the comparison is given.
    Row("the past alone: local regression", "", climatology=True, seeds=FIRST),
    Row("with the past: regression, guidance", climatology=True, network=GUIDED, seeds=FIRST),
    Row("BasicVSR with the past: regression", "basicvsr", climatology=True, seeds=FIRST),
    Row("2 crops of 16 cells instead of 8 of 8", config=LARGE, seeds=FIRST),
    Row("MANA, 2 crops of 16", "mana", config=LARGE, seeds=FIRST),
    Row("without pretext", network={"pretext": False}, seeds=FIRST),
    Row("Charbonnier's loss", config=CHARBONNIER, seeds=FIRST),
    Row("PyTorch's first weights", drawn_anew=False, seeds=FIRST),
    Row("MANA, 400 steps", "mana", steps=400, seeds=FIRST),
    Row("400 steps", steps=400, seeds=FIRST),
)


def run(
    learn: Callable[[bool], Examples], rows: Sequence[Row] = ROWS, results: Path = RESULTS
) -> dict[str, list[dict[str, Any]]]:
    """Train what is not in the file yet, each row's first seed first; it is whole after each run.

    Args:
        learn: Makes the examples, with climatology or without it, whose validation part reaches to
            `LAST`; not called if no row is missing.
        rows: What to train.
        results: The file.

    Returns:
        For each row, for each seed, what `judge` says, `validation` by step, and `parameters`.
    """
    done: dict[str, list[dict[str, Any]]] = (
        json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    )
    known: dict[bool, Examples] = {}
    turns = range(max(len(row.seeds) for row in rows))
    for turn, row in ((turn, row) for turn in turns for row in rows):
        if not len(done.get(row.name, [])) == turn < len(row.seeds):
            continue
        if row.climatology not in known:
            known = {row.climatology: learn(row.climatology)}
        done.setdefault(row.name, []).append(_one(row, row.seeds[turn], known[row.climatology]))
        done = {r.name: done[r.name] for r in rows if r.name in done} | done
        write_atomic(results, json.dumps(done, indent=1) + "\n")
    return done


def _one(row: Row, seed: int, known: Examples) -> dict[str, Any]:
    later = _seen(known.validation[0], row)
    stop, test = _frames(later, slice(0, YEAR)), _frames(later, slice(YEAR, None))
    if not row.model:
        return judge(None, test, 5, known.std) | {"parameters": 0, "validation": []}
    config = replace(PLAN.config(row.steps, seed), **row.config)
    network = train_networks.fresh(
        row.model, "small", known, seed, drawn_anew=row.drawn_anew, **row.network
    )
    frames = train_networks.settings(network).frames
    training = [_seen(series, row) for series in known.training]
    with tempfile.TemporaryDirectory(prefix="airlens-") as folder:
        outcome = train(config, network, frames, training, [middle(stop, PLAN.look)], Path(folder))
    curve = [[c["step"], round(float(c["validation_rmse"]) * known.std, 3)] for c in outcome.curve]
    found = judge(network.eval(), test, frames, known.std)
    count = sum(p.numel() for p in network.parameters())
    return found | {"parameters": count, "validation": curve}


def _seen(series: Series, row: Row) -> Series:
    """As much of the climatology as the row may see."""
    guided = "guide" in row.network
    return replace(
        series,
        base=series.base if row.climatology else None,
        guide=series.guide if guided else None,
    )


def _frames(series: Series, frames: slice) -> Series:
    """Some frames of a series."""
    parts = {name: getattr(series, name) for name in series.__dataclass_fields__}
    return Series(
        **{n: z if z is None or len(z) != len(series) else z[frames] for n, z in parts.items()}
    )


def judge(network: nn.Module | None, test: Series, frames: int, std: float) -> dict[str, float]:
    """How good maps are, one date in `PLAN.every`, and what was added to what they start from.

    Returns:
        `rmse` as it is and `exact` with exact block means, `start`, the RMSE of the map it starts
        from, in ug m-3; `agreement`, the correlation of what it adds with what the start lacks;
        `size`, the spread of the one over that of the other.
    """
    squares, added, lacking = [0.0, 0.0, 0.0], [], []
    with torch.inference_mode():
        for at in range(0, len(test), PLAN.every or 1):
            batch = window(test, at, frames).to(torch.device("cpu"))
            start, fine = _start(batch), batch.fine[:, :, 0][batch.fine_mask]
            map_ = start if network is None else forward(network, batch).mean
            middle_ = list(batch.wanted)
            coarse = torch.where(batch.mask[:, middle_, None], batch.coarse[:, middle_], 0)
            exact = conserve(map_, coarse, batch.fine_mask)
            kept = [z[:, :, 0][batch.fine_mask].double() for z in (map_, exact, start)]
            for i, values in enumerate(kept):
                squares[i] += float(((values - fine) ** 2).sum())
            added.append(kept[0] - kept[2])
            lacking.append(fine - kept[2])
    both = torch.stack((torch.cat(added), torch.cat(lacking)))
    rmse, exact_rmse, start_rmse = ((z / both.shape[1]) ** 0.5 * std for z in squares)
    spread = both.std(1)
    return {
        "rmse": round(rmse, 4),
        "exact": round(exact_rmse, 4),
        "start": round(start_rmse, 4),
        "agreement": round(float(both.corrcoef()[0, 1].nan_to_num()), 3),
        "size": round(float(spread[0] / spread[1]), 3),
    }


def _start(batch: Batch) -> torch.Tensor:
    """The map that a network of the comparison adds to."""
    wanted = list(batch.wanted)
    nothing = torch.zeros_like(batch.fine)
    return completed(
        nothing, batch.coarse[:, wanted], batch.mask[:, wanted], batch.fine_mask, batch.base
    )


def section(results: Path = RESULTS) -> str:
    """The rows as a part of the page; nothing if none has been run."""
    if not results.is_file():
        return ""
    done = json.loads(results.read_text(encoding="utf-8"))
    first = [run["rmse"] for run in next(iter(done.values()))]
    rows = []
    for i, (name, runs) in enumerate(done.items()):
        cells = [_spread([r[key] for r in runs]) for key in ("start", "rmse", "exact")]
        shown = verdict_of_runs([r["rmse"] for r in runs], first) if i else ""
        cells += [f"{statistics.mean(r[key] for r in runs):.2f}" for key in ("agreement", "size")]
        title = name.replace("the past", "climatology")  # the file keeps its old names
        rows.append((title, f"{runs[0]['parameters']:,}", *cells, shown))
    heads = (
        "what is changed", "parameters", "start", "RMSE", "RMSE exact", "agreement", "size",
        "verdict",
    )  # fmt: skip
    template = read(TEMPLATES / "comparison.md")["probes"]
    return fill(template, {}, {"rows": table(heads, rows, "--:")})


def _spread(values: Sequence[float]) -> str:
    """The mean, and the standard deviation where there are several that differ."""
    text = f"{statistics.mean(values):.3f}"
    return f"{text} ± {statistics.stdev(values):.3f}" if len(set(values)) > 1 else text


def wustl(source: Path, climatology: bool) -> Examples:
    """Examples of the monthly record: 1998 to 2014 to learn from, and all that follows.

    Raises:
        NotFoundError: If the file is not there.
    """
    if not source.exists():
        raise NotFoundError("the data of the probes are not there", where=str(source))
    with own_library():
        about = library.import_files("grid", [source], "wustl", train_end=PLAN.train_end)
        dataset = library.open_dataset("wustl")
        return examples.prepare(dataset, about, validate_end=LAST, regress=climatology)


if __name__ == "__main__":
    given = sys.argv[1:]
    for name, runs in run(partial(wustl, Path(given[0]) if given else WUSTL)).items():
        outcome = ", ".join(f"{r['rmse']:.3f}" for r in runs)
        sys.stdout.write(f"{name:44s} {outcome}\n")
