import numpy as np
import pytest
from fields import as_quadrilaterals, lambert, regular_cells
from hypothesis import given
from hypothesis import strategies as st

from engine.downscaling.area_means import match_area_means
from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid

FINE = RegularCells(np.arange(35, 29, -0.1), np.arange(107, 113, 0.1))
COARSE = RegularCells(np.arange(34.9, 29.3, -0.36), np.arange(107.1, 112.9, 0.36))  # nest nowhere


def fine_field(seed=0, cells=FINE):
    """Smooth hills with some noise, as a downscaled map is."""
    generator = np.random.default_rng(seed)
    wave = np.sin(cells.latitude * 2 + seed)[:, None] * np.cos(cells.longitude * 1.5)
    return 50 + 25 * wave + generator.uniform(0, 10, cells.shape)


def test_one_cell_by_hand():
    # Mean of rows of one area (1 + 3 + 2 + 6) / 4 = 3; the target 6 doubles all.
    fine = np.array([[1.0, 3.0], [2.0, 6.0]])
    shared = overlap(RegularCells([90, 30, 0], [0, 1, 2]), RegularCells([0, 90], [0, 2]))
    found = match_area_means(fine, np.array([[6.0]]), shared, smooth=False)
    np.testing.assert_allclose(found.values, 2 * fine)
    assert (found.converged, found.cells, found.steps) == (True, 1, 1)
    assert found.worst < 1e-9


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("cells", [COARSE, lambert(14, 12), as_quadrilaterals(COARSE)])
def test_means_of_cells_that_do_not_nest(cells, smooth):
    shared = overlap(FINE, cells)
    coarse = np.random.default_rng(1).uniform(20, 120, cells.shape)
    found = match_area_means(fine_field(), coarse, shared, smooth=smooth, max_steps=500)
    assert found.converged
    assert found.cells > 100
    mean = regrid(found.values, shared)
    known = np.isfinite(mean)
    assert known.sum() == found.cells
    np.testing.assert_allclose(mean[known], coarse[known], atol=0.011)
    assert found.worst == pytest.approx(np.abs(mean - coarse)[known].max(), rel=1e-6)


@given(regular_cells(most=5), st.integers(2, 6), st.integers(0, 99))
def test_nested_cells_have_their_means_after_one_step(coarse, factor, seed):
    def split(edges):
        parts = np.arange(factor * (edges.size - 1) + 1) / factor
        return np.interp(parts, range(edges.size), edges)

    fine = RegularCells(split(coarse.latitude_edges), split(coarse.longitude_edges))
    generator = np.random.default_rng(seed)
    values, target = generator.uniform(1, 90, fine.shape), generator.uniform(1, 90, coarse.shape)
    shared = overlap(fine, coarse)
    found = match_area_means(values, target, shared, smooth=False)
    assert found.steps <= 1
    np.testing.assert_allclose(regrid(found.values, shared), target, rtol=1e-9)
    ratio = found.values / values
    np.testing.assert_allclose(
        ratio, ratio[::factor, ::factor].repeat(factor, 0).repeat(factor, 1), rtol=1e-6
    )


def test_a_field_with_the_means_already_is_left_alone():
    shared = overlap(FINE, COARSE)
    field = fine_field()
    found = match_area_means(field, regrid(field, shared), shared)
    assert found.steps == 0
    assert found.converged
    np.testing.assert_array_equal(found.values, field)


def test_no_data_stays_and_nothing_turns_negative():
    shared = overlap(FINE, COARSE)
    field = fine_field()
    field[:, 20:30] = np.nan
    field[40:] = np.where(field[40:] < 50, 0.0, field[40:])
    coarse = np.random.default_rng(2).uniform(0, 100, COARSE.shape)
    coarse[3, 3] = np.nan
    coarse[5, 5] = 0.0
    found = match_area_means(field, coarse, shared, max_steps=2000, tolerance=0.05)
    np.testing.assert_array_equal(np.isnan(found.values), np.isnan(field))
    assert np.nanmin(found.values) >= 0
    assert found.worst < 1
    # 3, 3 has no target; cells with half of their land missing set none either.
    mean = regrid(field, shared)
    assert found.cells == (np.isfinite(mean) & np.isfinite(coarse)).sum() < coarse.size


def test_zeros_take_the_coarse_value_where_there_is_nothing_else():
    shared = overlap(FINE, COARSE)
    field = np.zeros(FINE.shape)
    field[30, 30] = np.nan
    coarse = np.full(COARSE.shape, 12.0)
    found = match_area_means(field, coarse, shared)
    assert found.converged
    assert np.isnan(found.values[30, 30])
    found.values[30, 30] = 12.0
    covered = np.isfinite(regrid(coarse, shared.turned(), min_valid_share=0.0))
    np.testing.assert_allclose(found.values[covered], 12.0, rtol=1e-2)
    assert (found.values[~covered] == 0).all()


