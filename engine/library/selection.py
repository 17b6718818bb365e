"""Which time steps belong to a local date, and what to say when none does."""

from datetime import date

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.errors import NotFoundError

Days = NDArray[np.datetime64]


def local_dates(times: NDArray[np.datetime64], utc_offset_hours: float) -> Days:
    """Local date of each UTC time, datetime64[D]."""
    shift = np.timedelta64(round(utc_offset_hours * 3600), "s")
    return (times.astype("datetime64[s]") + shift).astype("datetime64[D]")


def dates_of(dataset: xr.Dataset) -> Days:
    """The local dates that a dataset has, each once, increasing; of monthly data the first days."""
    offset = float(dataset.attrs["utc_offset_hours"])
    return np.unique(local_dates(dataset["valid_time"].values, offset))


def on_date(dataset: xr.Dataset, day: date) -> NDArray[np.intp]:
    """Positions along time (for mobile data: samples) of a local date.

    In monthly data every date of a month means the month.

    Raises:
        NotFoundError: If there is none, naming the nearest dates.
    """
    offset = float(dataset.attrs["utc_offset_hours"])
    days = local_dates(dataset["valid_time"].values, offset)
    monthly = dataset.attrs["period"] == "month"
    unit = "datetime64[M]" if monthly else "datetime64[D]"
    wanted = np.datetime64(day, "D").astype(unit)
    positions: NDArray[np.intp] = np.flatnonzero(days.astype(unit) == wanted)
    if positions.size == 0:
        raise no_data_on(day, np.unique(days), where=str(dataset.attrs.get("dataset", "")))
    return positions


def no_data_on(day: date, days: Days, *, where: str) -> NotFoundError:
    """The error about a date without data, naming the nearest dates before and after."""
    wanted = np.datetime64(day, "D")
    position = int(np.searchsorted(days, wanted))
    near = [str(d) for d in days[max(position - 1, 0) : position + 1]]
    return NotFoundError(
        f"no data on {day}; the record runs from {days[0]} to {days[-1]}",
        where=where,
        remedy=f"The nearest {'dates are' if len(near) > 1 else 'date is'} {' and '.join(near)}",
    )
