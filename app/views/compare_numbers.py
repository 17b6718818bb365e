"""Two maps in numbers: level, spread, mass, fine structure, and their spectra."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st
import xarray as xr
from numpy.typing import NDArray

from app.charts import charts, tables
from app.charts.charts import Curve
from app.i18n import Words
from app.jobs.await_result import PredictionResult
from app.views import scene
from app.views.scene import Scene
from engine.core.blocks import block_mean
from engine.core.grid import Grid
from engine.verify import spectra
from engine.verify.metrics import score_valid

Field = NDArray[np.floating]


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        letter: "A" or "B".
        about: Its scene: B may have another dataset and date.
        shown: Its result.
        map: The result's one time step.
        grid: Of its fine map.
    """

    letter: str
    about: Scene
    shown: PredictionResult
    map: xr.Dataset
    grid: Grid

    @property
    def title(self) -> str:
        """Letter, model and date."""
        return self.about.words(
            "compare.side",
            letter=self.letter,
            model=self.about.model(self.shown.request.model),
            when=self.about.when(self.shown.request.date),
        )

    @property
    def values(self) -> NDArray[np.floating]:
        """The fine map."""
        return np.asarray(self.map["pm2p5"].values)


@dataclass(frozen=True)
class Numbers:
    """One map in numbers, ug m-3; NaN where a number cannot be had.

    Attributes:
        n: Valid cells.
        mean: Mean over the cells, each weighted by its area.
        p95: 95th percentile of the cells.
        sd: Standard deviation over the cells.
        mass: Mean size of the difference between its block means and the coarse map.
        mass_worst: Largest size of it.
        rmse: Against the known map.
        spectral: Spectral gain over the reference.
        gradient: Gradient gain over the reference.
    """

    n: int
    mean: float
    p95: float
    sd: float
    mass: float
    mass_worst: float
    rmse: float
    spectral: float
    gradient: float


def numbers(
    values: Field, grid: Grid, coarse: Field | None, target: Field | None, reference: Field | None
) -> Numbers:
    """The numbers of a map.

    Args:
        values: (rows, columns), NaN is no data.
        grid: Of the values.
        coarse: The coarse map it was made from, if any.
        target: The known fine map, if any.
        reference: What fine structure is compared with, of the same shape; None if nothing is.
    """
    valid = np.isfinite(values)
    nan = float("nan")
    if not valid.any():
        return Numbers(0, nan, nan, nan, nan, nan, nan, nan, nan)
    weight = np.broadcast_to(grid.cell_area()[:, None], values.shape)[valid]
    known = values[valid].astype(np.float64)
    mass = _mass(values, coarse)
    spectral, gradient = _gains(values, reference, grid, coarse)
    return Numbers(
        n=int(valid.sum()),
        mean=float(np.average(known, weights=weight)),
        p95=float(np.percentile(known, 95)),
        sd=float(known.std()),
        mass=float(mass.mean()) if mass.size else nan,
        mass_worst=float(mass.max()) if mass.size else nan,
        rmse=nan if target is None else float(score_valid(values, target)["rmse"]),
        spectral=spectral,
        gradient=gradient,
    )


