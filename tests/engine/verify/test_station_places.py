"""Wrong places, on series whose neighbours are known."""

import numpy as np
import pytest

from engine.core.progress import Cancelled
from engine.verify.station_places import (
    ENOUGH,
    FEWEST_STATIONS,
    LEAST_GAP,
    departures,
    fisher,
    places,
    thinned,
)

NAN = np.nan


def country(days=365, side=6, seed=0):
    """Stations of a square of 6 x 6, 1 degree apart, in weather that correlates over 3 degrees."""
    random = np.random.default_rng(seed)
    lat, lon = (a.ravel() for a in np.meshgrid(30.0 + np.arange(side), 110.0 + np.arange(side)))
    apart = np.hypot(lat[:, None] - lat, lon[:, None] - lon)
    weather = np.linalg.cholesky(np.exp(-apart / 3)) @ random.standard_normal((lat.size, days))
    return np.exp(3.5 + 0.6 * weather.T).astype(np.float32), lat, lon


def checked(values, lat, lon, **more):
    usable = more.pop("usable", np.ones(len(lat), dtype=bool))
    period = more.pop("period", "day")
    return places(values, np.arange(len(values)), period, lat, lon, usable, **more)


def test_right_places_are_right():
    found = checked(*country())
    assert found.checked.all()
    assert not found.wrong.any()
    assert (found.gap < found.threshold).all()
    assert (found.threshold >= LEAST_GAP).all()


def test_two_stations_that_exchanged_their_places_are_found():
    values, lat, lon = country()
    lat[[0, 35]], lon[[0, 35]] = lat[[35, 0]], lon[[35, 0]]
    found = checked(values, lat, lon)
    assert np.flatnonzero(found.wrong).tolist() == [0, 35]
    # Station 0 belongs to the corner of 1, 6 and 7, which lie a diagonal away from where it stands.
    assert {1, 6, 7} <= set(found.best_stations[0])
    assert found.best_km[0] > 400 > found.near_km[0]
    assert found.near[0] < 0.4 < found.best[0]


def test_a_fifth_in_wrong_places_does_not_hide_itself():
    values, lat, lon = country(side=8)
    wrong = np.array([0, 7, 9, 18, 27, 36, 45, 54, 56, 63, 5, 58])
    others = np.array([63, 56, 54, 45, 36, 27, 18, 9, 7, 0, 58, 5])
    lat[wrong], lon[wrong] = lat[others], lon[others]
    found = checked(values, lat, lon)
    assert found.wrong.sum() >= 10
    assert set(np.flatnonzero(found.wrong)) <= set(wrong)


def test_a_station_that_has_wrong_ones_about_it_is_taken_back():
    values, lat, lon = country(side=8)
    # All about station 18 are those of the far corner, so that its gap is among the largest.
    about, far = [9, 10, 11, 17, 19, 25, 26, 27], [63, 62, 61, 55, 54, 47, 46, 53]
    exchanged = values.copy()
    exchanged[:, about], exchanged[:, far] = values[:, far], values[:, about]
    found = checked(exchanged, lat, lon)
    assert not found.wrong[18]
    assert found.wrong.sum() >= 14
    assert set(np.flatnonzero(found.wrong)) <= {*about, *far}


