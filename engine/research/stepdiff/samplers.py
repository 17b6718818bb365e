"""Samplers of the same trained weights from the same first noise, on windows of the test part."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor

from engine.forecast import weights as stepcheckpoint
from engine.forecast.calibration import drawn_fields, settled
from engine.forecast.networks.diffusion import DDIM, Ancestral, Multistep, Sampler, Schedule
from engine.forecast.recipe_stepdiff import DEFAULT_SAMPLER
from engine.research.stepdiff.scores import MEMBERS, Bench, test_windows
from engine.verify.ensembles import crps, score

MOST_WINDOWS = 5  # fifty steps take their time
WHOLE, SHIPPED = "ancestral, 50 steps", "multistep, 8 steps (ships)"
SAMPLERS: dict[str, Sampler] = {
    SHIPPED: DEFAULT_SAMPLER,
    "multistep, 10 steps": Multistep(10, 8.0),
    "multistep, 6 steps": Multistep(6, 8.0),
    "DDIM, 10 steps": DDIM(10, limit=8.0),
    WHOLE: Ancestral(),
}
# The same from other first noise, which shows what twenty members leave to chance.
REPEATS: dict[str, tuple[Sampler, int]] = {
    "multistep, 8 steps, second noise": (DEFAULT_SAMPLER, 1),
    "multistep, 8 steps, third noise": (DEFAULT_SAMPLER, 2),
    "ancestral, 50 steps, second noise": (Ancestral(), 1),
}
KNOWN = (0.3, 1.0)  # standard deviations of the normal distributions that samplers are tried on
DRAWS = 20_000


def solved(
    found: Bench, sampler: Sampler, width: Sequence[float] | None = None, seed: int = 0
) -> dict[str, Any]:
    """Scores of a place's trained weights with a sampler, by readings of vehicles.

    Args:
        found: The place.
        sampler: How members are drawn.
        width: `drawn_spread` of the sampler that the spread was calibrated with; None: this one.
            Departures are brought to it, as calibration with this sampler would bring them.
        seed: Of the noise.

    Returns:
        As `engine.verify.ensembles.Scores`, and `windows`, `drawn_spread` (standard deviation of
        the members before calibration, by lead hour, ug m-3), `crps_by_window` and
        `count_by_window`, `crps_as_drawn` without bringing them there, `known_spread` as that
        function has it, `seconds` of the processor.
    """
    about, network = stepcheckpoint.load(found.place.weights)
    data = replace(found.data, scale=about.scale)
    every = -(-len(found.begins) // MOST_WINDOWS)
    some = slice(0, None, every)
    window = test_windows(replace(found, data=data), network.config).at(some)
    target = found.target[some]
    cells = found.visited.nonzero()[:, 0]
    started = time.process_time()
    drawn = drawn_fields(
        network, window, data.record.grid, MEMBERS, sampler=sampler, only=cells, seed=seed
    )
    seconds = time.process_time() - started
    base = window.guess[:, cells, network.config.history :]
    true = target[..., cells].transpose(1, 2)
    known = true.isfinite()
    spread = drawn.std(0)
    own = [float(spread[..., i][known[..., i]].mean()) for i in range(spread.shape[-1])]
    factors = torch.tensor(about.spread_factor)
    alike = factors * torch.tensor(width or own) / torch.tensor(own)
    predicted = settled(drawn, base, about.mean_weight, alike).clamp(min=0).double()
    plain = settled(drawn, base, about.mean_weight, factors).clamp(min=0).double()
    missed = [crps(predicted[:, w][:, k], true[w][k]) for w, k in enumerate(known)]
    return asdict(score(predicted[:, known], true[known])) | {
        "windows": len(window),
        "drawn_spread": own,
        "crps_by_window": [round(float(m.sum()), 3) for m in missed],
        "count_by_window": [int(k.sum()) for k in known],
        "crps_as_drawn": float(crps(plain[:, known], true[known]).mean()),
        "known_spread": known_spread(sampler, network.schedule),
        "seconds": seconds,
    }


def known_spread(sampler: Sampler, schedule: Schedule) -> list[float]:
    """Standard deviation of samples of normal distributions, relative to the true one.

    Their best denoiser is known, so that nothing is left but the sampler's own error.

    Args:
        sampler: Any.
        schedule: Of the noise.
    """
    kept = schedule.alpha_bar.tolist()
    found = []
    for deviation in KNOWN:

        def denoise(x: Tensor, k: int, variance: float = deviation**2) -> Tensor:
            clean = kept[k] ** 0.5 * variance / (kept[k] * variance + 1 - kept[k]) * x
            noise: Tensor = (x - kept[k] ** 0.5 * clean) / (1 - kept[k]) ** 0.5
            return noise

        generator = torch.Generator().manual_seed(0)

        def fresh(generator: torch.Generator = generator) -> Tensor:
            return torch.randn(DRAWS, generator=generator, dtype=torch.float64)

        drawn = sampler.sample(schedule, denoise, fresh(), fresh)
        found.append(round(float(drawn.std()) / deviation, 3))
    return found
