"""Intervals against theory: independent days, days that come in runs, and no days."""

import numpy as np
import pytest

from engine.verify.bootstrap import block_length, interval, totals


def _mean(total):
    return total[..., 1] / total[..., 0]


def _sums(values):
    return np.stack([np.ones(len(values)), values], axis=1)


def test_interval_of_a_mean_is_that_of_theory():
    values = np.random.default_rng(1).normal(10, 2, 400)
    found = interval(_sums(values), _mean, block=1, draws=4000)
    half = 1.96 * values.std() / np.sqrt(400)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - half, abs=0.02)
    assert found.high == pytest.approx(values.mean() + half, abs=0.02)


def test_runs_of_like_days_widen_the_interval():
    # 40 independent weeks, each seven equal days: the standard error is that of 40 values.
    weeks = np.random.default_rng(2).normal(0, 1, 40)
    sums = _sums(np.repeat(weeks, 7))
    wide = interval(sums, _mean, block=21, draws=2000)
    narrow = interval(sums, _mean, block=1, draws=2000)
    theory = 2 * 1.96 * weeks.std() / np.sqrt(40)
    assert wide.high - wide.low == pytest.approx(theory, rel=0.2)
    assert narrow.high - narrow.low < 0.5 * theory


def test_every_day_is_drawn_equally_often_and_records_keep_their_length():
    days = 23
    drawn = totals(np.eye(days), block=4, draws=5000, seed=3)
    np.testing.assert_array_equal(drawn.sum(axis=1), days)
    # Without the ring, the first and last days would come up far less.
    assert drawn.mean(axis=0) == pytest.approx(np.ones(days), abs=0.1)


def test_blocks_hold_neighbours():
    drawn = totals(np.eye(20), block=5, draws=200)
    # Four blocks of five in a ring of twenty: every day drawn lies beside a drawn neighbour.
    for record in drawn > 0:
        assert (np.roll(record, 1) | np.roll(record, -1))[record].all()


def test_the_seed_decides():
    sums = _sums(np.random.default_rng(4).normal(0, 1, 60))
    assert interval(sums, _mean, seed=7) == interval(sums, _mean, seed=7)
    assert interval(sums, _mean, seed=7) != interval(sums, _mean, seed=8)


def test_the_level_decides_the_width():
    sums = _sums(np.random.default_rng(4).normal(0, 1, 60))
    half, most = interval(sums, _mean, level=0.5), interval(sums, _mean, level=0.95)
    assert most.low < half.low < half.value < half.high < most.high


def test_metric_of_sums_not_mean_of_metrics():
    # RMSE of days with 1 and 3 cells: sqrt((4 + 3 × 1) / 4), not (2 + 1) / 2.
    sums = np.array([[1.0, 4.0], [3.0, 3.0]])
    found = interval(sums, lambda total: np.sqrt(total[..., 1] / total[..., 0]))
    assert found.value == pytest.approx(np.sqrt(7 / 4))


def test_days_without_data_are_left_out():
    sums = _sums(np.random.default_rng(5).normal(5, 1, 30))
    holes = np.insert(sums, [3, 10], [[0.0, 0.0], [np.nan, np.nan]], axis=0)
    assert interval(holes, _mean) == interval(sums, _mean)
    assert interval(sums, _mean).days == 30


@pytest.mark.parametrize("days", [1, 2])
def test_too_few_days_have_a_value_and_no_interval(days):
    found = interval(_sums(np.arange(1.0, days + 1)), _mean)
    assert found.value == pytest.approx((days + 1) / 2)
    assert np.isnan(found.low)
    assert np.isnan(found.high)


def test_no_days():
    found = interval(np.zeros((0, 2)), _mean)
    assert np.isnan(found.value)
    assert found.days == 0


def test_block_length():
    assert [block_length(n) for n in (1, 8, 27, 365)] == [1, 2, 3, 7]


def test_block_must_fit():
    with pytest.raises(ValueError, match="does not fit"):
        totals(np.zeros((3, 1)), block=4)
