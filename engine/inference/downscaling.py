"""A coarse map made finer with a climatology, and merged with stations, for one date.

Two kinds of work that need no truth: *downscale* (a coarse dataset on its own grid) and *fuse* (any
map and stations). The third kind, *restore*, is the study of `engine.inference.run`.
"""

import datetime as dt
import json
import time
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine import library
from engine.core import dates, regions
from engine.core.errors import RequestError
from engine.core.grid import Grid, Region
from engine.core.progress import Progress, Stop, report
from engine.core.schema import grid_of
from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.effective_resolution import downscale as with_detail
from engine.downscaling.effective_resolution import own_sigma
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid
from engine.downscaling.smoothing import gaussian_smooth
from engine.inference.climatology import Climatology
from engine.inference.fusing import Fused, Stations, fuse
from engine.inference.sigma import Detail, choose_detail
from engine.library import DatasetInfo

METHODS = ("auto", "area", "ratio", "climatology")
EARLIER = {"hour": 30, "day": 60, "month": 24}  # dates before the one requested that teach
REFINED = 4  # parts of a coarse cell's side, where there is no climatology to give the fine grid
LARGEST_COARSE = 0.5  # of a coarse cell's width a fine one may have at most


@dataclass(frozen=True)
class DownscaleRequest:
    """What is requested.

    Attributes:
        dataset: The coarse dataset's name.
        date: Local date; for monthly data any day of the month.
        climatology: A fine dataset of other dates; empty: none.
        stations: A dataset of stations to merge and to judge by; empty: none.
        region: Name, `W,S,E,N`, or "all".
        method: "auto", or how detail is made: "area" (none), "ratio", "climatology".
        hour: Local hour, for hourly data.
    """

    dataset: str
    date: dt.date
    climatology: str = ""
    stations: str = ""
    region: str = regions.WHOLE
    method: str = "auto"
    hour: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be done.

        Raises:
            RequestError: With what may be chosen.
        """
        if self.method not in METHODS:
            raise RequestError(
                "{method!r} makes no coarse dataset finer",
                remedy="Choose from {methods}; networks restore fine datasets, without "
                "--climatology",
                method=self.method,
                methods=METHODS,
            )
        if self.method in ("ratio", "climatology") and not self.climatology:
            raise RequestError(
                "{method} needs a fine dataset of other dates",
                remedy="Name one with --climatology",
                method=self.method,
            )
        if not self.climatology and not self.stations:
            raise RequestError(
                "there is nothing to make the map finer or to merge with it",
                remedy="Name a fine dataset with --climatology, or stations with --stations",
            )


@dataclass(frozen=True)
class Maps:
    """A coarse dataset on the fine grid, for any of its dates.

    Attributes:
        coarse: The dataset.
        about: Its record.
        grid: The fine grid.
        climatology: Of the fine grid; None: there is none.
        hour: Local hour.
        smoothing: Degrees by which the coarse map is smoothed at least.
    """

    coarse: xr.Dataset
    about: DatasetInfo
    grid: Grid
    climatology: Climatology | None
    hour: int | None
    smoothing: float

    @property
    def cells(self) -> RegularCells:
        """The fine cells."""
        return RegularCells.from_grid(self.grid)

    def on_fine_cells(self, date: dt.date) -> NDArray[np.float64]:
        """The coarse map of a date by area on the fine cells, ug m-3, NaN where it has none."""
        there = dates.on(self.coarse, date, hour=self.hour, name=self.about.name)
        source = RegularCells.from_grid(grid_of(self.coarse))
        return regrid(there["pm2p5"].values[0], overlap(source, self.cells), min_valid_share=0.0)

    def background(self, date: dt.date, detail: Detail) -> NDArray[np.float64]:
        """The map of a date before stations, ug m-3."""
        coarse = self.on_fine_cells(date)
        if detail.method == "area" or self.climatology is None:
            valid = np.isfinite(coarse)
            return gaussian_smooth(coarse, self.cells, detail.sigma, valid=valid)
        usual = self.climatology.of(date)
        if detail.method == "climatology":
            return np.where(np.isfinite(coarse), usual, np.nan)
        return with_detail(coarse, usual, self.cells, detail.sigma)


def downscale(
    request: DownscaleRequest,
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> xr.Dataset:
    """The best fine map of a date, with its interval where there are stations.

    Returns:
        `coarse` on its own axes; `background` and `pm2p5` on (valid_time, latitude, longitude);
        with stations also `median`, `low`, `high` (the 90 % interval), `uncertainty` and
        `station_distance` in km, and at each station `observed` and `leave_one_out`. In ug m-3,
        with provenance as attributes; attribute `station_scores` is a table in JSON.

    Raises:
        EngineError: If it cannot be met; the message says what can.
        Cancelled: If `cancelled` said so.
    """
    started = time.perf_counter()
    report(progress, cancelled, 0.0, "opening the data")
    maps = _open(request)
    date = request.date.replace(day=1) if maps.about.period == "month" else request.date
    dates.positions(maps.coarse, date, name=request.dataset)
    stations, earlier = None, []
    if request.stations:
        stations = Stations.opened(request.stations, maps.grid, maps.about.period, request.hour)
        earlier = _earlier(maps, stations, date)
    report(progress, cancelled, 0.1, "choosing how detail is made")
    detail = choose_detail(maps, stations, earlier, request.method, progress=progress)
    report(progress, cancelled, 0.6, "computing the map")
    result = _result(maps, date, detail)
    fused: Fused | None = None
    if stations is not None:
        fused = fuse(maps, stations, earlier, date, detail)
        result = fused.into(result)
    report(progress, cancelled, 1.0, "done")
    seconds = time.perf_counter() - started
    result.attrs |= _provenance(request, maps, detail, fused, date, seconds)
    return result


def _open(request: DownscaleRequest) -> Maps:
    about = library.info(request.dataset)
    if about.kind != "grid":
        raise RequestError(
            "{name} holds {kind}, no map",
            remedy="Name a gridded dataset with --data",
            name=request.dataset,
            kind=about.kind,
        )
    coarse = library.open_dataset(request.dataset)
    region = regions.resolve(request.region)
    box = grid_of(coarse)
    if not request.climatology:
        whole = box.crop(*box.window(region or box.bounds))
        grid = _refined(whole)
        return Maps(coarse, about, grid, None, request.hour, own_sigma(_cells(box)))
    fine = library.open_dataset(request.climatology)
    known = library.info(request.climatology)
    if known.kind != "grid":
        raise RequestError(
            "{name} holds {kind}, no map",
            remedy="Name a fine gridded dataset with --climatology",
            name=request.climatology,
            kind=known.kind,
        )
    own = grid_of(fine)
    if own.step_lat > LARGEST_COARSE * box.step_lat + 1e-9:
        raise RequestError(
            "the cells of {climatology} ({fine}°) are not at most half as wide as those of "
            "{dataset} ({coarse}°)",
            remedy="Exchange the two, or choose a finer climatology",
            climatology=request.climatology,
            fine=f"{own.step_lat:g}",
            dataset=request.dataset,
            coarse=f"{box.step_lat:g}",
        )
    bounds = _shared(box.bounds, own.bounds, region)
    rows, columns = own.window(bounds)
    climatology = Climatology.opened(fine, known, rows, columns, without=request.date)
    grid = own.crop(rows, columns)
    return Maps(coarse, about, grid, climatology, request.hour, own_sigma(_cells(box)))


def _cells(grid: Grid) -> RegularCells:
    return RegularCells.from_grid(grid)


def _refined(grid: Grid) -> Grid:
    """The grid with each cell cut in four times four."""
    lat, lon = grid.step_lat / REFINED, grid.step_lon / REFINED
    north = grid.north + grid.step_lat / 2 - lat / 2
    west = grid.west - grid.step_lon / 2 + lon / 2
    return Grid(north, west, lat, lon, grid.rows * REFINED, grid.columns * REFINED)


def _shared(first: Region, second: Region, region: Region | None) -> Region:
    boxes = [first, second, *([] if region is None else [region])]
    west, south = max(b.west for b in boxes), max(b.south for b in boxes)
    east, north = min(b.east for b in boxes), min(b.north for b in boxes)
    if west >= east or south >= north:
        raise RequestError(
            "the coarse map, the climatology and the region have no place in common",
            remedy="Choose datasets and a region that overlap",
        )
    return Region(west, south, east, north)


def _earlier(maps: Maps, stations: Stations, date: dt.date) -> list[dt.date]:
    """Dates before the one requested that the coarse dataset and the stations share."""
    unit = "datetime64[M]" if maps.about.period == "month" else "datetime64[D]"
    here = np.unique(dates.local_dates(maps.coarse).astype(unit))
    there = stations.known_dates(unit)
    both = [d for d in here if d < np.datetime64(date, "D").astype(unit) and d in there]
    days = [d.astype("datetime64[D]").item() for d in both]
    return days[-EARLIER[maps.about.period] :]


def _result(maps: Maps, date: dt.date, detail: Detail) -> xr.Dataset:
    there = dates.on(maps.coarse, date, hour=maps.hour, name=maps.about.name)
    box = grid_of(maps.coarse)
    rows, columns = box.window(maps.grid.bounds)
    background = maps.background(date, detail).astype(np.float32)
    units = {"units": "ug m-3"}
    fine = ("valid_time", "latitude", "longitude")
    coarse = there["pm2p5"].values[:, rows, columns]
    if not np.isfinite(background).any():
        raise RequestError(
            "the coarse map has no value on {date} in the region",
            where=maps.about.name,
            remedy="Choose another date or region",
            date=date.isoformat(),
        )
    return xr.Dataset(
        {
            "coarse": (("valid_time", "coarse_latitude", "coarse_longitude"), coarse, units),
            "background": (fine, background[None], units),
            "pm2p5": (fine, background[None].copy(), units),
        },
        coords={
            "valid_time": there["valid_time"].values,
            "coarse_latitude": box.latitude[rows],
            "coarse_longitude": box.longitude[columns],
            "latitude": maps.grid.latitude,
            "longitude": maps.grid.longitude,
        },
        attrs={
            "kind": "grid",
            "period": str(there.attrs["period"]),
            "utc_offset_hours": there.attrs["utc_offset_hours"],
        },
    )


def _provenance(
    request: DownscaleRequest,
    maps: Maps,
    detail: Detail,
    fused: Fused | None,
    date: dt.date,
    seconds: float,
) -> dict[str, str | int | float]:
    used = [maps.about]
    used += [library.info(n) for n in (request.climatology, request.stations) if n]
    synthetic = any(about.synthetic for about in used)
    work = "fuse" if fused else "downscale"
    hour = {} if request.hour is None else {"hour": request.hour}
    scores = {"station_scores": json.dumps(fused.records)} if fused else {}
    return {
        "title": f"{'DEMO (synthetic data): ' if synthetic else ''}PM2.5, {work}, "
        f"{date.isoformat()}",
        "task": "downscaling",
        "work": work,
        "made_by": "prediction",
        "model": detail.method,
        "model_version": "1",
        "model_note": " ".join(filter(None, (detail.note, fused.note if fused else ""))),
        "weights_sha256": "",
        "dataset": request.dataset,
        "dataset_checksum": maps.about.checksum,
        "climatology": request.climatology,
        "stations_dataset": request.stations,
        "inputs": json.dumps({about.name: about.checksum for about in used}),
        "source": "; ".join(dict.fromkeys(about.source for about in used)),
        "licence": "; ".join(dict.fromkeys(about.licence for about in used)),
        "synthetic": int(synthetic),
        "reference_state": maps.about.reference_state,
        "sigma_degrees": round(detail.sigma, 4),
        "date": date.isoformat(),
        "region": request.region,
        "region_bounds": str(maps.grid.bounds),
        "seed": 0,
        "device": "cpu",
        "seconds": round(seconds, 4),
        "in_training_period": 0,
        "created": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "airlens_version": version("airlens"),
        **hour,
        **scores,
    }
