"""Tables, CSV or Parquet, cell by cell checked: a bad cell is named by its row and column.

Row numbers are the file's own, the header being row 1. Columns are found by any of several
names, without case. Cells of a CSV stay text until somebody asks for numbers or times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.compute
import pyarrow.parquet
from numpy.typing import NDArray

from engine.core import size_limits
from engine.core.errors import DataError
from engine.core.plaintext import uncell
from engine.data.calendar import Times
from engine.data.csv_text import (
    DECIMAL_COMMA,
    check_header,
    decimal_commas,
    decoded,
    names_of,
    ragged,
    with_header,
    without_comments,
)
from engine.data.no_data_words import MISSING
from engine.data.recognise import container

YEARS = (1900, 2200)  # that measurements can be of
_CHINESE = ("%Y年%m月%d日", "%Y年%m月%d日 %H时", "%Y年%m月%d日 %H:%M")
_ZONE = r"(?:[Zz]|[+-]\d{2}:?\d{2}|[+-]\d{2})$"


@dataclass(frozen=True)
class Table:
    """A table as it was read.

    Attributes:
        frame: Columns under the file's own names; text from a CSV, typed from Parquet.
        where: Name of the file.
        notes: What had to be done to read it.
        skipped: Comment lines above the header.
        dropped: Rows that were left out, by reason (engine.data.dropped).
    """

    frame: pd.DataFrame
    where: str
    notes: tuple[str, ...] = ()
    skipped: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)

    @property
    def columns(self) -> frozenset[str]:
        """Column names without case."""
        return frozenset(str(c).lower() for c in self.frame.columns)

    def find(self, names: Sequence[str]) -> str | None:
        """The file's name of the first of `names` that it has, or None."""
        by_name = {str(c).lower(): str(c) for c in self.frame.columns}
        return next((by_name[n.lower()] for n in names if n.lower() in by_name), None)

    def need(self, names: Sequence[str]) -> str:
        """Like `find`.

        Raises:
            DataError: If it has none of them.
        """
        found = self.find(names)
        if found is None:
            raise DataError(
                "row 1: column {column!r} is missing; it has {columns}",
                where=self.where,
                remedy="Add it or rename one to it (also read: {also})",
                column=names[0],
                columns=tuple(map(str, self.frame.columns)),
                also=tuple(names[1:]) or ("none",),
            )
        return found

    def bad(
        self, position: int, column: str, what: str, remedy: str, **values: object
    ) -> DataError:
        """The error about one cell; `position` counts the rows of data from 0."""
        row = int(self.frame.index[position]) + 2 + self.skipped
        return DataError(
            what,
            where=self.where,
            within="row {row}, column {column!r}",
            remedy=remedy,
            **{**values, "row": row, "column": column},
        )


def read(path: Path) -> Table:
    """The table in a CSV (comma, semicolon, tab; UTF-8, UTF-16, GB 18030), Parquet or XLSX file.

    Raises:
        DataError: If it is neither, is damaged, or has rows of different lengths.
    """
    kind = container(path)
    if kind == "parquet":
        table = _read_parquet(path)
    elif kind == "text":
        table = _read_csv(path)
    elif kind == "xlsx":
        table = _read_workbook(path)
    else:
        raise DataError(
            "this is no table",
            where=path.name,
            remedy="Stations and mobile samples come as CSV, Parquet or XLSX; see docs/formats.md",
        )
    if table.frame.empty:
        raise DataError("the table has no rows", where=path.name, remedy="Check the file")
    return table


def _read_parquet(path: Path) -> Table:
    try:
        file = pyarrow.parquet.ParquetFile(path)
        texts = _check_parquet(file, path)
        # Text stays in its dictionary: a long name in each row is there once.
        flat = [f.name for f in file.schema_arrow if not pyarrow.types.is_nested(f.type)]
        arrow = pyarrow.parquet.read_table(path, columns=flat, read_dictionary=texts)
        for name in texts:
            index = arrow.schema.get_field_index(name)
            arrow = arrow.set_column(index, name, _plain_text(arrow.column(name), name, path))
        return Table(arrow.to_pandas(ignore_metadata=True), path.name)
    except (pyarrow.ArrowException, OSError, ValueError) as problem:
        raise DataError(
            "the Parquet file is damaged or cut short ({value})",
            where=path.name,
            remedy="Download or copy it again",
            value=str(problem).splitlines()[0][:120],
        ) from problem


def _plain_text(column: pyarrow.ChunkedArray, name: str, path: Path) -> pyarrow.ChunkedArray:
    """A column of text out of its dictionary, unless that makes it too large."""
    if not pyarrow.types.is_dictionary(column.type):
        return column
    letters = 0
    for chunk in column.chunks:
        lengths = pyarrow.compute.binary_length(chunk.dictionary)
        letters += pyarrow.compute.sum(lengths.cast("int64").take(chunk.indices)).as_py() or 0
    size_limits.BYTES.check(letters, what=f"column {name!r}", where=path.name)
    return column.cast(column.type.value_type)


def _check_parquet(file: pyarrow.parquet.ParquetFile, path: Path) -> list[str]:
    """Refuse too many rows or bytes, by the footer; the names of its text columns."""
    about = file.metadata
    size_limits.ROWS.check(about.num_rows, what="the table", where=path.name)
    stored = sum(about.row_group(n).total_byte_size for n in range(about.num_row_groups))
    cells = 8 * about.num_rows * about.num_columns
    size_limits.BYTES.check(max(stored, cells), what="the table", where=path.name)
    kinds = {pyarrow.string(), pyarrow.large_string(), pyarrow.binary()}
    dictionary = pyarrow.types.is_dictionary
    return [f.name for f in file.schema_arrow if f.type in kinds or dictionary(f.type)]


def _read_csv(path: Path) -> Table:
    text, notes = decoded(path)
    text, skipped = without_comments(text)
    text, titles = with_header(text, path.stem)
    skipped += titles
    header = text.split("\n", 1)[0]
    separator = max(",;\t|", key=header.count)
    if header.count(separator) == 0:
        raise DataError(
            "row 1: this is no table with columns",
            where=path.name,
            remedy="The first row names the columns, separated by commas",
        )
    check_header(names_of(header, separator), path)
    cells = (header.count(separator) + 1) * text.count("\n")
    size_limits.BYTES.check(24 * cells, what=f"a table of {cells:,} cells", where=path.name)
    try:
        frame = pd.read_csv(
            StringIO(text),
            sep=separator,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            skip_blank_lines=False,
            index_col=False,
        )
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as problem:
        raise ragged(path, text, separator, problem) from None
    frame.columns = [uncell(str(c).strip()) for c in frame.columns]
    frame = frame.fillna("").map(uncell)
    if separator == ",":
        return Table(frame, path.name, notes, skipped)
    return _with_points(Table(frame, path.name, notes, skipped))


def _read_workbook(path: Path) -> Table:
    from engine.data import workbooks  # brings openpyxl, which pages without an import spare

    sheet = workbooks.read(path)
    check_header([str(c) for c in sheet.frame.columns], path)
    return _with_points(Table(sheet.frame, path.name, sheet.notes, sheet.skipped))


def _with_points(table: Table) -> Table:
    """A table whose cells no comma separates with decimal points for its commas."""
    if not decimal_commas(table.frame):
        return table
    frame = table.frame.replace(DECIMAL_COMMA, r"\1.\2", regex=True)
    note = f"{table.where} writes decimals with a comma; read as points."
    return replace(table, frame=frame, notes=(*table.notes, note))


def texts(table: Table, column: str) -> NDArray[np.str_]:
    """The cells of a column as text, blanks cut off; missing ones empty."""
    cells = table.frame[column]
    if not pd.api.types.is_string_dtype(cells):
        cells = cells.astype(object).where(cells.notna(), "")
    stripped = cells.astype(str).str.strip()
    # An array of text is as wide as its longest cell.
    wide = 4 * len(stripped) * int(stripped.str.len().max() or 0)
    size_limits.BYTES.check(wide, what=f"column {column!r}", where=table.where)
    return np.asarray(stripped.fillna("").to_numpy(), dtype=np.str_)


def numbers(table: Table, column: str) -> NDArray[np.float64]:
    """The cells of a column as float64, NaN where a cell is empty or says NA.

    Raises:
        DataError: Naming the first cell that is something else.
    """
    cells = table.frame[column]
    if pd.api.types.is_numeric_dtype(cells):
        return cells.to_numpy(dtype=np.float64, na_value=np.nan)
    values = pd.to_numeric(cells, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    for position in np.flatnonzero(np.isnan(values)):
        text = str(cells.iloc[position]).strip()
        if text.lower() not in MISSING:
            raise table.bad(
                int(position),
                column,
                "{text!r} is no number",
                "Correct it or leave it empty",
                text=text[:40],
            )
    return values


@dataclass(frozen=True)
class Clock:
    """Times of a table's rows.

    Attributes:
        stamps: As the clock showed them, or UTC where `zoned`.
        zoned: Whether the file says the zone itself, so that `stamps` are UTC.
        offset_hours: The one offset that all stamps carry, if they do.
        closes: Whether a stamp is the end of the hour that its value is of: 01:00 is 00 to 01.
    """

    stamps: Times
    zoned: bool
    offset_hours: float | None = None
    closes: bool = False


def times(table: Table, column: str, formats: Sequence[str] = ()) -> Clock:
    """The times of a column: ISO 8601, or one of `formats`.

    Raises:
        DataError: Naming the first cell that is no time, or that alone has a zone.
    """
    cells = table.frame[column]
    if isinstance(cells.dtype, pd.DatetimeTZDtype):
        utc = cells.dt.tz_convert("UTC").dt.tz_localize(None)
        ahead = (cells.dt.tz_localize(None) - utc).dropna().unique() / np.timedelta64(1, "h")
        offset = float(ahead[0]) if len(ahead) == 1 and ahead[0] else None  # UTC says no clock
        return Clock(_checked(table, column, utc.to_numpy(), texts(table, column)), True, offset)
    if pd.api.types.is_datetime64_any_dtype(cells):
        return Clock(_checked(table, column, cells.to_numpy(), texts(table, column)), False)
    text = texts(table, column)
    unique, back = np.unique(text, return_inverse=True)
    words = pd.Series(unique, dtype=str).str.replace(r" ?(?:UTC|GMT)$", "Z", regex=True)
    has_zone = words.str.contains(_ZONE, regex=True).to_numpy(dtype=bool) & words.str.contains(
        ":", regex=False
    ).to_numpy(dtype=bool)
    if has_zone.any() and not has_zone.all():
        odd = int(np.argmax(has_zone[back] != has_zone[back][0]))
        has = bool(has_zone[back][odd])
        raise table.bad(
            odd,
            column,
            "{text!r} has a time zone, unlike row 2"
            if has
            else "{text!r} lacks a time zone, unlike row 2",
            "Write all times alike",
            text=text[odd],
        )
    zoned = bool(has_zone.all())
    stamps = _checked(table, column, _parsed(words, formats, zoned=zoned)[back], text)
    return Clock(stamps, zoned, _common_offset(words) if zoned else None)


def _parsed(words: pd.Series, formats: Sequence[str], *, zoned: bool) -> Times:
    for form in (*formats, "ISO8601", *_CHINESE):
        parsed = pd.to_datetime(words, format=form, errors="coerce", utc=zoned)
        if parsed.notna().any():
            break
    plain = parsed.dt.tz_localize(None) if zoned else parsed
    # A year that nanoseconds do not reach would turn into another one.
    return np.asarray(plain.where(plain.dt.year.between(*YEARS)).to_numpy(), dtype="datetime64[ns]")


def _checked(table: Table, column: str, stamps: Times, text: NDArray[np.str_]) -> Times:
    missing = np.isnat(stamps)
    if missing.any():
        position = int(np.argmax(missing))
        serial = str(text[position]).replace(".", "", 1).isdigit()
        epoch = serial and len(str(text[position])) in (10, 13)
        raise table.bad(
            position,
            column,
            "{text!r} may be seconds since 1970 or a date without marks"
            if epoch
            else "{text!r} is no time",
            "If it is a day number of a spreadsheet, format the column as dates: write times as "
            "2015-01-10 08:00, or 2015-01-10T00:00Z in UTC"
            if serial and not epoch
            else "Write times as 2015-01-10 08:00, or 2015-01-10T00:00Z in UTC",
            text=str(text[position])[:40],
        )
    return stamps.astype("datetime64[ns]")


def _common_offset(words: pd.Series) -> float | None:
    zones = words.str.extract(r"([Zz]|[+-]\d{2}:?\d{2}|[+-]\d{2})$")[0].unique()
    if len(zones) != 1 or str(zones[0]).upper() == "Z":
        return None
    digits = str(zones[0]).replace(":", "")
    hours = int(digits[1:3]) + int(digits[3:5] or 0) / 60
    return -hours if digits[0] == "-" else hours
