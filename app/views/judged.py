"""How good a map is at stations: the card, the table, and why the method was taken.

The numbers are those of `engine.inference.station_scores`, which every file keeps as well.
"""

import html
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
import xarray as xr

from app.frame import sidebar
from app.i18n import Words
from engine.core.plaintext import write_csv

Row = Mapping[str, Any]
STEPS = ("coarse", "background", "fused")
COLUMNS = ("left_out", "next_km", "n", "bias", "rmse", "mae", "correlation", "coverage", "gain")
DIGITS = {"next_km": 0, "n": 0, "correlation": 2}
SHARES = ("coverage",)
TITLES = {
    "coarse": "judged.coarse",
    "background": "judged.background",
    "background, one factor": "judged.scaled",
    "fused": "judged.fused",
}
WAYS = {
    "singly": "judged.way_singly",
    "1° squares": "judged.way_1",
    "2° squares": "judged.way_2",
    "4° squares": "judged.way_4",
    "regions": "judged.way_regions",
}


def rows(result: xr.Dataset) -> list[Row]:
    """The table that a result holds; empty where no stations judged it."""
    found: list[Row] = json.loads(str(result.attrs.get("station_scores", "[]")))
    return found


def card(table: Sequence[Row], words: Words) -> tuple[str, str, str] | None:
    """Label, value and note of the card, None where no stations judged the map."""
    steps = [next((r for r in table if r["what"] == what), None) for what in STEPS]
    known = [
        (what, row)
        for what, row in zip(STEPS, steps, strict=True)
        if row is not None and row["rmse"] is not None
    ]
    if not known or known[-1][0] != "fused":
        return None
    arrow, last = words("judged.join"), known[-1][1]
    steps_text = arrow.join(words.number(row["rmse"], 1) for _, row in known)
    names = arrow.join(words(f"judged.short_{w}") for w, _ in known)
    note = words("judged.note", names=names, unit=words("units.ug_m3"))
    gain = _gain(last, words)
    label = words("judged.label", n=words.number(last["n"]))
    return label, steps_text, words("judged.both", first=note, second=gain) if gain else note


def why(choice: Row, words: Words, *, kind: str = "reason") -> str:
    """What was taken, why, and by how much, in the reader's language; empty without a choice.

    Args:
        choice: As `engine.inference.sigma.Detail.as_record` or
            `engine.inference.restore_choice.Taken.as_record` gives it.
        words: The language.
        kind: "reason" (how detail is made) or "restore" (which model restores).
    """
    if not choice:
        return ""
    unit = words("units.ug_m3")
    facts = {
        "units": words.number(choice.get("units", 0)),
        "gain": _percent(choice.get("gain", 0.0), words),
        "gain_error": _percent(choice.get("gain_error", 0.0), words),
        "default": sidebar.model_title(str(choice.get("default", "")), words),
    }
    reason = words(f"judged.{kind}_{choice['reason'].replace(' ', '_')}", **facts)
    if choice.get("rmse") is not None:
        reason += words(
            "judged.scored" if kind == "reason" else "judged.restore_scored",
            rmse=words.number(choice["rmse"], 2),
            unit=unit,
            runner_up=sidebar.model_title(choice["runner_up"], words),
        )
    method = sidebar.model_title(choice["method"], words)
    if choice["method"] == "ratio":
        sigma = words.number(choice["sigma"], 2)
        method = words("judged.below", method=method, sigma=sigma)
    return words("judged.why", method=method, reason=reason)


def states(result: xr.Dataset, words: Words) -> str:
    """That the inputs are at several reference states; empty where they are not."""
    given = json.loads(str(result.attrs.get("reference_states_differ", "{}")))
    listed = words("study.join").join(
        words("judged.state", name=name, state=state) for name, state in given.items()
    )
    return words("judged.states", states=listed) if given else ""


def section(table: Sequence[Row], name: str, words: Words) -> None:
    """The whole table with its files, under a heading."""
    if not table:
        return
    st.subheader(words("judged.title"), anchor=False)
    st.caption(words("judged.intro"))
    st.html(as_html(table, words))
    with st.container(horizontal=True):
        for ending, mime, made in (
            ("csv", "text/csv", as_csv(table)),
            ("json", "application/json", json.dumps(list(table), indent=1).encode()),
        ):
            st.download_button(
                words(f"judged.{ending}"),
                made,
                file_name=f"{name}_stations.{ending}",
                mime=mime,
                key=f"judged_{ending}",
                on_click="ignore",
            )


def as_html(table: Sequence[Row], words: Words) -> str:
    """The table as HTML."""
    heads = [words(f"judged.{column}") for column in COLUMNS]
    head = f'<th scope="col" class="name">{html.escape(words("judged.map"))}</th>'
    head += "".join(f'<th scope="col">{html.escape(text)}</th>' for text in heads)
    body = []
    for row in table:
        title = words(TITLES[row["what"]])
        cells = "".join(f"<td>{html.escape(_cell(row, c, words))}</td>" for c in COLUMNS)
        body.append(f'<tr><th scope="row" class="name">{html.escape(title)}</th>{cells}</tr>')
    label = html.escape(words("judged.title"))
    return (
        f'<div class="airlens-table" tabindex="0" role="region" aria-label="{label}">'
        '<table class="plain">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def as_csv(table: Sequence[Row]) -> bytes:
    """The table as a spreadsheet reads it."""
    out, names = io.StringIO(), list(table[0])
    cells = (["" if row[name] is None else row[name] for name in names] for row in table)
    write_csv(out, names, cells)
    return out.getvalue().encode("utf-8-sig")


def _cell(row: Row, column: str, words: Words) -> str:
    if column == "left_out":
        return words(WAYS[row["left_out"]]) if row["left_out"] else "–"
    if column == "gain":
        return _gain(row, words, bare=True) or "–"
    value = row.get(column, row.get("r") if column == "correlation" else None)
    if value is None:
        return "–"
    if column in SHARES:
        return _percent(value, words)
    if column == "bias":
        return words.signed(value, 2)
    return words.number(value, DIGITS.get(column, 2))


def _gain(row: Row, words: Words, *, bare: bool = False) -> str:
    if row["gain"] is None:
        return ""
    gain = _percent(row["gain"], words)
    if row["gain_low"] is None:
        return gain if bare else ""
    low, high = _percent(row["gain_low"], words), _percent(row["gain_high"], words)
    share = words("judged.share", gain=gain, low=low, high=high)
    key = "shown" if row["shown"] else "not_shown"
    return words(f"judged.bare_{key}" if bare else f"judged.{key}", share=share)


def _percent(share: float, words: Words) -> str:
    return f"{words.number(100 * share, 0 if abs(share) >= 0.1 else 1)} %"
