"""One 800 × 720 day of AirSTFM, paper and small: `make bench-airstfm`.

Weights are random: time and memory do not depend on them. Peak memory is that of a process of
its own, all of it counted. Seconds on the clock grow with what else the machine does; processor
seconds, of all threads together, hardly do.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import torch

from engine.comparison.memory import peak_megabytes
from engine.research.bench.attention import spread
from engine.research.bench.machine import hardware
from engine.superresolution.networks.airstfm import PRESETS, AirSTFM
from engine.superresolution.networks.tiling import tiled

NOTE = "on a shared machine the clock shows its load; processor seconds are those of all threads"
TARGET_SECONDS = {"paper": 5.0, "small": 1.5}


def measure(name: str, repeats: int, size: tuple[int, int] = (100, 90)) -> dict[str, object]:
    """Seconds for the middle day of five on 100 × 90 coarse cells, after one warm-up."""
    torch.manual_seed(0)
    network = AirSTFM(PRESETS[name]).eval()
    coarse = torch.randn(1, PRESETS[name].frames, 1, *size)
    seconds, processor = [], []
    for _ in range(repeats + 1):
        start, busy = time.perf_counter(), time.process_time()
        tiled(network, coarse, frames=[PRESETS[name].frames // 2])
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - busy)
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": spread(seconds[1:]),
        "processor_seconds": spread(processor[1:]),
        "target_seconds": TARGET_SECONDS[name],
        "peak_megabytes": round(peak_megabytes()),
        "repeats": repeats,
    }


def main() -> None:
    """Print and write the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("docs/results/airstfm-speed.json"))
    parser.add_argument("--preset", choices=list(PRESETS), help="measure this one alone and print")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.preset:
        sys.stdout.write(json.dumps(measure(arguments.preset, arguments.repeats)))
        return
    result: dict[str, object] = {"hardware": hardware(arguments.threads), "note": NOTE}
    for name in PRESETS:
        command = [sys.executable, "-m", "engine.research.bench.airstfm", "--preset", name]
        command += ["--threads", str(arguments.threads), "--repeats", str(arguments.repeats)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        result[name] = json.loads(done.stdout)
    text = json.dumps(result, indent=1) + "\n"
    arguments.out.write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
