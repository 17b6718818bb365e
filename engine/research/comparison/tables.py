"""Tables of `docs/results/`, one command each.

`python -m engine.research.comparison.tables classical`.

A table is a pure function of the data and the code: nothing in it depends on when it was made.
With `kept` after the name the page is written anew from the numbers that are there.
"""

import datetime as dt
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine import library
from engine.core import regions
from engine.core.errors import EngineError, NotFoundError
from engine.core.files import write_atomic
from engine.core.paths import ROOT
from engine.core.results_page import TEMPLATES, fill, read, table
from engine.inference.catalogue import MODELS
from engine.inference.evaluation import Scores, evaluate
from engine.inference.request import Request
from engine.library import DatasetInfo

RESULTS = ROOT / "docs" / "results"
PAPER_LIKE = ("paper_rmse", "paper_mae", "paper_mape")
WUSTL = ROOT.parent / "shared" / "data" / "wustl" / "V5GL04_PM25_eastasia_monthly_1998-2018.nc"


@dataclass(frozen=True)
class Comparison:
    """What a table compares, on which data.

    Attributes:
        name: Of the files in `docs/results/`.
        title: Over the table.
        region: Name of the region.
        train_end: Last date to learn from.
        start: First date to score.
        end: Last date to score.
        models: Names in the catalogue, in the table's order.
        also: Further regions, of which only RMSE is shown.
    """

    name: str
    title: str
    region: str
    train_end: dt.date
    start: dt.date
    end: dt.date
    models: tuple[str, ...]
    also: tuple[str, ...] = ()


CLASSICAL = Comparison(
    "classical",
    "Super-resolution ×8 without learned weights, WUSTL monthly PM2.5",
    "eastern-china",
    dt.date(2014, 12, 31),
    dt.date(2015, 1, 1),
    dt.date(2018, 12, 31),
    (
        "copy",
        "bilinear",
        "bicubic",
        "ha-climatology",
        "ha",
        "ha-monthly",
        "bilinear-ratio",
        "bicubic-ratio",
    ),
    ("yrd", "north-china", "sichuan", "all"),
)


def run(comparison: Comparison, source: Path, results: Path) -> dict[str, Scores]:
    """Import the file into a library of its own, score the models, write `.json` and `.md`.

    Raises:
        NotFoundError: If the file is not there.
        EngineError: If it cannot be imported or scored.
    """
    if not source.exists():
        raise NotFoundError(
            "the data of this table are not there",
            where=str(source),
            remedy="Put the file there, or name it as second argument",
        )
    with tempfile.TemporaryDirectory(prefix="airlens-") as folder:
        before = os.environ.get("AIRLENS_HOME")
        os.environ["AIRLENS_HOME"] = folder
        try:
            about = library.import_files("grid", [source], "wustl", train_end=comparison.train_end)
            scores = {
                region: evaluate(
                    Request("wustl", comparison.start, region),
                    comparison.models,
                    comparison.start,
                    comparison.end,
                    progress=lambda share, doing: _tell(f"{share:4.0%} {doing}"),
                )
                for region in (comparison.region, *comparison.also)
            }
        finally:
            if before is None:
                del os.environ["AIRLENS_HOME"]
            else:
                os.environ["AIRLENS_HOME"] = before
    _tell("done\n")
    record = _record(comparison, about, source) | {"scores": scores}
    write_atomic(
        results / f"{comparison.name}.json",
        json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
    )
    again(comparison, results)
    return scores[comparison.region]


def again(comparison: Comparison, results: Path = RESULTS) -> None:
    """Write the page from the numbers that are kept.

    Raises:
        NotFoundError: If there are none.
    """
    kept = results / f"{comparison.name}.json"
    if not kept.exists():
        raise NotFoundError(
            "there are no scores yet",
            where=str(kept),
            remedy="Run make results-{name}",
            name=comparison.name,
        )
    record = json.loads(kept.read_text(encoding="utf-8"))
    write_atomic(results / f"{comparison.name}.md", markdown(comparison, record))


def markdown(comparison: Comparison, record: Mapping[str, Any]) -> str:
    """The page with its tables."""
    scores: Mapping[str, Mapping[str, Scores]] = record["scores"]
    main = scores[comparison.region]
    regions_ = [comparison.region, *comparison.also]
    first, last = record["scored"]
    tables = {
        "scores": table(
            ("model", "RMSE", "MAE", "MAPE", "bias", "r", "largest block mean off by", "n"),
            [(f"{MODELS[n].title} (`{n}`)", *_cells(main[n])) for n in comparison.models],
            "--:",
        ),
        "paper_like": table(
            ("model", "RMSE", "MAE", "MAPE"),
            [(f"`{n}`", *(_number(main[n], k) for k in PAPER_LIKE)) for n in comparison.models],
            "--:",
        ),
        "regions": table(
            ("model", *regions_),
            [
                (f"`{n}`", *(_number(scores[r][n], "rmse") for r in regions_))
                for n in comparison.models
            ],
            "--:",
        ),
    }
    derived = {
        "months": main[comparison.models[0]]["dates"],
        "box": str(regions.resolve(comparison.region)),
        "training_start": record["training"][0][:7],
        "training_end": record["training"][1][:7],
        "start": first[:7],
        "end": last[:7],
    }
    text = read(TEMPLATES / f"{comparison.name}.md")["page"]
    return fill(text, {**record, **derived}, tables) + "\n"


def _cells(found: Scores) -> list[str]:
    keys = ("rmse", "mae", "mape", "bias", "correlation", "block_mean_difference")
    return [*(_number(found, key) for key in keys), str(found["n"])]


def _number(found: Scores, key: str) -> str:
    value = found.get(key)
    # Adding 0 turns a rounded -0.000 into 0.000.
    return f"{round(value, 3) + 0:.3f}" if isinstance(value, float) else "–"


def _record(comparison: Comparison, about: DatasetInfo, source: Path) -> dict[str, object]:
    return {
        "title": comparison.title,
        "data": about.source,
        "licence": about.licence,
        "file": source.name,
        "file_sha256": [origin.sha256 for origin in about.files],
        "dataset_checksum": about.checksum,
        "coarse_origin": "block mean of the fine map by factor 8 (synthetic degradation)",
        "region": comparison.region,
        "training": [about.start.isoformat(), comparison.train_end.isoformat()],
        "scored": [comparison.start.isoformat(), comparison.end.isoformat()],
        "units": "ug m-3; mape is a fraction",
    }


def _tell(text: str) -> None:
    sys.stderr.write(f"\r{text:60s}" if sys.stderr.isatty() else "")
    sys.stderr.flush()


if __name__ == "__main__":
    given = sys.argv[1:]
    if not given or given[0] != CLASSICAL.name:
        sys.exit(f"airlens: name a table: {CLASSICAL.name}")
    try:
        if given[1:] == ["kept"]:
            again(CLASSICAL)
        else:
            run(CLASSICAL, Path(given[1]) if len(given) > 1 else WUSTL, RESULTS)
    except EngineError as problem:
        sys.stderr.write(f"airlens: {problem}\n")
        sys.exit(2)
