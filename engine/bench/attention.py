"""Time, memory and difference of patch attention against unfolding: `make bench-attention`.

Each measurement of memory runs in a process of its own, whose peak resident size before the
call is subtracted. Times are taken in one process, the two ways in turn. On a machine that does
other things too, seconds on the clock grow with its load; seconds of the processor hardly do.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from engine.bench import memory
from engine.bench.machine import hardware
from engine.bench.unfolded import unfolded_attention
from engine.models.attention import window_attention

WAYS: dict[str, Callable[..., Tensor]] = {
    "windows": window_attention,
    "unfolded": unfolded_attention,
}
SHAPE = (1, 1, 160, 100, 90)  # five frames of 32 channels on the paper's coarse map


class Taken(NamedTuple):
    """Seconds of one call."""

    clock: float
    processor: float


def inputs(gradient: bool, shape: Sequence[int] = SHAPE) -> list[Tensor]:
    """Queries, keys and values; the same at every call."""
    g = torch.Generator().manual_seed(0)
    maps = [torch.randn(*shape, generator=g) * 0.3 for _ in range(3)]
    return [z.requires_grad_(gradient) for z in maps]


def once(way: str, gradient: bool, shape: Sequence[int] = SHAPE) -> tuple[Taken, list[Tensor]]:
    """Seconds, and what came out (with the gradients where asked)."""
    maps = inputs(gradient, shape)
    clock, processor = time.perf_counter(), time.process_time()
    with torch.set_grad_enabled(gradient):
        out = WAYS[way](*maps)
        results = [out, *torch.autograd.grad(out.sum(), maps)] if gradient else [out]
    taken = Taken(time.perf_counter() - clock, time.process_time() - processor)
    return taken, [z.detach() for z in results]


def peak_megabytes(way: str, gradient: bool, threads: int, shape: Sequence[int] = SHAPE) -> float:
    """Rise of the peak resident size over one call, in a process of its own."""
    command = [sys.executable, "-m", "engine.bench.attention", "--peak", way]
    command += ["--threads", str(threads), *(["--gradient"] if gradient else [])]
    command += ["--shape", *map(str, shape)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def spread(seconds: list[float]) -> dict[str, float]:
    """Best, median and worst."""
    return {
        "best": round(min(seconds), 3),
        "median": round(statistics.median(seconds), 3),
        "worst": round(max(seconds), 3),
    }


def compare(
    gradient: bool, repeats: int, threads: int, shape: Sequence[int] = SHAPE
) -> dict[str, object]:
    """Both ways, in turn."""
    seconds: dict[str, list[Taken]] = {way: [] for way in WAYS}
    results: dict[str, list[Tensor]] = {}
    for _ in range(repeats):
        for way in WAYS:
            taken, results[way] = once(way, gradient, shape)
            seconds[way].append(taken)
    ours, theirs = results.values()
    apart = [(a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True)]
    peaks = {way: round(peak_megabytes(way, gradient, threads, shape), 1) for way in WAYS}
    best = {way: Taken(*(min(z) for z in zip(*s, strict=True))) for way, s in seconds.items()}
    return {
        "seconds": {way: spread([t.clock for t in s]) for way, s in seconds.items()},
        "processor_seconds": {way: spread([t.processor for t in s]) for way, s in seconds.items()},
        "times_faster": round(best["unfolded"].clock / best["windows"].clock, 1),
        "times_less_processor": round(best["unfolded"].processor / best["windows"].processor, 1),
        "peak_megabytes": peaks,
        "share_of_peak": round(peaks["windows"] / max(peaks["unfolded"], 0.1), 3),
        "largest_difference": max(apart),
        "repeats": repeats,
    }


def measure(
    threads: int, repeats: int, backward_repeats: int = 1, shape: Sequence[int] = SHAPE
) -> dict[str, object]:
    """Forward alone, then with the gradient of all three maps."""
    before = hardware(threads)
    return {
        "hardware": before,
        "note": "both ways in the same run, in turn; on a shared machine compare ratios alone",
        "shape": dict(zip(("batch", "heads", "channels", "h", "w"), shape, strict=True)),
        "targets": {"forward": 40, "forward_and_backward": 15, "share_of_peak": 0.125},
        "forward": compare(False, repeats, threads, shape),
        "forward_and_backward": compare(True, backward_repeats, threads, shape),
        "load_after": round(os.getloadavg()[0], 2),
    }


def main() -> None:
    """Print and write the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--shape", type=int, nargs=5, default=SHAPE)
    parser.add_argument("--out", type=Path, default=Path("docs/results/attention.json"))
    parser.add_argument("--peak", choices=list(WAYS))
    parser.add_argument("--gradient", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.peak:
        inputs(arguments.gradient, arguments.shape)
        before = memory.peak_megabytes()
        once(arguments.peak, arguments.gradient, arguments.shape)
        sys.stdout.write(f"{memory.peak_megabytes() - before}\n")
        return
    result = measure(arguments.threads, arguments.repeats, shape=arguments.shape)
    text = json.dumps(result, indent=1) + "\n"
    arguments.out.write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
