"""A real pair: CMAQ's January 2020 at 36 km, made finer, against another product's January."""

from typing import Any

import numpy as np
import xarray as xr

from engine.core.errors import NotFoundError
from engine.core.grid import Grid
from engine.downscaling.cell_edges import CurvilinearCells, RegularCells
from engine.downscaling.effective_resolution import (
    candidate_sigmas,
    effective_resolution,
    own_sigma,
)
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid
from engine.research.onemap.cities import DATA, WUSTL

CMAQ = DATA / "cmaq" / "gVNA_cmaq_daily_202001_stack.nc"
TRUTH = DATA / "wustl" / "V5GL04_PM25_eastasia_202001_west.nc"
BOX = (21.0, 42.0, 100.0, 112.0)  # south, north, west, east


def record() -> dict[str, Any]:
    """Errors by sigma, and of squares of 3° whose sigma was chosen on the others.

    Raises:
        NotFoundError: If the real data are not there.
    """
    for path in (CMAQ, TRUTH, WUSTL):
        if not path.is_file():
            raise NotFoundError("the real data are not here", where=str(path))
    south, north, west, east = BOX
    with xr.open_dataset(WUSTL) as opened:
        time = opened["time"].dt
        januaries = opened["PM25"].sel(time=(time.month == 1) & (time.year >= 2014))
        # Wider than what is scored: smoothing needs what lies beyond the edge.
        wide = {"lat": slice(south - 5, north + 3), "lon": slice(west - 5, east + 5)}
        usual = januaries.sel(wide).sortby("lat").mean("time", skipna=False).load()
    with xr.open_dataset(TRUTH) as opened:
        scored = {"lat": slice(south, north), "lon": slice(west, east)}
        month = opened[next(iter(opened.data_vars))].squeeze().sel(scored)
        truth = month.reindex_like(usual, method="nearest", tolerance=0.02).load()
    with xr.open_dataset(CMAQ) as opened:
        names = {str(n).lower(): str(n) for n in opened.variables}
        lat = opened[names.get("lat", names.get("latitude", "lat"))].values
        lon = opened[names.get("lon", names.get("longitude", "lon"))].values
        coarse = np.nanmean(opened["PM25_fused"].values.reshape(-1, *lat.shape[-2:]), axis=0)
    lat, lon = (axis.reshape(-1, *axis.shape[-2:])[0] for axis in (lat, lon))
    grid = Grid(float(truth["lat"][-1]), float(truth["lon"][0]), 0.1, 0.1, *truth.shape)
    fine = RegularCells.from_grid(grid)
    cells = CurvilinearCells.from_centres(lat, lon)
    on_fine = regrid(coarse, overlap(cells, fine), min_valid_share=0.0)[None]
    own = own_sigma(cells)
    made = effective_resolution(
        on_fine, truth.values[::-1][None], usual.values[::-1], fine, candidate_sigmas(own)
    )
    plain = on_fine[0] - truth.values[::-1]
    area = np.where(np.isfinite(plain), fine.area(), 0.0)
    by_area = float(np.sqrt((area * np.nan_to_num(plain) ** 2).sum() / area.sum()))
    climatology = usual.values[::-1] - truth.values[::-1]
    there = np.isfinite(climatology) & np.isfinite(plain)
    alone = float(np.sqrt((area[there] * climatology[there] ** 2).sum() / area[there].sum()))
    return {
        "by_area": by_area,
        "climatology": alone,
        "own_sigma": own,
        "sigma": made.sigma,
        "left_out": made.rmse_left_out,
        "sigmas_left_out": list(made.sigmas_left_out),
        "squares": made.squares,
        "scores": [{"sigma": s.sigma, "rmse": s.rmse, "bias": s.bias} for s in made.scores],
    }
