"""Grids and fields for tests of downscaling."""

import numpy as np
from hypothesis import strategies as st

from engine.downscaling.cell_edges import CurvilinearCells, RegularCells


@st.composite
def regular_cells(draw, most=7):
    """A small grid of even steps, either axis in either direction, around 21 N 98 E."""
    axes = []
    for middle in (21.0, 98.0):
        step = draw(st.floats(0.3, 3.0))
        count = draw(st.integers(2, most))
        first = middle - step * count * draw(st.floats(0.1, 0.9))
        edges = first + step * np.arange(count + 1)
        axes.append(edges[::-1] if draw(st.booleans()) else edges)
    return RegularCells(*axes)


def around(cells, margin=1):
    """The same cells with more of them on every side: covers all of `cells`."""

    def longer(edges):
        step = edges[1] - edges[0]
        before = edges[0] - step * np.arange(margin, 0, -1)
        return np.concatenate([before, edges, edges[-1] + step * np.arange(1, margin + 1)])

    return RegularCells(longer(cells.latitude_edges), longer(cells.longitude_edges))


def as_quadrilaterals(cells):
    """Regular cells given by their corners."""
    return CurvilinearCells.from_corners(
        *np.meshgrid(cells.latitude_edges, cells.longitude_edges, indexing="ij")
    )


def lambert(rows=60, columns=60, km=36.0, latitude=32.0, longitude=110.0):
    """Cells of a Lambert projection, as chemistry models have them."""
    from pyproj import Transformer

    plane = f"+proj=lcc +lat_1=25 +lat_2=40 +lat_0={latitude} +lon_0={longitude} +R=6371008.8"
    back = Transformer.from_crs(plane, "EPSG:4326", always_xy=True)
    x = (np.arange(columns) - columns / 2 + 0.5) * km * 1000
    y = (np.arange(rows) - rows / 2 + 0.5) * km * 1000
    lon, lat = back.transform(*np.meshgrid(x, y))
    return CurvilinearCells.from_centres(lat, lon)
