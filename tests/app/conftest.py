import pytest
import streamlit as st
import world

from app.jobs import cache


@pytest.fixture(scope="session")
def small_library(tmp_path_factory):
    """A library with the small world of `world`, built once; returns its folder."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRLENS_HOME", str(home))
        world.build()
    return home


@pytest.fixture
def app_home(small_library, monkeypatch):
    """The environment of a page: the small library, and caches that remember nothing."""
    monkeypatch.setenv("AIRLENS_HOME", str(small_library))
    st.cache_resource.clear()
    st.cache_data.clear()
    cache.forget()
    return small_library
