import math

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from engine.forecast.networks import gp_first_guess
from engine.forecast.networks.mobile_windows import Record, in_unit, scale_of, starts, windows
from engine.forecast.networks.stepdiff import StepDiffConfig
from engine.verify.ensembles import (
    covered,
    crps,
    published_scores,
    quantile_score,
    score,
    widening,
)

NAN = torch.nan


def city(days: int = 6, cells: int = 4, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A city whose level depends on the hour and the cell, with gaps and noise."""
    g = torch.Generator().manual_seed(seed)
    hour = torch.arange(24 * (days + 2)) % 24
    base = 60 + 20 * torch.cos(hour[: 24 * days] * (2 * math.pi / 24))
    values = base[:, None] + 3.0 * torch.arange(cells) + torch.randn(24 * days, cells, generator=g)
    gaps = torch.rand(24 * days, cells, generator=g) < 0.4
    return torch.where(gaps, NAN, values.double()), hour


def test_climatology_finds_hour_and_cell():
    values, hour = city(days=40)
    predicted = gp_first_guess.climatology(values, hour).climate(hour[:24])
    assert float((predicted[0] - predicted[12]).mean()) == pytest.approx(40, rel=0.08)
    # Less than 9: a departure is measured from a mean that the cell is part of, and shrunk.
    assert 6 < float((predicted[:, 3] - predicted[:, 0]).mean()) < 9


def test_the_anomaly_ahead_is_that_of_a_gaussian_process():
    # Two exponentials with the same memory and no daily part are one; scikit-learn's Matern with
    # nu = 1/2 is that kernel.
    values = torch.full((48, 1), NAN, dtype=torch.float64)
    valid = [3, 10, 11, 30, 44]
    values[valid, 0] = 50 + torch.tensor([4.0, -2, -3, 6, 5], dtype=torch.float64)
    hour = torch.arange(72) % 24
    guess = gp_first_guess.Trend(
        50.0, torch.zeros(24, dtype=torch.float64), torch.zeros(1, dtype=torch.float64), 9.0,
        (0.5, 8.0, 0.3, 8.0, 0.0, 1.0, 100.0, 0.05, 0.1),
    )  # fmt: skip
    wanted = torch.tensor([47, 48, 55])
    mean, sure = guess.ahead(values, hour, wanted)
    other = GaussianProcessRegressor(
        ConstantKernel(0.8 * 9, "fixed") * Matern(8.0, "fixed", nu=0.5),
        alpha=0.15 * 9,
        optimizer=None,
    ).fit(np.array(valid)[:, None], values[valid, 0].numpy() - 50)
    theirs, deviation = other.predict(wanted.numpy()[:, None], return_std=True)
    np.testing.assert_allclose(mean.numpy(), theirs, rtol=1e-6)
    # Ours is of the city's mean as it would be read: with the noise that all cells share.
    np.testing.assert_allclose(sure.numpy() ** 2, deviation**2 + 0.05 * 9, rtol=1e-6)


def test_without_readings_the_guess_is_climatology_and_says_so():
    values, hour = city()
    guess = gp_first_guess.climatology(values, hour)
    nothing = torch.full((30, 4), NAN, dtype=torch.float64)
    predicted, sure = guess.guess(nothing, hour, 6, 6)
    torch.testing.assert_close(predicted, guess.climate(hour[24:36]).clamp(min=0))
    assert (sure > 0).all()


def test_fitting_finds_how_long_an_anomaly_lasts():
    g = torch.Generator().manual_seed(0)
    hour = torch.arange(24 * 22) % 24

    def memory(fade: float) -> float:
        noise, level, levels = torch.randn(24 * 20, generator=g), 0.0, []
        for n in noise.tolist():
            level = fade * level + (1 - fade**2) ** 0.5 * n
            levels.append(level)
        values = 50 + 10 * torch.tensor(levels, dtype=torch.float64)[:, None].expand(-1, 3)
        found = gp_first_guess.fit(values, hour, steps=25)
        start = torch.zeros(1, dtype=torch.float64)
        p = torch.tensor(found.covariance, dtype=torch.float64)
        return float(
            gp_first_guess._covariance(start + 6, p) / gp_first_guess._covariance(start, p)
        )

    assert memory(0.98) > memory(0.6) + 0.1


def test_too_little_is_refused():
    with pytest.raises(ValueError, match="not one reading"):
        gp_first_guess.climatology(torch.full((24, 2), NAN), torch.arange(24))


SHAPE = StepDiffConfig(rows=2, columns=2, history=6, lead_times=4)


def test_windows_hold_departures_that_add_up_to_what_was_measured():
    values, hour = city()
    record = Record(values.reshape(-1, 2, 2), hour)
    guess = gp_first_guess.fit(values[:96], hour[:96], 5)
    window = windows(record, [100, 142], SHAPE, guess, 5.0)
    whole = (window.guess + 5 * window.values).transpose(1, 2)
    for n, begin in enumerate((100, 142)):
        part = values[begin - 6 : begin + 4]
        known = part.isfinite()
        torch.testing.assert_close(
            whole[n, : len(part)][known].double(), part[known], atol=1e-3, rtol=0
        )
        assert torch.equal(window.known[n].T[: len(part)], known)
    assert not window.known[1, :, 8:].any()  # beyond the record's end nothing is known
    assert scale_of(in_unit(window, 10.0), SHAPE) == pytest.approx(scale_of(window, SHAPE) / 2)


def test_no_later_value_changes_anything_before_it():
    values, hour = city()
    changed = values.clone()
    changed[100:] += 500
    found = []
    for v in (values, changed):
        guess = gp_first_guess.fit(v[:96], hour[:96], 5)
        window = windows(Record(v.reshape(-1, 2, 2), hour), [100], SHAPE, guess, 5.0)
        found.append((guess.mean, guess.covariance, window.guess, window.values[..., :6]))
    assert found[0][:2] == found[1][:2]
    torch.testing.assert_close(found[0][2:], found[1][2:])


def test_a_training_window_is_not_part_of_its_own_climatology():
    values, hour = city()
    record = Record(values.reshape(-1, 2, 2), hour)
    guess = gp_first_guess.climatology(values, hour)
    changed = values.clone()
    changed[50] += 300  # a lead hour of the window
    window, other = (
        windows(Record(v.reshape(-1, 2, 2), hour), [49], SHAPE, guess, 1.0, left_out=len(v))
        for v in (record.flat, changed)
    )
    torch.testing.assert_close(window.guess, other.guess)


def test_lead_times_stay_inside_their_part():
    begins = starts(96, 120, SHAPE)
    assert begins[0] == 96
    assert begins[-1] + SHAPE.lead_times == 120


def test_crps_by_the_double_sum_and_of_one_member():
    members = torch.tensor([[1.0, 3], [4, 5], [9, 2]])
    target = torch.tensor([2.0, 4])
    for n in range(2):
        m = members[:, n].tolist()
        near = sum(abs(a - float(target[n])) for a in m) / 3
        apart = sum(abs(a - b) for a in m for b in m) / (2 * 3 * 2)
        assert float(crps(members, target)[n]) == pytest.approx(near - apart)
    torch.testing.assert_close(crps(members[:1], target), (members[0] - target).abs())


def test_the_right_distribution_scores_best_and_covers_what_it_says():
    g = torch.Generator().manual_seed(0)
    target = torch.randn(4000, generator=g)
    narrow, right, wide = (s * torch.randn(50, 4000, generator=g) for s in (0.5, 1.0, 2.0))
    scores = [float(crps(m, target).mean()) for m in (narrow, right, wide)]
    assert scores[1] == min(scores)
    assert float(covered(right, target, 0.9).mean()) == pytest.approx(0.9, abs=0.03)
    factor = widening(narrow, target)
    assert float(covered(factor * narrow, target, 0.9).mean()) == pytest.approx(0.9, abs=0.02)


def test_quantile_score_of_a_sure_forecast_is_its_relative_error():
    members, target = torch.full((5, 3), 12.0), torch.tensor([10.0, 10.0, 20.0])
    # Mean over levels of 2 |y - q| weighed by q or 1 - q is |y - q|: (2 + 2 + 8) / 40.
    assert quantile_score(members, target) == pytest.approx(12 / 40)


def test_small_values_count_as_the_floor_in_relative_errors_and_gaps_are_refused():
    found = score(torch.tensor([[3.0, 30.0]]), torch.tensor([1.0, 20.0]))
    assert found.mape == pytest.approx((2 / 10 + 10 / 20) / 2)
    assert math.isnan(found.coverage_90)
    with pytest.raises(ValueError, match="NaN"):
        score(torch.tensor([[1.0]]), torch.tensor([NAN]))


def test_the_released_metric_flatters_a_constant():
    target = 40 + 10 * torch.randn(5000, generator=torch.Generator().manual_seed(0))
    found = published_scores(torch.full((1, 5000), 40.0), target, 40.0, 10.0)
    assert found.mae < 0.85
    assert found.count < 2700
    assert found.mape == pytest.approx(1.0)
