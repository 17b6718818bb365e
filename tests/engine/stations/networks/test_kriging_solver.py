"""Kriging's weights by hand, against the bordered system, and with gaps."""

import pytest
import torch

from engine.stations.networks.kriging_solver import kriging_weights


def system(n=6, seed=0):
    random = torch.Generator().manual_seed(seed)
    places = 100 * torch.rand(n + 1, 2, generator=random, dtype=torch.float64)
    covariance = torch.exp(-torch.cdist(places, places) / 60)
    return covariance[:n, :n][None], covariance[:n, n][None]


def test_two_stations_by_hand():
    # c(0) = 1, c between them 0.5, to the place 0.8 and 0.4, nugget 0.
    inner = torch.tensor([[[1.0, 0.5], [0.5, 1.0]]])
    outer = torch.tensor([[0.8, 0.4]])
    valid = torch.tensor([[True, True]])
    # Simple: (0.8 - 0.5 * 0.4) / 0.75 = 0.8 and (0.4 - 0.5 * 0.8) / 0.75 = 0.
    simple = kriging_weights(inner, outer, valid, 0.0, ordinary=False)
    assert simple[0].tolist() == pytest.approx([0.8, 0.0], abs=1e-6)
    # Ordinary: the missing 0.2 is shared by the weights of the mean, which are equal.
    assert kriging_weights(inner, outer, valid, 0.0)[0].tolist() == pytest.approx([0.9, 0.1])


def test_ordinary_weights_solve_the_bordered_system():
    inner, outer = system()
    n = outer.shape[1]
    bordered = torch.ones(n + 1, n + 1, dtype=torch.float64)
    bordered[:n, :n] = inner[0] + 0.1 * torch.eye(n)
    bordered[n, n] = 0
    right = torch.cat([outer[0], torch.ones(1, dtype=torch.float64)])
    known = torch.linalg.solve(bordered, right)[:n]
    found = kriging_weights(inner, outer, torch.ones(1, n, dtype=torch.bool), 0.1)[0]
    torch.testing.assert_close(found, known)
    assert float(found.sum()) == pytest.approx(1)


def test_a_missing_reading_is_as_if_it_were_not_there():
    inner, outer = system()
    valid = torch.tensor([[True, False, True, True, False, True]])
    found = kriging_weights(inner, outer, valid, 0.1)[0]
    kept = valid[0]
    fewer = kriging_weights(
        inner[:, kept][:, :, kept], outer[:, kept], torch.ones(1, 4, dtype=torch.bool), 0.1
    )[0]
    assert found[~kept].abs().max() == 0
    torch.testing.assert_close(found[kept], fewer)


def test_without_any_reading_nothing_is_weighted():
    inner, outer = system()
    none = torch.zeros(1, 6, dtype=torch.bool)
    assert kriging_weights(inner, outer, none, 0.1).abs().max() == 0
