"""CMAQ with monitors merged against WUSTL, January 2020: a coarse product and a fine one."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from engine.downscaling.area_means import match_area_means
from engine.downscaling.cell_edges import CurvilinearCells, RegularCells
from engine.downscaling.effective_resolution import (
    candidate_sigmas,
    effective_resolution,
    own_sigma,
)
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
NAMES = {
    "cmaq": "cmaq/gVNA_cmaq_daily_202001_stack.nc",
    "truth": "wustl/V5GL04_PM25_eastasia_202001_west.nc",
    "past": "wustl/V5GL04_PM25_eastasia_monthly_1998-2018.nc",
}


@pytest.fixture(scope="module")
def pair():
    """Coarse cells and values; fine cells, climatology of five Januaries, and the month."""
    if not all((SHARED / name).exists() for name in NAMES.values()):
        pytest.skip("needs ../shared/data/cmaq and ../shared/data/wustl")
    with xr.open_dataset(SHARED / NAMES["cmaq"]) as cmaq:
        cells = CurvilinearCells.from_centres(cmaq.lat.values, cmaq.lon.values)
        coarse = cmaq.PM25_fused.mean("time").values.astype(np.float64)
    with xr.open_dataset(SHARED / NAMES["past"]) as past:
        part = past.PM25.sel(lat=slice(16, 45), lon=slice(95, 117))
        climatology = part.sel(time=part.time.dt.month == 1)[-5:].mean("time", skipna=False)
        fine = RegularCells.from_centres(part.lat.values, part.lon.values)
    with xr.open_dataset(SHARED / NAMES["truth"]) as west:
        month = west.PM25.isel(time=0).sel(lat=slice(21, 42), lon=slice(100, 112))
        month = month.reindex_like(part[0], method="nearest", tolerance=0.02)
    return cells, coarse, fine, climatology.values, month.values


def test_sigma_of_the_pair(pair):
    cells, coarse, fine, climatology, month = pair
    there = regrid(coarse, overlap(cells, fine))
    found = effective_resolution(
        there[None], month[None], climatology, fine, candidate_sigmas(own_sigma(cells))
    )
    assert found.reason == "cross-validated"
    assert found.squares >= 30
    assert 1 <= found.sigma <= 3
    assert found.rmse_left_out < 10.4
    raw = np.sqrt(np.nanmean((there - month) ** 2))
    assert raw == pytest.approx(15.5, abs=0.3)


def test_means_of_36_km_cells_are_met(pair):
    cells, coarse, fine, climatology, _ = pair
    found = match_area_means(climatology, coarse, overlap(fine, cells))
    assert found.cells > 1000
    assert found.converged
    assert found.worst <= 0.01
