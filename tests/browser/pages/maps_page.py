"""A page with nothing but the map, on values that are known in closed form.

Coarse, fine and error on 90 × 100 and 720 × 800 cells over eastern China, thirty days, stations of
both roles. What the maps show is a function of day, row and column, so that a test can ask for any
value; `?` parameters choose what a test needs.
"""

import numpy as np
import pandas as pd
import streamlit as st
from maps_values import (
    COARSE,
    FINE,
    SAMPLES,
    coarse_values,
    distance_values,
    error_values,
    fine_values,
    graticule_values,
)

from app import i18n
from app.maps.component import Fly, linked_maps
from app.maps.labels import LABEL_KEYS
from app.maps.layers import Day, Fade, RasterLayer, Stations, Tracks
from app.maps.store import offer, publish
from app.style import palette

DAYS = 30
BREAKS = (35.0, 60.0, 115.0)


def layers() -> list[RasterLayer]:
    """The three layers."""
    pm = palette.concentration("day", breaks=BREAKS, names=("A", "B", "C", "D"))
    return [
        RasterLayer("coarse", "Coarse, 8 km", COARSE, pm, "Coarse"),
        RasterLayer("fine", "Fine, 1 km", FINE, pm, "Fine"),
        RasterLayer("error", "Error", FINE, palette.bias("day"), "Error"),
    ]


def fading() -> tuple[list[RasterLayer], list[Day]]:
    """A map of one value that fades from 50 to 150 km, the distance, and their day."""
    kilometres = palette.Scale("distance", palette.GREENS_BLUES, 0, 150, unit="km")
    pm = palette.concentration("day")
    chosen = [
        RasterLayer("even", "Even", FINE, pm, fade=Fade("distance", 50, 150)),
        RasterLayer("distance", "Distance", FINE, kilometres),
    ]
    urls = {
        "even": publish(np.full(FINE.shape, 100.0)),
        "distance": publish(distance_values()),
    }
    return chosen, [Day("2015-01-01", "1 January 2015", urls)]


def days(count: int) -> list[Day]:
    """The steps; nothing is computed until a browser asks."""
    out = []
    for d in range(count):
        when = pd.Timestamp("2015-01-01") + pd.Timedelta(days=d)
        urls = {
            "coarse": offer(f"test-coarse-{d}", lambda d=d: coarse_values(d)),
            "fine": offer(f"test-fine-{d}", lambda d=d: fine_values(d)),
            "error": offer(f"test-error-{d}", lambda d=d: error_values(d)),
        }
        out.append(Day(f"{when:%Y-%m-%d}", f"{when.day} {when:%B %Y}", urls))
    return out


def stations(count: int, fourth: str = "used") -> Stations:
    """Six stations: used, withheld, one invalid; the fourth has the role that is requested."""
    table = pd.DataFrame(
        {
            "id": [f"S{i}" for i in range(6)],
            "name": ["Nanjing", "Hefei", "Xuzhou", "Wuxi", "Bengbu", "Suzhou"],
            "latitude": [32.05, 31.86, 34.0, 31.57, 32.93, 31.30],
            "longitude": [118.78, 117.28, 117.2, 120.30, 117.37, 120.62],
            "role": ["used", "withheld", "used", fourth, "used", "withheld"],
        }
    )
    values = 60 + 20 * np.sin(np.arange(count)[:, None] / 4 + np.arange(6)[None])
    values[:, 4] = np.nan
    return Stations(table, values, layers()[0].scale)


def tracks() -> Tracks:
    """One mobile sensor, a little way each day."""
    n = 40
    table = pd.DataFrame(
        {
            "id": ["bus 1"] * n,
            "day": ["2015-01-01"] * n,
            "latitude": 30.5 + 0.02 * np.arange(n),
            "longitude": 118.0 + 0.03 * np.arange(n),
            "value": 60 + 1.5 * np.arange(n),
            "role": ["used"] * n,
        }
    )
    _, withheld, hollow = SAMPLES
    table.loc[withheld, "role"] = "withheld"
    table.loc[hollow, "value"] = np.nan
    return Tracks(table, layers()[0].scale)


def main() -> None:
    """The page."""
    st.set_page_config(layout="wide", page_title="Map test")
    ask = st.query_params
    count = int(ask.get("days", DAYS))
    steps = days(count)
    chosen = layers()
    if "graticule" in ask:
        url = publish(graticule_values())
        chosen = [RasterLayer("graticule", "Graticule", FINE, palette.concentration("day"))]
        steps = [Day("2015-01-01", "1 January 2015", {"graticule": url})]
    if "fading" in ask:
        chosen, steps = fading()
        count = 1
    runs = st.session_state.runs = st.session_state.get("runs", 0) + 1
    where = st.empty()
    words = i18n.current()

    if st.toggle("Show the map", value=True):
        fly = Fly(118.78, 32.05, 9.0, 1) if st.button("Fly to Nanjing") else None
        state = linked_maps(
            "map",
            days=steps,
            layers=chosen,
            day=steps[0].key,
            mode="single" if "graticule" in ask else "three",
            stations=None if "graticule" in ask else stations(count, ask.get("fourth", "used")),
            tracks=tracks() if "tracks" in ask else None,
            title="PM2.5, eastern China",
            credit="Synthetic test values · no licence needed · AirLens",
            synthetic="graticule" not in ask,
            report_day="report" in ask,
            stale=ask.get("stale", ""),
            fly=fly,
            language=words.language,
            labels={key: words(f"maps.{key}") for key in LABEL_KEYS},
            outlines=() if "graticule" in ask else ("coast", "provinces", "lakes"),
        )
        where.caption(f"runs {runs} · click {state.click} · day {state.day}")


main()
