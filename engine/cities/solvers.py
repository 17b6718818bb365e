"""Samplers of the same trained weights from the same first noise, on windows of the test part."""

import time
from dataclasses import asdict, replace
from typing import Any

import torch

from engine.cities import checkpoint as stepcheckpoint
from engine.cities.calibration import drawn_fields, settled
from engine.cities.scores import MEMBERS, Bench, test_windows
from engine.models.diffusion import DDIM, Ancestral, Multistep, Sampler
from engine.recipes.stepdiff import DEFAULT_SAMPLER
from engine.verify.ensembles import crps, score

MOST_WINDOWS = 9  # fifty steps take their time
WHOLE = "ancestral, 50 steps"
SAMPLERS: dict[str, Sampler] = {
    WHOLE: Ancestral(),
    "DDIM, 10 steps": DDIM(10, limit=8.0),
    "multistep, 10 steps": Multistep(10, 8.0),
    "multistep, 8 steps (shipped)": DEFAULT_SAMPLER,
    "multistep, 6 steps": Multistep(6, 8.0),
}


def solved(found: Bench, sampler: Sampler) -> dict[str, Any]:
    """Scores of a place's trained weights with a sampler, by readings of vehicles.

    Args:
        found: The place.
        sampler: How members are drawn.

    Returns:
        As `engine.verify.ensembles.Scores`, and `windows`, `drawn_spread` (standard deviation of
        the members before calibration, ug m-3), `crps_by_window` and `count_by_window`, `seconds`
        of the processor.
    """
    about, network = stepcheckpoint.load(found.place.weights)
    data = replace(found.data, scale=about.scale)
    every = -(-len(found.begins) // MOST_WINDOWS)
    some = slice(0, None, every)
    window = test_windows(replace(found, data=data), network.config).at(some)
    target = found.target[some]
    cells = found.visited.nonzero()[:, 0]
    started = time.process_time()
    drawn = drawn_fields(network, window, data.record.grid, MEMBERS, sampler=sampler, only=cells)
    seconds = time.process_time() - started
    base = window.guess[:, cells, network.config.history :]
    told = settled(drawn, base, about.trust, torch.tensor(about.spread)).clamp(min=0)
    told, true = told.transpose(2, 3).double(), target[..., cells]
    known = true.isfinite()
    missed = [crps(told[:, w][:, k], true[w][k]) for w, k in enumerate(known)]
    return asdict(score(told[:, known], true[known])) | {
        "windows": len(window),
        "drawn_spread": float(drawn.std(0).transpose(1, 2)[known].mean()),
        "crps_by_window": [round(float(m.sum()), 3) for m in missed],
        "count_by_window": [int(k.sum()) for k in known],
        "seconds": seconds,
    }
