import numpy as np
import pytest
from fields import lambert
from scipy.ndimage import gaussian_filter

from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.effective_resolution import (
    candidate_sigmas,
    downscale,
    effective_resolution,
    own_sigma,
)
from engine.downscaling.smoothing import gaussian_smooth

CELLS = RegularCells(np.linspace(9, -9, 91), np.linspace(99, 117, 91))  # 36 squares of 3°
LADDER = candidate_sigmas(0.2, 3.3)


def noise(seed, sigma, cells=CELLS):
    """Noise of unit variance, correlated over `sigma` cells."""
    field = gaussian_filter(
        np.random.default_rng(seed).normal(size=cells.shape), sigma, mode="wrap"
    )
    return field / field.std()


def world(dates=2, spurious=0.4, resolution=5.0):
    """Fine truth with a climatology's detail; the coarse map is right above `resolution` cells.

    Returns:
        Coarse and fine (dates, rows, columns), and the climatology.
    """
    climatology = 40 * np.exp(0.5 * noise(0, 1.5))
    broad = np.stack([np.exp(0.4 * noise(1 + d, 3 * resolution)) for d in range(dates)])
    fine = climatology * broad
    wrong = np.stack([np.exp(spurious * noise(50 + d, resolution / 2)) for d in range(dates)])
    return gaussian_smooth(fine, CELLS, 0.3) * wrong, fine, climatology


def test_candidates_begin_with_the_grids_own():
    own = own_sigma(lambert())
    assert own == pytest.approx(18 / 111.2, rel=0.05)
    found = candidate_sigmas(own, 5.0)
    assert found[0] == own
    assert 5.0 / 2**0.5 < found[-1] <= 5.0
    np.testing.assert_allclose(np.divide(found[2:], found[:-2]), 2.0)
    assert candidate_sigmas(2.0, 1.0) == (2.0,)
    with pytest.raises(ValueError, match="above 0"):
        candidate_sigmas(0.0)


def test_downscaling_by_hand():
    """Smoothed over everything, each cell is the coarse mean times climatology ÷ its mean."""
    cells = RegularCells([90, 30, 0], [0, 1, 2])  # four cells of one area
    coarse, climatology = np.full((2, 2), 30.0), np.array([[1.0, 2.0], [3.0, np.nan]])
    found = downscale(coarse, climatology, cells, 1e4)
    np.testing.assert_allclose(found, [[15.0, 30.0], [45.0, np.nan]], rtol=1e-4)


def test_a_flat_climatology_adds_nothing():
    coarse, _, _ = world()
    found = downscale(coarse, np.full(CELLS.shape, 9.0), CELLS, 0.7)
    np.testing.assert_allclose(found, gaussian_smooth(coarse, CELLS, 0.7), rtol=1e-9)


def test_a_climatology_times_a_constant_is_the_climatology():
    _, _, climatology = world()
    found = downscale(2.5 * climatology, climatology, CELLS, 1.0)
    np.testing.assert_allclose(found, 2.5 * climatology, rtol=1e-9)


def test_coasts_do_not_leak_into_the_land():
    """The sea of the coarse map is another number; the land must not know."""
    coarse, _, climatology = world(1)
    climatology[:, :40] = np.nan
    found = downscale(coarse[0], climatology, CELLS, 1.0)
    elsewhere = np.where(np.isnan(climatology), 999.0, coarse[0])
    np.testing.assert_array_equal(downscale(elsewhere, climatology, CELLS, 1.0), found)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(climatology))


def test_a_climatology_of_zeros_has_the_ratio_one():
    coarse, _, _ = world(1)
    found = downscale(coarse[0], np.zeros(CELLS.shape), CELLS, 1.0)
    np.testing.assert_allclose(found, gaussian_smooth(coarse[0], CELLS, 1.0))


def test_a_product_that_is_wrong_in_its_details_is_smoothed():
    coarse, fine, climatology = world()
    found = effective_resolution(coarse, fine, climatology, CELLS, LADDER)
    assert found.reason == "cross-validated"
    assert (found.squares, found.dates) == (36, 2)
    assert found.sigma > 2 * LADDER[0]
    assert found.sigma <= found.best_sigma
    assert found.sigmas_left_out[0] <= found.sigma <= found.sigmas_left_out[1]
    scores = {s.sigma: s for s in found.scores}
    assert found.rmse_left_out < 0.8 * scores[LADDER[0]].rmse
    assert found.rmse_left_out >= scores[found.best_sigma].rmse
    assert [s.sigma for s in found.scores] == list(LADDER)


