"""The record behind a map: everything in it has a name that people read."""

import pytest
import world
import xarray as xr

from app.frame import provenance
from app.i18n import LANGUAGES
from app.i18n import words as words_of
from app.views.about import PAPERS
from engine.inference.catalogue import MODELS, NETWORKS
from engine.inference.request import Request
from engine.inference.run import predict


@pytest.fixture
def result(small_library, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(small_library))
    return predict(Request("tiny", world.DAYS[-1], model="bicubic-ratio"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_of_the_record_is_named_in_the_reader_s_language(result, language):
    words = words_of(language)
    attributes = {**result.attrs, "hour": 3, "model_note": "said by the model"}
    missing = [name for name in attributes if f"provenance.{name}" not in words]
    assert not missing


def test_what_people_ask_for_first_comes_first_and_nothing_is_left_out(result):
    shown = provenance.ordered(result.attrs)
    assert list(shown)[:3] == ["model", "model_version", "weights_sha256"]
    assert set(shown) == set(result.attrs)


def test_what_is_not_known_by_name_is_shown_all_the_same():
    words = words_of("en")
    predicted = provenance._list(provenance.ordered(xr.Dataset(attrs={"a_b": "<i>"}).attrs), words)
    assert "<dt>a b</dt><dd>&lt;i&gt;</dd>" in predicted


def test_every_network_says_whose_it_is():
    assert {*NETWORKS, "aqnet", "stepdiff"} <= PAPERS.keys() <= MODELS.keys()
