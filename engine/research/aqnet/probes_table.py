"""The page's part on experiments: the numbers that `engine.research.aqnet.experiments` wrote."""

import json
from collections.abc import Mapping
from typing import Any

from engine.core.paths import ROOT

FILE = ROOT / "docs" / "results" / "aqnet-probes.json"
Rows = Mapping[str, Mapping[str, float]]


def section() -> list[str]:
    """Lines in Markdown; none where the experiments were not run."""
    if not FILE.is_file():
        return []
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    here: Mapping[str, Rows] = found["beijing"]
    base = here["reference"]["space-time kriging"]["rmse"]
    return [
        "### What else was tried",
        "",
        "Made by `make probes-aqnet`: the same stations, folds and hours. Each row takes the place "
        f"of space-time kriging, whose RMSE is {base:.2f} µg/m³ on the hours that all rows tell. "
        "No network corrects them.",
        "",
        *_table("kriging", here["kriging"], base),
        "Not to be had, and only to see how far one could come: what is fitted to the station's "
        "own past.",
        "",
        *_table("fitted at the station itself", here["bounds"], base),
        "Constant weights, were they known, and the station's own level, were it known, each gain "
        "less than half of what the goal asks; other hours gain most, which is why the covariance "
        "is carried with the wind. The satellites' level is of years before the stations' first "
        "reading, because later maps are fused with these very monitors. Their maps are no part of "
        "the project, so the network does not use it.",
        "",
        "**Another task: filling gaps.** Where the PM2.5 monitor of a station fails and its "
        "analysers of gases and PM10 run on, boosted trees that never saw its PM2.5 do far better. "
        "This is no reanalysis of an unobserved place and is not compared with the goal.",
        "",
        *_table("a station's own gases and PM10 known", here["gap filling"], base),
        "### Cities, kriging from so many",
        "",
        *_cities(found["cities"]),
    ]


def _table(title: str, rows: Rows, base: float) -> list[str]:
    return [
        f"| {title}, µg/m³ | RMSE | MAE | against space-time kriging |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {m['rmse']:.2f} | {m['mae']:.2f} | {m['rmse'] / base - 1:+.1%} |"
            for name, m in rows.items()
        ),
        "",
    ]


def _cities(tables: Mapping[str, Rows]) -> list[str]:
    rows = list(next(iter(tables.values())))
    return [
        "“Level of all” holds the mean of the whole country, solved once a day, to which kriging "
        "returns where no city is near.",
        "",
        f"| RMSE in µg/m³ | {' | '.join(tables)} |",
        "|---|" + "---:|" * len(tables),
        *(
            f"| {row} | "
            + " | ".join(f"{table[row]['rmse']:.2f}" for table in tables.values())
            + " |"
            for row in rows
        ),
        "",
    ]
