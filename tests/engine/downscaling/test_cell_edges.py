import numpy as np
import pytest
from fields import as_quadrilaterals, lambert, regular_cells
from hypothesis import given

from engine.core.errors import DataError
from engine.core.grid import EARTH_RADIUS_KM, Grid
from engine.downscaling.cell_edges import (
    CurvilinearCells,
    RegularCells,
    edges_of,
    width_degrees,
)

GLOBE = 4 * np.pi * EARTH_RADIUS_KM**2


def test_edges_lie_midway():
    np.testing.assert_allclose(edges_of([3.0, 2.0, 0.0]), [3.5, 2.5, 1.0, -1.0])


@pytest.mark.parametrize("centres", [[1.0], [[1.0, 2.0]]])
def test_one_centre_has_no_edges(centres):
    with pytest.raises(ValueError, match="two or more"):
        edges_of(centres)


def test_a_grid_and_its_centres_give_the_same_cells():
    grid = Grid(40.0, 100.0, 0.5, 0.25, 7, 9)
    one, two = (
        RegularCells.from_grid(grid),
        RegularCells.from_centres(grid.latitude, grid.longitude),
    )
    np.testing.assert_allclose(one.latitude_edges, two.latitude_edges, rtol=1e-12)
    np.testing.assert_allclose(one.longitude_edges, two.longitude_edges, rtol=1e-12)
    np.testing.assert_allclose(one.latitude, grid.latitude, rtol=1e-12)
    np.testing.assert_allclose(one.area()[:, 0], grid.cell_area(), rtol=1e-9)
    assert one.shape == grid.shape
    assert one.steps() == pytest.approx((0.5, 0.25))


@pytest.mark.parametrize("start", [-180.0, 0.0, 17.3])
def test_the_cells_of_the_globe_are_the_globe(start):
    lat = np.linspace(90, -90, 37)  # centres on both poles: half cells there
    cells = RegularCells.from_centres(lat, start + np.arange(0, 360, 2.5))
    assert cells.area().sum() == pytest.approx(GLOBE, rel=1e-12)
    assert cells.wraps
    assert cells.steps() == pytest.approx((5.0, 2.5))


def test_an_axis_must_run_one_way_and_stay_on_the_globe():
    with pytest.raises(ValueError, match="rise or fall"):
        RegularCells([0, 1, 1], [0, 1])
    with pytest.raises(ValueError, match="rise or fall"):
        RegularCells([0, 1, np.nan], [0, 1])
    with pytest.raises(ValueError, match="leave the globe"):
        RegularCells([80, 91], [0, 1])
    with pytest.raises(ValueError, match="more than once"):
        RegularCells([0, 1], [0, 180, 361])
    with pytest.raises(ValueError, match="evenly"):
        RegularCells([0, 1, 3], [0, 1]).steps()


@given(regular_cells())
def test_corners_of_boxes_have_the_area_of_the_boxes(cells):
    np.testing.assert_allclose(as_quadrilaterals(cells).area(), cells.area(), rtol=1e-9)


def test_a_cell_of_ten_metres_keeps_its_digits():
    cell = RegularCells(40 + np.array([0, 1e-4]), 179 + np.array([0, 1e-4]))
    np.testing.assert_allclose(as_quadrilaterals(cell).area(), cell.area(), rtol=1e-9)


def test_centres_of_boxes_give_the_boxes_back():
    lat, lon = np.arange(45, 39, -0.3), np.arange(100, 106, 0.3)
    found = CurvilinearCells.from_centres(*np.meshgrid(lat, lon, indexing="ij"))
    boxes = as_quadrilaterals(RegularCells.from_centres(lat, lon))
    # A parallel bends: the middle of four points in space lies 0.0001° beside it.
    np.testing.assert_allclose(found.latitude, boxes.latitude, atol=3e-4)
    np.testing.assert_allclose(found.longitude, boxes.longitude, atol=3e-4)


def test_cells_of_a_projection_have_its_area():
    cells = lambert()
    # Scale of the projection differs from 1 by some per cent away from its parallels.
    np.testing.assert_allclose(cells.area(), 36.0**2, rtol=0.12)
    assert width_degrees(cells) == pytest.approx(36 / 111.2, rel=0.05)


def test_a_cell_may_cross_the_180_meridian():
    corners = CurvilinearCells.from_corners([[1.0, 1.0], [0.0, 0.0]], [[179, -179], [179, -179]])
    there = CurvilinearCells.from_corners([[1.0, 1.0], [0.0, 0.0]], [[9, 11], [9, 11]])
    np.testing.assert_allclose(corners.area(), there.area(), rtol=1e-12)


def test_a_cell_on_a_pole_is_refused():
    lon = np.array([[0.0, 90.0], [270.0, 180.0]])
    with pytest.raises(DataError, match="holds a pole"):
        CurvilinearCells.from_corners(np.full((2, 2), 89.0), lon)


def test_corners_without_a_place_leave_their_cell_out():
    lat, lon = np.meshgrid([2.0, 1.0, 0.0], [0.0, 1.0, 2.0], indexing="ij")
    lat[0, 0] = np.nan
    area = CurvilinearCells.from_corners(lat, lon).area()
    assert area[0, 0] == 0
    assert (area.ravel()[1:] > 12_000).all()


def test_shapes_of_corners_must_fit():
    with pytest.raises(ValueError, match="must be"):
        CurvilinearCells(np.zeros((2, 2, 3)), np.zeros((2, 2, 3)))
    with pytest.raises(ValueError, match="2 × 2 or more"):
        CurvilinearCells.from_centres(np.zeros((1, 5)), np.zeros((1, 5)))
    with pytest.raises(ValueError, match="leaves the globe"):
        CurvilinearCells(np.full((1, 1, 4), 91.0), np.zeros((1, 1, 4)))
