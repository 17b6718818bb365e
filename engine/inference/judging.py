"""How good maps of a period are at stations: raw, after one factor, and with stations merged.

The stations of the period judge; what the merging needs is learned from the dates before it. A
station is never judged by a map that it was merged into.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from engine.core.errors import NotFoundError, RequestError
from engine.core.grid import Grid
from engine.core.progress import Progress, Stop, part, report
from engine.core.schema import Period, grid_of
from engine.fusion.groups import Numbers, distances, schemes, units
from engine.fusion.learning import learn
from engine.inference import station_scores
from engine.inference.coarse_maps import open_maps
from engine.inference.downscaling import EARLIER, earlier_dates
from engine.inference.fusing import Stations, logs
from engine.inference.request import METHODS, Request
from engine.inference.run import open_run
from engine.inference.sigma import choose_detail, level
from engine.inference.station_scores import StationScore

LEAST_EARLIER = 3  # dates before the period, to learn a merging from

Values = Callable[[dt.date], tuple[Numbers, Numbers]]


@dataclass(frozen=True)
class Judged:
    """A model's table.

    Attributes:
        rows: Of scores; see `StationScore`.
        note: Which method was taken and why, or which model it is.
        dates: Dates that judged.
        earlier: Dates before, that taught.
    """

    rows: list[StationScore]
    note: str
    dates: int
    earlier: int


def judge(
    request: Request,
    models: Sequence[str],
    start: dt.date,
    end: dt.date,
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> dict[str, Judged]:
    """Tables of scores at the request's stations, one a model, over a period.

    Args:
        request: Dataset, stations, and a climatology where one is used; its date and model are
            not looked at.
        models: Names in the catalogue whose maps are restored, or of `METHODS`, to downscale.
        start: First local date.
        end: Last local date.
        progress: Called after each date.
        cancelled: Looked at before each.

    Raises:
        EngineError: If the datasets, models or dates do not go together.
        Cancelled: If it was.
    """
    if not models:
        raise RequestError("no model is named", remedy="Name one or more, for example auto,area")
    if end < start:
        raise RequestError(
            "the end {end} lies before the start {start}",
            remedy="Exchange --start and --end",
            end=end,
            start=start,
        )
    found = {}
    for number, model in enumerate(dict.fromkeys(models)):
        share = part(progress, number / len(models), (number + 1) / len(models))
        one = _downscaled if model in METHODS else _restored
        found[model] = one(replace(request, model=model, date=start), start, end, share, cancelled)
    return found


def _downscaled(
    request: Request,
    start: dt.date,
    end: dt.date,
    progress: Progress | None,
    cancelled: Stop | None,
) -> Judged:
    maps = open_maps(request, until=end)
    stations = Stations.opened(request.stations, maps.grid, maps.period, request.hour)
    within = _within(earlier_dates(maps, stations, None), start, end, request.stations)
    earlier = earlier_dates(maps, stations, within[0])[-EARLIER[maps.period] :]
    detail = choose_detail(maps, stations, earlier, request.model, progress=progress)

    def values(day: dt.date) -> tuple[Numbers, Numbers]:
        coarse = stations.at(maps.on_fine_cells(day))
        return coarse, stations.at(maps.background(day, detail))

    rows = _rows(stations, values, within, earlier, progress, cancelled)
    return Judged(rows, detail.note, len(within), len(earlier))


def _restored(
    request: Request,
    start: dt.date,
    end: dt.date,
    progress: Progress | None,
    cancelled: Stop | None,
) -> Judged:
    run = open_run(
        replace(request, stations=""), progress=part(progress, 0.0, 0.3), cancelled=cancelled
    )
    if run.entry.task != "super-resolution" or run.window is None:
        raise RequestError(
            "{title} makes no fine map of a coarse one",
            remedy="Choose a super-resolution model, or auto",
            title=run.entry.title,
        )
    grid = grid_of(run.dataset).crop(run.window.rows, run.window.columns)
    period: Period = "month" if run.about.period == "month" else "day"
    stations = Stations.opened(request.stations, grid, period, request.hour)
    unit = "datetime64[M]" if period == "month" else "datetime64[D]"
    shared = _shared(run.dataset, stations, unit)
    within = _within(shared, start, end, request.stations)
    earlier = [day for day in shared if day < within[0]][-EARLIER[period] :]

    def values(day: dt.date) -> tuple[Numbers, Numbers]:
        made = run.predict(day)
        return _at(made, "coarse", stations), _at(made, "pm2p5", stations)

    rows = _rows(stations, values, within, earlier, part(progress, 0.3, 1.0), cancelled)
    return Judged(rows, run.entry.title, len(within), len(earlier))


def _shared(dataset: xr.Dataset, stations: Stations, unit: str) -> list[dt.date]:
    from engine.core.dates import local_dates

    here = set(local_dates(dataset).astype(unit))
    both = sorted(here & stations.known_dates(unit))
    return [day.astype("datetime64[D]").item() for day in both]


def _at(made: xr.Dataset, name: str, stations: Stations) -> Numbers:
    """A map's values in the cells of the stations; NaN outside."""
    latitude, longitude = made[name].dims[-2:]
    grid = Grid.from_axes(
        made[str(latitude)].values, made[str(longitude)].values, where="prediction"
    )
    row, column, inside = grid.cell_of(stations.latitude, stations.longitude)
    values = np.full(row.size, np.nan)
    values[inside] = made[name].values[0][row[inside], column[inside]]
    return values


def _within(days: Sequence[dt.date], start: dt.date, end: dt.date, name: str) -> list[dt.date]:
    found = [day for day in days if start <= day <= end]
    if not found:
        raise NotFoundError(
            "the map and the stations have no common date from {start} to {end}",
            where=name,
            remedy="Choose other dates",
            start=start,
            end=end,
        )
    return found


def _rows(
    stations: Stations,
    values: Values,
    within: Sequence[dt.date],
    earlier: Sequence[dt.date],
    progress: Progress | None,
    cancelled: Stop | None,
) -> list[StationScore]:
    days = [*earlier, *within]
    made = []
    for number, day in enumerate(days):
        report(progress, cancelled, number / len(days), f"scoring {day.isoformat()}")
        made.append(values(day))
    observed = stations.observed(days)
    coarse, fine = (np.stack([pair[which] for pair in made]) for which in (0, 1))
    km = distances(stations.latitude, stations.longitude)
    ways = schemes(stations.latitude, stations.longitude, units(km, stations.cell))
    cut = len(earlier)
    teach = slice(0, cut) if cut >= LEAST_EARLIER else slice(0, 0)
    learned = learn(logs(observed[teach]), logs(fine[teach]), km, ways)
    factor = level(observed[teach], fine[teach])
    rows = station_scores.table(
        observed[cut:],
        {"coarse": coarse[cut:], "background": fine[cut:]},
        (stations.latitude, stations.longitude),
        km,
        ways,
        learned,
        factor,
    )
    report(progress, cancelled, 1.0, "done")
    return rows
