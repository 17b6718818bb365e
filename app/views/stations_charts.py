"""Charts and tables of the page Stations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
import xarray as xr
from numpy.typing import NDArray

from app.charts import charts, tables
from app.charts.charts import Curve
from app.i18n import Words
from app.jobs.study_runs import Study, Withheld
from app.views import errors_charts, scene
from app.views.scene import Scene
from engine.data import station_means
from engine.verify.metrics import score_valid

Values = NDArray[np.floating]

FEWEST_FOR_CORRELATION = 3


@dataclass(frozen=True)
class Score:
    """How well a map predicts one station it has not seen, over time; ug m-3.

    Attributes:
        name: Of the station.
        dates: Dates with a reading.
        of: Dates in the range.
        bias: Mean error.
        mae: Mean absolute error.
        rmse: Root mean square error.
        correlation: Pearson's correlation, NaN under three dates.
    """

    name: str
    dates: int
    of: int
    bias: float
    mae: float
    rmse: float
    correlation: float


def score(name: str, observed: Values, predicted: Values) -> Score:
    """The score of one station from its series, NaN where either is missing."""
    valid = int(np.isfinite(observed).sum())
    found = score_valid(predicted, observed)
    few = found["n"] < FEWEST_FOR_CORRELATION
    return Score(
        name,
        valid,
        len(observed),
        float(found["bias"]),
        float(found["mae"]),
        float(found["rmse"]),
        float("nan") if few else float(found["correlation"]),
    )


def of_the_day(shown: xr.Dataset, about: Scene, requested: Withheld) -> None:
    """The map against the stations it was not given, and all left out in turn, on one date."""
    words = about.words
    observed = shown["observed"].values
    out = ~shown["used"].values
    rows = []
    if out.any():
        rows.append((words("stations.withheld"), observed[out], shown["analysed"].values[out]))
    used = ~out
    rows.append((words("stations.left_out"), observed[used], shown["leave_one_out"].values[used]))
    cells = []
    for title, known, predicted in rows:
        found = score(title, known, predicted)
        both = np.isfinite(known) & np.isfinite(predicted)
        cells.append((title, words.number(both.sum()), *_cells(found, words)))
    head = tuple(
        words(f"stations.head_{c}") for c in ("who", "stations", "bias", "mae", "rmse", "r")
    )
    caption = words(
        "stations.day_caption",
        when=about.when(requested.request.date),
        model=about.model(requested.request.model),
    )
    tables.draw(tables.Table(caption, head, tuple(cells)))


def over_time(evidence: xr.Dataset, about: Scene, requested: Study) -> None:
    """Series of one station beside the scores of all."""
    words = about.words
    observed, left_out = evidence["observed"].values, evidence["left_out"].values
    names = [str(n) for n in evidence["name"].values]
    found = [score(name, observed[:, n], left_out[:, n]) for n, name in enumerate(names)]
    ids = [str(i) for i in evidence["station"].values]
    left, right = st.columns([0.56, 0.44], gap="medium")
    with right:
        _scores(found, evidence, about, requested)
    with left:
        station = _chosen(ids, names, words)
        _series(evidence, station, found[station], about, requested)


def _chosen(ids: Sequence[str], names: Sequence[str], words: Words) -> int:
    """The station of the series: the one clicked on the map, or chosen here."""
    title = dict(zip(ids, names, strict=True))
    chosen = scene.choose(
        "station",
        words("stations.station"),
        tuple(ids),
        ids[0],
        lambda i: title.get(i, i),
        many=True,
    )
    return list(ids).index(chosen)


def _series(evidence: xr.Dataset, n: int, found: Score, about: Scene, requested: Study) -> None:
    words = about.words
    days = station_means.local_days(evidence).tolist()
    curves = [
        Curve(words(f"stations.{key}"), days, evidence[name].values[:, n].tolist())
        for key, name in (
            ("observed", "observed"),
            ("left_out_curve", "left_out"),
            ("analysed", "analysed"),
        )
    ]
    limit = None
    if about.bound is not None:
        limit = (
            about.bound.value,
            words("map.series_limit", limit=words.concentration(about.bound.value)),
        )
    figure = charts.lines(curves, x="", y=words("units.pm2p5_unit"), limit=limit)
    figure.update_xaxes(tickformat=words("units.tick"))
    st.plotly_chart(
        figure,
        key="station-series",
        config=errors_charts.CONFIG,
        alt=charts.describe_lines(curves, words, title=found.name),
    )
    scene.note(
        words(
            "stations.series_text",
            name=found.name,
            n=found.dates,
            of=found.of,
            share=words.number(100 * found.dates / found.of) if found.of else "–",
            span=about.span(requested.dates),
        )
    )


def _scores(found: Sequence[Score], evidence: xr.Dataset, about: Scene, requested: Study) -> None:
    words = about.words
    order = sorted(found, key=lambda s: -np.nan_to_num(s.rmse))
    head = tuple(
        words(f"stations.head_{c}") for c in ("name", "complete", "bias", "mae", "rmse", "r")
    )
    rows = tuple(
        (s.name, f"{words.number(100 * s.dates / s.of)} %", *_cells(s, words)) for s in order
    )
    caption = words(
        "stations.scores_caption",
        span=about.span(requested.dates),
        model=about.model(requested.request.model),
        n=words.number(sum(s.dates for s in found)),
    )
    tables.draw(tables.Table(caption, head, rows), height="24rem")
    tables.download(
        words("study.csv"),
        "leave-one-out",
        ("station", "dates", "of", "bias", "mae", "rmse", "correlation"),
        [tuple(s.__dict__.values()) for s in order],
        errors_charts.notes(evidence, about, requested),
        key="csv-leave-one-out",
    )


def _cells(found: Score, words: Words) -> tuple[str, ...]:
    return (
        words.signed(found.bias, 1),
        words.number(found.mae, 1),
        words.number(found.rmse, 1),
        words.number(found.correlation, 2),
    )
