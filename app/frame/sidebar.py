"""The request bar: Dataset, Date, Region, Model, in this order on every page; the rest below.

The widgets are shown what `app.request.selection.settle` decided and say what was changed; they
hold no truth of their own. So a link, a widget and another page's choice go through the same rules.
"""

import datetime as dt
import time
from collections.abc import Callable, Sequence

import streamlit as st

from app import i18n
from app.frame.choices import PageChoices
from app.i18n import Words, error_translation
from app.jobs import cache
from app.request.selection import (
    FINER,
    KEYS,
    MONTH,
    NONE,
    Note,
    Selection,
    read,
    settle,
    step,
    write,
)
from app.style.safe_text import markdown
from engine.core.regions import REGIONS, WHOLE
from engine.inference import offers

STALE_SECONDS = 1.5  # that an address on its way may be the one before
REMEMBERED = 12  # selections of this session, for pages of another kind


def choose(choices: PageChoices) -> tuple[Selection, list[Note]]:
    """What is requested now, from the link, the widgets and what was chosen before."""
    state = st.session_state
    written = state.get("written", {})
    # What the browser says just after we wrote may have left it before our writing arrived.
    fresh = time.monotonic() - state.get("written_at", -STALE_SECONDS) < STALE_SECONDS
    before = state.get("written_before", {}) if fresh else {}
    link = {
        k: v for k, v in read(st.query_params).items() if v != written.get(k) and v != before.get(k)
    }
    wish = state.pop("wish", {})
    recent: list[Selection] = state.get("recent", [])
    selection, notes = settle(link | wish, recent, choices)
    if link or wish:
        state["notes"] = notes
    state["recent"] = [selection, *(s for s in recent if s != selection)][:REMEMBERED]
    _write_link(selection)
    return selection, state.get("notes", [])


def wish(**changes: str) -> None:
    """Asks for something else from the next run on; for `on_click` and `on_change`."""
    st.session_state["wish"] = st.session_state.get("wish", {}) | changes


def draw(selection: Selection, choices: PageChoices, words: Words) -> None:
    """The controls."""
    with st.sidebar:
        _select(
            "dataset",
            choices.datasets(),
            selection.dataset,
            words,
            lambda name: dataset_title(name, words),
        )
        _work(selection, choices, words)
        _date(selection, choices, words)
        means = choices.means(selection.dataset, selection.work)
        if len(means) > 1:
            _select("mean", means, selection.mean, words, lambda mean: mean_title(mean, words))
        regions = list(choices.regions(selection.dataset))
        if selection.region not in regions:
            regions.append(selection.region)  # a box from a link
        _select("region", regions, selection.region, words, lambda r: region_title(r, words))
        if selection.work == FINER:
            _beside(selection, choices, words)
        _select(
            "model",
            choices.models(selection.dataset, selection.work, selection.climatology),
            selection.model,
            words,
            lambda name: model_title(name, words),
            label="method" if selection.work == FINER else "model",
        )
        with st.expander(words("sidebar.more")):
            _select(
                "standard",
                choices.standards(),
                selection.standard,
                words,
                lambda name: standard_title(name, words),
            )
        _language(words)


def dataset_title(name: str, words: Words) -> str:
    """A dataset as people call it."""
    key = f"sidebar.dataset_{name.replace('-', '_')}"
    return words(key) if key in words else name


def mean_title(mean: str, words: Words) -> str:
    """What a map is a mean over, as people read it."""
    if mean == MONTH:
        return words("sidebar.mean_month")
    return words("sidebar.mean_hour", hour=mean) if mean else words("sidebar.mean_day")


def when_title(day: dt.date, period: str, mean: str, words: Words) -> str:
    """The date of a map with what it is a mean over, where that was chosen."""
    said = words.date(day, "month" if mean == MONTH else period)
    return f"{said} {mean_title(mean, words)}" if mean.isdecimal() else said


def region_title(region: str, words: Words) -> str:
    """A region as people call it; a box as its numbers."""
    if region == WHOLE:
        return words("sidebar.region_all")
    known = REGIONS.get(region)
    return words.either(known.en, known.zh) if known else region


def place_title(dataset: str, region: str, words: Words) -> str:
    """What a map shows, for its title: the region, or the dataset where that is whole."""
    return dataset_title(dataset, words) if region == WHOLE else region_title(region, words)


def model_title(name: str, words: Words) -> str:
    """A model as people call it."""
    key = f"models.{name.replace('-', '_')}"
    return words(key) if key in words else name


def standard_title(name: str, words: Words) -> str:
    """A standard with its year."""
    key = f"standards.{name.replace('-', '_')}"
    return words(key) if key in words else name


