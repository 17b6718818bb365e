"""Whether what names a station does, which rows count, and whether a place can be one."""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from engine.core.errors import DataError
from engine.data.dropped import without
from engine.data.static_world import at_sea
from engine.data.station_layouts import NAME
from engine.data.tables import Table, numbers, texts

_SHORTENED = re.compile(r"\d(?:[.,]\d+)?E\+\d+", re.IGNORECASE)


def checked(
    table: Table,
    column: str,
    station: NDArray[np.str_],
    latitude: NDArray[np.float64],
    longitude: NDArray[np.float64],
) -> NDArray[np.str_]:
    """The identifiers; where they only number the rows, names or places take their part.

    Raises:
        DataError: If a spreadsheet has shortened them, so that several became one.
    """
    shortened = np.flatnonzero([_SHORTENED.fullmatch(s) is not None for s in station])
    if shortened.size:
        raise table.bad(
            int(shortened[0]),
            column,
            "{text!r} is a number that a spreadsheet shortened, so that several stations may have "
            "become one",
            "Format the column as text in the original and export it again",
            text=str(station[shortened[0]]),
        )
    if not _numbers_rows(station, latitude, longitude):
        return station
    name = table.find([n for n in NAME if n != column.lower()])
    if name is not None:
        return texts(table, name)
    return np.array([f"{a:g}, {b:g}" for a, b in zip(latitude, longitude, strict=True)])


def _numbers_rows(
    station: NDArray[np.str_], latitude: NDArray[np.float64], longitude: NDArray[np.float64]
) -> bool:
    """Whether the identifiers count the rows and not the places, which repeat."""
    count = len(station)
    if count < 4 or len(np.unique(station)) < count or not np.isfinite(latitude).all():
        return False
    if not all(s.isdigit() for s in station):
        return False
    places = len(np.unique(np.column_stack([latitude, longitude]), axis=0))
    return places <= count / 2


def counted(table: Table, only: Mapping[str, str]) -> Table:
    """The rows that count: of the pollutant that is wanted, and not called invalid.

    A column `validity` is read as the European agency's: values below 1 are no measurements.
    """
    kept = np.ones(len(table.frame), dtype=bool)
    for name, value in only.items():
        written = pd.Series(texts(table, table.need((name,))))
        kept &= written.str.rpartition("/")[2].to_numpy() == value
    validity = table.find(("validity",))
    other = int((~kept).sum())
    invalid = np.zeros_like(kept)
    if validity is not None:
        invalid = kept & (numbers(table, validity) < 1)
        kept &= ~invalid
    if kept.all():
        return table
    if invalid.any():
        note = f"{table.where}: {int(invalid.sum())} rows called invalid were left out."
        table = replace(table, notes=(*table.notes, note))
    counts = {"other quantity": other, "invalid flag": int(invalid.sum())}
    return without(table, kept, counts)


def check_places(dataset: xr.Dataset, *, where: str) -> xr.Dataset:
    """The dataset, with a note of stations at sea.

    Raises:
        DataError: If all stations lie at sea and on land once latitude and longitude are exchanged.
    """
    latitude, longitude = dataset["latitude"].values, dataset["longitude"].values
    wet = at_sea(latitude, longitude)
    if not wet.any():
        return dataset
    possible = bool((np.abs(longitude) <= 84).all())
    if wet.all() and possible and not at_sea(longitude, latitude).any():
        raise DataError(
            "all stations lie at sea, and on land with latitude and longitude exchanged",
            where=where,
            remedy="Exchange the two columns' names",
        )
    names = ", ".join(map(str, dataset["station"].values[wet][:3]))
    more = f" and {int(wet.sum()) - 3} more" if wet.sum() > 3 else ""
    note = f"Far from any land: {names}{more}; check their coordinates."
    notes = "\n".join(filter(None, [str(dataset.attrs.get("notes", "")), note]))
    return dataset.assign_attrs(notes=notes)
