"""Which variable of a NetCDF file is the mean of PM2.5."""

from collections.abc import Iterator
from pathlib import Path

import netCDF4
import xarray as xr

from engine.core.errors import DataError
from engine.core.variables import find
from engine.data.quantities import ALOFT, is_mean, is_pm25, other_than_mean, words

LOWEST_PRESSURE, HIGHEST = 950.0, 30.0  # hPa, m: what is beyond them is not at the ground
_HECTOPASCALS = {"hpa": 1.0, "mb": 1.0, "mbar": 1.0, "millibar": 1.0, "millibars": 1.0, "pa": 0.01}
_VERTICAL = frozenset(
    {"level", "lev", "plev", "pressure", "isobaric", "height", "altitude", "z", "depth"}
    | {"pressure_level", "air_pressure"}
)
MERRA2 = ("DUSMASS25", "SSSMASS25", "BCSMASS", "OCSMASS", "SO4SMASS")
FORMULAS = ("merra2-gmao", "merra2-om1.8")  # of engine.data.species


def group_of(path: Path) -> str | None:
    """The group of a NetCDF 4 file that holds PM2.5 where the root holds no variable; else None.

    Raises:
        DataError: If several groups, or none, hold it.
    """
    with netCDF4.Dataset(str(path)) as file:
        if file.variables or not file.groups:
            return None
        known = {name: list(group.variables) for name, group in _groups(file, "")}
    holding = [name for name, variables in known.items() if is_pm25(*variables)]
    if len(holding) == 1:
        return holding[0]
    raise DataError(
        "its variables are in groups: {groups}"
        if not holding
        else "several of its groups hold PM2.5: {groups}",
        where=path.name,
        remedy="Write the one with PM2.5 to a file of its own, for example with ncks -G : -g GROUP",
        groups=tuple(holding or known),
    )


def _groups(parent: netCDF4.Dataset, above: str) -> Iterator[tuple[str, netCDF4.Dataset]]:
    for name, group in parent.groups.items():
        yield f"{above}/{name}", group
        yield from _groups(group, f"{above}/{name}")


def pm2p5_name(
    path: Path, dataset: xr.Dataset, variable: str | None
) -> tuple[str, tuple[str, ...]]:
    """The variable to read and the others that would do.

    Raises:
        DataError: If none looks like PM2.5, or several do as well.
    """
    numeric = [
        str(n) for n, a in dataset.data_vars.items() if a.ndim >= 2 and a.dtype.kind in "fiu"
    ]
    if variable is not None:
        if variable not in numeric:
            raise DataError(
                "no variable {variable!r} is in it; it has {numeric}",
                where=path.name,
                remedy="Name one of these with --variable",
                variable=variable,
                numeric=tuple(numeric) or ("none",),
            )
        return variable, ()
    looking = {n: rank for n in numeric if (rank := _likeness(dataset, n)) is not None}
    other = {n: what for n in looking if (what := _other_than_mean(dataset, n))}
    ranked = sorted((rank, n) for n, rank in looking.items() if n not in other)
    if not ranked:
        raise _by_formula(path, numeric) or _no_mean(path, numeric, other)
    best = [n for rank, n in ranked if rank == ranked[0][0]]
    if len(best) > 1:
        raise DataError(
            "several variables may be PM2.5: {variables}",
            where=path.name,
            remedy="Name the right one with --variable",
            variables=tuple(best),
        )
    return best[0], tuple(n for _, n in ranked[1:])


def _by_formula(path: Path, numeric: list[str]) -> DataError | None:
    """That the file has the species of PM2.5 and which formulas make it; None if it has not."""
    if not set(MERRA2) <= set(numeric):
        return None
    return DataError(
        "no variable is PM2.5; a formula makes it of {species}",
        where=path.name,
        remedy="Name one with --variable: {formulas}",
        species=MERRA2,
        formulas=FORMULAS,
    )


def _no_mean(path: Path, numeric: list[str], other: dict[str, str]) -> DataError:
    """That no variable is the mean, with what those are that look like PM2.5."""
    if not other:
        return DataError(
            "no variable looks like PM2.5; it has {numeric}",
            where=path.name,
            remedy="Name the right one with --variable",
            numeric=tuple(numeric) or ("none",),
        )
    return DataError(
        "no variable is the mean of PM2.5; by name or attributes {names} is {statistics}"
        if len(other) == 1
        else "no variable is the mean of PM2.5; by name or attributes {names} are {statistics}",
        where=path.name,
        remedy="Name with --variable what is to be read all the same",
        names=tuple(other),
        statistics=tuple(dict.fromkeys(other.values())),
    )


def _likeness(dataset: xr.Dataset, name: str) -> int | None:
    """Rank among variables that look like PM2.5, 0 the best; None if it does not."""
    entry = find(name)
    if entry is not None and entry.name == "pm2p5":
        names = (entry.name, *entry.aliases)
        return names.index(name.lower())
    attrs = dataset[name].attrs
    if not is_pm25(name, *(str(attrs.get(k, "")) for k in ("long_name", "standard_name"))):
        return None
    if is_mean(name):
        return 50
    return 100 if "pm25" in words(name) else 200


def _other_than_mean(dataset: xr.Dataset, name: str) -> str | None:
    """What a variable is instead of the mean at the ground, by its name, attributes and place.

    A dimension or coordinate of one value says it too: `quantile = 0.95`, `level = 500 hPa`.
    """
    attrs = {str(k): str(v) for k, v in dataset[name].attrs.items()}
    found = other_than_mean(name, attrs)
    if found is not None:
        return found
    beside = {str(n): c for n, c in dataset[name].coords.items() if c.size == 1}
    for label, coordinate in beside.items():
        if other_than_mean(label, {}) == "a percentile":
            return "a percentile"
        if coordinate.dtype.kind in "fiu" and _is_aloft(coordinate):
            return ALOFT
    return None


def _is_aloft(level: xr.DataArray) -> bool:
    """Whether a coordinate of one value is a height or a pressure far from the ground."""
    units = str(level.attrs.get("units", "")).strip().lower()
    value = float(level.values.ravel()[0])
    vertical = _VERTICAL & {str(level.name).lower(), str(level.attrs.get("standard_name", ""))}
    if not vertical:
        return False
    if units in _HECTOPASCALS:
        return value * _HECTOPASCALS[units] < LOWEST_PRESSURE
    return units in ("m", "metre", "metres", "meter", "meters") and value > HIGHEST
