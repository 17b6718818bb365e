"""The demo world as the three datasets of the engine: maps, stations, mobile samples.

One run of the world gives all three. Maps come day by day through a `GridStack`, so that a year
needs the memory of a day; what stations and vehicles need is kept on the way.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core.schema import Kind, Period, check
from engine.core.variables import VARIABLES
from engine.data.calendar import Times
from engine.data.stack import GridStack, Step
from engine.twin import fleet
from engine.twin.network import measured, network
from engine.twin.places import GRID, places
from engine.twin.shipped import VERSION
from engine.twin.world import simulate

UTC_OFFSET_H = 8
FLEET_DAYS = 14  # as long as the campaigns that the fleet is modelled on
LICENCE = "CC BY 4.0; made with GeoNames (CC BY 4.0) and Natural Earth (public domain)"


@dataclass(frozen=True)
class Window:
    """Days in a row, by local date.

    Attributes:
        start: First date.
        days: How many.
    """

    start: dt.date
    days: int

    @property
    def dates(self) -> list[dt.date]:
        """All dates."""
        return [self.start + dt.timedelta(days=n) for n in range(self.days)]


class World:
    """The demo world over some windows of time. Read `maps()` to its end first.

    Args:
        windows: In order of time, apart from each other.
        seed: Of the weather.
        fleet_start: First date of the fleet; by default the last window's, one week in where it is
            long enough.

    Raises:
        ValueError: If the windows overlap or are not in order.
    """

    def __init__(
        self, windows: Sequence[Window], seed: int, fleet_start: dt.date | None = None
    ) -> None:
        self.windows, self.seed = tuple(windows), seed
        self._dates = [date for window in windows for date in window.dates]
        if self._dates != sorted(set(self._dates)) or not self._dates:
            raise ValueError("windows must be in order of time and apart")
        last = windows[-1]
        spare = max(last.days - FLEET_DAYS, 0)
        start = fleet_start or last.start + dt.timedelta(days=min(7, spare))
        self._fleet_dates = Window(start, min(FLEET_DAYS, last.days)).dates
        self._network = network()
        self._truth: list[NDArray[np.float32]] = []

    def maps(self) -> GridStack:
        """Daily means of PM2.5, simulated as they are read; the sea has no data."""
        days: Times = np.array(self._dates, dtype="datetime64[ns]")
        return GridStack(
            valid_time=utc(days),
            grid=GRID,
            period="day",
            attributes=attributes("grid", "day", self.seed),
            read=self._read,
            finish=lambda: [],
        )

    def _read(self) -> Iterator[Step]:
        latitude, longitude = fleet.cells()
        cells = np.meshgrid(latitude, longitude, indexing="ij")
        lat = np.concatenate([self._network.latitude, cells[0].ravel()])
        lon = np.concatenate([self._network.longitude, cells[1].ravel()])
        sea = ~places().land
        self._truth.clear()
        for window in self.windows:
            run = simulate(window.days, self.seed, window.start, latitude=lat, longitude=lon)
            for day in run:
                self._truth.append(day.points)
                # A tenth of a microgram is finer than anything measured, and packs well.
                yield len(self._truth) - 1, np.where(sea, np.nan, np.round(day.pm2p5, 1))

    def stations(self) -> xr.Dataset:
        """What stations at real cities report by the hour, `pm2p5(valid_time, station)`.

        Raises:
            RuntimeError: If the maps were not read to their end.
        """
        count = len(self._network.station)
        truth = np.concatenate([points[:, :count] for points in self._kept()])
        midnight: Times = np.array(self._dates, dtype="datetime64[ns]")
        hours = midnight[:, None] + np.arange(24) * np.timedelta64(1, "h")
        dataset = xr.Dataset(
            {"pm2p5": (("valid_time", "station"), measured(truth, self.seed), pm2p5())},
            coords={
                "valid_time": utc(hours.ravel()),
                "station": self._network.station,
                "latitude": ("station", self._network.latitude),
                "longitude": ("station", self._network.longitude),
                "name": ("station", self._network.name),
            },
            attrs=attributes("stations", "hour", self.seed),
        )
        return check(dataset, where="stations of the demo world")

    def cells(self) -> xr.Dataset:
        """The truth that the fleet drives through, `pm2p5(valid_time, latitude, longitude)`.

        Hourly, 10 × 10 cells, as long as the fleet drives.

        Raises:
            RuntimeError: If the maps were not read to their end.
        """
        count = len(self._network.station)
        chosen = [
            points[:, count:]
            for date, points in zip(self._dates, self._kept(), strict=True)
            if date in self._fleet_dates
        ]
        truth = np.concatenate(chosen).reshape(-1, fleet.ROWS, fleet.COLUMNS)
        start = np.datetime64(self._fleet_dates[0], "ns") - np.timedelta64(UTC_OFFSET_H, "h")
        latitude, longitude = fleet.cells()
        return xr.Dataset(
            {"pm2p5": (("valid_time", "latitude", "longitude"), truth, pm2p5())},
            coords={
                "valid_time": start + np.arange(len(truth)) * np.timedelta64(1, "h"),
                "latitude": latitude,
                "longitude": longitude,
            },
            attrs=attributes("grid", "hour", self.seed),
        )

    def mobile(self) -> xr.Dataset:
        """What buses and cars measure in Nanjing, `pm2p5(sample)`.

        Raises:
            RuntimeError: If the maps were not read to their end.
        """
        truth = self.cells()
        samples = fleet.drive(truth["pm2p5"].values, self.seed)
        start = truth["valid_time"].values[0]
        dataset = xr.Dataset(
            {"pm2p5": ("sample", samples.pm2p5, pm2p5())},
            coords={
                "valid_time": ("sample", start + samples.minute * np.timedelta64(1, "m")),
                "latitude": ("sample", samples.latitude),
                "longitude": ("sample", samples.longitude),
                "device": ("sample", samples.device),
            },
            attrs=attributes("mobile", "hour", self.seed),
        )
        return check(dataset, where="fleet of the demo world")

    def _kept(self) -> list[NDArray[np.float32]]:
        if len(self._truth) != len(self._dates):
            raise RuntimeError("the maps come first: read them to their end")
        return self._truth


def utc(local: Times) -> Times:
    """Local times of the demo world (UTC+8) in UTC."""
    shifted: Times = local - np.timedelta64(UTC_OFFSET_H, "h")
    return shifted


def pm2p5() -> dict[str, str]:
    """Attributes of the variable: units and long name."""
    entry = VARIABLES["pm2p5"]
    return {"units": entry.units, "long_name": entry.long_name}


def attributes(kind: Kind, period: Period, seed: int) -> dict[str, str | int | float]:
    """Attributes of a dataset of the demo world: where it is from, that it is simulated."""
    return {
        "kind": kind,
        "period": period,
        "utc_offset_hours": UTC_OFFSET_H,
        "source": f"AirLens demo world {VERSION} of the Yangtze River Delta, simulated "
        f"(seed {seed})",
        "licence": LICENCE,
        "synthetic": 1,
    }
