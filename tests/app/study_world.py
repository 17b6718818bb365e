"""Runs one study page on the small library, as `app.main` would with a selection."""

import datetime as dt
import json
import re
import time

from streamlit.testing.v1 import AppTest

PATIENCE = 120  # seconds; the first run of a model imports torch


def _script(page, selection, language):
    import importlib

    import streamlit as st

    from app import i18n
    from app.frame.trouble import reporting
    from app.request.selection import Selection

    st.session_state["lang"] = language
    with reporting(i18n.current()):
        importlib.import_module(f"app.views.{page}").render(Selection(*selection))


def opened(
    page, *, dataset="tiny", day=10, region="all", model="bicubic", language="en", finer=(), **query
):
    """A page; `finer` is a climatology and stations to merge, to make the map finer."""
    selection = (dataset, dt.date(2015, 1, day), region, model, "cn-2026")
    if finer:
        selection += (None, "finer", *finer)
    at = AppTest.from_function(_script, args=(page, selection, language), default_timeout=PATIENCE)
    for key, value in query.items():
        at.query_params[key] = value
    return finished(at.run())


def finished(at):
    """The page once nothing runs any more."""
    end = time.monotonic() + PATIENCE
    while any(str(button.key).startswith("cancel-") for button in at.button):
        assert time.monotonic() < end
        time.sleep(0.1)
        at.run()
    assert not at.exception
    return at


def html(at):
    return "\n".join(element.proto.body for element in at.get("html"))


def the_map(at):
    return json.loads(at.get("bidi_component")[0].proto.json)


def plain(text):
    """Markdown without the backslashes that keep text from being markup."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text)


def captions(at):
    return plain("\n".join(c.value for c in at.caption))


def table(at, caption):
    """Rows of the table whose caption holds a text: name of the row → its cells."""
    parts = html(at).split("<caption>")[1:]
    body = next(part for part in parts if caption in part.split("</caption>")[0])
    rows = {}
    for row in re.findall(r"<tr>(.*?)</tr>", body.split("<tbody>")[1].split("</tbody>")[0]):
        name = re.search(r"<th[^>]*>(.*?)</th>", row)[1]
        rows[name] = re.findall(r"<td>(.*?)</td>", row)
    return rows


def raster(url):
    """Values behind an address of the map."""
    from app.maps import frames
    from app.maps.store import read

    return frames.unpack(read(url))
