"""Which cell of a map a station lies in, so that the two can be compared."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core.grid import Grid
from engine.core.schema import grid_of


def cells_of(
    grid: Grid, latitude: NDArray[np.floating], longitude: NDArray[np.floating]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Row and column of the cell that each point lies in, and whether it lies in the grid at all.

    A point on the border between two cells belongs to the southern or the eastern one. Outside
    the grid, row and column are 0.
    """
    row = np.floor((grid.north - latitude) / grid.step_lat + 0.5).astype(np.intp)
    column = np.floor((longitude - grid.west) / grid.step_lon + 0.5).astype(np.intp)
    inside = (row >= 0) & (row < grid.rows) & (column >= 0) & (column < grid.columns)
    return np.where(inside, row, 0), np.where(inside, column, 0), inside


def at_stations(maps: xr.DataArray, stations: xr.Dataset) -> xr.DataArray:
    """Values of a map, or a series of maps, in the cells of stations; NaN outside and on no data.

    No neighbour stands in for a cell without data: at a coast that would be another air.

    Args:
        maps: With latitude and longitude as its last two dimensions.
        stations: With `latitude(station)` and `longitude(station)`.
    """
    grid = grid_of(xr.Dataset(coords={c: maps[c] for c in ("latitude", "longitude")}))
    row, column, inside = cells_of(grid, stations["latitude"].values, stations["longitude"].values)
    values = maps.values[..., row, column]
    return xr.DataArray(
        np.where(inside, values, np.nan),
        dims=(*maps.dims[:-2], "station"),
        coords={"station": stations["station"]} if "station" in stations.coords else {},
        attrs=dict(maps.attrs),
    )
