"""Station checks of a dataset: `engine.verify.station_checks` for what the library holds."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core.dates import local_dates
from engine.core.progress import Progress, Stop
from engine.data.static_world import at_sea
from engine.verify.station_checks import Checked, Network, check


def check_stations(
    dataset: xr.Dataset, *, progress: Progress | None = None, cancelled: Stop | None = None
) -> Checked:
    """Run all station checks on a checked dataset of fixed stations.

    Raises:
        Cancelled: If that was requested.
        StorageError: If the file of land and sea is missing or damaged.
    """
    return check(network_of(dataset), progress=progress, cancelled=cancelled)


def network_of(dataset: xr.Dataset) -> Network:
    """What the checks need of a dataset.

    Raises:
        StorageError: If the file of land and sea is missing or damaged.
    """
    latitude, longitude = (
        dataset[axis].values.astype(np.float64) for axis in ("latitude", "longitude")
    )
    return Network(
        tuple(str(station) for station in dataset["station"].values),
        dataset["pm2p5"].transpose("valid_time", "station").values,
        steps_of(dataset),
        dataset.attrs["period"],
        latitude,
        longitude,
        at_sea(latitude, longitude),
    )


def steps_of(dataset: xr.Dataset) -> NDArray[np.int64]:
    """Number of each time in hours, local days or months, (time,); its zero has no meaning."""
    period = dataset.attrs["period"]
    if period == "hour":
        hours: NDArray[np.int64] = (
            dataset["valid_time"].values.astype("datetime64[h]").astype(np.int64)
        )
        return hours
    unit = "datetime64[D]" if period == "day" else "datetime64[M]"
    steps: NDArray[np.int64] = local_dates(dataset).astype(unit).astype(np.int64)
    return steps
