"""How much of each target cell lies in each source cell, in km².

Two regular grids overlap row by row and column by column, so two small sparse matrices hold all of
it. A curvilinear and a regular grid need one sparse matrix of areas of polygons.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import sparse

from engine.core.errors import DataError, RequestError
from engine.core.grid import EDGE
from engine.downscaling.cell_edges import AREA_UNIT, Cells, CurvilinearCells, RegularCells

Fields = NDArray[np.float64]
_PAIRS = 300_000  # of polygons in memory at a time, some 300 MB


@dataclass(frozen=True, eq=False)
class SeparableOverlap:
    """Overlap of two regular grids: area = `rows` × `columns`.

    Attributes:
        source: Cells that values come from.
        target: Cells that values go to.
        rows: (target rows, source rows), CSR, shared heights as differences of sin(latitude).
        columns: (target columns, source columns), CSR, shared widths in km² per unit of height.
    """

    source: RegularCells
    target: RegularCells
    rows: sparse.csr_array
    columns: sparse.csr_array

    @property
    def empty(self) -> bool:
        """Whether no cells share area."""
        return not (self.rows.nnz and self.columns.nnz)

    def spread(self, values: Fields) -> Fields:
        """Sum of value × shared area: (…, source rows, columns) to (…, target rows, columns)."""
        lead = values.shape[:-2]
        by_row = np.moveaxis(values, -2, 0)
        by_row = self.rows @ by_row.reshape(len(by_row), -1)
        by_row = by_row.reshape(self.target.shape[0], *lead, values.shape[-1])
        by_column = np.moveaxis(by_row, -1, 0)
        by_column = self.columns @ by_column.reshape(len(by_column), -1)
        spread = by_column.reshape(self.target.shape[1], self.target.shape[0], *lead)
        return np.ascontiguousarray(np.moveaxis(spread, (1, 0), (-2, -1)))

    def turned(self) -> "SeparableOverlap":
        """The same overlap from target to source."""
        return SeparableOverlap(
            self.target, self.source, self.rows.T.tocsr(), self.columns.T.tocsr()
        )

    def matrix(self) -> sparse.csr_array:
        """Shared areas in km², CSR (target cells, source cells), cells row by row."""
        return sparse.kron(self.rows, self.columns, format="csr")


@dataclass(frozen=True, eq=False)
class CellOverlap:
    """Overlap of a curvilinear with a regular grid, cell by cell.

    Attributes:
        source: Cells that values come from.
        target: Cells that values go to.
        areas: Shared areas in km², CSR (target cells, source cells), cells row by row.
    """

    source: Cells
    target: Cells
    areas: sparse.csr_array

    @property
    def empty(self) -> bool:
        """Whether no cells share area."""
        return not self.areas.nnz

    def spread(self, values: Fields) -> Fields:
        """Sum of value × shared area: (…, source rows, columns) to (…, target rows, columns)."""
        lead = values.shape[:-2]
        cells = self.areas @ values.reshape(-1, self.areas.shape[1]).T
        return np.ascontiguousarray(cells.T).reshape(*lead, *self.target.shape)

    def turned(self) -> "CellOverlap":
        """The same overlap from target to source."""
        return CellOverlap(self.target, self.source, self.areas.T.tocsr())

    def matrix(self) -> sparse.csr_array:
        """Shared areas in km², CSR (target cells, source cells), cells row by row."""
        return self.areas


Overlap = SeparableOverlap | CellOverlap


def overlap(source: Cells, target: Cells) -> Overlap:
    """Areas that the cells of two grids share; one of them at least is regular.

    Raises:
        DataError: If the sides of a curvilinear cell cross each other.
        RequestError: If the grids share no area.
        ValueError: If both grids are curvilinear.
    """
    shared: Overlap
    if isinstance(source, RegularCells) and isinstance(target, RegularCells):
        shared = _separable(source, target)
    elif isinstance(source, CurvilinearCells) and isinstance(target, RegularCells):
        shared = CellOverlap(source, target, _polygons(source, target))
    elif isinstance(source, RegularCells) and isinstance(target, CurvilinearCells):
        shared = CellOverlap(target, source, _polygons(target, source)).turned()
    else:
        raise ValueError("one of the two grids must be regular")
    if shared.empty:
        raise RequestError(
            "the two grids share no area", remedy="Choose datasets that cover the same place"
        )
    return shared


def _separable(source: RegularCells, target: RegularCells) -> SeparableOverlap:
    rows = _shared_lengths(source.latitude_edges, target.latitude_edges, _sine)
    columns = sum(
        _shared_lengths(source.longitude_edges + turn, target.longitude_edges, np.asarray)
        for turn in _turns(source.longitude_edges, target.longitude_edges)
    )
    if not sparse.issparse(columns):  # no turn brings them together
        columns = sparse.csr_array((target.shape[1], source.shape[1]))
    return SeparableOverlap(source, target, rows, sparse.csr_array(columns * AREA_UNIT))


def _sine(degrees: Fields) -> Fields:
    return np.sin(np.deg2rad(degrees))


def _turns(source: Fields, target: Fields) -> list[float]:
    """Multiples of 360° that bring source longitudes onto target longitudes."""
    least = np.ceil((target.min() - source.max()) / 360)
    most = np.floor((target.max() - source.min()) / 360)
    return [360.0 * n for n in np.arange(least, most + 1)]


def _shared_lengths(
    source: Fields, target: Fields, measure: Callable[[Fields], Fields]
) -> sparse.csr_array:
    """CSR (target cells, source cells) of `measure` over what two axes of edges share.

    Between neighbours in the sorted edges of both, every point lies in one cell of each at most.
    """
    both = np.unique(np.concatenate([source, target]))
    low, high = both[:-1], both[1:]
    # Edges that are one but for rounding leave slivers between them.
    slack = EDGE * min(np.abs(np.diff(source)).min(), np.abs(np.diff(target)).min())
    wide = high - low > slack
    low, high = low[wide], high[wide]
    i, in_target = _cell_of((low + high) / 2, target)
    j, in_source = _cell_of((low + high) / 2, source)
    shared = in_target & in_source
    length = (measure(high) - measure(low))[shared]
    shape = (target.size - 1, source.size - 1)
    return sparse.coo_array((length, (i[shared], j[shared])), shape=shape).tocsr()


def _cell_of(points: Fields, edges: Fields) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The cell that each point lies in, and whether it lies in one; edges run either way."""
    last = edges.size - 2
    if edges[0] > edges[-1]:
        cell = last - (np.searchsorted(edges[::-1], points, side="right") - 1)
    else:
        cell = np.searchsorted(edges, points, side="right") - 1
    return cell, (cell >= 0) & (cell <= last)


