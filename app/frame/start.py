"""What a first-time visitor can start with: simulated days, real months, or files of their own.

Stands in the sidebar, beside the map and not before it, as long as the library holds nothing else.
"""

from dataclasses import dataclass

import streamlit as st

from app.frame import trouble
from app.frame.sidebar import wish
from app.i18n import Words
from app.jobs import cache
from engine import library
from engine.core.errors import EngineError
from engine.core.paths import ASSETS
from engine.core.schema import Kind
from engine.data.options import ReadOptions
from engine.library import DatasetInfo

FOLDER = ASSETS / "real"


@dataclass(frozen=True)
class Real:
    """A file that ships: the kind of its import, and what it is called in the library."""

    file: str
    kind: Kind
    name: str


REAL = (
    Real("wustl_months_2009-2013.nc", "grid", "real-climatology"),
    Real("beijing_hours_2014-2015.parquet", "stations", "real-monitors"),
    Real("wustl_coarse_2014-2015.nc", "grid", "real-coarse"),
)
OPENED = {"dataset": "real-coarse", "date": "2015-06", "region": "all", "work": "finer"}


def cards(here: str, words: Words) -> None:
    """The choices; none once the visitor has data of their own."""
    names = {entry.name for entry in cache.datasets()}
    if not offered(cache.datasets()):
        return
    with st.sidebar.container(key="start"):
        st.caption(words("start.with"))
        demo = here == "demo"
        if not demo and "demo" in names:
            st.button(
                words("start.simulated"),
                key="start_demo",
                width="stretch",
                on_click=wish,
                kwargs={"dataset": "demo", "region": "all"},
            )
        away = not here.startswith("real-") and FOLDER.is_dir()
        if away and st.button(words("start.real"), key="start_real", width="stretch"):
            _open_real(words)


def offered(known: tuple[DatasetInfo, ...]) -> bool:
    """Whether the library holds nothing but what ships."""
    ours = {real.name for real in REAL}
    return all(about.name in ours or about.name.split("-")[0] == "demo" for about in known)


def _open_real(words: Words) -> None:
    """Imports the real data that ship, where they are not yet there, and goes to them."""
    try:
        with st.spinner(words("start.importing")):
            import_real()
    except EngineError as error:
        trouble.sentence(error, words)
        return
    cache.look_again()
    wish(**OPENED)
    st.rerun()


def import_real() -> None:
    """Bring the real data that ship into the library.

    Raises:
        EngineError: If a file is missing or the library cannot be written.
    """
    there = set(library.names())
    for real in REAL:
        if real.name not in there:
            library.import_files(real.kind, [FOLDER / real.file], real.name, options=ReadOptions())
