"""What is said when something cannot be shown: one sentence, and a way out. Never a traceback."""

import datetime as dt
import logging
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from app.frame.sidebar import wish
from app.i18n import Words, error_translation
from app.jobs import cache
from app.request.selection import Selection, nearest
from app.style.safe_text import markdown
from engine.core.errors import DataError, EngineError, NotFoundError, RequestError, StorageError
from engine.core.regions import WHOLE

log = logging.getLogger("airlens")

OFFERED_DATES = 4
DEMO = "demo"


@contextmanager
def reporting(words: Words) -> Iterator[None]:
    """Says what went wrong inside the block instead of letting it through."""
    try:
        yield
    except EngineError as error:
        say(error, words)
    except Exception:
        fault(words)
        _ways_out(words)


def fault(words: Words) -> None:
    """One sentence for a fault of ours, inside its `except`; the log has the details.

    The sentence names a number that the user can quote and the log holds.
    """
    number = secrets.token_hex(3)
    log.exception("fault %s", number)
    st.error(words("trouble.fault", number=number), icon=":material/error:")


def say(error: EngineError, words: Words) -> None:
    """The error in one sentence, and buttons that lead out."""
    sentence(error, words)
    _ways_out(words)


def sentence(error: EngineError, words: Words) -> None:
    """The error in one sentence."""
    kinds: dict[type[EngineError], str] = {
        DataError: "trouble.data",
        NotFoundError: "trouble.not_found",
        RequestError: "trouble.request",
        StorageError: "trouble.storage",
    }
    lead = words(kinds.get(type(error), "trouble.any"))
    said = error_translation.translated(error, words.language)
    if not error.where and words.language == "en":  # a file's name keeps its letters
        said = said[:1].upper() + said[1:]
    st.error(f"**{lead}**  \n{markdown(said)}", icon=":material/error:")


def no_data(selection: Selection, dates: Sequence[dt.date], words: Words) -> None:
    """Says that the date has no data and offers the nearest that have."""
    if selection.missing is None:
        return
    requested = words.date(selection.missing)
    st.info(words("trouble.no_date", date=requested), icon=":material/event_busy:")
    with st.container(horizontal=True):
        for day in nearest(selection.missing, dates, OFFERED_DATES):
            st.button(
                words.date(day),
                key=f"near_{day}",
                on_click=wish,
                kwargs={"date": day.isoformat()},
            )


def _ways_out(words: Words) -> None:
    recent: list[Selection] = st.session_state.get("recent", [])
    with st.container(horizontal=True):
        st.button(words("trouble.again"), key="way_again", icon=":material/refresh:")
        if recent and recent[0].region != WHOLE:
            st.button(
                words("trouble.whole"),
                key="way_whole",
                on_click=wish,
                kwargs={"region": WHOLE},
            )
        demo = any(entry.name == DEMO for entry in cache.datasets())
        if demo and (not recent or recent[0].dataset != DEMO):
            st.button(
                words("trouble.demo"),
                key="way_demo",
                on_click=wish,
                kwargs={"dataset": DEMO, "region": WHOLE},
            )
