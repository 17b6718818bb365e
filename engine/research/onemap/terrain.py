"""Detail from the height of the land alone: WUSTL's months averaged to 0.8° and drawn finer again.

The year is none that the step was looked at with. A square is 4° wide; an interval draws squares.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core.errors import NotFoundError
from engine.core.grid import Grid
from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.exact_detail import smooth_map
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid
from engine.downscaling.topographic import topographic
from engine.inference.station_scores import paired_gain
from engine.library.static_fields import on_grid
from engine.research.onemap.cities import DATA
from engine.verify.metrics import of_errors

REGIONS = {
    "East Asia": "eastasia_monthly_1998-2018",
    "Western North America": "westernamerica_monthly_2009-2018",
    "South-East Asia": "southeastasia_monthly_2009-2018",
    "Central Asia": "centralasia_monthly_2009-2018",
}
YEAR, MONTHS = 2012, (2, 5, 8, 11)
COARSE = 8  # fine cells along a coarse cell's side
SQUARE = 40  # fine cells of 0.1°


def record() -> dict[str, Any]:
    """Errors of the smooth map and of the step, by region.

    Raises:
        NotFoundError: If the real data are not there.
    """
    return {title: _region(file) for title, file in REGIONS.items()}


def _region(file: str) -> dict[str, Any]:
    path = DATA / "wustl" / f"V5GL04_PM25_{file}.nc"
    if not path.is_file():
        raise NotFoundError("the real data are not here", where=str(path))
    with xr.open_dataset(path) as opened:
        chosen = (opened["time"].dt.year == YEAR) & opened["time"].dt.month.isin(MONTHS)
        months = opened["PM25"].sel(time=chosen).sortby("lat", ascending=False).load()
    rows, columns = (size // COARSE * COARSE for size in months.shape[1:])
    months = months[:, :rows, :columns]
    grid = Grid(float(months["lat"][0]), float(months["lon"][0]), 0.1, 0.1, rows, columns)
    fine = RegularCells.from_grid(grid)
    wide = RegularCells(fine.latitude_edges[::COARSE], fine.longitude_edges[::COARSE])
    down, height = overlap(fine, wide), on_grid("world", "elevation", grid)
    smooth_error, step_error = [], []
    for month in months.values.astype(np.float64):
        coarse = regrid(month, down, min_valid_share=0.01)
        smooth = smooth_map(coarse, np.isfinite(month), down)
        smooth_error.append(smooth - month)
        step_error.append(topographic(coarse, smooth, height, down) - month)
    return _scores(np.stack(smooth_error), np.stack(step_error))


def _scores(smooth: NDArray[np.float64], step: NDArray[np.float64]) -> dict[str, Any]:
    rows, columns = np.indices(smooth.shape[1:]) // SQUARE
    group = (rows * (columns.max() + 1) + columns).ravel().astype(np.intp)
    mine, other = (error.reshape(error.shape[0], -1) for error in (step, smooth))
    common = np.isfinite(mine) & np.isfinite(other)
    gain, low, high = paired_gain(mine, other, common, group)
    ours, theirs = (
        np.bincount(np.broadcast_to(group, common.shape)[common], weights=e[common] ** 2)
        for e in (mine, other)
    )
    there = theirs > 0
    return {
        "smooth": of_errors("rmse", other[common]),
        "step": of_errors("rmse", mine[common]),
        "gain": [gain, low, high],
        "squares": int(there.sum()),
        "worse": int((ours[there] > 1.01**2 * theirs[there]).sum()),
    }
