"""175 Chinese cities, months and days of 2015, constants of 2014: backgrounds, raw and fused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray

from engine.core.errors import NotFoundError
from engine.core.grid import Grid
from engine.core.paths import ROOT
from engine.data.misplaced import corrected
from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.exact_detail import with_exact_detail
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid
from engine.fusion.analysis import left_out_analysis
from engine.fusion.groups import Scheme, distances, schemes, squares, units
from engine.fusion.learning import Learned, learn
from engine.inference.sigma import level
from engine.inference.station_scores import SQUARE, paired_gain
from engine.superresolution.networks.masking import masked_block_mean
from engine.superresolution.networks.regression import plain
from engine.verify.metrics import of_errors

DATA = ROOT.parent / "shared" / "data"
CITIES = DATA / "city-daily" / "china183_daily_2014_2015_clean.parquet"
WUSTL = DATA / "wustl" / "V5GL04_PM25_eastasia_monthly_1998-2018.nc"
ROWS, COLUMNS, FACTOR = 296, 448, 8
LIMIT = 75.0  # ug m-3, a day's; GB 3095-2012, class 2
SEASONS = {"winter": (12, 1, 2), "spring": (3, 4, 5), "summer": (6, 7, 8), "autumn": (9, 10, 11)}

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Places:
    """The cities that lie on the product's land.

    Attributes:
        name: City.
        latitude: Degrees north.
        longitude: Degrees east.
        row: Of the product's grid, from the south.
        column: Of the product's grid.
        daily: Daily means, dates by cities.
    """

    name: list[str]
    latitude: Numbers
    longitude: Numbers
    row: NDArray[np.intp]
    column: NDArray[np.intp]
    daily: pd.DataFrame

    def of(self, maps: NDArray[np.floating]) -> Numbers:
        """Values of maps (date, row, column) at the cities."""
        return np.asarray(maps[:, self.row, self.column], dtype=np.float64)


def product() -> xr.DataArray:
    """WUSTL's months on a part of its grid that blocks of 8 cells fill, rows from the south.

    Raises:
        NotFoundError: If the real data are not there.
    """
    for path in (WUSTL, CITIES):
        if not path.is_file():
            raise NotFoundError("the real data are not here", where=str(path))
    with xr.open_dataset(WUSTL) as opened:
        return opened["PM25"].isel(lat=slice(0, ROWS), lon=slice(0, COLUMNS)).load()


def grid_of(maps: xr.DataArray) -> Grid:
    """The product's grid, whose rows run from the north."""
    return Grid(float(maps["lat"][-1]), float(maps["lon"][0]), 0.1, 0.1, ROWS, COLUMNS)


def places(maps: xr.DataArray) -> Places:
    """Cities with corrected places that have a value on the product's grid."""
    table = pd.read_parquet(CITIES)
    lat, lon, _ = corrected(
        table["city"].to_numpy(dtype=np.str_), table["lat"].to_numpy(), table["lon"].to_numpy()
    )
    table = table.assign(lat=lat, lon=lon)
    daily = table.pivot_table(index="date", columns="city", values="pm25")
    daily.index = pd.to_datetime(daily.index)
    where = table.groupby("city")[["lat", "lon"]].first().loc[daily.columns]
    south, column, there = grid_of(maps).cell_of(where["lat"].to_numpy(), where["lon"].to_numpy())
    row = ROWS - 1 - south
    there[there] &= np.isfinite(maps.values[0, row[there], column[there]])
    return Places(
        [str(n) for n in daily.columns[there]],
        where["lat"].to_numpy()[there],
        where["lon"].to_numpy()[there],
        row[there],
        column[there],
        daily.loc[:, there],
    )


def backgrounds(maps: xr.DataArray, known: tuple[int, int] = (2009, 2013)) -> dict[str, Numbers]:
    """Maps of the 24 months of 2014 and 2015 by name, (month, row, column), ug m-3.

    Args:
        maps: The product.
        known: First and last year of the climatology.
    """
    year, values = maps["time"].dt.year.values, maps.values.astype(np.float64)
    now = values[(year == 2014) | (year == 2015)]
    part = values[(year >= known[0]) & (year <= known[1])]
    usual = np.tile(part.reshape(-1, 12, ROWS, COLUMNS).mean(0), (2, 1, 1))
    grid = grid_of(maps)  # the product's rows run from the south: turned for the grid and back
    fine, coarse = RegularCells.from_grid(grid), RegularCells.from_grid(grid.coarsen(FACTOR))
    down = overlap(fine, coarse)
    means = regrid(now[:, ::-1], down, min_valid_share=0.01)
    block = regrid(means, down.turned(), min_valid_share=0.0)
    block = np.where(np.isfinite(now[:, ::-1]), block, np.nan)
    pairs = zip(means, usual[:, ::-1], strict=True)
    ratio = np.stack([with_exact_detail(mean, detail, down) for mean, detail in pairs])
    smooth = bicubic(now)
    return {
        "block mean, 0.8°": block[:, ::-1],
        "bicubic, exact means": smooth,
        "bicubic × ratio": smooth * usual / np.maximum(bicubic(usual), 1.0),
        "default of auto: exact means × ratio": ratio[:, ::-1],
        "climatology alone": usual,
        "fine map of the month": now,
    }


