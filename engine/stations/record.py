"""Station data as the reanalysis network wants them: a `Record` on a whole axis of time."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from engine.core.variables import WIND
from engine.stations.networks.gls_mean import with_levels
from engine.stations.networks.neighbourhood import Record, around
from engine.stations.networks.reanalysis import FLOOR, Estimate, Reanalysis

# Concentrations span a hundredfold: their logarithm is what varies evenly.
LOGARITHMIC = ("pm10", "so2", "no2", "co", "o3")
OTHERS = (*LOGARITHMIC, "t2m", "sp", "d2m", "u10", "v10")
STEPS = {"hour": np.timedelta64(1, "h"), "day": np.timedelta64(1, "D")}
DAY = np.timedelta64(24 * 3600 * 10**9, "ns")
YEAR_DAYS = 365.25
KM_OF_AN_HOUR = 3.6  # at 1 m s-1
PLACES_AT_ONCE = 2048
MANY = 16  # pieces of so many places from which on cores take whole ones


def whole_axis(dataset: xr.Dataset) -> xr.Dataset:
    """A station dataset with every hour, or day, from its first to its last; NaN where new."""
    times = dataset["valid_time"].values.astype("datetime64[ns]")
    step = STEPS[dataset.attrs["period"]].astype("timedelta64[ns]")
    axis = np.arange(times[0], times[-1] + step, step)
    return dataset if axis.size == times.size else dataset.reindex(valid_time=axis)


def record_of(dataset: xr.Dataset, others: Sequence[str]) -> Record:
    """The record of a station dataset whose axis of time is whole.

    A variable that the network knows and the dataset lacks is a gap in every hour.
    """
    shape = dataset["pm2p5"].shape
    planes = np.full((*shape, len(others)), np.nan, dtype=np.float32)
    for i, name in enumerate(others):
        if name in dataset and dataset[name].dims == dataset["pm2p5"].dims:
            values = dataset[name].values.astype(np.float32)
            planes[..., i] = np.log1p(np.maximum(values, 0)) if name in LOGARITHMIC else values
    places = np.stack([dataset["latitude"].values, dataset["longitude"].values], 1)
    return Record(
        torch.from_numpy(dataset["pm2p5"].values.astype(np.float32)),
        torch.from_numpy(planes),
        torch.from_numpy(clock_of(dataset)),
        torch.from_numpy(places.astype(np.float64)),
        blown_of(dataset),
    )


def blown_of(dataset: xr.Dataset) -> Tensor | None:
    """How far the wind has blown at each station, (time, station, 2), km; None without wind.

    Gaps are bridged along straight lines; a station that never measures wind is NaN.
    """
    if not all(n in dataset and dataset[n].dims == dataset["pm2p5"].dims for n in WIND):
        return None
    hours = STEPS[dataset.attrs["period"]] / np.timedelta64(1, "h")
    planes = []
    for name in WIND:
        wind = dataset[name].values.astype(np.float64)
        along = np.arange(len(wind))
        whole = np.full_like(wind, np.nan)
        for i, values in enumerate(wind.T):
            known = np.isfinite(values)
            if known.any():
                whole[:, i] = np.interp(along, along[known], values[known])
        planes.append(np.cumsum(whole, 0) * KM_OF_AN_HOUR * hours)
    blown = np.stack(planes, -1)
    return torch.from_numpy(blown.astype(np.float32)) if np.isfinite(blown).any() else None


def clock_of(dataset: xr.Dataset) -> NDArray[np.float32]:
    """Local hour of the day and day of the year, each as a share of its whole, (time, 2)."""
    shift = np.timedelta64(round(float(dataset.attrs["utc_offset_hours"]) * 3600), "s")
    local = dataset["valid_time"].values.astype("datetime64[ns]") + shift
    midnight = local.astype("datetime64[D]")
    hour = (local - midnight) / DAY
    year = (midnight - midnight.astype("datetime64[Y]")) / DAY / YEAR_DAYS
    return np.stack([hour, year], 1).astype(np.float32)


def estimate(
    network: Reanalysis,
    record: Record,
    times: Tensor,
    near: Tensor,
    points: Tensor,
    own: Tensor | None = None,
) -> Estimate:
    """Value and scale for every pair of a time and a point, (time × point), times outermost.

    Args:
        network: In evaluation mode.
        record: What is known.
        times: Positions along its time, (time).
        near: Stations that each point looks at, (point, near).
        points: Latitude and longitude, (point, 2).
        own: Stations that are the points, (point), of which nothing is predicted; None: none are.
    """
    shape = network.config
    if shape.base == "log-kriging":
        record = with_levels(record, times, shape.reach, shape.nugget, FLOOR)
    count = len(points)
    every = torch.arange(len(times) * count, device=times.device)
    lean = torch.is_inference_mode_enabled()  # a thread does not know it of another

    def predicted(some: Tensor) -> Estimate:
        with torch.inference_mode(lean):
            place = some % count
            known = around(
                record,
                times[some // count],
                near[place],
                points[place],
                shape.lags,
                None if own is None else own[place],
            )
            estimated: Estimate = network(known)
            return estimated

    pieces = torch.split(every, PLACES_AT_ONCE)
    threads = torch.get_num_threads()
    if len(pieces) < MANY or threads == 1 or times.is_cuda:
        parts = [predicted(some) for some in pieces]
    else:  # whole pieces side by side: their single steps are too small to share
        try:
            with ThreadPoolExecutor(
                threads, initializer=torch.set_num_threads, initargs=(1,)
            ) as pool:
                parts = list(pool.map(predicted, pieces))
        finally:
            torch.set_num_threads(threads)
    return Estimate(
        torch.cat([part.value for part in parts]),
        torch.cat([part.scale for part in parts]),
        torch.cat([part.interpolated for part in parts]),
    )


def stations_of(record: Record, kept: Tensor) -> Record:
    """The record of some of its stations."""
    return replace(
        record,
        readings=record.readings[:, kept],
        others=record.others[:, kept],
        places=record.places[kept],
        blown=None if record.blown is None else record.blown[:, kept],
        levels=None,
    )
