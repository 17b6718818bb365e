"""What the server keeps, for all sessions together. The only file with `@st.cache_*`.

Each function is a thin call into the engine. What is kept of a dataset goes by its checksum, so
that a dataset imported again under its old name is read again.
"""

import datetime as dt
import threading

import numpy as np
import streamlit as st
import xarray as xr

from app.runs import Runs
from app.summary import Place
from engine import library

# Results of models that are kept, all users together. A day of 800 × 720 with coarse, fine, target
# and error is 7 MB in float32: this is about twenty of them.
RESULT_BYTES = 150 * 2**20


@st.cache_resource(ttl=2, show_spinner=False)
def datasets() -> tuple[library.DatasetInfo, ...]:
    """What the library holds. Looked at again every two seconds: an import shows by itself."""
    return tuple(library.info(name) for name in library.names())


def info(name: str) -> library.DatasetInfo:
    """What is known about a dataset.

    Raises:
        NotFoundError: If there is none of this name.
    """
    known = {entry.name: entry for entry in datasets()}
    return known[name] if name in known else library.info(name)


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
    dataset = _opened(name, checksum)
    offset = np.timedelta64(round(float(dataset.attrs["utc_offset_hours"]) * 60), "m")
    local = (dataset["valid_time"].values + offset).astype("datetime64[D]")
    return tuple(day.item() for day in np.unique(local))


@st.cache_resource(show_spinner=False)
def runs() -> Runs[xr.Dataset]:
    """The runs of this server."""
    return Runs(capacity=RESULT_BYTES, size=lambda result: int(result.nbytes))


@st.cache_resource(show_spinner=False)
def places() -> tuple[Place, ...]:
    """The cities we know, most people first."""
    raise NotImplementedError


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Loads, once and in the background, what the first run of a model would wait for."""
    thread = threading.Thread(target=_import_models, name="warm-up", daemon=True)
    thread.start()
    return thread


def _import_models() -> None:
    import engine.inference  # noqa: F401 - slow to import (torch), wanted before it is asked for
