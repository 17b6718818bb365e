"""What each part of AirSTFM is worth: short trainings of equal budget, one part changed in each.

`python -m engine.research.airstfm.ablation` trains row after row on WUSTL's monthly maps and keeps
what it has in `docs/results/airstfm-ablation.json`; stopped, it goes on with the next row; rows
of another budget are trained anew. The budget is seconds for each row, not the paper's twenty
hours, so the rows say what helps early, and a difference smaller than that between seeds says
nothing.
"""

import datetime as dt
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from engine import library
from engine.core import results_page
from engine.core.errors import NotFoundError
from engine.core.files import write_atomic
from engine.core.paths import ROOT
from engine.core.progress import Progress, part
from engine.superresolution.batches import Series
from engine.superresolution.examples import Examples, prepare
from engine.superresolution.loop import train, validate
from engine.superresolution.networks.airstfm import preset
from engine.superresolution.recipe_airstfm import CLIMATOLOGY_PLANES
from engine.superresolution.train_airstfm import STATIC_FIELDS, build
from engine.superresolution.training_config import TrainingConfig

RESULTS = ROOT / "docs" / "results" / "airstfm-ablation.json"
WUSTL = ROOT.parent / "shared" / "data" / "wustl" / "V5GL04_PM25_eastasia_monthly_1998-2018.nc"
CONFIG = TrainingConfig(
    steps=60,
    pretext_steps=15,
    batch=2,
    crop=14,
    learning_rate=1e-3,
    warm_up=10,
    flow_frozen=15,
    average=0.95,
    check_every=60,  # one look at the judges, at the end: nothing is chosen by them
    loss="mse",
)
TRAIN_END, JUDGE_END = dt.date(2014, 12, 31), dt.date(2016, 12, 31)


@dataclass(frozen=True)
class Row:
    """One training.

    Attributes:
        name: What is special about it.
        climatology: Whether the network corrects the regression on the place's climatology, or
            its own bilinear map as in the paper.
        gaussian: Whether the error's scale is learned too.
        without_climatology: Whether there is none, and bicubic maps with exact block means are
            corrected.
        network: Fields of the configuration that differ from the small preset.
        seed: Of the run.
    """

    name: str
    climatology: bool = False
    gaussian: bool = False
    without_climatology: bool = False
    network: Mapping[str, object] = field(default_factory=dict)
    seed: int = 0


def _modules(name: str) -> Row:
    """A row of the paper's Table 4: which of attention, flow and pretext are in."""
    parts = {"attention": "A" in name, "flow": "F" in name, "pretext": "S" in name}
    return Row(f"modules {name}", network=parts)


OURS = {"conserve": True, "mask_plane": True, "guide_at": "both"}
WITH_STATIC_FIELDS = OURS | {
    "guide": len(CLIMATOLOGY_PLANES) + len(STATIC_FIELDS),
    "static_fields": STATIC_FIELDS,
}
QUIET = {"quiet_start": True}
ROWS = (
    _modules("A+F+S"),
    replace(_modules("A+F+S"), name="modules A+F+S, another seed", seed=1),
    Row("paper + exact block means", network={"conserve": True}),
    Row("ours", climatology=True, gaussian=True, network=OURS),
    Row("ours, without guidance", climatology=True, gaussian=True, network=OURS | {"guide": 0}),
    Row("ours, without the error's scale", climatology=True, network=OURS),
    Row(
        "ours, block means free",
        climatology=True,
        gaussian=True,
        network=OURS | {"conserve": False},
    ),
    *(_modules(name) for name in ("A+F", "A+S", "F+S", "A", "F", "S")),
    # The paper's Tables 5 to 10; blocks and channels in its proportions to its own choice.
    Row("fusion add, after", network={"fusion_place": "after"}),
    Row("fusion concat, before", network={"fusion": "concat"}),
    Row("fusion concat, after", network={"fusion": "concat", "fusion_place": "after"}),
    Row("extraction blocks 2", network={"extraction_blocks": 2}),
    Row("extraction blocks 6", network={"extraction_blocks": 6}),
    Row("reconstruction blocks 3", network={"reconstruction_blocks": 3}),
    Row("reconstruction blocks 13", network={"reconstruction_blocks": 13}),
    Row("frames 3", network={"frames": 3}),
    Row("frames 7", network={"frames": 7}),
    Row("channels 8", network={"channels": 8}),
    Row("channels 32", network={"channels": 32}),
    Row("overlap 70 %", network={"stride": 3}),
    Row("overlap 50 %", network={"stride": 5}),
    Row("overlap 0 %", network={"stride": 10}),
    replace(_modules("A+F+S"), name="modules A+F+S, a third seed", seed=2),
    Row("ours + coast and cities", climatology=True, gaussian=True, network=WITH_STATIC_FIELDS),
    Row("ours, quiet start", climatology=True, gaussian=True, network=OURS | QUIET),
    Row(
        "past unknown",
        climatology=True,
        gaussian=True,
        without_climatology=True,
        network=OURS | QUIET,
    ),
    Row(
        "past unknown + coast and cities",
        climatology=True, gaussian=True, without_climatology=True,
        network=WITH_STATIC_FIELDS | QUIET,
    ),
    Row("modules A+F+S, quiet start", network=QUIET),
    Row("modules A+F+S, quiet start, another seed", network=QUIET, seed=1),
)  # fmt: skip


