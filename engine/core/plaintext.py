"""Text from data in a spreadsheet and on a terminal: shown, never obeyed.

A spreadsheet runs a cell that begins with `=`; a terminal obeys an escape sequence. Everything that
writes a table or a line goes through here. Numbers stay numbers: only cells of text are touched.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TextIO

import pandas as pd

# What a spreadsheet takes for a formula, and the apostrophe itself, so that reading undoes writing.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
CELL_NOTE = (
    "text cells that begin with = + - @ ' a tab or a carriage return have an apostrophe in front"
)
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_AFTER_SEPARATOR = re.compile(r"([,;\t|\"]\s*)(?=[=+\-@])")


def cell(value: object) -> object:
    """A cell as a spreadsheet may have it: text that begins like a formula gets an apostrophe."""
    if not isinstance(value, str):
        return value
    text = storable(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def uncell(text: str) -> str:
    """The text that `cell` was given; other people's apostrophes stay."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(FORMULA) else text


def comment(text: str) -> str:
    """A comment line of a CSV, without its end; no part of it becomes a cell that is a formula."""
    line = storable(" ".join(text.split()))
    return "# " + _AFTER_SEPARATOR.sub(r"\1'", line)


def frame_cells(frame: pd.DataFrame) -> pd.DataFrame:
    """A table whose text, with the names of its columns, a spreadsheet does not run."""
    safe = frame.rename(columns=cell)
    for name in safe.columns:
        if not pd.api.types.is_numeric_dtype(safe[name]):
            safe[name] = safe[name].map(cell)
    return safe


def write_csv(
    out: TextIO,
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    notes: Sequence[str] = (),
) -> None:
    """Notes as comment lines, the rule of `cell`, the head and the rows."""
    for note in (*notes, CELL_NOTE):
        out.write(f"{comment(note)}\n")
    table = csv.writer(out, lineterminator="\n")
    table.writerow([cell(name) for name in head])
    table.writerows([cell(value) for value in row] for row in rows)


def storable(text: str) -> str:
    """Text for a file: control characters that XML, NetCDF or a table cannot hold are U+FFFD."""
    return _UNSTORABLE.sub("\ufffd", text)


def terminal(text: object) -> str:
    r"""Text with everything that a terminal obeys made visible, line ends apart.

    Control and escape characters, and those that turn the direction of writing, stand as `\\x1b` or
    `\\u202e`.
    """
    return "".join(_shown(c) for c in str(text))


def _shown(sign: str) -> str:
    # Cc: control; Cf: format, among them the directions; Zl, Zp: line and paragraph separators.
    if sign == "\n" or unicodedata.category(sign) not in ("Cc", "Cf", "Zl", "Zp"):
        return sign
    code = ord(sign)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )
