"""What the server keeps, for all sessions together. Nothing else under `app` caches data.

Each function is a thin call into the engine. What is kept of a dataset goes by its checksum, so
that a dataset imported again under its old name is read again. Kept by Python's own means: a page
asks some fifty times a run, and Streamlit's cache, which hashes arguments by value and takes
a lock to replay elements, took a fifth of the run for it.
"""

import csv
import datetime as dt
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
import pandas as pd
import streamlit as st
import xarray as xr
from numpy.typing import NDArray

from app.jobs import first_map
from app.jobs.districts import whole
from app.jobs.job_queue import Runs
from engine import library
from engine.core.errors import EngineError
from engine.core.paths import ASSETS, home
from engine.core.task import TaskName
from engine.data import station_means
from engine.inference import restore_choice
from engine.inference.ranking import ranked
from engine.inference.request import Request
from engine.inference.summary import Place

# Places with fewer people are towns: they would fill the table and decide no count.
CITY_PEOPLE = 500_000

LOOK_SECONDS = 2.0  # after which the library and the weights are looked at again
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")

MOST_KEPT = 256

T = TypeVar("T")
P = ParamSpec("P")
Bounds = tuple[float, float, float, float]

# Results of models that are kept, all users together. A day of 800 × 720 with coarse, fine, target
# and error is 7 MB in float32: this is about twenty of them.
RESULT_BYTES = 150 * 2**20


class _Once(Generic[P, T]):
    """A function whose answers are kept, and which two threads never enter at once.

    HDF5 does not bear two threads that open one file: fifty visitors who come together would end
    the server.
    """

    def __init__(self, function: Callable[P, T], size: int) -> None:
        kept = lru_cache(maxsize=size)(function)
        self._answer: Callable[..., T] = kept
        self.forget = kept.cache_clear
        self._turn = threading.RLock()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._turn:
            return self._answer(*args, **kwargs)


def _once(size: int) -> Callable[[Callable[P, T]], _Once[P, T]]:
    return lambda function: _Once(function, size)


Shelf = tuple[dict[str, library.DatasetInfo], tuple[EngineError, ...]]


def _shelf() -> Shelf:
    """What the library holds, and what is damaged in it; looked at again every two seconds.

    Called some thirty times a run: Streamlit's own cache would take a tenth of the run for it.
    """
    return _looked(home(), int(time.monotonic() / LOOK_SECONDS))


@_once(1)
def _looked(_home: Path, _turn: int) -> Shelf:
    found, damaged = {}, []
    for name in library.names():
        try:
            found[name] = library.info(name)
        except EngineError as error:
            damaged.append(error)
    return found, tuple(damaged)


_kept: OrderedDict[tuple[Hashable, ...], Any] = OrderedDict()
_keeping = threading.Lock()


def forget() -> None:
    """Drops all that can be had again; for tests, which change what is below."""
    _kept.clear()
    for function in (_looked, _models, _opened, _dates, _station_table, _averages, places):
        function.forget()


def look_again() -> None:
    """Forgets what the library held: something was just brought in."""
    _looked.forget()
    _models.forget()


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


def models(tasks: tuple[TaskName, ...], name: str) -> tuple[str, ...]:
    """Models of some tasks that can be used on a dataset now: the default, then best first.

    Raises:
        EngineError: If there is no such dataset.
    """
    return _models(tasks, name, info(name).checksum, home(), int(time.monotonic() / LOOK_SECONDS))


@_once(64)
def _models(
    tasks: tuple[TaskName, ...], name: str, _checksum: str, _home: Path, _turn: int
) -> tuple[str, ...]:
    about = info(name)
    return tuple(ranked(tasks, about, first=restore_choice.known(about).model))


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


@_once(16)
def _opened(name: str, checksum: str) -> xr.Dataset:
    return library.open_dataset(name)


@_once(64)
def _dates(name: str, checksum: str) -> tuple[dt.date, ...]:
    return tuple(np.unique(station_means.local_days(_opened(name, checksum))).tolist())


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
    return _averages(name, info(name).checksum, dates, period)


@_once(16)
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


@_once(32)
def _averages(
    name: str, checksum: str, dates: tuple[dt.date, ...], period: str
) -> NDArray[np.float64]:
    return station_means.averages(_opened(name, checksum), dates, period)


def _overlap(a: Bounds | None, b: Bounds | None) -> bool:
    if a is None or b is None:
        return False
    return a[0] <= b[2] and b[0] <= a[2] and a[1] <= b[3] and b[1] <= a[3]


def kept(key: tuple[Hashable, ...], make: Callable[[], T]) -> T:
    """What `make` gives, made once for a key: equal keys must mean equal values.

    For small things that a page would otherwise work out at every rerun.
    """
    with _keeping:
        if key in _kept:
            _kept.move_to_end(key)
            found: T = _kept[key]
            return found
    made = make()  # two at once may both make it: it is small
    with _keeping:
        _kept[key] = made
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    return made


@st.cache_resource(show_spinner=False)
def runs() -> Runs[xr.Dataset]:
    """The runs of this server; the demo's first map is among their results from the start."""
    fresh = Runs[xr.Dataset](
        capacity=RESULT_BYTES, size=lambda result: int(result.nbytes), place=_device
    )
    ready = first_map.load()
    if ready is not None:
        requested, result = ready
        seconds = float(result.attrs["seconds"])
        fresh.keep(run_key(requested), result, kind=run_kind(requested), seconds=seconds)
    return fresh


def run_key(requested: Request) -> tuple[Request, str]:
    """What makes a run the same as another: a dataset imported again is another one."""
    names = (requested.dataset, requested.climatology, requested.stations, requested.wind)
    return requested, "|".join(library.info(name).checksum for name in names if name)


def run_kind(requested: Request) -> tuple[str, ...]:
    """Requests of one kind take about as long as each other."""
    return (
        requested.model,
        requested.dataset,
        requested.region,
        requested.climatology,
        requested.stations,
    )


def _device(wish: str) -> str:
    """Where a wish for a device is met. Asks the driver, since to ask torch is to import it."""
    return ("cuda" if NVIDIA_DRIVER.exists() else "cpu") if wish == "auto" else wish


@_once(1)
def places() -> tuple[Place, ...]:
    """Cities of `CITY_PEOPLE` or more, no districts, largest first; none if not installed."""
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
    return whole(sorted(found, key=lambda place: -place.population))