def run(
    learn: Callable[[], Examples],
    rows: Sequence[Row] = ROWS,
    *,
    results: Path = RESULTS,
    config: TrainingConfig = CONFIG,
    progress: Progress | None = None,
) -> dict[str, dict[str, float]]:
    """Train the rows that are not in the file yet; the file is whole after each.

    Args:
        learn: Makes the examples, with climatology; not called if no row is missing.
        rows: What to train.
        results: The file.
        config: The budget.
        progress: Called with the share done.

    Returns:
        For each row `rmse` over the validation part in ug m-3, `parameters`, `seconds`.
    """
    kept = json.loads(results.read_text(encoding="utf-8")) if results.exists() else {}
    budget = {"steps": config.steps, "batch": config.batch, "crop": config.crop}
    same = all(kept.get("about", {}).get(name) == value for name, value in budget.items())
    done: dict[str, dict[str, float]] = kept["rows"] if same else {}
    missing = [row for row in rows if row.name not in done]
    if not missing:
        return done
    known = learn()
    about = budget | {
        "maps_to_learn_from": sum(len(s) for s in known.training),
        "maps_to_judge_by": sum(len(s) for s in known.validation),
        "base_rmse": _base_rmse(known),
    }
    for i, row in enumerate(missing):
        stage = part(progress, i / len(missing), (i + 1) / len(missing))
        done[row.name] = _train(row, known, config, stage)
        text = json.dumps({"about": about, "rows": done}, indent=1, ensure_ascii=False)
        write_atomic(results, text + "\n")
    return done


def _train(
    row: Row, known: Examples, config: TrainingConfig, progress: Progress | None
) -> dict[str, float]:
    way = replace(config, seed=row.seed, loss="gaussian" if row.gaussian else "mse")
    plain = {"guide": 0, "static_fields": (), "conserve": False, "mask_plane": False}
    plain |= {"log_scale": row.gaussian, "quiet_start": False}
    seen = replace(known, base="regression" if row.climatology else "bilinear")
    fields = (plain | {"guide": 4} if row.climatology else plain) | dict(row.network)
    network = build(seen, "small", row.seed, **fields)
    parts = (known.training, known.validation)
    if row.without_climatology:
        parts = (known.training_without_climatology, known.validation_without_climatology)
    planes = network.config.guide
    training, validation = ([_as(s, row.climatology, planes) for s in part_] for part_ in parts)
    with tempfile.TemporaryDirectory(prefix="airlens-") as folder:
        stage = train(
            way, network, network.config.frames, training, validation, Path(folder),
            progress=progress,
        )  # fmt: skip
    return {
        "rmse": stage.best * known.std,
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(stage.seconds, 1),
    }


def _as(series: Series, climatology: bool, planes: int) -> Series:
    """The series with the climatology and the planes of guidance that the row may see."""
    guide = None if series.guide is None or not planes else series.guide[:, :planes]
    return replace(series, base=series.base if climatology else None, guide=guide)


def _base_rmse(known: Examples) -> dict[str, float]:
    """What the networks start from: the regression's map, the bilinear one, the exact bicubic."""
    frames, device = preset("small").frames, torch.device("cpu")
    found = {}
    for name, climatology, series in (
        ("regression", True, known.validation),
        ("bilinear", False, known.validation),
        ("bicubic, exact", True, known.validation_without_climatology),
    ):
        fields = {"guide": 0, "static_fields": (), "conserve": climatology, "log_scale": False}
        untrained = build(replace(known, base="bilinear"), "small", 0, **fields)
        parts = [_as(s, climatology, 0) for s in series]
        found[name] = validate(untrained, parts, frames, device) * known.std
    return found


