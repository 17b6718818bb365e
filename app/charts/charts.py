"""Charts of the study pages: figures from evidence, and a sentence for those who do not see them.

Pure functions. Colours of ground, grid and text are left to Streamlit's theme, which sets them for
light and dark; lines and marks have colours that stand out from both, and differ in dash and
symbol too. Plotly is imported when the first figure is made.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from app.i18n import Words
from app.style import look
from app.style.palette import PURPLES
from app.style.safe_text import plotly
from engine.verify.diagnostics import Bin, Taylor
from engine.verify.evidence import STEP

if TYPE_CHECKING:
    import plotly.graph_objects as go

HEIGHT = 340
# At least 3:1 against both themes' grounds (tests/app/charts/test_charts.py computes it).
COLOURS = ("#0f8aa3", "#c2571a", "#8a63d2", "#4f8a3c", "#c4478f", "#8a7442")
DASHES = ("solid", "dot", "dash", "dashdot", "longdash", "longdashdot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
BAND = "rgba(15, 138, 163, 0.18)"
GREY = "#7d8a91"
RED = "#d0453b"
MOST_CELLS = 160  # of a side of a scatter density: finer than a pixel says nothing


@dataclass(frozen=True)
class Curve:
    """One line of a chart."""

    title: str
    x: Sequence[object]
    y: Sequence[float]


def base(figure: "go.Figure", *, x: str, y: str, height: int = HEIGHT) -> "go.Figure":
    """What all figures share."""
    figure.update_layout(
        height=height,
        margin={"l": 0, "r": 8, "t": 30, "b": 0},
        font={"family": look.FONT},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        xaxis={"title": plotly(x)},
        yaxis={"title": plotly(y)},
    )
    return figure


def lines(
    curves: Sequence[Curve],
    *,
    x: str,
    y: str,
    limit: tuple[float, str] | None = None,
    band: tuple[Curve, Curve] | None = None,
) -> "go.Figure":
    """Values over time or lead time; gaps stay gaps.

    Args:
        curves: At most six.
        x: Title of the axis.
        y: Title of the axis, with the unit.
        limit: A value to mark, and what to call it.
        band: Lower and upper edge of what is likely, drawn as an area.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    if band is not None:
        for edge, fill in zip(band, (None, "tonexty"), strict=True):
            figure.add_scatter(
                x=list(edge.x),
                y=[None if np.isnan(v) else float(v) for v in edge.y],
                name=plotly(edge.title),
                mode="lines",
                line={"width": 0.5, "color": COLOURS[0]},
                fill=fill,
                fillcolor=BAND,
                showlegend=fill is not None,
                hovertemplate="%{y:.1f}<extra>%{fullData.name}</extra>",
            )
    for n, curve in enumerate(curves[: len(COLOURS)]):
        figure.add_scatter(
            x=list(curve.x),
            y=[None if np.isnan(v) else float(v) for v in curve.y],
            name=plotly(curve.title),
            mode="lines+markers",
            line={"color": COLOURS[n], "dash": DASHES[n], "width": 1.8},
            marker={"symbol": SYMBOLS[n], "size": 5},
            hovertemplate="%{y:.1f}<extra>%{fullData.name}</extra>",
        )
    if limit is not None:
        figure.add_hline(
            y=limit[0],
            line={"width": 1, "color": RED},
            annotation_text=plotly(limit[1]),
            annotation_position="top left",
        )
    base(figure, x=x, y=y)
    figure.update_layout(hovermode="x unified", showlegend=True, yaxis_rangemode="tozero")
    return figure


