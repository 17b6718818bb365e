"""From a curvilinear grid (model output on a map projection) to a regular one.

Every target cell looks up the quadrilateral of source centres that it lies in and takes the
bilinear mean of its corners. A target outside all quadrilaterals is outside the footprint: NaN.
"""

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import DataError
from engine.core.grid import Grid
from engine.core.size_limits import CELLS, STRETCH
from engine.data.placement import Map, Placement, check_degrees, wrap

_NICE = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
_NEWTON_STEPS = 8
_INSIDE = 1e-6  # of a quadrilateral's side, so that its edges belong to it


def curvilinear(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64], *, where: str
) -> Placement:
    """Placement of maps given at two-dimensional `latitude` and `longitude`, both (row, column).

    The target's step is the round number next below the source's spacing; its centres are
    multiples of the step. Linear fields of latitude and longitude come through exactly; means over
    areas are not kept exactly, since this interpolates and does not conserve.

    Raises:
        DataError: If the coordinates are missing or cross the 180° meridian.
    """
    check_degrees(latitude, longitude, where=where)
    if latitude.shape != longitude.shape or min(latitude.shape) < 2:
        raise DataError(
            "latitudes {shape} and longitudes {shape_2} make no grid",
            where=where,
            remedy="Both need the same rows and columns",
            shape=latitude.shape,
            shape_2=longitude.shape,
        )
    longitude = wrap(longitude)
    if np.ptp(longitude) > 180:
        raise DataError(
            "the grid crosses the 180° meridian or a pole",
            where=where,
            remedy="Regrid it first, for example with cdo remapbil",
        )
    grid = target_grid(latitude, longitude)
    cells = grid.rows * grid.columns
    if cells > STRETCH * latitude.size:
        raise DataError(
            "its cells differ so much in size that a regular grid of {step_lat}° would need "
            "{cells} cells for the {size} it has",
            where=where,
            remedy="Regrid it first, for example with cdo remapbil",
            step_lat=f"{grid.step_lat:g}",
            cells=f"{cells:,}",
            size=f"{latitude.size:,}",
        )
    CELLS.check(cells, what="the regular grid for it", where=where)
    check_unfolded(latitude, longitude, where=where)
    corners, weights, inside = corner_weights(latitude, longitude, grid)

    def place(values: Map) -> Map:
        picked = values.ravel()[corners].astype(np.float64)  # (target, 4)
        # A corner of weight 0 may be NaN without harm: 0 × NaN would not be 0.
        mixed = np.where(weights > 0, weights * picked, 0.0).sum(axis=1)
        result = np.full(grid.rows * grid.columns, np.nan, np.float32)
        result[inside] = mixed
        return result.reshape(grid.shape)

    rows, columns = latitude.shape
    method = (
        f"bilinear between the centres of a {rows} × {columns} curvilinear grid, "
        f"to {grid.step_lat:g}°; NaN outside its footprint"
    )
    return Placement(grid, place, (f"Regridded: {method}.",), method)


def check_unfolded(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64], *, where: str
) -> None:
    """Refuse points that are no grid: constant, folded over itself, or in no order.

    Raises:
        DataError: If more than one cell in a hundred has no area or is turned over.
    """
    east = np.diff(longitude, axis=1)[:-1], np.diff(longitude, axis=0)[:, :-1]
    north = np.diff(latitude, axis=1)[:-1], np.diff(latitude, axis=0)[:, :-1]
    area = east[0] * north[1] - east[1] * north[0]
    turned = min(float((area <= 0).mean()), float((area >= 0).mean()))
    if turned > 0.01:
        raise DataError(
            "its latitudes and longitudes are no grid: {share} of its cells have no area or are "
            "turned over",
            where=where,
            remedy="Check its coordinates, or import scattered points as stations",
            share=f"{turned:.0%}",
        )


def target_grid(latitude: NDArray[np.float64], longitude: NDArray[np.float64]) -> Grid:
    """A regular grid over the footprint, no coarser than the source."""
    north = np.hypot(np.diff(latitude, axis=0), _east_degrees(latitude, longitude))
    step = nice_step(float(np.median(north)))
    top = np.floor(latitude.max() / step + 1e-9)
    bottom = np.ceil(latitude.min() / step - 1e-9)
    left = np.ceil(longitude.min() / step - 1e-9)
    right = np.floor(longitude.max() / step + 1e-9)
    return Grid(
        round(top * step, 6),
        round(left * step, 6),
        step,
        step,
        int(top - bottom) + 1,
        int(right - left) + 1,
    )


def nice_step(degrees: float) -> float:
    """The largest of 1, 1.5, 2, 2.5, 3, 4, 5 × a power of ten that is not above `degrees`."""
    power = 10.0 ** np.floor(np.log10(degrees))
    fitting = [n * power for n in _NICE if n * power <= degrees * (1 + 1e-6)]
    return float(f"{fitting[-1]:.6g}")


