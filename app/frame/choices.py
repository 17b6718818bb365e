"""What a page can be requested: datasets of the kinds its tasks read, and their models."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from app.jobs import cache
from app.request.selection import AUTO, FINER, MONTH, RESTORE
from engine.core import regions, standards
from engine.core.errors import NotFoundError
from engine.core.task import TaskName
from engine.inference import catalogue, offers
from engine.inference.request import METHODS

# Dates that a forecast is opened with, so that its error can be seen as far as it goes; of hours
# no more than that, or it would open among the dates that were learned from.
KNOWN_AHEAD = {"hour": 2, "day": 7, "month": 6}


@dataclass(frozen=True)
class PageChoices:
    """The choices of one page, as `app.request.selection.Choices` wants them.

    Attributes:
        tasks: What the page can show.
        finer: Whether it can also make a map finer and merge stations.
    """

    tasks: tuple[TaskName, ...]
    finer: bool = False

    def datasets(self) -> Sequence[str]:
        """Datasets of a kind that a model of the page's tasks starts from.

        Raises:
            NotFoundError: If the library holds none.
        """
        # Kinds in the order of the page's tasks: a page of maps opens on a grid, if there is one.
        entries = sorted(self._entries(), key=lambda entry: self.tasks.index(entry.task))
        kinds = list(dict.fromkeys(kind for entry in entries for kind in entry.kinds))
        fitting = [entry for entry in cache.datasets() if entry.kind in kinds]
        names = [e.name for e in sorted(fitting, key=lambda entry: kinds.index(entry.kind))]
        if not names:
            raise NotFoundError("no dataset that this page can show", remedy="Import one")
        return names

    def dates(self, dataset: str) -> Sequence[dt.date]:
        """Local dates with data."""
        return cache.dates(dataset)

    def default_date(self, dataset: str) -> dt.date:
        """The last date; of a forecast, one whose days to come are known."""
        dates = cache.dates(dataset)
        ahead = KNOWN_AHEAD[cache.info(dataset).period]
        back = ahead if self.tasks == ("forecast",) else 0
        return dates[max(-1 - back, -len(dates))]

    def regions(self, dataset: str) -> Sequence[str]:
        """The whole, and the named regions that the dataset covers."""
        return (regions.WHOLE, *regions.inside(cache.info(dataset).bounds))

    def works(self, dataset: str) -> Sequence[str]:
        """Making it finer comes first where a climatology of measured values fits by itself."""
        about = cache.info(dataset)
        if not self.finer or about.kind == "mobile":
            return ("",)
        known = cache.datasets()
        beside = [o for o in offers.climatologies(about, known) if o.problem is None]
        if about.kind == "grid":
            beside += [o for o in offers.station_datasets(about, known) if o.problem is None]
        if not beside:
            return (RESTORE,)
        if about.kind == "grid" and offers.taken(about, known):
            return (FINER, RESTORE)
        return (RESTORE, FINER)

    def climatologies(self, dataset: str, work: str) -> Sequence[str]:
        """The best one that fits first; for a grid none is a choice as well."""
        if work != FINER:
            return ("",)
        about, known = cache.info(dataset), cache.datasets()
        names = [o.name for o in offers.climatologies(about, known) if o.problem is None]
        if about.kind == "stations":
            return names
        taken = offers.taken(about, known)
        first = [taken] if taken else [""]
        return list(dict.fromkeys([*first, *names, ""]))

    def merges(self, dataset: str, work: str) -> Sequence[str]:
        """The stations that fit, the namesake first; none is a choice as well."""
        about = cache.info(dataset)
        if work != FINER or about.kind == "stations":
            return ("",)
        found = offers.station_datasets(about, cache.datasets())
        return [*(o.name for o in found if o.problem is None), ""]

    def means(self, dataset: str, work: str) -> Sequence[str]:
        """The mean of the day first, then of the month and the hours, where maps are made finer."""
        period = cache.info(dataset).period
        if work != FINER or period == "month":
            return ("",)
        return ("", MONTH, *(map(str, range(24)) if period == "hour" else ()))

    def models(self, dataset: str, work: str = "", climatology: str = "") -> Sequence[str]:
        """Models of the page's tasks for a dataset: the default, then best first.

        To make a map finer: how its detail is made.
        """
        if work == FINER:
            return METHODS if climatology else ("auto", "area", "topographic")
        names = cache.models(self.tasks, dataset)
        return (AUTO, *names) if work == RESTORE and names else names

    def standards(self) -> Sequence[str]:
        """Standards, the default first."""
        return standards.KEYS

    def _entries(self) -> list[catalogue.Entry]:
        return [entry for entry in catalogue.MODELS.values() if entry.task in self.tasks]
