"""What a first visit offers: simulated days and real months, until there are data of one's own."""

import pytest
from streamlit.testing.v1 import AppTest

from app.frame import start
from app.jobs import cache
from engine import library


def script():
    import streamlit as st

    from app import i18n
    from app.frame import start

    start.cards(st.session_state["here"], i18n.words("en"))


def opened(here):
    at = AppTest.from_function(script, default_timeout=120)
    at.session_state["here"] = here
    return at.run()


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path / "home"))
    cache.forget()
    yield
    cache.forget()


def labels(at):
    return [button.label for button in at.sidebar.button]


def test_the_demo_offers_the_real_months():
    assert labels(opened("demo")) == ["Real months (11 km)"]


def test_a_click_imports_them_once_and_goes_there():
    at = opened("demo")
    at.sidebar.button(key="start_real").click().run()
    assert not at.exception
    assert {real.name for real in start.REAL} <= set(library.names())
    assert at.session_state["wish"] == start.OPENED
    assert labels(opened("real-coarse")) == ["Simulated days (1 km)"]
    stored = library.info("real-coarse").imported_at
    start.import_real()
    assert library.info("real-coarse").imported_at == stored
    assert library.info("real-monitors").licence != ""


def test_who_has_data_of_their_own_is_offered_nothing(small_library, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(small_library))
    cache.forget()
    assert labels(opened("tiny")) == []
