"""Seconds and memory of one 800 × 720 day, for any network: `python -m engine.bench.networks`.

Weights are random: time and memory do not depend on them. Peak memory is that of a process of its
own. On a machine that does other things too, the processor's time is what can be compared.
"""

import argparse
import json
import subprocess
import sys
import time

import torch

from engine.bench.memory import peak_megabytes
from engine.models.airstfm import AirSTFM
from engine.models.networks import NETWORKS, from_preset
from engine.models.tiling import tiled
from engine.models.video import VideoNetwork


def measure(name: str, preset: str, size: tuple[int, int] = (100, 90)) -> dict[str, float]:
    """Seconds for the middle map, after a warm-up on a small one, and the peak of memory."""
    torch.manual_seed(0)
    network = from_preset(name, preset).eval()
    frames = int(network.config.frames)  # type: ignore[arg-type, union-attr]  # each config has it

    def answer(h: int, w: int) -> None:
        coarse = torch.randn(1, frames, 1, h, w)
        with torch.inference_mode():
            if isinstance(network, AirSTFM | VideoNetwork):
                tiled(network, coarse, frames=[frames // 2])
            else:
                network(coarse, frames=[frames // 2])

    answer(12, 12)
    wall, processor = time.perf_counter(), time.process_time()
    answer(*size)
    return {
        "parameters": sum(p.numel() for p in network.parameters()),
        "seconds": round(time.perf_counter() - wall, 3),
        "processor_seconds": round(time.process_time() - processor, 3),
        "peak_megabytes": round(peak_megabytes()),
    }


def measured(name: str, preset: str, threads: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "engine.bench.networks", name, "--preset", preset]
    done = subprocess.run(
        [*command, "--threads", str(threads)], capture_output=True, text=True, check=True
    )
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def main() -> None:
    """Print the measurements of one network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=list(NETWORKS))
    parser.add_argument("--preset", choices=["paper", "small"], default="small")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    sys.stdout.write(json.dumps(measure(arguments.name, arguments.preset)))


if __name__ == "__main__":
    main()
