"""The frame around every page: navigation, request bar, demo band, and what is said on trouble."""

import importlib
import importlib.util
from functools import lru_cache, partial

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from app import i18n
from app.frame import import_data, sidebar, start, trouble
from app.frame.choices import PageChoices
from app.i18n import Words
from app.jobs import cache
from app.request.selection import Selection
from app.style import look
from app.style.safe_text import markdown
from engine.core.task import TaskName

# Page → what it can show. A page is in the navigation if its module is there.
MAPS: tuple[TaskName, ...] = ("super-resolution", "reanalysis")
PAGES: dict[str, tuple[TaskName, ...]] = {
    "map": MAPS,
    "compare": MAPS,
    "errors": MAPS,
    "stations": ("reanalysis",),
    "forecast": ("forecast",),
    "about": MAPS,
}


def main() -> None:
    """Draws the page that the URL names."""
    st.set_page_config(page_title="AirLens", page_icon=str(look.ICON), layout="wide")
    words = i18n.current()
    look.apply(words)
    page = _navigation(words)
    name = page.url_path or "map"
    with trouble.reporting(words):
        choices = PageChoices(PAGES[name], finer=name == "map")
        selection, notes = sidebar.choose(choices)
        sidebar.draw(selection, choices, words)
        import_data.button(words)
        start.cards(selection.dataset, words)
        if cache.info(selection.dataset).synthetic:
            look.demo_band(words)
        import_data.outdated(cache.info(selection.dataset), words)
        import_data.predicted(cache.info(selection.dataset), words)
        import_data.done(words)
        for note in notes:
            st.warning(words(note.key, value=markdown(note.value)), icon=":material/link_off:")
        if selection.date is None and name != "about":
            trouble.no_data(selection, choices.dates(selection.dataset), words)
        else:
            page.run()


def _navigation(words: Words) -> StreamlitPage:
    there = [name for name in PAGES if _is_there(name)]
    pages = [
        st.Page(
            partial(_render, name),
            title=words(f"nav.{name}"),
            url_path=name,
            default=name == "map",
        )
        for name in there
    ]
    return st.navigation(pages, position="top")


@lru_cache
def _is_there(name: str) -> bool:
    return importlib.util.find_spec(f"app.views.{name}") is not None


def _render(name: str) -> None:
    """Draws one page for what was just settled. Imported late: plotly waits until it is wanted."""
    selection: Selection = st.session_state["recent"][0]
    importlib.import_module(f"app.views.{name}").render(selection)


main()
