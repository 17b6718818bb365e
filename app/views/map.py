"""The map: one day as coarse, fine and error maps, and what they say in numbers."""

import datetime as dt
import html
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
import streamlit as st
import xarray as xr
from streamlit.delta_generator import DeltaGenerator

from app import i18n
from app.charts import series
from app.frame import downloads, provenance, sidebar, trouble
from app.i18n import Words
from app.jobs import auto_choice, await_result, cache, study_runs
from app.jobs.await_result import PredictionResult
from app.maps.component import Click, MapState, linked_maps
from app.maps.labels import LABEL_KEYS
from app.maps.layers import Stations
from app.request.selection import MONTH, Selection
from app.style import look, standard_limits
from app.style.palette import Scale
from app.style.safe_text import markdown
from app.style.standard_limits import Bound
from app.views import (
    judged,
    map_cards,
    map_layers,
    map_overlay,
    map_sentence,
    map_stations,
)
from app.views.map_overlay import Overlay
from engine.core.errors import EngineError
from engine.core.standards import Standard
from engine.data import station_means
from engine.inference.restore_choice import Taken
from engine.inference.summary import Summary, summarise
from engine.library import DatasetInfo

MAP_HEIGHT = 470
SERIES_REACH = 45  # steps before and after the day on the map
STATION_KM = 50.0  # a station farther away says little about the place
AT_STATION_KM = 4.0  # a click so near means the station itself


@dataclass(frozen=True)
class Sheet:
    """What the page is about: the result on it, and how it is described."""

    info: DatasetInfo
    shown: PredictionResult
    result: xr.Dataset
    rules: Standard
    bound: Bound | None
    words: Words
    taken: Taken | None = None

    @property
    def finer(self) -> bool:
        """Whether the map was made finer or merged with stations, not restored."""
        return self.shown.request.work != "restore"

    @property
    def average(self) -> str:
        """What the map is a mean over: "hour", "day" or "month"."""
        request = self.shown.request
        if request.month:
            return "month"
        if request.hour is not None:
            return "hour"
        return "month" if self.info.period == "month" else "day"

    @property
    def beside(self) -> str | None:
        """The station dataset that is drawn on the map."""
        return self.shown.request.stations or cache.stations_beside(self.info.name)

    @property
    def day(self) -> dt.date:
        """The date of the result; that of an earlier request, while a new one runs."""
        return self.shown.request.date

    def when(self, day: dt.date) -> str:
        """A date as people read it, with what the map is a mean over."""
        request = self.shown.request
        mean = MONTH if request.month else "" if request.hour is None else str(request.hour)
        return sidebar.when_title(day, self.info.period, mean, self.words)


def render(selection: Selection) -> None:
    """Draws the page."""
    words = i18n.current()
    info = cache.info(selection.dataset)
    where = sidebar.place_title(selection.dataset, selection.region, words)
    with st.container(horizontal=True, vertical_alignment="center", key="head"):
        when = sidebar.when_title(selection.day, info.period, selection.mean, words)
        st.title(words("map.title", where=markdown(where), when=when), anchor=False)
        tools = st.container(
            horizontal=True,
            horizontal_alignment="right",
            vertical_alignment="center",
            width="content",
        )
    lead = st.container(key="lead")
    request, taken = auto_choice.settled(selection)
    shown = await_result.prediction(request)
    if taken is not None:
        auto_choice.judge(selection.dataset, taken)
    if shown is None:
        lead.html(_lead(words("map.waiting")))
        st.skeleton(height=MAP_HEIGHT)
        return
    sheet = _sheet(selection, shown, taken, words)
    limit = sheet.bound.value if sheet.bound else None
    numbers = cache.kept(
        ("summary", _identity(sheet, sheet.day), limit),
        lambda: summarise(sheet.result, cache.places(), limit=limit),
    )
    if numbers is None:
        lead.html(_lead(words("map.empty")))
        return
    lead.html(_lead(_said(sheet, numbers)))
    with tools:
        switch = st.container(width="content", key="overlay-switch")
        downloads.panel(shown.result, shown.request, sheet.info, numbers, words)
        provenance.panel(shown.result, sheet.info, words)
    _explore(sheet, _overlay(sheet, switch, st.container(key="overlay")))
    with st.container(key="stale" if shown.stale else "fresh"):
        table = judged.rows(shown.result)
        more = judged.card(table, words)
        map_cards.cards(numbers, sheet.bound, words, more=[more] if more else [])
        judged.section(table, downloads.file_name(shown.request, synthetic=info.synthetic), words)
        st.subheader(words("map.cities"), anchor=False)
        rate = partial(standard_limits.index, rules=sheet.rules, period=sheet.average, words=words)
        published = sheet.rules.index.published_as if sheet.rules.index else ""
        key = ("table", _identity(sheet, sheet.day), limit, sheet.rules.key, words.language)
        st.html(cache.kept(key, lambda: map_cards.table(numbers, rate, published, words)))


