"""Tables on the page, and the same tables as CSV."""

import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from app.i18n import Words
from engine.core.plaintext import write_csv


@dataclass(frozen=True)
class Table:
    """Rows under a header; the first column names the row.

    Attributes:
        caption: What the table is, with unit and period.
        head: Titles of the columns.
        rows: Cells as people read them.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def draw(table: Table, *, height: str = "none") -> None:
    """The table; it scrolls within itself where it is too wide, or higher than `height` (CSS)."""
    head = "".join(_head(title, n) for n, title in enumerate(table.head))
    body = "".join(_row(cells) for cells in table.rows)
    st.html(
        f'<div class="airlens-table" style="max-height: {height}" tabindex="0" role="region" '
        f'aria-label="{html.escape(table.caption)}"><table>'
        f"<caption>{html.escape(table.caption)}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def csv_bytes(head: Sequence[str], rows: Sequence[Sequence[object]], notes: Sequence[str]) -> bytes:
    """A CSV with where it comes from in lines that begin with #; opens in Excel as UTF-8."""
    out = io.StringIO()
    write_csv(out, head, rows, notes)
    return ("\ufeff" + out.getvalue()).encode()


def download(
    label: str,
    name: str,
    head: Sequence[str],
    rows: Sequence[Sequence[object]],
    notes: Sequence[str],
    *,
    key: str,
) -> None:
    """A button that saves a CSV; the file says what it is."""
    st.download_button(
        label,
        csv_bytes(head, rows, notes),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=key,
        icon=":material/download:",
        on_click="ignore",
    )


def number(value: float, digits: int, words: Words, *, signed: bool = False) -> str:
    """A cell: a number, or a dash where there is none."""
    return words.signed(value, digits) if signed else words.number(value, digits)


def _head(title: str, n: int) -> str:
    name = ' class="name"' if n == 0 else ""
    return f'<th scope="col"{name}>{html.escape(title)}</th>'


def _row(cells: Sequence[str]) -> str:
    first, *others = cells
    rest = "".join(f"<td>{html.escape(cell)}</td>" for cell in others)
    return f'<tr><th scope="row" class="name">{html.escape(first)}</th>{rest}</tr>'
