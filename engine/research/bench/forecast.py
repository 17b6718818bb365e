"""How long a probabilistic forecast takes with the preset that ships.

`python -m engine.research.bench.forecast`.

Twenty members, twelve hours, 10 × 10 cells; and the time until the first member is there.
"""

import time

import torch

from engine.forecast.networks.stepdiff import StepDiff, StepDiffConfig, Window
from engine.forecast.recipe_stepdiff import DEFAULT_SAMPLER
from engine.forecast.train import SMALL
from engine.research.bench.machine import hardware, keep

MEMBERS, ROWS, COLUMNS = 20, 10, 10
GOAL_SECONDS = 10.0


def measure(
    shape: StepDiffConfig = SMALL, members: int = MEMBERS, threads: int | None = None
) -> dict[str, object]:
    """Seconds for a forecast of made-up readings, by weights that were never trained."""
    torch.set_num_threads(threads or torch.get_num_threads())
    before = hardware(torch.get_num_threads())
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network = StepDiff(shape).eval()
    grid = (shape.rows, shape.columns)
    cells = shape.rows * shape.columns
    known = torch.rand(1, cells, shape.hours, generator=generator) < 0.3
    known[..., shape.history :] = False
    window = Window(
        torch.where(known, torch.randn(known.shape, generator=generator), 0),
        known,
        50 * torch.ones(1, cells, shape.hours),
        torch.ones(1, shape.hours),
        torch.arange(shape.hours)[None] % 24.0,
        10.0,
    )
    for _ in network.draw(window, grid, DEFAULT_SAMPLER, 1, generator):
        pass  # warm
    seconds = {}
    for count in (1, members):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in network.draw(window, grid, DEFAULT_SAMPLER, count, generator):
            pass
        seconds[count] = (time.perf_counter() - wall, time.process_time() - cpu)
    return {
        "members": members,
        "lead_hours": shape.lead_times,
        "cells": cells,
        "steps": DEFAULT_SAMPLER.steps,
        "seconds": round(seconds[members][0], 2),
        "cpu_seconds": round(seconds[members][1], 2),
        "first_member_seconds": round(seconds[1][0], 2),
        "goal_seconds": GOAL_SECONDS,
        "hardware": before,
    }


if __name__ == "__main__":
    keep("stepdiff-speed.json", measure())