def _sheet(
    selection: Selection, shown: PredictionResult, taken: Taken | None, words: Words
) -> Sheet:
    """The result on the page. While a new one is made it may be of another dataset and day."""
    info = cache.info(shown.request.dataset)
    rules = standard_limits.standard(selection.standard, shown.request.date)
    if shown.stale or (taken is not None and taken.model != shown.request.model):
        taken = None  # what is on the page answers something else
    sheet = Sheet(info, shown, map_layers.one_step(shown.result), rules, None, words, taken)
    if sheet.average == "hour":  # never judged by the limit of a day
        return sheet
    return replace(sheet, bound=standard_limits.bound(rules, sheet.average, words))


def _said(sheet: Sheet, numbers: Summary) -> str:
    facts = map_sentence.facts(
        numbers, sheet.words, standard=sheet.bound.short if sheet.bound else ""
    )
    return f"{_stale(sheet)} {facts}" if sheet.shown.stale else facts


def _chosen(sheet: Sheet) -> None:
    """How detail was made and why, beside the map."""
    words = sheet.words
    if sheet.finer:
        why = judged.why(json.loads(str(sheet.result.attrs.get("choice", "{}"))), words)
    else:
        why = judged.why(sheet.taken.as_record(), words, kind="restore") if sheet.taken else ""
    if why:
        st.caption(markdown(why))
    if states := judged.states(sheet.result, words):
        st.warning(markdown(states), icon=":material/compress:")


def _stale(sheet: Sheet) -> str:
    """What is still on the page, while something else is being made."""
    model = sidebar.model_title(sheet.shown.request.model, sheet.words)
    return sheet.words("map.stale", when=sheet.when(sheet.day), model=model)


@st.fragment
def _explore(sheet: Sheet, over: Overlay | None) -> None:
    """The map and the series of what is clicked on it; a click draws this part alone."""
    with trouble.reporting(sheet.words):
        _chosen(sheet)
        state = _draw(sheet, over)
        _follow(state.day, sheet)
        if state.click is None:
            st.caption(sheet.words("map.series_hint"))
        else:
            _series(sheet, state.click, over)


def _overlay(sheet: Sheet, switch: DeltaGenerator, controls: DeltaGenerator) -> Overlay | None:
    """The map that the stations make by themselves, if it is wanted and made."""
    words, beside = sheet.words, sheet.beside
    if sheet.finer or sheet.info.kind != "stations" or beside is None:
        return None
    if sheet.info.period not in ("hour", "day"):
        return None
    with controls:
        wish = map_overlay.controls(words, switch)
        if wish.share is None:  # the page's own map is made from all stations
            return map_overlay.of_result(sheet.shown, wish.reach)
        grid = map_layers.grid_of(sheet.result, "pm2p5")
        try:
            over = map_overlay.made(wish, beside, sheet.day, grid, sheet.shown.request.model)
        except EngineError as error:
            trouble.sentence(error, words)
            return None
        if over is not None:
            model = sidebar.model_title(over.requested.request.model, words)
            st.caption(words("overlay.counts", model=model, **map_overlay.counts(over.map)))
    return over


def _draw(sheet: Sheet, over: Overlay | None) -> MapState:
    words = sheet.words
    period = "day" if sheet.average == "hour" else sheet.average  # an hour has the day's colours
    scale = standard_limits.scale(sheet.rules, period, words)
    model = sidebar.model_title(sheet.shown.request.model, words)
    days = map_layers.days(
        cache.dates(sheet.info.name),
        sheet.day,
        list(map_layers.rasters(sheet.result)),
        label=sheet.when,
        identity=partial(_identity, sheet),
        make=_maker(sheet),
        passing=await_result.quick(sheet.shown.request),
    )
    fade = over.fade if over is not None and sheet.info.kind == "stations" else None
    layers = map_layers.layers(sheet.result, period, words, scale, fade)
    stations = _stations(sheet, scale)
    if over is not None:
        days, layers = map_overlay.upon(over, days, layers, words, scale)
        stations = map_overlay.stations(over, days, stations)
    return linked_maps(
        "map-finer" if sheet.finer else "map",
        mode="three" if len(layers) > 2 else "two",
        days=days,
        layers=layers,
        show=map_overlay.shown_first(over, layers),
        day=sheet.day.isoformat(),
        stations=stations,
        labels={key: words(f"maps.{key}") for key in LABEL_KEYS},
        language=words.language,
        title=words("map.title", where=_where(sheet), when=sheet.when(sheet.day)),
        credit=words(
            "map.credit", model=model, source=sheet.info.source, licence=sheet.info.licence
        ),
        synthetic=sheet.info.synthetic,
        stale=_stale(sheet) if sheet.shown.stale else "",
        report_day=True,
    )


def _follow(day: str, sheet: Sheet) -> None:
    """Goes to the day that the map came to rest on.

    The map repeats the last day it spoke of at every rerun, so only a change of it is a wish.
    """
    before = st.session_state.get("map_day")
    st.session_state["map_day"] = day
    if before is not None and day not in (before, sheet.day.isoformat()):
        sidebar.wish(date=day)
        st.rerun()


