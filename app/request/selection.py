"""What is requested: dataset, date, region, model, standard. The URL says the same.

Pure functions, no widgets (those are in `app.frame.sidebar`). A *wish* comes from the URL, from a
widget or from what was chosen on another page; `settle` turns wishes into a `Selection` that can be
met, and says in notes what it had to drop. Nothing that a link can contain makes it fail.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from engine.core.errors import RequestError
from engine.core.grid import Region
from engine.inference.request import Request

MONTH = "month"  # the mean of the date's month, of hourly and daily data
AUTO = "auto"  # the model that `engine.inference.restore_choice` takes
NONE = "none"  # in a link: no dataset of that kind
LATEST = "latest"  # the date that is the dataset's last
KEYS = ("dataset", "work", "climatology", "merge", "date", "mean", "region", "model", "standard")
FINER, RESTORE = "finer", "restore"  # what a map page can do; a page without a choice has ""
# Longest value of a key that is quoted back to the reader of a broken link.
QUOTED = 40


@dataclass(frozen=True)
class Selection:
    """What the sidebar says.

    Attributes:
        dataset: Name in the library.
        date: Local date; the first of the month for monthly data. None if there is no data for
            the date the link asks for: see `missing`.
        region: Name of a region, `WHOLE`, or `W,S,E,N`.
        model: Name in the catalogue.
        standard: Name of an air-quality standard.
        missing: The date that was requested and is not there, else None.
        work: `FINER`, `RESTORE`, or "" on a page that offers no choice.
        climatology: Fine dataset of other dates, to make the map finer; empty: none.
        merge: Stations to merge into the map; empty: none.
        mean: What the map is a mean over, where that can be chosen: a local hour, "0" to "23", or
            `MONTH`; empty: the data's own day or month.
    """

    dataset: str
    date: dt.date | None
    region: str
    model: str
    standard: str
    missing: dt.date | None = None
    work: str = ""
    climatology: str = ""
    merge: str = ""
    mean: str = ""

    @property
    def day(self) -> dt.date:
        """The date, where there is one. Pages are drawn only then.

        Raises:
            ValueError: If the selection has no date.
        """
        if self.date is None:
            raise ValueError(f"{self.missing} has no data; a page must not be drawn for it")
        return self.date


def request_of(selection: Selection) -> Request:
    """What the sidebar asks of the engine."""
    if selection.work == FINER:
        return Request(
            selection.dataset,
            selection.day,
            selection.region,
            selection.model,
            stations=selection.merge,
            climatology=selection.climatology,
            hour=int(selection.mean) if selection.mean.isdecimal() else None,
            month=selection.mean == MONTH,
            static="world",
        )
    return Request(selection.dataset, selection.day, selection.region, selection.model)


@dataclass(frozen=True)
class Note:
    """Something in a link that was left out: the catalogue key of the sentence, and its values."""

    key: str
    value: str


class Choices(Protocol):
    """What can be chosen. Each list has at least one entry and starts with the default."""

    def datasets(self) -> Sequence[str]:
        """Names in the library that the page can show."""
        ...

    def dates(self, dataset: str) -> Sequence[dt.date]:
        """Local dates with data, increasing."""
        ...

    def default_date(self, dataset: str) -> dt.date:
        """The date to open a dataset at."""
        ...

    def regions(self, dataset: str) -> Sequence[str]:
        """Named regions that the dataset covers."""
        ...

    def works(self, dataset: str) -> Sequence[str]:
        """What can be done with a dataset; one empty entry where there is no choice."""
        ...

    def climatologies(self, dataset: str, work: str) -> Sequence[str]:
        """Fine datasets by which it can be made finer; an empty name is none."""
        ...

    def merges(self, dataset: str, work: str) -> Sequence[str]:
        """Stations that can be merged into it; an empty name is none."""
        ...

    def means(self, dataset: str, work: str) -> Sequence[str]:
        """What a map can be a mean over; an empty entry is the data's own."""
        ...

    def models(self, dataset: str, work: str, climatology: str) -> Sequence[str]:
        """Models, or methods, that the page can run on the dataset."""
        ...

    def standards(self) -> Sequence[str]:
        """Air-quality standards."""
        ...


def read(params: Mapping[str, str]) -> dict[str, str]:
    """The wishes in a URL's query: those of our keys that are there and not blank."""
    return {key: params[key].strip() for key in KEYS if params.get(key, "").strip()}


def write(selection: Selection) -> dict[str, str]:
    """The query that says what is selected. `read` and `settle` give it back."""
    day = selection.date or selection.missing
    return {
        "dataset": selection.dataset,
        **({"work": selection.work} if selection.work else {}),
        **({"climatology": selection.climatology or NONE} if selection.work == FINER else {}),
        **({"merge": selection.merge or NONE} if selection.work == FINER else {}),
        "date": day.isoformat() if day else "",
        **({"mean": selection.mean} if selection.mean else {}),
        "region": selection.region,
        "model": selection.model,
        "standard": selection.standard,
    }


