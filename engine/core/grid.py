"""Where values lie: a region in degrees and a regular grid over it. No variables, no files.

Conventions, checked once here and relied on everywhere: cell centres; latitude decreasing
(row 0 is the north); longitude increasing in [-180, 180); even spacing; WGS 84.
"""

from dataclasses import dataclass
from math import isfinite
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.core.errors import DataError, RequestError

EARTH_RADIUS_KM = 6371.0088  # mean radius R1, IUGG
EDGE = 1e-9  # of a step: what rounding may move a point on an edge

# Largest departure of one step from the mean step, as a share of it. Float32 coordinates of a
# 0.01° grid at 135° E are off by up to 0.1 % of a step; a missing row is off by 100 %.
SPACING_TOLERANCE = 0.02


@dataclass(frozen=True)
class Region:
    """A box in degrees: west, south, east, north.

    Raises:
        RequestError: If the box is empty or leaves the globe.
    """

    west: float
    south: float
    east: float
    north: float

    def __post_init__(self) -> None:
        box = (self.west, self.south, self.east, self.north)
        if not all(isfinite(v) for v in box):
            raise RequestError(
                "region {value} holds a value that is no number", remedy=_BOX, value=self
            )
        if not (-180 <= self.west < self.east <= 180 and -90 <= self.south < self.north <= 90):
            raise RequestError(
                "region {value} is empty or leaves the globe", remedy=_BOX, value=self
            )

    def __str__(self) -> str:
        return f"{self.west:g},{self.south:g},{self.east:g},{self.north:g}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Region from `W,S,E,N`.

        Raises:
            RequestError: If the text is not four numbers that make a box.
        """
        try:
            west, south, east, north = (float(part) for part in text.split(","))
        except ValueError:
            raise RequestError(
                "region {text!r} is not four numbers", remedy=_BOX, text=text
            ) from None
        return cls(west, south, east, north)

    def contains(self, latitude: float, longitude: float) -> bool:
        """Whether a point lies in the box, borders included."""
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east


_BOX = "Give west,south,east,north in degrees, for example 117,29,123,33"


@dataclass(frozen=True)
class Grid:
    """A regular latitude–longitude grid, described by the centre of its north-west cell.

    Attributes:
        north: Latitude of the centres of row 0, degrees.
        west: Longitude of the centres of column 0, degrees.
        step_lat: Height of a cell in degrees, positive.
        step_lon: Width of a cell in degrees, positive.
        rows: Number of rows, north to south.
        columns: Number of columns, west to east.
    """

    north: float
    west: float
    step_lat: float
    step_lon: float
    rows: int
    columns: int

    @classmethod
    def from_axes(
        cls, latitude: NDArray[np.floating], longitude: NDArray[np.floating], *, where: str
    ) -> Self:
        """Grid of two axes that already follow the conventions.

        Raises:
            DataError: If an axis is uneven, runs the wrong way or has fewer than two cells.
        """
        step_lat = -_even_step(latitude, "latitude", where)
        step_lon = _even_step(longitude, "longitude", where)
        if step_lat < 0 or step_lon < 0:
            raise DataError(
                "latitude must decrease and longitude increase",
                where=where,
                remedy="Turn the axis; the readers of engine.data do it for you",
            )
        return cls(
            float(latitude[0]),
            float(longitude[0]),
            step_lat,
            step_lon,
            len(latitude),
            len(longitude),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns

    @property
    def latitude(self) -> NDArray[np.float64]:
        """Cell centres, decreasing, degrees north."""
        centres: NDArray[np.float64] = self.north - self.step_lat * np.arange(
            self.rows, dtype=np.float64
        )
        return centres

    @property
    def longitude(self) -> NDArray[np.float64]:
        """Cell centres, increasing, degrees east."""
        centres: NDArray[np.float64] = self.west + self.step_lon * np.arange(
            self.columns, dtype=np.float64
        )
        return centres

    @property
    def bounds(self) -> Region:
        """Outer edges of the outermost cells: what a picture of the grid must be pinned to."""
        return Region(
            self.west - self.step_lon / 2,
            max(-90.0, self.north - self.step_lat * (self.rows - 0.5)),
            self.west + self.step_lon * (self.columns - 0.5),
            min(90.0, self.north + self.step_lat / 2),
        )

    def coarsen(self, factor: int) -> "Grid":
        """The grid whose cells are our blocks of `factor` × `factor`, counted from the north-west.

        Rows and columns that fill no whole block at the south and east are left out.

        Raises:
            RequestError: If not even one block fits.
        """
        if factor < 1 or self.rows < factor or self.columns < factor:
            raise RequestError(
                "{rows} × {columns} cells hold no block of {factor} × {factor}",
                remedy="Choose a larger region, or a dataset with more cells",
                rows=self.rows,
                columns=self.columns,
                factor=factor,
            )
        return Grid(
            self.north - self.step_lat * (factor - 1) / 2,
            self.west + self.step_lon * (factor - 1) / 2,
            self.step_lat * factor,
            self.step_lon * factor,
            self.rows // factor,
            self.columns // factor,
        )

    def window(self, region: Region, *, factor: int = 1) -> tuple[slice, slice]:
        """Rows and columns whose centres lie in `region`, grown outwards to whole blocks.

        Args:
            region: What is requested.
            factor: Blocks of this many cells, counted from the grid's own north-west corner, are
                never cut, so that a crop has the same coarse map as the whole.

        Raises:
            RequestError: If no cell lies inside.
        """
        # Half a millionth of a step, so that a centre on the border is inside despite rounding.
        eps = 1e-6
        top = int(np.ceil((self.north - region.north) / self.step_lat - eps))
        bottom = int(np.floor((self.north - region.south) / self.step_lat + eps))
        left = int(np.ceil((region.west - self.west) / self.step_lon - eps))
        right = int(np.floor((region.east - self.west) / self.step_lon + eps))
        top, bottom = max(top, 0), min(bottom, self.rows // factor * factor - 1)
        left, right = max(left, 0), min(right, self.columns // factor * factor - 1)
        if top > bottom or left > right:
            raise RequestError(
                "region {region} holds no cell of the grid, which covers {bounds}",
                remedy="Choose a region inside the grid",
                region=region,
                bounds=self.bounds,
            )
        rows = slice(top // factor * factor, (bottom // factor + 1) * factor)
        columns = slice(left // factor * factor, (right // factor + 1) * factor)
        return rows, columns

    def crop(self, rows: slice, columns: slice) -> "Grid":
        """The grid of a window of this one."""
        row0, row1, _ = rows.indices(self.rows)
        column0, column1, _ = columns.indices(self.columns)
        return Grid(
            self.north - self.step_lat * row0,
            self.west + self.step_lon * column0,
            self.step_lat,
            self.step_lon,
            row1 - row0,
            column1 - column0,
        )

    def cell_of(
        self, latitude: ArrayLike, longitude: ArrayLike
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
        """The cell that each point lies in: rows, columns, and whether it lies in one at all.

        The one rule of the project. A cell holds its northern and its western edge; of a point on
        an edge between two cells it is the southern or eastern one's. Longitudes wrap, so 179.9°
        and -180.1° are the same place. Rows and columns of points outside are 0.

        Args:
            latitude: Degrees north, any shape; NaN is outside.
            longitude: Degrees east, the same shape.
        """
        south = (self.north - np.asarray(latitude, np.float64)) / self.step_lat + 0.5
        edge = self.west - self.step_lon / 2
        # A rounding error below the western edge must not wrap round the globe.
        least = EDGE * self.step_lon
        east = (np.asarray(longitude, np.float64) - edge + least) % 360 / self.step_lon
        with np.errstate(invalid="ignore"):
            row, column = np.floor(south + EDGE), np.floor(east)
            inside = (row >= 0) & (row < self.rows) & (column >= 0) & (column < self.columns)
        return (
            np.where(inside, row, 0).astype(np.intp),
            np.where(inside, column, 0).astype(np.intp),
            inside,
        )

    def cell_area(self) -> NDArray[np.float64]:
        """Area of the cells of each row in km², shape (rows,)."""
        edge = np.deg2rad(self.north + self.step_lat * (0.5 - np.arange(self.rows + 1)))
        band = np.sin(edge[:-1]) - np.sin(edge[1:])
        area: NDArray[np.float64] = EARTH_RADIUS_KM**2 * np.deg2rad(self.step_lon) * band
        return area


def distance_km(
    latitude: ArrayLike, longitude: ArrayLike, to_latitude: ArrayLike, to_longitude: ArrayLike
) -> NDArray[np.float64]:
    """Great-circle distance between points in degrees, km; shapes are broadcast (haversine)."""
    lat, lon, lat_2, lon_2 = (
        np.deg2rad(np.asarray(a, np.float64))
        for a in (latitude, longitude, to_latitude, to_longitude)
    )
    half = np.sin((lat_2 - lat) / 2) ** 2
    half = half + np.cos(lat) * np.cos(lat_2) * np.sin((lon_2 - lon) / 2) ** 2
    km: NDArray[np.float64] = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return km


def on_sphere(latitude: ArrayLike, longitude: ArrayLike) -> NDArray[np.float64]:
    """Points in degrees on a sphere of radius 1, (..., 3): straight lines order them as arcs do."""
    lat, lon = (np.deg2rad(np.asarray(a, np.float64)) for a in (latitude, longitude))
    points: NDArray[np.float64] = np.stack(
        [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1
    )
    return points


def arc_km(chord: ArrayLike) -> NDArray[np.float64]:
    """Great-circle distance of points whose straight distance on the sphere of radius 1 is given.

    `distance_km` from the chord that a tree or a product of matrices gives; infinite stays so.
    """
    straight = np.asarray(chord, np.float64)
    km = 2 * EARTH_RADIUS_KM * np.arcsin(np.clip(straight / 2, 0.0, 1.0))
    return np.where(np.isinf(straight), np.inf, km)


def _even_step(axis: NDArray[np.floating], name: str, where: str) -> float:
    """Mean signed step of an axis, after checking that all steps are like it."""
    values = np.asarray(axis, dtype=np.float64)
    if values.ndim != 1 or values.size < 2:
        raise DataError(
            "{name} needs one dimension and at least two cells",
            where=where,
            remedy="A grid of scattered points is a station table; import it as stations",
            name=name,
        )
    steps = np.diff(values)
    mean = float(values[-1] - values[0]) / (values.size - 1)
    # Written so that a NaN anywhere fails it.
    even = np.abs(steps - mean) <= SPACING_TOLERANCE * abs(mean)
    if mean == 0 or not even.all():
        raise DataError(
            "{name} is not evenly spaced",
            where=where,
            remedy="Regrid it to even steps, for example with cdo remapbil",
            name=name,
        )
    return mean
