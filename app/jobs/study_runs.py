"""Runs over many dates for the study pages: one model, a range of days, gathered evidence.

A study is queued, shown, cancelled and kept like any other run (`app.jobs.job_queue`). It opens
dataset and model once and answers its dates one after another, so that its memory does not grow
with them.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from app.jobs import await_result, cache
from app.jobs.await_result import Result
from app.jobs.job_queue import Work
from engine.core import dates as days
from engine.core.errors import EngineError, NotFoundError, RequestError
from engine.core.grid import Grid
from engine.core.progress import Progress, Stop, part, report
from engine.core.schema import grid_of
from engine.inference.request import Request
from engine.verify.evidence import Day, gather
from engine.verify.spectra import cell_km

if TYPE_CHECKING:
    from engine.inference.run import Run

OPENING = 0.15  # share of a study that opening dataset and model takes


@dataclass(frozen=True)
class Study:
    """One model over a range of dates.

    Attributes:
        request: Dataset, region, model, seed; its date is the last of the range.
        dates: Local dates, increasing.
    """

    request: Request
    dates: tuple[dt.date, ...]


@dataclass(frozen=True)
class Withheld:
    """A map from stations that some of them were kept out of.

    Attributes:
        request: What is mapped.
        share: Share of the stations that is kept out, 0 to below 1.
    """

    request: Request
    share: float


@dataclass(frozen=True)
class Place:
    """The course of PM2.5 at one place, from the stations around it.

    Attributes:
        request: Whose station dataset is looked at.
        dates: Local dates, increasing.
        latitude: Of the place, degrees north.
        longitude: Of the place, degrees east.
        without: A station that is left out, since it is the place; or None.
    """

    request: Request
    dates: tuple[dt.date, ...]
    latitude: float
    longitude: float
    without: str | None


def last_dates(dates: Sequence[dt.date], day: dt.date, count: int) -> tuple[dt.date, ...]:
    """The `count` dates with data up to and including `day`; fewer where the record begins."""
    until = [date for date in dates if date <= day]
    return tuple(until[-count:])


def evidence(study: Study, *, slot: str) -> Result | None:
    """Gathered evidence of a study, or what `app.jobs.await_result.awaited` gives while it is made.

    Raises:
        EngineError: If the study failed.
    """
    request = study.request
    return _awaited(study, partial(work, study), request, len(study.dates), slot)


def withheld(wish: Withheld, *, slot: str) -> Result | None:
    """A map from the stations that are left, with the readings and roles of all.

    Raises:
        EngineError: If the run failed.
    """
    return _awaited(wish, partial(map_without, wish), wish.request, 1, slot)


def predicted_at(wish: Place, *, slot: str) -> Result | None:
    """AQ-Net's estimate at a place: `engine.stations.series.at_place`.

    Raises:
        EngineError: If there are no weights or no stations for it.
    """
    return _awaited(wish, partial(_place, wish), wish.request, len(wish.dates), slot)


def _place(wish: Place, *, progress: Progress, cancelled: Stop) -> xr.Dataset:
    from engine.stations.series import at_place

    report(progress, cancelled, 0.1, wish.request.dataset)
    return at_place(
        wish.request.dataset, wish.dates, wish.latitude, wish.longitude, without=wish.without
    )


def _awaited(
    requested: Study | Withheld | Place,
    call: Work[xr.Dataset],
    request: Request,
    steps: int,
    slot: str,
) -> Result | None:
    runs = cache.runs()
    key = (requested, cache.info(request.dataset).checksum)
    kind = (type(requested).__name__, request.model, request.dataset, str(request.region), steps)
    return await_result.awaited(
        requested,
        lambda owner: runs.submit(key, call, owner=owner, device=request.device, kind=kind),
        slot=slot,
    )


def work(study: Study, *, progress: Progress, cancelled: Stop) -> xr.Dataset:
    """Evidence of a study: see `engine.verify.evidence.gather`.

    For maps from stations the pairs are leave-one-out values and readings, and `observed`,
    `left_out` and `analysed` (the map at the station) are kept by day.

    Raises:
        EngineError: If no date can be answered.
        Cancelled: If nobody waits for it any more.
    """
    run = _opened(study.request, part(progress, 0, OPENING), cancelled)
    answers = _Answers(run, study.dates, progress, cancelled)
    if run.entry.task == "reanalysis":
        found = gather(
            (_at_stations(answer) for answer in answers),
            dims=("station",),
            coords=_station_coords(run.dataset),
        )
        for name, rows in answers.rows.items():
            found[name] = (("valid_time", "station"), np.stack(rows))
    else:
        grid = _grid(run)
        found = gather(
            (_on_grid(answer) for answer in answers),
            dims=("latitude", "longitude"),
            coords={"latitude": grid.latitude, "longitude": grid.longitude},
            cell=cell_km(grid),
        )
    found.attrs = dict(answers.attributes)
    found.attrs["dates_requested"] = len(study.dates)
    found.attrs["dates_in_training"] = answers.in_training
    return found


def _opened(request: Request, progress: Progress | None, cancelled: Stop) -> "Run":
    """Dataset and model, open. The engine is imported by the first run: torch takes seconds."""
    from engine.inference import run as inference

    return inference.open_run(request, progress=progress, cancelled=cancelled)


class _Answers:
    """Answers of a run, date by date; a date without data is passed over."""

    def __init__(
        self, run: "Run", dates: Sequence[dt.date], progress: Progress, cancelled: Stop
    ) -> None:
        self._run, self._dates = run, dates
        self._progress, self._cancelled = progress, cancelled
        self.attributes: dict[object, object] = {}
        self.in_training = 0
        self.rows: dict[str, list[NDArray[np.floating]]] = {}

    def __iter__(self) -> Iterator[xr.Dataset]:
        last: EngineError | None = None
        for number, date in enumerate(self._dates):
            share = OPENING + (1 - OPENING) * number / len(self._dates)
            report(self._progress, self._cancelled, share, date.isoformat())
            try:
                answer = self._run.predict(date)
            except EngineError as error:
                last = error
                continue
            self.attributes = dict(answer.attrs)
            self.in_training += int(answer.attrs.get("in_training_period", 0))
            self._keep(answer)
            yield answer
        if not self.attributes:
            raise last or NotFoundError("none of the dates has data", remedy="Choose others")

    def _keep(self, answer: xr.Dataset) -> None:
        if "leave_one_out" not in answer:
            return
        self.rows.setdefault("observed", []).append(answer["observed"].values[0])
        self.rows.setdefault("left_out", []).append(answer["leave_one_out"].values[0])
        self.rows.setdefault("analysed", []).append(at_points(answer))


def _grid(run: "Run") -> Grid:
    if run.window is None:
        raise RequestError(
            "{title} makes no map that can be compared with a known one",
            remedy="Choose a super-resolution or a reanalysis model",
            title=run.entry.title,
        )
    return grid_of(run.dataset).crop(run.window.rows, run.window.columns)


def _on_grid(answer: xr.Dataset) -> Day:
    return Day(
        answer["valid_time"].values[0], answer["pm2p5"].values[0], answer["target"].values[0]
    )


def _at_stations(answer: xr.Dataset) -> Day:
    return Day(
        answer["valid_time"].values[0],
        answer["leave_one_out"].values[0],
        answer["observed"].values[0],
    )


def _station_coords(stations: xr.Dataset) -> dict[str, NDArray[np.generic]]:
    ids = stations["station"].values if "station" in stations.coords else None
    return {
        "station": np.arange(stations.sizes["station"]) if ids is None else ids,
        **{name: stations[name].values for name in ("name", "latitude", "longitude")},
    }


def at_points(answer: xr.Dataset) -> NDArray[np.float32]:
    """The map's value in the cell of each of its stations; NaN outside."""
    grid = grid_of(answer)
    row, column, inside = grid.cell_of(
        answer["station_latitude"].values, answer["station_longitude"].values
    )
    values = np.full(row.size, np.nan, dtype=np.float32)
    values[inside] = answer["pm2p5"].values[0][row[inside], column[inside]]
    return values


