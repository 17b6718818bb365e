"""What the study pages share: what is being looked at, how to say so, and the map's trimmings."""

import datetime as dt
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import streamlit as st

from app import i18n
from app.frame import sidebar
from app.i18n import Words
from app.jobs import cache
from app.maps.component import Fly, MapState, linked_maps
from app.maps.labels import LABEL_KEYS
from app.maps.layers import Day, Mode, RasterLayer, Stations, Tracks
from app.request.selection import Selection
from app.style import standard_limits
from app.style.palette import Scale
from app.style.safe_text import markdown
from app.style.standard_limits import Bound
from engine.core.standards import Standard
from engine.library import DatasetInfo

Option = TypeVar("Option", bound=Hashable)

MAP_HEIGHT = 440
CITY_KM = 60.0  # a city farther away does not say where something is


@dataclass(frozen=True)
class Scene:
    """What a page is about and how it is described.

    Attributes:
        selection: What the sidebar says.
        info: Its dataset.
        rules: Its standard on its day.
        bound: The limit that fits the dataset's averaging time, or None.
        scale: Colours of concentrations.
        words: The language.
    """

    selection: Selection
    info: DatasetInfo
    rules: Standard
    bound: Bound | None
    scale: Scale
    words: Words

    @property
    def where(self) -> str:
        """What is looked at, as people call it."""
        return sidebar.place_title(self.selection.dataset, self.selection.region, self.words)

    @property
    def average(self) -> str:
        """Averaging time of a map: a date of hourly data is shown as the mean of its day."""
        return "day" if self.info.period == "hour" else self.info.period

    def when(self, day: dt.date) -> str:
        """A date as people read it."""
        return self.words.date(day, self.info.period)

    def span(self, dates: Sequence[dt.date]) -> str:
        """A range of dates as people read it."""
        if len(dates) == 1:
            return self.when(dates[0])
        return self.words("study.span", first=self.when(dates[0]), last=self.when(dates[-1]))

    def model(self, name: str) -> str:
        """A model as people call it."""
        return sidebar.model_title(name, self.words)


def scene(selection: Selection) -> Scene:
    """The scene of a selection."""
    words = i18n.current()
    info = cache.info(selection.dataset)
    rules = standard_limits.standard(selection.standard, selection.day)
    bound = standard_limits.bound(rules, info.period, words)
    return Scene(
        selection, info, rules, bound, standard_limits.scale(rules, info.period, words), words
    )


def source(
    about: Scene, model: str, attributes: Mapping[object, object], *, average: str | None = None
) -> str:
    """Dataset, model, period of averaging, and whether the model has learned from these days."""
    words = about.words
    parts = [
        words(
            "study.source",
            dataset=sidebar.dataset_title(about.info.name, words),
            model=about.model(model),
            average=words(f"study.average_{average or about.average}"),
        )
    ]
    requested = int(str(attributes.get("dates_requested", 1)))
    seen = int(str(attributes.get("dates_in_training", attributes.get("in_training_period", 0))))
    if seen:
        parts.append(words("study.trained", n=seen, total=requested))
    return words("study.join").join(parts)


def draw_map(
    about: Scene,
    key: str,
    *,
    days: Sequence[Day],
    layers: Sequence[RasterLayer],
    title: str,
    model: str,
    day: str | None = None,
    mode: Mode = "three",
    show: Sequence[str] | None = None,
    stations: Stations | None = None,
    tracks: Tracks | None = None,
    fly: Fly | None = None,
    stale: bool = False,
    report_day: bool = False,
    labels: Mapping[str, str] | None = None,
    height: int | None = MAP_HEIGHT,
) -> MapState:
    """A map in the page's language, with its credit and, where data are made up, its badge."""
    words = about.words
    return linked_maps(
        key,
        days=days,
        layers=layers,
        day=day,
        mode=mode,
        show=show,
        stations=stations,
        tracks=tracks,
        labels={name: words(f"maps.{name}") for name in LABEL_KEYS} | dict(labels or {}),
        language=words.language,
        title=title,
        credit=words(
            "map.credit", model=model, source=about.info.source, licence=about.info.licence
        ),
        synthetic=about.info.synthetic,
        stale=words("study.stale") if stale else "",
        report_day=report_day,
        fly=fly,
        height=height,
    )


def choose(
    key: str,
    label: str,
    options: Sequence[Option],
    default: Option,
    title: Callable[[Option], str],
    *,
    many: bool = False,
) -> Option:
    """One of a few options, kept in the link as it is written in the code, whatever the language.

    Args:
        key: In the link and of the widget.
        label: As people read it.
        options: What can be chosen.
        default: What is chosen first; the link does not name it.
        title: An option as people read it.
        many: Whether the options are too many for buttons and need a list.
    """
    by_name = {str(option): option for option in options}
    _remember(key, by_name.get(st.query_params.get(key, ""), default), options)
    widget = f"study-{key}"
    st.session_state[widget] = st.session_state[f"chosen-{key}"]
    changed = partial(_changed, key, default)
    if many:
        st.selectbox(label, options, key=widget, format_func=title, on_change=changed)
    else:
        st.segmented_control(
            label,
            options,
            key=widget,
            format_func=lambda option: markdown(title(option)),  # buttons read Markdown
            required=True,
            on_change=changed,
        )
    chosen: Option = st.session_state[widget]
    return chosen


def _remember(key: str, first: Option, options: Sequence[Option]) -> None:
    """Keeps a choice over pages, since Streamlit forgets a widget that is not drawn."""
    if st.session_state.get(f"chosen-{key}") not in options:
        st.session_state[f"chosen-{key}"] = first


def _changed(key: str, default: object) -> None:
    value = st.session_state[f"study-{key}"]
    st.session_state[f"chosen-{key}"] = value
    if value == default:
        st.query_params.pop(key, None)
    else:
        st.query_params[key] = str(value)


def near(latitude: float, longitude: float, words: Words) -> str:
    """A place by the largest city near by, else by its coordinates."""
    cities = [
        (p.population, words.either(p.name_en, p.name_zh))
        for p in cache.places()
        if abs(p.latitude - latitude) < CITY_KM / 111
        and abs(p.longitude - longitude) < CITY_KM / 95
    ]
    if cities:
        return max(cities)[1]
    return place(latitude, longitude, words)


def place(latitude: float, longitude: float, words: Words) -> str:
    """Coordinates as people read them."""
    return words("units.place", latitude=f"{latitude:.2f}", longitude=f"{longitude:.2f}")


def waiting(words: Words) -> None:
    """What stands where a result will be."""
    st.caption(words("study.waiting"))
    st.skeleton(height=MAP_HEIGHT)


def note(text: str) -> None:
    """A quiet line: unit, number of pairs, period, dataset, model."""
    st.caption(markdown(text))
