"""Errors of the engine on a page: in its language, with its own way out."""

import ast
import copy
import datetime as dt
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import world
from streamlit.testing.v1 import AppTest

from app.i18n import error_translation
from app.i18n.error_translation import translated
from app.maps import routes, store
from engine import library
from engine.core import dates
from engine.core.errors import DataError, EngineError, RequestError, filled
from engine.core.grid import Region
from engine.core.paths import home, inside
from engine.core.variables import mass_factor
from engine.data import quantities, recognise
from engine.inference import catalogue
from engine.inference.request import Request

ROOT = Path(__file__).resolve().parents[3]
KINDS = {"EngineError", "DataError", "NotFoundError", "RequestError", "StorageError", "bad"}
# What no page runs: the command line and the results.
ELSEWHERE = ("engine/cli/", "engine/research/")
ENTRIES = error_translation.entries()
# The one sentence each that is put together from constants elsewhere in its module.
PUT_TOGETHER = {
    ("engine/core/files.py", "remedy"),
    ("engine/data/recognise.py", "remedy"),
    ("engine/data/tables.py", "what"),
    ("engine/data/tables.py", "remedy"),
    ("engine/training/weights_folder.py", "what"),
}


def constants(node, names):
    """The texts that an argument can be; None where it is something else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        both = [constants(n, names) for n in (node.body, node.orelse)]
        return None if None in both else [t for texts in both for t in texts]
    return names.get(node.id) if isinstance(node, ast.Name) else None


def assigned(tree):
    """Names that a module binds to constant texts."""
    names = {}
    for node in ast.walk(tree):
        pairs = []
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            pairs = [(node.targets[0], node.value)]
        for target, value in pairs:
            if (texts := constants(value, {})) is not None:
                names.setdefault(target.id, []).extend(texts)
    return names


def templates():
    """Place and text of every template that an error is raised with."""
    for path in sorted([*ROOT.glob("engine/**/*.py"), *ROOT.glob("app/**/*.py")]):
        name = str(path.relative_to(ROOT))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = assigned(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            kind = ast.unparse(node.func).rpartition(".")[2]
            if kind not in KINDS:
                continue
            first = 2 if kind == "bad" else 0
            given = {"what": node.args[first]} if len(node.args) > first else {}
            if kind == "bad" and len(node.args) > 3:
                given["remedy"] = node.args[3]
            given |= {k.arg: k.value for k in node.keywords if k.arg in ("remedy", "within")}
            for role, value in given.items():
                yield name, node.lineno, role, constants(value, names)


TEMPLATES = list(templates())


def test_an_error_is_raised_with_constant_templates():
    odd = [(n, line, r) for n, line, r, texts in TEMPLATES if texts is None]
    odd = [o for o in odd if (o[0], o[2]) not in PUT_TOGETHER and "core/errors" not in o[0]]
    odd = [o for o in odd if o[0] != "app/i18n/error_translation.py"]
    assert not odd, "give the sentence as a template and its values by name"
    assert len(TEMPLATES) > 400


def test_every_template_of_a_page_has_its_chinese():
    """Add the pair to app/i18n/engine.json if this fails for a sentence that you wrote."""
    missing = {
        text
        for name, _, _, texts in TEMPLATES
        if not name.startswith(ELSEWHERE)
        for text in texts or ()
        if text and text not in ENTRIES
    }
    assert not missing


def test_every_entry_is_a_template_of_ours():
    sources = [*ROOT.glob("engine/**/*.py"), *ROOT.glob("app/**/*.py")]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sources]
    written = {n.value for t in trees for n in ast.walk(t) if isinstance(n, ast.Constant)}
    assert set(ENTRIES) <= written


@pytest.mark.parametrize("template", sorted(ENTRIES))
def test_the_texts_of_a_template_have_its_values(template):
    names = set(re.findall(r"\{(\w+)(?:!r|:or|:and)?\}", template))
    for key, text in ENTRIES[template].items():
        assert set(re.findall(r"\{(\w+)(?:!r|:\w+)?\}", text)) <= names, key
        assert set(re.findall(r"\{\w+:(\w+)\}", text)) <= set(error_translation._HOW)
        assert not text.endswith(("。", "."))
        if key != "page_en" and not template.startswith("{"):
            assert re.search(r"[\u4e00-\u9fff]", text)
    if "page_zh" not in ENTRIES[template]:
        assert names == set(re.findall(r"\{(\w+)(?::\w+)?\}", ENTRIES[template]["zh"]))


def test_no_way_out_of_a_page_names_an_option_of_the_command_line():
    for template, texts in ENTRIES.items():
        if "--" in template or "airlens " in template:
            for key in ("page_en", "page_zh"):
                assert "--" not in texts[key] and "airlens " not in texts[key], template


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
    said = error_translation.translated(error, "zh").removeprefix(error.where)
    assert said.endswith("。")
    assert not re.search(r"[a-z]+ (?:[a-z]+ )+[a-z]+", said), said  # three words in a row


@pytest.mark.parametrize("name", sorted(REAL))
def test_an_error_survives_copies_and_processes(name):
    error = raised(REAL[name])
    rebuild, parts = error.__reduce__()  # what a process boundary does
    for again in (copy.copy(error), copy.deepcopy(error), rebuild(*parts)):
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert translated(again, "zh") == translated(error, "zh")


def test_values_are_text_and_never_templates():
    error = RequestError("no model is named {name!r}", name="{other} {0} {name}", other="x")
    assert str(error) == "no model is named '{other} {0} {name}'."
    assert filled("{missing} stays", {"name": "x"}) == "{missing} stays"
    assert str(RequestError("braces {as} they are")) == "braces {as} they are."


def test_the_texts_put_in_may_change_places():
    error = raised(REAL["kind"])
    assert error_translation.translated(error, "zh").startswith(
        "模型“idw”需要监测站点类数据集，而“small”属于网格类。该类数据集请选用 "
    )


def test_a_word_of_the_system_is_put_in_chinese():
    error = DataError("cannot be read ({strerror})", where="x.csv", strerror="Permission denied")
    assert error_translation.translated(error, "zh") == "x.csv：无法读取（没有权限）。"


def test_every_statistic_that_is_no_mean_has_its_chinese():
    assert set(quantities.OTHERS) <= set(error_translation.WORDS)


def test_a_place_in_a_table_is_put_in_chinese():
    error = DataError(
        "{text!r} is no number", where="a.csv", within="row {row}, column {column!r}",
        remedy="Correct it or leave it empty", text="x", row=3, column="pm2p5",
    )  # fmt: skip
    assert str(error) == (
        "a.csv: row 3, column 'pm2p5': 'x' is no number. Correct it or leave it empty."
    )
    assert error_translation.translated(error, "zh").startswith(
        "a.csv：第 3 行“pm2p5”列：“x”不是数字。"
    )


def test_a_list_is_joined_in_each_language_and_text_is_never_split():
    template = (
        "model {model!r} starts from a dataset of kind {kinds:or}; {dataset!r} is of kind {kind}"
    )
    given = {"model": "this and that", "dataset": "a, b or c", "kind": "grid"}
    error = RequestError(template, kinds=("stations", "mobile", "grid"), **given)
    assert error.what == (
        "model 'this and that' starts from a dataset of kind stations, mobile or grid; "
        "'a, b or c' is of kind grid"
    )
    assert translated(error, "zh") == (
        "模型“this and that”需要监测站点、移动观测、网格类数据集，而“a, b or c”属于网格类。"
    )
    files = DataError("time {times} is there twice ({files:and})", times="t", files=["x and y.csv"])
    assert "x and y.csv" in translated(files, "zh") and "(x and y.csv)" in str(files)


def test_names_in_a_list_keep_their_letters():
    error = DataError(
        "row 1: column {column!r} is missing; it has {columns}",
        column="pm2p5",
        columns=("station", "latitude", "day"),
    )
    assert str(error) == "row 1: column 'pm2p5' is missing; it has station, latitude, day."
    assert (
        error_translation.translated(error, "zh")
        == "第 1 行：缺少列“pm2p5”；现有列：station、latitude、day。"
    )


def test_a_page_names_its_own_control():
    error = DataError("x", remedy="Name the right one with --variable")
    assert str(error) == "x. Name the right one with --variable."
    assert error_translation.translated(error, "en") == (
        "x. Name the right one under More options, Variable."
    )


@pytest.mark.parametrize("template", [t for t, e in ENTRIES.items() if "page_en" in e])
@pytest.mark.parametrize("part", ["what", "remedy"])
def test_the_page_words_it_its_own_way_wherever_it_stands(template, part):
    values = dict.fromkeys(re.findall(r"\{(\w+)", template), "v")
    given = {"what": template} if part == "what" else {"what": "the table has no rows"}
    error = DataError(**given, remedy=template if part == "remedy" else "Wait", **values)
    for language in ("en", "zh"):
        said = error_translation.translated(error, language)
        assert "--" not in said
        assert "airlens " not in said


def test_what_has_no_template_stays_as_it_is():
    unknown = RequestError("the moon is not up", remedy="Wait")
    assert error_translation.translated(unknown, "zh") == "the moon is not up. Wait."
    half = RequestError("there is no CUDA device", remedy="Wait")
    assert error_translation.translated(half, "zh") == "没有 CUDA 设备。Wait."


def test_the_server_of_maps_says_it_in_the_language_of_the_page():
    def make():
        raise RequestError("no station has a reading")

    name = store.offer("test-said-in-chinese", make).rsplit("/", 1)[-1]
    for tag, said in (("zh-CN", "没有站点有观测值。"), ("en", "no station has a reading.")):
        requested = SimpleNamespace(path_params={"name": name}, headers={"accept-language": tag})
        assert routes._data(requested).body.decode() == said


def test_the_page_says_it_in_chinese():
    def page():
        from app import i18n
        from app.frame import trouble
        from engine.core.errors import NotFoundError

        trouble.say(NotFoundError("no data on {date}", date="1999-01-01"), i18n.words("zh"))

    at = AppTest.from_function(page).run()
    assert "1999-01-01 无数据" in at.error[0].value