def test_where_all_gaps_are_large_none_is_a_wrong_place():
    """Neighbours in two air masses, as valleys and ridges: near does not mean alike for anybody."""
    random = np.random.default_rng(3)
    _, lat, lon = country()
    masses = random.standard_normal((365, 2))
    group = (np.arange(36) + np.arange(36) // 6) % 2  # a chessboard
    values = np.exp(3 + masses[:, group] + 0.3 * random.standard_normal((365, 36)))
    found = checked(values, lat, lon)
    assert (found.gap > LEAST_GAP).sum() > 12
    assert not found.wrong.any()
    middle = np.median(found.gap)
    spread = 1.4826 * np.median(np.abs(found.gap - middle))
    np.testing.assert_allclose(found.threshold, middle + 6 * spread)


def test_stations_that_are_not_usable_are_neither_checked_nor_compared_with():
    values, lat, lon = country()
    usable = np.ones(36, dtype=bool)
    usable[[3, 21]] = False
    found = checked(values, lat, lon, usable=usable)
    assert np.flatnonzero(~found.checked).tolist() == [3, 21]
    assert np.isnan(found.near[[3, 21]]).all()
    assert (found.best_stations[[3, 21]] == -1).all()
    assert not np.isin(found.best_stations, [3, 21]).any()


def test_too_few_stations_are_not_checked():
    values, lat, lon = country()
    usable = np.arange(36) < FEWEST_STATIONS - 1
    assert not checked(values, lat, lon, usable=usable).checked.any()
    usable = np.arange(36) < FEWEST_STATIONS
    assert checked(values, lat, lon, usable=usable).checked.sum() == FEWEST_STATIONS
    nobody = checked(values, lat, lon, usable=np.zeros(36, dtype=bool))
    assert not nobody.checked.any()
    assert not nobody.wrong.any()


def test_too_few_days_are_not_checked_and_say_no_more_than_chance():
    values, lat, lon = country()
    lat[[0, 35]], lon[[0, 35]] = lat[[35, 0]], lon[[35, 0]]
    assert not checked(values[:25], lat, lon).checked.any()
    short, long = checked(values[:60], lat, lon), checked(values, lat, lon)
    assert (short.threshold > long.threshold).all()


def test_a_day_is_no_wrong_place_by_the_season_alone():
    """Whoever is high in winter as all are correlates by that alone, wherever it is."""
    days = np.arange(730)
    season = 2 * np.cos(2 * np.pi * days / 365)[:, None]
    alone = departures(np.exp(4 + season + np.zeros((730, 1))), days, "day")
    assert np.abs(alone[20:-20]).max() < 0.05


def test_departures_by_hand():
    values = np.expm1(np.arange(40.0))[:, None]
    out = departures(values, np.arange(40), "day")[:, 0]
    # A line is its own mean over 31 days, where those are there; at the first day days 0 to 15.
    np.testing.assert_allclose(out[15:25], 0, atol=1e-6)
    assert out[0] == pytest.approx(0 - 7.5)
    assert out[39] == pytest.approx(39 - 31.5)


def test_an_hours_usual_level_is_that_of_the_same_hour():
    hours = np.arange(24 * 40)
    values = np.exp(3 + np.sin(2 * np.pi * hours / 24))[:, None]
    np.testing.assert_allclose(departures(values, hours, "hour"), 0, atol=1e-6)
    months = np.arange(48)
    values = np.exp(3 + np.sin(2 * np.pi * months / 12))[:, None]
    np.testing.assert_allclose(departures(values, months, "month"), 0, atol=1e-6)


def test_a_usual_level_needs_enough_values():
    values = np.ones((30, 1))
    values[9:] = NAN
    assert np.isnan(departures(values, np.arange(30), "day")).all()
    values[9] = 1.0
    assert np.isfinite(departures(values, np.arange(30), "day")).sum() == 10
    assert np.isnan(departures(np.ones((24, 1)), np.arange(24), "month")).all()


def test_negative_values_do_not_break_the_logarithm():
    assert np.isfinite(departures(np.full((31, 1), -5.0), np.arange(31), "day")).all()


def test_correlations_are_over_common_values():
    random = np.random.default_rng(1)
    x = random.standard_normal((200, 3)).astype(np.float32)
    x[:, 1] += x[:, 0]
    x[:50, 0], x[150:, 1], x[::7, 2] = NAN, NAN, NAN
    z, effective = fisher(x, np.arange(200))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        both = np.isfinite(x[:, a]) & np.isfinite(x[:, b])
        r = np.corrcoef(x[both, a], x[both, b])[0, 1]
        assert np.tanh(z[a, b]) == pytest.approx(r, abs=1e-5)
        assert z[b, a] == pytest.approx(z[a, b], abs=1e-5)
        assert effective[a, b] <= both.sum()
    assert np.isnan(np.diag(z)).all()


def test_independent_values_by_hand():
    """Alternating steps of two equal values: neighbours' products are one half, nothing less."""
    block = np.array([1, 1, -1, -1] * 60, dtype=np.float32)
    x = np.stack([block, block], axis=1)
    # In 239 pairs of neighbours 120 are equal and 119 opposite: 1/239. Common values: 240.
    ab = (1 / 239) ** 2
    assert fisher(x, np.arange(240))[1][0, 1] == pytest.approx(240 * (1 - ab) / (1 + ab))
    slow = np.repeat(np.tile([1, -1], 12), 10).astype(np.float32)  # 23 changes in 239
    ab = ((239 - 46) / 239) ** 2
    z, effective = fisher(np.stack([slow, slow], axis=1), np.arange(240))
    assert effective[0, 1] == pytest.approx(240 * (1 - ab) / (1 + ab))
    assert effective[0, 1] > ENOUGH
    assert np.isfinite(z[0, 1])
    z, effective = fisher(np.stack([slow, slow], axis=1)[:130], np.arange(130))
    assert effective[0, 1] < ENOUGH
    assert np.isnan(z[0, 1])


def test_only_neighbours_in_time_make_an_autocorrelation():
    """Days in twos, ten days apart: both of two are equal, and the next two are random."""
    days = (10 * np.arange(100)[:, None] + [0, 1]).ravel()
    x = np.repeat(np.random.default_rng(4).standard_normal(100), 2).astype(np.float32)
    effective = fisher(np.stack([x, x], axis=1), days)[1][0, 1]
    ab = 0.99**2
    assert effective == pytest.approx(200 * (1 - ab) / (1 + ab))


def test_a_constant_series_correlates_with_nobody():
    x = np.random.default_rng(2).standard_normal((100, 2)).astype(np.float32)
    for constant in (0, 0.001, 0.0123):
        x[:, 0] = constant
        assert np.isnan(fisher(x, np.arange(100))[0]).all()


@pytest.mark.parametrize(("hours", "every"), [(9000, 1), (9001, 2), (36001, 6), (300000, 24)])
def test_a_year_of_hours_is_taken_whole_and_more_at_some_hours(hours, every):
    steps = np.arange(5, 5 + hours)
    assert set(steps[thinned(steps, "hour")] % 24) == set(range(0, 24, every))
    assert len(thinned(steps, "day")) == hours


def test_hours_of_years_are_thinned_at_the_same_hours_of_all_days():
    values, lat, lon = country(days=500)
    hours = np.repeat(values, 24, axis=0)
    lat[[0, 35]], lon[[0, 35]] = lat[[35, 0]], lon[[35, 0]]
    found = checked(hours, lat, lon, period="hour")
    assert np.flatnonzero(found.wrong).tolist() == [0, 35]


def test_it_can_be_stopped():
    with pytest.raises(Cancelled):
        checked(*country(), cancelled=lambda: True)
