"""What the server keeps, for all sessions together. The only file with `@st.cache_*`.

Each function is a thin call into the engine. What is kept of a dataset goes by its checksum, so
that a dataset imported again under its old name is read again.
"""

import csv
import datetime as dt
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import streamlit as st
import xarray as xr
from numpy.typing import NDArray

from app import first, points
from app.request import Ask
from app.runs import Runs
from app.summary import Place
from engine import library
from engine.errors import EngineError
from engine.paths import ASSETS

# Results of models that are kept, all users together. A day of 800 × 720 with coarse, fine, target
# and error is 7 MB in float32: this is about twenty of them.
# Places with fewer people are towns: they would fill the table and decide no count.
CITY_PEOPLE = 500_000

NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")

T = TypeVar("T")
Bounds = tuple[float, float, float, float]

RESULT_BYTES = 150 * 2**20


@st.cache_resource(ttl=2, show_spinner=False)
def _shelf() -> tuple[dict[str, library.DatasetInfo], tuple[EngineError, ...]]:
    """What the library holds, and what is damaged in it; looked at again every two seconds."""
    found, damaged = {}, []
    for name in library.names():
        try:
            found[name] = library.info(name)
        except EngineError as error:
            damaged.append(error)
    return found, tuple(damaged)


def look_again() -> None:
    """Forgets what the library held: something was just brought in."""
    _shelf.clear()


def datasets() -> tuple[library.DatasetInfo, ...]:
    """What the library holds. An import shows by itself."""
    return tuple(_shelf()[0].values())


def damaged() -> tuple[EngineError, ...]:
    """What is wrong with datasets that cannot be listed."""
    return _shelf()[1]


def info(name: str) -> library.DatasetInfo:
    """What is known about a dataset.

    Raises:
        EngineError: If there is none of this name, or its record is damaged.
    """
    return _shelf()[0].get(name) or library.info(name)


def opened(name: str) -> xr.Dataset:
    """A dataset; a grid is lazy. Shared by all: never write into it.

    Raises:
        EngineError: If it cannot be read.
    """
    return _opened(name, info(name).checksum)


def dates(name: str) -> tuple[dt.date, ...]:
    """The local dates of a dataset, increasing.

    Raises:
        EngineError: If it cannot be read.
    """
    return _dates(name, info(name).checksum)


@st.cache_resource(max_entries=16, show_spinner=False)
def _opened(name: str, checksum: str) -> xr.Dataset:
    return library.open_dataset(name)


@st.cache_resource(max_entries=64, show_spinner=False)
def _dates(name: str, checksum: str) -> tuple[dt.date, ...]:
    return tuple(np.unique(points.local_days(_opened(name, checksum))).tolist())


def stations_beside(name: str) -> str | None:
    """The station dataset to draw on a dataset's map: its namesake, else one that overlaps it."""
    grid = info(name)
    if grid.kind == "stations":
        return name
    fitting = [
        entry.name
        for entry in datasets()
        if entry.kind == "stations"
        # Measured and made up never share a map.
        and entry.synthetic == grid.synthetic
        and entry.start <= grid.end
        and entry.end >= grid.start
        and _overlap(entry.bounds, grid.bounds)
    ]
    namesake = f"{name}-stations"
    return namesake if namesake in fitting else next(iter(fitting), None)


def station_table(name: str) -> pd.DataFrame:
    """Stations of a dataset, as the map wants them: id, name, latitude, longitude, role."""
    return _station_table(name, info(name).checksum)


def averages(name: str, dates: tuple[dt.date, ...], period: str) -> NDArray[np.float64]:
    """Valid means of a dataset's stations, shape (date, station); do not write into it."""
    # As one text: Streamlit takes half a millisecond to hash a date, and there may be 120.
    asked = ",".join(day.isoformat() for day in dates)
    return _averages(name, info(name).checksum, asked, period, dates)


@st.cache_resource(max_entries=16, show_spinner=False)
def _station_table(name: str, checksum: str) -> pd.DataFrame:
    dataset = _opened(name, checksum)
    return pd.DataFrame(
        {
            "id": dataset["station"].values.astype(str),
            "name": dataset["name"].values.astype(str),
            "latitude": dataset["latitude"].values,
            "longitude": dataset["longitude"].values,
            "role": "used",
        }
    )


@st.cache_resource(max_entries=32, show_spinner=False)
def _averages(
    name: str, checksum: str, asked: str, period: str, _dates: tuple[dt.date, ...]
) -> NDArray[np.float64]:
    return points.averages(_opened(name, checksum), _dates, period)


def _overlap(a: Bounds | None, b: Bounds | None) -> bool:
    if a is None or b is None:
        return False
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def kept(key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
    """What `make` gives, made once for a key: equal keys must mean equal values.

    For small things that a page would otherwise work out at every rerun.
    """
    made: T = _kept(key, make)
    return made


@st.cache_resource(max_entries=256, show_spinner=False)
def _kept(key: tuple[Hashable, ...], _make: Callable[[], T]) -> T:
    return _make()


@st.cache_resource(show_spinner=False)
def runs() -> Runs[xr.Dataset]:
    """The runs of this server; the demo's first map is among their results from the start."""
    fresh = Runs[xr.Dataset](
        capacity=RESULT_BYTES, size=lambda result: int(result.nbytes), place=_device
    )
    ready = first.load()
    if ready is not None:
        asked, result = ready
        seconds = float(result.attrs["seconds"])
        fresh.keep(run_key(asked), result, kind=run_kind(asked), seconds=seconds)
    return fresh


def run_key(asked: Ask) -> tuple[Ask, str]:
    """What makes a run the same as another: a dataset imported again is another one."""
    return asked, library.info(asked.dataset).checksum


def run_kind(asked: Ask) -> tuple[str, str, str]:
    """Requests of one kind take about as long as each other."""
    return asked.model, asked.dataset, asked.region


def _device(wish: str) -> str:
    """Where a wish for a device is met. Asks the driver, since to ask torch is to import it."""
    return ("cuda" if NVIDIA_DRIVER.exists() else "cpu") if wish == "auto" else wish


@st.cache_resource(show_spinner=False)
def places() -> tuple[Place, ...]:
    """The cities of `CITY_PEOPLE` or more, largest first; none where the list is not installed."""
    path = ASSETS / "geo" / "cities.csv"
    if not path.is_file():
        return ()
    with path.open(encoding="utf-8", newline="") as file:
        found = [
            Place(
                row["name_en"],
                row["name_zh"],
                float(row["lat"]),
                float(row["lon"]),
                int(row["population"]),
            )
            for row in csv.DictReader(file)
            if int(row["population"] or 0) >= CITY_PEOPLE
        ]
    return tuple(sorted(found, key=lambda place: -place.population))
