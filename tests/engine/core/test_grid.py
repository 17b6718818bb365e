import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.errors import DataError, RequestError
from engine.core.grid import Grid, Region, arc_km, distance_km, on_sphere


def grid_10x12() -> Grid:
    return Grid(north=35.0, west=110.0, step_lat=0.5, step_lon=0.25, rows=10, columns=12)


def test_region_reads_its_own_text():
    assert Region.parse("117,29,123,33") == Region(117, 29, 123, 33)
    assert Region.parse(str(Region(117.25, 29, 123, 33.5))) == Region(117.25, 29, 123, 33.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("117,29,123", "is not four numbers"),
        ("a,b,c,d", "is not four numbers"),
        ("123,29,117,33", "is empty or leaves the globe"),
        ("117,33,123,33", "is empty or leaves the globe"),
        ("117,29,123,95", "is empty or leaves the globe"),
        ("nan,29,123,33", "holds a value that is no number"),
    ],
)
def test_region_says_what_is_wrong_and_the_way_out(text, message):
    with pytest.raises(RequestError, match=message) as caught:
        Region.parse(text)
    assert "for example 117,29,123,33" in str(caught.value)


def test_axes_and_back():
    grid = grid_10x12()
    again = Grid.from_axes(grid.latitude, grid.longitude, where="test")
    assert again == grid
    assert grid.latitude[0] > grid.latitude[-1]


def test_bounds_are_outer_edges():
    # 10 rows of 0.5° from centre 35.0: edges 35.25 and 30.25. 12 columns of 0.25° from 110.0.
    assert grid_10x12().bounds == Region(109.875, 30.25, 112.875, 35.25)


def test_float32_axes_of_a_fine_grid_are_even():
    longitude = np.arange(115, 140, 0.01).astype(np.float32)
    latitude = np.arange(50, 15, -0.01).astype(np.float32)
    grid = Grid.from_axes(latitude, longitude, where="test")
    assert grid.step_lon == pytest.approx(0.01, rel=1e-4)


@pytest.mark.parametrize(
    ("latitude", "longitude", "message"),
    [
        (np.array([30.0, 31.0]), np.array([110.0, 111.0]), "latitude must decrease"),
        (np.array([31.0, 30.0]), np.array([111.0, 110.0]), "longitude increase"),
        (np.array([31.0, 30.0, 28.0]), np.array([110.0, 111.0]), "latitude is not evenly"),
        (np.array([31.0, np.nan, 29.0]), np.array([110.0, 111.0]), "not evenly"),
        (np.array([31.0]), np.array([110.0, 111.0]), "at least two cells"),
        (np.array([31.0, 30.0]), np.ones((2, 2)), "one dimension"),
    ],
)
def test_bad_axes_are_refused(latitude, longitude, message):
    with pytest.raises(DataError, match=message):
        Grid.from_axes(latitude, longitude, where="a.nc")


def test_coarse_grid_covers_the_same_ground():
    grid = Grid(north=35.0, west=110.0, step_lat=0.01, step_lon=0.01, rows=800, columns=720)
    coarse = grid.coarsen(8)
    assert coarse.shape == (100, 90)
    assert coarse.bounds.north == pytest.approx(grid.bounds.north)
    assert coarse.bounds.east == pytest.approx(grid.bounds.east)
    # The first coarse centre is the mean of the first eight fine ones.
    assert coarse.latitude[0] == pytest.approx(grid.latitude[:8].mean())
    assert coarse.longitude[-1] == pytest.approx(grid.longitude[-8:].mean())


def test_coarsen_needs_one_block():
    with pytest.raises(RequestError, match="hold no block of 16 × 16"):
        grid_10x12().coarsen(16)


