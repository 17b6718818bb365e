import numpy as np
import pytest
from fields import as_quadrilaterals
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.exact_detail import smooth_map
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid
from engine.downscaling.topographic import log_change, topographic, used_slope

SIDE, PARTS = 16, 4
FINE = RegularCells(
    np.linspace(36, 36 - 0.8 * SIDE, SIDE * PARTS + 1),
    np.linspace(100, 100 + 0.8 * SIDE, SIDE * PARTS + 1),
)
COARSE = RegularCells(FINE.latitude_edges[::PARTS], FINE.longitude_edges[::PARTS])
DOWN = overlap(FINE, COARSE)
LAND = np.ones(FINE.shape, bool)


def relief(seed, metres=600.0):
    """Rough land above the sea, m."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=FINE.shape), 2.5)
    return 1500 + metres * noise / noise.std()


def haze(seed):
    """A broad pattern that knows nothing of height, ug m-3."""
    noise = gaussian_filter(np.random.default_rng(seed).normal(size=FINE.shape), 5)
    return 40 * np.exp(0.4 * noise / noise.std())


def both(fine, height, down=DOWN):
    """The map drawn smoothly from its coarse means, and with the step."""
    coarse = regrid(fine, down)
    smooth = smooth_map(coarse, np.isfinite(fine), down)
    return coarse, smooth, topographic(coarse, smooth, height, down)


def rmse(made, truth):
    return float(np.sqrt(np.nanmean((made - truth) ** 2)))


def test_the_slope_of_a_chessboard_by_hand():
    # Cells at 0 and 1 km, log(value + 1) falls by 0.5 per km. The square of five by five has 13 of
    # one and 12 of the other: variance 12 · 13 / 25² = 0.2496 km². Each cell is predicted from its
    # neighbours with the right sign, so the share is the largest, 0.4:
    # 0.4 · −0.5 · 0.2496 / (0.2496 + 0.02) = −0.18516. Half of the range is 0.25.
    km = np.indices((15, 15)).sum(axis=0) % 2.0
    slope, most = used_slope(np.expm1(3.0 - 0.5 * km), km)
    assert slope[7, 7] == pytest.approx(-0.4 * 0.5 * 0.2496 / 0.2696, abs=1e-6)
    assert most[7, 7] == pytest.approx(0.25, abs=1e-6)


def test_flat_land_stays_as_it_is():
    truth = haze(1)
    _, smooth, made = both(truth, np.full(FINE.shape, 300.0))
    assert np.array_equal(made, smooth)


def test_sea_has_no_height():
    truth = haze(1)
    _, smooth, made = both(truth, -np.abs(relief(2)))
    assert np.array_equal(made, smooth)


def test_unknown_heights_change_nothing():
    truth = haze(1)
    _, smooth, made = both(truth, np.full(FINE.shape, np.nan))
    assert np.array_equal(made, smooth)


def test_too_few_coarse_cells_show_nothing():
    km = np.indices((4, 4)).sum(axis=0) % 2.0
    slope, _ = used_slope(np.expm1(3.0 - 0.5 * km), km)
    assert not slope.any()


def test_where_height_rules_the_map_is_better():
    height = relief(3)
    truth = haze(4) * np.exp(-0.8 * (height / 1000 - 1.5))
    _, smooth, made = both(truth, height)
    assert rmse(made, truth) < 0.9 * rmse(smooth, truth)


def test_a_slope_that_the_neighbours_do_not_confirm_is_not_used():
    # West and east differ in height and haze, as plateau and plain do; inside either, height says
    # nothing. A slope over the border is large and tells nothing of single cells.
    west = np.arange(FINE.shape[1]) < FINE.shape[1] // 2
    height = relief(5, metres=150.0) + np.where(west, 2000.0, 0.0)
    truth = haze(6) * np.where(west, 0.3, 1.0)
    _, smooth, made = both(truth, height)
    assert rmse(made, truth) <= 1.002 * rmse(smooth, truth)


def test_a_peak_changes_no_more_than_the_cells_around_differ():
    height = relief(3, metres=200.0)
    coarse = regrid(40 * np.exp(-0.8 * (height / 1000 - 1.5)), DOWN)
    height[30, 30] += 6000  # of one fine cell; its coarse cell rises by 375 m
    change = log_change(coarse, height, LAND, DOWN)
    most = np.ptp(np.log1p(coarse)) / 2
    assert 0.1 * most < np.abs(change[30, 30]) <= most


@given(seed=st.integers(0, 10_000), fall=st.floats(-1.5, 1.5), metres=st.floats(0, 1500))
@settings(max_examples=25, deadline=None)
def test_means_are_kept_and_the_change_is_bounded(seed, fall, metres):
    height = relief(seed, metres)
    truth = haze(seed + 1) * np.exp(fall * (height / 1000 - 1.5))
    truth[seed % 40 : seed % 40 + 9, 5:30] = np.nan
    coarse, smooth, made = both(truth, height)
    again = regrid(made, DOWN)
    assert np.nanmax(np.abs(again - coarse)) < 0.02
    assert np.array_equal(np.isnan(made), np.isnan(smooth))
    assert np.nanmin(made) >= 0
    change = log_change(coarse, height, np.isfinite(smooth), DOWN)
    logs = np.log1p(coarse[np.isfinite(coarse)])
    assert np.abs(change).max() <= np.ptp(logs) / 2 + 1e-9


def test_height_that_says_nothing_costs_little():
    # By chance one map in many shows a slope that is none: over 40 it costs less than 2 %.
    ratios = []
    for seed in range(40):
        truth = haze(seed) * np.exp(0.1 * (relief(seed + 2000) / 600 - 2.5))
        _, smooth, made = both(truth, relief(seed + 1000))
        ratios.append(rmse(made, truth) / rmse(smooth, truth))
    assert np.mean(ratios) < 1.02
    assert np.median(ratios) <= 1.001


def test_cells_of_any_shape_on_the_coarse_side():
    height = relief(3)
    truth = haze(4) * np.exp(-0.8 * (height / 1000 - 1.5))
    _, _, expected = both(truth, height)
    down = overlap(FINE, as_quadrilaterals(COARSE))
    _, _, made = both(truth, height, down)
    np.testing.assert_allclose(made, expected, rtol=1e-3)


def test_fields_that_do_not_fit_are_refused():
    coarse = np.ones(COARSE.shape)
    with pytest.raises(ValueError, match="do not lie"):
        topographic(coarse, np.ones(FINE.shape), np.ones((3, 3)), DOWN)
    with pytest.raises(ValueError, match="do not lie"):
        topographic(np.ones((2, 2)), np.ones(FINE.shape), np.ones(FINE.shape), DOWN)
    with pytest.raises(ValueError, match="regular"):
        log_change(
            np.ones(FINE.shape),
            np.ones(COARSE.shape),
            coarse > 0,
            overlap(as_quadrilaterals(COARSE), FINE),
        )
