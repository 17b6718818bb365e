"""Look before an import: the facts of chosen files on the page, as text, in both languages."""

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from app import i18n
from app.frame import import_data, import_preview
from engine import library
from engine.library import inspection_facts
from engine.library.inspection_facts import SENTENCES, Fact
from engine.library.manifest import RULES

HEAD = "station,latitude,longitude,time,pm2p5\n"
ROWS = "a,31.5,120.5,2020-01-01T00:00Z,35\na,31.5,120.5,2020-01-01T01:00Z,36\n,,,,\n"


def script():
    """The dialog's look, on what the test left in the session."""
    import streamlit as st

    from app import i18n
    from app.frame import import_data

    words = i18n.words(st.session_state["language"])
    import_data.look(st.session_state["form"], words)


def looked(form, language="en"):
    at = AppTest.from_function(script, default_timeout=120)
    at.session_state["form"] = form
    at.session_state["language"] = language
    return at.run()


def form(kind, text, **more):
    upload = SimpleNamespace(name="table.csv", getbuffer=text.encode)
    given = {"units": "", "offset": None, "coordinates": None, "source": "", "licence": ""}
    return import_data.Form(kind=kind, name="", files=(upload,), **(given | more), look=True)


def bodies(at):
    return "".join(element.proto.body for element in at.get("html"))


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path / "home"))
    yield
    assert not (tmp_path / "home").exists(), "a look writes nothing"


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", ("<dt>Time</dt><dd>hourly, 2 times from 2020-01-01", "1 without a time")),
        ("zh", ("<dt>时间</dt><dd>逐小时，2 个时间，2020-01-01", "1 行无时间")),
    ],
)
def test_facts_and_first_rows_in_both_languages(language, says):
    at = looked(form("stations", HEAD + ROWS), language)
    assert not at.exception and not at.error
    assert all(text in bodies(at) for text in says)
    assert at.code[0].value.splitlines()[1].startswith("a        31.5      120.5")


def test_a_refusal_is_said_beside_what_is_known():
    at = looked(form("stations", (HEAD + ROWS).replace("Z", "")))
    assert not at.exception
    assert "its times have no time zone" in at.error[0].value
    assert "is refused" in bodies(at) and at.code[0].value.startswith("station  latitude")
    assert not looked(form("stations", (HEAD + ROWS).replace("Z", ""), offset=8.0)).error


@pytest.mark.parametrize(
    ("state", "en", "zh"),
    [(None, "not stated", "未说明"), ("ambient", "ambient air", "实际状态"), ("273 K",) * 3],
)
def test_the_reference_state_is_said_in_both_languages(state, en, zh):
    for language, says in (("en", en), ("zh", zh)):
        at = looked(form("stations", HEAD + ROWS, reference=state), language)
        assert f"<dd>{says}</dd>" in bodies(at)


def test_another_kind_is_offered():
    at = looked(form("grid", HEAD + ROWS))
    assert not at.error
    assert at.info[0].value.startswith("These files look like this kind: Stations.")
    assert "hourly, 2 times" in bodies(at)


def test_text_of_a_file_stays_text():
    evil = "<img src=x onerror=alert(1)>"
    at = looked(
        form("stations", (HEAD + ROWS).replace("a,", f"{evil},"), source=f"**{evil}** \x1b")
    )
    assert not at.exception
    assert "<img" not in bodies(at) and "&lt;img" in bodies(at)
    assert "\x1b" not in bodies(at) and evil in at.code[0].value


def test_a_fault_of_ours_is_no_traceback(monkeypatch):
    def fails(*args, **kwargs):
        raise ZeroDivisionError("a secret of the code")

    monkeypatch.setattr(import_data, "inspect_files", fails)
    at = looked(form("stations", HEAD + ROWS))
    assert not at.exception and len(at.error) == 1 and "secret" not in at.error[0].value


def test_a_file_that_is_none_is_one_sentence():
    at = looked(form("stations", ""))
    assert not at.exception and "the file is empty" in at.error[0].value and not at.code


def test_names_of_facts_are_escaped():
    words = i18n.words("en")
    body = import_preview.table([Fact("notes", ("<b>", "a & b"))], words)
    assert body == '<dl class="airlens-list"><dt>Notes</dt><dd>&lt;b&gt;<br>a &amp; b</dd></dl>'


def test_the_page_says_what_the_command_says():
    own = {"title", "rows", "sketch", "other_kind"}
    for language in i18n.LANGUAGES:
        entries = i18n.words(language).entries
        keys = {k.removeprefix("preview.") for k in entries if k.startswith("preview.")}
        assert keys == set(SENTENCES) | own
    en = i18n.words("en").entries
    # The page has a control where the command line has an option.
    differ = {code for code, text in SENTENCES.items() if en[f"preview.{code}"] != text}
    assert differ == {"kind_by_places"}
    assert not any("--" in text for key, text in en.items() if key.startswith("preview."))


def test_the_form_has_the_button():
    def dialog():
        from app import i18n
        from app.frame import import_data

        import_data._form(i18n.words("en"))

    at = AppTest.from_function(dialog, default_timeout=120).run()
    assert not at.exception
    look = next(b for b in at.button if b.label == "Look first")
    look.click().run()
    assert [w.value for w in at.warning] == ["Choose at least one file."]


def record(**more):
    plain = dict.fromkeys(("start", "end"), "2020-01-01")
    given = {
        "name": "my_roof", "kind": "stations", "period": "hour", "bounds": None, "shape": {},
        "variables": (), "source": "", "licence": "", "synthetic": False, "utc_offset_hours": 0,
        "checksum": "", "units": "ug m-3", "imported_at": "2020-01-02T00:00Z", "train_end": None,
    }  # fmt: skip
    return library.DatasetInfo.model_validate(plain | given | more)


def test_rows_left_out_are_said_after_an_import():
    words = i18n.words("en")
    about = record(dropped={"repeated": 2, "out of range": 1})
    assert import_data.left_out(about, words) == [
        "Rows left out: 2 repeated; 1 that are no concentration"
    ]
    assert import_data.left_out(record(), words) == []
    said = inspection_facts.left_out({"repeated": 2}, import_preview.sentences(i18n.words("zh")))
    assert said == ("2 行重复",)


def test_a_dataset_of_older_rules_is_named_on_the_page():
    def page():
        import streamlit as st

        from app import i18n
        from app.frame import import_data

        import_data.outdated(st.session_state["about"], i18n.words("en"))

    for rules, count in ((RULES - 1, 1), (RULES, 0)):
        at = AppTest.from_function(page, default_timeout=120)
        at.session_state["about"] = record(rules=rules)
        at.run()
        assert len(at.warning) == count
    at = AppTest.from_function(page, default_timeout=120)
    at.session_state["about"] = record()
    assert "“my\\_roof” was read by older rules" in at.run().warning[0].value
