"""The course of PM2.5 at one place, from the stations around it, with its 90 % interval.

The place may be a station, which is then left out of its own reanalysis, or any point of a map.
What stations measured before *and after* each hour is seen: this fills in the past.
"""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from engine import library
from engine.core import dates as days
from engine.core.errors import NotFoundError, RequestError
from engine.library.weights_table import weights_for
from engine.stations import weights as stationcheckpoint
from engine.stations.networks.neighbourhood import nearest
from engine.stations.record import STEPS, estimate, record_of, stations_of, whole_axis

OUTER = 1.6449  # half-width of a normal's central 90 %, in standard deviations


def at_place(
    name: str,
    dates: Sequence[dt.date],
    latitude: float,
    longitude: float,
    *,
    without: str | None = None,
) -> xr.Dataset:
    """Daily values at a place from the stations around it.

    Args:
        name: A station dataset of the library, hourly or daily.
        dates: Local dates, increasing.
        latitude: Of the place, degrees north.
        longitude: Of the place, degrees east.
        without: A station whose readings are left out: that of the place itself.

    Returns:
        `pm2p5`, `low` and `high` (the central 90 %) on (date), ug m-3; NaN where no station
        around has a reading. A day of hourly readings is the mean of its hourly values.

    Raises:
        NotFoundError: If there are no weights for the dataset, or no such station.
        RequestError: If no station is left.
    """
    info = library.info(name)
    about, network = stationcheckpoint.load(weights_for(info, "aqnet"))
    dataset = library.open_dataset(name)
    shown = [lag * STEPS[info.period] for lag in (network.config.lags[0], network.config.lags[-1])]
    midnight = [np.datetime64(d, "ns") - days.offset(dataset) for d in (dates[0], dates[-1])]
    window = (dataset["valid_time"].values >= midnight[0] + shown[0]) & (
        dataset["valid_time"].values < midnight[1] + np.timedelta64(1, "D") + shown[1]
    )
    part = whole_axis(dataset.isel(valid_time=np.flatnonzero(window)).load())
    kept = _kept(part, without, name)
    record = stations_of(record_of(part, network.config.others), kept)
    place = torch.tensor([[latitude, longitude]], dtype=torch.float64)
    local = days.local_dates(part)
    requested = np.flatnonzero(np.isin(local, np.array(dates, "datetime64[D]")))
    near = nearest(place, record.places, network.config.neighbours)
    with torch.inference_mode():
        estimated = estimate(network, record, torch.from_numpy(requested), near, place)
    factor = about.day_factor if info.period == "hour" else about.factor
    value = _daily(estimated.value.numpy(), local[requested], dates)
    reach = OUTER * factor * _daily(estimated.scale.numpy(), local[requested], dates)
    units = {"units": "ug m-3"}
    return xr.Dataset(
        {
            "pm2p5": ("date", value, units),
            "low": ("date", np.maximum(value - reach, 0), units),
            "high": ("date", value + reach, units),
        },
        coords={"date": np.array(dates, "datetime64[ns]")},
        attrs={"dataset": name, "model": "aqnet", "weights_sha256": about.sha256},
    )


def _kept(part: xr.Dataset, without: str | None, name: str) -> torch.Tensor:
    """Positions of the stations used: those with an observation, but for the place's own."""
    valid = np.isfinite(part["pm2p5"].values).any(0)
    if without is not None:
        own = part["station"].values.astype(str) == without
        if not own.any():
            raise NotFoundError("there is no station {without!r}", where=name, without=without)
        valid &= ~own
    if not valid.any():
        raise RequestError("no station around has a reading", where=name, remedy="Choose another")
    return torch.from_numpy(np.flatnonzero(valid))


def _daily(
    values: NDArray[np.floating], local: NDArray[np.datetime64], dates: Sequence[dt.date]
) -> NDArray[np.float32]:
    """Mean of each date; NaN where fewer than half of its steps are predicted."""
    means = np.full(len(dates), np.nan, dtype=np.float32)
    for n, date in enumerate(dates):
        of_day = values[local == np.datetime64(date, "D")]
        predicted = of_day[np.isfinite(of_day)]
        if len(predicted) and 2 * len(predicted) >= len(of_day):
            means[n] = predicted.mean()
    return means
