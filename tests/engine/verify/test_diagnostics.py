"""Evidence and what is read from it, against plain NumPy over all pairs and hand-worked tables."""

import numpy as np
import pytest

from engine.core.grid import Grid
from engine.verify.diagnostics import (
    by_concentration,
    by_covariate,
    categories,
    city_density,
    distance_to_others,
    distance_to_station,
    mean_error,
    taylor,
)
from engine.verify.evidence import SCORES, Day, gather

DIMS = ("latitude", "longitude")


def _days(count=4, shape=(24, 32), seed=0, missing=0.2):
    generator = np.random.default_rng(seed)
    days = []
    for n in range(count):
        target = generator.gamma(4, 12, shape).astype(np.float32)
        prediction = (0.8 * target + generator.normal(5, 6, shape)).clip(0).astype(np.float32)
        target[generator.random(shape) < missing] = np.nan
        prediction[generator.random(shape) < missing / 2] = np.nan
        days.append(Day(np.datetime64("2015-01-01") + n, prediction, target))
    return days


def _pairs(days):
    prediction = np.stack([d.prediction for d in days]).astype(float)
    target = np.stack([d.target for d in days]).astype(float)
    both = np.isfinite(prediction) & np.isfinite(target)
    return prediction[both], target[both]


def test_scores_are_those_of_all_pairs_together():
    days = _days()
    m, o = _pairs(days)
    total = gather(days, dims=DIMS)["by_day"].values.sum(axis=0)
    e = m - o
    expected = {
        "bias": e.mean(),
        "mae": np.abs(e).mean(),
        "rmse": np.sqrt((e**2).mean()),
        "centred_rmse": e.std(),
        "correlation": np.corrcoef(m, o)[0, 1],
        "determination": 1 - (e**2).sum() / ((o - o.mean()) ** 2).sum(),
        "nmb": e.sum() / o.sum(),
        "nme": np.abs(e).sum() / o.sum(),
        "mfb": 2 * (e / (m + o)).mean(),
        "mfe": 2 * (np.abs(e) / (m + o)).mean(),
        "fac2": ((m / o >= 0.5) & (m / o <= 2)).mean(),
    }
    assert set(expected) == set(SCORES)
    for name, value in expected.items():
        assert SCORES[name](total) == pytest.approx(value, rel=1e-9), name


def test_days_without_pairs_have_no_score():
    nothing = np.full((3, 4), np.nan)
    total = gather([Day(np.datetime64("2015-01-01"), nothing, nothing)], dims=DIMS)
    for name, score in SCORES.items():
        assert np.isnan(score(total["by_day"].values.sum(axis=0))), name
    assert np.isnan(taylor(total).correlation)
    assert by_concentration(total) == ()


def test_no_day_at_all():
    with pytest.raises(ValueError, match="not one day"):
        gather([], dims=DIMS)


def test_maps_are_means_over_the_days_that_have_both():
    prediction = np.array([[[10.0, 20.0]], [[30.0, np.nan]], [[50.0, 60.0]]])
    target = np.array([[[12.0, 10.0]], [[26.0, 10.0]], [[np.nan, np.nan]]])
    days = [Day(np.datetime64("2015-01-01") + n, prediction[n], target[n]) for n in range(3)]
    found = gather(days, dims=DIMS)
    np.testing.assert_allclose(mean_error(found, "bias"), [[(-2 + 4) / 2, 10]])
    np.testing.assert_allclose(mean_error(found, "absolute"), [[3, 10]])
    # 2 of 38, and 10 of 10 where 11 is the floor.
    np.testing.assert_allclose(mean_error(found, "relative"), [[100 * 2 / 38, 100]])
    np.testing.assert_allclose(mean_error(found, "relative", floor=11), [[100 * 2 / 38, np.nan]])
    np.testing.assert_allclose(
        found["daily_error"].values[:, 0], [[-2, 10], [4, np.nan], [np.nan, np.nan]]
    )
    with pytest.raises(ValueError, match="none of bias"):
        mean_error(found, "worst")


def test_deciles_hold_equal_numbers_and_the_errors_of_plain_numpy():
    days = _days(6)
    m, o = _pairs(days)
    bins = by_concentration(gather(days, dims=DIMS))
    assert len(bins) == 10
    assert sum(b.n for b in bins) == len(o)
    assert max(b.n for b in bins) < 1.3 * min(b.n for b in bins)
    for b in bins:
        inside = (o > b.low) & (o <= b.high)
        assert b.n == inside.sum()
        assert b.bias == pytest.approx((m - o)[inside].mean())
        assert b.rmse == pytest.approx(np.sqrt(((m - o)[inside] ** 2).mean()))
        assert b.mae == pytest.approx(np.abs(m - o)[inside].mean())


