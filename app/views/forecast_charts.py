"""Charts and tables of the page Forecast."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.charts import charts, tables
from app.charts.charts import Curve
from app.frame import sidebar
from app.jobs import cache
from app.style.safe_text import markdown
from app.views import errors_charts, forecast_layers, scene
from app.views.forecast_layers import Forecast
from engine.verify.metric_tables import DIFFERENCES
from engine.verify.metrics import of_errors

OUTER = (0.05, 0.95)  # ends of the band
CLIMATOLOGY = 7  # steps before the start that a series shows


def at_cell(found: Forecast, latitude: float, longitude: float) -> None:
    """The series of a clicked cell: the recent past, the forecast, what came true."""
    words = found.about.words
    where = forecast_layers.cell(found, latitude, longitude)
    if where is None:
        scene.note(words("map.series_none"))
        return
    place = scene.place(latitude, longitude, words)
    extra = []
    before = forecast_layers.past(
        cache.opened(found.about.info.name), found, latitude, longitude, CLIMATOLOGY
    )
    if before is not None and found.about.info.period != "hour":
        extra.append(Curve(words("forecast.past"), before.dates, before.values))
    _series(found, (slice(None), *where), place, extra)


def at_station(found: Forecast) -> None:
    """The series of a chosen station, where places are stations."""
    words = found.about.words
    ids = tuple(str(i) for i in found.result["station"].values)
    names = dict(zip(ids, (str(n) for n in found.result["name"].values), strict=True))
    chosen = scene.choose(
        "forecast-station", words("stations.station"), ids, ids[0], names.__getitem__, many=True
    )
    _series(found, (slice(None), ids.index(chosen)), names[chosen], [])


def _series(
    found: Forecast, where: tuple[slice | int, ...], title: str, extra: list[Curve]
) -> None:
    about, words = found.about, found.about.words
    when = forecast_layers.dates(found)
    values = found.result["pm2p5"].values[(slice(None), *where)]  # (member, lead)
    single = found.members == 1
    curves = [
        Curve(words("forecast.single" if single else "forecast.mean"), when, _list(values.mean(0)))
    ]
    band = None
    if not single:
        low, high = np.quantile(values, OUTER, axis=0)
        title_of_band = words("forecast.band")
        band = (
            Curve(title_of_band, when, _list(low)),
            Curve(title_of_band, when, _list(high)),
        )
    if "target" in found.result:
        known = found.result["target"].values[where]
        curves.append(Curve(words("forecast.target"), when, _list(known)))
    curves += extra
    limit = None
    if about.bound is not None:
        limit = (
            about.bound.value,
            words("map.series_limit", limit=words.concentration(about.bound.value)),
        )
    st.subheader(words("map.series_here", place=markdown(title)), anchor=False)
    st.plotly_chart(
        charts.lines(curves, x="", y=words("units.pm2p5_unit"), limit=limit, band=band),
        key="forecast-series",
        config=errors_charts.CONFIG,
        alt=charts.describe_lines([*curves, *(band or ())], words, title=title),
    )


def by_lead(found: Forecast) -> None:
    """Scores of the mean by lead time, where what came true is known."""
    words = found.about.words
    st.subheader(words("forecast.by_lead"), anchor=False)
    layers = forecast_layers.fields(found)
    if "error" not in layers:
        st.markdown(words("forecast.unknown"))
        _offer_known(found)
        return
    rows, plain = [], []
    for n, (key, label) in enumerate(forecast_layers.leads(found)):
        error = layers["error"][n]
        known = error[np.isfinite(error)].astype(np.float64)
        spread = _average(layers["spread"][n]) if "spread" in layers else float("nan")
        numbers = tuple(of_errors(name, known) for name in DIFFERENCES)
        rows.append(
            (
                label,
                words.number(known.size),
                words.signed(numbers[0], 1),
                words.number(numbers[1], 1),
                words.number(numbers[2], 1),
                words.number(spread, 1),
            )
        )
        plain.append((key, label, known.size, *numbers, spread))
    columns = ("lead", "n", *DIFFERENCES, "spread")
    head = tuple(words(f"forecast.head_{c}") for c in columns)
    caption = words(
        "forecast.caption",
        model=found.about.model(found.requested.model),
        when=forecast_layers.moment(found.start, found),
        members=words.count("forecast.members", found.members),
    )
    tables.draw(tables.Table(caption, head, tuple(rows)), height="26rem")
    made = found.result.attrs
    tables.download(
        words("study.csv"),
        "forecast-scores",
        ("lead", "label", "pairs", *DIFFERENCES, "spread"),
        plain,
        [
            f"AirLens {made.get('airlens_version', '')}, {made.get('created', '')}",
            f"{'DEMO: simulated data. ' if found.about.info.synthetic else ''}{found.requested}",
            "PM2.5 in ug m-3; error = mean of the members - known value",
        ],
        key="csv-forecast",
    )


def _offer_known(found: Forecast) -> None:
    """A button to the last date from which all lead times are known."""
    dates, hours = cache.dates(found.about.info.name), found.about.info.period == "hour"
    leads = int(found.result.sizes["lead_time"])
    back = -(-leads // 24) if hours else leads
    if len(dates) <= back:
        return
    day = dates[-1 - back]
    st.button(
        found.about.words("forecast.start_at", when=found.about.when(day)),
        key="forecast-known",
        on_click=sidebar.wish,
        kwargs={"date": day.isoformat()},
    )


def _average(values: NDArray[np.floating]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def _list(values: NDArray[np.floating]) -> list[float]:
    return [float(v) for v in values]
