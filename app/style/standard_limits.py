"""The limit that a map is held against, and the classes of its step legend, in words.

The numbers are `engine.core.standards`'; here is only which of them fits a map and how it is
called.
"""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from app.i18n import Words
from app.style import palette
from app.style.palette import Scale
from engine.core import standards
from engine.core.standards import Average, Standard


@dataclass(frozen=True)
class Bound:
    """A limit with its names.

    Attributes:
        value: ug m-3.
        short: Document and averaging time, for a sentence.
        full: Also class or target, and what has to be said with it.
    """

    value: float
    short: str
    full: str


@dataclass(frozen=True)
class Index:
    """An index value as it is printed.

    Attributes:
        text: The number, with "≥" where the standard stops below it.
        level: Name of its category.
        colour: Of the category, as the document prescribes.
        ink: Colour of text on it.
    """

    text: str
    level: str
    colour: str
    ink: str


def standard(key: str, day: dt.date) -> Standard:
    """The standard chosen in the sidebar, on a day.

    Raises:
        RequestError: If we have no such standard.
    """
    return standards.resolve(key, day)


def bound(rules: Standard, period: str, words: Words) -> Bound | None:
    """The limit for a map of an averaging time, or None if there is none.

    No country has a limit for a month: a month is held against the annual one, and the page says
    so.
    """
    average: Average = "day" if period in ("hour", "day") else "year"
    limit = rules.limit(average)
    if limit is None:
        return None
    name = words(f"limits.{rules.key.replace('-', '_')}")
    text = words(f"limits.average_{average}")
    site = site_title(limit.site, words)
    key = "limits.full_month" if period == "month" else "limits.full"
    return Bound(
        limit.value,
        words("limits.short", name=name, average=text),
        words(key, name=name, average=text, site=site).strip(),
    )


def scale(rules: Standard, period: str, words: Words) -> Scale:
    """The concentration scale, with the standard's classes as steps where it has any."""
    average: Average = "day" if period in ("hour", "day") else "year"
    breaks = rules.steps(average)
    levels = rules.index.levels if rules.index is not None and average == "day" else ()
    fit = len(levels) == len(breaks) + 1
    return palette.concentration(
        period,
        unit=words("units.symbol"),
        title=words("units.pm2p5"),
        breaks=breaks,
        colours=[level.colour for level in levels] if fit else (),
        names=[words.either(level.name_en, level.name_zh) for level in levels] if fit else (),
    )


def index(value: float, rules: Standard, period: str, words: Words) -> Index | None:
    """The index of a daily mean, or None where the standard has none for it."""
    table = rules.index
    if table is None or period != "day" or np.isnan(value):
        return None
    number = float(standards.index(value, table))
    level = standards.level(number, table)
    if level is None:
        return None
    more = "≥" if standards.beyond(value, table) else ""
    return Index(
        f"{more}{words.number(number)}",
        words.either(level.name_en, level.name_zh),
        level.colour,
        level.text,
    )


def site_title(site: str, words: Words) -> str:
    """A class of areas or a target, as people call it."""
    key = f"limits.site_{site.lower().replace('-', '')}"
    return words(key) if site and key in words else site
