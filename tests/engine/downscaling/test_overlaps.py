import time

import numpy as np
import pytest
from fields import around, as_quadrilaterals, lambert, regular_cells
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import DataError, RequestError
from engine.downscaling import overlaps
from engine.downscaling.cell_edges import CurvilinearCells, RegularCells
from engine.downscaling.overlaps import overlap


def dense(shared):
    return shared.matrix().toarray()


def test_shared_areas_by_hand():
    # Rows 0…30 and 30…90 N hold the same area: their sines are 0, 1/2 and 1.
    source = RegularCells([0, 30, 90], [0, 1, 2])
    target = RegularCells([0, 90], [0.5, 2])
    one = source.area()[0, 0]
    np.testing.assert_allclose(dense(overlap(source, target)) / one, [[0.5, 1, 0.5, 1]])


@given(regular_cells(), regular_cells())
def test_cells_that_are_covered_are_covered_once(target, source):
    covering = RegularCells(np.linspace(90, -90, 40), np.linspace(0, 360, 50))
    np.testing.assert_allclose(dense(overlap(covering, target)).sum(1), target.area().ravel())
    np.testing.assert_allclose(
        dense(overlap(target, source)), dense(overlap(source, target)).T, rtol=1e-12
    )
    shared = dense(overlap(source, target)).sum(1)
    assert (shared <= target.area().ravel() * (1 + 1e-9)).all()


@given(regular_cells(), regular_cells())
def test_polygons_and_axes_agree(source, target):
    """The same cells as boxes and as corners: two ways to one matrix."""
    boxes = dense(overlap(source, target))
    least = 1e-9 * target.area().max()
    quads = as_quadrilaterals(source)
    np.testing.assert_allclose(dense(overlap(quads, target)), boxes, rtol=1e-7, atol=least)
    np.testing.assert_allclose(dense(overlap(target, quads)), boxes.T, rtol=1e-7, atol=least)


@given(regular_cells(), regular_cells(), st.data())
def test_spreading_is_the_matrix(source, target, data):
    shared = overlap(source, target)
    values = np.random.default_rng(data.draw(st.integers(0, 99))).normal(size=(2, 3, *source.shape))
    expected = values.reshape(6, -1) @ dense(shared).T
    for way in (shared, overlap(as_quadrilaterals(source), target)):
        found = way.spread(values).reshape(6, -1)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    there = shared.turned()
    assert there.source is target
    np.testing.assert_allclose(dense(there), dense(shared).T)


def test_any_turn_round_the_globe_is_the_same_place():
    source = RegularCells([0, 1, 2], [-181, -180, -179])
    for turn in (0, 360, -720):
        target = RegularCells([0, 1, 2], np.array([179.5, 180.5]) + turn)
        shared = dense(overlap(source, target))
        np.testing.assert_allclose(shared.sum(1), target.area().ravel(), rtol=1e-9)
        quads = dense(overlap(as_quadrilaterals(source), target))
        np.testing.assert_allclose(quads, shared, rtol=1e-7, atol=1e-6)


def test_a_globe_meets_itself_across_its_ends():
    globe = RegularCells(np.linspace(90, -90, 7), np.linspace(-181, 179, 37))
    other = RegularCells(np.linspace(-90, 90, 10), np.linspace(0, 360, 25))
    np.testing.assert_allclose(dense(overlap(globe, other)).sum(1), other.area().ravel())


def test_cells_of_a_projection_leave_no_gap():
    target = RegularCells(np.arange(36, 27.95, -0.1), np.arange(105, 115.05, 0.1))
    shared = overlap(lambert(), target)
    np.testing.assert_allclose(
        shared.spread(np.ones(shared.source.shape)), target.area(), rtol=1e-9
    )


def test_a_cell_inside_keeps_its_area():
    cells = lambert(6, 5)
    target = RegularCells(np.arange(36, 27.95, -0.1), np.arange(105, 115.05, 0.1))
    np.testing.assert_allclose(
        overlap(target, cells).spread(np.ones(target.shape)), cells.area(), rtol=1e-9
    )


def test_chunks_make_no_difference(monkeypatch):
    cells, target = lambert(9, 9), RegularCells(np.arange(34, 30, -0.1), np.arange(108, 112, 0.1))
    whole = dense(overlap(cells, target))
    monkeypatch.setattr(overlaps, "_PAIRS", 50)
    np.testing.assert_array_equal(dense(overlap(cells, target)), whole)


def test_a_model_of_36_km_meets_a_tenth_of_a_degree_in_seconds():
    target = RegularCells(np.linspace(42, 22, 201), np.linspace(100, 120, 201))
    start = time.process_time()
    shared = overlap(lambert(), target)
    assert time.process_time() - start < 10  # 0.7 s on a quiet core
    assert shared.areas.nnz > 40_000


def test_places_apart_are_refused():
    here = RegularCells([0, 1], [0, 1])
    for there in (RegularCells([2, 3], [0, 1]), RegularCells([0, 1], [5, 6])):
        for source in (here, as_quadrilaterals(here)):
            with pytest.raises(RequestError, match="share no area"):
                overlap(source, there)


def test_sides_that_only_touch_share_nothing():
    with pytest.raises(RequestError, match="share no area"):
        overlap(RegularCells([0, 1], [0, 1]), RegularCells([0, 1], [1 - 1e-13, 2]))


@pytest.mark.parametrize("top", [1.0, 2.0])
def test_corners_out_of_order_are_refused(top):
    crossed = CurvilinearCells(np.array([[[0.0, 0, 1, top]]]), np.array([[[0.0, 1, 0, 1]]]))
    with pytest.raises(DataError, match="cross each other"):
        overlap(crossed, RegularCells([0, 1], [0, 1]))


def test_one_grid_must_be_regular():
    cells = lambert(3, 3)
    with pytest.raises(ValueError, match="must be regular"):
        overlap(cells, cells)


def test_a_cell_without_width_shares_nothing():
    quads = CurvilinearCells.from_corners([[1.0, 1, 1], [0, 0, 0]], [[0.0, 1, 1], [0, 1, 1]])
    shared = dense(overlap(quads, RegularCells([0, 1], [0, 2])))
    np.testing.assert_allclose(shared, [[quads.area()[0, 0], 0]], rtol=1e-9)


def test_missing_corners_share_nothing():
    boxes = RegularCells([0, 1, 2], [0, 1, 2])
    quads = as_quadrilaterals(boxes)
    lat = quads.latitude.copy()
    lat[0, 0, 2] = np.nan
    shared = dense(overlap(CurvilinearCells(lat, quads.longitude), boxes))
    np.testing.assert_allclose(np.diag(shared), [0, *boxes.area().ravel()[1:]], rtol=1e-9)


@given(regular_cells())
def test_around_covers(cells):
    shared = overlap(around(cells), cells)
    np.testing.assert_allclose(dense(shared).sum(1), cells.area().ravel(), rtol=1e-9)
