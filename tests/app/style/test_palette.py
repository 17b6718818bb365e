from itertools import pairwise

import numpy as np
import pytest

from app.style import palette

DAY = palette.concentration("day", breaks=(35, 60, 115), names=("A", "B", "C", "D"))


def luminance(rgb):
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in rgb / 255]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("scale", [DAY, palette.absolute_error("day"), palette.probability()])
def test_more_is_darker(scale):
    light = [luminance(c) for c in palette.table(scale.stops).astype(float)]
    # Colours are rounded to whole numbers: one of 255 may go the other way.
    assert all(a > b - 0.004 for a, b in pairwise(light))
    assert light[0] > 0.9 > 0.1 > light[-1]


def test_bias_is_neutral_at_zero_and_takes_sides():
    table = palette.table(palette.bias("day").stops).astype(int)
    middle = table[len(table) // 2]
    assert np.ptp(middle) <= 2  # grey
    assert table[20][2] > table[20][0]  # below: blue
    assert table[-20][0] > table[-20][2]  # above: red


def test_error_and_concentration_cannot_be_taken_for_each_other():
    pm, error = (
        palette.table(s.stops)[150].astype(int) for s in (DAY, palette.absolute_error("day"))
    )
    assert pm[0] > pm[2] + 50
    assert error[2] > error[0]


def test_index_counts_from_one_and_keeps_zero_for_no_data():
    values = np.array([[np.nan, -5.0, 0.0], [75.0, 149.9, 900.0]])
    # 75 of 150 is level floor(0.5 * 255) = 127, the 128th; beyond the ends the ends hold.
    assert palette.index(values, DAY).tolist() == [[0, 1, 1], [128, 255, 255]]


def test_a_value_at_a_limit_is_within_it():
    values = np.array([34.9, 35.0, 35.1, 60.0, 115.0, 115.1, np.nan])
    assert palette.index(values, DAY, steps=True).tolist() == [1, 1, 2, 2, 3, 4, 0]


def test_classes_take_the_standards_own_colours():
    own = ("#00e400", "#ffff00", "#ff7e00", "#7e0023")
    scale = palette.concentration("day", breaks=(35, 60, 115), colours=own)
    as_hex = ["#" + bytes(c).hex() for c in palette.colours(scale, steps=True)]
    assert as_hex == list(own)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 150, [0, 50, 100, 150]),
        (-40, 40, [-40, -20, 0, 20, 40]),
        (0, 75, [0, 20, 40, 60]),
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
    ],
)
def test_ticks_are_round(low, high, expected):
    assert palette.ticks(low, high) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"low": 5.0, "high": 5.0}, "is empty"),
        ({"stops": ("#000000",)}, "two colours"),
        ({"breaks": (60.0, 35.0)}, "do not increase"),
        ({"breaks": (35.0,), "step_colours": ("#000000",)}, "2 classes need as many colours"),
        ({"breaks": (35.0,), "step_names": ("low",)}, "2 classes need as many names"),
    ],
)
def test_a_scale_that_makes_no_sense_is_refused(changes, message):
    given = {"name": "x", "stops": ("#ffffff", "#000000"), "low": 0.0, "high": 1.0} | changes
    with pytest.raises(ValueError, match=message):
        palette.Scale(**given)


def test_ranges_are_locked_for_each_averaging_time():
    tops = [palette.concentration(p).high for p in ("hour", "day", "month", "year")]
    assert tops == sorted(tops, reverse=True)
    assert palette.concentration("day") == palette.concentration("day")


def test_what_the_browser_gets_has_a_colour_for_every_level_and_class():
    wire = palette.wire(DAY)
    assert len(wire["table"]) == 6 * palette.LEVELS
    assert len(wire["stepTable"]) == 6 * 4
    assert wire["stepNames"] == ("A", "B", "C", "D")
