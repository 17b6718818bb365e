"""Buses and cars that measure on the streets of the demo world's Nanjing.

A block of 10 × 10 cells of 0.01° (about 1 km) is cut from the demo world's grid, so that the truth
of every cell and hour is known. Streets are a net of straight lines through it; buses go to and fro
on fixed lines by day, cars from one place to the next at any hour.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.twin.places import GEOGRAPHY_SEED, GRID

ROWS = COLUMNS = 10
FIRST_ROW, FIRST_COLUMN = 290, 272  # of the demo world's grid: 32.0–32.1° N, 118.72–118.82° E
STEP_MIN = 2  # minutes between two readings of a vehicle

LINES, BUSES_A_LINE, CARS = 5, 1, 3
BUS_SPEED, CAR_SPEED = 11.0, 19.0  # cells an hour, stops and lights included
GAIN_SD, NOISE, FLOOR_NOISE = 0.05, 0.10, 3.0  # of low-cost sensors: device, reading, ug m-3
DROPPED = 0.12  # readings that never arrive

Path = NDArray[np.float64]  # (corner, 2): row, column


@dataclass(frozen=True)
class Samples:
    """Readings of all vehicles, by time.

    Attributes:
        minute: Minutes since the first hour of the truth.
        latitude: Degrees north.
        longitude: Degrees east.
        device: Vehicle.
        pm2p5: Reading, ug m-3.
    """

    minute: NDArray[np.int64]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    device: NDArray[np.str_]
    pm2p5: NDArray[np.float32]


def cells() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Latitudes (10,) and longitudes (10,) of the cells' centres, from north and from west."""
    rows = slice(FIRST_ROW, FIRST_ROW + ROWS)
    columns = slice(FIRST_COLUMN, FIRST_COLUMN + COLUMNS)
    return GRID.latitude[rows], GRID.longitude[columns]


def drive(truth: NDArray[np.floating], seed: int, first_hour: int = 0) -> Samples:
    """What the fleet measures in as many hours as the truth has.

    Args:
        truth: Hourly PM2.5 of the cells, (hour, 10, 10), ug m-3.
        seed: Of the world.
        first_hour: Local hour of the day at which the truth starts.
    """
    hours = len(truth)
    rng = np.random.default_rng([seed, 6])
    minutes = np.arange(0, 60 * hours, STEP_MIN)
    parts = []
    for device, way in _vehicles(rng, minutes, first_hour):
        there = ~np.isnan(way[:, 0]) & (rng.random(len(minutes)) >= DROPPED)
        minute, place = minutes[there], way[there]
        cell = np.clip(np.rint(place).astype(int), 0, (ROWS - 1, COLUMNS - 1))
        value = truth[minute // 60, cell[:, 0], cell[:, 1]] * np.exp(
            GAIN_SD * rng.standard_normal() + NOISE * rng.standard_normal(len(minute))
        )
        value = np.maximum(value + FLOOR_NOISE * rng.standard_normal(len(minute)), 0.5)
        parts.append((minute, place, np.full(len(minute), device), value))
    minute, place, device_of, value = (np.concatenate(p) for p in zip(*parts, strict=True))
    order = np.argsort(minute, kind="stable")
    latitude, longitude = cells()
    return Samples(
        minute=minute[order],
        latitude=np.round(latitude[0] - place[order, 0] * GRID.step_lat, 5),
        longitude=np.round(longitude[0] + place[order, 1] * GRID.step_lon, 5),
        device=device_of[order],
        pm2p5=np.round(value[order], 1).astype(np.float32),
    )


@lru_cache(maxsize=1)
def _streets() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows of the streets that run west to east, columns of those that run north to south."""
    rng = np.random.default_rng([GEOGRAPHY_SEED, 7])
    even = np.linspace(0.1, 8.9, 7)
    return even + rng.uniform(-0.35, 0.35, 7), even + rng.uniform(-0.35, 0.35, 7)


def _vehicles(
    rng: np.random.Generator, minutes: NDArray[np.int64], first_hour: int
) -> list[tuple[str, Path]]:
    """Every vehicle's row and column at every minute, NaN while it does not run."""
    clock = (minutes / 60 + first_hour) % 24
    lines = np.random.default_rng([GEOGRAPHY_SEED, 8])
    fleet = []
    for line in range(LINES):
        way = _route(lines, corners=3)
        for bus in range(BUSES_A_LINE):
            first, last = rng.uniform(5.2, 6.5), rng.uniform(21.5, 23.2)
            runs = (clock >= first) & (clock < last)
            fleet.append((f"bus-{line + 1}{'ab'[bus]}", _to_and_fro(rng, way, minutes, runs)))
    for car in range(CARS):
        busy = 0.25 + 0.6 * np.exp(-(((clock - 13) / 6.0) ** 2))
        shift = np.repeat(rng.random(minutes[-1] // 60 + 1), 60 // STEP_MIN)
        fleet.append((f"car-{car + 1}", _errands(rng, minutes, shift < busy)))
    return fleet


def _route(rng: np.random.Generator, corners: int) -> Path:
    """A way along streets that turns so many times."""
    across, down = _streets()
    row, column = rng.choice(across), rng.choice([-0.4, 9.4])
    points = [(row, column)]
    for turn in range(corners):
        if turn % 2 == 0:
            column = rng.choice(down[np.abs(down - column) > 1.5])
        else:
            row = rng.choice(across[np.abs(across - row) > 1.5])
        points.append((row, column))
    points.append((rng.choice([-0.4, 9.4]), column))
    return np.array(points)


def _to_and_fro(
    rng: np.random.Generator, way: Path, minutes: NDArray[np.int64], runs: NDArray[np.bool_]
) -> Path:
    """Along a way and back again, at an uneven pace."""
    pace = BUS_SPEED * np.exp(0.25 * rng.standard_normal(len(minutes)))
    gone = np.cumsum(pace) * STEP_MIN / 60 + rng.uniform(0, 30)
    place = _along(way, gone, there_and_back=True)
    place[~runs] = np.nan
    return place


def _errands(rng: np.random.Generator, minutes: NDArray[np.int64], runs: NDArray[np.bool_]) -> Path:
    """From one place to the next along streets, more often to the middle."""
    across, down = _streets()
    length = CAR_SPEED * len(minutes) * STEP_MIN / 60
    points = [np.array([rng.choice(across), rng.choice(down)])]
    done = 0.0
    while done < length:
        row, column = (np.clip(rng.normal(4.5, 2.6), -0.4, 9.4) for _ in range(2))
        row, column = (s[np.abs(s - v).argmin()] for s, v in ((across, row), (down, column)))
        for corner in (np.array([points[-1][0], column]), np.array([row, column])):
            done += float(np.abs(corner - points[-1]).sum())
            points.append(corner)
    pace = CAR_SPEED * np.exp(0.35 * rng.standard_normal(len(minutes)))
    place = _along(np.array(points), np.cumsum(pace) * STEP_MIN / 60, there_and_back=False)
    place[~runs] = np.nan
    return place


def _along(way: Path, gone: NDArray[np.float64], *, there_and_back: bool) -> Path:
    """Where one is on a way after so many cells."""
    reached = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(way, axis=0).T))])
    total = reached[-1]
    if there_and_back:
        gone = total - np.abs(gone % (2 * total) - total)
    return np.column_stack([np.interp(gone, reached, way[:, axis]) for axis in (0, 1)])
