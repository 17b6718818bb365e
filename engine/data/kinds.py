"""What files hold, before they are read: maps, stations or mobile samples; and their first rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import netCDF4
import pandas as pd

from engine.core.errors import DataError, NotFoundError
from engine.core.schema import Kind
from engine.data.mobile import DEVICE
from engine.data.recognise import Container, files_of
from engine.data.station_layouts import LATITUDE, LONGITUDE, STATION
from engine.data.stations import form_of
from engine.data.tables import Table

KindBy = Literal["given", "container", "columns", "places"]
FIRST_ROWS = 5
MOST_COLUMNS = 12
LONGEST_CELL = 28  # letters
LOOKED_AT = 200_000  # rows by which a table is judged
MOVES = 0.01  # degrees; what is farther apart is not one station
_HALF = 0.5


@dataclass(frozen=True)
class Candidate:
    """A variable of a NetCDF file that has rows and columns.

    Attributes:
        name: In the file.
        units: Its attribute, or empty.
        shape: Its dimensions and their sizes, such as "time 31, lat 100, lon 80".
        meaning: Its long name, or empty.
    """

    name: str
    units: str
    shape: str
    meaning: str


def expanded(paths: Sequence[Path], kind: Kind | None) -> list[Path]:
    """The files that are meant; of folders without a kind those of the first kind they have.

    Raises:
        DataError: If a path is neither a file nor a folder.
        NotFoundError: If a path is not there or a folder holds nothing that can be imported.
    """
    files: list[Path] = []
    for path in paths:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise DataError(
                "this is neither a file nor a folder",
                where=str(path),
                remedy="Save its content to a file first",
            )
        files += _of_one(path, kind)
    return list(dict.fromkeys(files))


def _of_one(path: Path, kind: Kind | None) -> list[Path]:
    kinds: tuple[Kind, ...] = (kind,) if kind is not None else ("grid", "stations", "mobile")
    for each in kinds[:-1]:
        try:
            return files_of([path], each)
        except NotFoundError:
            if not path.is_dir():
                raise
    return files_of([path], kinds[-1])


def kind_of(found: Container, table: Table | None) -> tuple[Kind, KindBy]:
    """What a file holds, and by what that is seen.

    A table that names stations is one of stations; one with places and devices, or nothing beside
    its places, is of mobile samples. A column `id` may name either, and so may Kolkata's tables,
    which name nothing: then the places decide.
    """
    if found in ("hdf5", "netcdf3", "tiff", "zarr"):
        return "grid", "container"
    if found == "npy":
        return "mobile", "container"
    if table is None:
        return "stations", "container"
    latitude, longitude = table.find(LATITUDE), table.find(LONGITUDE)
    form, device = _form(table), table.find(DEVICE)
    named = table.find([n for n in STATION if n not in DEVICE]) is not None
    if latitude is None or longitude is None or named or form not in ("csv", "kolkata"):
        return "stations", "columns"
    head = table.frame.head(LOOKED_AT)
    places = pd.DataFrame(
        {
            "latitude": pd.to_numeric(head[latitude], errors="coerce"),
            "longitude": pd.to_numeric(head[longitude], errors="coerce"),
        }
    )
    if form == "kolkata":
        passing = _passes(places, head[table.need(("time",))])
        return ("mobile" if passing else "stations"), "places"
    if device is not None and device.lower() in STATION:
        return ("mobile" if _move(places, head[device]) else "stations"), "places"
    return "mobile", "columns"


def _form(table: Table) -> str:
    try:
        return form_of(table)
    except DataError:  # a cell that the reader will name
        return "csv"


def _move(places: pd.DataFrame, device: pd.Series) -> bool:
    """Whether most devices have rows that are far apart."""
    groups = places.groupby(device.to_numpy())
    spread = (groups.max() - groups.min()).max(axis=1)
    return bool((spread > MOVES).mean() > _HALF)


def _passes(places: pd.DataFrame, times: pd.Series) -> bool:
    """Whether several places have rows at less than half of the times, as no station has."""
    here = places.round(4).assign(time=times.to_numpy())
    there = len(here[["latitude", "longitude"]].drop_duplicates())
    visits = len(here.drop_duplicates())
    return there > 1 and visits < _HALF * there * here["time"].nunique()


def first_rows(table: Table) -> tuple[tuple[str, ...], ...]:
    """The header and the first rows of a table as text, cut to what fits a screen."""
    columns = [str(c) for c in table.frame.columns[:MOST_COLUMNS]]
    cells = table.frame.iloc[:FIRST_ROWS, :MOST_COLUMNS].astype(object)
    rows = [columns, *cells.where(cells.notna(), "").astype(str).to_numpy().tolist()]
    more = ("…",) if len(table.frame.columns) > MOST_COLUMNS else ()
    return tuple((*map(_cut, row), *more) for row in rows)


def _cut(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= LONGEST_CELL else f"{plain[: LONGEST_CELL - 1]}…"


def variables_of(path: Path) -> tuple[Candidate, ...]:
    """The variables with rows and columns of a NetCDF 4 or classic file, in all its groups.

    Raises:
        DataError: If the file is damaged.
    """
    try:
        with netCDF4.Dataset(str(path)) as file:
            return tuple(_candidates(file, ""))
    except (OSError, RuntimeError, ValueError, KeyError) as problem:
        raise DataError(
            "the NetCDF file is damaged or cut short ({problem})",
            where=path.name,
            remedy="Download or copy it again; its size should match the source's",
            problem=str(problem).splitlines()[0][:120],
        ) from problem


def _candidates(group: netCDF4.Dataset, above: str) -> list[Candidate]:
    found = []
    for name, variable in group.variables.items():
        if variable.ndim < 2 or getattr(variable.dtype, "kind", "O") not in "fiu":
            continue
        sizes = zip(variable.dimensions, variable.shape, strict=True)
        found.append(
            Candidate(
                f"{above}{name}",
                str(getattr(variable, "units", "")),
                ", ".join(f"{dimension} {size}" for dimension, size in sizes),
                str(getattr(variable, "long_name", "")),
            )
        )
    for name, below in group.groups.items():
        found += _candidates(below, f"{above}{name}/")
    return found


def pm25_columns(table: Table) -> tuple[str, ...]:
    """Columns whose names hold PM2.5 in any spelling."""
    names = [str(c) for c in table.frame.columns]
    plain = [n.lower().replace("_", "").replace(".", "").replace(" ", "") for n in names]
    return tuple(n for n, p in zip(names, plain, strict=True) if "pm25" in p or "pm2p5" in p)
