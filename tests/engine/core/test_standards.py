"""Dated standards against the vectors worked out with exact fractions, and against the tables."""

import datetime as dt
import math
from fractions import Fraction

import numpy as np
import pytest

from engine.core.errors import RequestError
from engine.core.standards import (
    EPA_2024,
    HJ_633_2012,
    HJ_633_2026,
    KEYS,
    OF_THE_DAY,
    STANDARDS,
    beyond,
    index,
    level,
    resolve,
)

# Worked out with fractions.Fraction from the published tables, not with this module.
CHINA_2026 = (
    "0:0 10:15 25:36 35:50 35.5:52 36:52 50:80 60:100 60.5:100 61:101 75:114 115:150 116:152 "
    "150:200 151:201 250:300 251:301 350:400 500:500 600:500"
)
CHINA_2012 = "35:50 36:52 50:69 60:82 75:100 76:102 115:150"
US_2024 = (
    "5:28 9.0:50 9.09:50 9.1:51 12:56 15:62 25:81 35.4:100 35.5:101 50:137 55.4:150 55.5:151 "
    "75:165 100:182 125.4:200 125.5:201 225.4:300 225.5:301 325.4:500 400:649"
)


def _vectors():
    for table, text in (
        (HJ_633_2026, CHINA_2026),
        (HJ_633_2012, CHINA_2012),
        (EPA_2024, US_2024),
    ):
        for pair in text.split():
            value, expected = pair.split(":")
            yield pytest.param(
                table, float(value), int(expected), id=f"{table.published_as}-{pair}"
            )


@pytest.mark.parametrize(("table", "value", "expected"), list(_vectors()))
def test_index_of_a_vector(table, value, expected):
    assert index(value, table) == expected


