"""Errors: where a model is wrong, by how much, for how long, and under which circumstances."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
import xarray as xr
from numpy.typing import NDArray

from app.charts import tables
from app.frame import trouble
from app.i18n import Words
from app.jobs import cache, study_runs
from app.jobs.study_runs import Study
from app.maps.component import Fly
from app.maps.layers import Day, RasterLayer
from app.maps.store import publish
from app.request.selection import Selection, request_of
from app.style import palette
from app.style.palette import Scale
from app.style.safe_text import markdown
from app.views import errors_charts, map_layers, scene
from app.views.scene import Scene
from engine.core.grid import Grid
from engine.core.schema import grid_of
from engine.verify.diagnostics import mean_error
from engine.verify.evidence import at_places
from engine.verify.hotspots import Hotspot, hotspots
from engine.verify.metric_tables import DIFFERENCES
from engine.verify.metrics import METRICS, take

MEASURES = ("bias", "absolute", "relative")
STEPS = {"month": (1, 3, 6, 12, 24), "day": (1, 3, 7, 14, 31), "hour": (1, 3, 7, 14, 31)}
# Relative errors below it say more about the denominator than about the model, ug m-3.
FLOOR = 10.0
THRESHOLD = {"month": 5.0, "day": 10.0, "hour": 10.0}
FLY_ZOOM = 7.5
HOTSPOTS_SHOWN = 6  # more of them scroll
HOTSPOTS_HEIGHT = 330


@dataclass(frozen=True)
class Findings:
    """What the page shows.

    Attributes:
        about: The scene.
        requested: The study that the evidence is of.
        evidence: From `engine.verify.evidence.gather`.
        measure: Of error, one of `MEASURES`.
        threshold: Error that makes a hotspot, ug m-3.
        stale: Whether the evidence is of an earlier study.
    """

    about: Scene
    requested: Study
    evidence: xr.Dataset
    measure: str
    threshold: float
    stale: bool

    @property
    def pairs(self) -> int:
        """Pairs of prediction and target."""
        return int(self.evidence["by_day"].values[:, 0].sum())

    @property
    def gridded(self) -> bool:
        """Whether the pairs are cells of a grid; else they are stations."""
        return "latitude" in self.evidence.dims


def render(selection: Selection) -> None:
    """Draws the page."""
    about = scene.scene(selection)
    words = about.words
    st.title(words("errors.title", where=markdown(about.where)), anchor=False)
    steps, measure, threshold = _controls(about)
    dates = study_runs.last_dates(cache.dates(selection.dataset), selection.day, steps)
    made = study_runs.evidence(Study(request_of(selection), dates), slot="errors")
    if made is None or not isinstance(made.requested, Study):
        scene.waiting(words)
        return
    found = Findings(about, made.requested, made.result, measure, threshold, made.stale)
    if not found.pairs:
        st.info(words("study.no_target"), icon=":material/info:")
        return
    scene.note(_summary(found))
    with st.container(key="stale" if made.stale else "fresh"):
        _where(found)
        errors_charts.draw(found.evidence, about, found.requested)


def _controls(about: Scene) -> tuple[int, str, float]:
    """Steps of the range, measure of error, threshold of a hotspot."""
    words, period = about.words, about.average
    with st.container(horizontal=True, vertical_alignment="bottom", key="study-controls"):
        steps = scene.choose(
            "range",
            words("study.range"),
            STEPS[period],
            1,
            lambda n: words.count(f"study.steps_{period}", n),
        )
        measure = scene.choose(
            "measure", words("errors.measure"), MEASURES, "bias", lambda m: words(f"errors.{m}")
        )
        threshold = st.number_input(
            words("errors.threshold"),
            1.0,
            200.0,
            THRESHOLD[period],
            1.0,
            format="%.0f",
            key="threshold",
            width=190,
            bind="query-params",
        )
    return steps, measure, float(threshold)


def _summary(found: Findings) -> str:
    """Pairs, period, dataset and model in one line."""
    words, about = found.about.words, found.about
    key = "errors.evidence_cells" if found.gridded else "errors.evidence_stations"
    text = words(
        key,
        span=about.span(found.requested.dates),
        pairs=words.count("study.pairs", found.pairs),
    )
    made = scene.source(about, found.requested.request.model, found.evidence.attrs)
    return words("study.join").join((text, made))


@st.fragment
def _where(found: Findings) -> None:
    """Map and hotspots; choosing one draws this part alone."""
    words = found.about.words
    with trouble.reporting(words):
        if not found.gridded:
            _stations(found)
            return
        grid = grid_of(found.evidence)
        spots = _spots(found, grid)
        fields, beside = st.columns([0.66, 0.34], gap="small")
        with beside:
            _list(spots, found)
        with fields:
            _map(found, grid)


def _map(found: Findings, grid: Grid) -> None:
    about, words = found.about, found.about.words
    wanted = {m: mean_error(found.evidence, m, floor=FLOOR) for m in MEASURES}
    totals = at_places(found.evidence)
    means = {"fine": "mean_prediction", "target": "mean_target"}
    values = wanted | {name: METRICS[mean](totals) for name, mean in means.items()}
    order = [found.measure, "fine", "target", *(m for m in MEASURES if m != found.measure)]
    key = found.requested.dates[-1].isoformat()
    scene.draw_map(
        about,
        "errors-map",
        days=[
            Day(
                key,
                about.span(found.requested.dates),
                {name: publish(values[name]) for name in order},
            )
        ],
        layers=[_layer(name, grid, about) for name in order],
        mode="single",
        show=order,
        title=words("errors.title", where=about.where),
        model=about.model(found.requested.request.model),
        fly=st.session_state.get("errors-fly"),
        stale=found.stale,
    )
    if found.measure == "relative":
        scene.note(words("errors.floor", floor=words.concentration(FLOOR)))


def _layer(name: str, grid: Grid, about: Scene) -> RasterLayer:
    words, unit = about.words, about.words("units.symbol")
    period = about.average
    scales: dict[str, Scale] = {
        "bias": palette.bias(period, unit=unit, title=words("errors.bias")),
        "absolute": palette.absolute_error(period, unit=unit, title=words("errors.absolute")),
        "relative": palette.relative_bias(title=words("errors.relative")),
    }
    titles = {"fine": "map.fine", "target": "map.target"}
    key = titles.get(name, f"errors.{name}")
    title = words(key, km=words.number(map_layers.cell_km(grid)))
    short = words(f"{titles[name]}_short") if name in titles else title
    return RasterLayer(name, title, grid, scales.get(name, about.scale), short)


def _spots(found: Findings, grid: Grid) -> tuple[Hotspot, ...]:
    """Hotspots of the mean error; made once for a study and a threshold."""
    identity = (found.evidence.attrs.get("created"), found.requested, found.threshold)
    return cache.kept(
        ("hotspots", identity),
        lambda: hotspots(
            mean_error(found.evidence, "bias"),
            grid,
            threshold=found.threshold,
            daily=found.evidence["daily_error"].values,
        ),
    )


def _list(spots: Sequence[Hotspot], found: Findings) -> None:
    words = found.about.words
    limit = words.concentration(found.threshold)
    st.subheader(words("errors.hotspots"), anchor=False)
    if not spots:
        st.markdown(words("errors.no_hotspots", limit=limit))
        return
    scene.note(words("errors.hotspots_help", limit=limit))
    many = len(spots) > HOTSPOTS_SHOWN
    with st.container(height=HOTSPOTS_HEIGHT if many else "content", border=False, key="hotspots"):
        for spot in spots:
            st.button(
                _spot(spot, words),
                key=f"spot-{spot.rank}",
                on_click=_fly,
                args=(spot,),
                width="stretch",
            )
    tables.download(
        words("study.csv"),
        "hotspots",
        list(Hotspot.__dataclass_fields__),
        [list(spot.__dict__.values()) for spot in spots],
        errors_charts.notes(found.evidence, found.about, found.requested),
        key="csv-hotspots",
    )


def _spot(spot: Hotspot, words: Words) -> str:
    lasted = words("errors.lasted", days=spot.days, of=spot.of_days) if spot.of_days > 1 else ""
    text = words(
        "errors.spot",
        rank=spot.rank,
        place=scene.near(spot.latitude, spot.longitude, words),
        sign=words("errors.too_high" if spot.sign > 0 else "errors.too_low"),
        mean=words.signed(spot.mean, 1),
        area=words.number(spot.area),
    )
    return f"{text} · {lasted}" if lasted else text


def _fly(spot: Hotspot) -> None:
    before: Fly | None = st.session_state.get("errors-fly")
    count = before.count + 1 if before else 1
    st.session_state["errors-fly"] = Fly(spot.peak_longitude, spot.peak_latitude, FLY_ZOOM, count)


def _stations(found: Findings) -> None:
    """Stations with their leave-one-out errors, where there is no map of errors."""
    about, words = found.about, found.about.words
    error = mean_error(found.evidence, found.measure, floor=FLOOR)
    order = np.argsort(-np.abs(np.nan_to_num(error)))
    table = at_places(found.evidence)
    rows = [_station_row(found.evidence, int(n), table, words) for n in order]
    head = tuple(words(f"errors.station_{c}") for c in ("name", "n", *DIFFERENCES))
    caption = words("errors.stations_caption", span=about.span(found.requested.dates))
    tables.draw(tables.Table(caption, head, tuple(rows)), height="26rem")
    tables.download(
        words("study.csv"),
        "station-errors",
        head,
        rows,
        errors_charts.notes(found.evidence, about, found.requested),
        key="csv-stations",
    )


def _station_row(
    evidence: xr.Dataset, n: int, totals: NDArray[np.float64], words: Words
) -> tuple[str, ...]:
    bias, mae, rmse = (float(METRICS[name](totals[n])) for name in DIFFERENCES)
    return (
        str(evidence["name"].values[n]),
        words.number(float(take(totals[n], "n"))),
        words.signed(bias, 1),
        words.number(mae, 1),
        words.number(rmse, 1),
    )
