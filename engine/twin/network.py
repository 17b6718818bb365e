"""The demo world's stations: where they stand, and what they read of the truth."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from engine.twin.places import GEOGRAPHY_SEED, GRID, places

CITY = 700_000  # inhabitants from which a town has stations of its own
BACKGROUND = 14  # stations away from cities

BIAS = 0.04  # standard deviation between instruments, relative
NOISE = 0.06  # of an hour, relative
FLOOR_NOISE = 2.0  # of an hour, ug m-3
LOST_HOURS = 0.012  # hours that fail alone
OUTAGES = 0.0016  # chance per hour that an outage starts
OUTAGE_H = 9.0  # median length


@dataclass(frozen=True)
class Network:
    """Stations of the demo world; the same for every seed.

    Attributes:
        station: Identifiers.
        name: Names in English: of the city and a number.
        city: The city that a station belongs to; empty for stations away from cities.
        latitude: Degrees north.
        longitude: Degrees east.
    """

    station: NDArray[np.str_]
    name: NDArray[np.str_]
    city: NDArray[np.str_]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]


def network() -> Network:
    """Two to eight stations in every city by its size, and some in the country between."""
    rng = np.random.default_rng([GEOGRAPHY_SEED, 4])
    where = places()
    firm = ndimage.binary_erosion(where.land, iterations=2)  # no station at the water's edge
    towns = where.towns
    inner = towns["row"].between(4, GRID.rows - 5) & towns["column"].between(4, GRID.columns - 5)
    cities = towns[inner & (towns["population"] >= CITY)]
    rows: list[tuple[str, str, float, float]] = []
    people = cities["population"].to_numpy(dtype=np.float64)
    centres = cities[["row", "column"]].to_numpy(dtype=np.float64)
    for order, city in enumerate(cities["name_en"].astype(str)):
        count = int(np.clip(round(1.5 * (people[order] / 1e6) ** 0.5 + 1), 2, 8))
        radius = 1.2 * (people[order] / 1e5) ** 0.42
        for n, spot in enumerate(_spots(rng, firm, centres[order], radius, count), start=1):
            rows.append((f"C{order + 1:02d}-{n}", f"{city} {n}", *spot))
    country = towns[inner & towns["population"].between(8_000, 60_000)]
    for n, (place, row, column) in enumerate(_spread_out(rng, country, firm), start=1):
        rows.append((f"R{n:02d}", f"{place} (rural)", row, column))
    station, names = (np.array([row[part] for row in rows]) for part in (0, 1))
    at = np.array([row[2:] for row in rows])
    rural = np.char.startswith(station, "R")
    return Network(
        station=station,
        name=names,
        city=np.where(rural, "", [n.rsplit(" ", 1)[0] for n in names]),
        latitude=GRID.north - at[:, 0] * GRID.step_lat,
        longitude=GRID.west + at[:, 1] * GRID.step_lon,
    )


def measured(truth: NDArray[np.floating], seed: int) -> NDArray[np.float32]:
    """What the stations report, whole ug m-3, NaN where they report nothing.

    Args:
        truth: Hourly values at the stations, (hour, station), ug m-3.
        seed: Of the world.
    """
    rng = np.random.default_rng([seed, 5])
    gain = np.exp(BIAS * rng.standard_normal(truth.shape[1]))
    noise = rng.standard_normal(truth.shape)
    values = truth * gain * (1 + NOISE * noise) + FLOOR_NOISE * rng.standard_normal(truth.shape)
    lost = rng.random(truth.shape) < LOST_HOURS
    starts = np.argwhere(rng.random(truth.shape) < OUTAGES)
    lengths = np.ceil(OUTAGE_H * np.exp(0.9 * rng.standard_normal(len(starts)))).astype(int)
    for (hour, station), length in zip(starts, lengths, strict=True):
        lost[hour : hour + length, station] = True
    values = np.maximum(np.rint(values), 1.0)
    return np.where(lost, np.nan, values).astype(np.float32)


def _spots(
    rng: np.random.Generator,
    firm: NDArray[np.bool_],
    centre: NDArray[np.float64],
    radius: float,
    count: int,
) -> list[tuple[float, float]]:
    """Places around a centre, apart from each other and on land; the first near the centre."""
    spots: list[tuple[float, float]] = []
    apart, reach = 0.6 * radius, 0.25 * radius
    for _ in range(4000):
        if len(spots) == count:
            break
        y, x = centre + rng.normal(0, reach, 2)
        at = round(y), round(x)
        inside = 2 <= at[0] < GRID.rows - 2 and 2 <= at[1] < GRID.columns - 2
        if inside and firm[at] and all(np.hypot(y - a, x - b) > apart for a, b in spots):
            spots.append((float(y), float(x)))
        reach, apart = min(reach * 1.02, 1.3 * radius), apart * 0.999
    return spots


def _spread_out(
    rng: np.random.Generator, towns: pd.DataFrame, firm: NDArray[np.bool_]
) -> list[tuple[str, float, float]]:
    """Country places, each as far as can be from those before it."""
    points = towns[["row", "column"]].to_numpy() + rng.normal(0, 4.0, (len(towns), 2))
    at = np.clip(np.rint(points).astype(int), 0, np.array(GRID.shape) - 1)
    usable = np.flatnonzero(firm[tuple(at.T)])
    chosen = [int(usable[0])]
    while len(chosen) < min(BACKGROUND, len(usable)):
        gaps = np.hypot(*(points[usable, None] - points[chosen][None]).transpose(2, 0, 1))
        chosen.append(int(usable[gaps.min(axis=1).argmax()]))
    names = towns["name_en"].astype(str).tolist()
    return [(names[i], float(points[i, 0]), float(points[i, 1])) for i in chosen]
