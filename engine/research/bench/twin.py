"""Days a second that the demo world is simulated at: `make bench-twin`.

The baseline, in the same run, is one grid instead of three: all pollution on 0.01°, in steps of
ten minutes, by the same routines: carried, lost, given off and spread. Weather and means of the
day, which ours include, are left out of it.
"""

import argparse
import datetime as dt
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from engine.core.paths import ROOT
from engine.research.bench.machine import hardware
from engine.twin.carrying import Carrier, spread, upsample
from engine.twin.datasets import Window, World
from engine.twin.places import GRID
from engine.twin.weather import Weather
from engine.twin.world import DEPOSITION, WASHOUT

STEPS_A_DAY = 144


def three_grids(days: int) -> list[float]:
    """Seconds of each day: maps, stations and vehicles, as `airlens demo build` runs it."""
    world = World([Window(dt.date(2015, 1, 1), days + 1)], seed=1)
    times, last = [], 0.0
    for position, _ in world.maps().read():
        now = time.perf_counter()
        if position:  # the first day has the spin-up before it
            times.append(now - last)
        last = now
    return times


def one_grid() -> float:
    """Seconds of a day on the finest grid alone."""
    hour = Weather(1).day(131_500)[12]
    carrier = Carrier(1)
    path = carrier.displacement(torch.from_numpy(np.stack([hour.u, hour.v]))) / 6
    field, source = torch.rand(GRID.shape), torch.rand(GRID.shape)
    mixing, rain = (torch.from_numpy(f) for f in (hour.mixing, hour.rain))
    start = time.perf_counter()
    for _ in range(STEPS_A_DAY):
        kept = upsample(torch.exp(-DEPOSITION * 600 / mixing - WASHOUT / 6 * rain), GRID.shape)
        born = source / upsample(mixing, GRID.shape)
        field = spread(carrier.move(field, path) * kept + born, 0.2)
    return time.perf_counter() - start


def measure(days: int) -> dict[str, object]:
    """The record that is written."""
    seconds = three_grids(days)
    baseline = [one_grid() for _ in range(3)]
    middle = statistics.median(seconds)
    return {
        "what": "simulating one day of the demo world, 0.01°, 800 × 720, stations and vehicles",
        "days": days,
        "seconds_a_day": round(middle, 3),
        "seconds_a_day_fastest_slowest": [round(min(seconds), 3), round(max(seconds), 3)],
        "days_a_second": round(1 / middle, 2),
        "baseline": "one grid of 0.01° in steps of ten minutes: carried, lost, given off, spread",
        "baseline_seconds_a_day": round(statistics.median(baseline), 3),
        "times_faster_than_baseline": round(statistics.median(baseline) / middle, 1),
        "hardware": hardware(torch.get_num_threads()),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "twin.json")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    text = json.dumps(measure(given.days), indent=2, ensure_ascii=False) + "\n"
    given.out.write_text(text, encoding="utf-8")
    print(text)  # noqa: T201  # it is what the command is for


if __name__ == "__main__":
    main()
