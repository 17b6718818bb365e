"""How like the real delta the demo world is: the same statistics of both, side by side.

Cities: daily means of the delta's cities, 2014 and 2015 (CNEMC through SpTe2M). Streets: 14 days of
hourly 10 × 10 cells in Changshu. Detail: `engine.research.demo.detail`.

`python -m engine.research.demo.statistics` writes `docs/demo-world.md`; with `kept` after it, from
the numbers that are there.
"""

import datetime as dt
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.core import results_page
from engine.core.errors import EngineError, NotFoundError
from engine.core.files import write_atomic
from engine.core.grid import Grid
from engine.core.paths import ROOT
from engine.data.misplaced import corrected
from engine.research.demo import detail
from engine.twin import fleet
from engine.twin.shipped import SEED
from engine.twin.world import simulate

REAL = ROOT.parent / "shared" / "data"
CITIES = REAL / "city-daily" / "china183_daily_2014_2015_clean.parquet"
STREETS = REAL / "changshu" / "Changshu14days.npy"
NORTHERNMOST = 34.5  # of the delta's 38 cities: those inside the map and south of here
AROUND = ((0.0, 0.0), (0.04, 0.0), (-0.04, 0.0), (0.0, 0.045), (0.0, -0.045))  # degrees
BANDS_KM = ((0, 100), (100, 200), (200, 300), (300, 450), (450, 700))
RECORD, PAGE = ROOT / "docs" / "results" / "demo-world.json", ROOT / "docs" / "demo-world.md"


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        what: What is compared.
        real: In the real data.
        twin: In the demo world.
        tolerance: How far apart they may be.
        relative: Whether the tolerance is a share of the real value.
    """

    what: str
    real: float
    twin: float
    tolerance: float
    relative: bool

    @property
    def kept(self) -> bool:
        """Whether they are that near."""
        scale = abs(self.real) if self.relative else 1.0
        return abs(self.twin - self.real) <= self.tolerance * scale


# Statistic → (tolerance, whether relative). Two years of weather differ from any other two by
# about as much: the real means of 2014 and 2015 alone are 9 % apart, months up to 35 %.
TOLERANCES: dict[str, tuple[float, bool]] = {
    "mean, ug m-3": (0.15, True),
    "winter mean (Dec–Feb), ug m-3": (0.2, True),
    "spring mean (Mar–May), ug m-3": (0.3, True),
    "summer mean (Jun–Aug), ug m-3": (0.3, True),
    "autumn mean (Sep–Nov), ug m-3": (0.3, True),
    "spread from day to day: median city's standard deviation, ug m-3": (0.2, True),
    "spread between cities: standard deviation of their means, ug m-3": (0.5, True),
    "5th percentile, ug m-3": (0.4, True),
    "95th percentile, ug m-3": (0.25, True),
    "autocorrelation at 1 day": (0.12, False),
    "autocorrelation at 2 days": (0.15, False),
    # Far apart few pairs are left, and one pattern of weather more or less decides.
    **{
        f"correlation of cities {a}–{b} km apart": (0.15 if b < 450 else 0.2, False)
        for a, b in BANDS_KM
    },
    "street cells seen in an hour, share": (0.12, False),
    "street cells ever seen, share": (0.1, False),
    "street: autocorrelation of the mean at 1 hour": (0.08, False),
    "street: change from hour to hour, share of the mean": (0.08, False),
    "street: spread between cells within an hour, share of the mean": (0.08, False),
}


def of_cities(
    daily: pd.DataFrame, latitude: NDArray[np.floating], longitude: NDArray[np.floating]
) -> dict[str, float]:
    """Statistics of daily means.

    Args:
        daily: Dates by cities, ug m-3.
        latitude: Of the cities, degrees north.
        longitude: Of the cities, degrees east.
    """
    months = pd.DatetimeIndex(daily.index).month
    found = {"mean, ug m-3": float(daily.mean().mean())}
    seasons = {
        "winter mean (Dec–Feb), ug m-3": (12, 1, 2),
        "spring mean (Mar–May), ug m-3": (3, 4, 5),
        "summer mean (Jun–Aug), ug m-3": (6, 7, 8),
        "autumn mean (Sep–Nov), ug m-3": (9, 10, 11),
    }
    for name, season in seasons.items():
        found[name] = float(daily[months.isin(season)].mean().mean())
    found |= {
        "spread from day to day: median city's standard deviation, ug m-3": float(
            daily.std().median()
        ),
        "spread between cities: standard deviation of their means, ug m-3": float(
            daily.mean().std()
        ),
        "5th percentile, ug m-3": float(np.nanpercentile(daily, 5)),
        "95th percentile, ug m-3": float(np.nanpercentile(daily, 95)),
        "autocorrelation at 1 day": float(daily.apply(lambda s: s.autocorr(1)).median()),
        "autocorrelation at 2 days": float(daily.apply(lambda s: s.autocorr(2)).median()),
    }
    apart = _distances_km(latitude, longitude)
    correlation = daily.corr().to_numpy()
    for low, high in BANDS_KM:
        pairs = np.triu((apart >= low) & (apart < high), 1)
        found[f"correlation of cities {low}–{high} km apart"] = float(correlation[pairs].mean())
    return found


def of_streets(cells: NDArray[np.floating]) -> dict[str, float]:
    """Statistics of hourly cells, (hour, row, column), NaN where nobody drove."""
    seen = ~np.isnan(cells)
    hourly = pd.Series(
        [np.nanmean(c) if s.any() else np.nan for c, s in zip(cells, seen, strict=True)]
    )
    mean = float(np.nanmean(cells))
    within = cells - hourly.to_numpy()[:, None, None]
    return {
        "street cells seen in an hour, share": float(seen.mean()),
        "street cells ever seen, share": float(seen.any(axis=0).mean()),
        "street: autocorrelation of the mean at 1 hour": float(hourly.autocorr(1)),
        "street: change from hour to hour, share of the mean": float(
            np.nanmean(np.abs(np.diff(cells, axis=0))) / mean
        ),
        "street: spread between cells within an hour, share of the mean": float(
            np.nanstd(within) / mean
        ),
    }


def real_cities() -> tuple[pd.DataFrame, NDArray[np.float64], NDArray[np.float64]]:
    """Daily means of the delta's cities, dates by cities, with latitudes and longitudes.

    Raises:
        NotFoundError: If the real data are not there.
    """
    if not CITIES.is_file():
        raise NotFoundError("the daily means of cities are not here", where=str(CITIES))
    table = pd.read_parquet(CITIES)
    lat, lon, _ = corrected(
        table["city"].to_numpy(dtype=np.str_), table["lat"].to_numpy(), table["lon"].to_numpy()
    )
    table = table.assign(lat=lat, lon=lon)
    inside = table["lon"].between(116.005, 123.195) & table["lat"].between(27.005, NORTHERNMOST)
    table = table[inside]
    daily = table.pivot_table(index="date", columns="city", values="pm25")
    daily.index = pd.to_datetime(daily.index)
    where = table.drop_duplicates("city").set_index("city").loc[daily.columns]
    return daily, where["lat"].to_numpy(), where["lon"].to_numpy()


def street_cells(truth: NDArray[np.floating], seed: int) -> NDArray[np.float64]:
    """What the fleet makes of the truth: hourly means of the cells it saw, NaN elsewhere."""
    samples = fleet.drive(truth, seed)
    latitude, longitude = fleet.cells()
    grid = Grid(latitude[0], longitude[0], 0.01, 0.01, fleet.ROWS, fleet.COLUMNS)
    row, column, _ = grid.cell_of(samples.latitude, samples.longitude)
    at = (samples.minute // 60, row, column)
    total, count = np.zeros(truth.shape), np.zeros(truth.shape)
    np.add.at(total, at, samples.pm2p5)
    np.add.at(count, at, 1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def compare(days: int = 730, start: dt.date = dt.date(2014, 1, 1)) -> dict[str, Any]:
    """The record: both years of the demo world that ships beside the real ones.

    Gives `statistics` (name → real and twin) and `detail` (`real`, and one entry for each monitor
    noise, each distance → parts).

    Raises:
        NotFoundError: If the real data are not there.
    """
    real, latitude, longitude = real_cities()
    beijing, beijing_dates, lat, lon = detail.beijing()
    layouts = detail.layouts(lat, lon)
    cities, streets = _points(latitude, longitude), np.meshgrid(*fleet.cells(), indexing="ij")
    points = [
        np.concatenate([*(place[axis] for place in layouts), cities[axis], streets[axis].ravel()])
        for axis in (0, 1)
    ]
    dates, hours = [], []
    for day in simulate(days, SEED, start, latitude=points[0], longitude=points[1], maps=False):
        dates.append(day.date)
        hours.append(day.points)
        sys.stderr.write(f"\rday {len(dates)} of {days}")
    sys.stderr.write("\n")
    truth, when = np.stack(hours), pd.DatetimeIndex(dates)
    first, last = len(lat) * len(layouts), len(lat) * len(layouts) + len(cities[0])
    daily = truth[:, :, first:last].reshape(days, 24, len(latitude), len(AROUND)).mean((1, 3))
    twin = of_cities(pd.DataFrame(daily, index=when), latitude, longitude)
    wanted = of_cities(real, latitude, longitude)
    if STREETS.is_file():
        street = truth[:, :, last:].reshape(-1, fleet.ROWS, fleet.COLUMNS)
        # Two weeks of each month, so that no single spell of weather decides.
        spells = [street[first * 24 :][: 14 * 24] for first in range(5, days - 14, 61)]
        each = [of_streets(street_cells(spell, SEED)) for spell in spells]
        twin |= {name: float(np.mean([e[name] for e in each])) for name in each[0]}
        wanted |= of_streets(np.load(STREETS, allow_pickle=False).astype(float))
    parts = {"real": detail.by_distance([(beijing, lat, lon)], beijing_dates, seed=0)}
    at_stations = truth[:, :, :first].mean(1, dtype=np.float64)
    for noise in detail.MONITOR_NOISES:
        measured = detail.as_measured(at_stations, noise, SEED)
        groups = [
            (measured[:, n * len(lat) : (n + 1) * len(lat)], *place)
            for n, place in enumerate(layouts)
        ]
        parts[f"demo, noise {noise:.1%}"] = detail.by_distance(groups, when, seed=0)
    return {
        "statistics": {name: {"real": wanted[name], "twin": twin[name]} for name in wanted},
        "cities": len(latitude),
        "detail": {
            who: {f"{a}–{b}": asdict(part) for (a, b), part in table.items()}
            for who, table in parts.items()
        },
    }


def _points(
    latitude: NDArray[np.floating], longitude: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Five points around each city, all latitudes and all longitudes."""
    north, east = np.array(AROUND).T
    return (latitude[:, None] + north).ravel(), (longitude[:, None] + east).ravel()


