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
from engine.core.schema import Period, grid_of
from engine.data.options import plain_offset
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
        dataset: The coarse dataset's name; or one of stations, which are then merged into the
            climatology itself.
        date: Local date; for monthly data any day of the month.
        climatology: A fine dataset of other dates; empty: none.
        stations: A dataset of stations to merge and to judge by; empty: none.
        region: Name, `W,S,E,N`, or "all".
        method: "auto", or how detail is made: "area" (none), "ratio", "climatology".
        hour: Local hour, for hourly data.
        month: Whether the mean of the date's month is wanted, of daily data too.
    """

    dataset: str
    date: dt.date
    climatology: str = ""
    stations: str = ""
    region: str = regions.WHOLE
    method: str = "auto"
    hour: int | None = None
    month: bool = False

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
        coarse: The dataset; None: the climatology takes its place.
        about: Its record, or the stations'.
        period: Of the map.
        grid: The fine grid.
        climatology: Of the fine grid; None: there is none.
        hour: Local hour.
        smoothing: Degrees by which the coarse map is smoothed at least.
    """

    coarse: xr.Dataset | None
    about: DatasetInfo
    period: Period
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
        if self.coarse is None:
            return self.usual(date)
        there = self.of(date)
        source = RegularCells.from_grid(grid_of(self.coarse))
        return regrid(there["pm2p5"].values[0], overlap(source, self.cells), min_valid_share=0.0)

    def of(self, date: dt.date) -> xr.Dataset:
        """The coarse dataset's one time step of a date."""
        if self.coarse is None:
            raise ValueError("there is no coarse dataset")
        if self.period == "month":
            return dates.of_month(self.coarse, date, name=self.about.name)
        return dates.on(self.coarse, date, hour=self.hour, name=self.about.name)

    def usual(self, date: dt.date) -> NDArray[np.float64]:
        """The climatology of a date."""
        if self.climatology is None:
            raise ValueError("there is no climatology")
        return self.climatology.of(date)

    def background(self, date: dt.date, detail: Detail) -> NDArray[np.float64]:
        """The map of a date before stations, ug m-3."""
        coarse = self.on_fine_cells(date)
        if detail.method == "area" or self.climatology is None:
            valid = np.isfinite(coarse)
            return gaussian_smooth(coarse, self.cells, detail.sigma, valid=valid)
        usual = self.usual(date)
        if detail.method == "climatology" or self.coarse is None:
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
    date = request.date.replace(day=1) if maps.period == "month" else request.date
    name = request.stations or (request.dataset if maps.coarse is None else "")
    stations, earlier = None, []
    if name:
        stations = Stations.opened(name, maps.grid, maps.period, request.hour)
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
    region = regions.resolve(request.region)
    period = _period(request, about)
    if about.kind == "stations" and request.climatology:
        fine = _fine(request)
        bounds = _shared(grid_of(fine).bounds, grid_of(fine).bounds, region)
        climatology, grid = _climatology(request, fine, bounds)
        return Maps(None, about, period, grid, climatology, request.hour, grid.step_lat)
    if about.kind != "grid":
        raise RequestError(
            "{name} holds {kind}, no map",
            remedy="Name a gridded dataset with --data, or a fine one with --climatology",
            name=request.dataset,
            kind=about.kind,
        )
    coarse = library.open_dataset(request.dataset)
    box = grid_of(coarse)
    own = own_sigma(RegularCells.from_grid(box))
    if not request.climatology:
        grid = _refined(box.crop(*box.window(region or box.bounds)))
        return Maps(coarse, about, period, grid, None, request.hour, own)
    fine = _fine(request)
    bounds = _shared(box.bounds, grid_of(fine).bounds, region)
    climatology, grid = _climatology(request, fine, bounds)
    if grid.step_lat > LARGEST_COARSE * box.step_lat + 1e-9:
        raise RequestError(
            "the cells of {climatology} ({fine}°) are not at most half as wide as those of "
            "{dataset} ({coarse}°)",
            remedy="Exchange the two, or choose a finer climatology",
            climatology=request.climatology,
            fine=f"{grid.step_lat:g}",
            dataset=request.dataset,
            coarse=f"{box.step_lat:g}",
        )
    return Maps(coarse, about, period, grid, climatology, request.hour, own)


def _period(request: DownscaleRequest, about: DatasetInfo) -> Period:
    """What the map is a mean of: the data's own, a day of hours, or the month that is wanted."""
    if request.month or about.period == "month":
        return "month"
    return "hour" if request.hour is not None else "day"


def _fine(request: DownscaleRequest) -> xr.Dataset:
    known = library.info(request.climatology)
    if known.kind != "grid":
        raise RequestError(
            "{name} holds {kind}, no map",
            remedy="Name a fine gridded dataset with --climatology",
            name=request.climatology,
            kind=known.kind,
        )
    return library.open_dataset(request.climatology)


def _climatology(
    request: DownscaleRequest, fine: xr.Dataset, bounds: Region
) -> tuple[Climatology, Grid]:
    known = library.info(request.climatology)
    own = grid_of(fine)
    rows, columns = own.window(bounds)
    found = Climatology.opened(fine, known, rows, columns, without=request.date)
    return found, own.crop(rows, columns)


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
    unit = "datetime64[M]" if maps.period == "month" else "datetime64[D]"
    there = stations.known_dates(unit)
    here = there
    if maps.coarse is not None:
        here = set(dates.local_dates(maps.coarse).astype(unit))
    wanted = np.datetime64(date, "D").astype(unit)
    both = sorted(d for d in here & there if d < wanted)
    days = [d.astype("datetime64[D]").item() for d in both]
    return days[-EARLIER[maps.period] :]


def _result(maps: Maps, date: dt.date, detail: Detail) -> xr.Dataset:
    background = maps.background(date, detail).astype(np.float32)
    if not np.isfinite(background).any():
        raise RequestError(
            "the map has no value on {date} in the region",
            where=maps.about.name,
            remedy="Choose another date or region",
            date=date.isoformat(),
        )
    units = {"units": "ug m-3"}
    fine = ("valid_time", "latitude", "longitude")
    offset = 0.0 if maps.period == "month" else float(maps.about.utc_offset_hours)
    start = np.datetime64(date, "ns") - np.timedelta64(round(offset * 3600), "s")
    result = xr.Dataset(
        {
            "background": (fine, background[None], units),
            "pm2p5": (fine, background[None].copy(), units),
        },
        coords={
            "valid_time": [start + np.timedelta64(maps.hour or 0, "h")],
            "latitude": maps.grid.latitude,
            "longitude": maps.grid.longitude,
        },
        attrs={"kind": "grid", "period": maps.period, "utc_offset_hours": plain_offset(offset)},
    )
    if maps.coarse is None:
        return result
    box = grid_of(maps.coarse)
    rows, columns = box.window(maps.grid.bounds)
    coarse = maps.of(date)["pm2p5"].values[:, rows, columns]
    return result.assign_coords(
        coarse_latitude=box.latitude[rows], coarse_longitude=box.longitude[columns]
    ).assign(coarse=(("valid_time", "coarse_latitude", "coarse_longitude"), coarse, units))


def _provenance(
    request: DownscaleRequest,
    maps: Maps,
    detail: Detail,
    fused: Fused | None,
    date: dt.date,
    seconds: float,
) -> dict[str, str | int | float]:
    names = (request.climatology, request.stations)
    used = [maps.about, *(library.info(name) for name in names if name)]
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
