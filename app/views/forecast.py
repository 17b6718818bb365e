"""Forecast: the near future step by step, how sure it is, and what came true."""

from dataclasses import replace

import numpy as np
import streamlit as st
import xarray as xr

from app.frame import trouble
from app.i18n import Words
from app.jobs import await_result, cache
from app.maps.component import MapState
from app.maps.layers import Day, RasterLayer, Tracks
from app.maps.store import publish
from app.request.selection import Selection, request_of
from app.style import palette
from app.style.palette import Scale
from app.style.safe_text import markdown
from app.views import forecast_charts, forecast_layers, scene
from app.views.forecast_layers import Forecast
from app.views.scene import Scene
from engine.core.schema import grid_of
from engine.inference.request import Request

LEADS = {"hour": (6, 12, 24, 48), "day": (1, 3, 7), "month": (1, 3, 6)}
USUAL = {"hour": 24, "day": 3, "month": 3}
THRESHOLD = 75.0  # ug m-3, where the standard has no limit
PROBABLE = ("stepdiff",)  # models that draw members
MEMBERS = 20


def render(selection: Selection) -> None:
    """Draws the page."""
    about = scene.scene(selection)
    words = about.words
    st.title(
        words("forecast.title", where=markdown(about.where), when=about.when(selection.day)),
        anchor=False,
    )
    leads, seed, threshold, members = _controls(about, selection.model)
    ask = replace(request_of(selection), lead_times=leads, seed=seed, members=members)
    shown = _awaited(ask)
    if shown is None:
        scene.waiting(words)
        return
    found = Forecast(about, shown.request, shown.result, threshold, shown.stale)
    scene.note(_summary(found))
    if found.members < members:
        st.info(words("forecast.first_member", n=members), icon=":material/hourglass_top:")
    elif found.members == 1:
        st.info(words("forecast.one_member"), icon=":material/info:")
    if "physics" in shown.result.attrs:
        scene.note(words("forecast.physics"))
    with st.container(key="stale" if shown.stale else "fresh"):
        if found.gridded:
            _explore(found)
        else:
            forecast_charts.at_station(found)
        forecast_charts.by_lead(found)


def _awaited(ask: Request) -> await_result.PredictionResult | None:
    """The forecast; while its members are drawn, the first of them alone."""
    if ask.members == 1 or ask.model not in PROBABLE:
        return await_result.prediction(ask, slot="forecast")
    first = await_result.prediction(replace(ask, members=1), slot="forecast-first")
    if first is None or first.stale:
        return first
    whole = await_result.prediction(ask, slot="forecast")
    return first if whole is None or whole.stale else whole


def _controls(about: Scene, model: str) -> tuple[int, int, float, int]:
    """Steps ahead, seed, threshold of the chance, members."""
    words, period = about.words, about.info.period
    limit = about.bound.value if about.bound else THRESHOLD
    with st.container(horizontal=True, vertical_alignment="bottom", key="study-controls"):
        leads = scene.choose(
            f"leads.{period}",
            words("forecast.leads"),
            LEADS[period],
            USUAL[period],
            lambda n: words.count(f"forecast.steps_{period}", n),
        )
        threshold = st.number_input(
            words("forecast.threshold"),
            1.0,
            500.0,
            float(limit),
            1.0,
            format="%.0f",
            key="chance",
            width=210,
            bind="query-params",
        )
        seed = st.number_input(
            words("forecast.seed"),
            0,
            9999,
            0,
            1,
            key="seed",
            width=150,
            bind="query-params",
            help=words("forecast.seed_help"),
        )
        members = 1
        if model in PROBABLE:
            members = int(
                st.number_input(
                    words("forecast.members_wish"),
                    2,
                    100,
                    MEMBERS,
                    1,
                    key="members",
                    width=150,
                    bind="query-params",
                )
            )
    return leads, int(seed), float(threshold), members