def _lead(text: str) -> str:
    return f'<p class="airlens-lead">{html.escape(text)}</p>'


def _identity(sheet: Sheet, day: dt.date) -> str:
    """Everything that the values of a day depend on."""
    made = sheet.shown.result.attrs
    weights = made.get("weights_sha256", ""), made.get("airlens_version", "")
    return f"{sheet.info.checksum}|{weights}|{replace(sheet.shown.request, date=day)}"


def _maker(sheet: Sheet) -> Callable[[dt.date], xr.Dataset]:
    """What makes the result of a day when a browser asks for it; a kept one is at hand."""
    runs, request = cache.runs(), sheet.shown.request
    return lambda day: await_result.answer(runs, replace(request, date=day))


def _stations(sheet: Sheet, scale: Scale) -> Stations | None:
    """The stations of the dataset that stands beside the map's, over the map's days."""
    if sheet.beside is None:
        return None
    days = map_layers.window(cache.dates(sheet.info.name), sheet.day)
    identity = _identity(sheet, sheet.day)
    return map_stations.drawn(
        sheet.beside, days, sheet.day, sheet.average, sheet.result, identity, scale
    )


def _series(sheet: Sheet, click: Click, over: Overlay | None) -> None:
    """The clicked cell, the station nearest to it, and what the stations give there, over time."""
    words = sheet.words
    place = words(
        "units.place", latitude=f"{click.latitude:.2f}", longitude=f"{click.longitude:.2f}"
    )
    found = (
        _cell_line(sheet, click),
        _station_line(sheet, click),
        _predicted_line(sheet, click, over),
    )
    lines = [line for line in found if line]
    with st.container(key="series-panel"):
        st.subheader(words("map.series_here", place=markdown(place)), anchor=False)
        if not lines:
            st.caption(words("map.series_none"))
            return
        limit = sheet.bound.value if sheet.bound else None
        series.draw(lines, words, title=place, here=sheet.day, limit=limit, key="series")
        look.bring_into_view("series-panel", click.count)


def _cell_line(sheet: Sheet, click: Click) -> series.Line | None:
    if sheet.info.kind != "grid":
        return None
    cell = station_means.at_cell(
        cache.opened(sheet.info.name), click.latitude, click.longitude, sheet.day, SERIES_REACH
    )
    return None if cell is None else series.Line(sheet.words("map.series_known"), cell)


def _near(sheet: Sheet, click: Click, within: float) -> tuple[pd.DataFrame, int, float] | None:
    """The stations beside the map, which of them is nearest to a place, and how far it is, km."""
    beside = sheet.beside
    if beside is None:
        return None
    table = cache.station_table(beside)
    found = station_means.nearest(
        table["latitude"].to_numpy(), table["longitude"].to_numpy(), click.latitude, click.longitude
    )
    return None if found is None or found[1] > within else (table, *found)


def _station_line(sheet: Sheet, click: Click) -> series.Line | None:
    beside, found = sheet.beside, _near(sheet, click, STATION_KM)
    if beside is None or found is None:
        return None
    table, index, km = found
    dates = _dates_around(sheet)
    values = cache.averages(beside, tuple(dates), sheet.info.period)[:, index]
    title = sheet.words(
        "map.series_station", name=table["name"].iloc[index], km=sheet.words.number(km, 1)
    )
    return series.Line(title, station_means.Series(tuple(dates), tuple(float(v) for v in values)))


def _predicted_line(sheet: Sheet, click: Click, over: Overlay | None) -> series.Line | None:
    """AQ-Net's estimate at the place; of a station without its own readings."""
    if over is None or over.requested.request.model != "aqnet":
        return None
    near, dates = _near(sheet, click, AT_STATION_KM), tuple(_dates_around(sheet))
    latitude, longitude, without = click.latitude, click.longitude, None
    title = sheet.words("overlay.here")
    if near is not None:
        row = near[0].iloc[near[1]]
        latitude, longitude, without = row["latitude"], row["longitude"], row["id"]
        title = sheet.words("overlay.at", name=row["name"])
    wish = study_runs.Place(over.requested.request, dates, latitude, longitude, without)
    made = study_runs.predicted_at(wish, slot="place")
    if made is None or made.stale:
        return None
    value, low, high = (
        station_means.Series(dates, tuple(float(v) for v in made.result[name].values))
        for name in ("pm2p5", "low", "high")
    )
    return series.Line(title, value, (low, high))


def _dates_around(sheet: Sheet) -> list[dt.date]:
    dates = list(cache.dates(sheet.info.name))
    at = dates.index(sheet.day)
    return dates[max(0, at - SERIES_REACH) : at + SERIES_REACH + 1]


def _where(sheet: Sheet) -> str:
    requested = sheet.shown.request
    return sidebar.place_title(requested.dataset, requested.region, sheet.words)
