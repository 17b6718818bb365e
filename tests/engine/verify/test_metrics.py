"""Every metric with a case worked by hand, and beside the library `scores` where it has it."""

import math
import warnings

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.verify import metric_tables
from engine.verify.evidence import SCORES
from engine.verify.metrics import (
    METRICS,
    OLD_NAMES,
    STATISTICS,
    Sums,
    block_mean_difference,
    current_names,
    metrics,
    of_errors,
    score,
    score_valid,
    statistics,
    sums,
)

# Predictions M and targets O, ug m-3; errors M - O are 2, -1, -4, 3.
M = np.array([12.0, 9.0, 26.0, 43.0])
O = np.array([10.0, 10.0, 30.0, 40.0])  # noqa: E741 - the papers' letter

BY_HAND = {
    "n": 4,
    "bias": 0.0,  # (2 - 1 - 4 + 3) / 4
    "mae": 2.5,  # (2 + 1 + 4 + 3) / 4
    "rmse": math.sqrt(7.5),  # (4 + 1 + 16 + 9) / 4
    "centred_rmse": math.sqrt(7.5),  # the bias is 0
    "mape": (2 / 10 + 1 / 10 + 4 / 30 + 3 / 40) / 4,
    "mape_floor": 1.0,
    # Means 22.5 and 22.5; deviations of M -10.5, -13.5, 3.5, 20.5, of O -12.5, -12.5, 7.5, 17.5;
    # products 131.25 + 168.75 + 26.25 + 358.75 = 685, squares 725 and 675.
    "correlation": 685 / math.sqrt(725 * 675),
    "correlation_squared": 685**2 / (725 * 675),
    "determination": 1 - 30 / 675,
    "nmb": 0.0,  # 0 / 90
    "nme": 10 / 90,
    "mfb": (4 / 22 - 2 / 19 - 8 / 56 + 6 / 83) / 4,
    "mfe": (4 / 22 + 2 / 19 + 8 / 56 + 6 / 83) / 4,
    "fac2": 1.0,
    # (|M - Ō| + |O - Ō|)²: 23², 26², 11², 38², together 2770.
    "ioa": 1 - 30 / 2770,
    "mean_prediction": 22.5,
    "mean_target": 22.5,
    "paper_rmse": math.sqrt(7.5),
    "paper_mae": 2.5,
    "paper_mape": (2 / 10 + 1 / 10 + 4 / 30 + 3 / 40) / 4,
    "paper_n": 4,
}


def test_every_metric_has_its_case():
    assert set(BY_HAND) == set(score(M, O))
    assert set(METRICS) <= set(BY_HAND)


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name):
    assert score(M, O)[name] == pytest.approx(BY_HAND[name], rel=1e-12, abs=1e-12)


def test_with_a_bias_and_another_level():
    # M = O + 5: all error is bias; NMB divides by the target (90), never by the prediction (110).
    found = score(O + 5, O)
    assert found["bias"] == found["mae"] == found["rmse"] == 5
    assert found["centred_rmse"] == pytest.approx(0, abs=1e-6)
    assert found["nmb"] == found["nme"] == pytest.approx(20 / 90)
    assert found["correlation"] == pytest.approx(1)
    assert found["determination"] == pytest.approx(1 - 100 / 675)


def test_the_edges_of_a_factor_of_two_are_inside():
    assert score([5.0, 20.0], [10.0, 10.0])["fac2"] == 1.0  # O / 2 and 2 O exactly
    assert score([4.999, 20.001], [10.0, 10.0])["fac2"] == 0.0
    assert score([0.0], [0.0])["fac2"] == 1.0


def test_the_floor_of_mape_and_fractions_of_nothing():
    assert score([0.6], [0.1])["mape"] == pytest.approx(0.5)  # 0.5 / max(0.1, 1)
    nothing = score([0.0, 0.0], [0.0, 0.0])
    assert nothing["mfb"] == nothing["mfe"] == 0  # they agree
    assert math.isnan(nothing["nmb"]) and math.isnan(nothing["nme"])


def test_of_errors_alone():
    errors = np.array([[3.0, np.nan], [-4.0, np.inf]])
    assert of_errors("bias", errors) == -0.5
    assert of_errors("mae", errors) == 3.5
    assert of_errors("rmse", errors) == pytest.approx(math.sqrt(12.5))
    assert math.isnan(of_errors("rmse", []))


def test_another_floor_of_mape():
    total = statistics(np.array([15.0, 30.0]), np.array([5.0, 20.0]), mape_floor=10.0)
    assert float(METRICS["mape"](total)) == (10 / 10 + 10 / 20) / 2


