import numpy as np
import pytest
from fields import regular_cells
from hypothesis import given
from hypothesis import strategies as st

from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.smoothing import gaussian_smooth

CELLS = RegularCells(np.linspace(46, 34, 121), np.linspace(100, 112, 121))


def by_hand(values, cells, sigma):
    """Every pair of cells, one by one: weights of area and of distance in degrees."""
    lat, lon = cells.latitude, cells.longitude
    across = sigma / np.cos(np.deg2rad(lat))
    found = np.empty(cells.shape)
    for i in range(cells.shape[0]):
        for j in range(cells.shape[1]):
            east = np.exp(-0.5 * ((lon - lon[j]) / across[:, None]) ** 2)
            east /= across[:, None]  # a row's weights have one sum, wide or narrow
            weight = np.exp(-0.5 * ((lat - lat[i]) / sigma) ** 2)[:, None] * east
            weight = weight * cells.area() * np.isfinite(values)
            found[i, j] = (weight * np.nan_to_num(values)).sum() / weight.sum()
    return found


def test_every_pair_by_hand():
    cells = RegularCells(np.linspace(60, 48, 13), np.linspace(0, 14, 15))
    values = np.random.default_rng(0).uniform(0, 100, cells.shape)
    values[3:5, 4:9] = np.nan
    # What lies beyond 4 sigma and a finer sum of the weights make some parts in a thousand.
    np.testing.assert_allclose(
        gaussian_smooth(values, cells, 1.5), by_hand(values, cells, 1.5), rtol=2e-3
    )


@given(regular_cells(), st.floats(0.05, 6), st.floats(0.01, 500), st.integers(0, 99))
def test_a_constant_stays_one_up_to_the_coast(cells, sigma, constant, seed):
    land = np.random.default_rng(seed).random(cells.shape) < 0.5
    found = gaussian_smooth(np.where(land, constant, np.nan), cells, sigma)
    np.testing.assert_allclose(found[land], constant, rtol=1e-9)
    known = np.isfinite(found)
    np.testing.assert_allclose(found[known], constant, rtol=1e-9)


def test_as_wide_in_km_to_the_east_as_to_the_north():
    point = np.zeros(CELLS.shape)
    point[60, 60] = 1.0
    # Without renormalising at the rim: the point is far from it.
    found = gaussian_smooth(point, CELLS, 0.8)
    lat, lon = CELLS.latitude, CELLS.longitude
    north = np.sqrt((found[:, 60] * (lat - lat[60]) ** 2).sum() / found[:, 60].sum())
    east = np.sqrt((found[60] * (lon - lon[60]) ** 2).sum() / found[60].sum())
    assert north == pytest.approx(0.8, rel=0.01)
    assert east * np.cos(np.deg2rad(lat[60])) == pytest.approx(0.8, rel=0.01)


@given(regular_cells(), st.floats(0.05, 6), st.integers(0, 99))
def test_means_stay_between_the_values_and_turn_with_the_axes(cells, sigma, seed):
    values = np.random.default_rng(seed).uniform(0, 100, cells.shape)
    values[values < 20] = np.nan
    if not np.isfinite(values).any():
        return
    found = gaussian_smooth(values, cells, sigma)
    known = np.isfinite(found)
    assert found[known].min() >= np.nanmin(values)
    assert found[known].max() <= np.nanmax(values)
    turned = RegularCells(cells.latitude_edges[::-1], cells.longitude_edges[::-1])
    flipped = gaussian_smooth(np.flip(values), turned, sigma)
    np.testing.assert_allclose(np.flip(flipped), found, rtol=1e-7, atol=1e-7)


def test_the_globe_has_no_seam():
    globe = RegularCells(np.linspace(90, -90, 37), np.linspace(-180, 180, 73))
    values = np.random.default_rng(1).uniform(0, 100, globe.shape)
    rolled = gaussian_smooth(np.roll(values, 30, axis=1), globe, 7.0)
    np.testing.assert_allclose(rolled, np.roll(gaussian_smooth(values, globe, 7.0), 30, axis=1))


def test_a_mask_counts_and_far_from_it_is_no_data():
    values = np.full(CELLS.shape, 50.0)
    values[:, :60] = 10.0
    west = np.broadcast_to(np.arange(120) < 60, CELLS.shape)
    found = gaussian_smooth(values, CELLS, 0.5, valid=west)
    np.testing.assert_allclose(found[:, :70], 10.0)
    assert np.isnan(found[:, 100:]).all()
    assert np.isnan(gaussian_smooth(np.full(CELLS.shape, np.nan), CELLS, 1.0)).all()


def test_no_smoothing_leaves_values_as_they_are():
    values = np.random.default_rng(2).normal(size=CELLS.shape)
    values[0, 0] = np.inf
    found = gaussian_smooth(values, CELLS, 0.0)
    assert np.isnan(found[0, 0])
    np.testing.assert_array_equal(found[1:], values[1:])


def test_dates_go_together():
    stack = np.random.default_rng(3).uniform(size=(2, *CELLS.shape))
    found = gaussian_smooth(stack, CELLS, 0.7)
    np.testing.assert_allclose(found[1], gaussian_smooth(stack[1], CELLS, 0.7), rtol=1e-9)


@pytest.mark.parametrize("sigma", [-1.0, np.inf, np.nan])
def test_a_sigma_is_a_number_of_degrees(sigma):
    with pytest.raises(ValueError, match="no number of degrees"):
        gaussian_smooth(np.zeros(CELLS.shape), CELLS, sigma)


def test_cells_must_be_even_and_the_field_theirs():
    with pytest.raises(ValueError, match="evenly"):
        gaussian_smooth(np.zeros((2, 1)), RegularCells([0, 1, 3], [0, 1]), 1.0)
    with pytest.raises(ValueError, match="do not lie on"):
        gaussian_smooth(np.zeros((2, 2)), CELLS, 1.0)