def _write_link(selection: Selection) -> None:
    """Puts the selection into the URL, beside what others keep there, in one step."""
    wanted = write(selection) | {"lang": i18n.current().language}
    if any(st.query_params.get(key) != value for key, value in wanted.items()):
        st.query_params.update(wanted)
    for key in KEYS:
        if key not in wanted and key in st.query_params:
            del st.query_params[key]  # of a choice that is no longer there
    state = st.session_state
    if state.get("written", {}) != wanted:
        state["written_before"], state["written_at"] = state.get("written", {}), time.monotonic()
    state["written"] = wanted


def _select(
    key: str,
    options: Sequence[str],
    value: str,
    words: Words,
    title: Callable[[str], str],
    *,
    label: str = "",
) -> None:
    widget = f"choose_{key}"
    st.session_state[widget] = value
    st.selectbox(
        words(f"sidebar.{label or key}"),
        options,
        key=widget,
        format_func=title,
        on_change=lambda: wish(**{key: str(st.session_state[widget]) or NONE}),
        filter_mode="contains" if len(options) > 8 else None,
    )


def _work(selection: Selection, choices: PageChoices, words: Words) -> None:
    """The switch between making a map finer and the study, where there is a choice."""
    options = choices.works(selection.dataset)
    if len(options) < 2:
        return
    alone = cache.info(selection.dataset).kind == "stations"
    st.session_state["choose_work"] = selection.work
    st.segmented_control(
        words("sidebar.work"),
        options,
        key="choose_work",
        format_func=lambda work: words(
            "sidebar.work_alone" if alone and work != FINER else f"sidebar.work_{work}"
        ),
        required=True,
        help=words("sidebar.work_help"),
        on_change=lambda: wish(work=str(st.session_state["choose_work"])),
    )


def _beside(selection: Selection, choices: PageChoices, words: Words) -> None:
    """What makes the map finer and what is merged into it, and why other datasets do not fit."""
    for key, options, value in (
        (
            "climatology",
            choices.climatologies(selection.dataset, selection.work),
            selection.climatology,
        ),
        ("merge", choices.merges(selection.dataset, selection.work), selection.merge),
    ):
        if tuple(options) != ("",):
            _select(key, options, value, words, lambda name: _or_none(name, words))
    about, known = cache.info(selection.dataset), cache.datasets()
    found = [*offers.climatologies(about, known)]
    found += offers.station_datasets(about, known) if about.kind == "grid" else []
    problems = [offer.problem for offer in found if offer.problem is not None]
    if problems:
        with st.expander(words("sidebar.not_fitting")):
            for problem in problems:
                st.caption(markdown(error_translation.translated(problem, words.language)))


def _or_none(name: str, words: Words) -> str:
    return dataset_title(name, words) if name else words("sidebar.none")


def _date(selection: Selection, choices: PageChoices, words: Words) -> None:
    """The date between two buttons that step to the neighbours with data."""
    dates = choices.dates(selection.dataset)
    period = cache.info(selection.dataset).period
    # Two keys, because only an empty date may be empty: the one with a value has no clear button.
    key = "choose_date" if selection.date else "choose_missing_date"
    st.session_state[key] = selection.date
    with st.container(horizontal=True, vertical_alignment="bottom", gap="xxsmall", key="date-row"):
        st.selectbox(
            words("sidebar.month" if period == "month" else "sidebar.date"),
            dates,
            key=key,
            index=0 if selection.date else None,
            format_func=lambda day: words.short_date(day, period),
            placeholder=words.short_date(selection.missing, period) if selection.missing else "",
            on_change=lambda: _date_changed(key),
            filter_mode="contains",
        )
        _step(selection, dates, -1, words)
        _step(selection, dates, +1, words)


def _date_changed(key: str) -> None:
    day = st.session_state[key]
    if day is not None:
        wish(date=day.isoformat())


def _step(selection: Selection, dates: Sequence[dt.date], by: int, words: Words) -> None:
    here = selection.date or selection.missing or dates[0]
    there = step(here, dates, by)
    st.button(
        words("sidebar.earlier" if by < 0 else "sidebar.later"),
        key=f"date_step_{by}",
        icon=":material/chevron_left:" if by < 0 else ":material/chevron_right:",
        on_click=wish,
        kwargs={"date": there.isoformat()},
        disabled=there == selection.date,
        shortcut="Left" if by < 0 else "Right",
    )


def _language(words: Words) -> None:
    st.session_state["choose_lang"] = words.language
    st.segmented_control(
        words("sidebar.language"),
        list(i18n.LANGUAGES),
        key="choose_lang",
        format_func=i18n.LANGUAGES.__getitem__,
        required=True,
        on_change=_language_changed,
    )


def _language_changed() -> None:
    st.session_state["lang"] = st.session_state["choose_lang"]
