"""How a file says what its numbers mean: fill values, flags, scale, offset and valid limits.

Attributes and tags are numbers, arrays or text (`"0, 400"`, `"{-999,-888}"`, `"400s"` as ncdump
writes it). What cannot be read is refused: a scale that is not applied gives a wrong map.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import DataError

FILLS = ("_FillValue", "missing_value", "flag_values")
SCALING = ("scale_factor", "add_offset")
LIMITS = ("valid_min", "valid_max", "valid_range")
MASKS = "flag_masks"
_SINGLE = (*SCALING, "valid_min", "valid_max")
_NOTHING = ("", "nan", "none", "null", "na", "n/a")
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)[fFdDbBsSlLuU]{0,3}")


@dataclass(frozen=True)
class Unreadable:
    """An attribute that should hold numbers and does not.

    Attributes:
        attribute: Its name.
        text: What it holds.
    """

    attribute: str
    text: str

    def refused(self, *, where: str, name: str) -> DataError:
        """The error to raise.

        Args:
            where: The file.
            name: Of the variable or the band.
        """
        return DataError(
            "{attribute} of {name!r} is {text!r}, which cannot be read",
            where=where,
            remedy="Write numbers there, or take the attribute out",
            attribute=self.attribute,
            name=name,
            text=self.text,
        )


def numbers(value: object) -> tuple[float, ...] | None:
    """The numbers that an attribute holds, NaN for "none"; None if it holds anything else."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        array = np.ravel(np.asarray(value))
        if array.dtype.kind in "SUO":
            return numbers(" ".join(map(str, array)))
        return tuple(map(float, array)) if array.dtype.kind in "fiub" else None
    text = value.strip().strip("[]{}()\"'").strip()
    if text.lower() in _NOTHING:
        return (math.nan,)
    parts = [_NUMBER.fullmatch(part) for part in re.split(r"[,;\s]+", text)]
    return None if None in parts else tuple(float(part[1]) for part in parts if part)


def unreadable(attributes: Mapping[str, object]) -> Unreadable | None:
    """The first of the attributes of packing that cannot be read; None if there is none."""
    for name in (*FILLS, *SCALING, *LIMITS):
        if name not in attributes:
            continue
        found = numbers(attributes[name])
        wanted = {**dict.fromkeys(_SINGLE, 1), "valid_range": 2}.get(name)
        bad = found is None or (wanted is not None and len(found) != wanted)
        if name in SCALING and not bad and found is not None:
            bad = not math.isfinite(found[0]) or (name == "scale_factor" and found[0] == 0)
        if bad:
            return Unreadable(name, str(attributes[name]).strip()[:40])
    return None


def fills(attributes: Mapping[str, object], kind: np.dtype[Any]) -> NDArray[np.generic]:
    """All fill values and flags among the packed numbers, in their type.

    A number that the type cannot hold is no value of it, and is left out.

    Source: CF Conventions 1.11, sections 2.5.1 and 3.5.
    """
    named = [n for name in FILLS for n in numbers(attributes.get(name, ())) or ()]
    if kind.kind in "iu":
        span = np.iinfo(kind)
        named = [n for n in named if n.is_integer() and span.min <= n <= span.max]
    with np.errstate(over="ignore"):
        return np.array(list(dict.fromkeys(named))).astype(kind)


def as_unsigned(
    attributes: Mapping[str, object], kind: np.dtype[Any]
) -> dict[str, NDArray[np.generic]]:
    """Fill values, flags and limits of numbers that are written signed and meant unsigned.

    Source: NetCDF User's Guide, appendix A, `_Unsigned`: the attributes are written as the values.
    """
    span = 1 + int(np.iinfo(kind).max)
    found = {n: numbers(attributes[n]) for n in (*FILLS, *LIMITS) if n in attributes}
    return {
        name: np.array([v + span if v < 0 else v for v in read]).astype(kind)
        for name, read in found.items()
        if read and all(v.is_integer() and -span / 2 <= v < span for v in read)
    }


def scaling(attributes: Mapping[str, object]) -> tuple[float, float]:
    """Factor and summand that turn packed numbers into values; 1 and 0 where none is named."""
    scale = numbers(attributes.get("scale_factor", 1.0)) or (1.0,)
    offset = numbers(attributes.get("add_offset", 0.0)) or (0.0,)
    return scale[0], offset[0]


def outside(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.bool_]:
    """Which values lie beyond the limits.

    Limits in single precision are not those of the double: they count a shade wider.
    """
    finite = [abs(v) for v in (low, high) if math.isfinite(v)]
    shade = 1e-6 * max(finite, default=0.0)
    with np.errstate(invalid="ignore"):
        beyond: NDArray[np.bool_] = (values < low - shade) | (values > high + shade)
    return beyond


def limits(
    attributes: Mapping[str, object], *, integers: bool, scale: float, offset: float
) -> tuple[float, float]:
    """Smallest and largest valid value, unpacked as the values are; infinite where none is named.

    Args:
        attributes: Of these `valid_min`, `valid_max` and `valid_range`, all readable.
        integers: Whether the packed numbers are integers.
        scale: Of the packed numbers.
        offset: Likewise.

    Source: CF Conventions 1.11, section 2.5.1, and NUG appendix B: of packed data the limits are
    those of the packed numbers, and have their type. Text has no type: whole numbers are packed.
    """
    span = numbers(attributes.get("valid_range", ())) or ()
    found = []
    for at, (name, none) in enumerate((("valid_min", -math.inf), ("valid_max", math.inf))):
        value = attributes.get(name, attributes.get("valid_range"))
        read = numbers(attributes[name]) if name in attributes else span[at : at + 1]
        limit = read[0] if read and not math.isnan(read[0]) else none
        if isinstance(value, str | bytes):
            packed = integers and limit.is_integer()
        else:
            packed = np.asarray(value).dtype.kind in "iu"
        found.append(limit * scale + offset if packed and math.isfinite(limit) else limit)
    return min(found), max(found)
