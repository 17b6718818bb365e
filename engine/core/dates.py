"""Local dates of a dataset, and the part of it that belongs to one.

The date in a request is the local one: `valid_time + utc_offset_hours` (decision 0002).
"""

import datetime as dt

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core.errors import NotFoundError, RequestError
from engine.core.valid_means import (
    HOURS_OF_A_DAY,
    days_needed,
    hours_covered,
    values_of_a_day,
)

# Dates that are named to someone who requested one without data.
SHOWN = 3

Dates = NDArray[np.datetime64]


def offset(dataset: xr.Dataset) -> np.timedelta64:
    """What local clocks of the dataset are ahead of UTC."""
    minutes = round(float(dataset.attrs["utc_offset_hours"]) * 60)
    return np.timedelta64(minutes * 60 * 10**9, "ns")


def local_dates(dataset: xr.Dataset) -> Dates:
    """Local date of every time step or sample, datetime64[D]."""
    local = dataset["valid_time"].values.astype("datetime64[ns]") + offset(dataset)
    dates: Dates = local.astype("datetime64[D]")
    return dates


def positions(dataset: xr.Dataset, date: dt.date, *, name: str) -> NDArray[np.intp]:
    """Positions along time (or among samples) of a local date, increasing; at least one.

    For monthly data any day of a month means that month.

    Args:
        dataset: A checked dataset.
        date: Local date.
        name: The dataset's name, for the message.

    Raises:
        NotFoundError: If the date has no data, naming the nearest dates that have.
    """
    dates = local_dates(dataset)
    unit = "datetime64[M]" if dataset.attrs["period"] == "month" else "datetime64[D]"
    wanted = np.datetime64(date, "D").astype(unit)
    matching = np.flatnonzero(dates.astype(unit) == wanted)
    if matching.size == 0:
        raise NotFoundError(
            "no data on {date}",
            where=name,
            remedy="The nearest dates with data are {dates}; all lie between {low} and {high}",
            date=date.isoformat(),
            dates=_nearest(dates, date),
            low=np.min(dates),
            high=np.max(dates),
        )
    return matching


def between(dataset: xr.Dataset, start: dt.date, end: dt.date, *, name: str) -> list[dt.date]:
    """Local dates with data from `start` to `end`, both included.

    Raises:
        RequestError: If `end` comes before `start`.
        NotFoundError: If there is none.
    """
    if end < start:
        raise RequestError(
            "the end {end} lies before the start {start}",
            remedy="Exchange --start and --end",
            end=end,
            start=start,
        )
    dates = np.unique(local_dates(dataset))
    first = np.datetime64(start, "D")
    if dataset.attrs["period"] == "month":
        first = first.astype("datetime64[M]").astype("datetime64[D]")
    chosen = dates[(dates >= first) & (dates <= np.datetime64(end, "D"))]
    if chosen.size == 0:
        raise NotFoundError(
            "no data from {start} to {end}",
            where=name,
            remedy="Data lie between {dates} and {dates_2}",
            start=start,
            end=end,
            dates=dates[0],
            dates_2=dates[-1],
        )
    return [day.item() for day in chosen]


def at_hour(dataset: xr.Dataset, date: dt.date, hour: int, *, name: str) -> int:
    """Position of the time step that starts at a local hour of a date.

    Raises:
        NotFoundError: If there is none.
    """
    if not 0 <= hour <= 23:
        raise RequestError(
            "a day has no hour {hour}", remedy="Give --hour between 0 and 23", hour=hour
        )
    steps = positions(dataset, date, name=name)
    local = dataset["valid_time"].values[steps].astype("datetime64[ns]") + offset(dataset)
    hours = (local - local.astype("datetime64[D]")).astype("timedelta64[h]").astype(int)
    match = steps[hours == hour]
    if match.size == 0:
        raise NotFoundError(
            "no data at {hour}:00 on {date}",
            where=name,
            remedy="That day has the hours {known}",
            hour=hour,
            date=date.isoformat(),
            known=tuple(str(hour) for hour in np.unique(hours)),
        )
    return int(match[0])


