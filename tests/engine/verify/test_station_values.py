"""Numbers of stations' values, worked by hand."""

import numpy as np
import pytest

from engine.core.progress import Cancelled
from engine.verify.station_values import (
    frozen,
    levels,
    pairs,
    shares_where,
    spacing,
    valid_shares,
)

NAN = np.nan


def columns(*series):
    return np.array(series, dtype=np.float32).T


def test_gaps_count_from_a_stations_first_value_to_its_last():
    values = columns(
        [1, 2, 3, 4, 5],
        [NAN, 2, NAN, 4, NAN],  # two of three
        [NAN, NAN, NAN, 4, 5],  # began later, and has all since
        [NAN] * 5,
    )
    np.testing.assert_allclose(valid_shares(values), [1, 2 / 3, 1, 0])


def test_times_that_no_station_has_are_no_gaps_of_any():
    values = columns([1, NAN, 3, NAN], [1, NAN, 3, 4])
    np.testing.assert_allclose(valid_shares(values), [1, 1])


def test_shares_are_of_valid_values():
    values = columns([0, 1, NAN, 0], [NAN, NAN, NAN, NAN])
    np.testing.assert_allclose(shares_where(values == 0, values), [2 / 3, 0])


def test_frozen_runs_by_hand():
    steps = np.arange(8)
    values = columns(
        [7, 7, 7, 7, 1, 2, 3, 4],  # a run of four
        [7, 7, NAN, 7, 7, 7, 1, 2],  # a gap ends the first
        [0, 0, 0, 0, 0, 0, 1, 2],  # zeros are another check's
        [1, 2, 3, 4, 5, 6, 6, 6],  # up to the last time
        [NAN] * 8,
    )
    longest, share = frozen(values, steps, 3)
    assert longest.tolist() == [4, 3, 1, 3, 0]
    np.testing.assert_allclose(share, [4 / 8, 3 / 7, 0, 3 / 8, 0])
    assert frozen(values, steps, 4)[1].tolist() == [0.5, 0, 0, 0, 0]


def test_a_missing_time_ends_a_run_and_three_hourly_values_last_three_hours():
    values = columns([7, 7, 7, 7, 1])
    assert frozen(values, np.array([0, 1, 5, 6, 7]), 2)[0].tolist() == [2]
    assert frozen(values, np.array([0, 3, 6, 9, 12]), 9)[0].tolist() == [12]
    assert frozen(values, np.array([0, 3, 6, 9, 12]), 9)[1].tolist() == [0.8]


def test_spacing_is_that_of_most_times():
    assert spacing(np.array([0, 3, 6, 20, 23])) == 3
    assert spacing(np.array([5])) == 1


def test_the_level_is_against_the_median_of_the_nearest():
    # In a row of five, everybody has four others; mg m-3 in the last.
    around = np.array([10.0, 20.0, 30.0, 40.0])
    values = np.stack([around, around, 2 * around, 4 * around, around / 1000], axis=1)
    ratio = levels(values, np.full(5, 30.0), 100.0 + np.arange(5))
    # Against the last: the median of 1, 1, 2 and 4 times the level is 1.5 times it.
    assert ratio[4] == pytest.approx(1 / 1500)
    # Against the third: the median of 1, 1, 4 and 0.001 times it is 1.
    assert ratio[2] == pytest.approx(2.0)


def test_a_level_needs_three_neighbours_at_three_times():
    values = np.full((3, 4), 10.0)
    assert levels(values, np.full(4, 30.0), np.arange(4.0)).tolist() == [1, 1, 1, 1]
    assert np.isnan(levels(values[:2], np.full(4, 30.0), np.arange(4.0))).all()
    assert np.isnan(levels(values[:, :3], np.full(3, 30.0), np.arange(3.0))).all()
    values[0, 1] = 0.0  # zero says nothing of a unit
    assert np.isnan(levels(values, np.full(4, 30.0), np.arange(4.0))).tolist() == [True] * 4


def test_only_the_nearest_ten_make_the_level():
    values = np.tile(np.array([10.0] * 11 + [1e6] * 11), (3, 1))
    ratio = levels(values, np.full(22, 30.0), np.arange(22.0))
    assert ratio[0] == pytest.approx(1.0)
    assert ratio[21] == pytest.approx(1.0)


def test_pairs_by_hand():
    own = np.arange(1, 41, dtype=np.float32)
    half = own.copy()
    half[:15] += 0.5  # 25 of 40 are equal
    values = np.stack([own, own, half, own + 0.5], axis=1)
    found = pairs(values, np.array([30.0, 30.0, 31.0, 30.0]), np.full(4, 110.0))
    assert [(p.first, p.second, p.share) for p in found] == [
        (0, 1, 1.0),
        (0, 2, 25 / 40),
        (1, 2, 25 / 40),
    ]
    assert found[0].km == 0
    assert found[1].km == pytest.approx(111.2, abs=0.1)


def test_common_zeros_make_no_pair():
    first = np.append(np.zeros(30), np.arange(1.0, 25.0))
    second = first.copy()
    second[-14:] += 0.5  # 10 of 24 are equal, zeros apart
    assert pairs(np.stack([first, second], axis=1), np.zeros(2), np.zeros(2)) == []


def test_one_station_has_no_others():
    values = np.arange(1.0, 41.0)[:, None]
    assert np.isnan(levels(values, np.zeros(1), np.zeros(1))).all()
    assert pairs(values, np.zeros(1), np.zeros(1)) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (np.arange(1.0, 24.0), np.arange(1.0, 24.0)),  # 23 common values
        (np.zeros(40), np.zeros(40)),  # zeros are another check's
        (np.full(40, 7.0), np.full(40, 7.0)),  # and so are frozen ones
        (np.tile([1.0, 2.0, 3.0, 4.0], 10), np.tile([1.0, 2.0, 3.0, 4.0], 10)),
    ],
)
def test_too_little_in_common_makes_no_pair(first, second):
    values = np.stack([first, second], axis=1)
    assert pairs(values, np.zeros(2), np.zeros(2)) == []


def test_a_long_record_is_compared_over_all_of_it():
    own = np.random.default_rng(0).uniform(1, 99, 5000)
    other = own.copy()
    other[2500:] += 0.5
    (pair,) = pairs(np.stack([own, other], axis=1), np.zeros(2), np.zeros(2))
    assert pair.share == pytest.approx(0.5, abs=0.01)


def test_both_comparisons_can_be_stopped():
    values = np.ones((5, 4))
    for work in (levels, pairs):
        with pytest.raises(Cancelled):
            work(values, np.zeros(4), np.zeros(4), cancelled=lambda: True)
