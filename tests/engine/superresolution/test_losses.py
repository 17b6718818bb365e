import math

import pytest
import torch

from engine.superresolution.losses import SCALE_WEIGHT, loss, pretext_loss

PREDICTION = torch.tensor([[1.0, 2.0, 5.0]])
TARGET = torch.tensor([[0.0, 4.0, -100.0]])
KNOWN = torch.tensor([[True, True, False]])


def test_squares_by_hand():
    # Errors 1 and -2; the third cell is unknown: (1 + 4) / 2.
    assert float(loss("mse", PREDICTION, None, TARGET, KNOWN)) == pytest.approx(2.5)


def test_charbonnier_by_hand():
    expected = (math.sqrt(1 + 1e-6) + math.sqrt(4 + 1e-6)) / 2
    assert float(loss("charbonnier", PREDICTION, None, TARGET, KNOWN)) == pytest.approx(expected)


def test_gaussian_by_hand():
    scale = torch.tensor([[0.0, math.log(2.0), 3.0]])
    # Mean part 1/2 and 4/2; likelihood 0 + 1/2 and log 2 + 4/8.
    expected = (2.5 + SCALE_WEIGHT * (0.5 + math.log(2) + 0.5)) / 2
    assert float(loss("gaussian", PREDICTION, scale, TARGET, KNOWN)) == pytest.approx(expected)


def test_laplace_by_hand():
    scale = torch.tensor([[0.0, math.log(2.0), 3.0]])
    # Mean part 1 and 2; likelihood log 2 + 1 and log 2 + log 2 + 2/2.
    expected = (3 + SCALE_WEIGHT * (3 * math.log(2) + 2)) / 2
    assert float(loss("laplace", PREDICTION, scale, TARGET, KNOWN)) == pytest.approx(expected)


@pytest.mark.parametrize(("kind", "best"), [("gaussian", 3.0), ("laplace", 3 * 0.79788)])
def test_the_score_is_proper(kind, best):
    # Of errors drawn with sd 3, the scale that scores best is 3 (Laplace: the mean magnitude).
    errors = 3 * torch.randn(200_000, generator=torch.Generator().manual_seed(0))[None]
    zero, all_ = torch.zeros_like(errors), torch.ones_like(errors, dtype=torch.bool)
    scales = torch.linspace(0.5, 6, 111)
    scores = [
        float(loss(kind, zero, torch.full_like(errors, math.log(s)), errors, all_)) for s in scales
    ]
    assert float(scales[min(range(len(scores)), key=scores.__getitem__)]) == pytest.approx(
        best, abs=0.06
    )


@pytest.mark.parametrize("kind", ["mse", "charbonnier", "gaussian", "laplace"])
def test_unknown_cells_give_no_value_and_no_gradient(kind):
    prediction = PREDICTION.clone().requires_grad_()
    scale = torch.zeros(1, 3, requires_grad=True)
    changed = TARGET.clone()
    changed[0, 2] = 1e6
    value = loss(kind, prediction, scale, TARGET, KNOWN)
    assert torch.equal(value, loss(kind, prediction, scale, changed, KNOWN))
    value.backward()
    assert prediction.grad[0, 2] == 0
    assert prediction.grad[0, :2].abs().min() > 0
    if scale.grad is not None:
        assert scale.grad[0, 2] == 0


def test_a_map_without_one_known_cell_has_no_loss():
    nothing = torch.zeros_like(KNOWN)
    assert float(loss("gaussian", PREDICTION, PREDICTION, TARGET, nothing)) == 0


def test_the_mean_does_not_learn_through_its_scale():
    gradients = []
    for s in (-3.0, 3.0):
        prediction = PREDICTION.clone().requires_grad_()
        loss("gaussian", prediction, torch.full((1, 3), s), TARGET, KNOWN).backward()
        gradients.append(prediction.grad)
    assert torch.equal(*gradients)


def test_likelihoods_need_a_scale():
    with pytest.raises(ValueError, match="log_scale=True"):
        loss("laplace", PREDICTION, None, TARGET, KNOWN)


def test_pretext_is_the_root_of_the_mean_square_of_known_cells():
    rebuilt, coarse = torch.zeros(1, 1, 1, 1, 3), torch.tensor([3.0, 4.0, 99.0]).view(1, 1, 1, 1, 3)
    mask = KNOWN.view(1, 1, 1, 3)
    assert float(pretext_loss(rebuilt, coarse, mask)) == pytest.approx(math.sqrt(12.5))
