"""Scores of probable forecasts: the deterministic ones are those of `engine.verify.metrics`."""

import math

import pytest
import torch

from engine.verify.ensembles import score
from engine.verify.metrics import score as score_of_arrays


def test_scores_of_the_mean_by_hand():
    # Members' means are 12 and 4; targets 10 and 2, of which the second counts as 10 in MAPE.
    members = torch.tensor([[10.0, 3.0], [14.0, 5.0]])
    found = score(members, torch.tensor([10.0, 2.0]))
    assert (found.count, found.mae, found.rmse) == (2, 2.0, 2.0)
    assert found.mape == pytest.approx((2 / 10 + 2 / 10) / 2)
    assert found.coverage_90 == 0.0


def test_a_single_forecast_has_the_scores_of_every_other_map():
    torch.manual_seed(0)
    forecast, target = torch.rand(50).double() * 80 + 10, torch.rand(50).double() * 80 + 10
    found, same = score(forecast[None], target), score_of_arrays(forecast, target)
    for name in ("mae", "rmse", "mape"):
        assert getattr(found, name) == pytest.approx(same[name], rel=1e-12)
    assert found.crps == pytest.approx(found.mae) and math.isnan(found.coverage_50)
