"""The text of a CSV: its encoding, its header, its decimals, and the row that does not fit."""

import codecs
import csv
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pandas as pd

from engine.core import size_limits
from engine.core.errors import DataError

UK_AIR = "uk-air date"  # name given to the column of dates of UK-AIR's files
# AirNow's hourly files have no header.
_AIRNOW = "valid date|valid time|AQSID|sitename|GMT offset|parameter|units|value|data source\n"
_AIRNOW_ROW = re.compile(r"\d{2}/\d{2}/\d{2}\|\d{2}:\d{2}\|")
_TITLES = 12  # lines above a header that are looked through
_UTF16, _ENCODINGS = (("utf-16", "UTF-16"),), (("utf-8-sig", ""), ("gb18030", "GB 18030"))
DECIMAL_COMMA = r"^\s*(-?\d+),(\d+)\s*$"
_DECIMAL_POINT = r"^\s*-?\d+\.\d+\s*$"
_LOOKED_AT = 1000  # rows by which decimals are judged


def decoded(path: Path) -> tuple[str, tuple[str, ...]]:
    """The text of a file, and what is to be reported about how it is written."""
    size_limits.BYTES.check(path.stat().st_size, what="the table", where=path.name)
    with path.open("rb") as file:
        first = len(re.split(rb"[\r\n]", file.read(size_limits.LINE.value() + 1), maxsplit=1)[0])
    size_limits.LINE.check(first, what="it", where=path.name)
    raw = path.read_bytes()
    ends = max(raw.count(b"\n"), raw.count(b"\r"))
    size_limits.ROWS.check(ends, what="the table", where=path.name)
    utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding, called in _UTF16 if utf16 else _ENCODINGS:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\n" not in text:  # some programs still end lines as early Macintoshes did
            text = text.replace("\r", "\n")
        return text, (f"{path.name} is written in {called}.",) if called else ()
    raise DataError(
        "its text is neither UTF-8 nor GB 18030", where=path.name, remedy="Save it as UTF-8"
    )


def without_comments(text: str) -> tuple[str, int]:
    """The text from the header on, and how many lines above it begin with `#`, as our exports'."""
    skipped = 0
    while text.startswith("#"):
        skipped += 1
        text = text.partition("\n")[2]
    return text, skipped


def with_header(text: str, stem: str) -> tuple[str, int]:
    """The text from its header on, and the lines above it, of networks that write no plain one.

    AirNow's hourly files get the header that they lack: -1 lines above it. UK-AIR's have titles, a
    line of sites, and columns of one name for each site: each column is named `site::quantity`,
    and its neighbours `site::quantity::status` and `site::quantity::unit`.

    Args:
        text: Of the file.
        stem: Of its name, which names the site where no line does.
    """
    if _AIRNOW_ROW.match(text):
        return _AIRNOW + text, -1
    lines = text.split("\n", _TITLES)[:_TITLES]
    at = next((n for n, line in enumerate(lines) if re.match(r'"?date"?,"?time', line, re.I)), 0)
    above = "\n".join(lines[:at])
    if at == 0 or not re.search(r"UK-AIR|hour ending", above, re.IGNORECASE):
        return text, 0
    columns = names_of(lines[at], ",")
    sites = names_of(lines[at - 1], ",") if lines[at - 1].startswith(",") else []
    title = names_of(lines[0], ",")[0]
    alone = stem if "supplied" in title.lower() else title.strip()
    header, quantity = [UK_AIR, "time"], ""
    for number, name in enumerate(columns[2:], start=2):
        site = sites[number].strip() if number < len(sites) else alone
        if name.strip().lower() in ("status", "unit"):
            header.append(f"{quantity}::{name.strip().lower()}")
        else:
            quantity = f"{site}::{name.strip()}"
            header.append(quantity)
    quoted = ",".join('"' + name.replace('"', "") + '"' for name in header)
    return quoted + "\n" + text.split("\n", at + 1)[-1], at


def names_of(header: str, separator: str) -> list[str]:
    """The names of the columns as they are written; one empty name for an empty line."""
    try:
        return next(csv.reader([header.strip()], delimiter=separator)) or [""]
    except csv.Error:  # a stray carriage return, or a name of thousands of letters
        return header.strip().split(separator)


def check_header(header: Sequence[str], path: Path) -> None:
    """Refuse a name that two columns have.

    Raises:
        DataError: Naming it.
    """
    names = [n.strip().lower() for n in header]
    twice = next((n for i, n in enumerate(names) if n and n in names[:i]), None)
    if twice is not None:
        raise DataError(
            "row 1: column {twice!r} is there twice",
            where=path.name,
            remedy="Rename one of them",
            twice=twice,
        )


def decimal_commas(frame: pd.DataFrame) -> bool:
    """Whether a table whose cells no comma separates writes `31,2` for 31.2, and nowhere 31.2."""
    cells = frame.head(_LOOKED_AT)
    with_comma = any(cells[c].str.fullmatch(DECIMAL_COMMA).any() for c in cells)
    with_point = any(cells[c].str.fullmatch(_DECIMAL_POINT).any() for c in cells)
    return with_comma and not with_point


def ragged(path: Path, text: str, separator: str, problem: Exception) -> DataError:
    """The error about a row with too many cells, found again to name it."""
    rows = csv.reader(StringIO(text), delimiter=separator)
    try:
        width = len(next(rows))
        for row in rows:
            if len(row) > width:
                return DataError(
                    "row {line_num} has {count} cells, the header has {width}",
                    where=path.name,
                    remedy="Quote cells that hold the separator",
                    line_num=rows.line_num,
                    count=len(row),
                    width=width,
                )
    except csv.Error:  # a stray carriage return: the reader's own words are for programmers
        pass
    return DataError(
        "the table cannot be read ({problem})",
        where=path.name,
        remedy="Check its rows",
        problem=str(problem)[:120],
    )
