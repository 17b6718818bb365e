"""Workbooks of Excel (XLSX): one sheet as rows of text, as the same table would be in a CSV.

The sheet is the one with rows; where several have rows, the one whose header names PM2.5. Dates
become ISO 8601, and dates alone where no cell of the column has a time of day. A number keeps all
of its digits, so that identifiers that a sheet shows as 3.1E+11 stay apart.
"""

import datetime as dt
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import openpyxl
import pandas as pd

from engine.core import size_limits
from engine.core.errors import DataError
from engine.data.quantities import is_pm25

# A cell takes 15 bytes of XML or more, and 120 bytes as text in a table.
BYTES_OF_XML, BYTES_OF_CELL = 8, 120
MOST_ROWS = 1_048_576  # of a sheet; Excel has no more
_VALUES = ("value", "concentration", "pm", "浓度")
# What the library raises for a broken workbook.
_BROKEN = (
    *(
        zipfile.BadZipFile,
        zlib.error,
        OSError,
        EOFError,
        SyntaxError,
        NotImplementedError,
        RuntimeError,
    ),
    *(KeyError, ValueError, TypeError, AttributeError, IndexError),
)


class Rows(Protocol):
    """What is used of a sheet of the library."""

    title: str

    def reset_dimensions(self) -> None:
        """Forget the extent that the sheet states: rows beyond it would be lost."""

    def iter_rows(self, *, values_only: bool) -> Iterator[tuple[object, ...]]:
        """Values of each row, from the first."""


@dataclass(frozen=True)
class Sheet:
    """One sheet.

    Attributes:
        frame: Its rows as text under the names of its header, empty cells as empty text.
        skipped: Rows above the header.
        notes: What is to be said of it.
    """

    frame: pd.DataFrame
    skipped: int
    notes: tuple[str, ...]


def read(path: Path) -> Sheet:
    """The sheet of a workbook that holds the readings.

    Raises:
        DataError: If it is damaged or too large, no sheet has rows, or several may be meant.
    """
    try:
        _check_size(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and checks of input, which are no values
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
            try:
                return _sheet(path, book.worksheets)
            finally:
                book.close()
    except _BROKEN as problem:
        raise DataError(
            "the workbook is damaged or cut short ({problem})",
            where=path.name,
            remedy="Open it in a spreadsheet and save it again, or save the sheet as CSV",
            problem=(str(problem).strip() or type(problem).__name__).splitlines()[0][:120],
        ) from problem


def _check_size(path: Path) -> None:
    """Refuse a workbook by what its parts say to unpack to, before one is unpacked."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
    size_limits.BYTES.check(BYTES_OF_XML * unpacked, what="the workbook", where=path.name)


def _sheet(path: Path, sheets: Sequence[Rows]) -> Sheet:
    heads = {sheet.title: head for sheet in sheets if (head := _head(path, sheet)) is not None}
    if not heads:
        raise DataError("the table has no rows", where=path.name, remedy="Check the file")
    named = [t for t, (_, head) in heads.items() if is_pm25(*head) or set(_VALUES) & _low(head)]
    meant = list(heads) if len(heads) == 1 else named
    if len(meant) != 1:
        raise DataError(
            "several sheets have rows: {sheets}",
            where=path.name,
            remedy="Save the one with the readings as a workbook of its own, or as CSV",
            sheets=tuple(heads),
        )
    skipped, header = heads[meant[0]]
    sheet = next(s for s in sheets if s.title == meant[0])
    rows = list(_rows(path, sheet, len(header)))[skipped + 1 :]
    while rows and not any(rows[-1]):
        rows.pop()
    columns = [_as_text(column) for column in zip(*rows, strict=True)] if rows else []
    frame = pd.DataFrame(dict(enumerate(columns)), dtype=str)
    if columns:
        frame = frame.set_axis(header, axis=1)
    others = [title for title in heads if title != meant[0]]
    notes = [f"{path.name}: read sheet {meant[0]}, and not {', '.join(others)}."] if others else []
    return Sheet(frame, skipped, tuple(notes))


def _low(head: Sequence[str]) -> set[str]:
    return {name.lower() for name in head}


def _head(path: Path, sheet: Rows) -> tuple[int, list[str]] | None:
    """Rows above the header of a sheet, and the header: the first row of two cells or more."""
    for number, row in enumerate(_rows(path, sheet, None)):
        named = [_text(cell).strip() for cell in row]
        while named and not named[-1]:
            named.pop()
        if sum(bool(name) for name in named) > 1:
            return number, named
    return None


def _rows(path: Path, sheet: Rows, width: int | None) -> Iterator[tuple[object, ...]]:
    """The rows of a sheet, of one width where that is known; counted as they come."""
    sheet.reset_dimensions()
    for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
        size_limits.ROWS.check(number, what="the sheet", where=path.name)
        if number > MOST_ROWS:
            raise ValueError(f"row {number}")
        cells = tuple(row)
        if width is None:
            yield cells
            continue
        size_limits.BYTES.check(
            BYTES_OF_CELL * number * width, what=f"a table of {number * width:,} cells",
            where=path.name,
        )  # fmt: skip
        more = [cell for cell in cells[width:] if cell not in (None, "")]
        if more:
            raise DataError(
                "row {line_num} has {count} cells, the header has {width}",
                where=path.name,
                remedy="Name every column in the header",
                line_num=number,
                count=width + len(more),
                width=width,
            )
        yield cells[:width] + (None,) * (width - len(cells))


def _as_text(column: Sequence[object]) -> list[str]:
    """The cells of a column as text; dates alone where none has a time of day."""
    instants = [_whole(c) for c in column if isinstance(c, dt.datetime)]
    dates = all(t.time() == dt.time() for t in instants)
    return [
        _whole(c).date().isoformat() if dates and isinstance(c, dt.datetime) else _text(c)
        for c in column
    ]


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, dt.datetime):
        return _whole(cell).isoformat(sep=" ")
    if isinstance(cell, dt.timedelta):  # hours beyond a day, as 24:00
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    if isinstance(cell, dt.date | dt.time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)


def _whole(instant: dt.datetime) -> dt.datetime:
    """The nearest whole second: a spreadsheet keeps a time as a fraction of a day."""
    return (instant + dt.timedelta(milliseconds=500)).replace(microsecond=0)
