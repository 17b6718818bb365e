"""Each sink has its own signs; text from data comes out of each letter for letter."""

import ast
import json
import re
from html import unescape
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.style import safe_text

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("Nanjing, 42.5", "Nanjing, 42.5"),
        ("118.5,30.5", "118.5,30.5"),
        ("![p](http://x.org)", r"\!\[p\]\(http\://x\.org\)"),
        ("# title", r"\# title"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("=", r"\="),
        (":red[x] $x$", r"\:red\[x\] \$x\$"),
        ("a\n\n# b", r"a \# b"),
        ("NUL\0", "NUL\ufffd"),
        (":smile:", "\\:\u2060smile\\:"),
        ("www.example.org", r"www\.example\.org"),
        ("{{7*7}}", r"\{\{7\*7\}\}"),
    ],
)
def test_markdown(text, markdown):
    assert safe_text.markdown(text) == markdown


@given(st.text())
def test_no_sign_of_markdown_stands_alone(text):
    said = safe_text.markdown(text)
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", said)
    assert not re.search(r"[\\`*_{}\[\]()<>#!|$~:&\n]", bare)


@given(st.text())
def test_a_plotly_label_holds_no_tag_and_no_formula(text):
    said = safe_text.plotly(text)
    assert "<" not in said and not re.search(r"\$[^\u200b]|\$$|%\{", said)
    assert unescape(said).replace("\u200b", "") == re.sub(
        r"[\x00-\x1f\x7f-\x9f]", "\ufffd", text
    ).replace("\u200b", "")


@given(st.text())
def test_json_cannot_end_its_script(text):
    said = safe_text.script_json({"name": text})
    assert not set(said) & {"<", ">", "&", "\u2028", "\u2029"}
    assert json.loads(said) == {"name": text}


COMPILERS = {"Element", "MacroElement", "Template", "from_string", "Environment", "IFrame", "Popup"}
TEMPLATE_LIBRARIES = {"jinja2", "folium", "branca", "mako", "string"}


def compiled(tree):
    """Calls that compile what they are given as a template."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in COMPILERS and not all(
                isinstance(argument, ast.Constant) for argument in node.args
            ):
                yield node
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [a.name for a in node.names]
            module = getattr(node, "module", None)
            if {str(n).split(".")[0] for n in [*names, module]} & TEMPLATE_LIBRARIES:
                yield node


def test_no_text_reaches_a_template_compiler():
    for path in [*ROOT.glob("app/**/*.py"), *ROOT.glob("engine/**/*.py")]:
        for node in compiled(ast.parse(path.read_text(encoding="utf-8"))):
            raise AssertionError(f"{path}:{node.lineno} gives text to a template compiler")


def test_the_search_finds_one():
    assert list(compiled(ast.parse("folium.Element(name)")))
    assert list(compiled(ast.parse("from jinja2 import Template")))
    assert not list(compiled(ast.parse("Template('constant')")))


MARKDOWN_SINKS = {
    "markdown", "caption", "write", "warning", "error", "info", "success", "title", "header",
    "subheader", "toast", "expander", "popover", "button", "progress", "metric",
}  # fmt: skip
# Values that come from data, by the names this code has for them.
FROM_DATA = re.compile(
    r"\b(info|about|station|row|table|error|upload|file)\.(name|source|licence|where|what|notes)\b"
    r"|\bstr\(error\)|error_translation\.told|note\.value"
)


def test_pages_escape_what_comes_from_data():
    for path in ROOT.glob("app/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr not in MARKDOWN_SINKS or not ast.unparse(node.func).startswith("st."):
                continue
            for given_ in [
                *node.args,
                *(k.value for k in node.keywords if k.arg in ("help", "body")),
            ]:
                text = re.sub(r"\bmarkdown\([^()]*(\([^()]*\)[^()]*)*\)", "", ast.unparse(given_))
                assert not FROM_DATA.search(text), f"{path}:{node.lineno} {text}"
