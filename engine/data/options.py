"""What a user may declare that the file does not say, and what a reader reports."""

from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Literal

from engine.core.errors import RequestError
from engine.core.schema import Period

Stamps = Literal["start", "end"]
STAMPS = "hours_named_by"  # attribute of a station dataset in memory
Reference = Literal["273 K", "298 K", "ambient"]


@dataclass(frozen=True)
class ReadOptions:
    """What the file leaves open, or gets wrong. None means: as the file has it.

    Attributes:
        format: Name of the file's form, where recognising it from the content is not wanted.
        units: Unit of the values.
        variable: Name of the variable in the file.
        utc_offset_hours: What local clocks are ahead of UTC: 8 for China, 5.5 for India.
        source: Where the data come from, in a line.
        licence: Under which terms.
        coordinates: A file that says where stations or the cells of an array lie.
        period: What a map of a grid is a mean of.
        reference: Temperature and pressure that a cubic metre of the values is at.
        stamps: Whether the hours of a table are named by their start or their end.
    """

    format: str | None = None
    units: str | None = None
    variable: str | None = None
    utc_offset_hours: float | None = None
    source: str | None = None
    licence: str | None = None
    coordinates: Path | None = None
    period: Period | None = None
    stamps: Stamps | None = None
    reference: Reference | None = None

    def __post_init__(self) -> None:
        offset = self.utc_offset_hours
        if offset is not None and not (isfinite(offset) and -12 <= offset <= 14):
            raise RequestError(
                "no clock is {offset} hours from UTC",
                remedy="Give --utc-offset between -12 and 14, for example 8 for China",
                offset=f"{offset:g}",
            )


def plain_offset(hours: float) -> int | float:
    """8 rather than 8.0, but 5.5 as it is: how the attribute is written."""
    return int(hours) if float(hours).is_integer() else float(hours)