def on(dataset: xr.Dataset, date: dt.date, *, hour: int | None = None, name: str) -> xr.Dataset:
    """The one time step of a grid or of stations that a date means, in memory.

    Of hourly data this is the mean of the local day where values cover at least 20 hours (GB 3095,
    table 4), or one hour where `hour` is given. Only `pm2p5` is kept.

    Raises:
        NotFoundError: If the date or the hour has no data, or no place has enough hours.
    """
    kept = dataset[["pm2p5"]]
    if dataset.attrs["period"] != "hour":
        first = positions(dataset, date, name=name)[0]
        return kept.isel(valid_time=slice(first, first + 1)).load()
    if hour is not None:
        step = at_hour(dataset, date, hour, name=name)
        return kept.isel(valid_time=slice(step, step + 1)).load()
    return _daily_mean(kept.isel(valid_time=positions(dataset, date, name=name)).load(), date, name)


def of_month(dataset: xr.Dataset, month: dt.date, *, name: str) -> xr.Dataset:
    """The mean of a month's days, one time step, in memory; of monthly data the month itself.

    A place needs 27 valid days, 25 in February (GB 3095, table 4).

    Raises:
        NotFoundError: If the month has no data, or no place has enough days.
    """
    if dataset.attrs["period"] == "month":
        return on(dataset, month, name=name)
    local = local_dates(dataset)
    days = np.unique(local[local.astype("datetime64[M]") == np.datetime64(month, "M")])
    total, count, first = None, None, None
    for day in days:
        there = on(dataset, day.item(), name=name)
        first = there if first is None else first
        values = there["pm2p5"].values[0].astype(np.float64)
        known = np.isfinite(values)
        total = np.where(known, values, 0.0) + (0.0 if total is None else total)
        count = known + (0 if count is None else count)
    needed = days_needed(month.month)
    if first is None or total is None or count is None or int(np.max(count)) < needed:
        raise NotFoundError(
            "{month} has {count} valid days, a monthly mean needs {needed}",
            where=name,
            remedy="Choose another month, or one day",
            month=f"{month:%Y-%m}",
            count=0 if count is None else int(np.max(count)),
            needed=needed,
        )
    mean = np.full(total.shape, np.nan)
    np.divide(total, count, out=mean, where=count >= needed)
    start = np.datetime64(month.replace(day=1), "ns")
    result = first.assign_coords(valid_time=[start])
    result["pm2p5"] = (first["pm2p5"].dims, mean[None].astype(np.float32), first["pm2p5"].attrs)
    return result.assign_attrs(period="month", utc_offset_hours=0)


def run_of_dates(dataset: xr.Dataset, date: dt.date, before: int, after: int) -> list[dt.date]:
    """A date with those before and after it; across a gap the last one is repeated.

    A window that jumped from the end of one winter to the next summer would show a model a change
    that nobody saw.
    """
    unit = "datetime64[M]" if dataset.attrs["period"] == "month" else "datetime64[D]"
    known = {
        day: day.astype("datetime64[D]").item()
        for day in np.unique(local_dates(dataset).astype(unit))
    }
    centre = np.datetime64(date, "D").astype(unit)

    def walk(steps: int, way: int) -> list[dt.date]:
        day, found = centre, []
        for _ in range(steps):
            day = day + way if day + way in known else day
            found.append(known[day])
        return found

    return [*reversed(walk(before, -1)), known[centre], *walk(after, 1)]


def _daily_mean(hours: xr.Dataset, date: dt.date, name: str) -> xr.Dataset:
    count = hours["pm2p5"].notnull().sum("valid_time")
    enough = count >= values_of_a_day(hours.attrs)
    if not bool(enough.any()):
        raise NotFoundError(
            "no place has {needed} hours on {date}, the most is {high}",
            where=name,
            remedy="A daily mean needs them; choose one hour with --hour, or another date",
            needed=HOURS_OF_A_DAY,
            date=date.isoformat(),
            high=f"{int(count.max()) * hours_covered(hours.attrs):g}",
        )
    mean = hours["pm2p5"].mean("valid_time", skipna=True, keep_attrs=True).where(enough)
    start = np.datetime64(date, "ns") - offset(hours)
    result = mean.expand_dims(valid_time=[start]).to_dataset(name="pm2p5")
    result.attrs = hours.attrs | {"period": "day"}
    return result


def _nearest(dates: Dates, date: dt.date) -> tuple[str, ...]:
    unique = np.unique(dates)
    away = np.abs(unique - np.datetime64(date, "D"))
    closest = np.sort(unique[np.argsort(away, kind="stable")[:SHOWN]])
    return tuple(str(day) for day in closest)
