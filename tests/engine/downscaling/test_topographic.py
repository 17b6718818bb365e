"""The topographic step: nothing on flat land, means kept, valleys dirtier where the map says so."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.grid import Grid
from engine.downscaling import topographic as step
from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.exact_detail import smooth_map
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid

FINE, COARSE = Grid(35.95, 100.05, 0.1, 0.1, 72, 72), Grid(35.6, 100.4, 0.8, 0.8, 9, 9)
DOWN = overlap(RegularCells.from_grid(FINE), RegularCells.from_grid(COARSE))
ROWS, COLUMNS = np.indices((72, 72))
HILLS = 600 + 400 * np.sin(COLUMNS / 9) + 150 * np.sin(COLUMNS * 1.7)  # m


def maps(elevation, slope=-0.8):
    """The truth falls with height, log by km; its coarse and smooth maps."""
    truth = 60 * np.exp(slope * elevation / 1000)
    coarse = regrid(truth, DOWN, min_valid_share=0.0)
    return truth, coarse, smooth_map(coarse, np.ones_like(truth, bool), DOWN)


def rmse(a, b):
    return float(np.sqrt(np.nanmean((a - b) ** 2)))


def test_the_slope_is_found_from_coarse_cells_alone():
    _, coarse, _ = maps(HILLS)
    found = step.slopes(coarse, HILLS, DOWN)
    inner = found.slope[3:6, 3:6]
    # Height varies by 0.06 km² or so there; FLAT takes a part of the true −0.8 of log(c + 1).
    assert (inner > -0.8).all() and (inner < -0.4).all()
    assert (found.explained[3:6, 3:6] > 0.95).all()


def test_a_slope_worked_by_hand():
    height = np.zeros((9, 9))
    height[:, ::2] = 1.0  # km; 15 of the 25 cells around the middle one
    coarse = np.where(height > 0, 19.0, 39.0)  # log 20 and log 40
    found = step.slopes(coarse, np.kron(height, np.ones((8, 8))) * 1000, DOWN)
    variance = 0.6 * 0.4  # of a value that is 1 with chance 0.6
    assert found.slope[4, 4] == pytest.approx(-np.log(2) * variance / (variance + step.FLAT))
    assert found.explained[4, 4] == pytest.approx(1.0)


def test_it_lowers_the_error_where_height_explains_the_map():
    truth, coarse, smooth = maps(HILLS)
    made = step.topographic(coarse, smooth, HILLS, DOWN)
    assert rmse(made, truth) < 0.9 * rmse(smooth, truth)


def test_flat_land_changes_nothing():
    rng = np.random.default_rng(2)
    coarse = rng.uniform(10, 90, (9, 9))
    smooth = smooth_map(coarse, np.ones((72, 72), bool), DOWN)
    made = step.topographic(coarse, smooth, np.full((72, 72), 40.0), DOWN)
    np.testing.assert_allclose(made, smooth, atol=1e-6)


def test_a_map_that_rises_with_height_is_left_alone():
    _, coarse, smooth = maps(HILLS, slope=+0.8)
    made = step.topographic(coarse, smooth, HILLS, DOWN)
    np.testing.assert_allclose(made, smooth, atol=1e-6)


@given(
    st.integers(0, 2**31),
    st.floats(0.1, 400.0),
    st.floats(0, 6000.0),
)
def test_means_of_coarse_cells_stay_and_no_cell_falls_below_zero(seed, level, height):
    rng = np.random.default_rng(seed)
    coarse = level * rng.lognormal(0, 0.5, (9, 9))
    elevation = height * rng.uniform(0, 1, (72, 72))
    smooth = smooth_map(coarse, np.ones((72, 72), bool), DOWN)
    made = step.topographic(coarse, smooth, elevation, DOWN)
    assert (made >= 0).all()
    np.testing.assert_allclose(
        regrid(made, DOWN, min_valid_share=0.0), coarse, rtol=2e-3, atol=0.02
    )
    # Bounded: no cell moves by more than the bound on its logarithm and the return to the means.
    assert np.abs(np.log((made + 1) / (smooth + 1))).max() < 2 * step.MOST + 0.1


def test_no_data_stay_no_data_and_sea_has_no_height():
    _, coarse, smooth = maps(HILLS)
    holes = np.where(COLUMNS > 60, np.nan, smooth)
    elevation = np.where(COLUMNS > 50, np.nan, HILLS)
    made = step.topographic(coarse, holes, elevation, DOWN)
    np.testing.assert_array_equal(np.isnan(made), np.isnan(holes))
