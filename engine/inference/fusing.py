"""Stations of a date merged into a map, and what the reader is shown of it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine import library
from engine.core import dates
from engine.core.errors import DataError, RequestError
from engine.core.grid import Grid
from engine.core.schema import Period
from engine.data import station_means
from engine.fusion.analysis import LEAST_STATIONS, Analysis, analyse, left_out_analysis
from engine.fusion.groups import Scheme, distances, schemes, units
from engine.fusion.learning import NORMAL_90, Learned, learn
from engine.inference import station_scores

if TYPE_CHECKING:
    from engine.inference.coarse_maps import Maps
    from engine.inference.sigma import Detail

FEW = 10  # units below which scores are not to be trusted, and it is said

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Stations:
    """Stations that lie on the fine map.

    Attributes:
        dataset: Of these stations alone.
        name: Of the dataset.
        latitude: Degrees north.
        longitude: Degrees east.
        cell: Position of each one's cell in the flat map.
        period: Of the map that they are merged with.
        hour: Local hour, for hourly maps.
    """

    dataset: xr.Dataset
    name: str
    latitude: Numbers
    longitude: Numbers
    cell: NDArray[np.intp]
    period: Period
    hour: int | None

    @classmethod
    def opened(cls, name: str, grid: Grid, period: Period, hour: int | None) -> "Stations":
        """The stations of a dataset that lie on a grid.

        Raises:
            RequestError: If it holds no stations, or their period is longer than the map's.
            DataError: If too few lie on the grid.
        """
        about = library.info(name)
        if about.kind != "stations":
            raise RequestError(
                "{name} holds {kind}, no stations",
                remedy="Name a dataset of stations with --stations",
                name=name,
                kind=about.kind,
            )
        order = ("hour", "day", "month")
        if order.index(about.period) > order.index(period):
            raise RequestError(
                "{name} has means over a {own}, the map over a {period}",
                remedy="Choose stations with shorter means, or a map with longer ones",
                name=name,
                own=about.period,
                period=period,
            )
        dataset = library.open_dataset(name)
        row, column, inside = grid.cell_of(dataset["latitude"].values, dataset["longitude"].values)
        if inside.sum() < LEAST_STATIONS:
            raise DataError(
                "{count} of its {all} stations lie on the map; {least} are needed",
                where=name,
                remedy="Choose stations of the same place as the map",
                count=int(inside.sum()),
                all=int(inside.size),
                least=LEAST_STATIONS,
            )
        kept = dataset.isel(station=np.flatnonzero(inside))
        cell = (row * grid.columns + column)[inside]
        if len(np.unique(cell)) < LEAST_STATIONS:
            raise DataError(
                "its stations on the map lie in {count} of its cells; {least} are needed",
                where=name,
                remedy="Choose a finer map, or stations that are farther apart",
                count=len(np.unique(cell)),
                least=LEAST_STATIONS,
            )
        lat, lon = (kept[axis].values.astype(np.float64) for axis in ("latitude", "longitude"))
        return cls(kept, name, lat, lon, cell, period, hour)

    def known_dates(self, unit: str) -> set[np.datetime64]:
        """Local dates, or months, with readings."""
        return set(dates.local_dates(self.dataset).astype(unit))

    def observed(self, days: Sequence[dt.date]) -> Numbers:
        """Valid means of the map's period, (date, station), ug m-3, NaN where there is none."""
        own = self.dataset.attrs["period"]
        if self.period != "hour" and not own == self.period == "month":
            return station_means.averages(self.dataset, days, self.period)
        rows = []
        for day in days:
            there = dates.on(self.dataset, day, hour=self.hour, name=self.name)
            rows.append(there["pm2p5"].values[0].astype(np.float64))
        return np.array(rows)

    def at(self, values: Numbers) -> Numbers:
        """A map's values in the stations' cells."""
        return np.asarray(values.reshape(-1)[self.cell], dtype=np.float64)


Taught = tuple[Learned, float, str]  # constants of a merging, one factor, and how it is said