@contextmanager
def own_library() -> Iterator[None]:
    """A library that is forgotten afterwards."""
    before = os.environ.get("AIRLENS_HOME")
    with tempfile.TemporaryDirectory(prefix="airlens-") as folder:
        os.environ["AIRLENS_HOME"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["AIRLENS_HOME"]
            else:
                os.environ["AIRLENS_HOME"] = before


def wustl(source: Path) -> Examples:
    """Examples of the monthly record: 1998 to 2014 to learn from, 2015 and 2016 to judge by.

    Raises:
        NotFoundError: If the file is not there.
    """
    if not source.exists():
        raise NotFoundError("the data of the ablation are not there", where=str(source))
    with own_library():
        about = library.import_files("grid", [source], "wustl", train_end=TRAIN_END)
        dataset = library.open_dataset("wustl")
        return prepare(dataset, about, validate_end=JUDGE_END, static_fields=STATIC_FIELDS)


def section(short: Mapping[str, Any], parts: Mapping[str, str]) -> str:
    """What the file holds, as a part of the page; nothing if no row was trained.

    Args:
        short: The file.
        parts: Of the page's template.
    """
    if not short.get("rows"):
        return ""
    rows: Mapping[str, Mapping[str, float]] = short["rows"]
    lines = [(_title(n), f"{r['rmse']:.3f}", f"{int(r['parameters']):,}") for n, r in rows.items()]
    tables = {
        "rows": results_page.table(("row", "RMSE", "parameters"), lines, "--:"),
        "reading": _reading(rows, short["about"]["base_rmse"], parts),
    }
    return results_page.fill(parts["switches"], short, tables)


def _title(row: str) -> str:
    """A row as the page names it; the file keeps its old names."""
    return row.replace("past unknown", "without climatology")


def _reading(
    rows: Mapping[str, Mapping[str, float]], start: Mapping[str, float], parts: Mapping[str, str]
) -> str:
    """How the rows compare, counted from their numbers."""
    rmse = {name: row["rmse"] for name, row in rows.items()}
    ours = ("ours", "paper +", "past unknown")
    paper = {n: r for n, r in rmse.items() if not n.startswith(ours) and "quiet" not in n}
    seeds = {n: r for n, r in paper.items() if n.startswith("modules A+F+S")}
    if not seeds:
        return ""
    least, most = min(paper, key=paper.__getitem__), max(paper, key=paper.__getitem__)
    low, high = min(seeds.values()), max(seeds.values())
    chance = list(seeds.values())
    words = [results_page.verdict_of_runs([r], chance) for n, r in paper.items() if n not in seeds]
    record: dict[str, Any] = {
        "seeds": len(seeds),
        "seeds_low": low,
        "seeds_high": high,
        "least": paper[least],
        "least_name": least,
        "most": paper[most],
        "most_name": most,
        "below": sum(r < low for r in paper.values()),
        "count": len(paper),
        "better": words.count("better"),
        "worse": words.count("worse"),
        "not_shown": words.count("not shown"),
    }
    chosen = ["reading"]
    if "paper + exact block means" in rmse and "ours" in rmse:
        record |= {"exact": rmse["paper + exact block means"], "ours": rmse["ours"]}
        record["regression"] = start["regression"]
        chosen.append("reading_steps")
    quiet = [r for name, r in rmse.items() if name.startswith("modules A+F+S, quiet")]
    if quiet:
        record["quiet"] = " and ".join(f"{r:.3f}" for r in quiet)
        record["quiet_verdict"] = results_page.verdict_of_runs(quiet, chance)
        chosen.append("reading_quiet")
    return " ".join(results_page.fill(parts[name], record, {}) for name in chosen)


if __name__ == "__main__":

    def _tell(share: float, doing: str) -> None:
        sys.stderr.write(f"\r{share:4.0%} {doing:60s}" if sys.stderr.isatty() else "")

    given = sys.argv[1:]
    for name, scores in run(
        lambda: wustl(Path(given[0]) if given else WUSTL), progress=_tell
    ).items():
        sys.stdout.write(f"{name:36s} {scores['rmse']:.3f}\n")
