"""The forecast part of `docs/results/aqnet.md`: input of two weeks, forecast of one, hourly.

`python -m engine.research.aqnet.week_page` trains what is not trained yet, goes on where it
stopped, and writes `docs/results/aqnet-forecast.json`; `engine.research.aqnet.page` puts `section`
on its page.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

import torch

from engine.core.errors import EngineError
from engine.core.files import write_atomic
from engine.core.paths import ROOT
from engine.core.results_page import fill, table
from engine.research.aqnet.forecasts import MAIN, measure

FILE = ROOT / "docs" / "results" / "aqnet-forecast.json"


def section(found: Mapping[str, Any], parts: Mapping[str, str]) -> str:
    """The part of the page, from the parts of its template."""
    marks = found["scores"]
    horizons = list(marks[MAIN]["visible"])
    titles = {"visible": "At visible stations:", "hidden": "At withheld stations:"}
    titles |= {name: f"At {name}, which is withheld:" for name in found["hidden"]}
    groups = []
    for group, title in titles.items():
        rows = [(name, *(_cell(m[group][h]) for h in horizons)) for name, m in marks.items()]
        groups += [title, "", *table(("RMSE / MAE in µg/m³ / R²", *horizons), rows), ""]
    changes = [
        marks[MAIN][g][h]["rmse"] / marks["linear start"][g][h]["rmse"] - 1
        for g in ("visible", "hidden")
        for h in marks[MAIN][g]
    ]
    record = {
        **found,
        "hidden_names": ", ".join(found["hidden"]),
        "change_low": min(changes),
        "change_high": max(changes),
    }
    return fill(parts["forecast"], record, {"groups": groups, "aim": _aim(marks, parts)})


def _cell(score: Mapping[str, float]) -> str:
    return f"{score['rmse']:.1f} / {score['mae']:.1f} / {score['determination']:.2f}"


def _aim(marks: Mapping[str, Any], parts: Mapping[str, str]) -> str:
    """Where the network is below the baselines of the aim, and where it is not."""
    rivals = [n for n in marks if n.startswith(("persistence", "climatology", "boosted"))]
    titles = {"visible": "visible", "hidden": "withheld"}
    lost = [
        f"{title} {h} ({what.upper()} against {rival})"
        for group, title in titles.items()
        for h in marks[MAIN][group]
        for what in ("rmse", "mae")
        for rival in rivals
        if marks[rival][group][h][what] <= marks[MAIN][group][h][what]
    ]
    if not lost:
        return fill(parts["forecast_aim"], {}, {})
    return fill(parts["forecast_aim_but"], {"exceptions": ", ".join(lost)}, {})


def main() -> int:
    """Measure, and write the numbers."""
    torch.set_num_threads(1)
    try:
        found = measure()
    except EngineError as problem:
        print(f"airlens: {problem}", file=sys.stderr)  # noqa: T201 - a command's last word
        return 2
    write_atomic(FILE, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
