"""Compare: any two runs, dates or models side by side, with what sets them apart in numbers."""

import datetime as dt
from dataclasses import replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.frame import sidebar
from app.frame.choices import PageChoices
from app.jobs import await_result, cache
from app.jobs.await_result import PredictionResult
from app.maps.layers import Day, RasterLayer
from app.maps.store import publish
from app.request.selection import Selection, nearest, request_of
from app.style import palette
from app.style.palette import Scale
from app.style.safe_text import markdown
from app.views import compare_numbers, map_layers, scene
from app.views.compare_numbers import Side
from app.views.scene import Scene
from engine.core.grid import Grid
from engine.core.task import TaskName

TASKS: tuple[TaskName, ...] = ("super-resolution", "reanalysis")
MAP_KEY = "compare-map"


def render(selection: Selection) -> None:
    """Draws the page."""
    about = scene.scene(selection)
    words = about.words
    st.title(words("compare.title", where=markdown(about.where)), anchor=False)
    other = _other(selection, about)
    one = await_result.prediction(request_of(selection), slot="compare-a")
    two = await_result.prediction(request_of(other), slot="compare-b")
    if one is None or two is None:
        scene.waiting(words)
        return
    a, b = _side("A", selection, one), _side("B", other, two)
    with st.container(key="stale" if one.stale or two.stale else "fresh"):
        _maps(a, b)
        compare_numbers.draw(a, b)


def _other(selection: Selection, about: Scene) -> Selection:
    """What B is: its own dataset, date and model, chosen on the page."""
    words, choices = about.words, PageChoices(TASKS)
    with st.container(horizontal=True, vertical_alignment="bottom", key="study-controls"):
        st.markdown(
            words(
                "compare.a_is",
                model=about.model(selection.model),
                when=about.when(selection.day),
            )
        )
        dataset = scene.choose(
            "b.dataset",
            words("compare.b_dataset"),
            tuple(choices.datasets()),
            selection.dataset,
            lambda name: sidebar.dataset_title(name, words),
            many=True,
        )
        date = _date(dataset, selection, about)
        models = tuple(choices.models(dataset))
        # What a map is first held against: plain interpolation, else the next best.
        rest = [m for m in ("bicubic", *models) if m in models and m != selection.model]
        rest = rest or list(models)
        model = scene.choose(
            "b.model", words("compare.b_model"), models, rest[0], about.model, many=True
        )
    return replace(selection, dataset=dataset, date=date, model=model)


def _date(dataset: str, selection: Selection, about: Scene) -> dt.date:
    """B's date: A's as long as nobody chooses another, so that both step together."""
    dates, period = cache.dates(dataset), cache.info(dataset).period
    same = about.words("compare.same_date")
    chosen = scene.choose(
        "b.date",
        about.words("compare.b_date"),
        ("", *(day.isoformat() for day in dates)),
        "",
        lambda text: about.words.short_date(dt.date.fromisoformat(text), period) if text else same,
        many=True,
    )
    if chosen:
        return dt.date.fromisoformat(chosen)
    return selection.day if selection.day in dates else nearest(selection.day, dates)[0]


def _side(letter: str, selection: Selection, shown: PredictionResult) -> Side:
    requested = shown.request  # of an earlier wish, while a new one is made
    about = scene.scene(
        replace(
            selection,
            dataset=requested.dataset,
            date=requested.date,
            model=requested.model,
            region=requested.region,
        )
    )
    step = map_layers.one_step(shown.result)
    return Side(letter, about, shown, step, map_layers.grid_of(step, "pm2p5"))


def _maps(a: Side, b: Side) -> None:
    """A, B and, on one grid, B minus A, linked; the other layers can be chosen in each."""
    about, words = a.about, a.about.words
    rasters: dict[str, str] = {}
    layers: list[RasterLayer] = []

    def add(name: str, values: NDArray[np.floating], grid: Grid, scale: Scale, title: str) -> None:
        rasters[name] = publish(values)
        layers.append(RasterLayer(name, title, grid, scale, title))

    add("a", a.values, a.grid, a.about.scale, a.title)
    add("b", b.values, b.grid, b.about.scale, b.title)
    same = a.grid == b.grid
    if same:
        unit = words("units.symbol")
        scale = palette.bias(about.average, unit=unit, title=words("compare.difference"))
        add("difference", b.values - a.values, a.grid, scale, words("compare.difference"))
    for side in (a, b):
        for name in ("coarse", "target"):
            if name in side.map:
                add(
                    f"{side.letter.lower()}-{name}",
                    side.map[name].values,
                    map_layers.grid_of(side.map, name),
                    side.about.scale,
                    words(f"compare.{name}", letter=side.letter),
                )
    show = ["a", "b", "difference"] if same else ["a", "b"]
    key = f"{a.shown.request.date}"
    scene.draw_map(
        about,
        MAP_KEY,
        days=[Day(key, about.when(a.shown.request.date), rasters)],
        layers=layers,
        mode="three" if same else "two",
        show=show,
        title=words("compare.title", where=about.where),
        model=f"{a.title}; {b.title}",
        stale=a.shown.stale or b.shown.stale,
    )
    if not same:
        scene.note(words("compare.grids"))