def test_single_zeros_stay():
    shared = overlap(FINE, COARSE)
    field = fine_field()
    field[30, 30] = 0.0
    found = match_area_means(field, np.full(COARSE.shape, 70.0), shared)
    assert found.converged
    assert found.values[30, 30] == 0


def test_what_cannot_be_met_is_said():
    # Two coarse cells in one fine cell want 10 and 20.
    shared = overlap(RegularCells([0, 1], [0, 1]), RegularCells([0, 1], [0, 0.5, 1]))
    found = match_area_means(
        np.array([[5.0]]), np.array([[10.0, 20.0]]), shared, smooth=False, max_steps=30
    )
    assert not found.converged
    assert found.steps == 30
    np.testing.assert_allclose(found.values, 15.0)
    assert found.worst == pytest.approx(5.0)


def test_too_few_steps_say_how_far_off():
    shared = overlap(FINE, COARSE)
    coarse = np.random.default_rng(1).uniform(20, 120, COARSE.shape)
    few = match_area_means(fine_field(), coarse, shared, smooth=False, max_steps=2)
    assert (few.converged, few.steps) == (False, 2)
    more = match_area_means(fine_field(), coarse, shared, smooth=False, max_steps=6)
    assert few.worst > more.worst > 0.01


@pytest.mark.parametrize("seed", range(4))
def test_no_step_leads_away_from_the_targets(seed):
    shared = overlap(FINE, COARSE)
    coarse = np.where(np.random.default_rng(seed).random(COARSE.shape) < 0.1, 0.0, 50.0)
    worst = []
    for most in (0, 1, 2, 4, 8, 12, 20, 30):
        found = match_area_means(fine_field(), coarse, shared, max_steps=most)
        assert found.steps == most
        worst.append(found.worst)
    assert (np.diff(worst) <= 0).all()


def test_smoothed_factors_show_no_edge_of_a_coarse_cell():
    """A coarse map that is 20 % and more above the fine one, more so to the east."""
    shared = overlap(FINE, COARSE)
    field = fine_field()
    gradient = np.broadcast_to(1.2 + (FINE.longitude - 107) / 6, FINE.shape)
    coarse = regrid(field * gradient, shared)

    def jumps(smooth):
        found = match_area_means(field, coarse, shared, smooth=smooth)
        assert found.converged
        factor = (found.values / field / gradient)[8:-8, 8:-8]
        return np.abs(np.diff(np.log(factor), axis=1)).max()

    assert jumps(True) < jumps(False) / 3


def test_cells_outside_every_target_stay_without_smoothing():
    shared = overlap(FINE, RegularCells([31, 32], [109, 110]))
    field = fine_field()
    found = match_area_means(field, np.array([[90.0]]), shared, smooth=False)
    assert found.converged
    inside = np.isfinite(regrid(np.ones((1, 1)), shared.turned(), min_valid_share=0.0))
    np.testing.assert_array_equal(found.values[~inside], field[~inside])
    assert (found.values[inside] > field[inside]).all()


def test_no_target_at_all():
    shared = overlap(FINE, COARSE)
    found = match_area_means(fine_field(), np.full(COARSE.shape, np.nan), shared)
    assert (found.converged, found.cells, found.steps) == (False, 0, 0)
    assert np.isnan(found.worst)
    np.testing.assert_array_equal(found.values, fine_field())


def test_a_coast_sets_a_target_by_its_share_of_land():
    fine, coarse = RegularCells([1, 0], [0, 0.4, 1]), RegularCells([0, 1], [0, 1])
    shared, values = overlap(fine, coarse), np.array([[10.0, np.nan]])
    target = np.array([[30.0]])
    assert match_area_means(values, target, shared, smooth=False).cells == 0
    found = match_area_means(values, target, shared, smooth=False, min_valid_share=0.3)
    np.testing.assert_allclose(found.values, [[30.0, np.nan]])


def test_mistakes():
    shared = overlap(FINE, COARSE)
    field, coarse = fine_field(), np.ones(COARSE.shape)
    with pytest.raises(ValueError, match="not be negative"):
        match_area_means(-field, coarse, shared)
    with pytest.raises(ValueError, match="not be negative"):
        match_area_means(field, -coarse, shared)
    with pytest.raises(ValueError, match="do not lie on"):
        match_area_means(coarse, coarse, shared)
    with pytest.raises(ValueError, match="one field at a time"):
        match_area_means(field[None], coarse, shared)
    quads = overlap(as_quadrilaterals(FINE), COARSE)
    with pytest.raises(ValueError, match="regular fine cells only"):
        match_area_means(field, coarse, quads)
