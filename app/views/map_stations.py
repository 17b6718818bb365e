"""The stations on the Map page: what they measured, and on maps of errors their own error."""

import datetime as dt
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from app.jobs import cache
from app.maps.layers import Stations
from app.style.palette import Scale
from app.views import map_layers

Numbers = NDArray[np.floating]


def drawn(
    name: str,
    days: Sequence[dt.date],
    day: dt.date,
    period: str,
    result: xr.Dataset,
    identity: str,
    scale: Scale,
) -> Stations | None:
    """Stations over the days of a map; None where none has a value all the while.

    Args:
        name: Of the station dataset.
        days: Of the map.
        day: That of the result.
        period: Averaging time of the map.
        result: One time step.
        identity: Everything that the result depends on.
        scale: Of concentrations.
    """
    values = cache.averages(name, tuple(days), period)
    if "observed" in result and "station" in result.coords:  # an hour's, where one is looked at
        values = values.copy()
        values[days.index(day)] = _by_id(name, result, result["observed"].values)
    if not np.isfinite(values).any():
        return None  # a network that was silent all the while would be rings without a meaning
    # One object as long as it says the same: a map works out once what it sends of it.
    key = ("stations", name, cache.info(name).checksum, days[0], days[-1], scale, identity)
    return cache.kept(key, lambda: _made(name, values, days.index(day), result, scale))


def _made(name: str, values: Numbers, at: int, result: xr.Dataset, scale: Scale) -> Stations:
    table = cache.station_table(name)
    upon = {}
    if "leave_one_out" in result and "observed" in result:
        error = np.abs(result["leave_one_out"].values - result["observed"].values)
        upon["uncertainty"] = _on_day(values, at, _by_id(name, result, error))
    elif "error" in result:
        # The map against the station's own reading, where the map shows its error.
        place = table["latitude"].to_numpy(), table["longitude"].to_numpy()
        upon["error"] = _on_day(values, at, _at(result, *place) - values[at])
    return Stations(table, values, scale, upon=upon)


def _by_id(name: str, result: xr.Dataset, values: Numbers) -> list[float]:
    """A result's values at its stations in the order of the dataset's; NaN where it has none."""
    found = dict(zip(result["station"].values.astype(str), values.ravel(), strict=True))
    return [float(found.get(station, np.nan)) for station in cache.station_table(name)["id"]]


def _on_day(values: Numbers, at: int, row: Sequence[float] | Numbers) -> Numbers:
    """Values of one day, of the others nothing."""
    found = np.full(values.shape, np.nan, dtype=np.float32)
    found[at] = row
    return found


def _at(result: xr.Dataset, latitude: Numbers, longitude: Numbers) -> Numbers:
    """The fine map's values in the stations' cells; NaN outside."""
    row, column, inside = map_layers.grid_of(result, "pm2p5").cell_of(latitude, longitude)
    found = np.full(row.size, np.nan, dtype=np.float32)
    found[inside] = result["pm2p5"].values[row[inside], column[inside]]
    return found
