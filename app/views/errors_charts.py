"""The charts and tables of the page Errors, from gathered evidence."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
import xarray as xr
from numpy.typing import NDArray

from app.charts import charts, tables
from app.frame import sidebar
from app.i18n import Words
from app.jobs import cache, study_runs
from app.jobs.study_runs import Study
from app.views import scene
from app.views.scene import Scene
from engine.core.schema import grid_of
from engine.inference import catalogue
from engine.verify import bootstrap
from engine.verify.diagnostics import (
    Bin,
    Taylor,
    by_concentration,
    by_covariate,
    categories,
    city_density,
    distance_to_others,
    distance_to_station,
    taylor,
)
from engine.verify.evidence import SCORES
from engine.verify.metric_tables import DIFFERENCES, NUMBERS, SHARES

DISTANCES = (0, 5, 10, 20, 40, 80, np.inf)  # km
DENSITIES = (0, 1, 10, 100, 500, np.inf)  # people of listed cities per km²
# Shown beside the chosen model from the start: they learn nothing and so cost nothing.
COMPARED = ("copy", "bilinear", "bicubic", "idw")
CONFIG = {"displayModeBar": False}


def draw(evidence: xr.Dataset, about: Scene, requested: Study) -> None:
    """Scatter, Taylor diagram, error by circumstances, scores."""
    words = about.words
    left, right = st.columns(2, gap="medium")
    with left:
        st.subheader(words("errors.scatter"), anchor=False)
        _scatter(evidence, words)
    with right:
        st.subheader(words("errors.taylor"), anchor=False)
        _taylor(evidence, about, requested)
    st.subheader(words("errors.circumstances"), anchor=False)
    _circumstances(evidence, about, requested)
    st.subheader(words("errors.scores"), anchor=False)
    _scores(evidence, about, requested)


def notes(evidence: xr.Dataset, about: Scene, requested: Study) -> list[str]:
    """What a CSV says of itself: in English, since programs read it."""
    made = evidence.attrs
    return [
        f"AirLens {made.get('airlens_version', '')}, {made.get('created', '')}",
        f"{'DEMO: simulated data. ' if about.info.synthetic else ''}dataset {about.info.name}, "
        f"checksum {about.info.checksum}",
        f"source {about.info.source}; licence {about.info.licence}",
        f"model {requested.request.model} {made.get('model_version', '')}, weights "
        f"{made.get('weights_sha256', '')}, seed {requested.request.seed}",
        f"region {requested.request.region}, {requested.dates[0]} to {requested.dates[-1]}, "
        f"{len(requested.dates)} dates, {made.get('dates_in_training', 0)} in the training period",
        "PM2.5 in ug m-3; error = model - known value",
    ]


def _scatter(evidence: xr.Dataset, words: Words) -> None:
    total = evidence["by_day"].values.sum(axis=0)
    within = words.number(100 * float(SCORES["fac2"](total)), 1)
    r = words.number(float(SCORES["correlation"](total)), 3)
    text = words("errors.scatter_text", n=words.number(total[0]), fac2=within, r=r)
    st.plotly_chart(charts.scatter(evidence, words), key="scatter", config=CONFIG, alt=text)
    scene.note(text)


def _taylor(evidence: xr.Dataset, about: Scene, requested: Study) -> None:
    words, request = about.words, requested.request
    entry = catalogue.find(request.model)
    able = [
        other.name
        for other in catalogue.MODELS.values()
        if other.task == entry.task and about.info.kind in other.kinds
    ]
    others = [name for name in able if name != request.model]
    chosen = st.multiselect(
        words("errors.with"),
        others,
        default=[name for name in COMPARED if name in others][:2],
        max_selections=len(charts.COLOURS) - 1,
        format_func=about.model,
        key="taylor-models",
        placeholder=words("errors.with_none"),
    )
    found = [(about.model(request.model), taylor(evidence))]
    for name in chosen:
        made = study_runs.evidence(study_runs.with_model(requested, name), slot=f"taylor-{name}")
        if made is not None and not made.stale:
            found.append((about.model(name), taylor(made.result)))
    text = words("study.join").join(_taylor_text(name, t, words) for name, t in found)
    st.plotly_chart(charts.taylor(found, words), key="taylor", config=CONFIG, alt=text)
    scene.note(words("errors.taylor_help"))


def _taylor_text(name: str, found: Taylor, words: Words) -> str:
    return words(
        "errors.taylor_text",
        name=name,
        r=words.number(found.correlation, 2),
        spread=words.number(found.spread, 2),
        distance=words.number(found.distance, 2),
    )


def _circumstances(evidence: xr.Dataset, about: Scene, requested: Study) -> None:
    words = about.words
    shown: list[tuple[str, Sequence[Bin], int, str]] = [
        ("concentration", by_concentration(evidence), 0, ""),
    ]
    distance, note = _distance(evidence, about)
    if distance is not None:
        shown.append(("distance", by_covariate(evidence, distance, DISTANCES), 0, note))
    if "latitude" in evidence.dims and cache.places():
        density = _density(evidence)
        shown.append(("urban", by_covariate(evidence, density, DENSITIES), 0, ""))
    for (name, bins, digits, extra), column in zip(shown, st.columns(len(shown)), strict=True):
        with column:
            title = words(f"errors.by_{name}")
            st.plotly_chart(
                charts.bars([b for b in bins if b.n], words, x=title, digits=digits),
                key=f"by-{name}",
                config=CONFIG,
                alt=charts.describe_bars(bins, words, title=title, digits=digits),
            )
            scene.note(words(f"errors.by_{name}_help", stations=extra))
            tables.download(
                words("study.csv"),
                f"error-by-{name}",
                ("low", "high", "pairs", *DIFFERENCES),
                [(b.low, b.high, b.n, b.bias, b.mae, b.rmse) for b in bins],
                notes(evidence, about, requested),
                key=f"csv-{name}",
            )


def _distance(evidence: xr.Dataset, about: Scene) -> tuple[NDArray[np.float64] | None, str]:
    """Distance to the nearest station that is not the place itself, and whose stations."""
    if "station" in evidence.dims:
        found = distance_to_others(evidence["latitude"].values, evidence["longitude"].values)
        return found, sidebar.dataset_title(about.info.name, about.words)
    beside = cache.stations_beside(about.info.name)
    if beside is None:
        return None, ""
    table = cache.station_table(beside)
    grid = grid_of(evidence)
    found = cache.kept(
        ("distance", grid, cache.info(beside).checksum),
        lambda: distance_to_station(
            grid, table["latitude"].to_numpy(), table["longitude"].to_numpy()
        ),
    )
    return found, sidebar.dataset_title(beside, about.words)


def _density(evidence: xr.Dataset) -> NDArray[np.float64]:
    grid, cities = grid_of(evidence), cache.places()
    return cache.kept(
        ("density", grid),
        lambda: city_density(
            grid,
            np.array([c.latitude for c in cities]),
            np.array([c.longitude for c in cities]),
            np.array([c.population for c in cities], dtype=np.float64),
        ),
    )


def _scores(evidence: xr.Dataset, about: Scene, requested: Study) -> None:
    words, sums = about.words, evidence["by_day"].values
    rows, plain = [], []
    for name, metric in SCORES.items():
        found = bootstrap.interval(sums, metric, seed=requested.request.seed)
        factor, digits, unit = _unit(name, words)
        ends = [words.number(factor * v, digits) for v in (found.low, found.high)]
        between = words("errors.between", low=ends[0], high=ends[1])
        known = np.isfinite(found.low)
        rows.append(
            (
                words(f"scores.{name}"),
                words.number(factor * found.value, digits),
                between if known else words("units.none"),
                unit,
            )
        )
        plain.append((name, found.value, found.low, found.high, found.days, found.block))
    head = tuple(words(f"scores.{c}") for c in ("score", "value", "interval", "unit"))
    caption = words(
        "errors.scores_caption",
        n=words.number(sums[:, 0].sum()),
        span=about.span(requested.dates),
        model=about.model(requested.request.model),
    )
    left, right = st.columns([0.6, 0.4], gap="medium")
    with left:
        tables.draw(tables.Table(caption, head, tuple(rows)))
        scene.note(_interval_text(sums, words))
        tables.download(
            words("study.csv"),
            "scores",
            ("score", "value", "low", "high", "days", "block"),
            plain,
            notes(evidence, about, requested),
            key="csv-scores",
        )
    with right:
        _categories(evidence, about, requested)


def _unit(name: str, words: Words) -> tuple[float, int, str]:
    """Factor, decimals and unit of a score."""
    if name in SHARES:
        return 100.0, 1, "%"
    return (1.0, 3, "") if name in NUMBERS else (1.0, 2, words("units.ug_m3"))


def _interval_text(sums: NDArray[np.float64], words: Words) -> str:
    days = int((sums[:, 0] > 0).sum())
    if days < 3:
        return words("errors.no_interval")
    return words(
        "errors.interval_text", block=bootstrap.block_length(days), draws=words.number(1000)
    )


def _categories(evidence: xr.Dataset, about: Scene, requested: Study) -> None:
    words = about.words
    if about.bound is None:
        st.markdown(words("errors.no_limit"))
        return
    found = categories(evidence, about.bound.value)
    limit = words.concentration(about.bound.value)
    rows = [
        (words(f"scores.{name}"), words.number(100 * value, 1) + (" %" if value == value else ""))
        for name, value in (("pod", found.pod), ("far", found.far), ("csi", found.csi))
    ]
    counted = zip(
        ("hits", "misses", "false_alarms", "others"),
        (found.hits, found.misses, found.false_alarms, found.others),
        strict=True,
    )
    rows += [(words(f"errors.{name}"), words.number(count)) for name, count in counted]
    caption = words("errors.categories_caption", limit=limit, standard=about.bound.short)
    head = (words("errors.category"), words("scores.value"))
    tables.draw(tables.Table(caption, head, tuple(rows)))
    scene.note(about.bound.full)
    tables.download(
        words("study.csv"),
        "categories",
        ("limit_ug_m3", "hits", "misses", "false_alarms", "others", "pod", "far", "csi"),
        [
            (
                about.bound.value,
                found.hits,
                found.misses,
                found.false_alarms,
                found.others,
                found.pod,
                found.far,
                found.csi,
            )
        ],
        notes(evidence, about, requested),
        key="csv-categories",
    )
