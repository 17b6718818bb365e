import datetime as dt
import re
import string
from types import SimpleNamespace

import engine_sentences
import pytest
import world
from streamlit.testing.v1 import AppTest

from app.i18n import error_translation
from app.maps import routes, store
from engine import library
from engine.core import dates
from engine.core.errors import DataError, EngineError, RequestError
from engine.core.grid import Region
from engine.core.paths import home, inside
from engine.core.variables import mass_factor
from engine.data import recognise
from engine.inference import catalogue
from engine.inference.run import Request

SENTENCES = engine_sentences.sentences()
MARK = "⟦⟧"  # stands for what the run puts in


def fitting(text):
    """The template that an English text takes, and what it takes for its holes."""
    for pattern, zh in error_translation._templates():
        if match := pattern.fullmatch(text.rstrip(".")):
            return zh, match.groups()
    return None


def test_the_engine_says_much():
    assert len(SENTENCES) > 300  # else the reader of the source reads nothing
    assert "no data on {}" in SENTENCES
    assert "this is a zip archive" in SENTENCES  # out of a table
    assert "Give west,south,east,north in degrees, for example 117,29,123,33" in SENTENCES


@pytest.mark.parametrize("sentence", sorted(SENTENCES))
def test_every_sentence_of_the_engine_has_chinese(sentence):
    """Add the pair to app/i18n/engine.zh.json if this fails for a sentence that you wrote."""
    found = fitting(sentence.replace("{}", MARK))
    assert found is not None, f"{SENTENCES[sentence]} says {sentence!r}: no template fits"
    # A hole that took words in has swallowed part of a sentence that wants its own template.
    assert not any(" " in text for text in found[1]), f"{sentence!r} is taken for {found[0]!r}"


@pytest.mark.parametrize("en, zh", error_translation.pairs())
def test_both_templates_have_the_same_holes(en, zh):
    slots = [(name, how) for _, name, how, _ in string.Formatter().parse(zh) if name is not None]
    assert sorted(int(name) for name, _ in slots) == list(range(en.count("{}")))
    assert {how for _, how in slots} <= set(error_translation._HOW)
    assert re.search(r"[\u4e00-\u9fff]", zh)
    assert not zh.endswith("。")


def test_no_template_is_there_twice_or_for_nothing():
    english = [en for en, _ in error_translation.pairs()]
    assert len(set(english)) == len(english)
    used = {fitting(sentence.replace("{}", MARK))[0] for sentence in SENTENCES}
    idle = [en for en, zh in error_translation.pairs() if zh not in used]
    # The engine joins this one in a loop, where its source shows one hole for all readings.
    assert [en for en in idle if " and row {} of {} says {}" not in en] == []


REAL = {
    "four numbers": lambda: Region.parse("left,right"),
    "dataset": lambda: library.info("nowhere"),
    "name": lambda: inside(home(), "../up"),
    "model": lambda: catalogue.find("bicubik"),
    "unit": lambda: mass_factor("K", where="maps.nc"),
    "file": lambda: recognise.container(home() / "none.nc"),
    "date": lambda: dates.on(world.grid(), dt.date(1999, 1, 1), name="small"),
    "seed": lambda: Request("demo", dt.date(2020, 1, 1), seed=-1),
    "kind": lambda: catalogue.check_kind(
        catalogue.find("idw"), SimpleNamespace(name="small", kind="grid")
    ),
}


def raised(work):
    with pytest.raises(EngineError) as caught:
        work()
    return caught.value


@pytest.mark.parametrize("name", sorted(REAL))
def test_a_real_error_is_wholly_chinese(name):
    error = raised(REAL[name])
    said = error_translation.told(error, "zh").removeprefix(error.where)
    assert said.endswith("。")
    assert not re.search(r"[a-z]+ (?:[a-z]+ )+[a-z]+", said), said  # three words in a row
    assert error_translation.told(error, "en") == str(error)


def test_the_texts_put_in_may_change_places():
    error = raised(REAL["kind"])
    assert error_translation.told(error, "zh").startswith(
        "模型“idw”需要监测站点类数据集，而“small”属于网格类。该类数据集请选用 "
    )
    clash = DataError(
        "time 2020-01-01T00:00 of station 'a' is there twice: "
        "row 2 of a.csv says 3 and row 4 of b.csv says 5",
        where="a.csv",
        remedy="Keep one of the two",
    )
    assert error_translation.told(clash, "zh") == (
        "a.csv：站点“a”的时次 2020-01-01T00:00 重复出现："
        "a.csv 第 2 行为 3，b.csv 第 4 行为 5。请只保留其中之一。"
    )


def test_a_word_of_the_system_is_put_in_chinese():
    error = DataError("cannot be read (Permission denied)", where="x.csv")
    assert error_translation.told(error, "zh") == "x.csv：无法读取（没有权限）。"


def test_names_in_a_list_keep_their_letters():
    error = DataError("row 1: column 'pm2p5' is missing; it has station, latitude, day")
    assert (
        error_translation.told(error, "zh")
        == "第 1 行：缺少列“pm2p5”；现有列：station、latitude、day。"
    )
    bare = DataError("no variable looks like PM2.5; it has none")
    assert error_translation.told(bare, "zh") == "没有变量像是 PM2.5；现有变量：无。"


def test_what_has_no_template_stays_as_it_is():
    unknown = RequestError("the moon is not up", remedy="Wait")
    assert error_translation.told(unknown, "zh") == "the moon is not up. Wait."
    half = RequestError("there is no CUDA device", remedy="Wait")
    assert error_translation.told(half, "zh") == "没有 CUDA 设备。Wait."


def test_the_server_of_maps_says_it_in_the_language_of_the_page():
    def make():
        raise RequestError("no station has a reading")

    name = store.offer("test-said-in-chinese", make).rsplit("/", 1)[-1]
    for tag, said in (("zh-CN", "没有站点有观测值。"), ("en", "no station has a reading.")):
        asked = SimpleNamespace(path_params={"name": name}, headers={"accept-language": tag})
        assert routes._data(asked).body.decode() == said


def test_the_page_says_it_in_chinese():
    def page():
        from app import i18n
        from app.frame import trouble
        from engine.core.errors import NotFoundError

        trouble.say(NotFoundError("no data on 1999-01-01"), i18n.words("zh"))

    at = AppTest.from_function(page).run()
    assert "1999-01-01 无数据" in at.error[0].value