@given(
    st.floats(109, 112),
    st.floats(30.5, 34),
    st.floats(0.6, 3),
    st.floats(0.6, 3),
    st.integers(1, 4),
)
def test_a_window_is_whole_blocks_inside_the_grid(west, south, width, height, factor):
    grid = grid_10x12()
    region = Region(west, south, west + width, south + height)
    try:
        rows, columns = grid.window(region, factor=factor)
    except RequestError:
        return
    assert rows.start % factor == 0
    assert columns.start % factor == 0
    assert (rows.stop - rows.start) % factor == 0
    assert 0 <= rows.start < rows.stop <= grid.rows
    assert 0 <= columns.start < columns.stop <= grid.columns
    # Every centre inside the region that lies in a whole block is in the window.
    whole_rows = grid.latitude[: grid.rows // factor * factor]
    wanted = np.flatnonzero((whole_rows >= region.south) & (whole_rows <= region.north))
    assert wanted.size == 0 or (rows.start <= wanted[0] and wanted[-1] < rows.stop)


def test_a_centre_on_the_border_is_inside():
    rows, columns = grid_10x12().window(Region(110.25, 33.0, 110.75, 34.0))
    assert (rows, columns) == (slice(2, 5), slice(1, 4))


def test_a_region_beside_the_grid_is_refused_and_the_grid_named():
    with pytest.raises(RequestError, match=r"holds no cell.*109\.875,30\.25,112\.875,35\.25"):
        grid_10x12().window(Region(0, 0, 10, 10))


def test_crop_keeps_the_coordinates():
    grid = grid_10x12()
    part = grid.crop(slice(2, 5), slice(1, 4))
    np.testing.assert_allclose(part.latitude, grid.latitude[2:5])
    np.testing.assert_allclose(part.longitude, grid.longitude[1:4])


def test_cell_areas_of_a_globe_make_a_globe():
    globe = Grid(north=89.5, west=-179.5, step_lat=1, step_lon=1, rows=180, columns=360)
    total = globe.cell_area().sum() * globe.columns
    assert total == pytest.approx(4 * np.pi * 6371.0088**2, rel=1e-9)


CELLS = Grid(north=33.0, west=118.0, step_lat=0.5, step_lon=0.25, rows=4, columns=6)


@pytest.mark.parametrize(
    ("latitude", "longitude", "cell"),
    [
        (33.0, 118.0, (0, 0)),  # a centre
        (33.25, 117.875, (0, 0)),  # the north-western corner belongs to the cell
        (32.75, 118.0, (1, 0)),  # an edge between two rows is the southern one's
        (33.0, 118.125, (0, 1)),  # an edge between two columns is the eastern one's
        (31.25, 118.0, None),  # the southern edge of the grid is outside
        (33.0, 119.375, None),  # and so is the eastern
        (33.0, 118.0 - 360, (0, 0)),  # longitudes wrap
        (33.0, 118.0 + 360, (0, 0)),
        (float("nan"), 118.0, None),
        (33.0, float("nan"), None),
        (33.3, 118.0, None),
    ],
)
def test_the_cell_of_a_point(latitude, longitude, cell):
    row, column, inside = CELLS.cell_of(latitude, longitude)
    assert bool(inside) == (cell is not None)
    assert (int(row), int(column)) == (cell or (0, 0))


@given(st.integers(0, 3), st.integers(0, 5), st.floats(-0.499, 0.499), st.floats(-0.499, 0.499))
def test_every_point_of_a_cell_is_its_own(row, column, down, right):
    latitude = CELLS.latitude[row] - down * CELLS.step_lat
    longitude = CELLS.longitude[column] + right * CELLS.step_lon
    assert [int(z) for z in CELLS.cell_of(latitude, longitude)] == [row, column, 1]


def test_a_grid_round_the_globe_has_no_seam():
    globe = Grid(north=89.5, west=-179.5, step_lat=1.0, step_lon=1.0, rows=180, columns=360)
    longitude = np.array([-180.0, 179.999, 180.0, 359.9, 0.0])
    _, column, inside = globe.cell_of(np.zeros(5), longitude)
    assert inside.all()
    assert column.tolist() == [0, 359, 0, 179, 180]


def test_great_circles():
    # A quarter of a meridian; a degree of the equator; across the date line.
    assert distance_km(0, 0, 90, 0) == pytest.approx(np.pi / 2 * 6371.0088)
    assert distance_km(0, 0, 0, 1) == pytest.approx(111.195, abs=0.001)
    assert distance_km(0, 179.5, 0, -179.5) == pytest.approx(111.195, abs=0.001)
    assert distance_km([0, 0], [0, 0], 0, 0).tolist() == [0, 0]


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180))
def test_chords_give_the_same_distances(lat, lon, lat_2, lon_2):
    chord = np.linalg.norm(on_sphere(lat, lon) - on_sphere(lat_2, lon_2))
    assert arc_km(chord) == pytest.approx(distance_km(lat, lon, lat_2, lon_2), abs=1e-3)
    assert np.isinf(arc_km(np.inf))


def test_nobody_else_measures_on_a_sphere():
    root = Path(__file__).resolve().parents[3]
    ours = re.compile(r"arcsin|\.asin\(|6371|12742")
    # Tensors with gradients: the same formula and radius.
    homes = {"engine/core/grid.py", "engine/stations/networks/knn.py", "engine/verify/spectra.py"}
    sources = [*root.glob("engine/**/*.py"), *root.glob("app/**/*.py")]
    found = {str(p.relative_to(root)) for p in sources if ours.search(p.read_text("utf-8"))}
    assert found == homes
