"""Which columns of a table say when: one, or a date beside an hour or a time of day."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.data.tables import Clock, Table, numbers, texts, times

TIME = ("valid_time", "time", "datetime", "timestamp", "date", "timepoint", "时间", "日期")
TIME_UTC = ("time_utc", "datetime_utc", "date_utc", "utc")
_DATE = ("date", "日期")
_HOUR = ("hour", "小时", "时")
_WHOLE = tuple(name for name in TIME if name not in _DATE)
_TIME_OF_DAY = r"\d{1,2}:\d{2}(:\d{2})?"
_SLASHED = r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(.*)"


def clock_of(table: Table, formats: Sequence[str] = (), names: Sequence[str] = ()) -> Clock:
    """The times of a table's rows.

    A column in UTC goes first; then a date beside a column `hour` (0 to 23, or 1 to 24, which
    close their hour) or beside a time of day; then one column. Dates such as 1/3/2021 are read
    day first or month first as the whole column decides.

    Args:
        table: What was read.
        formats: Further forms of its times, as `strptime` has them.
        names: The column, where it is known.

    Raises:
        DataError: If there is no such column, or a cell is no time, or a date may be two.
    """
    if names:
        return _one(table, table.need(names), formats)
    utc = table.find(TIME_UTC)
    if utc is not None:
        return Clock(_one(table, utc, formats).stamps, zoned=True)
    date, whole, hour = table.find(_DATE), table.find(_WHOLE), table.find(_HOUR)
    if date is not None and whole is not None:
        cells = texts(table, whole)
        if pd.Series(cells).str.fullmatch(_TIME_OF_DAY).all():
            return _one(*_beside(table, date, cells), formats)
    if date is not None and whole is None and hour is not None:
        return _hours(table, date, hour, formats)
    return _one(table, table.need(TIME), formats)


def _beside(table: Table, date: str, cells: NDArray[np.str_]) -> tuple[Table, str]:
    joined = pd.Series(texts(table, date)) + " " + pd.Series(cells)
    return replace(table, frame=table.frame.assign(**{date: joined.to_numpy()})), date


def _hours(table: Table, date: str, column: str, formats: Sequence[str]) -> Clock:
    hours = numbers(table, column)
    wrong = ~np.isin(hours, np.arange(25))
    closes = bool((hours == 24).any())  # hours 1 to 24 are named by their end
    if closes:
        wrong |= hours == 0
    if wrong.any():
        position = int(np.argmax(wrong))
        cell = str(table.frame[column].iloc[position])[:40]
        raise table.bad(
            position, column, "{text!r} is no hour of a day", "Write 0 to 23", text=cell
        )
    day = _one(table, date, formats)
    if (day.stamps != day.stamps.astype("datetime64[D]")).any():
        return day  # the date holds its own time of day
    shift = (hours - closes).astype("timedelta64[h]").astype("timedelta64[ns]")
    return replace(day, stamps=day.stamps + shift)


def _one(table: Table, column: str, formats: Sequence[str]) -> Clock:
    if formats:
        return times(table, column, formats)
    if pd.api.types.is_datetime64_any_dtype(table.frame[column].dtype):
        return times(table, column)
    cells = pd.Series(texts(table, column))
    closed = _last_hours(cells)
    if closed is not None:
        plain, days = closed
        named = replace(table, frame=table.frame.assign(**{column: plain.to_numpy()}))
        clock = _one(named, column, formats)
        return replace(clock, stamps=clock.stamps + days, closes=True)
    parts = cells.str.extract(f"^{_SLASHED}$")
    if parts[0].isna().any():
        return times(table, column)
    first, second = parts[0].astype(int), parts[1].astype(int)
    day_first, month_first = bool((first > 12).any()), bool((second > 12).any())
    if day_first == month_first:
        raise table.bad(
            0,
            column,
            "{text!r} may be day/month or month/day, and no other row decides",
            "Write times as 2015-01-10 08:00",
            text=str(table.frame[column].iloc[0])[:40],
        )
    day, month = (parts[0], parts[1]) if day_first else (parts[1], parts[0])
    iso = parts[2] + "-" + month.str.zfill(2) + "-" + day.str.zfill(2) + parts[3]
    return times(replace(table, frame=table.frame.assign(**{column: iso.to_numpy()})), column)


def _last_hours(cells: pd.Series) -> tuple[pd.Series, NDArray[np.timedelta64]] | None:
    """Times with 24:00 written as 00:00, and the days to add; None where there is no 24:00.

    Hours from 01:00 to 24:00 are named by their ends.
    """
    parts = cells.str.extract(r"^(.*\d[ T])24(:00(?::00)?)$")
    last = parts[0].notna()
    if not last.any():
        return None
    days = last.to_numpy().astype("timedelta64[D]").astype("timedelta64[ns]")
    return cells.where(~last, parts[0] + "00" + parts[1]), days
