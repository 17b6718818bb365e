import numpy as np
import pytest
from fields import around, as_quadrilaterals, lambert, regular_cells
from hypothesis import given
from hypothesis import strategies as st

from engine.core.blocks import block_mean
from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid, valid_share

SEEDS = st.integers(0, 10_000)


def field(cells, seed, missing=0.0):
    generator = np.random.default_rng(seed)
    values = generator.uniform(5, 150, cells.shape)
    values[generator.random(cells.shape) < missing] = np.nan
    return values


def test_two_by_two_by_hand():
    # Two rows of the same area (sines 0, 1/2, 1); the target leaves out half of the first column:
    # (½·1 + 1·2 + ½·3 + 1·4) / 3.
    source = RegularCells([90, 30, 0], [0, 1, 2])
    values = np.array([[1.0, 2.0], [3.0, 4.0]])
    shared = overlap(source, RegularCells([0, 90], [0.5, 2]))
    assert regrid(values, shared)[0, 0] == pytest.approx(8 / 3)
    # Without the 4: (½·1 + 1·2 + ½·3) / 2, on 2/3 of the area.
    values[1, 1] = np.nan
    assert regrid(values, shared)[0, 0] == pytest.approx(2.0)
    assert valid_share(values, shared)[0, 0] == pytest.approx(2 / 3)
    assert np.isnan(regrid(values, shared, min_valid_share=0.7)[0, 0])


@given(regular_cells(), regular_cells(), SEEDS, st.floats(0.001, 1000))
def test_a_constant_stays_one(source, target, seed, constant):
    values = np.where(np.isfinite(field(source, seed, 0.4)), constant, np.nan)
    for cells in (source, as_quadrilaterals(source)):
        found = regrid(values, overlap(cells, target), min_valid_share=0.0)
        known = np.isfinite(found)
        np.testing.assert_allclose(found[known], constant, rtol=1e-9)
        covered = valid_share(values, overlap(cells, target)) > 1e-6
        assert known[covered].all()


@given(regular_cells(), regular_cells(), SEEDS)
def test_mass_is_kept(source, other, seed):
    """In all over the globe, and of the part that another grid takes."""
    values = field(source, seed, 0.3)
    globe = RegularCells(np.linspace(90, -90, 25), np.linspace(-180, 180, 37))
    for cells in (source, as_quadrilaterals(source)):
        for target in (other, globe):
            shared = overlap(cells, target)
            mean, share = regrid(values, shared, min_valid_share=0.0), valid_share(values, shared)
            mass = np.nansum(mean * share * target.area())
            taken = np.asarray(shared.matrix().sum(0)).reshape(source.shape)
            np.testing.assert_allclose(mass, np.nansum(values * taken), rtol=1e-6, atol=1e-3)
        np.testing.assert_allclose(mass, np.nansum(values * source.area()), rtol=1e-6)


@given(regular_cells(most=4), st.integers(1, 6), SEEDS)
def test_nested_cells_are_block_means(coarse, factor, seed):
    """Area weights and plain ones differ by the cosine across one coarse cell."""

    def split(edges):
        return np.interp(
            np.arange(factor * (edges.size - 1) + 1) / factor, range(edges.size), edges
        )

    fine = RegularCells(split(coarse.latitude_edges), split(coarse.longitude_edges))
    # Smooth, as a map is: noise of 150 µg/m³ between neighbours would differ by more.
    wave = np.sin(fine.latitude / 4 + seed)[:, None] + np.cos(fine.longitude / 3)
    values = 60 + 20 * wave
    plain = block_mean(values, factor)
    height = np.abs(np.diff(coarse.latitude_edges)).max()
    shared = overlap(fine, coarse)
    # 0.8° is a block of eight cells of 0.1°; the difference grows with the square of the height.
    allowed = 0.1 * max(1.0, (height / 0.8) ** 2)
    np.testing.assert_allclose(regrid(values, shared), plain, atol=allowed)
    back = regrid(plain.astype(float), shared.turned())
    np.testing.assert_allclose(back, plain.repeat(factor, 0).repeat(factor, 1), rtol=1e-6)
    np.testing.assert_allclose(regrid(back, shared), plain, rtol=1e-6)


@given(regular_cells(), regular_cells(), SEEDS)
def test_means_stay_between_the_values(source, target, seed):
    values = field(source, seed, 0.2)
    if np.isfinite(values).any():
        found = regrid(values, overlap(source, target), min_valid_share=0.0)
        found = found[np.isfinite(found)]
        assert ((found > np.nanmin(values) - 1e-9) & (found < np.nanmax(values) + 1e-9)).all()


@given(regular_cells(), regular_cells(), SEEDS, st.sampled_from([-2, -1, (-2, -1)]))
def test_a_turned_axis_gives_the_turned_map(source, target, seed, axes):
    axes = (axes,) if isinstance(axes, int) else axes

    def turned(cells):
        return RegularCells(
            cells.latitude_edges[:: -1 if -2 in axes else 1],
            cells.longitude_edges[:: -1 if -1 in axes else 1],
        )

    values = field(source, seed, 0.2)
    straight = regrid(values, overlap(source, target))
    close = {"rtol": 1e-9, "atol": 1e-9}
    flipped = np.flip(values, axes)
    for give, take in ((turned(source), flipped), (as_quadrilaterals(turned(source)), flipped)):
        np.testing.assert_allclose(regrid(take, overlap(give, target)), straight, **close)
    np.testing.assert_allclose(
        regrid(values, overlap(source, turned(target))), np.flip(straight, axes), **close
    )
    np.testing.assert_allclose(
        regrid(values, overlap(as_quadrilaterals(source), turned(target))),
        np.flip(straight, axes),
        **close,
    )


