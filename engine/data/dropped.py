"""Rows of tables that give a dataset no value of PM2.5: left out, counted, and named by reason.

A reader gives the counts with its dataset, the library keeps them in the record. A row counts once:
rows that are used and rows that are counted here are all the rows of a table.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from engine.core.variables import VARIABLES
from engine.data.cleaning import Cleaning
from engine.data.clock_columns import TIME, TIME_UTC
from engine.data.no_data_words import MISSING
from engine.data.options import ReadOptions
from engine.data.station_layouts import LATITUDE, LAYOUTS, LONGITUDE, STATION
from engine.data.tables import Table

Reason = Literal[
    "empty value",
    "invalid flag",
    "repeated",
    "unknown place",
    "out of range",
    "no time",
    "other quantity",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
DROPPED = "dropped"  # attribute of a dataset in memory
_TIMES = (*TIME, *TIME_UTC, "datetimeutc", "datetimelocal", "local", "year", "start")
_ABSENT = sorted({form for word in MISSING for form in (word, word.upper(), word.capitalize())})


def usable(table: Table, options: ReadOptions) -> Table:
    """The table without rows that hold no value and, beside it, no time or no place.

    A row that has a value and lacks its time or place stays, so that the reader names it: nothing
    that was measured is left out without a word.
    """
    value = table.find((options.variable,) if options.variable else _value_columns())
    clock = [str(c) for c in table.frame.columns if str(c).lower() in _TIMES]
    places = [c for c in map(table.find, (LATITUDE, LONGITUDE, STATION)) if c is not None]
    if value is None:
        return table
    empty = _absent(table, value)
    if not empty.any():
        return table
    timeless = (
        empty & np.all([_absent(table, c) for c in clock], axis=0)
        if clock
        else np.zeros_like(empty)
    )
    nowhere = np.zeros_like(empty)
    for column in places:
        nowhere |= empty & ~timeless & _absent(table, column)
    kept = ~(timeless | nowhere)
    if kept.all() or not kept.any():
        return table
    return without(
        table, kept, {"no time": int(timeless.sum()), "unknown place": int(nowhere.sum())}
    )


def without(table: Table, kept: NDArray[np.bool_], counts: Mapping[str, int]) -> Table:
    """The rows of a table that are kept, and the counts of the others beside what it has.

    The frame keeps its index, so that rows keep their numbers in the file.
    """
    return replace(table, frame=table.frame[kept], dropped=total([table.dropped, counts]))


def total(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Counts added up, in the order of `REASONS`, without those that are 0."""
    whole: Counter[str] = Counter()
    for part in parts:
        whole.update(part)
    return {reason: whole[reason] for reason in REASONS if whole[reason] > 0}


def of_cleanings(cleanings: Iterable[Cleaning]) -> dict[str, int]:
    """Rows whose PM2.5 is empty, a fill value, infinite or no concentration."""
    of_pm2p5 = [c for c in cleanings if c.variable == "pm2p5"]
    return total(
        {"empty value": c.missing + c.filled, "out of range": c.infinite + c.outside}
        for c in of_pm2p5
    )


def as_text(counts: Mapping[str, int]) -> str:
    """Counts as one attribute of a dataset."""
    return json.dumps(dict(counts))


def from_text(text: object) -> dict[str, int]:
    """Counts from that attribute; none where there is none."""
    return {str(k): int(v) for k, v in json.loads(str(text or "{}")).items()}


def _value_columns() -> tuple[str, ...]:
    entry = VARIABLES["pm2p5"]
    known = [x.measured["pm2p5"].column for x in LAYOUTS.values() if "pm2p5" in x.measured]
    return tuple(dict.fromkeys((entry.name, *entry.aliases, *known, "value")))


def _absent(table: Table, column: str) -> NDArray[np.bool_]:
    """Which cells of a column are empty, or say so."""
    cells = table.frame[column]
    absent = cells.isna()
    if cells.dtype == object or cells.dtype.kind not in "biufcmM":
        absent |= cells.isin(_ABSENT)
    return np.asarray(absent, dtype=bool)
