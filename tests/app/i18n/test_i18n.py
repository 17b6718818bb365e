import ast
import json
import re
import string
from datetime import date
from pathlib import Path

import pytest

from app import i18n
from engine.verify import metric_tables

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "app" / "i18n"
PAGES = sorted({p.stem for p in FOLDER.glob("*/*.json")})
# Texts that are the same in both languages on purpose: names, symbols, numbers, commands.
SAME = {
    "units.amount",
    "units.pm2p5",
    "units.symbol",
    "units.none",
}  # fmt: skip


def entries(language):
    return i18n.words(language).entries


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("page", PAGES)
def test_both_languages_have_the_same_keys_of_a_page(page):
    keys = {
        language: list(json.loads((FOLDER / language / f"{page}.json").read_text()))
        for language in i18n.LANGUAGES
    }
    assert keys["en"] == keys["zh"]


@pytest.mark.parametrize("key", sorted(entries("en")))
def test_a_text_takes_the_same_values_in_both_languages(key):
    # A date names its month in one language and numbers it in the other.
    spare = {"name", "month"} if key in ("units.day", "units.month") else set()
    en, zh = (placeholders(entries(language)[key]) for language in ("en", "zh"))
    assert en - spare == zh - spare


def test_no_text_is_empty_or_left_untranslated():
    for key, en in entries("en").items():
        zh = entries("zh")[key]
        assert en.strip(), key
        assert zh.strip(), key
        if en == zh:
            bare = re.sub(r"{\w*}", "", en)
            wordless = not any(len(w) > 3 and w.islower() for w in bare.split())
            assert key in SAME or wordless, f"{key} is {en!r} in both languages"


def query_points():
    """Keys that the code asks for with a literal, with the place."""
    for path in sorted((ROOT / "app").glob("**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            first = node.args[0]
            is_text = isinstance(first, ast.Constant) and isinstance(first.value, str)
            called = ast.unparse(node.func)
            if is_text and called in ("words", "words.count", "t", "t.count", "i18n.current()"):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", first.value


def test_every_key_the_code_asks_for_exists():
    missing = [
        (place, key) for place, key in query_points() if "." in key and key not in entries("en")
    ]
    assert not missing


def written(sources):
    """Constants of sources, also as parts of keys, and the patterns of their f-strings."""
    constants, patterns = set(), set()
    for path in sources:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | int):
                constants.add(str(node.value))
            if isinstance(node, ast.JoinedStr):
                parts = (
                    re.escape(v.value) if isinstance(v, ast.Constant) else "(.+)"
                    for v in node.values
                )
                patterns.add("".join(parts))
    bent = {re.sub(r"[-. ]", "_", c).lower() for c in constants}
    bent |= {c.lower().replace("-", "") for c in constants}
    return constants, constants | bent, patterns


def test_every_key_is_asked_for():
    """As it is written, or by an f-string whose parts are constants too."""
    app = sorted((ROOT / "app").glob("**/*.py"))
    engine = [
        path
        for path in sorted((ROOT / "engine").glob("**/*.py"))
        if path.relative_to(ROOT).parts[1] not in ("cli", "research")  # no page runs them
    ]
    constants, _, patterns = written(app)
    _, parts, _ = written([*app, *engine])
    begun = [p for p in patterns if re.match(r"\w+\\\.", p)]
    # Where a key can be cut in two ways, the short first part counts as well as the long one.
    begun = [re.compile(p) for text in begun for p in (text, text.replace("(.+)", "(.+?)"))]

    def asked_for(key):
        if key in constants:
            return True
        matches = (pattern.fullmatch(key) for pattern in begun)
        return any(m and set(m.groups()) <= parts for m in matches)

    idle = {
        key
        for key in entries("en")
        if not asked_for(key) and not asked_for(key.removesuffix("_one"))
    }
    assert not idle


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_the_tables_of_scores_have_their_heads(language):
    heads = {f"scores.{name}" for name in metric_tables.ERRORS_PAGE}
    heads |= {f"errors.station_{name}" for name in metric_tables.DIFFERENCES}
    heads |= {f"forecast.head_{name}" for name in metric_tables.DIFFERENCES}
    assert heads <= set(entries(language))


def test_a_missing_key_is_loud():
    with pytest.raises(KeyError, match="nowhere"):
        i18n.words("en")("map.nowhere")


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match="no language 'fr'"):
        i18n.words("fr")


@pytest.mark.parametrize(
    ("requested", "locale", "expected"),
    [
        ("zh", "en-GB", "zh"),
        (None, "zh-CN", "zh"),
        (None, "zh-Hant-TW", "zh"),
        (None, "de-DE", "en"),
        ("fr", "zh", "zh"),
        (None, None, "en"),
    ],
)
def test_the_language_to_start_in(requested, locale, expected):
    assert i18n.preferred(requested, locale) == expected


def test_numbers_and_dates():
    en, zh = i18n.words("en"), i18n.words("zh")
    assert en.number(1234.56, 1) == "1,234.6"
    assert en.number(float("nan")) == "–"
    assert en.number(-3.25, 1) == "−3.2"
    assert en.signed(3.25, 1) == "+3.2"
    assert en.signed(-3) == "−3"
    assert en.concentration(84.4) == "84 µg/m³"
    assert zh.concentration(84.4) == "84 微克/立方米"
    assert en.date(date(2015, 1, 10)) == "10 January 2015"
    assert zh.date(date(2015, 1, 10)) == "2015年1月10日"
    assert en.short_date(date(2015, 9, 10)) == "10 Sep 2015"
    assert zh.short_date(date(2015, 12, 10)) == "2015年12月10日"
    assert en.date(date(2015, 1, 1), "month") == "January 2015"
    assert zh.date(date(2015, 1, 1), "month") == "2015年1月"


def test_a_name_falls_back_to_the_other_script():
    assert i18n.words("zh").either("Nanjing", "南京") == "南京"
    assert i18n.words("zh").either("Nanjing", "") == "Nanjing"
    assert i18n.words("en").either("Nanjing", "南京") == "Nanjing"
