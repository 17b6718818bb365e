"""Tables of `docs/results/`, one command each.

`python -m engine.research.comparison.tables classical`.

A table is a pure function of the data and the code: nothing in it depends on when it was made.
"""

import datetime as dt
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine import library
from engine.core import regions
from engine.core.errors import EngineError, NotFoundError
from engine.core.paths import ROOT
from engine.inference.catalogue import MODELS
from engine.inference.evaluation import Scores, evaluate
from engine.inference.run import Request
from engine.library import DatasetInfo

RESULTS = ROOT / "docs" / "results"
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
        also: Further regions, for which only RMSE is told.
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
    results.mkdir(parents=True, exist_ok=True)
    record = _record(comparison, about, source) | {"scores": scores}
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    (results / f"{comparison.name}.json").write_text(text + "\n", encoding="utf-8")
    table = markdown(comparison, about, scores)
    (results / f"{comparison.name}.md").write_text(table, encoding="utf-8")
    return scores[comparison.region]


def markdown(
    comparison: Comparison, about: DatasetInfo, scores: Mapping[str, Mapping[str, Scores]]
) -> str:
    """The page with the table."""
    main = scores[comparison.region]
    box = regions.resolve(comparison.region)
    lines = [
        f"# {comparison.title}",
        "",
        f"Made by `make results-{comparison.name}`. Data: {about.source}. Scored on the "
        f"{main[comparison.models[0]]['dates']} months from {comparison.start:%Y-%m} to "
        f"{comparison.end:%Y-%m} over {comparison.region} ({box}, grown to whole blocks of 8 × 8 "
        f"cells); whatever learns, learned from {about.start:%Y-%m} to "
        f"{comparison.train_end:%Y-%m}.",
        "The coarse map is the block mean of the fine one: *synthetic degradation of real data*. "
        "Monthly means at 0.1°, so these numbers say nothing about daily maps at 1 km.",
        "",
        "| model | RMSE | MAE | MAPE | bias | r | largest block mean off by | n |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {MODELS[name].title} (`{name}`) | {_cells(main[name])} |" for name in comparison.models
    ]
    lines += [
        "",
        "RMSE, MAE, bias and block means in µg/m³; MAPE as a fraction, its denominator at least "
        "1 µg/m³. All valid fine cells of all months pooled.",
        "",
        "As the AirSTFM paper probably counts, over all cells with no data as 0:",
        "",
        "| model | RMSE | MAE | MAPE |",
        "|---|--:|--:|--:|",
    ]
    lines += [
        f"| `{name}` | {_number(main[name], 'paper_rmse')} | {_number(main[name], 'paper_mae')} | "
        f"{_number(main[name], 'paper_mape')} |"
        for name in comparison.models
    ]
    heads = [comparison.region, *comparison.also]
    lines += [
        "",
        "RMSE elsewhere:",
        "",
        f"| model | {' | '.join(heads)} |",
        f"|---|{'--:|' * len(heads)}",
    ]
    lines += [
        f"| `{name}` | " + " | ".join(_number(scores[r][name], "rmse") for r in heads) + " |"
        for name in comparison.models
    ]
    return "\n".join(lines) + "\n"


def _cells(found: Scores) -> str:
    keys = ("rmse", "mae", "mape", "bias", "r", "block_mean_difference")
    return " | ".join([*(_number(found, key) for key in keys), str(found["n"])])


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
        run(CLASSICAL, Path(given[1]) if len(given) > 1 else WUSTL, RESULTS)
    except EngineError as problem:
        sys.stderr.write(f"airlens: {problem}\n")
        sys.exit(2)