def settle(
    link: Mapping[str, str], recent: Sequence[Selection], choices: Choices
) -> tuple[Selection, list[Note]]:
    """The selection that meets the wishes, and notes on what was dropped.

    Args:
        link: Wishes from the URL; they come first, and what cannot be met is noted.
        recent: Earlier selections, newest first. What fits is taken silently, since a page that
            shows stations cannot keep a grid.
        choices: What can be chosen.
    """
    notes: list[Note] = []

    def pick(key: str, earlier: Sequence[str], options: Sequence[str]) -> str:
        wish = link.get(key)
        if tuple(options) == ("",):
            return ""  # a page without this choice
        if wish == NONE and "" in options:
            return ""
        if wish in options:
            return str(wish)
        if wish is not None:
            notes.append(Note(f"request.unknown_{key}", quote(wish)))
        return next((old for old in earlier if old in options), options[0])

    dataset = pick("dataset", [s.dataset for s in recent], choices.datasets())
    region = _region(link.get("region"), recent, choices.regions(dataset), notes)
    works = choices.works(dataset)
    work = _work_of(link, dataset, works, choices) or pick("work", [s.work for s in recent], works)
    same = [s for s in recent if s.dataset == dataset and s.work == work]
    climatology = pick(
        "climatology", [s.climatology for s in same], choices.climatologies(dataset, work)
    )
    merge = pick("merge", [s.merge for s in same], choices.merges(dataset, work))
    mean = pick("mean", [s.mean for s in same], choices.means(dataset, work))
    models = choices.models(dataset, work, climatology)
    model = pick("model", [s.model for s in recent], models)
    standard = pick("standard", [s.standard for s in recent], choices.standards())
    selection = Selection(
        dataset,
        None,
        region,
        model,
        standard,
        work=work,
        climatology=climatology,
        merge=merge,
        mean=mean,
    )
    return _with_date(selection, link.get("date"), recent, choices, notes), notes


def _work_of(link: Mapping[str, str], dataset: str, works: Sequence[str], choices: Choices) -> str:
    """The work that a link means by its model alone: links of older versions name none."""
    if "work" in link or "model" not in link:
        return ""
    able = [work for work in works if link["model"] in choices.models(dataset, work, "")]
    return able[0] if len(able) == 1 else ""


def nearest(day: dt.date, dates: Sequence[dt.date], count: int = 1) -> list[dt.date]:
    """The `count` dates nearest to a day, in order of time."""
    closest = sorted(dates, key=lambda d: (abs((d - day).days), d))[:count]
    return sorted(closest)


def step(day: dt.date, dates: Sequence[dt.date], by: int) -> dt.date:
    """The date `by` places after `day` among `dates`; stops at either end."""
    if day not in dates:
        return nearest(day, dates)[0]
    return dates[min(max(list(dates).index(day) + by, 0), len(dates) - 1)]


def is_box(region: str) -> bool:
    """Whether a region is written as four numbers that make a box."""
    try:
        Region.parse(region)
    except RequestError:
        return False
    return True


def quote(value: str) -> str:
    """What a link held, short and harmless enough to show: no markup survives."""
    kept = "".join(c for c in value if c.isprintable() and c not in "<>[]()`*_$\\#|{}~")
    return kept if len(kept) <= QUOTED else kept[: QUOTED - 1] + "…"


def _region(
    wish: str | None, recent: Sequence[Selection], options: Sequence[str], notes: list[Note]
) -> str:
    if wish is not None:
        if wish in options:
            return wish
        if is_box(wish):
            # Written one way, so that a box typed with blanks is the same request.
            return str(Region.parse(wish))
        notes.append(Note("request.unknown_region", quote(wish)))
    earlier = [s.region for s in recent]
    return next((old for old in earlier if old in options or is_box(old)), options[0])


def _with_date(
    selection: Selection,
    wish: str | None,
    recent: Sequence[Selection],
    choices: Choices,
    notes: list[Note],
) -> Selection:
    """The selection with its date.

    A date in a link that has no data is kept as `missing`, because showing another day than the
    sender saw would be a lie. A date left over from another dataset moves to the nearest one.
    """
    dates = choices.dates(selection.dataset)
    if wish == LATEST:
        return replace(selection, date=dates[-1])
    if wish is not None:
        requested = _parse(wish)
        if requested in dates:
            return replace(selection, date=requested)
        if requested is not None:
            return replace(selection, missing=requested)
        notes.append(Note("request.unknown_date", quote(wish)))
    last = recent[0] if recent else None
    if last is not None and last.missing is not None and last.dataset == selection.dataset:
        return replace(selection, missing=last.missing)
    same = [s.date for s in recent if s.dataset == selection.dataset and s.date in dates]
    if same:
        return replace(selection, date=same[0])
    other = [s.date for s in recent if s.date is not None]
    near = [day for day in other[:1] if dates[0] <= day <= dates[-1]]
    if near:
        return replace(selection, date=nearest(near[0], dates)[0])
    return replace(selection, date=choices.default_date(selection.dataset))


def _parse(text: str) -> dt.date | None:
    """A date from `2015-01-10`, or from `2015-01` for a month; None if it is neither."""
    try:
        return dt.date.fromisoformat(f"{text}-01" if len(text) == len("2015-01") else text)
    except ValueError:
        return None
