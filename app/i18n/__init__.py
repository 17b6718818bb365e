"""What the screen says, in English and in simplified Chinese.

The catalogue is a folder for each language and in it a file for each page, so that pages do not
share a file: `app/i18n/en/map.json` holds `{"title": "Map"}`, and the code asks for
`words("map.title")`. Both languages have the same files and the same keys; a test holds that, and
that every key the code asks for exists.

A page writes::

    words = i18n.current()
    st.title(words("map.title"))
    st.write(words.count("map.cities", 3))

Values are put in with `str.format`: `"{n} cities"`. A text that counts has a second key that ends
in `_one`, for languages that bend their nouns.
"""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import streamlit as st

LANGUAGES: dict[str, str] = {"en": "English", "zh": "简体中文"}
DEFAULT = "en"
FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Words:
    """The catalogue of one language.

    Attributes:
        language: Key of `LANGUAGES`.
        entries: `page.name` → text.
    """

    language: str
    entries: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The text of `key`, with `values` put in.

        Raises:
            KeyError: If the catalogue has no such key.
        """
        text = self.entries[key]
        return text.format(**values) if values else text

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def count(self, key: str, n: int, **values: object) -> str:
        """The text of `key` for `n` things; `n` is put in with thousands marked."""
        one = n == 1 and f"{key}_one" in self.entries
        return self(f"{key}_one" if one else key, n=self.number(n), **values)

    def number(self, value: float, digits: int = 0) -> str:
        """A number as people read it, or a dash where there is none."""
        if value != value:  # NaN
            return "–"
        text = f"{value:,.{digits}f}"
        if not text.strip("-0.,"):
            text = text.removeprefix("-")  # nothing has no sign
        # A typographic minus lines up with the plus and is read as "minus".
        return text.replace("-", "−")

    def signed(self, value: float, digits: int = 0) -> str:
        """A number that always shows its sign."""
        text = self.number(value, digits)
        return f"+{text}" if value > 0 and text.strip("0.,") else text

    def concentration(self, value: float, digits: int = 0) -> str:
        """A concentration with its unit."""
        return self("units.amount", value=self.number(value, digits), unit=self("units.ug_m3"))

    def date(self, day: dt.date, period: str = "day") -> str:
        """A date, or the month it stands for, as people write it."""
        key = "units.month" if period == "month" else "units.day"
        name = self(f"units.month_{day.month}")
        return self(key, year=day.year, month=day.month, name=name, day=day.day)

    def short_date(self, day: dt.date, period: str = "day") -> str:
        """A date in few letters; English cuts the month's name to three."""
        name = self(f"units.month_{day.month}")[:3]
        key = "units.month" if period == "month" else "units.day"
        return self(key, year=day.year, month=day.month, name=name, day=day.day)

    def either(self, en: str, zh: str) -> str:
        """Whichever of two names is in this language; the other where it is missing."""
        wanted, other = (zh, en) if self.language == "zh" else (en, zh)
        return wanted or other


@lru_cache(maxsize=len(LANGUAGES))
def words(language: str) -> Words:
    """The catalogue of a language.

    Raises:
        ValueError: If we have no such language.
    """
    if language not in LANGUAGES:
        raise ValueError(f"no language {language!r}; there are {', '.join(LANGUAGES)}")
    entries: dict[str, str] = {}
    for file in sorted((FOLDER / language).glob("*.json")):
        page = json.loads(file.read_text(encoding="utf-8"))
        entries |= {f"{file.stem}.{name}": text for name, text in page.items()}
    return Words(language, entries)


def preferred(requested: str | None, locale: str | None) -> str:
    """The language to start in: what the link asks for, else the browser's, else English."""
    if requested in LANGUAGES:
        return str(requested)
    tag = (locale or "").split("-")[0].lower()
    return tag if tag in LANGUAGES else DEFAULT


def current() -> Words:
    """The catalogue of the language this session reads."""
    chosen = st.session_state.get("lang")
    if chosen not in LANGUAGES:
        chosen = preferred(st.query_params.get("lang"), st.context.locale)
    return words(chosen)
