"""Pages of results: Markdown templates filled with the numbers of a record.

`${scores/all/rmse:.2f}` is the number at that path of the record, in Python's format after the
last colon; text and whole numbers need no format. `${table:rows}` is a block of lines that the
caller makes. A line `@@ name` begins a further part of the file. A place that the record or the
caller does not fill, and a table that the template does not use, are errors.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.core.paths import ROOT

TEMPLATES = ROOT / "docs" / "results" / "templates"
_PLACE = re.compile(r"\$\{([^{}]*)\}")
_PART = re.compile(r"^@@ (.+)\n", re.MULTILINE)
_ZERO = re.compile(r"-(0(?:\.0*)?%?)")
_TABLE = "table:"


def read(path: Path) -> dict[str, str]:
    """Text of each part of a template by its name; what stands before the first is "page".

    Raises:
        ValueError: If two parts have one name.
    """
    first, *rest = _PART.split(path.read_text(encoding="utf-8"))
    parts = {"page": first.strip("\n")}
    for name, text in zip(rest[::2], rest[1::2], strict=True):
        if parts.get(name):
            raise ValueError(f"{path.name}: part {name!r} stands there twice")
        parts[name] = text.strip("\n")
    return parts


def fill(text: str, record: Mapping[str, Any], tables: Mapping[str, str | Sequence[str]]) -> str:
    """The text with its numbers and tables, without a newline at its end.

    Args:
        text: A template or a part of one.
        record: What paths lead into: mappings and lists, with numbers and text at the ends.
        tables: Blocks of Markdown, as text or lines; an empty one leaves no gap.

    Raises:
        ValueError: If a place has nothing to stand in it, a number with a fraction no format, or
            a table no place.
    """
    used = set()

    def put(match: re.Match[str]) -> str:
        place = match.group(1)
        if not place.startswith(_TABLE):
            return _number(place, record)
        name = place.removeprefix(_TABLE)
        if name not in tables:
            raise ValueError(f"no table {name!r} for the template")
        used.add(name)
        block = tables[name]
        return (block if isinstance(block, str) else "\n".join(block)).strip("\n")

    filled = _PLACE.sub(put, text)
    if unused := sorted(set(tables) - used):
        raise ValueError(f"the template does not use the table {', '.join(unused)}")
    return re.sub(r"\n{3,}", "\n\n", filled).strip("\n")


def table(
    head: Sequence[str], rows: Sequence[Sequence[str]], align: str = "---:", left: int = 1
) -> list[str]:
    """Lines of a Markdown table; columns after the first `left` ones are aligned by `align`."""
    return [
        f"| {' | '.join(head)} |",
        "|" + "---|" * left + f"{align}|" * (len(head) - left),
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def verdict(low: float, high: float) -> str:
    """What an interval of a change in error shows: "better", "worse" or "not shown".

    Args:
        low: Lower end; below zero is a smaller error.
        high: Upper end. NaN at either end shows nothing.
    """
    if high < 0:
        return "better"
    return "worse" if low > 0 else "not shown"


def verdict_of_runs(ours: Sequence[float], base: Sequence[float]) -> str:
    """What errors of several seeds show against those of others: their ranges must not overlap.

    Fewer than two runs on either side show nothing.
    """
    if len(ours) < 2 or len(base) < 2:
        return "not shown"
    return verdict(min(ours) - max(base), max(ours) - min(base))


def reached(value: float, goal: float) -> str:
    """Whether a value is at least its goal: "reached" or "not reached"."""
    return "reached" if value >= goal else "not reached"


def _number(place: str, record: Mapping[str, Any]) -> str:
    path, _, form = place.rpartition(":") if ":" in place else (place, "", "")
    part: Any = record
    for step in path.split("/"):
        try:
            part = part[int(step) if isinstance(part, list | tuple) else step]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ValueError(f"the record has no {path!r} for the template") from None
    if not isinstance(part, str | int | float):
        raise ValueError(f"{path!r} of the record is no number and no text")
    if isinstance(part, float) and not form:
        raise ValueError(f"{path!r} stands in the template without a format")
    if part != part:  # NaN is not itself
        return "–"
    text = format(part, form)
    return _ZERO.sub(r"\1", text) if _ZERO.fullmatch(text) else text
