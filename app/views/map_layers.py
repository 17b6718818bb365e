"""What of a result can be looked at: its layers, their titles and colours, and its days.

Pure functions from a result of `engine.inference.run.predict` to what `app.maps` draws.
"""

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from app.i18n import Words
from app.maps.layers import Day, Fade, RasterLayer
from app.maps.store import Promise, promise, renew
from app.style import palette
from app.style.palette import GREENS_BLUES, Scale
from engine.core.grid import Grid

# Layer → variable of a result. The order is that of the panes: three fit side by side.
VARIABLES: dict[str, str] = {
    "coarse": "coarse",
    "fine": "pm2p5",
    "error": "error",
    "target": "target",
    "uncertainty": "uncertainty",
    "distance": "station_distance",
    "background": "background",
    "low": "low",
    "high": "high",
}
MERGED_ONLY = ("background", "low", "high")  # of a map that stations were merged into
DISTANT_KM = 150.0  # end of the scale of distances to a station
# Days that one map offers. Each costs a few hundred bytes in the page, whether looked at or not.
MOST_DAYS = 120
# Lists of steps kept, so that a rerun does not name every raster again.
MOST_LISTS = 64
_turn = threading.Lock()
_offered: OrderedDict[tuple[object, ...], tuple[list[Day], list[Promise]]] = OrderedDict()

Raster = NDArray[np.floating]


def one_step(result: xr.Dataset) -> xr.Dataset:
    """A result of one time step without its time axis."""
    return result.isel(valid_time=0) if "valid_time" in result.dims else result


def layers(
    result: xr.Dataset, period: str, words: Words, scale: Scale, fade: Fade | None = None
) -> list[RasterLayer]:
    """The layers that a result has, in the order of the panes.

    Args:
        result: One time step.
        period: Averaging time, for the range of the error scale.
        words: The language.
        scale: Of concentrations.
        fade: How a map from stations pales.
    """
    unit, far = words("units.symbol"), "coarse" not in result or "station_distance" in result
    sure = words("map.uncertainty")
    scales = {
        "error": palette.bias(period, unit=unit, title=words("map.error"), far=far),
        "uncertainty": palette.uncertainty(period, unit=unit, title=sure, far=far),
        "distance": distance_scale(words),
    }
    found = []
    for name, variable in VARIABLES.items():
        if not _there(name, variable, result):
            continue
        grid = grid_of(result, variable)
        shown = _called(name, result)
        found.append(
            RasterLayer(
                name,
                words(f"map.{shown}", km=words.number(cell_km(grid))),
                grid,
                scales.get(name, scale),
                words(f"map.{shown}_short"),
                fade if name in ("fine", "uncertainty") and "station_distance" in result else None,
            )
        )
    return found


def _called(name: str, result: xr.Dataset) -> str:
    """Key of a layer's title."""
    if name == "uncertainty" and result.attrs.get("work") == "fuse":
        return "judged"
    if name != "fine":
        return name
    if result.attrs.get("work") == "fuse":
        return "fused"
    return name if "coarse" in result or "work" in result.attrs else "analysis"


def distance_scale(words: Words) -> Scale:
    """Colours of the distance to the nearest station."""
    title = words("stations.distance")
    return Scale("distance", GREENS_BLUES, 0.0, DISTANT_KM, unit="km", title=title, digits=0)


def rasters(result: xr.Dataset) -> dict[str, Raster]:
    """Layer → values (rows, columns) of a result of one time step."""
    return {
        name: result[variable].values
        for name, variable in VARIABLES.items()
        if _there(name, variable, result)
    }


def _there(name: str, variable: str, result: xr.Dataset) -> bool:
    """Whether a result has a layer; what a map was before stations only where some were merged."""
    return variable in result and (name not in MERGED_ONLY or result.attrs.get("work") == "fuse")


def days(
    dates: Sequence[dt.date],
    here: dt.date,
    names: Sequence[str],
    *,
    label: Callable[[dt.date], str],
    identity: Callable[[dt.date], str],
    make: Callable[[dt.date], xr.Dataset],
    passing: bool,
) -> list[Day]:
    """The steps of time of a map. Each is made when a browser first asks for it.

    Args:
        dates: All dates of the dataset, increasing.
        here: The date on the page.
        names: Layers that the result on the page has.
        label: A date as people read it.
        identity: Everything the values of a date depend on.
        make: The result of a date; called on a thread of the server.
        passing: Whether days that somebody only passes by are made too. A slow model is not run
            for them: they have no rasters until the map comes to rest there.
    """
    shown = window(dates, here)
    key = (identity(here), label(here), tuple(names), passing, shown[0], shown[-1], len(shown))
    with _turn:
        found = _offered.get(key) or _offers(shown, here, names, label, identity, make, passing)
        _offered[key] = found
        _offered.move_to_end(key)
        while len(_offered) > MOST_LISTS:
            _offered.popitem(last=False)
    steps, promises = found
    renew(promises)
    return steps


def _offers(
    shown: Sequence[dt.date],
    here: dt.date,
    names: Sequence[str],
    label: Callable[[dt.date], str],
    identity: Callable[[dt.date], str],
    make: Callable[[dt.date], xr.Dataset],
    passing: bool,
) -> tuple[list[Day], list[Promise]]:
    """The steps of time, and what was promised to be made for them."""
    steps, promises = [], []
    for day in shown:
        rasters: dict[str, str] = {}
        if day == here or passing:
            what = identity(day)
            for name in names:
                found = promise(f"{what}|{name}", _maker(make, day, name))
                promises.append(found)
                rasters[name] = found.url
        steps.append(Day(day.isoformat(), label(day), rasters))
    return steps, promises


def window(dates: Sequence[dt.date], here: dt.date) -> list[dt.date]:
    """At most `MOST_DAYS` dates with `here` among them.

    Fixed stretches of the record, so that stepping from day to day keeps the same list.
    """
    at = list(dates).index(here)
    start = at // MOST_DAYS * MOST_DAYS
    return list(dates[start : start + MOST_DAYS])


def grid_of(result: xr.Dataset, variable: str) -> Grid:
    """The grid of a variable of a result."""
    latitude, longitude = result[variable].dims[-2:]
    return Grid.from_axes(
        result[str(latitude)].values, result[str(longitude)].values, where="result"
    )


def cell_km(grid: Grid) -> float:
    """Side of a square as large as the grid's middle cell, km."""
    return float(np.sqrt(grid.cell_area()[grid.rows // 2]))


def _maker(make: Callable[[dt.date], xr.Dataset], day: dt.date, name: str) -> Callable[[], Raster]:
    return lambda: rasters(one_step(make(day)))[name]
