"""The numbers of a map on the page: cards, and the table of its cities."""

import html
from collections.abc import Callable

import streamlit as st

from app.i18n import Words
from app.summary import Row, Summary

MILLION = 1e6


def cards(summary: Summary, words: Words) -> None:
    """Four cards, or five where the error is known."""
    shown = [
        (words("figures.mean"), words.concentration(summary.mean), words("figures.mean_help")),
        (words("figures.highest"), words.concentration(summary.maximum), _where(summary, words)),
    ]
    if summary.limit is not None and summary.rows:
        limit = words.concentration(summary.limit)
        shown += [
            (
                words("figures.above"),
                words(
                    "figures.of",
                    n=words.number(len(summary.above)),
                    total=words.number(len(summary.rows)),
                ),
                words("figures.above_help", limit=limit),
            ),
            (
                words("figures.people"),
                words("figures.millions", n=words.number(summary.people_above / MILLION, 1)),
                words("figures.people_help", limit=limit),
            ),
        ]
    if summary.rmse == summary.rmse:  # not NaN
        bias = words.signed(summary.bias, 1)
        shown.append(
            (
                words("figures.rmse"),
                words.concentration(summary.rmse, 1),
                words("figures.rmse_help", bias=bias, unit=words("units.ug_m3")),
            )
        )
    with st.container(horizontal=True, key="cards"):
        for label, value, note in shown:
            st.html(_card(label, value, note), width="stretch")


def table(summary: Summary, words: Words) -> None:
    """The cities, worst first: what the map says where each one lies."""
    st.markdown(words("figures.table_intro"))
    st.html(_table(summary, words))


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


def _table(summary: Summary, words: Words) -> str:
    known: list[tuple[str, Callable[[Row], float], bool]] = [
        ("figures.fine", lambda row: row.value, False),
        ("figures.coarse", lambda row: row.coarse, False),
        ("figures.target", lambda row: row.target, False),
        ("figures.error", lambda row: row.error, True),
    ]
    columns = [
        (words(key), value, signed)
        for key, value, signed in known
        if any(value(row) == value(row) for row in summary.rows)
    ]
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name, _, _ in columns)
    body = "".join(
        _row(rank, row, [(value(row), signed) for _, value, signed in columns], summary, words)
        for rank, row in enumerate(summary.rows, start=1)
    )
    above = f'<th scope="col">{html.escape(words("figures.limit"))}</th>' if summary.limit else ""
    return (
        f'<div class="airlens-table" tabindex="0" role="region" '
        f'aria-label="{html.escape(words("figures.table"))}"><table>'
        f"<caption>{html.escape(words('figures.table_caption'))}</caption>"
        f'<thead><tr><th scope="col">{html.escape(words("figures.rank"))}</th>'
        f'<th scope="col" class="name">{html.escape(words("figures.city"))}</th>{head}{above}'
        f"</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(
    rank: int, row: Row, values: list[tuple[float, bool]], summary: Summary, words: Words
) -> str:
    name = words.either(row.place.name_en, row.place.name_zh)
    other = row.place.name_zh if name == row.place.name_en else row.place.name_en
    cells = "".join(
        f"<td>{words.signed(value, 1) if signed else words.number(value, 1)}</td>"
        for value, signed in values
    )
    # Told by a word, not by colour alone.
    said = words("figures.over" if row.above else "figures.within")
    state = "over" if row.above else "within"
    above = f'<td class="{state}">{html.escape(said)}</td>' if summary.limit else ""
    return (
        f'<tr><td>{rank}</td><th scope="row" class="name">{html.escape(name)} '
        f'<span lang="{"zh-CN" if other == row.place.name_zh else "en"}">{html.escape(other)}'
        f"</span></th>{cells}{above}</tr>"
    )