def _east_degrees(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Eastward part of the step between rows, in degrees of a great circle."""
    middle = (latitude[1:] + latitude[:-1]) / 2
    east: NDArray[np.float64] = np.diff(longitude, axis=0) * np.cos(np.deg2rad(middle))
    return east


def corner_weights(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64], grid: Grid
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """For each target inside the footprint: its four source cells and their weights.

    Returns:
        Flat source positions (target, 4), weights (target, 4), flat target positions (target,).
    """
    lat, lon = (a.ravel() for a in np.meshgrid(grid.latitude, grid.longitude, indexing="ij"))
    from scipy.spatial import cKDTree  # 25 MB that pages without an import spare

    _, nearest = cKDTree(_on_sphere(latitude.ravel(), longitude.ravel())).query(
        _on_sphere(lat, lon)
    )
    rows, columns = latitude.shape
    row, column = np.divmod(nearest, columns)
    u = np.full(lat.size, np.nan)
    v = np.full(lat.size, np.nan)
    top = np.zeros(lat.size, np.intp)
    left = np.zeros(lat.size, np.intp)
    open_ = np.arange(lat.size)
    # The quadrilaterals around the nearest centre first, then those around them, where a
    # strongly sheared grid hides the point in a neighbour.
    for i, j in ((-1, -1), (-1, 0), (0, -1), (0, 0), *_RING):
        r, c = row[open_] + i, column[open_] + j
        fits = (r >= 0) & (r < rows - 1) & (c >= 0) & (c < columns - 1)
        points, r, c = open_[fits], r[fits], c[fits]
        pu, pv = _inverse_bilinear(latitude, longitude, r, c, lat[points], lon[points])
        hit = (np.abs(pu - 0.5) <= 0.5 + _INSIDE) & (np.abs(pv - 0.5) <= 0.5 + _INSIDE)
        found = points[hit]
        u[found], v[found] = pu[hit].clip(0, 1), pv[hit].clip(0, 1)
        top[found], left[found] = r[hit], c[hit]
        open_ = open_[np.isnan(u[open_])]
        # What lies far from every centre is outside; only the near is worth a second look.
    inside = np.flatnonzero(~np.isnan(u))
    u, v, top, left = u[inside], v[inside], top[inside], left[inside]
    first = top * columns + left
    corners = np.stack([first, first + 1, first + columns, first + columns + 1], axis=1)
    weights = np.stack([(1 - v) * (1 - u), (1 - v) * u, v * (1 - u), v * u], axis=1)
    weights[weights < 1e-5] = 0.0
    return corners, weights / weights.sum(axis=1, keepdims=True), inside


_RING = tuple(
    (i, j)
    for i in range(-2, 2)
    for j in range(-2, 2)
    if (i, j) not in {(-1, -1), (-1, 0), (0, -1), (0, 0)}
)


def _on_sphere(
    latitude: NDArray[np.float64], longitude: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Unit vectors (point, 3)."""
    lat, lon = np.deg2rad(latitude), np.deg2rad(longitude)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


def _inverse_bilinear(
    latitude: NDArray[np.float64],
    longitude: NDArray[np.float64],
    row: NDArray[np.intp],
    column: NDArray[np.intp],
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Position (u along columns, v along rows) of points in quadrilaterals, by Newton's method.

    0…1 is inside. Coordinates are degrees seen from the point, longitude shortened by the cosine
    of its latitude, so that the equations are well scaled near the poles as well.
    """
    shorten = np.cos(np.deg2rad(lat))

    def corner(i: int, j: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        x = (longitude[row + i, column + j] - lon) * shorten
        return x, latitude[row + i, column + j] - lat

    (x00, y00), (x01, y01), (x10, y10), (x11, y11) = (
        corner(0, 0),
        corner(0, 1),
        corner(1, 0),
        corner(1, 1),
    )
    u = np.full(lat.shape, 0.5)
    v = np.full(lat.shape, 0.5)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(_NEWTON_STEPS):
            x = (1 - v) * ((1 - u) * x00 + u * x01) + v * ((1 - u) * x10 + u * x11)
            y = (1 - v) * ((1 - u) * y00 + u * y01) + v * ((1 - u) * y10 + u * y11)
            xu = (1 - v) * (x01 - x00) + v * (x11 - x10)
            yu = (1 - v) * (y01 - y00) + v * (y11 - y10)
            xv = (1 - u) * (x10 - x00) + u * (x11 - x01)
            yv = (1 - u) * (y10 - y00) + u * (y11 - y01)
            det = xu * yv - xv * yu
            u = u - (x * yv - y * xv) / det
            v = v - (y * xu - x * yu) / det
    return u, v