def test_what_is_not_defined_is_nan():
    empty = score([], [])
    assert empty["n"] == 0
    assert all(math.isnan(v) for k, v in empty.items() if k not in ("n", "paper_n", "mape_floor"))
    flat = score([3.0, 3.0, 3.0], [1.0, 2.0, 3.0])
    assert math.isnan(flat["correlation"])
    constant = score([1.0, 2.0, 3.0], [3.0, 3.0, 3.0])
    assert math.isnan(constant["determination"]) and math.isnan(constant["correlation"])


def test_missing_values_are_masked_and_counted_as_the_paper_does():
    m, o = [12.0, 99.0, 9.0], [10.0, np.nan, 10.0]
    found = score(m, o)
    assert found["n"] == 2 and found["paper_n"] == 3
    assert found["mae"] == 1.5 and found["paper_mae"] == 1.0  # 3 / 2 and 3 / 3
    assert found["paper_rmse"] == pytest.approx(math.sqrt(5 / 3))
    assert score_valid([1.0, np.nan, 3.0], [2.0, 2.0, np.nan])["n"] == 1
    with pytest.raises(ValueError, match="NaN or infinity"):
        sums([np.nan, 1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="shapes differ"):
        sums([1.0, 2.0], [1.0])


CONCENTRATIONS = st.floats(0, 500).map(lambda v: round(v, 6))


@given(arrays(np.float64, (2, 9), elements=CONCENTRATIONS), st.integers(1, 8))
def test_sums_of_parts_are_the_sums_of_the_whole(pairs, cut):
    m, o = pairs
    mean = float(o.mean())
    parts = sums(m[:cut], o[:cut], target_mean=mean) + sums(m[cut:], o[cut:], target_mean=mean)
    whole = metrics(sums(m, o, target_mean=mean))
    for name, value in metrics(parts).items():
        assert value == pytest.approx(whole[name], rel=1e-9, abs=1e-6, nan_ok=True), name
    assert metrics(Sums())["n"] == 0


def test_pages_take_their_scores_from_here():
    total = sums(M, O).values
    for name, metric in SCORES.items():
        assert metric is METRICS[name]
        assert float(metric(total)) == pytest.approx(BY_HAND[name], abs=1e-12)
    assert len(total) == len(STATISTICS)


def test_every_metric_has_its_unit_and_every_table_known_metrics():
    shown = {
        name
        for table in vars(metric_tables).values()
        if isinstance(table, tuple | frozenset)
        for name in table
    }
    assert shown <= set(BY_HAND)
    assert not metric_tables.SHARES & metric_tables.NUMBERS
    # Ten times the concentrations: what is in ug m-3 grows with them, what is none does not.
    m, o = 10 * M + 1000, 10 * O + 1010
    once, ten = score(m, o), score(10 * m, 10 * o)
    for name in set(METRICS) - {"ioa"}:
        grows = ten[name] == pytest.approx(10 * once[name]) and once[name] != 0
        assert grows == (name not in metric_tables.SHARES | metric_tables.NUMBERS), name


def test_the_units_of_a_table_in_a_sentence():
    assert metric_tables.units(metric_tables.EVALUATE) == (
        "rmse, mae, bias in µg/m³; mape is a fraction, with a floor of 1 µg/m³."
    )
    assert metric_tables.units(("bias", "nmb", "fac2")) == (
        "bias in µg/m³; nmb, fac2 are fractions."
    )


def test_old_names_still_load():
    record = {
        "runs": {"a": {"r": 0.5, "crmse": 2.0, "r2": 0.1, "rmse": 1.0}},
        "list": [1, {"r": 2}],
    }
    assert current_names(record) == {
        "runs": {"a": {"correlation": 0.5, "centred_rmse": 2.0, "determination": 0.1, "rmse": 1.0}},
        "list": [1, {"correlation": 2}],
    }
    assert set(OLD_NAMES.values()) <= set(METRICS)


def test_block_means_by_hand():
    fine = np.array([[1.0, 3.0, 5.0, 5.0], [2.0, np.nan, 5.0, 9.0]])
    # Means 2 (of three) and 6; the coarse map is off by 0.5 and 1.
    assert block_mean_difference(fine, np.array([[2.5, 5.0]])) == 1.0
    assert math.isnan(block_mean_difference(np.full((2, 2), np.nan), np.array([[1.0]])))


def test_beside_the_library_scores():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        continuous = pytest.importorskip("scores.continuous")
    random = np.random.default_rng(0)
    m, o = random.gamma(2, 20, 400), random.gamma(2, 20, 400)
    ours = score(m, o)
    fcst, obs = xr.DataArray(m, dims="x"), xr.DataArray(o, dims="x")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = {
            "rmse": continuous.rmse(fcst, obs),
            "mae": continuous.mae(fcst, obs),
            "bias": continuous.additive_bias(fcst, obs),
            "nmb": continuous.pbias(fcst, obs) / 100,
            "correlation": continuous.correlation.pearsonr(fcst, obs),
            "determination": continuous.nse(fcst, obs),
        }
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(float(value), rel=1e-9), name
