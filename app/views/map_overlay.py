"""What the stations beside a map give by themselves: a map made of them, to lie over it.

Some stations can be kept out of it, to be held against it; where a station was silent, the map
gives its value. So there are three kinds of stations, and the map shows which is which.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import streamlit as st
import xarray as xr
from streamlit.delta_generator import DeltaGenerator

from app.i18n import Words
from app.jobs import cache, study_runs
from app.jobs.await_result import PredictionResult
from app.jobs.study_runs import Withheld
from app.maps.layers import ROLES, Day, Fade, RasterLayer, Stations
from app.maps.store import publish
from app.style.palette import Scale
from app.views import map_layers, scene
from engine.core.grid import Grid
from engine.inference.request import Request

SHARES = (0.0, 0.1, 0.2, 0.3)
REACHES = (0, 25, 50, 100, 200)  # km up to which nothing pales; 0: nothing pales at all
USUAL_REACH = 50
PALE_FROM, PALE_TO = 1, 3  # in reaches
NAMES = ("reanalysis", "distance")


@dataclass(frozen=True)
class OverlayRequest:
    """What a reader wants of it.

    Attributes:
        share: Of the stations with a reading that is kept out; None: the page's own map is what
            is looked at, and nothing else is made.
        reach: Distance up to which the map keeps its full colour, km; 0: everywhere.
    """

    share: float | None
    reach: int


@dataclass(frozen=True)
class Overlay:
    """A map from stations.

    Attributes:
        requested: What it answers; perhaps an earlier wish than the one of now.
        map: The result's one time step, as `app.jobs.study_runs.map_without` gives it.
        fade: How it pales.
        stale: Whether it answers an earlier wish.
        own: Whether it is what the page shows anyway.
    """

    requested: Withheld
    map: xr.Dataset
    fade: Fade | None
    stale: bool
    own: bool = False

    @property
    def date(self) -> dt.date:
        """The local date of the map."""
        return self.requested.request.date


def controls(words: Words, switch: DeltaGenerator) -> OverlayRequest:
    """The switch, and what can be chosen: stations are kept out where it is on.

    Args:
        words: The language.
        switch: Where the switch stands; it takes no room of the map's.
    """
    on = switch.toggle(
        words("overlay.show_own"),
        key="reanalysis",
        bind="query-params",
        help=words("overlay.help"),
    )
    with st.container(horizontal=True, vertical_alignment="bottom", key="overlay-controls"):
        return OverlayRequest(share(words) if on else None, reach(words))


def share(words: Words) -> float:
    """Share of the stations that is kept out."""
    none = words("stations.none")
    return scene.choose(
        "withheld",
        words("stations.withhold"),
        SHARES,
        0.2,
        lambda s: words("stations.share", share=round(100 * s)) if s else none,
    )


def reach(words: Words) -> int:
    """Distance from a station up to which a map keeps its full colour, km."""
    return scene.choose(
        "reach",
        words("stations.reach"),
        REACHES,
        USUAL_REACH,
        lambda km: words("units.km", value=km) if km else words("stations.everywhere"),
    )


def fading(km: int) -> Fade | None:
    """How a map pales beyond a distance."""
    return Fade("distance", float(PALE_FROM * km), float(PALE_TO * km)) if km else None


def model_for(stations: str, chosen: str) -> str:
    """The reanalysis that is run: the chosen model if it is one, else AQ-Net where it can be."""
    names = cache.models(("reanalysis",), stations)
    return chosen if chosen in names else "aqnet" if "aqnet" in names else names[0]


def made(
    wish: OverlayRequest, stations: str, date: dt.date, grid: Grid, chosen: str
) -> Overlay | None:
    """The map from stations over the cells of another map; None while the first one is made.

    Args:
        wish: What is wanted.
        stations: Name of the station dataset.
        date: Local date.
        grid: Whose box it is made for.
        chosen: The model of the page.

    Raises:
        EngineError: If the stations make no map of that date.
    """
    box = grid.bounds
    region = ",".join(f"{edge:.4f}" for edge in (box.west, box.south, box.east, box.north))
    ask = Request(stations, date, region, model_for(stations, chosen))
    found = study_runs.withheld(Withheld(ask, wish.share or 0.0), slot="overlay")
    if found is None or not isinstance(found.requested, Withheld):
        return None
    return Overlay(
        found.requested, map_layers.one_step(found.result), fading(wish.reach), found.stale
    )


def layers_of(over: Overlay, words: Words, scale: Scale) -> list[RasterLayer]:
    """The map from stations, and the distance that it pales with."""
    grid = map_layers.grid_of(over.map, "pm2p5")
    return [
        RasterLayer(
            "reanalysis",
            words("overlay.layer"),
            grid,
            scale,
            words("overlay.layer_short"),
            over.fade,
        ),
        distance_layer(grid, words),
    ]


def distance_layer(grid: Grid, words: Words) -> RasterLayer:
    """Distance to the nearest station that a map was made from."""
    scale = map_layers.distance_scale(words)
    return RasterLayer("distance", scale.title, grid, scale, words("map.distance_short"))


def rasters(shown: xr.Dataset) -> dict[str, str]:
    """Addresses of both layers."""
    values = (shown["pm2p5"].values, shown["station_distance"].values)
    return {name: publish(v) for name, v in zip(NAMES, values, strict=True)}


def upon(
    over: Overlay, days: Sequence[Day], layers: Sequence[RasterLayer], words: Words, scale: Scale
) -> tuple[list[Day], list[RasterLayer]]:
    """Days and layers of a page with those of an overlay, unless it is the page's own map."""
    if over.own:
        return list(days), list(layers)
    kept = [layer for layer in layers if layer.name not in NAMES]
    return on_days(days, over), [*kept, *layers_of(over, words, scale)]