def test_covariate_classes_hold_their_lower_bound():
    days = _days(2, shape=(1, 4), missing=0)
    days = [Day(d.time, d.target + np.array([[1.0, 2, 3, 4]]), d.target) for d in days]
    found = gather(days, dims=DIMS)
    bins = by_covariate(found, np.array([[0.0, 5.0, 10.0, np.nan]]), [0, 5, 10, 20, 30])
    assert [(b.n, pytest.approx(b.bias, abs=1e-4)) for b in bins[:3]] == [(2, 1), (2, 2), (2, 3)]
    assert bins[3].n == 0
    assert np.isnan(bins[3].rmse)
    with pytest.raises(ValueError, match="covariate has shape"):
        by_covariate(found, np.zeros((2, 2)), [0, 1])


def test_categories_are_exact_at_the_limit():
    # A value at the limit is not above it.
    target = np.array([[60.0, 60.1, 80.0, 10.0, 61.0]])
    prediction = np.array([[60.1, 60.0, 90.0, 60.0, 75.0]])
    found = categories(
        gather([Day(np.datetime64("2015-01-01"), prediction, target)], dims=DIMS), 60
    )
    assert (found.hits, found.misses, found.false_alarms, found.others) == (2, 1, 1, 1)
    assert found.pod == pytest.approx(2 / 3)
    assert found.far == pytest.approx(1 / 3)
    assert found.csi == pytest.approx(2 / 4)


def test_categories_without_events_are_unknown():
    quiet = np.full((3, 3), 5.0)
    found = categories(gather([Day(np.datetime64("2015-01-01"), quiet, quiet)], dims=DIMS), 60)
    assert np.isnan([found.pod, found.far, found.csi]).all()
    assert found.others == 9


def test_values_beyond_the_histogram_still_count():
    high, low = np.full((2, 2), 900.0), np.zeros((2, 2))
    found = gather([Day(np.datetime64("2015-01-01"), high, low)], dims=DIMS)
    assert categories(found, 60).false_alarms == 4
    assert SCORES["bias"](found["by_day"].values.sum(axis=0)) == 900


def test_taylor_obeys_the_law_of_cosines():
    found = taylor(gather(_days(), dims=DIMS))
    # Taylor (2001), equation 1: E'² = s_m² + s_o² − 2 s_m s_o r, here over s_o².
    expected = found.spread**2 + 1 - 2 * found.spread * found.correlation
    assert found.distance**2 == pytest.approx(expected, rel=1e-9)


def test_taylor_of_a_scaled_copy():
    days = [Day(d.time, 2 * d.target, d.target) for d in _days()]
    found = taylor(gather(days, dims=DIMS))
    assert (found.correlation, found.spread, found.distance) == pytest.approx((1, 2, 1))


def test_spectra_are_means_over_days():
    days = _days(3, missing=0)
    found = gather(days, dims=DIMS, cell=(1.0, 1.0))
    one = gather(days[:1], dims=DIMS, cell=(1.0, 1.0))
    assert found["power"].dims == ("field", "wavelength")
    assert not np.allclose(found["power"], one["power"])
    # The prediction holds 0.64 of the target's variance of 576, and noise of 36.
    level = found["power"].mean("wavelength")
    assert float(level[0] / level[1]) == pytest.approx((0.64 * 576 + 36) / 576, rel=0.1)


def test_too_little_data_for_a_spectrum_is_no_fault():
    assert "power" not in gather(_days(shape=(5, 5)), dims=DIMS, cell=(1.0, 1.0))


def test_stations_have_evidence_too():
    names = np.array(["a", "b", "c"])
    days = _days(5, shape=(3,), missing=0)
    found = gather(days, dims=("station",), coords={"name": names})
    assert found["by_place"].dims == ("quantity", "station")
    assert found["name"].dims == ("station",)


def test_distance_to_the_nearest_station():
    grid = Grid(60.0, 100.0, 0.5, 0.5, 3, 5)
    found = distance_to_station(grid, np.array([60.0, 10.0]), np.array([100.0, 10.0]))
    assert found[0, 0] == pytest.approx(0, abs=1e-6)
    assert found[2, 0] == pytest.approx(111.195, abs=0.01)
    # Two degrees at 60° N: sin(d / 2R) = cos 60° sin 1° = 0.0087262, so d = 111.191 km.
    assert found[0, 4] == pytest.approx(111.191, abs=1e-3)
    with pytest.raises(ValueError, match="no station"):
        distance_to_station(grid, np.array([]), np.array([]))


def test_distance_to_the_other_stations():
    found = distance_to_others(np.array([0.0, 0.0, 0.0]), np.array([0.0, 1.0, 3.0]))
    assert found == pytest.approx([111.195, 111.195, 222.39], abs=0.01)
    assert np.isnan(distance_to_others(np.array([0.0]), np.array([0.0]))).all()


def test_city_density_keeps_its_people():
    grid = Grid(32.0, 118.0, 0.02, 0.02, 150, 150)
    found = city_density(
        grid, np.array([30.5, 50.0]), np.array([119.5, 119.5]), np.array([1e6, 9e9])
    )
    assert (found * grid.cell_area()[:, None]).sum() == pytest.approx(1e6, rel=0.01)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert (row, column) == (75, 75)
    # Two-dimensional Gaussian: people / (2 π 10²) at its centre.
    assert found.max() == pytest.approx(1e6 / (2 * np.pi * 100), rel=0.03)