@given(st.floats(0.02, 0.98))
def test_a_coast_counts_by_its_share_of_land(share):
    # Land is the west of a coarse cell, sea the east; values differ inland.
    fine = RegularCells([1, 0], [0, share / 2, share, 1])
    coarse = overlap(fine, RegularCells([0, 1], [0, 1]))
    values = np.array([[10.0, 30.0, np.nan]])
    np.testing.assert_allclose(valid_share(values, coarse), share, rtol=1e-9)
    mean = regrid(values, coarse, min_valid_share=share)
    np.testing.assert_allclose(mean, 20.0)  # of land alone
    assert np.isnan(regrid(values, coarse, min_valid_share=min(share + 0.01, 1.0))).all()


def test_half_a_cell_of_land_is_enough_unless_said():
    fine = RegularCells([1, 0], [0, 0.5, 1])
    coarse = overlap(fine, RegularCells([0, 1], [0, 1]))
    assert regrid(np.array([[7.0, np.nan]]), coarse)[0, 0] == pytest.approx(7)
    assert np.isnan(regrid(np.array([[np.inf, np.nan]]), coarse, min_valid_share=0.0)).all()


def test_outside_the_source_is_no_data():
    shared = overlap(RegularCells([0, 1], [0, 1]), RegularCells([0, 1], [0, 0.9, 1.6, 3]))
    found = regrid(np.array([[5.0]]), shared, min_valid_share=0.2)
    np.testing.assert_allclose(found, [[5.0, np.nan, np.nan]])
    assert valid_share(np.array([[5.0]]), shared)[0, 1] == pytest.approx(1 / 7)


def test_a_sliver_of_a_neighbour_is_no_data():
    shared = overlap(RegularCells([0, 1], [0, 1]), RegularCells([0, 1], [0, 1 - 1e-7, 2]))
    assert valid_share(np.array([[5.0]]), shared)[0, 1] < 1e-6
    np.testing.assert_allclose(regrid(np.array([[5.0]]), shared), [[5.0, np.nan]])


@pytest.mark.parametrize("cells", [lambert(), around(RegularCells([31, 33], [109, 111]), 4)])
def test_a_plane_has_no_seams(cells):
    """Coarse to fine to coarse, and fine to coarse: no cell stands out."""
    fine = RegularCells(np.arange(35, 29, -0.1), np.arange(107, 113, 0.1))
    plane = fine.latitude[:, None] + 2 * fine.longitude
    shared = overlap(fine, cells)
    mean = regrid(plane, shared, min_valid_share=1.0)
    if hasattr(cells, "latitude_edges"):
        centre = cells.latitude[:, None] + 2 * cells.longitude
    else:
        centre = (cells.latitude + 2 * cells.longitude).mean(-1)
    known = np.isfinite(mean)
    assert known.sum() > 3
    # The centroid of a cell lies 0.001° to 0.02° beside the mean of its corners.
    np.testing.assert_allclose(mean[known], centre[known], atol=0.03)
    back = regrid(mean, shared.turned(), min_valid_share=1.0)
    known = np.isfinite(back)
    assert known.sum() > 300
    assert np.abs(back - plane)[known].max() < 3.5  # one cell of 2° with a slope of 1 and 2


@given(regular_cells(), SEEDS, st.data())
def test_a_crop_is_the_whole_cropped(target, seed, data):
    source = around(RegularCells([20, 21], [97, 98]), 30)
    values = field(source, seed, 0.2)
    whole = regrid(values, overlap(source, target))
    first = data.draw(st.integers(0, target.shape[0] - 1))
    crop = RegularCells(target.latitude_edges[first:], target.longitude_edges[:2])
    np.testing.assert_allclose(
        regrid(values, overlap(source, crop)), whole[first:, :1], rtol=1e-9, atol=1e-9
    )


def test_dates_go_together():
    source, target = RegularCells([0, 1, 2], [0, 1, 3]), RegularCells([0, 2], [0.5, 2, 2.5])
    stack = np.random.default_rng(1).normal(size=(3, 2, *source.shape))
    stack[1, 0, 0, 0] = np.nan
    for way in (overlap(source, target), overlap(as_quadrilaterals(source), target)):
        found = regrid(stack, way)
        assert found.shape == (3, 2, *target.shape)
        np.testing.assert_allclose(found[1, 0], regrid(stack[1, 0], way))


def test_values_of_other_cells_are_a_mistake():
    shared = overlap(RegularCells([0, 1], [0, 1]), RegularCells([0, 1], [0, 1]))
    for call in (regrid, valid_share):
        with pytest.raises(ValueError, match="do not lie on"):
            call(np.zeros((2, 1)), shared)
    with pytest.raises(ValueError, match="between 0 and 1"):
        regrid(np.zeros((1, 1)), shared, min_valid_share=1.5)
