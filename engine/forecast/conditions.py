"""What a city's forecast may use beside what vehicles measured: fixed stations, and wind."""

import math

import numpy as np
import torch
import xarray as xr

from engine.core.errors import DataError, RequestError
from engine.core.schema import grid_of
from engine.core.variables import WIND

KM_OF_DEGREE = 111.2
NEAR_DEGREES = 1.0  # stations so near give a city's wind


def at_stations(series: xr.Dataset, stations: xr.Dataset) -> torch.Tensor:
    """Readings of fixed stations in their cells at the hours of the series, NaN elsewhere.

    Cells with several stations take their mean.

    Args:
        series: `pm2p5(valid_time, latitude, longitude)`.
        stations: `pm2p5(valid_time, station)`.

    Raises:
        RequestError: If no station lies in a cell.
    """
    rows, columns, inside = grid_of(series).cell_of(
        stations["latitude"].values, stations["longitude"].values
    )
    total, count = np.zeros(series["pm2p5"].shape), np.zeros(series["pm2p5"].shape)
    readings = stations["pm2p5"].reindex(valid_time=series["valid_time"].values).values
    for n in np.flatnonzero(inside):
        total[:, rows[n], columns[n]] += np.nan_to_num(readings[:, n])
        count[:, rows[n], columns[n]] += np.isfinite(readings[:, n])
    if not inside.any():
        raise RequestError(
            "no fixed station lies in the cells of the vehicles",
            where=str(stations.attrs.get("dataset", "")),
            remedy="Choose stations of the same city",
        )
    return torch.tensor(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def wind_of(series: xr.Dataset, stations: xr.Dataset) -> torch.Tensor:
    """Wind over a city at the hours of the series, cells an hour, (time, 2).

    Towards larger columns and rows; the mean of the stations within a degree. An hour without any
    takes the hour before's.

    Args:
        series: Hourly cells.
        stations: With `u10` and `v10` (valid_time, station), m/s.

    Raises:
        DataError: If it holds no wind near the city at these hours.
    """
    name = str(stations.attrs.get("dataset", ""))
    if any(part not in stations for part in WIND):
        raise DataError("it holds no wind (u10 and v10)", where=name, remedy="Choose another")
    latitude, longitude = (float(series[axis].mean()) for axis in ("latitude", "longitude"))
    near = (np.abs(stations["latitude"].values - latitude) <= NEAR_DEGREES) & (
        np.abs(stations["longitude"].values - longitude) <= NEAR_DEGREES
    )
    step = abs(float(series["latitude"][0] - series["latitude"][1]))
    across = abs(float(series["longitude"][1] - series["longitude"][0]))
    cells = (
        3.6 / (KM_OF_DEGREE * across * math.cos(math.radians(latitude))),
        -3.6 / (KM_OF_DEGREE * step),  # rows go south
    )
    rows = []
    for part, ratio in zip(WIND, cells, strict=True):
        values = stations[part].reindex(valid_time=series["valid_time"].values).values[:, near]
        known = np.isfinite(values)
        mean = np.where(known, values, 0).sum(1) / np.maximum(known.sum(1), 1)
        rows.append(np.where(known.any(1), mean * ratio, np.nan))
    wind = np.stack(rows, 1)
    valid = np.isfinite(wind).all(1)
    if not valid.any():
        raise DataError(
            "it holds no wind near the city at these hours", where=name, remedy="Choose another"
        )
    last = np.maximum.accumulate(np.where(valid, np.arange(len(wind)), -1))
    return torch.tensor(np.where(last[:, None] >= 0, wind[last], wind[valid.argmax()]))