def map_without(wish: Withheld, *, progress: Progress, cancelled: Stop) -> xr.Dataset:
    """A map from stations with a share of them kept out.

    Adds `used(station)`, and to `observed` the readings of the stations kept out. Which are kept
    out is drawn with the request's seed among those that have a reading.

    Raises:
        EngineError: If the map cannot be made from the stations that are left.
        Cancelled: If nobody waits for it any more.
    """
    request = wish.request
    run = _opened(request, part(progress, 0, 0.5), cancelled)
    whole = days.on(run.dataset, request.date, name=request.dataset)
    observed = whole["pm2p5"].values[0]
    used = _draw(np.isfinite(observed), wish.share, request.seed)
    kept = replace(run, dataset=run.dataset.isel(station=np.flatnonzero(used)))
    report(progress, cancelled, 0.5, request.date.isoformat())
    answer = kept.predict(request.date)
    attributes = answer.attrs
    left_out = np.full(used.size, np.nan, dtype=np.float32)
    left_out[used] = answer["leave_one_out"].values[0]
    answer = answer.drop_dims("station")
    coords = _station_coords(run.dataset)
    answer = answer.assign_coords(
        station=coords["station"], name=("station", coords["name"].astype(str))
    )
    answer["station_latitude"] = ("station", coords["latitude"])
    answer["station_longitude"] = ("station", coords["longitude"])
    answer["observed"] = (("valid_time", "station"), observed[None])
    answer["leave_one_out"] = (("valid_time", "station"), left_out[None])
    answer["used"] = ("station", used)
    answer["analysed"] = (("valid_time", "station"), at_points(answer)[None])
    answer.attrs = attributes | {"stations_withheld": int((~used).sum())}
    return answer


def _draw(valid: NDArray[np.bool_], share: float, seed: int) -> NDArray[np.bool_]:
    """Which stations are used: all but a share of those with a reading."""
    used = np.ones(valid.size, dtype=bool)
    places = np.flatnonzero(valid)
    count = round(share * places.size)
    used[np.random.default_rng(seed).permutation(places)[:count]] = False
    return used


def with_model(study: Study, model: str) -> Study:
    """The same study of another model."""
    return replace(study, request=replace(study.request, model=model))
