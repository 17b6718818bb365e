"""Which column of a plain table holds PM2.5, and in which unit."""

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.core.errors import DataError
from engine.core.mass_units import mass_per_volume
from engine.core.variables import VARIABLES, mass_factor
from engine.data.options import ReadOptions
from engine.data.tables import Table, numbers, texts

_UNIT = ("unit", "units", "单位")
_LOOSE = "pm"  # may be any particles where a clearer name stands beside it
# `PM2.5 (µg/m³)`, `pm25_ug_m3`, `PM2.5浓度(μg/m³)`.
_WITH_UNIT = re.compile(
    r"pm2[._p]?5(?:[ _]?(?:concentration|conc|mass|value|浓度))?[ _]*"
    r"[(\[（]?([^()\[\]（）]*)[)\]）]?",
    re.IGNORECASE,
)


def pm25_column(table: Table, options: ReadOptions) -> tuple[str, float]:
    """The column of PM2.5, and the factor to ug m-3 that its name says; 1 where it says none.

    Raises:
        DataError: If there is none, or several that differ.
    """
    if options.variable is not None:
        return table.need((options.variable,)), 1.0
    entry = VARIABLES["pm2p5"]
    known = (entry.name, *entry.aliases)
    columns = [str(c) for c in table.frame.columns]
    found = {c: 1.0 for c in columns if c.lower() in known and c.lower() != _LOOSE}
    found |= {c: factor for c in columns if (factor := _factor_in(c)) is not None}
    if not found:
        return table.need(known), 1.0
    (first, factor), *others = found.items()
    values = factor * numbers(table, first) if others else np.empty(0)
    for other, its_factor in others:
        again = its_factor * numbers(table, other)
        if not np.allclose(values, again, rtol=1e-3, atol=0.05, equal_nan=True):
            raise DataError(
                "several columns may be PM2.5: {columns}",
                where=table.where,
                remedy="Name the right one with --variable",
                columns=tuple(found),
            )
    return first, factor


def names_pm25(table: Table) -> bool:
    """Whether a column is named PM2.5 with its unit."""
    return any(_factor_in(str(c)) is not None for c in table.frame.columns)


def _factor_in(column: str) -> float | None:
    """Factor of the unit in a column's name; None where it is no PM2.5 with a unit."""
    match = _WITH_UNIT.fullmatch(column.strip())
    if match is None or not match[1].strip():
        return None
    # In names a unit is often without its stroke: ug_m3, ugm3.
    return mass_per_volume(match[1]) or mass_per_volume(re.sub(r"[ _]?m3$", "/m3", match[1]))


def units_written(table: Table, options: ReadOptions) -> tuple[str, ...]:
    """The units that a plain table states, in a column or in the name of PM2.5's; none if none."""
    column = table.find(_UNIT)
    if column is not None:
        return tuple(str(u) for u in np.unique(texts(table, column)) if u)
    match = _WITH_UNIT.fullmatch(pm25_column(table, options)[0].strip())
    named = match[1].strip() if match and _factor_in(match[0]) is not None else ""
    return (named if mass_per_volume(named) else re.sub("[ _]?m3$", "/m3", named),) if named else ()


def unit_factors(table: Table, options: ReadOptions) -> NDArray[np.float64] | float:
    """Factor of each row to ug m-3 by its column of units; 1 where there is none.

    A unit that the user names goes before the table's. A row without a unit has the usual one.

    Raises:
        DataError: If a unit is no mass per volume.
    """
    column = table.find(_UNIT)
    if column is None or options.units is not None:
        return 1.0
    written = pd.Series(texts(table, column))
    known = {u: mass_factor(u, where=table.where) if u else 1.0 for u in written.unique()}
    return written.map(known).to_numpy(np.float64)
