"""Where cells end: edges of regular grids, corners of curvilinear ones, and their areas.

Areas are on the sphere. They are exact in longitude and the sine of latitude, where a map keeps
areas: a box of degrees is a rectangle there, and a curvilinear cell a quadrilateral with straight
sides. Neighbours share their sides, so cells leave no gap and lie nowhere on each other.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.core.errors import DataError
from engine.core.grid import EARTH_RADIUS_KM, SPACING_TOLERANCE, Grid

KM_PER_DEGREE = np.pi * EARTH_RADIUS_KM / 180  # of latitude
# km² of one degree of longitude times one of the sine of latitude.
AREA_UNIT = EARTH_RADIUS_KM**2 * np.pi / 180
_ROUND = 1e-6  # of a degree: what float32 may add to 360°


@dataclass(frozen=True, eq=False)
class RegularCells:
    """Boxes of degrees between edges. Either axis runs in either direction.

    Attributes:
        latitude_edges: Degrees north, (rows + 1,), strictly monotone, within ±90.
        longitude_edges: Degrees east, (columns + 1,), strictly monotone, at most once round the
            globe; any multiple of 360 may be added.

    Raises:
        ValueError: If the edges are not so.
    """

    latitude_edges: NDArray[np.float64]
    longitude_edges: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("latitude_edges", "longitude_edges"):
            edges = np.array(getattr(self, name), np.float64)
            if edges.ndim != 1 or edges.size < 2 or not _monotone(edges):
                raise ValueError(f"{name} {edges.shape} must rise or fall from edge to edge")
            edges.setflags(write=False)
            object.__setattr__(self, name, edges)
        if np.abs(self.latitude_edges).max() > 90:
            raise ValueError("latitude_edges leave the globe")
        if np.ptp(self.longitude_edges) > 360 + _ROUND:
            raise ValueError("longitude_edges go round the globe more than once")

    @classmethod
    def from_centres(cls, latitude: ArrayLike, longitude: ArrayLike) -> Self:
        """Cells with edges midway between centres (rows,) and (columns,), none past a pole.

        Raises:
            ValueError: If an axis has fewer than two centres or does not run one way.
        """
        return cls(_to_the_poles(edges_of(latitude)), edges_of(longitude))

    @classmethod
    def from_grid(cls, grid: Grid) -> Self:
        """The cells of a grid, one row or column included."""
        rows = np.arange(grid.rows + 1, dtype=np.float64) - 0.5
        columns = np.arange(grid.columns + 1, dtype=np.float64) - 0.5
        return cls(
            _to_the_poles(grid.north - grid.step_lat * rows), grid.west + grid.step_lon * columns
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.latitude_edges.size - 1, self.longitude_edges.size - 1

    @property
    def latitude(self) -> NDArray[np.float64]:
        """Middles of the rows, degrees north, (rows,)."""
        return middles(self.latitude_edges)

    @property
    def longitude(self) -> NDArray[np.float64]:
        """Middles of the columns, degrees east, (columns,)."""
        return middles(self.longitude_edges)

    @property
    def wraps(self) -> bool:
        """Whether the columns close round the globe."""
        return bool(np.ptp(self.longitude_edges) >= 360 - _ROUND)

    def steps(self) -> tuple[float, float]:
        """Height and width of a cell in degrees, both positive.

        Raises:
            ValueError: If the cells are not of one size (a row cut by a pole aside).
        """
        at_pole = np.abs(self.latitude_edges) >= 90 - _ROUND
        rows = np.abs(np.diff(self.latitude_edges))[~(at_pole[:-1] | at_pole[1:])]
        if not rows.size:  # one or two rows that reach a pole
            rows = np.abs(np.diff(self.latitude_edges))
        return _even(rows), _even(np.abs(np.diff(self.longitude_edges)))

    def area(self) -> NDArray[np.float64]:
        """Area of each cell in km², (rows, columns)."""
        height = np.abs(np.diff(np.sin(np.deg2rad(self.latitude_edges))))
        width = np.abs(np.diff(self.longitude_edges))
        result: NDArray[np.float64] = AREA_UNIT * height[:, None] * width
        return result


@dataclass(frozen=True, eq=False)
class CurvilinearCells:
    """Quadrilaterals given by four corners, in order round the cell, either way round.

    Attributes:
        latitude: Corners, degrees north, (rows, columns, 4). A cell with a NaN corner is left out.
        longitude: Corners, degrees east, the same shape. A cell may cross the 180° meridian.

    Raises:
        DataError: If a cell holds a pole.
        ValueError: If the shapes do not fit, or a latitude leaves the globe.
    """

    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]

    def __post_init__(self) -> None:
        lat, lon = np.array(self.latitude, np.float64), np.array(self.longitude, np.float64)
        if lat.shape != lon.shape or lat.ndim != 3 or lat.shape[-1] != 4:
            raise ValueError(f"corners {lat.shape} and {lon.shape} must be (rows, columns, 4)")
        known = np.isfinite(lat).all(axis=-1) & np.isfinite(lon).all(axis=-1)
        lat[~known], lon[~known] = np.nan, np.nan
        if (np.abs(lat[known]) > 90).any():
            raise ValueError("a corner's latitude leaves the globe")
        turns = _short_way(np.diff(lon, axis=-1, append=lon[..., :1]))
        if (np.abs(turns[known].sum(axis=-1)) > 180).any():
            raise DataError(
                "a cell of the grid holds a pole",
                remedy="Regrid it first, for example with cdo remapbil",
            )
        # Corners of one cell lie together, not on either side of the 180° meridian.
        lon[..., 1:] = lon[..., :1] + np.cumsum(turns[..., :-1], axis=-1)
        for name, corners in (("latitude", lat), ("longitude", lon)):
            corners.setflags(write=False)
            object.__setattr__(self, name, corners)

    @classmethod
    def from_corners(cls, latitude: ArrayLike, longitude: ArrayLike) -> Self:
        """Cells between corners (rows + 1, columns + 1) that neighbours share."""
        lat, lon = (np.asarray(a, np.float64) for a in (latitude, longitude))
        return cls(_round_the_cell(lat), _round_the_cell(lon))

    @classmethod
    def from_centres(cls, latitude: ArrayLike, longitude: ArrayLike) -> Self:
        """Cells round centres (rows, columns): a corner is the mean of the four centres around it.

        At the rim the outer centres are those that go on in a straight line. Means are of points
        in space, so the 180° meridian needs no care.

        Raises:
            DataError: If a cell holds a pole.
            ValueError: If there are fewer than 2 × 2 centres.
        """
        lat, lon = (np.deg2rad(np.asarray(a, np.float64)) for a in (latitude, longitude))
        if lat.shape != lon.shape or lat.ndim != 2 or min(lat.shape) < 2:
            raise ValueError(f"centres {lat.shape} and {lon.shape} must both be 2 × 2 or more")
        point = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        for axis in (1, 2):
            point = np.moveaxis(point, axis, 0)
            first, last = 2 * point[0] - point[1], 2 * point[-1] - point[-2]
            point = np.moveaxis(np.concatenate([first[None], point, last[None]]), 0, axis)
        corner = point[:, :-1, :-1] + point[:, :-1, 1:] + point[:, 1:, :-1] + point[:, 1:, 1:]
        x, y, z = corner
        return cls.from_corners(
            np.rad2deg(np.arctan2(z, np.hypot(x, y))), np.rad2deg(np.arctan2(y, x))
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.latitude.shape[0], self.latitude.shape[1]

    def area(self) -> NDArray[np.float64]:
        """Area of each cell in km², (rows, columns); 0 where a corner is missing."""
        x, y = self.longitude, np.sin(np.deg2rad(self.latitude))
        x = x - x[..., :1]  # numbers of the cell's size keep their digits
        twice = (x * np.roll(y, -1, axis=-1) - np.roll(x, -1, axis=-1) * y).sum(axis=-1)
        result: NDArray[np.float64] = AREA_UNIT * np.nan_to_num(np.abs(twice)) / 2
        return result


Cells = RegularCells | CurvilinearCells


def edges_of(centres: ArrayLike) -> NDArray[np.float64]:
    """Edges midway between centres (n,), (n + 1,); each outermost cell is symmetric.

    Raises:
        ValueError: If there are fewer than two centres.
    """
    centre = np.asarray(centres, np.float64)
    if centre.ndim != 1 or centre.size < 2:
        raise ValueError(f"centres {centre.shape} must be one axis of two or more")
    middle = middles(centre)
    first, last = 2 * centre[0] - middle[0], 2 * centre[-1] - middle[-1]
    result: NDArray[np.float64] = np.concatenate([[first], middle, [last]])
    return result


def middles(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Midway between neighbours: (n,) gives (n − 1,)."""
    result: NDArray[np.float64] = edges[:-1] + np.diff(edges) / 2
    return result


def width_degrees(cells: Cells) -> float:
    """Side of a square as large as the median cell, in degrees of latitude."""
    area = cells.area()
    return float(np.sqrt(np.median(area[area > 0])) / KM_PER_DEGREE)


def _monotone(edges: NDArray[np.float64]) -> bool:
    steps = np.diff(edges)
    return bool((steps > 0).all() or (steps < 0).all())


def _to_the_poles(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Edges of a grid with centres on the poles end there."""
    return np.minimum(np.maximum(edges, -90.0), 90.0)


def _even(widths: NDArray[np.float64]) -> float:
    """The one width of all.

    Raises:
        ValueError: If they differ.
    """
    step = float(np.median(widths))
    if (np.abs(widths - step) > SPACING_TOLERANCE * step).any():
        raise ValueError("cells are not evenly spaced")
    return step


def _short_way(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Differences of longitude taken the short way round."""
    result: NDArray[np.float64] = (turn + 180) % 360 - 180
    return result


def _round_the_cell(corner: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], axis=-1)
