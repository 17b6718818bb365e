"""How the ratio of two near places moves: parts of other years, of the month and of the day.

Of the logarithm of the ratio of two stations' daily means three parts are separated, by distance:
*known*, the same month's mean in other years; *month*, what is a month's own; *day*, what is a
day's own. Real: Beijing's twelve stations over four years. The demo world is sampled as they are:
in their layout at its ten largest cities that have room for it, with noise for each monitor.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.core.errors import NotFoundError
from engine.core.grid import distance_km
from engine.core.paths import ROOT
from engine.twin.places import GRID, places

HOURS = ROOT.parent / "shared" / "data" / "prsa" / "prsa12_hourly.parquet"
BINS_KM = ((2, 6), (6, 12), (12, 25), (25, 50))
LEAST_HOURS = 20
MONITOR_NOISES = (0.045, 0.066)  # of a daily mean, relative: an instrument's; from pairs at 0 km
WIDER = 1.15  # the acceptance widens the real interval by this factor on either side
JUDGED_PAIRS = 8
DRAWS = 2000
CITIES = 10

Series = NDArray[np.float64]


@dataclass(frozen=True)
class Parts:
    """Of one distance, root mean squares of the log ratio over pairs.

    Attributes:
        pairs: How many pairs of stations.
        known: What the same month of other years knows.
        month: A month's own.
        day: A day's own.
        day_interval: 90 % interval of `day` over stations; None where none was drawn.
    """

    pairs: int
    known: float
    month: float
    day: float
    day_interval: tuple[float, float] | None = None


def of_pair(ratio: Series, dates: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Mean squares of the three parts of one pair's log ratio, (known, month, day).

    Args:
        ratio: Of each date, NaN where one of the two is missing.
        dates: Local dates of two years or more.
    """
    table = pd.DataFrame({"ratio": ratio, "month": dates.month, "year": dates.year}).dropna()
    means = table.groupby(["month", "year"])["ratio"].transform("mean")
    monthly = table.groupby(["month", "year"])["ratio"].mean().unstack("year").to_numpy()
    # Two years' means of a month share what is known, and nothing else.
    shared = [monthly[:, a] * monthly[:, b] for a, b in combinations(range(monthly.shape[1]), 2)]
    known = float(np.nanmean(shared)) if shared else np.nan
    month = float((means**2).mean()) - known
    return np.array([known, month, float(((table["ratio"] - means) ** 2).mean())])


def by_distance(
    groups: Iterable[tuple[Series, Series, Series]],
    dates: pd.DatetimeIndex,
    *,
    seed: int | None = None,
) -> dict[tuple[int, int], Parts]:
    """The parts for each distance of `BINS_KM` that has a pair.

    Args:
        groups: Daily means (date, station), latitudes and longitudes; pairs are made within one.
        dates: Local dates.
        seed: Of the bootstrap over stations; without it there are no intervals.
    """
    squares: dict[tuple[int, int, int], NDArray[np.float64]] = {}
    apart: dict[tuple[int, int, int], float] = {}
    sizes = []
    for group, (daily, latitude, longitude) in enumerate(groups):
        logs, km = (
            np.log(daily + 1),
            distance_km(latitude[:, None], longitude[:, None], latitude, longitude),
        )
        sizes.append(len(latitude))
        for a, b in combinations(range(len(latitude)), 2):
            if BINS_KM[0][0] <= km[a, b] < BINS_KM[-1][1]:
                squares[group, a, b] = of_pair(logs[:, a] - logs[:, b], dates)
                apart[group, a, b] = float(km[a, b])
    result = {}
    for low, high in BINS_KM:
        chosen = {p: s for p, s in squares.items() if low <= apart[p] < high}
        if chosen:
            known, month, day = np.sqrt(np.maximum(np.mean(list(chosen.values()), axis=0), 0.0))
            interval = None if seed is None else _interval(chosen, sizes, seed)
            result[low, high] = Parts(len(chosen), float(known), float(month), float(day), interval)
    return result


def _interval(
    pairs: dict[tuple[int, int, int], NDArray[np.float64]], sizes: Sequence[int], seed: int
) -> tuple[float, float]:
    """5th and 95th percentile of the day's part when stations are drawn again."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(DRAWS):
        counts = [np.bincount(rng.integers(0, n, n), minlength=n) for n in sizes]
        weights = np.array([counts[g][a] * counts[g][b] for g, a, b in pairs], dtype=float)
        if weights.sum() > 0:
            days = np.array([s[2] for s in pairs.values()])
            drawn.append(float(np.sqrt((weights * days).sum() / weights.sum())))
    low, high = np.percentile(drawn, [5, 95])
    return float(low), float(high)


def accepted(real: Parts, twin: Parts) -> bool | None:
    """Whether the demo world's day part lies in the widened real interval; None: too few pairs."""
    if real.pairs < JUDGED_PAIRS or real.day_interval is None:
        return None
    low, high = real.day_interval
    return low / WIDER <= twin.day <= high * WIDER


def beijing() -> tuple[Series, pd.DatetimeIndex, Series, Series]:
    """Daily means (date, station) of Beijing's twelve stations with dates and places.

    Raises:
        NotFoundError: If the real data are not there.
    """
    if not HOURS.is_file():
        raise NotFoundError("the hours of Beijing's stations are not here", where=str(HOURS))
    hours = pd.read_parquet(HOURS)
    day = pd.to_datetime(hours[["year", "month", "day"]])
    daily = hours.groupby([day.rename("date"), "station"])["PM2.5"].agg(["mean", "count"])
    table = daily["mean"].where(daily["count"] >= LEAST_HOURS).unstack()
    where = hours.drop_duplicates("station").set_index("station").loc[table.columns]
    return (
        table.to_numpy(),
        pd.DatetimeIndex(table.index),
        where["lat"].to_numpy(),
        where["lon"].to_numpy(),
    )


def layouts(latitude: Series, longitude: Series) -> list[tuple[Series, Series]]:
    """The stations' layout around the demo world's largest cities where all of it is on land.

    Raises:
        RuntimeError: If fewer than ten cities have room for it.
    """
    where = places()
    cities: list[tuple[Series, Series]] = []
    north = latitude - latitude.mean()
    east = (longitude - longitude.mean()) * np.cos(np.deg2rad(latitude.mean()))
    towns = where.towns.sort_values("population", ascending=False)
    for at_lat, at_lon in towns[["lat", "lon"]].to_numpy(dtype=np.float64):
        lat, lon = at_lat + north, at_lon + east / np.cos(np.deg2rad(at_lat))
        row, column, inside = GRID.cell_of(lat, lon)
        inside &= (row >= 1) & (row < GRID.rows - 1) & (column >= 1) & (column < GRID.columns - 1)
        if not inside.all() or not where.land[row, column].all():
            continue
        if any(max(abs(at_lat - a.mean()), abs(at_lon - b.mean())) < 0.3 for a, b in cities):
            continue
        cities.append((lat, lon))
        if len(cities) == CITIES:
            return cities
    raise RuntimeError(f"only {len(cities)} cities have room for the layout")


def as_measured(daily: Series, noise: float, seed: int) -> Series:
    """Daily means as monitors give them, with noise relative to the value, independent by day."""
    rng = np.random.default_rng([seed, 12])
    return np.asarray(daily * np.exp(noise * rng.standard_normal(daily.shape)))
