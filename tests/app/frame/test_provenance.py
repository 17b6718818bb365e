"""The record behind a map: everything in it has a name that people read."""

import json
import shutil

import pytest
import world
import xarray as xr
from streamlit.testing.v1 import AppTest

from app.frame import provenance
from app.i18n import LANGUAGES
from app.i18n import words as words_of
from app.jobs import cache
from app.views.about import PAPERS
from engine import library
from engine.core.paths import APP
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


def test_rows_left_out_stand_in_the_record(app_home):
    about = library.info("tiny").model_copy(update={"dropped": {"invalid flag": 12}})
    assert provenance.of_dataset(about, words_of("en"))["dropped"] == "12 called invalid"
    assert provenance.of_dataset(about, words_of("zh"))["dropped"] == "12 行标为无效"
    assert "dropped" not in provenance.of_dataset(library.info("tiny"), words_of("en"))


def test_a_page_names_a_dataset_of_older_rules(app_home, tmp_path, monkeypatch):
    home = tmp_path / "home"
    shutil.copytree(app_home, home)
    path = home / "datasets/tiny/manifest.json"
    record = json.loads(path.read_text())
    assert record.pop("rules") > 0
    monkeypatch.setenv("AIRLENS_HOME", str(home))
    for written, count in (({}, 1), ({"rules": library.info("tiny").rules}, 0)):
        path.write_text(json.dumps(record | written))
        cache.forget()
        at = AppTest.from_file(str(APP / "main.py"), default_timeout=120)
        at.query_params["dataset"], at.query_params["page"] = "tiny", "about"
        at.run()
        assert not at.exception
        assert sum("was read by older rules" in w.value for w in at.warning) == count
