"""What a bench says beside its numbers: the machine, and where they are kept."""

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

import torch

RESULTS = Path(__file__).resolve().parents[3] / "docs" / "results"


def hardware(threads: int) -> dict[str, object]:
    """What the numbers were measured on; the load says how much else was running."""
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [z for z in info.read_text().splitlines() if z.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    return {
        "processor": cpu,
        "cores": os.cpu_count(),
        "threads": threads,
        "load_before": round(os.getloadavg()[0], 2),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def keep(name: str, numbers: Mapping[str, object]) -> None:
    """Write the numbers of a bench to `docs/results/`."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / name).write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