def shown_first(over: Overlay | None, layers: Sequence[RasterLayer]) -> list[str] | None:
    """Layers that a page with an overlay opens with; None leaves it to the page."""
    if over is None or over.own:
        return None
    return ["fine", *NAMES] if any(layer.name == "fine" for layer in layers) else None


def on_days(days: Sequence[Day], over: Overlay) -> list[Day]:
    """Days with the rasters of the one that the overlay is of."""
    addresses = rasters(over.map)
    key = over.date.isoformat()
    return [
        replace(day, rasters={**day.rasters, **addresses}) if day.key == key else day
        for day in days
    ]


def stations(over: Overlay, days: Sequence[Day], measured: Stations | None) -> Stations | None:
    """The stations with their roles on the day of the overlay; on others what was measured."""
    at = next((n for n, day in enumerate(days) if day.key == over.date.isoformat()), None)
    if measured is None or at is None:
        return measured
    here = {str(i): n for n, i in enumerate(over.map["station"].values.astype(str))}
    values = np.array(measured.values, dtype=np.float64)
    roles = np.zeros(values.shape, dtype=np.intp)
    predicted, role = predicted_at(over.map)
    for n, name in enumerate(measured.table["id"].astype(str)):
        if name in here:
            values[at, n], roles[at, n] = predicted[here[name]], role[here[name]]
    return replace(measured, values=values, roles=roles)


def predicted_at(shown: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """What each station's symbol shows, and its role as a position in `ROLES`.

    A reading where there is one, whether it was used or kept out; else the map's value there.
    """
    observed = shown["observed"].values
    silent = ~np.isfinite(observed)
    predicted = silent & np.isfinite(shown["analysed"].values)
    role = np.where(shown["used"].values, ROLES.index("used"), ROLES.index("withheld"))
    role = np.where(predicted, ROLES.index("reanalysed"), role)
    return np.where(predicted, shown["analysed"].values, observed), role


def counts(shown: xr.Dataset) -> dict[str, int]:
    """Number of stations by role, and of those without an estimate."""
    value, role = predicted_at(shown)
    known = np.isfinite(value)
    return {name: int(((role == n) & known).sum()) for n, name in enumerate(ROLES)} | {
        "silent": int((~known).sum())
    }


def of_result(shown: PredictionResult, wish_reach: int) -> Overlay:
    """What a map from all stations, as a page shows it anyway, says of its stations."""
    request = shown.request
    answer = shown.result.assign(used=("station", np.ones(shown.result.sizes["station"], bool)))
    answer["analysed"] = (("valid_time", "station"), study_runs.at_points(answer)[None])
    return Overlay(
        Withheld(request, 0.0),
        map_layers.one_step(answer),
        fading(wish_reach),
        shown.stale,
        own=True,
    )
