"""Stations kept out of training in turn, and what the reanalysis network then says of them.

A fold hides some stations: the network never learns from them, neither as a place to be predicted
nor as a neighbour. Then each of them is predicted from all other stations, in hours after those
learned from. Goes on where it stopped; one fold is in memory at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from engine.core.files import atomic_file
from engine.stations.networks.neighbourhood import Record, nearest
from engine.stations.networks.reanalysis import Estimate, Reanalysis, ReanalysisConfig
from engine.stations.record import estimate, stations_of
from engine.stations.train_steps import StationTraining, train_all
from engine.training.weights_folder import identity

Report = Callable[[float, str], None]


@dataclass(frozen=True)
class Parts:
    """Parts of a record in time, as positions; nothing lies in two of them, nor in the gaps.

    Attributes:
        train: End of what is learned from; it begins with the record.
        calibrate: From where to where intervals are made to hold what they say.
        test: From where scores count; to the record's end.
    """

    train: int
    calibrate: tuple[int, int]
    test: int

    @classmethod
    def of(cls, length: int, gap: int, shares: tuple[float, float] = (0.74, 0.8)) -> "Parts":
        """Three parts with gaps between, the shares being where two of them end."""
        first, second = (int(length * share) for share in shares)
        return cls(first, (first + gap, second - gap), second)


@dataclass(frozen=True)
class Hidden:
    """What a fold says of the stations it hid; all (time, station), ug m-3.

    Attributes:
        stations: Which they are.
        value: The reanalysis.
        scale: Its error scale.
        start: What the network corrects.
    """

    stations: tuple[int, ...]
    value: NDArray[np.float32]
    scale: NDArray[np.float32]
    start: NDArray[np.float32]


def network_of(
    record: Record,
    hidden: Sequence[int],
    parts: Parts,
    folder: Path,
    *,
    shape: ReanalysisConfig,
    training: StationTraining,
    progress: Report | None = None,
) -> Reanalysis:
    """The network of a fold, trained now if it is not yet, in evaluation mode."""
    name, digest = _name(record, hidden, parts, shape, training)
    known = torch.tensor([s for s in range(record.readings.shape[1]) if s not in hidden])
    network, _ = train_all(
        training,
        shape,
        stations_of(record, known),
        0,
        parts.train,
        folder / digest,
        identity=name,
        progress=progress,
    )
    if network is None:
        raise RuntimeError("nothing stops a fold but an error")
    return network


def run_fold(
    record: Record,
    hidden: Sequence[int],
    parts: Parts,
    folder: Path,
    *,
    shape: ReanalysisConfig,
    training: StationTraining,
    progress: Report | None = None,
) -> Hidden:
    """Train without some stations and predict them; from disk where this was done before.

    Values before the calibration part are NaN: nothing is claimed of hours learned from.
    """
    _, digest = _name(record, hidden, parts, shape, training)
    path = folder / f"{digest}.safetensors"
    stations = tuple(hidden)
    if not path.is_file():
        network = network_of(
            record, hidden, parts, folder, shape=shape, training=training, progress=progress
        )
        found = _tell(network, record, stations, parts)
        with atomic_file(path) as part:
            save_file(found, part)
    kept = load_file(path)
    return Hidden(stations, kept["value"], kept["scale"], kept["start"])


def covered(
    readings: NDArray[np.floating], parts: Parts, answers: Sequence[Hidden]
) -> dict[str, float]:
    """Share of errors in the 50 and 90 % intervals in the test part, over all hidden stations.

    The intervals of a station are calibrated on the *other* hidden stations, in the calibration
    part: nothing of the station itself, and none of the hours that count.
    """
    columns = [(a, i, s) for a in answers for i, s in enumerate(a.stations)]
    away = {s: np.abs(a.value[:, i] - readings[:, s]) / a.scale[:, i] for a, i, s in columns}
    inside = {"50": [], "90": []}  # type: dict[str, list[NDArray[np.bool_]]]
    first, last = parts.calibrate
    for station, own in away.items():
        others = np.concatenate([w[first:last] for s, w in away.items() if s != station])
        for share, found in inside.items():
            reach = np.nanquantile(others, int(share) / 100)
            tested = own[parts.test :]
            found.append(tested[np.isfinite(tested)] <= reach)
    return {share: float(np.concatenate(found).mean()) for share, found in inside.items()}


def _name(
    record: Record,
    hidden: Sequence[int],
    parts: Parts,
    shape: ReanalysisConfig,
    training: StationTraining,
) -> tuple[str, str]:
    """All that a fold depends on, and a short name for it."""
    key = identity(record.readings)[:16]
    name = f"{key} {sorted(hidden)} {parts} {shape} {training.text()}"
    return name, identity(torch.tensor(list(name.encode())))[:24]


def _tell(
    network: Reanalysis, record: Record, hidden: tuple[int, ...], parts: Parts
) -> dict[str, NDArray[np.float32]]:
    length = len(record.readings)
    near = nearest(record.places, record.places, network.config.neighbours, themselves=True)
    chosen = torch.tensor(hidden)
    times = torch.cat((torch.arange(*parts.calibrate), torch.arange(parts.test, length)))
    with torch.inference_mode():
        found = estimate(network, record, times, near[chosen], record.places[chosen], chosen)
    predicted = {}
    for key, values in _columns(found):
        whole = np.full((length, len(hidden)), np.nan, dtype=np.float32)
        whole[times.numpy()] = values.reshape(len(times), len(hidden)).numpy()
        predicted[key] = whole
    return predicted


def _columns(found: Estimate) -> tuple[tuple[str, torch.Tensor], ...]:
    return (("value", found.value), ("scale", found.scale), ("start", found.interpolated))
