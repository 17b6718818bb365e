"""Merging 1 500 stations into 100 000 cells: `make bench-fusion`.

The baseline, in the same run, is the textbook's loop: for each cell its 32 nearest stations, their
system built and solved, mean and variance from its weights. It is timed on a sample of cells and
multiplied up.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import numpy as np

from engine.core.covariance import Covariance
from engine.core.paths import ROOT
from engine.fusion.analysis import analyse
from engine.fusion.groups import Numbers, distances
from engine.fusion.kriging import NEIGHBOURS
from engine.fusion.learning import Learned, Weight
from engine.research.bench.machine import hardware

LEARNED = Learned(Covariance(200.0, 0.2), Weight((10.0, 100.0), (0.5, 0.9)), 0.05, reach=1.0)
SAMPLE = 1000  # cells of the baseline


def country(stations: int, cells: int) -> tuple[tuple[Numbers, Numbers], tuple[Numbers, Numbers]]:
    """Stations and cells of a made country, latitudes and longitudes."""
    rng = np.random.default_rng(0)
    side = int(np.sqrt(cells))
    lat, lon = np.meshgrid(np.linspace(20, 45, side), np.linspace(95, 125, side), indexing="ij")
    return (rng.uniform(20, 45, stations), rng.uniform(95, 125, stations)), (
        lat.ravel(),
        lon.ravel(),
    )


def loop(
    values: Numbers, stations: tuple[Numbers, Numbers], cells: tuple[Numbers, Numbers]
) -> float:
    """Seconds of the loop over all cells, from a sample of them."""
    chosen = np.linspace(0, len(cells[0]) - 1, SAMPLE).astype(int)
    start = time.perf_counter()
    for cell in chosen:
        km = distances(cells[0][cell : cell + 1], cells[1][cell : cell + 1], *stations)[0]
        near = np.argsort(km)[:NEIGHBOURS]
        system = np.ones((NEIGHBOURS + 1, NEIGHBOURS + 1))
        between = distances(stations[0][near], stations[1][near])
        system[:-1, :-1] = LEARNED.covariance.matrix(between)
        system[-1, -1] = 0.0
        right = np.append(np.exp(-km[near] / LEARNED.covariance.range_km), 1.0)
        weights = np.linalg.solve(system, right)
        _ = weights[:-1] @ values[near], weights @ right
    return (time.perf_counter() - start) * len(cells[0]) / SAMPLE


def measure(stations: int, cells: int, runs: int = 3) -> dict[str, object]:
    """The record that is written."""
    where, places = country(stations, cells)
    rng = np.random.default_rng(1)
    observed = np.exp(rng.normal(3.5, 0.5, stations))
    background = np.exp(rng.normal(3.5, 0.3, len(places[0])))
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        analyse(observed, observed * 1.1, where, background, places, LEARNED)
        seconds.append(time.perf_counter() - start)
    slow = loop(np.log(observed + 1), where, places)
    middle = statistics.median(seconds)
    return {
        "what": f"merging {stations} stations into {len(places[0])} cells: mean, median, interval",
        "seconds": round(middle, 2),
        "seconds_fastest_slowest": [round(min(seconds), 2), round(max(seconds), 2)],
        "baseline": f"a loop over cells, {NEIGHBOURS} nearest stations each, from {SAMPLE} cells",
        "baseline_seconds": round(slow, 1),
        "times_faster_than_baseline": round(slow / middle, 1),
        "hardware": hardware(2),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=1500)
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "fusion-speed.json")
    given = parser.parse_args()
    text = json.dumps(measure(given.stations, given.cells), indent=2) + "\n"
    given.out.write_text(text, encoding="utf-8")
    print(text)  # noqa: T201  # it is what the command is for


if __name__ == "__main__":
    main()
