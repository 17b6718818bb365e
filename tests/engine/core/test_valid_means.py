import numpy as np
import pytest

from engine.core.valid_means import HOURS_OF_A_DAY, days_needed, valid_mean


def test_the_numbers_are_those_of_the_standard():
    assert HOURS_OF_A_DAY == 20
    assert [days_needed(m) for m in (1, 2, 4, 12)] == [27, 25, 27, 27]


@pytest.mark.parametrize(("valid", "known"), [(20, True), (19, False), (24, True), (0, False)])
def test_a_day_of_twenty_hours_is_one_of_nineteen_is_none(valid, known):
    hours = np.full((24, 1), np.nan)
    hours[:valid] = np.arange(valid)[:, None]
    mean = valid_mean(hours, HOURS_OF_A_DAY)[0]
    assert mean == pytest.approx((valid - 1) / 2) if known else np.isnan(mean)


def test_along_another_axis():
    assert valid_mean(np.array([[1.0, 3.0], [np.nan, 5.0]]), 2, axis=-1).tolist()[0] == 2.0
    assert np.isnan(valid_mean(np.array([[1.0, 3.0], [np.nan, 5.0]]), 2, axis=-1)[1])
