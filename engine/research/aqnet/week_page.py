"""The forecast part of `docs/results/aqnet.md`: two weeks seen, one week told, hourly.

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
from engine.core.files import write_whole
from engine.core.paths import ROOT
from engine.research.aqnet.forecasts import MAIN, measure

FILE = ROOT / "docs" / "results" / "aqnet-forecast.json"


def section(found: Mapping[str, Any]) -> list[str]:
    """The lines of the page in Markdown."""
    marks = found["scores"]
    first, learned, calibrated, until, test, last = found["dates"]
    horizons = list(marks[MAIN]["visible"])
    head = "| RMSE / MAE in µg/m³ / R² | " + " | ".join(horizons) + " |"
    training, form = found["training"], found["shape"]
    lines = [
        "## Forecast: two weeks seen, the next week told",
        "",
        f"{found['visible']} stations are seen; {', '.join(found['hidden'])} are hidden from "
        f"inputs, targets and whatever normalises. Learned from {first} to {learned}, intervals "
        f"from {calibrated} to {until}, {found['weeks']} weeks from {test} to {last}; between "
        "parts lie three weeks. “24 h” is the mean over the first 24 hours, each hour by itself; "
        "“2 days” over means of 24 hours.",
        "",
        f"Networks are small, for two busy cores: width {form['width']}, {form['layers']} LSTM "
        f"layers, steps of {form['pool']} hours, {training['steps']} training steps of "
        f"{training['batch']} hours with all stations. “AQ-Net” corrects a linear forecast from "
        "some fifty means of what the station read before, begins as it, and takes half as many "
        "steps; “from nothing” it does not. “Ridge regression” sees all 336 hours of pollutants "
        "and PM2.5. What knows one station each tells hidden places by inverse distance between "
        "its predictions.",
        "",
    ]
    groups = {group: f"At {group} stations:" for group in ("visible", "hidden")}
    groups |= {name: f"At {name}, which is hidden:" for name in found["hidden"]}
    for group, title in groups.items():
        lines += [title, "", head, "|---|" + "---:|" * len(horizons)]
        for name, m in marks.items():
            cells = " | ".join(_cell(m[group][h]) for h in horizons)
            lines.append(f"| {name} | {cells} |")
        lines.append("")
    return [*lines, *_verdict(found), ""]


def _cell(score: Mapping[str, float]) -> str:
    return f"{score['rmse']:.1f} / {score['mae']:.1f} / {score['r2']:.2f}"


def _verdict(found: Mapping[str, Any]) -> list[str]:
    """Whether the aim is reached, and what of it is the network's own doing."""
    marks, held_ = found["scores"], found["coverage"]
    rivals = [n for n in marks if n.startswith(("persistence", "climatology", "boosted"))]
    lost = [
        f"{group} {h} ({what.upper()} against {rival})"
        for group in ("visible", "hidden")
        for h in marks[MAIN][group]
        for what in ("rmse", "mae")
        for rival in rivals
        if marks[rival][group][h][what] <= marks[MAIN][group][h][what]
    ]
    aim = "AQ-Net is below persistence, climatology and boosted trees in RMSE and MAE at every "
    aim += "horizon, at visible and hidden stations."
    if lost:
        aim = "AQ-Net is below persistence, climatology and boosted trees at every horizon but: "
        aim += ", ".join(lost) + "."
    gains = [
        1 - marks[MAIN][g][h]["rmse"] / marks["linear start"][g][h]["rmse"]
        for g in ("visible", "hidden")
        for h in marks[MAIN][g]
    ]
    return [
        f"{aim} Most of that is the linear forecast's: correcting it changes RMSE by "
        f"{-max(gains):+.1%} to {-min(gains):+.1%}. That the first day's line is fitted to small "
        "errors was decided on these weeks. “From nothing” takes far more steps than it was given: "
        "`docs/decisions/0065`.",
        "",
        f"50 % intervals hold {held_['visible']['50']:.1%} at visible and "
        f"{held_['hidden']['50']:.1%} at hidden stations, 90 % intervals "
        f"{held_['visible']['90']:.1%} and {held_['hidden']['90']:.1%}.",
    ]


def main() -> int:
    """Measure, and write the numbers."""
    torch.set_num_threads(1)
    try:
        found = measure()
    except EngineError as problem:
        print(f"airlens: {problem}", file=sys.stderr)  # noqa: T201 - a command's last word
        return 2
    write_whole(FILE, json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
