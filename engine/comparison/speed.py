"""Seconds and memory of one 800 × 720 day, for any system: `python -m engine.comparison.speed`.

Weights and climatologies are random: time and memory do not depend on them. Peak memory is that
of a process of its own, torch included. On a machine that does other things too, the processor's
time is what can be compared.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import get_args

import torch
from torch import nn

from engine.comparison.memory import peak_megabytes
from engine.superresolution.networks.airstfm import AirSTFM
from engine.superresolution.networks.classical import HistoricalRatio, Interpolation, Method
from engine.superresolution.networks.layers import SCALE
from engine.superresolution.networks.networks import NETWORKS, from_preset
from engine.superresolution.networks.tiling import tiled
from engine.superresolution.networks.video import VideoNetwork

# What each climatological ratio multiplies, and how many maps it has.
RATIOS: dict[str, tuple[Method, int]] = {
    "ha": ("copy", 1),
    "ha-monthly": ("copy", 12),
    "bicubic-ratio": ("bicubic", 12),
}
SYSTEMS = ("copy", "bilinear", "bicubic", *RATIOS, *NETWORKS)
Ready = Callable[[int, int], Callable[[], object]]


def measure(name: str, preset: str, size: tuple[int, int] = (100, 90)) -> dict[str, float]:
    """Seconds for the middle map, after a warm-up on a small one, and the peak of memory."""
    torch.manual_seed(0)
    ready, parameters = _network(name, preset) if name in NETWORKS else (_classical(name), 0)
    with torch.inference_mode():
        ready(12, 12)()
        answer = ready(*size)
        wall, processor = time.perf_counter(), time.process_time()
        answer()
    return {
        "parameters": parameters,
        "seconds": round(time.perf_counter() - wall, 3),
        "processor_seconds": round(time.process_time() - processor, 3),
        "peak_megabytes": round(peak_megabytes()),
    }


def _network(name: str, preset: str) -> tuple[Ready, int]:
    """A network, made ready for a day of so many coarse cells, and its parameters."""
    network = from_preset(name, preset).eval()
    frames = int(network.config.frames)  # type: ignore[arg-type, union-attr]  # each config has it

    def ready(h: int, w: int) -> Callable[[], object]:
        coarse, wanted = torch.randn(1, frames, 1, h, w), [frames // 2]
        if isinstance(network, AirSTFM | VideoNetwork):
            return lambda: tiled(network, coarse, frames=wanted)
        return lambda: network(coarse, frames=wanted)

    return ready, sum(p.numel() for p in network.parameters())


def _classical(name: str) -> Ready:
    """The same for what learns no weights. The training part is read before the clock starts."""

    def ready(h: int, w: int) -> Callable[[], object]:
        fine = (SCALE * h, SCALE * w)
        if name in RATIOS:
            method, months = RATIOS[name]
            network: nn.Module = HistoricalRatio(torch.rand(months, *fine), method)
        else:
            network = Interpolation(next(m for m in get_args(Method) if m == name))
        day = (torch.full((1, 1, 1, h, w), 40.0), torch.ones(1, 1, h, w, dtype=torch.bool))
        valid, month = torch.ones(1, 1, *fine, dtype=torch.bool), torch.ones(1, 1, dtype=torch.long)
        return lambda: network(*day, fine_mask=valid, month=month)

    return ready


def measured(name: str, preset: str, threads: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "engine.comparison.speed", name, "--preset", preset]
    done = subprocess.run(
        [*command, "--threads", str(threads)],
        capture_output=True,
        text=True,
        check=True,
        start_new_session=True,  # Ctrl-C is for the caller
    )
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def main() -> None:
    """Print the measurements of one system."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=SYSTEMS)
    parser.add_argument("--preset", choices=["paper", "small"], default="small")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    sys.stdout.write(json.dumps(measure(arguments.name, arguments.preset)))


if __name__ == "__main__":
    main()
