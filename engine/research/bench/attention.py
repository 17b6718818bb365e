"""Time, memory and difference of patch attention against unfolding: `make bench-attention`.

Each measurement of memory runs in a process of its own, whose peak resident size before the
call is subtracted. Times are taken in one process, the two ways in turn. On a machine that does
other things too, seconds on the clock grow with its load; seconds of the processor hardly do.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from engine.comparison import memory
from engine.core.paths import ROOT
from engine.research.bench.machine import hardware
from engine.research.bench.unfolded import unfolded_attention
from engine.superresolution.networks.attention import window_attention
from engine.superresolution.networks.threads import side_by_side

WAYS: dict[str, Callable[..., Tensor]] = {
    "windows": window_attention,
    "unfolded": unfolded_attention,
}
PROTOTYPE = ROOT.parent / "shared" / "prototype" / "blocked_attention.py"
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
    """Seconds, and what came out (with the gradients where requested)."""
    maps = inputs(gradient, shape)
    clock, processor = time.perf_counter(), time.process_time()
    with torch.set_grad_enabled(gradient):
        out = WAYS[way](*maps)
        results = [out, *torch.autograd.grad(out.sum(), maps)] if gradient else [out]
    taken = Taken(time.perf_counter() - clock, time.process_time() - processor)
    return taken, [z.detach() for z in results]


def products(shape: Sequence[int] = SHAPE) -> Taken:
    """Seconds of the two products of all cell pairs alone, which any exact form contains.

    Some rows of queries at a time, shared among torch's threads as the attention's stacks are.
    """
    maps = [z[0, 0].flatten(1).T.contiguous() for z in inputs(False, shape)]
    q, k, v = maps  # (cells, channels)
    blocks = list(range(0, len(q), 8 * shape[-1]))
    threads = min(torch.get_num_threads(), len(blocks))
    held = [q.new_empty(8 * shape[-1], len(k)) for _ in range(threads)]
    out = torch.empty_like(v)

    def part(i: int) -> None:
        for first in blocks[i::threads]:
            cells = slice(first, first + 8 * shape[-1])
            pairs = held[i][: len(q[cells])]
            torch.mm(q[cells], k.T, out=pairs)
            torch.mm(pairs, v, out=out[cells])

    part(0)
    clock, processor = time.perf_counter(), time.process_time()
    side_by_side([partial(part, i) for i in range(threads)])
    return Taken(time.perf_counter() - clock, time.process_time() - processor)


def parts(shape: Sequence[int] = SHAPE) -> dict[str, float]:
    """Processor seconds of one forward pass on one thread, by what they are spent on."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        once("windows", False, shape)
        with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as seen:
            taken, _ = once("windows", False, shape)
    finally:
        torch.set_num_threads(threads)
    found = dict.fromkeys(("products of cells", "box sums", "elementwise"), 0.0)
    for event in seen.key_averages(group_by_input_shape=True):
        purpose = _purpose(event.key, event.input_shapes, shape[2])
        if purpose is not None:
            found[purpose] += event.self_cpu_time_total / 1e6
    found["the rest: Python, fresh memory"] = taken.clock - sum(found.values())
    return {name: round(seconds, 4) for name, seconds in found.items()}


def _purpose(name: str, shapes: list[list[int]], channels: int) -> str | None:
    if name in ("aten::bmm", "aten::mm", "aten::baddbmm_"):
        return "products of cells" if any(channels in each[-2:] for each in shapes) else "box sums"
    return "elementwise" if name in ("aten::exp_", "aten::mul_", "aten::sum") else None


