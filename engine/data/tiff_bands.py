"""Which bands of a GeoTIFF are the mean of PM2.5, and what their tags say of their numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import rasterio

from engine.core.errors import DataError
from engine.core.variables import find
from engine.data import packing
from engine.data.calendar import date_in_name
from engine.data.quantities import is_mean, is_pm25, other_than_mean

# Tags that stand for an attribute of CF, of a file that was made without them.
_TAGS = {
    "_fillvalue": "_FillValue",
    **dict.fromkeys(("fill_value", "nodata", "no_data", "nodata_value"), "missing_value"),
    **dict.fromkeys(("scale", "multiplier"), "scale_factor"),
    "offset": "add_offset",
}
_UNITS = ("units", "unit")
# What a file's name is heeded for; "air quality" and "BC" stand in names of good files.
_OF_FILE_NAMES = (
    *("a count", "a standard deviation", "a variance", "an error", "a maximum", "a minimum"),
    "another pollutant",
)


@dataclass(frozen=True)
class Band:
    """One band as the file describes it.

    Attributes:
        number: From 1.
        description: Its own, or the name of the variable that it was; empty where it has none.
        tags: Of the file and the band, CF's attributes under CF's names, others in small letters.
        units: Its unit, or None.
    """

    number: int
    description: str
    tags: Mapping[str, str]
    units: str | None

    @property
    def label(self) -> str:
        """What `--variable` may call it, beside its number."""
        return self.description or f"band {self.number}"

    @property
    def other(self) -> str | None:
        """What it is instead of the mean of PM2.5; None where nothing says so."""
        entry = find(self.description)
        if entry is not None and entry.name != "pm2p5":
            return "another pollutant" if "concentration" in entry.standard_name else "other data"
        return other_than_mean(self.description, dict(self.tags))


def bands_of(file: rasterio.DatasetReader) -> tuple[Band, ...]:
    """All bands of an open file."""
    return tuple(_band(file, number) for number in range(1, file.count + 1))


def _band(file: rasterio.DatasetReader, number: int) -> Band:
    low = {k.lower(): str(v) for k, v in (file.tags() | file.tags(number)).items()}
    tags = {_TAGS[k]: v for k, v in low.items() if k in _TAGS}
    tags |= {k: v for k, v in low.items() if k not in _TAGS}
    own = file.scales[number - 1], file.offsets[number - 1]
    if own != (1, 0):
        tags |= {"scale_factor": str(own[0]), "add_offset": str(own[1])}
    description = (file.descriptions[number - 1] or low.get("netcdf_varname") or "").strip()
    units = next((u for u in (file.units[number - 1], *(low.get(k) for k in _UNITS)) if u), None)
    return Band(number, description, tags, units)


def chosen(path: Path, bands: Iterable[Band], variable: str | None) -> tuple[Band, ...]:
    """The bands to read, in the file's order.

    Args:
        path: The file.
        bands: All of its bands.
        variable: Number or description of the band that the user names.

    Raises:
        DataError: If none is the mean of PM2.5, none is the one that is named, or the numbers of
            one cannot be turned into values.
    """
    bands = tuple(bands)
    found = _named(path, bands, variable) if variable is not None else _meant(path, bands)
    for band in found:
        bad = packing.unreadable(band.tags)
        if bad is not None:
            raise bad.refused(where=path.name, name=band.label)
        if packing.MASKS in band.tags:
            raise DataError(
                "variable {name!r} holds flags, one a bit, and no concentrations",
                where=path.name,
                remedy="Name the right one with --variable",
                name=band.label,
            )
    return found


def _named(path: Path, bands: tuple[Band, ...], variable: str) -> tuple[Band, ...]:
    wanted = variable.strip().lower()
    found = tuple(b for b in bands if b.label.lower() == wanted)
    if not found and wanted.isdecimal():
        found = tuple(b for b in bands if b.number == int(wanted))
    if not found:
        raise DataError(
            "no band {variable!r} is in it; it has {bands}",
            where=path.name,
            remedy="Name one of these, or its number, with --variable",
            variable=variable,
            bands=tuple(b.label for b in bands[:20]),
        )
    return found


def _meant(path: Path, bands: tuple[Band, ...]) -> tuple[Band, ...]:
    usable = tuple(b for b in bands if b.other is None)
    if not usable:
        others = {b.label: b.other for b in bands}
        raise DataError(
            "no band is the mean of PM2.5; by description or tags {names} is {statistics}"
            if len(others) == 1
            else "no band is the mean of PM2.5; by description or tags {names} are {statistics}",
            where=path.name,
            remedy="Name with --variable what is to be read all the same",
            names=tuple(others),
            statistics=tuple(dict.fromkeys(str(o) for o in others.values())),
        )
    texts = ("long_name", "standard_name")
    named = tuple(b for b in usable if is_pm25(b.description, *(b.tags.get(t, "") for t in texts)))
    by_file = None if named else other_than_mean(path.stem, {})
    if by_file in _OF_FILE_NAMES:
        raise DataError(
            "by the file's name it is {statistic}, not the mean of PM2.5",
            where=path.name,
            remedy="If it is the mean, name its band with --variable, for example --variable 1",
            statistic=by_file,
        )
    best = named or usable
    means = tuple(b for b in best if is_mean(b.description))
    dated = all(b.description and date_in_name(Path(b.description)) for b in best)
    return means if len(means) == 1 and not dated else best