def _polygons(cells: CurvilinearCells, boxes: RegularCells) -> sparse.csr_array:
    """CSR (boxes, cells) of shared areas in km², in the plane of longitude and sin(latitude)."""
    corners = np.stack([cells.longitude, _sine(cells.latitude)], axis=-1).reshape(-1, 4, 2)
    known = np.flatnonzero(np.prod(np.ptp(corners, axis=1), axis=-1) > 0)  # NaN is not
    quads = np.asarray(shapely.polygons(corners[known]))
    if not shapely.is_valid(quads).all():
        raise DataError(
            "the sides of a cell cross each other",
            remedy="Give the corners of each cell in order round the cell",
        )
    shape = (boxes.shape[0] * boxes.shape[1], len(corners))
    total = sparse.csr_array(shape)
    for turn in _turns(corners[known, :, 0], boxes.longitude_edges):
        moved = shapely.polygons(corners[known] + np.array([turn, 0.0]))
        total = total + _clipped(np.asarray(moved), known, boxes, shape)
    return total * AREA_UNIT


def _clipped(
    quads: NDArray[np.object_],
    numbers: NDArray[np.intp],
    boxes: RegularCells,
    shape: tuple[int, int],
) -> sparse.csr_array:
    """CSR of areas that quadrilaterals share with boxes, some hundred thousand pairs at a time."""
    shapely.prepare(quads)
    x, y = np.sort(boxes.longitude_edges), np.sort(_sine(boxes.latitude_edges))
    west, south, east, north = shapely.bounds(quads).T
    left, right = _span(west, east, x)
    low, high = _span(south, north, y)
    width, height = right - left, high - low
    parts = []
    for group in _groups(width * height):
        count = (width * height)[group]
        quad = np.repeat(group, count)
        place = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        row, column = low[quad] + place // width[quad], left[quad] + place % width[quad]
        box = shapely.box(x[column], y[row], x[column + 1], y[row + 1])
        area = shapely.area(box)
        cut = ~shapely.contains_properly(quads[quad], box)
        area[cut] = shapely.area(shapely.intersection(quads[quad[cut]], box[cut]))
        if boxes.latitude_edges[0] > boxes.latitude_edges[-1]:
            row = y.size - 2 - row
        if boxes.longitude_edges[0] > boxes.longitude_edges[-1]:
            column = x.size - 2 - column
        some = area > 0
        cell = (row * (x.size - 1) + column)[some]
        parts.append(
            sparse.coo_array((area[some], (cell, numbers[quad[some]])), shape=shape).tocsr()
        )
    return sum(parts, sparse.csr_array(shape))


def _span(low: Fields, high: Fields, edges: Fields) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First cell and one past the last of rising `edges` that lie between `low` and `high`."""
    first = (np.searchsorted(edges, low, side="right") - 1).clip(0, edges.size - 1)
    last = np.searchsorted(edges, high, side="left").clip(0, edges.size - 1)
    return first, np.maximum(last, first)


def _groups(pairs: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Quadrilaterals that meet a box, in runs of about `_PAIRS` pairs."""
    some = np.flatnonzero(pairs)
    cuts = np.searchsorted(np.cumsum(pairs[some]), np.arange(_PAIRS, pairs.sum(), _PAIRS))
    return [run for run in np.split(some, cuts) if run.size]
