"""What can go wrong in the world, said in one sentence a user can act on.

`ValueError` is for a programmer's mistake. These are for the world's: a file that is cut
short, a date that is not there. Each names what, where and the way out, so that the command
line and the dashboard print them as they are and nobody reads a traceback.

An error keeps its template and its values, so that a page can say it in another language, and can
name its own control where the command line names an option. Values are text: braces in them mean
nothing, and a template without values is taken as it is.
"""

import re
from collections.abc import Mapping

Value = str | int | float | tuple[str, ...]
_PLACE = re.compile(r"\{(\w+)(!r|:or|:and)?\}")


class EngineError(Exception):
    """Something a user can put right.

    Args:
        what: What is wrong, as a clause without a final full stop; `{name}` stands for a value,
            `{name!r}` for a value in quotation marks, `{name:or}` for a list that ends in "or",
            `{name:and}` for one that ends in "and".
        where: The file, variable or place it concerns.
        within: A closer place there, as a template: "row {row}, column {column!r}".
        remedy: What to do about it, as an instruction, with the same values.
        values: What the two are filled with; a tuple is a list of names.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        within: str = "",
        remedy: str = "",
        **values: object,
    ) -> None:
        self.template = what
        self.within_template = within
        self.remedy_template = remedy
        self.where = where
        self.values: dict[str, Value] = {name: _plain(value) for name, value in values.items()}
        super().__init__(what)

    def __reduce__(self) -> tuple[object, ...]:
        """Copies and pickles keep template and values: threads and processes hand errors on."""
        texts = (self.template, self.where, self.within_template, self.remedy_template)
        return _again, (type(self), texts, self.values)

    @property
    def what(self) -> str:
        """What is wrong, filled."""
        return filled(self.template, self.values)

    @property
    def remedy(self) -> str:
        """What to do about it, filled; empty where nothing is known."""
        return filled(self.remedy_template, self.values)

    def __str__(self) -> str:
        parts = (self.where, filled(self.within_template, self.values))
        place = "".join(f"{part}: " for part in parts if part)
        way_out = f" {self.remedy.rstrip('.')}." if self.remedy else ""
        return f"{place}{self.what.rstrip('.')}.{way_out}"


class DataError(EngineError):
    """A file or table is not what it should be: truncated, wrong unit, missing column."""


class NotFoundError(EngineError):
    """What was requested is not there: a dataset, a date, a region, a model, weights."""


class RequestError(EngineError):
    """A request that cannot be met as it is put: empty region, unknown option, wrong kind."""


class StorageError(EngineError):
    """The local library cannot be written: disk full, no permission, a name in use."""


def filled(template: str, values: Mapping[str, Value]) -> str:
    """A template with its values; a place without a value stays as it is."""
    if not values:
        return template

    def value(place: re.Match[str]) -> str:
        if place[1] not in values:
            return place[0]
        given = values[place[1]]
        text = _listed(given, place[2] or "") if isinstance(given, tuple) else str(given)
        return repr(text) if place[2] == "!r" else text

    return _PLACE.sub(value, template)


def _listed(names: tuple[str, ...], how: str) -> str:
    if how not in (":or", ":and") or len(names) < 2:
        return ", ".join(names)
    return f"{', '.join(names[:-1])} {how[1:]} {names[-1]}"


def _plain(value: object) -> Value:
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(str(part) for part in value)
    return value if isinstance(value, str | int | float) else str(value)


def _again(
    kind: type[EngineError], texts: tuple[str, str, str, str], values: dict[str, Value]
) -> EngineError:
    what, where, within, remedy = texts
    return kind(what, where=where, within=within, remedy=remedy, **values)
