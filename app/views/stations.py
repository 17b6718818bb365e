"""Stations: a map made from stations, held against those it has not seen."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st
import xarray as xr
from numpy.typing import NDArray

from app.frame import trouble
from app.jobs import cache, study_runs
from app.jobs.study_runs import Study, Withheld
from app.maps.component import MapState
from app.maps.layers import ROLES, Day, RasterLayer, Stations
from app.maps.store import publish
from app.request.selection import Selection, request_of
from app.style import palette, standard_limits
from app.style.safe_text import markdown
from app.views import map_layers, map_overlay, scene, stations_charts
from app.views.scene import Scene
from engine.core.schema import grid_of

STEPS = {"month": (12, 24, 60), "day": (7, 31, 90), "hour": (7, 31, 90)}


@dataclass(frozen=True)
class Network:
    """A map from stations, and the stations.

    Attributes:
        about: The scene.
        requested: What the map answers.
        map: The result's one time step, with `used(station)`.
        attributes: Provenance of the result.
        stale: Whether it answers an earlier wish.
    """

    about: Scene
    requested: Withheld
    map: xr.Dataset
    attributes: dict[object, object]
    stale: bool


def render(selection: Selection) -> None:
    """Draws the page."""
    about = scene.scene(selection)
    words = about.words
    st.title(
        words("stations.title", where=markdown(about.where), when=about.when(selection.day)),
        anchor=False,
    )
    share, reach, seed = _controls(about)
    wish = Withheld(replace(request_of(selection), seed=seed), share)
    made = study_runs.withheld(wish, slot="stations")
    if made is None or not isinstance(made.requested, Withheld):
        scene.waiting(words)
        return
    network = Network(
        about, made.requested, map_layers.one_step(made.result), dict(made.result.attrs), made.stale
    )
    scene.note(_summary(network))
    with st.container(key="stale" if made.stale else "fresh"):
        _explore(network, reach)
        stations_charts.of_the_day(network.map, about, network.requested)
    _over_time(network, selection)


def _controls(about: Scene) -> tuple[float, int, int]:
    """Share of stations kept out, distance beyond which the map pales, seed of the draw."""
    words = about.words
    with st.container(horizontal=True, vertical_alignment="bottom", key="study-controls"):
        share, reach = map_overlay.share(words), map_overlay.reach(words)
        seed = st.number_input(
            words("stations.seed"),
            0,
            9999,
            0,
            1,
            key="seed",
            width=150,
            bind="query-params",
            help=words("stations.seed_help"),
        )
    return share, reach, int(seed)


def _summary(network: Network) -> str:
    words = network.about.words
    text = words("stations.counts", **map_overlay.counts(network.map))
    model = network.requested.request.model
    return words("study.join").join((text, scene.source(network.about, model, network.attributes)))


@st.fragment
def _explore(network: Network, reach: int) -> None:
    """Map and, of the station that was clicked, its numbers."""
    with trouble.reporting(network.about.words):
        state = _map(network, reach)
        clicked = state.click.station if state.click else None
        if clicked is not None and clicked != st.session_state.get("clicked-station"):
            st.session_state["clicked-station"] = clicked
            st.session_state["chosen-station"] = clicked
            st.rerun()


def _map(network: Network, reach: int) -> MapState:
    about, words, shown = network.about, network.about.words, network.map
    grid = grid_of(shown)
    fade = map_overlay.fading(reach)
    unit = words("units.symbol")
    level = standard_limits.scale(about.rules, about.average, words)
    layers = [RasterLayer("fine", words("map.analysis", km=""), grid, level, fade=fade)]
    values: dict[str, NDArray[np.floating]] = {"fine": shown["pm2p5"].values}
    if "uncertainty" in shown:
        sure = words("map.uncertainty")
        scale = palette.uncertainty(about.average, unit=unit, title=sure, far=True)
        layers.append(RasterLayer("uncertainty", sure, grid, scale, fade=fade))
        values["uncertainty"] = shown["uncertainty"].values
    layers.append(map_overlay.distance_layer(grid, words))
    values["distance"] = shown["station_distance"].values
    rasters = {name: publish(array) for name, array in values.items()}
    text, role = map_overlay.predicted_at(shown)
    day = network.requested.request.date
    return scene.draw_map(
        about,
        "stations-map",
        days=[Day(day.isoformat(), about.when(day), rasters)],
        layers=layers,
        mode="two",
        show=[layer.name for layer in layers],
        stations=Stations(_table(shown, role), text[None], level),
        title=words("stations.title", where=about.where, when=about.when(day)),
        model=about.model(network.requested.request.model),
        stale=network.stale,
    )


def _table(shown: xr.Dataset, role: NDArray[np.intp]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": shown["station"].values.astype(str),
            "name": shown["name"].values.astype(str),
            "latitude": shown["station_latitude"].values,
            "longitude": shown["station_longitude"].values,
            "role": np.array(ROLES)[role],
        }
    )


def _over_time(network: Network, selection: Selection) -> None:
    """Series and leave-one-out scores over a range of dates."""
    about, words = network.about, network.about.words
    st.subheader(words("stations.over_time"), anchor=False)
    steps = STEPS[about.average]
    count = scene.choose(
        "span",
        words("study.range"),
        steps,
        steps[0],
        lambda n: words.count(f"study.steps_{about.average}", n),
    )
    dates = study_runs.last_dates(cache.dates(selection.dataset), selection.day, count)
    made = study_runs.evidence(Study(request_of(selection), dates), slot="stations-series")
    if made is None or not isinstance(made.requested, Study):
        scene.waiting(words)
        return
    with st.container(key="stale-series" if made.stale else "fresh-series"):
        stations_charts.over_time(made.result, about, made.requested)
