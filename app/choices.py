"""What a page can be asked for: datasets of the kinds its tasks read, and their models."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from app import cache
from engine import catalogue, regions, standards
from engine.errors import NotFoundError
from engine.task import TaskName

# What a page opens with, of those that fit it: quick, and nothing to be learned before.
DEFAULTS = ("bicubic", "kriging")


@dataclass(frozen=True)
class PageChoices:
    """The choices of one page, as `app.request.Choices` wants them.

    Attributes:
        tasks: What the page can show.
    """

    tasks: tuple[TaskName, ...]

    def datasets(self) -> Sequence[str]:
        """Datasets of a kind that a model of the page's tasks starts from.

        Raises:
            NotFoundError: If the library holds none.
        """
        kinds = {kind for entry in self._entries() for kind in entry.kinds}
        names = [entry.name for entry in cache.datasets() if entry.kind in kinds]
        if not names:
            raise NotFoundError("no dataset that this page can show", remedy="Import one")
        return names

    def dates(self, dataset: str) -> Sequence[dt.date]:
        """Local dates with data."""
        return cache.dates(dataset)

    def default_date(self, dataset: str) -> dt.date:
        """The last date."""
        return cache.dates(dataset)[-1]

    def regions(self, dataset: str) -> Sequence[str]:
        """The whole, and the named regions that the dataset covers."""
        return (regions.WHOLE, *regions.inside(cache.info(dataset).bounds))

    def models(self, dataset: str) -> Sequence[str]:
        """Models of the page's tasks that read this kind of dataset."""
        kind = cache.info(dataset).kind
        names = [entry.name for entry in self._entries() if kind in entry.kinds]
        # The default comes first; the others keep the catalogue's order.
        return sorted(names, key=lambda name: name not in DEFAULTS)

    def standards(self) -> Sequence[str]:
        """Standards, the default first."""
        return standards.KEYS

    def _entries(self) -> list[catalogue.Entry]:
        return [entry for entry in catalogue.MODELS.values() if entry.task in self.tasks]
