"""Times of files: from a name, from an axis, from local clocks; sorted, unique, UTC.

`valid_time` is the UTC start of the averaging period; the local date is what a file means by
"10 January" (docs/decisions/0002-time.md).
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.core.errors import DataError
from engine.core.schema import Period

Times = NDArray[np.datetime64]

_NAME_PERIODS: tuple[tuple[str, str], ...] = (
    # CHAP: CHAP_PM2.5_D1K_20150110_V4.nc, M1K_201501, Y1K_2015.
    (r"_D\d+K_(\d{8})(?!\d)", "day"),
    (r"_M\d+K_(\d{6})(?!\d)", "month"),
    (r"_Y\d+K_(\d{4})(?!\d)", "year"),
    # WUSTL: V5GL04.HybridPM25.Asia.201501-201501.nc; another last month means a longer mean.
    (r"(?<!\d)(\d{6})-(\d{6})(?!\d)", "span"),
    (r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)", "day"),
    (r"(?<!\d)(\d{4}_\d{2}_\d{2})(?!\d)", "day"),
    (r"(?<!\d)(\d{8})(?!\d)", "day"),
    (r"(?<!\d)(\d{4}-\d{2})(?!\d)", "month"),
    (r"(?<!\d)(\d{6})(?!\d)", "month"),
)


@dataclass(frozen=True)
class NamedDate:
    """A date read from a file's name: its first instant, local, and the period it names."""

    start: np.datetime64
    period: Period


def date_in_name(path: Path) -> NamedDate | None:
    """The date that a file's name holds, or None.

    Raises:
        DataError: If the name says that the file is a mean over more than a month.
    """
    for pattern, period in _NAME_PERIODS:
        match = re.search(pattern, path.stem + path.suffix)
        if match is None:
            continue
        if period == "year" or (period == "span" and match[1] != match[2]):
            raise DataError(
                "a mean over {value} is longer than a month",
                where=path.name,
                remedy="Import daily or monthly files",
                value=match[0].strip("_"),
            )
        start = _parse(match[1])
        if start is not None:
            return NamedDate(start, "day" if period == "day" else "month")
    return None


def _parse(digits: str) -> np.datetime64 | None:
    plain = re.sub(r"\D", "", digits)
    text = f"{plain[:4]}-{plain[4:6]}-{plain[6:8] or '01'}"
    try:
        time = pd.Timestamp(text)
    except ValueError:
        return None
    return np.datetime64(text, "ns") if 1900 <= time.year <= 2200 else None


def period_of(times: Times, *, where: str) -> Period | None:
    """Averaging period from the smallest step of sorted times; None if there is only one time.

    Raises:
        DataError: If the steps are longer than a month.
    """
    steps = np.diff(np.unique(times)) / np.timedelta64(1, "h")
    if steps.size == 0:
        return None
    shortest = float(steps.min())
    if shortest < 24:
        return "hour"
    if shortest < 24 * 27:
        return "day"
    if shortest <= 24 * 93:
        return "month"
    raise DataError(
        "its times are {shortest} days apart",
        where=where,
        remedy="Import hourly, daily or monthly data",
        shortest=f"{shortest / 24:.0f}",
    )


def starts(times: Times, period: Period, offset_hours: float) -> Times:
    """UTC start of the averaging period of each time stamp.

    Hours are UTC as they are. A day or a month belongs to a local date; a stamp at 00:00 on each
    date is that date's label whatever the offset, any other stamp is an instant in UTC. Months
    start on the first at 00:00 UTC, since no hour of a month is known (0002).
    """
    stamps = times.astype("datetime64[ns]")
    if period == "hour":
        return stamps
    shift = np.timedelta64(round(offset_hours * 3600), "s").astype("timedelta64[ns]")
    are_labels = bool((stamps == stamps.astype("datetime64[D]")).all())
    local = stamps if are_labels else stamps + shift
    if period == "month":
        return local.astype("datetime64[M]").astype("datetime64[ns]")
    days: Times = local.astype("datetime64[D]").astype("datetime64[ns]") - shift
    return days


def order(times: Times, *, names: list[str], where: str) -> tuple[NDArray[np.intp], list[str]]:
    """Positions that sort the times, and a note if they were unsorted.

    Args:
        times: Time of each step.
        names: File that each step comes from.
        where: For the message.

    Raises:
        DataError: If a time is there twice or is no time, naming it and the files.
    """
    if np.isnat(times).any():
        bad = int(np.argmax(np.isnat(times)))
        raise DataError(
            "time step {bad} has no time",
            where=names[bad],
            remedy="Repair its time axis",
            bad=bad + 1,
        )
    positions = np.argsort(times, kind="stable")
    same = np.flatnonzero(np.diff(times[positions]) == np.timedelta64(0, "ns"))
    if same.size:
        first, second = positions[same[0]], positions[same[0] + 1]
        files = sorted({names[first], names[second]})
        raise DataError(
            "time {times} is there twice ({files})",
            where=where,
            remedy="Keep one of the two",
            times=str(times[first])[:16],
            files=" and ".join(files),
        )
    unsorted = bool((np.diff(positions) < 0).any()) and len(set(names)) < len(names)
    return positions, ["Times were not in order; sorted."] if unsorted else []