def _piece(tenths, breaks):
    return next(
        n for n in range(1, len(breaks)) if tenths <= 10 * breaks[n] or n == len(breaks) - 1
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("table", [HJ_633_2012, HJ_633_2026])
def test_every_integer_of_china_as_in_exact_fractions(table, dtype):
    breaks, anchors = table.breaks["pm2p5"], table.anchors
    expected = []
    for value in range(501):
        n = _piece(10 * value, breaks)
        slope = Fraction(anchors[n] - anchors[n - 1], breaks[n] - breaks[n - 1])
        expected.append(math.ceil(anchors[n - 1] + slope * (value - breaks[n - 1])))
    np.testing.assert_array_equal(index(np.arange(501, dtype=dtype), table), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_tenth_of_the_united_states_as_in_exact_fractions(dtype):
    highs = [round(10 * b) for b in EPA_2024.breaks["pm2p5"]]
    expected = []
    for tenths in range(5001):
        n = _piece(tenths, EPA_2024.breaks["pm2p5"])
        low = highs[n - 1] + 1 if n > 1 else 0
        bottom = EPA_2024.anchors[n - 1] + 1 if n > 1 else 0
        slope = Fraction(EPA_2024.anchors[n] - bottom, highs[n] - low)
        expected.append(math.floor(bottom + slope * (tenths - low) + Fraction(1, 2)))
    values = (np.arange(5001) / 10).astype(dtype)
    np.testing.assert_array_equal(index(values, EPA_2024), expected)


def test_every_break_has_its_anchor_in_china():
    # The trap: rounding 50.000000001 up would give 51.
    for table in (HJ_633_2012, HJ_633_2026):
        for pollutant in ("pm2p5", "pm10"):
            breaks = np.array(table.breaks[pollutant], float)
            np.testing.assert_array_equal(index(breaks, table, pollutant), table.anchors)


def test_pm10_of_the_united_states():
    # Upper ends give the anchors, the next integer begins the next class.
    highs = np.array(EPA_2024.breaks["pm10"][1:], float)
    np.testing.assert_array_equal(index(highs, EPA_2024, "pm10"), EPA_2024.anchors[1:])
    np.testing.assert_array_equal(index(highs[:-1] + 1, EPA_2024, "pm10"), [51, 101, 151, 201, 301])


def test_missing_stays_missing_and_shapes_are_kept():
    values = np.array([[np.nan, 35.0], [60.0, np.nan]])
    for table in (HJ_633_2026, EPA_2024):
        result = index(values, table)
        assert result.shape == (2, 2)
        np.testing.assert_array_equal(np.isnan(result), np.isnan(values))


def test_beyond_only_where_an_index_stops():
    assert beyond(500.1, HJ_633_2026)
    assert not beyond(500, HJ_633_2026)
    assert not beyond(600, EPA_2024)


def test_levels():
    names = [level(v, HJ_633_2026).name_zh for v in (0, 50, 51, 150, 151, 201, 300, 301, 500)]
    assert names == [
        "优", "优", "良", "轻度污染", "中度污染", "重度污染", "重度污染", "严重污染", "严重污染",
    ]  # fmt: skip
    assert level(float("nan"), HJ_633_2026) is None


def test_official_colours():
    assert [entry.colour for entry in HJ_633_2026.levels] == [
        "#00E400", "#FFFF00", "#FF7E00", "#FF0000", "#99004C", "#7E0023",
    ]  # fmt: skip
    assert EPA_2024.levels[4].colour == "#8F3F97"


def _contrast(a, b):
    def luminance(colour):
        channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_on_every_swatch_can_be_read():
    for table in (HJ_633_2026, EPA_2024):
        for entry in table.levels:
            assert _contrast(entry.colour, entry.text) >= 4.5
            assert _contrast(entry.assist, entry.text) >= 4.5


@pytest.mark.parametrize(
    ("key", "day", "year"),
    [
        ("cn-2012", 75, 35),
        ("cn-2026", 60, 30),
        ("cn-2031", 50, 25),
        ("us-2024", 35, 9),
        ("eu-2030", 25, 10),
        ("who-2021", 15, 5),
    ],
)
def test_limits_that_apply_to_everyone(key, day, year):
    assert STANDARDS[key].limit("day").value == day
    assert STANDARDS[key].limit("year").value == year
    assert STANDARDS[key].limit("month") is None


def test_other_limits():
    assert STANDARDS["cn-2026"].limit("day", site="1").value == 35
    assert STANDARDS["cn-2031"].limit("year", pollutant="pm10", site="2").value == 50
    assert STANDARDS["who-2021"].limit("day", site="IT-3").value == 37.5
    assert STANDARDS["eu-2030"].limit("day").allowed == 18
    assert STANDARDS["us-2024"].limit("year", pollutant="pm10") is None


@pytest.mark.parametrize(
    ("day", "key"),
    [
        (dt.date(2000, 1, 1), "cn-2012"),
        (dt.date(2026, 2, 28), "cn-2012"),
        (dt.date(2026, 3, 1), "cn-2026"),
        (dt.date(2030, 12, 31), "cn-2026"),
        (dt.date(2031, 1, 1), "cn-2031"),
    ],
)
def test_standard_of_the_day(day, key):
    assert resolve(OF_THE_DAY, day).key == key


def test_a_chosen_standard_does_not_depend_on_the_day():
    for key in KEYS[:-1]:
        assert resolve(key, dt.date(2001, 1, 1)).key == key


def test_unknown_standard():
    with pytest.raises(RequestError, match="standard 'mars' is none we know"):
        resolve("mars", dt.date(2020, 1, 1))


def test_steps_of_a_map():
    assert STANDARDS["cn-2026"].steps("day") == (35, 60, 115, 150, 250)
    assert STANDARDS["us-2024"].steps("hour") == (9.0, 35.4, 55.4, 125.4, 225.4)
    assert STANDARDS["cn-2026"].steps("month") == (15, 30)
    assert STANDARDS["who-2021"].steps("day") == (15, 25, 37.5, 50, 75)
    assert STANDARDS["who-2021"].steps("year") == (5, 10, 15, 25, 35)
    assert STANDARDS["eu-2030"].steps("hour") == (5, 15, 50, 90, 140)
    assert STANDARDS["eu-2030"].steps("day", "pm10") == ()


def test_steps_have_a_level_each():
    for standard in STANDARDS.values():
        if standard.index is not None:
            assert len(standard.steps("day")) + 1 == len(standard.index.levels)
