"""The table of the AirSTFM paper, and what its networks cost here at the paper's size."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from engine.comparison import speed as bench
from engine.core.results_page import fill, read, table
from engine.superresolution.networks.networks import NETWORKS, from_preset

SIZES = "paper-sizes.json"
TEMPLATE = Path(__file__).with_name("page.md")

# Li et al., Atmosphere 2025, 16, 166 (doi:10.3390/atmos16020166), Table 3: RMSE / MAE / MAPE with
# 100, 80 and 40 % of the training part; parameters in millions; hours of training.
PAPER = (
    ("MEAN", "24.710 / 16.227 / 1.025", "the same", "the same", "", ""),
    ("HA", "5.039 / 1.942 / 0.534", "6.760 / 2.049 / 0.592", "6.479 / 1.999 / 0.546", "", ""),
    (
        "Urban-FM", "4.808 / 2.021 / 0.573", "5.970 / 3.536 / 0.237", "9.520 / 5.877 / 0.438",
        "6.42", "12:52",
    ),
    (
        "EDVR", "1.386 / 0.737 / 0.061", "1.403 / 0.741 / 0.064", "1.991 / 1.032 / 0.126",
        "3.03", "10:41",
    ),
    (
        "BasicVSR", "1.281 / 0.638 / 0.055", "1.306 / 0.631 / 0.047", "1.331 / 0.667 / 0.069",
        "4.22", "30:06",
    ),
    (
        "IconVSR", "1.204 / 0.602 / 0.039", "1.246 / 0.616 / 0.051", "1.313 / 0.651 / 0.070",
        "6.2", "43:21",
    ),
    (
        "BasicVSR++", "1.235 / 0.621 / 0.055", "1.226 / 0.597 / 0.046", "1.298 / 0.645 / 0.059",
        "7.47", "35:50",
    ),
    (
        "MANA", "1.711 / 1.191 / 0.111", "1.896 / 1.599 / 0.184", "4.589 / 1.885 / 0.428",
        "82.03", "8:50",
    ),
    (
        "AirSTFM", "1.173 / 0.584 / 0.036", "1.200 / 0.585 / 0.044", "1.248 / 0.621 / 0.052",
        "4.64", "20:06",
    ),
)  # fmt: skip


def sizes(folder: Path) -> dict[str, Any]:
    """One 800 × 720 day of each network at the paper's size, kept in a folder or measured now."""
    path = folder / SIZES
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    for name in NETWORKS:
        if name not in known:
            known[name] = bench.measured(name, "paper", 1)
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return known


def parameters(name: str) -> int:
    """Of a network at the paper's size."""
    with torch.device("meta"):
        return sum(p.numel() for p in from_preset(name, "paper").parameters())


def section(measured: Mapping[str, Any] | None = None) -> str:
    """The paper's table, marked as theirs, with what we have counted and measured beside it.

    Args:
        measured: Of our networks at that size; None: only their parameters are shown.
    """
    by_title = {kind.title: name for name, kind in NETWORKS.items()}
    heads = ("system", "100 %", "80 %", "40 %", "parameters, M", "training, h:min",
             "parameters, ours", "s per day, ours", "peak MB, ours")  # fmt: skip
    rows = []
    for row in PAPER:
        name = by_title.get(row[0])
        ours = ["", "", ""]
        if name:
            own = (measured or {}).get(name, {})
            timed = (own.get("processor_seconds"), own.get("peak_megabytes"))
            ours = [f"{parameters(name):,}", *("–" if v is None else f"{v:.0f}" for v in timed)]
        rows.append((*row, *ours))
    return fill(read(TEMPLATE)["paper"], {}, {"rows": table(heads, rows, "--:", left=4)})
