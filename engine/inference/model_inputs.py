"""What a model is given for a date, and what it is later compared with.

Three tasks, three forms: a study pair cut from a grid, the stations of a day, or the recent past.
The target never reaches a recipe; it is kept apart here.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import xarray as xr

from engine.core import dates
from engine.core.errors import RequestError
from engine.core.grid import Grid, Region
from engine.core.schema import grid_of
from engine.core.task import Need
from engine.data import cells, pairs
from engine.forecast.recipe import valid_times

# A forecast may start from what was measured this long ago, where the last hours have gaps.
LOOK_BACK_HOURS = 24
# A map from stations has about this many cells at most, unless a resolution is requested.
MOST_CELLS = 60_000
RESOLUTIONS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Window:
    """A part of a grid, and what a model sees around it.

    Attributes:
        rows: Rows that are wanted, whole blocks.
        columns: Columns that are wanted.
        seen_rows: Those rows grown by the halo.
        seen_columns: Those columns grown by the halo.
    """

    rows: slice
    columns: slice
    seen_rows: slice
    seen_columns: slice


def window(grid: Grid, region: Region | None, *, factor: int, halo: int) -> Window:
    """The window of a region, in whole blocks counted from the grid's north-west corner.

    Raises:
        RequestError: If the region lies outside, or the grid holds no whole block.
    """
    whole = grid.coarsen(factor)
    most_rows, most_columns = whole.rows * factor, whole.columns * factor
    rows, columns = grid.window(region or grid.bounds, factor=factor)
    grow = halo * factor
    return Window(
        rows,
        columns,
        slice(max(rows.start - grow, 0), min(rows.stop + grow, most_rows)),
        slice(max(columns.start - grow, 0), min(columns.stop + grow, most_columns)),
    )


def pair(
    dataset: xr.Dataset,
    date: dt.date,
    where: Window,
    need: Need,
    *,
    factor: int,
    hour: int | None,
    name: str,
) -> tuple[xr.Dataset, xr.DataArray]:
    """The study pair of a date with the frames around it, and apart from it the fine map.

    Raises:
        NotFoundError: If the date or the hour has no data.
        RequestError: If the window holds no data on that date.
    """
    part = dataset.isel(latitude=where.seen_rows, longitude=where.seen_columns)
    dates.positions(part, date, name=name)
    frames = [
        dates.on(part, day, hour=hour, name=name)
        for day in dates.run_of_dates(part, date, need.before, need.after)
    ]
    fine = frames[need.before]
    inner = inner_of(where)
    target = fine["pm2p5"].isel(valid_time=0, latitude=inner[0], longitude=inner[1])
    if not bool(target.notnull().any()):
        raise RequestError(
            "the region holds no value on {date}",
            where=name,
            remedy="Choose a region with land in it, or another date",
            date=date.isoformat(),
        )
    stack = fine if len(frames) == 1 else xr.concat(frames, "valid_time")
    return pairs.degrade(stack, factor), target


def inner_of(where: Window) -> tuple[slice, slice]:
    """Rows and columns of the wanted part within what is seen."""
    top, left = where.seen_rows.start, where.seen_columns.start
    return (
        slice(where.rows.start - top, where.rows.stop - top),
        slice(where.columns.start - left, where.columns.stop - left),
    )


def stations_in(dataset: xr.Dataset, region: Region | None, *, name: str) -> xr.Dataset:
    """The stations of a region.

    Raises:
        RequestError: If there is none.
    """
    if region is None:
        return dataset
    latitude, longitude = dataset["latitude"].values, dataset["longitude"].values
    inside = (latitude >= region.south) & (latitude <= region.north)
    inside &= (longitude >= region.west) & (longitude <= region.east)
    if not inside.any():
        raise RequestError(
            "region {region} holds no station; they lie between {low} and {high}° N, {low_2} "
            "and {high_2}° E",
            where=name,
            remedy="Choose a region with stations",
            region=region,
            low=f"{latitude.min():.2f}",
            high=f"{latitude.max():.2f}",
            low_2=f"{longitude.min():.2f}",
            high_2=f"{longitude.max():.2f}",
        )
    return dataset.isel(station=np.flatnonzero(inside))


def stations_around(
    dataset: xr.Dataset, date: dt.date, need: Need, *, hour: int | None, name: str
) -> xr.Dataset:
    """All stations' values around a date, with `requested(valid_time)` and `of_date(station)`.

    The axis of time is whole, from `need.before` steps before the first that is requested to
    `need.after` after the last. `of_date` is the reading or daily mean that `engine.core.dates.on`
    gives; its attributes hold its `valid_time`.

    Raises:
        NotFoundError: If the date or the hour has no data.
    """
    day = dates.on(dataset, date, hour=hour, name=name)
    if hour is not None and dataset.attrs["period"] == "hour":
        requested = [dates.at_hour(dataset, date, hour, name=name)]
    else:
        requested = list(dates.positions(dataset, date, name=name))
    times = dataset["valid_time"].values.astype("datetime64[ns]")
    step = np.timedelta64(1, "h" if dataset.attrs["period"] == "hour" else "D")
    axis = np.arange(
        times[requested[0]] - need.before * step,
        times[requested[-1]] + (need.after + 1) * step,
        step,
    )
    part = dataset.isel(valid_time=np.isin(times, axis)).load().reindex(valid_time=axis)
    part["requested"] = ("valid_time", np.isin(axis, times[requested]))
    part["of_date"] = (
        "station",
        day["pm2p5"].values[0],
        {"units": "ug m-3", "valid_time": day["valid_time"].values[0]},
    )
    return part


def map_grid(stations: xr.Dataset, region: Region | None, resolution: float | None) -> Grid:
    """The grid of a map from stations: over the region, or over the stations and a margin.

    Raises:
        RequestError: If the resolution gives no cell, or more than can be shown.
    """
    box = region or around(stations).bounds
    width, height = box.east - box.west, box.north - box.south
    step = resolution or next(
        (r for r in RESOLUTIONS if width * height / r**2 <= MOST_CELLS), RESOLUTIONS[-1]
    )
    if not 0 < step <= min(width, height) / 2 or width * height / step**2 > 100 * MOST_CELLS:
        raise RequestError(
            "a resolution of {step}° does not suit a box of {width}° × {height}°",
            remedy="Choose another --resolution, for example 0.05",
            step=f"{step:g}",
            width=f"{width:g}",
            height=f"{height:g}",
        )
    rows, columns = round(height / step), round(width / step)
    return Grid(box.north - step / 2, box.west + step / 2, step, step, rows, columns)


def around(places: xr.Dataset, cells: int = 2) -> Grid:
    """A grid of a few cells over all places, with a margin of a tenth and at least 0.1°."""
    latitude, longitude = places["latitude"].values, places["longitude"].values
    south, north = float(latitude.min()), float(latitude.max())
    west, east = float(longitude.min()), float(longitude.max())
    up, along = max((north - south) / 10, 0.1), max((east - west) / 10, 0.1)
    west, east = max(round(west - along, 2), -180.0), min(round(east + along, 2), 180.0)
    south, north = max(round(south - up, 2), -90.0), min(round(north + up, 2), 90.0)
    high, wide = (north - south) / cells, (east - west) / cells
    return Grid(north - high / 2, west + wide / 2, high, wide, cells, cells)


def as_series(dataset: xr.Dataset, region: Region | None, *, name: str) -> xr.Dataset:
    """A dataset as a series of maps or of stations, cut to a region; samples become hourly cells.

    Raises:
        RequestError: If the region holds nothing of it.
    """
    kind = dataset.attrs["kind"]
    if kind == "mobile":
        return cells.hourly(dataset, region, name=name)
    if kind == "stations":
        return stations_in(dataset, region, name=name)[["pm2p5"]]
    grid = grid_of(dataset)
    rows, columns = grid.window(region or grid.bounds)
    return dataset[["pm2p5"]].isel(latitude=rows, longitude=columns)


def recent(
    series: xr.Dataset, date: dt.date, hour: int | None, *, name: str, back: int = 0
) -> xr.Dataset:
    """The recent past of a series, up to the last time step of a date or to an hour of it.

    Of hourly series these are the steps of the last 24 hours, or of `back` hours if that is more;
    else the one step.

    Raises:
        NotFoundError: If the date or the hour has no data.
    """
    last = int(dates.positions(series, date, name=name)[-1])
    if hour is not None and series.attrs["period"] == "hour":
        last = dates.at_hour(series, date, hour, name=name)
    times = series["valid_time"].values
    back = max(LOOK_BACK_HOURS, back) - 1 if series.attrs["period"] == "hour" else 0
    first = int(np.searchsorted(times, times[last] - np.timedelta64(back, "h")))
    return series.isel(valid_time=slice(first, last + 1)).load()


def later(series: xr.Dataset, init: np.datetime64, leads: int) -> xr.DataArray | None:
    """What was measured at the `leads` steps after `init`, NaN where nothing was; None if nothing.

    Dimensions (lead_time, ...).
    """
    times = valid_times(init, series.attrs["period"], leads)
    known = np.isin(times, series["valid_time"].values)
    if not known.any():
        return None
    target = series["pm2p5"].sel(valid_time=times[known]).load().reindex(valid_time=times)
    return target.rename(valid_time="lead_time").drop_vars("lead_time")