def _summary(found: Forecast) -> str:
    """Start, members, seed, dataset and model in one line."""
    about, words = found.about, found.about.words
    text = words(
        "forecast.started",
        start=forecast_layers.moment(found.start, found),
        members=words.count("forecast.members", found.members),
        seed=found.requested.seed,
    )
    return words("study.join").join(
        (
            text,
            scene.source(
                about, found.requested.model, found.result.attrs, average=about.info.period
            ),
        )
    )


@st.fragment
def _explore(found: Forecast) -> None:
    """Map by lead time, members of the lead time on screen, series of the clicked cell."""
    words = found.about.words
    with trouble.reporting(words):
        state = _map(found)
        here = [key for key, _ in forecast_layers.leads(found)].index(state.day)
        if found.members > 1:
            _members(found, here)
        if state.click is None:
            scene.note(words("forecast.click"))
        else:
            forecast_charts.at_cell(found, state.click.latitude, state.click.longitude)


def _map(found: Forecast) -> MapState:
    about, words = found.about, found.about.words
    grid = grid_of(found.result)
    fields = forecast_layers.fields(found)
    layers = [
        RasterLayer(name, _title(name, found), grid, _scale(name, found), _title(name, found))
        for name in fields
    ]
    days = [
        Day(key, label, {name: publish(values[n]) for name, values in fields.items()})
        for n, (key, label) in enumerate(forecast_layers.leads(found))
    ]
    show = [n for n in ("mean", "spread", "chance", "target", "error") if n in fields]
    return scene.draw_map(
        about,
        # One member has no spread: its panes must not be remembered as those of many.
        "forecast-map" if found.members > 1 else "forecast-single-map",
        days=days,
        layers=layers,
        day=days[0].key,
        mode="three" if len(show) >= 3 else "single",
        show=show,
        tracks=_tracks(found),
        title=words("forecast.title", where=about.where, when=about.when(found.requested.date)),
        model=about.model(found.requested.model),
        stale=found.stale,
        report_day=True,
        labels=_labels(words),
    )


def _labels(words: Words) -> dict[str, str]:
    """What the map calls its samples: readings of vehicles, not stations."""
    said = {k: words(f"forecast.sample_{k}") for k in ("used", "withheld", "invalid")}
    return said | {"station": said["used"]}


def _title(name: str, found: Forecast) -> str:
    words = found.about.words
    if name == "chance":
        return words("forecast.chance", limit=words.concentration(found.threshold))
    single = name == "mean" and found.members == 1
    return words("forecast.single" if single else f"forecast.{name}")


def _scale(name: str, found: Forecast) -> Scale:
    about = found.about
    unit, period, title = about.words("units.symbol"), about.info.period, _title(name, found)
    scales = {
        "error": palette.bias(period, unit=unit, title=title, far=True),
        "spread": palette.uncertainty(period, unit=unit, title=title, far=True),
        "chance": palette.probability(title=title),
    }
    return scales.get(name, about.scale)


def _tracks(found: Forecast) -> Tracks | None:
    """Samples of mobile sensors at each lead time, which the forecast has not seen."""
    name = forecast_layers.mobile_beside(found.about.info, cache.datasets())
    if name is None:
        return None
    table = forecast_layers.samples(cache.opened(name), found)
    return None if table.empty else Tracks(table, found.about.scale)


def _members(found: Forecast, here: int) -> None:
    """Thumbnails of the members at one lead time."""
    words = found.about.words
    values: xr.DataArray = found.result["pm2p5"].isel(lead_time=here)
    label = forecast_layers.leads(found)[here][1]
    st.subheader(words("forecast.members_at", when=label), anchor=False)
    shown = min(found.members, forecast_layers.MOST_THUMBNAILS)
    names = [words("forecast.member", n=n + 1) for n in range(shown)]
    with st.container(horizontal=True, gap="small", key="member-strip"):
        for n, name in enumerate(names):
            picture = forecast_layers.thumbnail(np.asarray(values.values[n]), found.about.scale)
            st.image(picture, caption=name, width=forecast_layers.THUMBNAIL, alt=f"{name}, {label}")
    scene.note(words("forecast.members_help", n=found.members, shown=shown))
