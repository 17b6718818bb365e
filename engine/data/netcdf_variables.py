"""Which variable of a NetCDF file is the mean of PM2.5."""

import re
from collections.abc import Iterator
from pathlib import Path

import netCDF4
import xarray as xr

from engine.core.errors import DataError
from engine.core.variables import find

_PM25 = ("pm2.5", "pm25", "pm2p5", "pm2point5")
# Words of a name, or of a description, by which a variable is no mean of PM2.5.
_STATISTICS = frozenset(
    {
        *("count", "counts", "number", "num", "nobs", "samples", "std", "stdev", "stddev", "sd"),
        *("sigma", "error", "errors", "err", "uncertainty", "unc", "variance", "flag", "flags"),
        *("qa", "qc", "quality", "aqi", "index", "rank", "trend", "bias", "rmse", "correlation"),
    }
)
_SPECIES = frozenset(
    {
        *("bc", "oc", "ec", "du", "dust", "ss", "seasalt", "salt", "ni", "nitrate", "no3", "su"),
        *("sulfate", "sulphate", "so4", "nh4", "ammonium", "soa", "soil", "pom", "om", "oa"),
    }
)
_NO_MEAN = _STATISTICS | _SPECIES | {"min", "max", "minimum", "maximum", "median"}
_NO_MEAN_LONG = _STATISTICS | {"deviation"}


def group_of(path: Path) -> str | None:
    """The group of a NetCDF 4 file that holds PM2.5 where the root holds no variable; else None.

    Raises:
        DataError: If several groups, or none, hold it.
    """
    with netCDF4.Dataset(str(path)) as file:
        if file.variables or not file.groups:
            return None
        known = {name: list(group.variables) for name, group in _groups(file, "")}
    holding = [
        name
        for name, variables in known.items()
        if any(w in v.lower().replace("_", "") for v in variables for w in _PM25)
    ]
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
    ranked = sorted((rank, n) for n in numeric if (rank := _likeness(dataset, n)) is not None)
    if not ranked:
        raise DataError(
            "no variable looks like PM2.5; it has {numeric}",
            where=path.name,
            remedy="Name the right one with --variable",
            numeric=tuple(numeric) or ("none",),
        )
    best = [n for rank, n in ranked if rank == ranked[0][0]]
    if len(best) > 1:
        raise DataError(
            "several variables may be PM2.5: {variables}",
            where=path.name,
            remedy="Name the right one with --variable",
            variables=tuple(best),
        )
    return best[0], tuple(n for _, n in ranked[1:])


def _likeness(dataset: xr.Dataset, name: str) -> int | None:
    """Rank among variables that look like PM2.5, 0 the best; None if it does not.

    A count, an error, a flag, an index, or one species of PM2.5 is never taken for its mean.
    """
    entry = find(name)
    if entry is not None and entry.name == "pm2p5":
        names = (entry.name, *entry.aliases)
        return names.index(name.lower())
    attrs = dataset[name].attrs
    if set(_words(name)) & _NO_MEAN or set(_words(str(attrs.get("long_name", "")))) & _NO_MEAN_LONG:
        return None
    text = " ".join([name, *(str(attrs.get(k, "")) for k in ("long_name", "standard_name"))])
    plain = text.lower().replace(" ", "").replace("_", "").replace("₂.₅", "2.5")
    if not any(w in plain for w in _PM25):
        return None
    words = _words(name)
    if "mean" in words or "average" in words:
        return 50
    # PM25_RH35_GCC is the whole, PM25bc_RH35_GCC a part of it.
    return 100 if any(w in _PM25 for w in words) or "_".join(words[:2]) in ("pm2_5",) else 200


def _words(text: str) -> list[str]:
    """The words of a name or a description, without case."""
    return [w for w in re.split(r"[^a-z0-9.]+", text.lower()) if w]