def bicubic(maps: Numbers) -> Numbers:
    """Bicubic maps with exact block means of the block means of maps (month, row, column)."""
    fine = torch.from_numpy(maps.astype(np.float32))
    mask = ~torch.isnan(fine)
    filled = torch.where(mask, fine, 0)
    there = masked_block_mean(mask.float(), torch.ones_like(mask), FACTOR) > 0
    coarse = torch.where(there, masked_block_mean(filled, mask, FACTOR), 0)
    return np.asarray(plain(coarse, there, mask).numpy(), dtype=np.float64)


@dataclass(frozen=True)
class Errors:
    """Errors of one background on the test dates, (date, city), by column of the table."""

    raw: Numbers | None
    one_factor: Numbers | None
    fused: dict[str, Numbers]
    median: dict[str, Numbers]
    coverage: dict[str, NDArray[np.bool_]]
    learned: Learned
    exceeding: float
    median_exceeding: int


def errors(
    observed: Numbers,
    background: Numbers | None,
    learning: NDArray[np.bool_],
    km: Numbers,
    ways: tuple[Scheme, ...],
) -> Errors:
    """All errors of one background; constants from the learning dates alone."""
    test = ~learning
    logs = np.log(observed + 1)
    known = None if background is None else np.log(background + 1)
    learned = learn(logs[learning], None if known is None else known[learning], km, ways)
    fused, median, coverage, chances, medians = {}, {}, {}, 0.0, 0
    for way in ways:
        part = None if background is None else background[test]
        made = left_out_analysis(observed[test], part, km, way, learned)
        fused[way.name] = made.mean - observed[test]
        median[way.name] = made.median - observed[test]
        coverage[way.name] = (observed[test] >= made.low) & (observed[test] <= made.high)
        if way is ways[0]:
            chances = float(np.nansum(made.exceeding(LIMIT)))
            medians = int((made.median > LIMIT).sum())
    raw = one = None
    if background is not None:
        raw = background[test] - observed[test]
        factor = level(observed[learning], background[learning])
        one = (background[test] + 1) * factor - 1 - observed[test]
    return Errors(raw, one, fused, median, coverage, learned, chances, medians)


def table(
    observed: Numbers,
    maps: Mapping[str, Numbers | None],
    learning: NDArray[np.bool_],
    where: tuple[Numbers, Numbers],
    months: NDArray[np.intp],
) -> dict[str, Any]:
    """The record of one table: rows by background, gains against kriging and against the raw map.

    Args:
        observed: (date, city).
        maps: Background at the cities by name; None: kriging alone.
        learning: Which dates teach.
        where: Latitudes and longitudes of the cities.
        months: Month of each test date.
    """
    km = distances(*where)
    ways = schemes(*where, units(km))
    group = squares(*where, SQUARE)
    made = {name: errors(observed, part, learning, km, ways) for name, part in maps.items()}
    kriging = next(e for name, e in made.items() if maps[name] is None)
    common = np.isfinite(observed[~learning])
    rows = {}
    for name, one in made.items():
        covered = one.coverage[ways[0].name]
        rows[name] = {
            "raw": _rmse(one.raw),
            "one_factor": _rmse(one.one_factor),
            "fused": {way: _rmse(error) for way, error in one.fused.items()},
            "fused_median": {way: _rmse(error) for way, error in one.median.items()},
            "fused_gain_over_kriging": {
                way: paired_gain(error, kriging.fused[way], common, group)
                for way, error in one.fused.items()
            },
            "fusion_gain_over_raw": None
            if one.raw is None
            else paired_gain(one.fused[ways[0].name], one.raw, common, group),
            "coverage": float(covered.mean()),
            "coverage_by_place_p10": float(np.percentile(covered.mean(0), 10)),
            "coverage_by_season": {
                season: float(covered[np.isin(months, of)].mean()) for season, of in SEASONS.items()
            },
            "expected_exceedances": one.exceeding,
            "median_exceedances": one.median_exceeding,
            "range_km": one.learned.covariance.range_km,
            "nugget": one.learned.covariance.nugget,
            "weights": list(zip(one.learned.weight.km, one.learned.weight.value, strict=True)),
        }
    return {
        "cities": len(where[0]),
        "squares": len(np.unique(group)),
        "next_km": {way.name: float(np.median(way.distance)) for way in ways},
        "observed_exceedances": int((observed[~learning] > LIMIT).sum()),
        "rows": rows,
    }


def _rmse(error: Numbers | None) -> float | None:
    return None if error is None else of_errors("rmse", error)


def months_record(maps: xr.DataArray, known: Places) -> dict[str, Any]:
    """Monthly means of 2015."""
    dates = pd.DatetimeIndex(known.daily.index)
    monthly = known.daily.groupby(dates.to_period("M")).mean()
    at: dict[str, Numbers | None] = {"none: kriging alone": None}
    at |= {name: known.of(made) for name, made in backgrounds(maps).items()}
    learning = np.arange(24) < 12
    number = np.arange(1, 13)
    return table(monthly.to_numpy(), at, learning, (known.latitude, known.longitude), number)


def days_record(maps: xr.DataArray, known: Places) -> dict[str, Any]:
    """Daily means of 2015 over the climatology of the month."""
    dates = pd.DatetimeIndex(known.daily.index)
    usual = known.of(backgrounds(maps)["climatology alone"][:12])[dates.month - 1]
    at: dict[str, Numbers | None] = {
        "none: kriging alone": None,
        "climatology of the month": usual,
    }
    learning = np.asarray(dates.year == 2014)
    months = np.asarray(dates.month)[~learning]
    where = (known.latitude, known.longitude)
    return table(known.daily.to_numpy(), at, learning, where, months)
