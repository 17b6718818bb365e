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
    (r"(?<!\d)(\d{8})[-_](\d{8})(?!\d)", "span"),
)
_NAME_DATES: tuple[tuple[str, Period], ...] = (
    (r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)", "day"),
    (r"(?<!\d)(\d{4}_\d{2}_\d{2})(?!\d)", "day"),
    (r"(?<!\d)(\d{8})(?!\d)", "day"),
    (r"(?<!\d)(\d{4}-\d{2})(?!\d)", "month"),
    (r"(?<!\d)(\d{6})(?!\d)", "month"),
)
# Before a date, these say when a file was made or which edition it is: c20230915, v20230915.
_NOT_OF_THE_DATA = re.compile(
    r"(?:^|[^a-z])(?:c|v|r|p|created?|creation|produced|production|processed|proc|version|ver|rev|run)"
    r"[-_.=]?$",
    re.IGNORECASE,
)
# After a date, the time of a day: T06, T0600, _0600, _06:00:00.
_CLOCK = re.compile(
    r"^(?:T([01]\d|2[0-3])|_([01]\d|2[0-3])(?:[:_-]?[0-5]\d){1,2})(?!\d)|^T([01]\d|2[0-3])[0-5]\d",
    re.IGNORECASE,
)
_COMPOSITE = re.compile(r"(?:^|[_.-])((?:8|10|16)[-_]?d(?:ays?)?)(?=[_.-])", re.IGNORECASE)


@dataclass(frozen=True)
class NamedDate:
    """A date read from a file's name: its first instant, local, and the period it names."""

    start: np.datetime64
    period: Period


def date_in_name(path: Path) -> NamedDate | None:
    """The date of the data that a file's name holds, or None.

    A date after `c`, `v`, `created` and the like is that of the file and does not count.

    Raises:
        DataError: If the name says that the file is a mean over some days or over more than a
            month, or holds two dates.
    """
    name = path.stem + path.suffix
    composite = _COMPOSITE.search(name)
    if composite is not None:
        raise _longer(path, composite[1])
    for pattern, kind in _NAME_PERIODS:
        match = re.search(pattern, name)
        if match is None:
            continue
        start = _parse(match[1]) if kind != "year" else None
        if kind == "year":
            raise _longer(path, match[0].strip("_"))
        if kind == "span":
            period = _spanned(match[1], match[2])
            if period is None:
                raise _longer(path, match[0])
            kind = period
        if start is not None:
            return NamedDate(start, "day" if kind == "day" else "month")
    return _one_date(path, name)


def _one_date(path: Path, name: str) -> NamedDate | None:
    """The one date of a name, a day before the month that it lies in.

    Raises:
        DataError: If there are two.
    """
    dates: list[NamedDate] = []
    for pattern, period in _NAME_DATES:
        for match in re.finditer(pattern, name):
            start = _parse(match[1])
            if start is None or _NOT_OF_THE_DATA.search(name[: match.start()]):
                continue
            clock = _CLOCK.match(name[match.end() :]) if period == "day" else None
            if clock is not None:
                start = start + np.timedelta64(int(next(filter(None, clock.groups()))), "h")
            dates.append(NamedDate(start, "hour" if clock else period))
    months = {d.start.astype("datetime64[M]") for d in dates}
    days = {d.start.astype("datetime64[D]") for d in dates if d.period != "month"}
    if len(months) > 1 or len(days) > 1:
        first, second = sorted(days if len(days) > 1 else {d.start for d in dates})[:2]
        raise DataError(
            "two dates are in its name: {first} and {second}",
            where=path.name,
            remedy="Rename it so that it holds the date of its data alone",
            first=str(first)[:10],
            second=str(second)[:10],
        )
    return next(iter(dates), None)


def _longer(path: Path, span: str) -> DataError:
    return DataError(
        "a mean over {value} is no day and no month",
        where=path.name,
        remedy="Import daily or monthly files",
        value=span,
    )


def _spanned(first: str, last: str) -> Period | None:
    """The period from one date or month to another: a day, a month, or none of ours."""
    start, end = _parse(first), _parse(last)
    if start is None or end is None:
        return None
    if start == end:
        return "day" if len(first) == 8 else "month"
    month = start.astype("datetime64[M]")
    whole = start == month.astype("datetime64[ns]") and len(first) == 8
    after = (month + 1).astype("datetime64[D]") - 1
    return "month" if whole and end.astype("datetime64[D]") == after else None


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
        remedy="If each map is the mean of one month, say --period month; else import hourly, "
        "daily or monthly data",
        shortest=f"{shortest / 24:.0f}",
    )


def step_hours(times: Times, *, where: str) -> float:
    """Hours that one of several values in a day covers: up to the next one, 6 at most, else 1.

    Raises:
        DataError: If the steps are shorter than an hour.
    """
    steps = np.diff(np.unique(times)) / np.timedelta64(1, "h")
    shortest = float(steps.min()) if steps.size else 1.0
    if shortest < 1:
        raise DataError(
            "its maps are {minutes} minutes apart",
            where=where,
            remedy="Average them to hours, for example with cdo hourmean",
            minutes=f"{60 * shortest:.3g}",
        )
    return shortest if shortest <= 6 else 1.0


def check_no_composites(times: Times, *, where: str) -> None:
    """Refuse maps at even steps of several days: means over these days, as MODIS has them.

    Raises:
        DataError: If the steps are even, or are the 8 or 16 days of satellite products.
    """
    steps = np.diff(np.unique(times)) / np.timedelta64(24, "h")
    shortest = float(steps.min()) if steps.size else 1.0
    if not 1.5 <= shortest < 27:
        return
    even = steps.size > 1 and float((steps == shortest).mean()) >= 0.75
    if even or shortest in (8, 16):
        raise DataError(
            "its maps are {days} days apart and may be means over {days} days",
            where=where,
            remedy="If each map is the mean of one day, say --period day; else import daily or "
            "monthly maps",
            days=f"{shortest:g}",
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
            "time {times} is there twice ({files:and})",
            where=where,
            remedy="Keep one of the two",
            times=str(times[first])[:16],
            files=files,
        )
    unsorted = bool((np.diff(positions) < 0).any()) and len(set(names)) < len(names)
    return positions, ["Times were not in order; sorted."] if unsorted else []