@dataclass(frozen=True)
class Fused:
    """What came of a merging.

    Attributes:
        analysis: Of every cell.
        left_out: Of every station from all other units, one date.
        observed: At the stations.
        stations: The stations.
        rows: Table of scores on the date.
        note: For the reader.
    """

    analysis: Analysis
    left_out: Analysis
    observed: Numbers
    stations: Stations
    rows: list[station_scores.StationScore]
    note: str

    @property
    def records(self) -> list[dict[str, object]]:
        """The table for JSON."""
        return station_scores.as_records(self.rows)

    def into(self, result: xr.Dataset) -> xr.Dataset:
        """The result with the analysis in the place of the background."""
        shape, fine = result["background"].shape, ("valid_time", "latitude", "longitude")
        land = np.isfinite(result["background"].values)
        half = (self.analysis.high - self.analysis.low) / (2 * NORMAL_90)
        maps = {
            "pm2p5": self.analysis.mean,
            "median": self.analysis.median,
            "low": self.analysis.low,
            "high": self.analysis.high,
            "uncertainty": half,
            "station_distance": self.analysis.distance,
        }
        units = {"station_distance": "km"}
        for name, flat in maps.items():
            values = np.where(land, flat.reshape(shape), np.nan).astype(np.float32)
            result[name] = (fine, values, {"units": units.get(name, "ug m-3")})
        there = self.stations.dataset
        left_out = self.left_out.mean[0]
        names = there["name"].values if "name" in there.coords else there["station"].values
        return result.assign_coords(
            station=("station", there["station"].values),
            station_name=("station", names),
            station_latitude=("station", self.stations.latitude),
            station_longitude=("station", self.stations.longitude),
        ).assign(
            observed=("station", self.observed.astype(np.float32), {"units": "ug m-3"}),
            leave_one_out=("station", left_out.astype(np.float32), {"units": "ug m-3"}),
        )


def fuse(
    maps: "Maps",
    stations: Stations,
    earlier: Sequence[dt.date],
    date: dt.date,
    detail: "Detail",
    taught: Taught | None = None,
) -> Fused:
    """Merge the stations of a date.

    Raises:
        DataError: If too few stations have a valid value on the date.
    """
    observed = stations.observed([date])
    if np.isfinite(observed).sum() < LEAST_STATIONS:
        raise DataError(
            "{count} stations have a valid value on {date}; {least} are needed",
            where=stations.name,
            remedy="Choose another date",
            count=int(np.isfinite(observed).sum()),
            date=date.isoformat(),
            least=LEAST_STATIONS,
        )
    background = maps.background(date, detail)
    at_stations = stations.at(background)[None]
    km = distances(stations.latitude, stations.longitude)
    ways = schemes(stations.latitude, stations.longitude, units(km, stations.cell))
    learned, factor, note = taught or teach(maps, stations, earlier, detail)
    if not learned.dates:
        learned = learn(logs(observed), logs(at_stations), km, ways)
    lat, lon = (
        a.ravel() for a in np.meshgrid(maps.grid.latitude, maps.grid.longitude, indexing="ij")
    )
    there = np.isfinite(background).ravel()
    part = analyse(
        observed[0],
        at_stations[0],
        (stations.latitude, stations.longitude),
        background.ravel()[there],
        (lat[there], lon[there]),
        learned,
    )
    coarse = stations.at(maps.on_fine_cells(date))[None]
    rows = station_scores.table(
        observed,
        {"coarse": coarse, "background": at_stations},
        (stations.latitude, stations.longitude),
        km,
        ways,
        learned,
        factor,
    )
    singly = left_out_analysis(observed, at_stations, km, ways[0], learned)
    return Fused(_spread(part, there), singly, observed[0], stations, rows, note + _few(ways))


def teach(maps: "Maps", stations: Stations, earlier: Sequence[dt.date], detail: "Detail") -> Taught:
    """From earlier dates: the merging's constants, one factor, and how it is said."""
    from engine.inference.sigma import level

    if not earlier:
        return Learned(), 1.0, "Merging learned on the date itself, stations left out in turn."
    km = distances(stations.latitude, stations.longitude)
    ways = schemes(stations.latitude, stations.longitude, units(km, stations.cell))
    observed = stations.observed(earlier)
    made = np.stack([stations.at(maps.background(day, detail)) for day in earlier])
    learned = learn(logs(observed), logs(made), km, ways)
    note = f"Merging learned on {learned.dates} earlier dates."
    if not learned.dates:
        note = "Merging learned on the date itself, stations left out in turn."
    return learned, level(observed, made), note


def logs(values: Numbers) -> Numbers:
    """log(value + 1); negative values count as none."""
    return np.log(np.maximum(values, 0.0) + 1.0)


def _few(ways: Sequence[Scheme]) -> str:
    count = len(np.unique(ways[0].group)) if ways else 1
    if count >= FEW:
        return ""
    return f" Only {count} independent stations: the scores say little."


def _spread(part: Analysis, there: NDArray[np.bool_]) -> Analysis:
    """The analysis of the cells with a background as one of all cells, NaN elsewhere."""

    def whole(values: Numbers) -> Numbers:
        result = np.full(there.size, np.nan)
        result[there] = values
        return result

    return Analysis(
        *(
            whole(getattr(part, name))
            for name in ("mean", "median", "low", "high", "log_spread", "distance")
        )
    )
