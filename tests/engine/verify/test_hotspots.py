"""Areas painted by hand on a small grid, found again with their numbers."""

import numpy as np
import pytest

from engine.core.grid import Grid
from engine.verify.hotspots import hotspots

GRID = Grid(30.0, 120.0, 0.1, 0.1, 20, 30)


def _field():
    error = np.zeros(GRID.shape)
    error[2:4, 2:5] = 20.0  # 6 cells, too high
    error[3, 3] = 50.0
    error[10:14, 10:15] = -12.0  # 20 cells, too low
    error[18, 28] = 99.0  # a single cell
    return error


def test_areas_are_found_ranked_and_signed():
    first, second = hotspots(_field(), GRID, threshold=10)
    # 20 cells × 12 outweigh 6 cells × 25.
    assert (first.rank, first.sign, first.cells) == (1, -1, 20)
    assert (second.rank, second.sign, second.cells) == (2, 1, 6)
    assert first.mean == pytest.approx(-12)
    assert second.peak == 50
    assert (second.peak_latitude, second.peak_longitude) == pytest.approx((29.7, 120.3))
    # Rows 10–13 and columns 10–14: centre half way, a hair to the south for the larger cells.
    assert first.latitude == pytest.approx(30 - 0.1 * 11.5, abs=1e-3)
    assert first.longitude == pytest.approx(120 + 0.1 * 12)


def test_area_in_km2():
    spot = hotspots(_field(), GRID, threshold=10)[0]
    # 0.1° is 11.12 km; at 28.85° N a cell is 11.12 × 11.12 × cos(28.85°) = 108.3 km².
    assert spot.area == pytest.approx(20 * 11.1195**2 * np.cos(np.deg2rad(28.85)), rel=1e-4)


def test_opposite_signs_are_never_joined():
    error = np.zeros(GRID.shape)
    error[5:8, 5:8] = 15.0
    error[5:8, 8:11] = -15.0
    assert [spot.cells for spot in hotspots(error, GRID, threshold=10)] == [9, 9]


def test_corners_join():
    error = np.zeros(GRID.shape)
    error[4:6, 4:6] = 15.0
    error[6:8, 6:8] = 15.0
    assert [spot.cells for spot in hotspots(error, GRID, threshold=10)] == [8]


def test_missing_cells_split_and_never_count():
    error = np.full(GRID.shape, 15.0)
    error[:, 10:12] = np.nan
    left, right = sorted(hotspots(error, GRID, threshold=10), key=lambda s: s.longitude)
    assert (left.cells, right.cells) == (200, 360)


def test_small_areas_are_left_out_and_the_list_is_cut():
    assert len(hotspots(_field(), GRID, threshold=10, least_cells=1)) == 3
    assert [s.cells for s in hotspots(_field(), GRID, threshold=10, most=1)] == [20]


def test_persistence_counts_days_with_the_same_sign():
    mean = np.zeros(GRID.shape)
    mean[2:4, 2:5] = 12.0
    daily = np.zeros((5, *GRID.shape))
    # Above, not enough, opposite sign, nothing known, half of the cells known and above.
    for day, value in enumerate([30.0, 5.0, -30.0, np.nan, 20.0]):
        daily[day, 2:4, 2:5] = value
    daily[4, 2] = np.nan
    (spot,) = hotspots(mean, GRID, threshold=10, daily=daily)
    assert (spot.days, spot.of_days) == (2, 4)


def test_one_day_is_its_own_persistence():
    assert {(s.days, s.of_days) for s in hotspots(_field(), GRID, threshold=10)} == {(1, 1)}


def test_nothing_to_find():
    assert hotspots(np.full(GRID.shape, np.nan), GRID, threshold=10) == ()
    assert hotspots(np.zeros(GRID.shape), GRID, threshold=10) == ()


def test_bad_input():
    with pytest.raises(ValueError, match="not positive"):
        hotspots(_field(), GRID, threshold=0)
    with pytest.raises(ValueError, match="cells of the grid"):
        hotspots(np.zeros((3, 3)), GRID, threshold=1)
    with pytest.raises(ValueError, match="cells of the grid"):
        hotspots(_field(), GRID, threshold=1, daily=np.zeros((2, 3, 3)))