def spectra(curves: Sequence[Curve], words: Words, *, cutoff: float) -> "go.Figure":
    """Power over wavelength, both logarithmic, long waves to the left; `cutoff` is marked."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for n, curve in enumerate(curves[: len(COLOURS)]):
        figure.add_scatter(
            x=list(curve.x),
            y=[float(v) if v > 0 else None for v in curve.y],
            name=plotly(curve.title),
            mode="lines",
            line={"color": COLOURS[n], "dash": DASHES[n], "width": 2},
            hovertemplate="%{y:.3g}<extra>%{fullData.name}</extra>",
        )
    figure.add_vline(x=cutoff, line={"width": 1, "dash": "dash", "color": GREY})
    # On a logarithmic axis plotly wants the logarithm for a text, though not for a line.
    figure.add_annotation(
        x=math.log10(cutoff),
        y=0,
        yref="paper",
        xanchor="right",
        yanchor="bottom",
        showarrow=False,
        text=words("charts.cutoff", km=words.number(cutoff)),
    )
    base(figure, x=words("charts.wavelength"), y=words("charts.power"))
    figure.update_xaxes(type="log", autorange="reversed", dtick="D2")
    figure.update_yaxes(type="log", exponentformat="power", dtick=1)
    figure.update_layout(hovermode="x unified", showlegend=True)
    return figure


def scatter(evidence: xr.Dataset, words: Words) -> "go.Figure":
    """Density of pairs of target and prediction, with the lines of 1:1 and of a factor of two."""
    import plotly.graph_objects as go

    counts, edges = _joint(evidence["histogram"].values)
    shown = np.where(counts > 0, np.log10(np.maximum(counts, 1)), np.nan)
    centres = (edges[:-1] + edges[1:]) / 2
    top = float(edges[-1])
    ticks = list(range(int(np.nanmax(shown, initial=0)) + 1))
    figure = go.Figure(
        go.Heatmap(
            x=centres,
            y=centres,
            z=shown.T,
            customdata=counts.T,
            colorscale=[[n / 7, colour] for n, colour in enumerate(PURPLES[1:])],
            colorbar={
                "title": {"text": words("charts.pairs"), "side": "right"},
                "tickvals": ticks,
                "ticktext": [words.number(10**t) for t in ticks],
                "thickness": 12,
            },
            hovertemplate=words("charts.scatter_hover"),
            hoverongaps=False,
        )
    )
    for slope, name in ((1.0, "1:1"), (0.5, "1:2"), (2.0, "2:1")):
        end = top / max(slope, 1.0)
        figure.add_scatter(
            x=[0, end],
            y=[0, end * slope],
            mode="lines",
            line={"color": GREY, "width": 1.5, "dash": "solid" if slope == 1 else "dash"},
            hoverinfo="skip",
            name=name,
        )
    base(figure, x=words("charts.target_axis"), y=words("charts.prediction_axis"))
    figure.update_xaxes(range=[0, top], constrain="domain")
    figure.update_yaxes(range=[0, top], scaleanchor="x", scaleratio=1, constrain="domain")
    figure.update_layout(showlegend=False, hovermode="closest")
    return figure


def _joint(histogram: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Counts over the range that holds data, in cells coarse enough to be seen, and their edges."""
    seen = np.flatnonzero(histogram.any(axis=0) | histogram.any(axis=1))
    last = int(seen[-1]) + 1 if seen.size else 1
    factor = -(-last // MOST_CELLS)
    size = -(-last // factor) * factor
    padded = np.zeros((size, size), dtype=np.int64)
    part = histogram[:size, :size]
    padded[: part.shape[0], : part.shape[1]] = part
    blocks = padded.reshape(size // factor, factor, size // factor, factor).sum(axis=(1, 3))
    edges = np.arange(size // factor + 1, dtype=np.float64) * (factor * STEP)
    return blocks, edges


def bars(bins: Sequence[Bin], words: Words, *, x: str, digits: int = 0) -> "go.Figure":
    """Bias and RMSE by class of a covariate; what a bar rests on is in the hover and the table."""
    import plotly.graph_objects as go

    names = bin_names(bins, words, digits)
    figure = go.Figure()
    for n, (key, values) in enumerate(
        (("scores.bias", [b.bias for b in bins]), ("scores.rmse", [b.rmse for b in bins]))
    ):
        figure.add_bar(
            x=names,
            y=[None if np.isnan(v) else v for v in values],
            name=words(key),
            marker={"color": COLOURS[n], "pattern": {"shape": ("", "/")[n], "solidity": 0.2}},
            customdata=[words.number(b.n) for b in bins],
            hovertemplate="%{y:.2f} (n %{customdata})<extra>%{fullData.name}</extra>",
        )
    base(figure, x=x, y=words("charts.error_axis"), height=300)
    figure.update_layout(barmode="group", bargap=0.25, showlegend=True, hovermode="x unified")
    figure.update_xaxes(type="category", tickangle=-40, tickfont={"size": 11})
    return figure


def bin_names(bins: Sequence[Bin], words: Words, digits: int = 0) -> list[str]:
    """Bounds of classes, as people read them."""
    return [
        f"{words.number(b.low, digits)}–{words.number(b.high, digits)}"
        if np.isfinite(b.high)
        else f"≥ {words.number(b.low, digits)}"
        for b in bins
    ]


def taylor(models: Sequence[tuple[str, Taylor]], words: Words) -> "go.Figure":
    """Taylor's diagram: correlation is the angle, spread the radius, the target a star at (1, 0).

    The distance to the star is the centred RMSE over the target's standard deviation.
    """
    import plotly.graph_objects as go

    known = [(name, t) for name, t in models if np.isfinite([t.correlation, t.spread]).all()]
    wide = any(t.correlation < 0 for _, t in known)
    top = max([1.25, *(1.1 * t.spread for _, t in known)])
    marks = [0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99, 1.0]
    marks += [-m for m in marks[1:]] if wide else []
    figure = go.Figure()
    for radius in (0.25, 0.5, 0.75, 1.0):  # circles of equal centred RMSE around the star
        angle = np.linspace(0, np.pi, 90)
        x, y = 1 + radius * np.cos(angle), radius * np.sin(angle)
        inside = (np.hypot(x, y) <= top) & ((x >= 0) | wide)
        figure.add_scatterpolar(
            r=np.where(inside, np.hypot(x, y), np.nan),
            theta=np.rad2deg(np.arctan2(y, x)),
            mode="lines",
            line={"color": GREY, "width": 1, "dash": "dot"},
            hoverinfo="skip",
            showlegend=False,
        )
    figure.add_scatterpolar(
        r=[1],
        theta=[0],
        mode="markers",
        name=words("charts.target"),
        marker={"symbol": "star", "size": 15, "color": GREY},
        hoverinfo="name",
    )
    for n, (name, t) in enumerate(known[: len(COLOURS)]):
        figure.add_scatterpolar(
            r=[t.spread],
            theta=[np.rad2deg(np.arccos(np.clip(t.correlation, -1, 1)))],
            mode="markers",
            name=plotly(name),
            marker={"symbol": SYMBOLS[n], "size": 12, "color": COLOURS[n]},
            hovertemplate=words(
                "charts.taylor_hover",
                r=words.number(t.correlation, 3),
                spread=words.number(t.spread, 3),
                distance=words.number(t.distance, 3),
                bias=words.signed(t.bias, 2),
            )
            + "<extra>%{fullData.name}</extra>",
        )
    base(figure, x="", y="", height=380)
    figure.update_layout(
        margin={"l": 40, "r": 40, "t": 40, "b": 24},
        showlegend=True,
        polar={
            "sector": [0, 180 if wide else 90],
            "bgcolor": "rgba(0,0,0,0)",
            "radialaxis": {"range": [0, top], "angle": 0, "title": words("charts.spread")},
            "angularaxis": {
                "tickmode": "array",
                "tickvals": [float(np.rad2deg(np.arccos(m))) for m in marks],
                "ticktext": [words.number(m, 2) if abs(m) > 0.9 else f"{m:g}" for m in marks],
            },
        },
    )
    return figure


def describe_lines(curves: Sequence[Curve], words: Words, *, title: str, digits: int = 1) -> str:
    """Lines in a sentence: for each its range."""
    parts = []
    for curve in curves:
        known = [float(v) for v in curve.y if not np.isnan(v)]
        if known:
            parts.append(
                words(
                    "charts.alt_line",
                    title=curve.title,
                    n=len(known),
                    low=words.number(min(known), digits),
                    high=words.number(max(known), digits),
                )
            )
    return words("charts.alt", title=title, text=words("charts.join").join(parts))


def describe_bars(bins: Sequence[Bin], words: Words, *, title: str, digits: int = 0) -> str:
    """Bars in a sentence: each class with its bias and RMSE."""
    parts = [
        words(
            "charts.alt_bar",
            name=name,
            bias=words.signed(b.bias, 1),
            rmse=words.number(b.rmse, 1),
        )
        for name, b in zip(bin_names(bins, words, digits), bins, strict=True)
        if b.n
    ]
    return words("charts.alt", title=title, text=words("charts.join").join(parts))
