"""A coarse dataset on the cells of a fine one: what is requested, opened and drawn for a date."""

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine import library
from engine.core import dates, regions
from engine.core.errors import RequestError
from engine.core.grid import Grid, Region
from engine.core.schema import Period, grid_of
from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.effective_resolution import downscale as with_detail
from engine.downscaling.effective_resolution import own_sigma
from engine.downscaling.exact_detail import smooth_map, with_exact_detail
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid
from engine.downscaling.topographic import topographic
from engine.inference.catalogue import NETWORKS
from engine.inference.climatology import Climatology
from engine.inference.request import Request
from engine.library import DatasetInfo
from engine.library.static_fields import on_grid

if TYPE_CHECKING:
    from engine.inference.network_detail import NetworkDetail
    from engine.inference.sigma import Detail

REFINED = 4  # parts of a coarse cell's side, where there is no climatology to give the fine grid
SAME = 1e-9  # degrees by which equal steps differ
FINEST = 0.05  # degrees; narrower cells are not cut any more
MARGIN = 3.0  # degrees around a region: smoothing and stations beyond its edge count
LARGEST_COARSE = 0.5  # of a coarse cell's width a fine one may have at most


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
        elevation: Height of the land in the fine cells, m; None: not given.
        opened: Networks that were opened for the grid.
    """

    coarse: xr.Dataset | None
    about: DatasetInfo
    period: Period
    grid: Grid
    climatology: Climatology | None
    hour: int | None
    smoothing: float
    elevation: NDArray[np.float64] | None = None
    opened: dict[str, "NetworkDetail"] = field(default_factory=dict, compare=False)

    def network(self, name: str) -> "NetworkDetail":
        """A network for this grid, opened once.

        Raises:
            EngineError: If it cannot be opened here.
        """
        from engine.inference.network_detail import NetworkDetail  # torch takes seconds to load

        if name not in self.opened:
            self.opened[name] = NetworkDetail.opened(self, name)
        return self.opened[name]

    @property
    def cells(self) -> RegularCells:
        """The fine cells."""
        return RegularCells.from_grid(self.grid)

    def on_fine_cells(self, date: dt.date) -> NDArray[np.float64]:
        """The coarse map of a date by area on the fine cells, ug m-3, NaN where it has none."""
        if self.coarse is None:
            return self.usual(date)
        there = self.of(date)
        if self._same_cells:
            rows, columns = grid_of(self.coarse).window(self.grid.bounds)
            return there["pm2p5"].values[0, rows, columns].astype(np.float64)
        source = RegularCells.from_grid(grid_of(self.coarse))
        return regrid(there["pm2p5"].values[0], overlap(source, self.cells), min_valid_share=0.0)

    @property
    def _same_cells(self) -> bool:
        """Whether the map keeps the dataset's own cells: nothing makes it finer."""
        return (
            self.coarse is not None
            and self.climatology is None
            and abs(grid_of(self.coarse).step_lat - self.grid.step_lat) < SAME
        )

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

    def background(self, date: dt.date, detail: "Detail") -> NDArray[np.float64]:
        """The map of a date before stations, ug m-3."""
        coarse = self.on_fine_cells(date)
        if self.coarse is None:
            return self.usual(date)
        if self._same_cells:
            return coarse
        if detail.method in NETWORKS:
            values = self.of(date)["pm2p5"].values[0].astype(np.float64)
            down = overlap(self.cells, RegularCells.from_grid(grid_of(self.coarse)))
            return self.network(detail.method).of(
                date, smooth_map(values, self._land(coarse), down)
            )
        if detail.method == "climatology":
            return np.where(np.isfinite(coarse), self.usual(date), np.nan)
        own = detail.sigma <= self.smoothing
        if own or detail.method in ("area", "topographic") or self.climatology is None:
            values = self.of(date)["pm2p5"].values[0].astype(np.float64)
            source = RegularCells.from_grid(grid_of(self.coarse))
            down = overlap(self.cells, source)
            if detail.method == "topographic" and self.elevation is not None:
                smooth = smooth_map(values, self._land(coarse), down)
                return topographic(values, smooth, self.elevation, down)
            if detail.method == "area" or self.climatology is None:
                return smooth_map(values, self._land(coarse), down)
            return with_exact_detail(values, self.usual(date), down)
        return with_detail(coarse, self.usual(date), self.cells, detail.sigma)

    def _land(self, coarse: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Fine cells that the result may have: the climatology's, or all with a coarse value."""
        if self.climatology is None:
            return np.isfinite(coarse)
        return np.isfinite(next(iter(self.climatology.month.values())))


def open_maps(request: Request, *, until: dt.date | None = None) -> Maps:
    """The datasets of a request, on the grid that its map will have, and a margin around.

    Args:
        request: What is requested.
        until: Last date that will be; the climatology knows no month from the request's to it.

    Raises:
        EngineError: If they do not go together; the message says what would.
    """
    if not request.climatology and not request.stations and not request.static:
        raise RequestError(
            "there is nothing to make the map finer or to merge with it",
            remedy="Name a fine dataset with --climatology, stations with --stations, or the "
            "height of the land with --static world",
        )
    about = library.info(request.dataset)
    region = regions.resolve(request.region)
    period = _period(request, about)
    if about.kind == "stations" and request.climatology:
        fine = _fine(request)
        bounds = _shared(grid_of(fine).bounds, grid_of(fine).bounds, region)
        climatology, grid = _climatology(request, fine, bounds, until or request.date)
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
        grid = _refined(box.crop(*box.window(_grown(region) if region else box.bounds)))
        height = _height(request, grid)
        return Maps(coarse, about, period, grid, None, request.hour, own, height)
    fine = _fine(request)
    bounds = _shared(box.bounds, grid_of(fine).bounds, region)
    climatology, grid = _climatology(request, fine, bounds, until or request.date)
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
    height = _height(request, grid)
    return Maps(coarse, about, period, grid, climatology, request.hour, own, height)


def _height(request: Request, grid: Grid) -> NDArray[np.float64] | None:
    """Height of the land in the fine cells, m; `auto` does without where there is none."""
    if not request.static:
        return None
    try:
        return on_grid(request.static, "elevation", grid)
    except RequestError:
        if request.model == "auto":
            return None
        raise


def _period(request: Request, about: DatasetInfo) -> Period:
    """What the map is a mean of: the data's own, a day of hours, or the month that is wanted."""
    if request.month or about.period == "month":
        return "month"
    return "hour" if request.hour is not None else "day"


def _fine(request: Request) -> xr.Dataset:
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
    request: Request, fine: xr.Dataset, bounds: Region, until: dt.date
) -> tuple[Climatology, Grid]:
    known = library.info(request.climatology)
    own = grid_of(fine)
    rows, columns = own.window(bounds)
    found = Climatology.opened(fine, known, rows, columns, without=(request.date, until))
    return found, own.crop(rows, columns)


def _grown(region: Region) -> Region:
    return Region(
        region.west - MARGIN, region.south - MARGIN, region.east + MARGIN, region.north + MARGIN
    )


def _refined(grid: Grid) -> Grid:
    """The grid with each cell cut in up to four times four, as long as a part is not too narrow."""
    parts = int(min(max(grid.step_lat // FINEST, 1), REFINED))
    lat, lon = grid.step_lat / parts, grid.step_lon / parts
    north = grid.north + grid.step_lat / 2 - lat / 2
    west = grid.west - grid.step_lon / 2 + lon / 2
    return Grid(north, west, lat, lon, grid.rows * parts, grid.columns * parts)


def _shared(first: Region, second: Region, region: Region | None) -> Region:
    """What two maps and a region have in common, with a margin around the region."""
    around = [] if region is None else [_grown(region)]
    boxes = [first, second, *around]
    west, south = max(b.west for b in boxes), max(b.south for b in boxes)
    east, north = min(b.east for b in boxes), min(b.north for b in boxes)
    if west >= east or south >= north:
        raise RequestError(
            "the coarse map, the climatology and the region have no place in common",
            remedy="Choose datasets and a region that overlap",
        )
    return Region(west, south, east, north)
