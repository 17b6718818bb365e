"""The numbers of a map on the page: cards, and the table of its cities."""

import html
from collections.abc import Callable, Sequence

import streamlit as st

from app.i18n import Words
from app.style.standard_limits import Bound, Index
from engine.inference.summary import Row, Summary

FEW = 1000  # from here on a decimal says nothing


Card = tuple[str, str, str]  # label, value, note


def cards(
    summary: Summary, bound: Bound | None, words: Words, *, more: Sequence[Card] = ()
) -> None:
    """Cards about the map, about its cities where a limit fits, about its error, and others."""
    shown = [
        (words("figures.mean"), words.concentration(summary.mean), words("figures.mean_help")),
        (words("figures.highest"), words.concentration(summary.maximum), _where(summary, words)),
    ]
    if bound is not None and summary.rows:
        shown += _against(summary, bound, words)
    if summary.rmse == summary.rmse:  # not NaN
        bias = words.signed(summary.bias, 1)
        shown.append(
            (
                words("figures.rmse"),
                words.concentration(summary.rmse, 1),
                words("figures.rmse_help", bias=bias, unit=words("units.ug_m3")),
            )
        )
    shown += more
    with st.container(horizontal=True, key="cards"):
        for label, value, note in shown:
            st.html(_card(label, value, note), width="stretch")


def _against(summary: Summary, bound: Bound, words: Words) -> list[tuple[str, str, str]]:
    limit = words.concentration(bound.value)
    counted = words(
        "figures.of",
        n=words.number(len(summary.above)),
        total=words.number(len(summary.rows)),
    )
    # English counts in millions, Chinese in ten thousands.
    many = summary.people_above / int(words("figures.many_unit"))
    people = words("figures.many", n=words.number(many, 1 if many < FEW else 0))
    return [
        (
            words("figures.above"),
            counted,
            words("figures.above_help", limit=limit, standard=bound.full),
        ),
        (words("figures.people"), people, words("figures.people_help", limit=limit)),
    ]


def _where(summary: Summary, words: Words) -> str:
    latitude, longitude = summary.peak
    place = words("units.place", latitude=f"{latitude:.2f}", longitude=f"{longitude:.2f}")
    if summary.near is None:
        return place
    near = words.either(summary.near.name_en, summary.near.name_zh)
    return words("figures.near", place=near)


def _card(label: str, value: str, note: str) -> str:
    label, value, note = (html.escape(text) for text in (label, value, note))
    return (
        f'<div class="airlens-card"><p class="label">{label}</p>'
        f'<p class="value">{value}</p><p class="note">{note}</p></div>'
    )


# Column → what it holds, and whether its sign is always shown.
COLUMNS: dict[str, tuple[Callable[[Row], float], bool]] = {
    "figures.fine": (lambda row: row.value, False),
    "figures.coarse": (lambda row: row.coarse, False),
    "figures.target": (lambda row: row.target, False),
    "figures.error": (lambda row: row.error, True),
}


def table(
    summary: Summary, rate: Callable[[float], Index | None], standard: str, words: Words
) -> str:
    """The cities, worst first, as HTML: what the map says where each one lies.

    Args:
        summary: The numbers.
        rate: The index of a value, or None where the standard has none.
        standard: Document and year of the index.
        words: The language.
    """
    known = {
        key: column
        for key, column in COLUMNS.items()
        if any(column[0](row) == column[0](row) for row in summary.rows)
    }
    rated = {row.place: rate(row.value) for row in summary.rows}
    has_index = any(rated.values())
    heads = [words("figures.rank"), words("figures.city"), *(words(key) for key in known)]
    if has_index:
        heads.append(words("figures.index", standard=standard))
    if summary.limit is not None:
        heads.append(words("figures.limit"))
    body = []
    for rank, row in enumerate(summary.rows, start=1):
        cells = [f"<td>{rank}</td>", _name(row, words)]
        for value, signed in known.values():
            number = words.signed(value(row), 1) if signed else words.number(value(row), 1)
            cells.append(f"<td>{number}</td>")
        if has_index:
            cells.append(_index(rated[row.place]))
        if summary.limit is not None:
            # By a word, not by colour alone.
            said = words("figures.over" if row.above else "figures.within")
            state = "over" if row.above else "within"
            cells.append(f'<td class="{state}">{html.escape(said)}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(
        f'<th scope="col"{_NAME if n == 1 else ""}>{html.escape(text)}</th>'
        for n, text in enumerate(heads)
    )
    label = html.escape(words("figures.table"))
    caption = html.escape(words("figures.table_caption"))
    return (
        f'<div class="airlens-table" tabindex="0" role="region" aria-label="{label}">'
        f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


_NAME = ' class="name"'


def _name(row: Row, words: Words) -> str:
    """A city in both scripts, the reader's first."""
    both = [("en", row.place.name_en), ("zh-CN", row.place.name_zh)]
    if words.language == "zh":
        both.reverse()
    first, second = [(lang, html.escape(name)) for lang, name in both if name] + [("en", "")] * (
        2 - sum(bool(name) for _, name in both)
    )
    return (
        f'<th scope="row" class="name"><span lang="{first[0]}">{first[1]}</span> '
        f'<span class="other" lang="{second[0]}">{second[1]}</span></th>'
    )


def _index(index: Index | None) -> str:
    if index is None:
        return "<td>–</td>"
    chip = f'<span class="chip" style="background:{index.colour}" aria-hidden="true"></span>'
    return f"<td>{index.text} {chip}{html.escape(index.level)}</td>"