def prototype(threads: int, file: Path = PROTOTYPE) -> dict[str, float] | None:
    """What an earlier form of the same idea, row by row of windows, takes here; None: not there.

    Where it was written it was 33 times faster than unfolding: how many times a form is faster
    depends on how well a machine does unfolding's two huge products.
    """
    if not file.exists():
        return None
    done = subprocess.run(
        [sys.executable, str(file)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
    )
    found = re.search(r"blocked ([\d.]+) s, unfold ([\d.]+) s", done.stdout)
    if found is None:
        return None
    ours, theirs = (float(each) for each in found.groups())
    return {"windows": ours, "unfolded": theirs, "times_faster": round(theirs / ours, 1)}


def peak_megabytes(way: str, gradient: bool, threads: int, shape: Sequence[int] = SHAPE) -> float:
    """Rise of the peak resident size over one call, in a process of its own."""
    command = [sys.executable, "-m", "engine.research.bench.attention", "--peak", way]
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


def on_device(
    device: torch.device, repeats: int = 5, shape: Sequence[int] = SHAPE
) -> dict[str, object]:
    """Both ways on an accelerator, forward, and forward and backward, in float32 and bfloat16.

    Args:
        device: "cuda"; on a processor the same is measured, without memory.
        repeats: Of each; the first, which loads kernels, is left out.
        shape: Batch, heads, channels, rows, columns.
    """
    on_gpu = device.type == "cuda"
    found: dict[str, object] = {"name": torch.cuda.get_device_name(device) if on_gpu else "cpu"}
    for dtype in (torch.float32, torch.bfloat16):
        for gradient in (False, True):
            ways = {way: _on(device, way, dtype, gradient, repeats, shape) for way in WAYS}
            key = f"{'forward and backward' if gradient else 'forward'}, {str(dtype)[6:]}"
            ours, theirs = (ways[way][0] for way in WAYS)
            found[key] = {
                "seconds": {way: round(taken, 5) for way, (taken, _) in ways.items()},
                "peak_megabytes": {way: peak for way, (_, peak) in ways.items()},
                "times_faster": round(theirs / max(ours, 1e-9), 1),
            }
    return found


def _on(
    device: torch.device,
    way: str,
    dtype: torch.dtype,
    gradient: bool,
    repeats: int,
    shape: Sequence[int],
) -> tuple[float, float | None]:
    """Least seconds of one way there, and its peak in MB."""
    maps = [z.detach().to(device, dtype).requires_grad_(gradient) for z in inputs(False, shape)]
    wait: Callable[[], object] = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        held = torch.cuda.memory_allocated()
    taken = []
    for _ in range(repeats + 1):
        wait()
        clock = time.perf_counter()
        with torch.set_grad_enabled(gradient):
            out = WAYS[way](*maps)
            if gradient:
                torch.autograd.grad(out.float().sum(), maps)
        wait()
        taken.append(time.perf_counter() - clock)
    peak = None
    if device.type == "cuda":
        peak = round((torch.cuda.max_memory_allocated() - held) / 2**20, 1)
    return min(taken[1:]), peak


def measure(
    threads: int, repeats: int, backward_repeats: int = 1, shape: Sequence[int] = SHAPE
) -> dict[str, object]:
    """Forward alone, what it is spent on, then with the gradient of all three maps."""
    before = hardware(threads)
    whole = compare(False, repeats, threads, shape)
    least = min(products(shape) for _ in range(3))
    return {
        "hardware": before,
        "note": "both ways in the same run, in turn; on a shared machine compare ratios alone",
        "shape": dict(zip(("batch", "heads", "channels", "h", "w"), shape, strict=True)),
        "targets": {"forward": 40, "forward_and_backward": 15, "share_of_peak": 0.125},
        "forward": whole,
        "products_alone": {
            "seconds": round(least.clock, 6),
            "processor_seconds": round(least.processor, 6),
        },
        "parts_of_forward_on_one_thread": parts(shape),
        "prototype": prototype(threads) if tuple(shape) == SHAPE else None,
        "forward_and_backward": compare(True, backward_repeats, threads, shape),
        "load_after": round(os.getloadavg()[0], 2),
        # None: there was no GPU.
        "gpu": on_device(torch.device("cuda"), shape=shape) if torch.cuda.is_available() else None,
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
