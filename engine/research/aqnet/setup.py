"""A record of stations and how it is parted in time: what every measurement of this folder sees."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from engine import library
from engine.core import dates as days
from engine.core.errors import RequestError
from engine.core.files import atomic_file
from engine.core.paths import home
from engine.library import DatasetInfo
from engine.research.aqnet.folds import Parts
from engine.stations.covariance import Network
from engine.stations.networks.neighbourhood import Record
from engine.stations.networks.reanalysis import ReanalysisConfig
from engine.stations.record import OTHERS, record_of, stations_of, whole_axis
from engine.stations.train import plain_network, shape_for
from engine.training.weights_folder import identity

FOLDER = Path("cache") / "aqnet"
# Between parts, more steps than any lag; and where two of the three parts end.
GAPS = {"hour": 72, "day": 14}
SHARES = {"hour": (0.74, 0.8), "day": (0.6, 0.8)}
Values = NDArray[np.floating]


@dataclass(frozen=True)
class Setup:
    """The record and how it is parted.

    Attributes:
        about: Of the dataset.
        names: Of its stations.
        record: For the network.
        plain: The same for the baselines.
        parts: In time.
        dates: First and last local date of: training, calibration, test.
        others: Names of the record's other variables.
    """

    about: DatasetInfo
    names: tuple[str, ...]
    record: Record
    plain: Network
    parts: Parts
    dates: tuple[str, ...]
    others: tuple[str, ...]

    def nearest_km(self, station: int, seen: Sequence[int]) -> float:
        """Distance from a station to the nearest of others, km."""
        return float(self.plain.distance(station, [s for s in seen if s != station]).min())


def setup(name: str, needed: Sequence[str] = ()) -> Setup:
    """A station dataset of the library, parted.

    Raises:
        NotFoundError: If it was not imported.
        RequestError: If a station that is needed is not in it.
    """
    about = library.info(name)
    dataset = whole_axis(library.open_dataset(name).load())
    names = tuple(str(station) for station in dataset["name"].values)
    if missing := set(needed) - set(names):
        raise RequestError(
            "stations {missing} are missing", where=name, missing=tuple(sorted(missing))
        )
    measured = [n for n in OTHERS if n in dataset and bool(dataset[n].notnull().any())]
    record = record_of(dataset, measured)
    parts = Parts.of(len(record.readings), GAPS[about.period], SHARES[about.period])
    local = days.local_dates(dataset)
    ends = (0, parts.train - 1, *parts.calibrate, parts.test, len(local) - 1)
    dates = tuple(str(local[i]) for i in ends)
    return Setup(about, names, record, plain_network(record), parts, dates, tuple(measured))


def kept(text: str, make: Callable[[], dict[str, NDArray[np.float32]]]) -> dict[str, Values]:
    """What `make` gives, made once for a text that says all it depends on, and kept on disk."""
    folder = home() / FOLDER
    path = folder / f"predicted-{identity(torch.tensor(list(text.encode())))[:24]}"
    if not path.is_file():
        made = {name: np.ascontiguousarray(v) for name, v in make().items()}
        with atomic_file(path) as part:
            save_file(made, part)
    found: dict[str, Values] = load_file(path)
    return found


def shape_without(known: Setup, hidden: Sequence[int]) -> tuple[ReanalysisConfig, torch.Tensor]:
    """The network's shape as the stations that are not hidden give it, and which these are."""
    visible = torch.tensor([s for s in range(len(known.names)) if s not in hidden])
    record = stations_of(known.record, visible)
    given = (record, known.about.period, known.parts.train, known.others)

    def make() -> dict[str, NDArray[np.float32]]:
        return {"air": np.array(shape_for(*given).air, dtype=np.float32)}

    wind = known.record.blown is not None
    key = f"air {identity(known.record.readings)[:16]} {list(hidden)} {known.parts} {wind}"
    found = kept(key, make)
    return shape_for(*given, tuple(float(f"{x:.4g}") for x in found["air"])), visible
