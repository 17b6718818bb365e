"""The three parts of a pair's log ratio, on series whose parts are known."""

import json

import numpy as np
import pandas as pd
import pytest

from engine.research.demo import detail
from engine.research.demo.statistics import RECORD

DATES = pd.date_range("2013-01-01", "2015-12-31", freq="D")


def test_each_part_of_a_pair_comes_back():
    rng = np.random.default_rng(3)
    known = rng.normal(0, 0.2, 12)[DATES.month - 1]
    month = rng.normal(0, 0.1, (3, 12))[DATES.year - 2013, DATES.month - 1]
    day = rng.normal(0, 0.3, len(DATES))
    ratio = known + month + day
    ratio[::17] = np.nan
    squares = detail.of_pair(ratio, DATES)
    assert np.sqrt(squares[0]) == pytest.approx(np.sqrt((known**2).mean()), abs=0.05)
    assert np.sqrt(squares[2]) == pytest.approx(0.3, rel=0.05)
    # The parts add up to the whole.
    assert squares.sum() == pytest.approx(float(np.nanmean(ratio**2)), rel=1e-9)


def test_a_pair_worked_by_hand():
    dates = pd.DatetimeIndex(["2014-01-01", "2014-01-02", "2015-01-01", "2015-01-02"])
    # Means 0.2 and 0.4: known 0.08; month (0.04 + 0.16) / 2 - 0.08; day 0.1² of each.
    squares = detail.of_pair(np.array([0.1, 0.3, 0.3, 0.5]), dates)
    np.testing.assert_allclose(squares, [0.08, 0.02, 0.01])


def test_pairs_are_sorted_by_distance_and_groups_stay_apart():
    lat = np.array([31.0, 31.04, 31.2])
    lon = np.full(3, 118.0)
    rng = np.random.default_rng(0)
    daily = np.exp(rng.normal(4, 0.2, (len(DATES), 3)))
    table = detail.by_distance([(daily, lat, lon), (daily, lat + 0.03, lon)], DATES, seed=1)
    assert {k: v.pairs for k, v in table.items()} == {(2, 6): 2, (12, 25): 4}
    low, high = table[12, 25].day_interval
    assert low <= table[12, 25].day <= high
    # Independent days of both stations: √2 of one's spread.
    assert table[2, 6].day == pytest.approx(0.2 * np.sqrt(2), rel=0.06)


@pytest.mark.parametrize(
    ("pairs", "day", "verdict"),
    [(9, 0.10, True), (9, 0.08, False), (9, 0.24, False), (7, 0.10, None)],
)
def test_a_day_part_is_accepted_inside_the_widened_interval(pairs, day, verdict):
    real = detail.Parts(pairs, 0.0, 0.0, 0.15, (0.1, 0.2))
    assert detail.accepted(real, detail.Parts(60, 0.0, 0.0, day)) is verdict


def test_noise_of_monitors_has_the_size_it_says():
    daily = np.full((4000, 3), 50.0)
    measured = np.log(detail.as_measured(daily, 0.045, seed=2) / daily)
    assert measured.std() == pytest.approx(0.045, rel=0.05)
    assert abs(np.corrcoef(measured.T)[0, 1]) < 0.06


def test_layouts_stand_at_ten_cities_on_land():
    lat = np.array([39.9, 40.1, 40.3])
    lon = np.array([116.3, 116.4, 116.6])
    cities = detail.layouts(lat, lon)
    assert len(cities) == 10
    for at, _ in cities:
        np.testing.assert_allclose(np.diff(at), [0.2, 0.2])


def test_the_demo_world_moves_as_real_air_does():
    """On what `make results-demo-world` wrote."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))["detail"]
    judged = 0
    for distance, of_real in record["real"].items():
        for who, table in record.items():
            if who == "real":
                continue
            verdict = detail.accepted(detail.Parts(**of_real), detail.Parts(**table[distance]))
            assert verdict is not False, (distance, who, table[distance], of_real)
            judged += verdict is True
    assert judged == 2 * 3  # two noises at three distances with enough pairs


def test_beijing_is_what_the_table_says():
    if not detail.HOURS.is_file():
        pytest.skip("needs ../shared/data/prsa")
    daily, dates, lat, lon = detail.beijing()
    table = detail.by_distance([(daily, lat, lon)], dates)
    record = json.loads(RECORD.read_text(encoding="utf-8"))["detail"]["real"]
    for (low, high), parts in table.items():
        assert record[f"{low}–{high}"]["day"] == pytest.approx(parts.day, rel=1e-6)
    assert {k: v.pairs for k, v in table.items()} == {
        (2, 6): 4,
        (6, 12): 17,
        (12, 25): 9,
        (25, 50): 32,
    }