def _mass(values: Field, coarse: Field | None) -> NDArray[np.float64]:
    """Sizes of the differences between block means and the coarse map, where both are valid."""
    if coarse is None or values.shape[0] % coarse.shape[0]:
        return np.empty(0)
    means = block_mean(values, values.shape[0] // coarse.shape[0])
    difference = np.abs(means.astype(np.float64) - coarse)
    found: NDArray[np.float64] = difference[np.isfinite(difference)]
    return found


def cutoff(grid: Grid, rows: int | None) -> float:
    """Wavelength below which a map is finer than its coarse map can be: two coarse cells, km."""
    factor = grid.rows // rows if rows else 8
    return 2 * factor * max(spectra.cell_km(grid))


def _gains(
    values: Field, reference: Field | None, grid: Grid, coarse: Field | None
) -> tuple[float, float]:
    if reference is None or reference.shape != values.shape:
        return float("nan"), float("nan")
    try:
        found = spectra.gains(
            values,
            reference,
            spectra.cell_km(grid),
            cutoff=cutoff(grid, None if coarse is None else coarse.shape[0]),
        )
    except ValueError:  # too small or too empty for a spectrum
        return float("nan"), float("nan")
    return found.spectral, found.gradient


def draw(a: Side, b: Side) -> None:
    """The table of both and of the known map, and the spectra."""
    words = a.about.words
    left, right = st.columns([0.5, 0.5], gap="medium")
    with left:
        st.subheader(words("compare.numbers"), anchor=False)
        _table(a, b, words)
    with right:
        st.subheader(words("compare.spectra"), anchor=False)
        _spectra(a, b, words)


def _field(side: Side, name: str) -> Field | None:
    return np.asarray(side.map[name].values) if name in side.map else None


def _reference(side: Side, other: Side) -> tuple[Field | None, str]:
    """What the gains of a side are over: its known map, else the other side's map."""
    target = _field(side, "target")
    if target is not None and np.isfinite(target).any():
        return target, "known"
    if side.letter == "A" or side.grid != other.grid:
        return None, "none"
    return other.values, "a"


def _table(a: Side, b: Side, words: Words) -> None:
    found, over = [], set()
    for side, other in ((a, b), (b, a)):
        reference, kind = _reference(side, other)
        over.add(kind)
        found.append(
            numbers(
                side.values, side.grid, _field(side, "coarse"), _field(side, "target"), reference
            )
        )
    known = [(s, t) for s in (a, b) if (t := _field(s, "target")) is not None]
    columns = [*found]
    heads = [a.letter, b.letter]
    for side, target in known[: 1 if _same_target(a, b) else 2]:
        columns.append(numbers(target, side.grid, _field(side, "coarse"), None, None))
        both = _same_target(a, b)
        heads.append(words("compare.known" if both else "compare.known_of", letter=side.letter))
    rows = tuple(
        (words(f"compare.row_{name}"), *(_cell(take(c), digits, words) for c in columns))
        for name, digits, take in ROWS
    )
    caption = words("compare.caption", a=a.title, b=b.title)
    tables.draw(tables.Table(caption, (words("compare.number"), *heads), rows))
    scene.note(" ".join(words(f"compare.gain_{kind}") for kind in sorted(over)))
    for side in (a, b):
        text = scene.source(side.about, side.shown.request.model, side.shown.result.attrs)
        scene.note(f"{side.letter}: {text}")
    tables.download(
        words("study.csv"),
        "compare",
        ("number", *heads),
        [(name, *(take(c) for c in columns)) for name, _, take in ROWS],
        [f"{s.letter}: {s.shown.request}" for s in (a, b)] + ["PM2.5 in ug m-3"],
        key="csv-compare",
    )


ROWS: tuple[tuple[str, int, Callable[[Numbers], float]], ...] = (
    ("mean", 2, lambda x: x.mean),
    ("p95", 2, lambda x: x.p95),
    ("sd", 2, lambda x: x.sd),
    ("mass", 3, lambda x: x.mass),
    ("mass_worst", 3, lambda x: x.mass_worst),
    ("rmse", 2, lambda x: x.rmse),
    ("spectral", 2, lambda x: x.spectral),
    ("gradient", 2, lambda x: x.gradient),
    ("n", 0, lambda x: float(x.n)),
)


def _cell(value: float, digits: int, words: Words) -> str:
    return words.number(value, digits)


def _same_target(a: Side, b: Side) -> bool:
    one, two = a.shown.request, b.shown.request
    return (one.dataset, one.date, one.region) == (two.dataset, two.date, two.region)


def _spectra(a: Side, b: Side, words: Words) -> None:
    fields: list[tuple[str, Field, Grid]] = [(s.title, s.values, s.grid) for s in (a, b)]
    target = _field(a, "target")
    if target is not None:
        fields.append((words("charts.target"), target, a.grid))
    if _same_target(a, b) and a.grid == b.grid:
        valid = np.logical_and.reduce([np.isfinite(values) for _, values, _ in fields])
        fields = [(title, np.where(valid, values, np.nan), grid) for title, values, grid in fields]
    curves = []
    for title, values, grid in fields:
        try:
            found = spectra.spectrum(values, spectra.cell_km(grid))
        except ValueError:
            continue
        curves.append(Curve(title, found.wavelength.tolist(), found.power.tolist()))
    if not curves:
        st.markdown(words("compare.no_spectra"))
        return
    coarse = _field(a, "coarse")
    edge = cutoff(a.grid, None if coarse is None else coarse.shape[0])
    st.plotly_chart(
        charts.spectra(curves, words, cutoff=edge),
        key="spectra",
        config={"displayModeBar": False},
        alt=charts.describe_lines(curves, words, title=words("compare.spectra")),
    )
    scene.note(words("compare.spectra_help"))
