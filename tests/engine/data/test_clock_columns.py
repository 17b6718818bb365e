"""A date beside an hour or a time of day, and dates whose order the whole column decides."""

import numpy as np
import pandas as pd
import pytest

from engine.core.errors import DataError
from engine.data.clock_columns import clock_of
from engine.data.tables import Table


def table(**columns):
    return Table(pd.DataFrame(columns, dtype=str), "t.csv")


def stamps(**columns):
    return [str(t)[:16] for t in clock_of(table(**columns)).stamps]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            {"date": ["2015-01-10"] * 2, "hour": ["7", "8"]},
            ["2015-01-10T07:00", "2015-01-10T08:00"],
        ),
        (
            {"date": ["2015-01-10"] * 3, "hour": ["1", "8", "24"]},  # each closes its hour
            ["2015-01-10T00:00", "2015-01-10T07:00", "2015-01-10T23:00"],
        ),
        ({"date": ["2015-01-10"], "time": ["07:30:00"]}, ["2015-01-10T07:30"]),
        ({"date": ["2015-01-10 05:00"], "hour": ["5"]}, ["2015-01-10T05:00"]),
        ({"date": ["2015-01-10"], "time": ["2015-01-11 03:00"]}, ["2015-01-11T03:00"]),
        (
            {"time": ["01/03/2021 08:00", "13/03/2021 08:00"]},
            ["2021-03-01T08:00", "2021-03-13T08:00"],
        ),
        ({"time": ["3/1/2021 08:00", "3/13/2021 08:00"]}, ["2021-03-01T08:00", "2021-03-13T08:00"]),
        ({"date": ["31.12.2020"], "hour": ["23"]}, ["2020-12-31T23:00"]),
        ({"time_utc": ["2015-01-10T00:00Z"], "time": ["8"]}, ["2015-01-10T00:00"]),
    ],
)  # fmt: skip
def test_the_columns_that_say_when(columns, expected):
    assert stamps(**columns) == expected


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"time": ["01/03/2021", "02/03/2021"]}, "may be day/month or month/day"),
        ({"time": ["13/03/2021", "03/13/2021"]}, "may be day/month or month/day"),
        ({"date": ["2015-01-10"], "hour": ["25"]}, "'25' is no hour of a day"),
        ({"date": ["2015-01-10"] * 2, "hour": ["0", "24"]}, "'0' is no hour of a day"),
        ({"date": ["2015-01-10"], "hour": ["7.5"]}, "'7.5' is no hour of a day"),
        ({"when": ["2015-01-10"]}, "column 'valid_time' is missing"),
    ],
)
def test_what_says_nothing_or_two_things_is_refused(columns, sentence):
    with pytest.raises(DataError, match=sentence):
        clock_of(table(**columns))


def test_a_parquet_column_in_a_zone_keeps_its_clock():
    times = pd.to_datetime(["2015-01-10 00:00", "2015-01-10 01:00"]).tz_localize("Asia/Shanghai")
    clock = clock_of(Table(pd.DataFrame({"time": times}), "t.parquet"))
    assert clock.offset_hours == 8
    assert str(clock.stamps[0])[:13] == "2015-01-09T16"
    utc = clock_of(Table(pd.DataFrame({"time": times.tz_convert("UTC")}), "t.parquet"))
    assert utc.zoned
    assert utc.offset_hours is None


def test_typed_columns_go_through():
    frame = pd.DataFrame({"time": pd.to_datetime(["2015-01-10 08:00"]), "hour": [1]})
    assert clock_of(Table(frame, "t.parquet")).stamps[0] == np.datetime64("2015-01-10T08:00")
