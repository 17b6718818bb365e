"""PM2.5 as a sum of a model's species, by a formula that the user names.

The formulas differ by the organic matter that a mass of organic carbon stands for, and so by a
third over forests and fires: none is taken unasked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core.errors import DataError
from engine.data import netcdf

Part = tuple[netcdf.Layout, float]


@dataclass(frozen=True)
class Formula:
    """PM2.5 as a sum.

    Attributes:
        factors: Variable of the file → its factor.
        source: Where it is published.
    """

    factors: dict[str, float]
    source: str


_ALIKE = {"DUSMASS25": 1.0, "SSSMASS25": 1.0, "BCSMASS": 1.0}
FORMULAS: dict[str, Formula] = {
    "merra2-gmao": Formula(
        {**_ALIKE, "OCSMASS": 1.0, "SO4SMASS": 132.14 / 96.06},
        "MERRA-2 FAQ, question 4, NASA GMAO: sulfate as ammonium sulfate",
    ),
    "merra2-om1.8": Formula(
        {**_ALIKE, "OCSMASS": 1.8, "SO4SMASS": 1.375},
        "doi:10.1007/s11869-015-0338-3, as used in Earthdata Forum 3321: organic matter is 1.8 "
        "times organic carbon",
    ),
}


def formula_of(variable: str | None) -> tuple[str, Formula] | None:
    """The formula that is named instead of a variable; None where none is."""
    name = (variable or "").strip().lower()
    return (name, FORMULAS[name]) if name in FORMULAS else None


def parts_of(path: Path, dataset: xr.Dataset, name: str) -> tuple[Part, ...]:
    """The layouts of a formula's variables and their factors; the first says what is read.

    Raises:
        DataError: If one is not in the file, or they differ in units.
    """
    formula = FORMULAS[name]
    parts = [(netcdf.layout(path, dataset, v), f) for v, f in formula.factors.items()]
    units = [str(layout.units) for layout, _ in parts]
    if len(set(units)) > 1:
        raise DataError(
            "the species of {formula} differ in units: {units}",
            where=path.name,
            remedy="Convert them to one unit first",
            formula=name,
            units=tuple(units),
        )
    first, factor = parts[0]
    terms = " + ".join(f"{f:.4g} {v}" for v, f in formula.factors.items())
    note = f"PM2.5 is {terms} ({name}: {formula.source})."
    said = replace(first, others=(), notes=(*first.notes, note))
    return ((said, factor), *parts[1:])


def summed(dataset: xr.Dataset, parts: Sequence[Part]) -> Iterator[NDArray[np.generic]]:
    """The sum of the parts step by step, each (row, column), NaN where one has none."""
    each = zip(*(netcdf.steps(dataset, layout) for layout, _ in parts), strict=True)
    for maps in each:
        total = np.zeros(maps[0].shape, np.float64)
        for values, (_, factor) in zip(maps, parts, strict=True):
            total += factor * values.astype(np.float64)
        yield total