def test_a_product_that_is_right_keeps_its_own():
    _, fine, climatology = world()
    coarse = gaussian_smooth(fine * np.exp(0.3 * noise(90, 2.5)), CELLS, 0.2)
    truth = fine * np.exp(0.3 * noise(90, 2.5))
    found = effective_resolution(coarse, truth, climatology, CELLS, LADDER)
    assert found.sigma == LADDER[0]


def test_scores_are_of_the_downscaled_map():
    coarse, fine, climatology = world()
    fine[:, :, 70:] = np.nan
    found = effective_resolution(coarse, fine, climatology, CELLS, LADDER)
    area = np.broadcast_to(CELLS.area(), fine.shape)[np.isfinite(fine)]
    for score in found.scores[::4]:
        error = (downscale(coarse, climatology, CELLS, score.sigma) - fine)[np.isfinite(fine)]
        assert score.rmse == pytest.approx(np.sqrt(np.average(error**2, weights=area)))
        assert score.bias == pytest.approx(np.average(error, weights=area))


def test_the_rule_and_the_left_out_score_by_hand():
    """Every square left out in turn; the least sigma within one standard error of the best."""
    coarse, fine, climatology = world(1, spurious=0.5)  # the choices differ
    found = effective_resolution(coarse, fine, climatology, CELLS, LADDER)
    number = (np.arange(90) // 15)[:, None] * 6 + np.arange(90) // 15
    area = CELLS.area()
    sums = []
    for sigma in LADDER:
        error = downscale(coarse, climatology, CELLS, sigma)[0] - fine[0]
        sums.append([(error**2 * area)[number == q].sum() for q in range(36)])
    sums, weight = np.array(sums), np.array([area[number == q].sum() for q in range(36)])

    def excess(keep):
        """Above the best candidate, and its standard error, from the least sigma on."""
        s, w = sums[:, keep], weight[keep]
        loss = s.sum(1) / w.sum()
        above = loss - loss.min()
        d = s - s[loss.argmin()] - above[:, None] * w
        return above, np.sqrt(len(w) / (len(w) - 1) * (d**2).sum(1)) / w.sum()

    def choose(keep):
        return next(n for n, (e, s) in enumerate(zip(*excess(keep), strict=True)) if e <= s)

    everything = np.arange(36)
    printed = [(s.excess, s.excess_error) for s in found.scores]
    np.testing.assert_allclose(printed, np.transpose(excess(everything)), rtol=1e-9)
    assert found.sigma == LADDER[choose(everything)] < found.best_sigma
    left = [choose(everything[everything != q]) for q in range(36)]
    total = sum(sums[n, q] for q, n in enumerate(left))
    assert found.rmse_left_out == pytest.approx(np.sqrt(total / weight.sum()))
    assert min(left) < max(left)
    assert found.sigmas_left_out == (LADDER[min(left)], LADDER[max(left)])


def test_few_squares_choose_nothing():
    coarse, fine, climatology = world()
    fine[:, 45:] = np.nan
    fine[:, :, 40:] = np.nan
    found = effective_resolution(coarse, fine, climatology, CELLS, LADDER)
    assert (found.squares, found.reason) == (9, "too few squares")
    assert found.sigma == LADDER[0]
    assert found.best_sigma > LADDER[0]
    assert np.isnan(found.rmse_left_out)
    assert len(found.scores) == len(LADDER)


def test_nothing_in_common_leaves_the_grids_own():
    coarse, fine, climatology = world()
    found = effective_resolution(
        coarse, np.full(fine.shape, np.nan), climatology, CELLS, [0.4, 0.2]
    )
    assert (found.sigma, found.scores, found.reason) == (0.2, (), "nothing in common")
    assert (found.squares, found.dates) == (0, 0)


def test_squares_do_not_move_with_the_crop():
    coarse, fine, climatology = world()
    west = np.where(np.arange(90) < 60, fine, np.nan)
    whole = effective_resolution(coarse, west, climatology, CELLS, LADDER)
    up = RegularCells(CELLS.latitude_edges[::-1], CELLS.longitude_edges)
    turned = effective_resolution(coarse[:, ::-1], west[:, ::-1], climatology[::-1], up, LADDER)
    assert turned.squares == whole.squares == 24
    assert turned.sigma == whole.sigma
    assert turned.rmse_left_out == pytest.approx(whole.rmse_left_out, rel=1e-6)


def test_mistakes():
    coarse, fine, climatology = world()
    with pytest.raises(ValueError, match="no candidate"):
        effective_resolution(coarse, fine, climatology, CELLS, [])
    with pytest.raises(ValueError, match="dates of one grid"):
        effective_resolution(coarse[0], fine[0], climatology, CELLS, LADDER)
    with pytest.raises(ValueError, match="do not lie on"):
        downscale(coarse[:, 1:], climatology, CELLS, 1.0)