def _distances_km(
    latitude: NDArray[np.floating], longitude: NDArray[np.floating]
) -> NDArray[np.float64]:
    return _km(latitude[:, None] - latitude, longitude[:, None] - longitude)


def _km(north: NDArray[np.floating], east: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distance of differences in degrees at the delta's latitude."""
    return np.asarray(111.2 * np.hypot(north, np.cos(np.deg2rad(31)) * east))


def page(record: Mapping[str, Any]) -> str:
    """The page in Markdown, from a record as `compare` gives it."""
    lines = [
        Line(name, m["real"], m["twin"], *TOLERANCES[name])
        for name, m in record["statistics"].items()
    ]
    rows = [
        (
            line.what,
            f"{line.real:.3g}",
            f"{line.twin:.3g}",
            f"{line.tolerance:.0%}" if line.relative else f"± {line.tolerance}",
            _yes(line.kept),
        )
        for line in lines
    ]
    head = ("statistic", "real", "demo world", "tolerance", "kept")
    text = results_page.read(results_page.TEMPLATES / "demo-world.md")["page"]
    tables = {
        "statistics": results_page.table(head, rows, "---"),
        "detail": results_page.table(
            ("km apart", "who", "pairs", "known", "month", "day (90 % interval)", "accepted"),
            _detail_rows(record["detail"]),
            "---",
        ),
    }
    instrument, pair = (f"{noise:.1%}" for noise in detail.MONITOR_NOISES)
    values = {
        "cities": str(record["cities"]),
        "seed": str(SEED),
        "instrument_noise": instrument,
        "pair_noise": pair,
    }
    return results_page.fill(text, values, tables) + "\n"


def _detail_rows(record: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """One row for each distance and who: the three parts, and whether the day's is accepted."""
    rows: list[tuple[str, ...]] = []
    for distance, of_real in record["real"].items():
        real = detail.Parts(**of_real)
        for who, table in record.items():
            part = detail.Parts(**table[distance])
            low, high = part.day_interval or (np.nan, np.nan)
            verdict = None if who == "real" else detail.accepted(real, part)
            rows.append(
                (
                    distance,
                    "Beijing, twelve stations" if who == "real" else who,
                    str(part.pairs),
                    f"{part.known:.3f}",
                    f"{part.month:.3f}",
                    f"{part.day:.3f} ({low:.3f}–{high:.3f})",
                    "" if who == "real" else "not judged" if verdict is None else _yes(verdict),
                )
            )
    return rows


def _yes(kept: bool) -> str:
    return "yes" if kept else "**no**"


def again(record: Path = RECORD, out: Path = PAGE) -> None:
    """Write the page from the numbers that are kept.

    Raises:
        NotFoundError: If there are none.
    """
    if not record.exists():
        raise NotFoundError(
            "there are no statistics yet", where=str(record), remedy="Run make results-demo-world"
        )
    write_atomic(out, page(json.loads(record.read_text(encoding="utf-8"))))


def main(arguments: Sequence[str]) -> int:
    """Write the page and its record; with `kept`, the page alone from the record."""
    try:
        if list(arguments) != ["kept"]:
            write_atomic(RECORD, json.dumps(compare(), indent=1, ensure_ascii=False) + "\n")
        again()
    except EngineError as problem:
        sys.stderr.write(f"airlens: {problem}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
