"""How long a year of hourly reanalysis takes at 40 places.

`python -m engine.research.bench.stations`.
"""

import time

import torch

from engine.research.bench.machine import hardware, keep
from engine.stations.networks.ensemble_mean import Averaged
from engine.stations.networks.neighbourhood import Record, nearest
from engine.stations.networks.reanalysis import Reanalysis, ReanalysisConfig
from engine.stations.record import OTHERS, estimate

HOURS, PLACES = 8760, 40
GOAL_SECONDS = 30.0
LAGS, MEMBERS = (-12, -6, -3, -2, -1, 0, 1, 2, 3, 6, 12), 2  # as shipped


def measure(hours: int = HOURS, places: int = PLACES) -> dict[str, object]:
    """Seconds for every hour at every place from its neighbours, made-up readings."""
    before = hardware(torch.get_num_threads())
    generator = torch.Generator().manual_seed(0)
    corner = torch.tensor([39.4, 115.8], dtype=torch.float64)
    record = Record(
        80 * torch.rand(hours, places, generator=generator),
        torch.randn(hours, places, len(OTHERS), generator=generator),
        torch.rand(hours, 2, generator=generator),
        corner + torch.rand(places, 2, generator=generator, dtype=torch.float64),
        10 * torch.randn(hours, places, 2, generator=generator).cumsum(0),
    )
    shape = ReanalysisConfig(
        lags=LAGS, others=OTHERS, width=32, inner=64, neighbours=12, base="carried", bound=0.4
    )
    network = Averaged([Reanalysis(shape) for _ in range(MEMBERS)]).eval()
    near = nearest(record.places, record.places, shape.neighbours, themselves=True)
    wall, cpu = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        estimate(network, record, torch.arange(hours), near, record.places)
    return {
        "hours": hours,
        "places": places,
        "seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "goal_seconds": GOAL_SECONDS,
        "networks": MEMBERS,
        "hardware": before,
    }


if __name__ == "__main__":
    keep("aqnet-speed.json", measure())
