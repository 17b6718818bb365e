"""The series of a place that was clicked: its cell, and the station near by.

Plotly is imported when the first series is drawn, not before: it is most of a page's weight.
"""

import datetime as dt
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from app.i18n import Words
from app.style import look
from app.style.safe_text import plotly
from engine.data.station_means import Series

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 260
# Distinguished by dash and marker too, not by colour alone. Chosen for both themes' grounds.
STYLES = (
    {"color": "#0f8aa3", "dash": "solid", "symbol": "circle"},
    {"color": "#c2571a", "dash": "dot", "symbol": "square"},
    {"color": "#9a63d0", "dash": "dashdot", "symbol": "diamond"},
)
BAND = "rgba(154, 99, 208, .25)"


@dataclass(frozen=True)
class Line:
    """One line of the chart.

    Attributes:
        title: As people read it.
        series: Its values.
        band: Lower and upper end of an interval at each date, or None.
    """

    title: str
    series: Series
    band: tuple[Series, Series] | None = None


def draw(
    lines: list[Line], words: Words, *, title: str, here: dt.date, limit: float | None, key: str
) -> None:
    """The chart, with a sentence for those who do not see it."""
    figure = chart(lines, words, here=here, limit=limit)
    st.plotly_chart(
        figure,
        key=key,
        config={"displayModeBar": False},
        alt=describe(lines[0], words, title=title) if lines else title,
    )


def chart(lines: list[Line], words: Words, *, here: dt.date, limit: float | None) -> "go.Figure":
    """Lines over time, the day of the map and the limit marked."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for line, style in zip(lines, STYLES, strict=False):
        if line.band is not None:
            _band(figure, line.band, words)
        figure.add_scatter(
            x=list(line.series.dates),
            y=[None if math.isnan(v) else v for v in line.series.values],
            name=plotly(line.title),
            mode="lines+markers",
            line={"color": style["color"], "dash": style["dash"], "width": 1.8},
            marker={"symbol": style["symbol"], "size": 4},
            hovertemplate="%{y:.1f}<extra>%{fullData.name}</extra>",
        )
    figure.add_vline(x=here.isoformat(), line={"width": 1, "dash": "dash", "color": "gray"})
    if limit is not None:
        figure.add_hline(
            y=limit,
            line={"width": 1, "color": "#b3261e"},
            annotation_text=words("map.series_limit", limit=words.number(limit)),
            annotation_position="top left",
        )
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 0, "t": 28, "b": 0},
        font={"family": look.FONT},
        showlegend=True,
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        yaxis={"title": words("units.pm2p5_unit"), "rangemode": "tozero"},
        xaxis={"tickformat": words("units.tick")},
    )
    return figure


def _band(figure: "go.Figure", band: tuple[Series, Series], words: Words) -> None:
    """The interval as a band; it is broken where there is no prediction."""
    for n, end in enumerate(band):
        figure.add_scatter(
            x=list(end.dates),
            y=[None if math.isnan(v) else v for v in end.values],
            mode="lines",
            line={"width": 0},
            fill="tonexty" if n else None,
            fillcolor=BAND,
            name=words("overlay.band"),
            showlegend=bool(n),
            hovertemplate="%{y:.1f}<extra>" + words(f"overlay.end_{n}") + "</extra>",
        )


def describe(line: Line, words: Words, *, title: str) -> str:
    """The line in a sentence."""
    known = [v for v in line.series.values if not math.isnan(v)]
    if not known:
        return title
    return words(
        "map.series_alt",
        title=title,
        n=len(known),
        first=words.date(line.series.dates[0]),
        last=words.date(line.series.dates[-1]),
        low=words.number(min(known), 1),
        high=words.number(max(known), 1),
    )
