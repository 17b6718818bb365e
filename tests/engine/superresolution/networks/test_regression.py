import numpy as np
import pytest
import torch

from engine.superresolution.networks.masking import masked_block_mean
from engine.superresolution.networks.regression import (
    LocalRegression,
    PlaceClimatology,
    RegressionConfig,
    learn,
    valid_blocks,
)


def world(years: int = 8, h: int = 4, w: int = 5, seed: int = 0):
    """Monthly maps whose detail is a fixed pattern plus one that follows the coarse anomaly."""
    g = torch.Generator().manual_seed(seed)
    t = 12 * years
    pattern = 0.3 * torch.randn(8 * h, 8 * w, generator=g)
    answer = 0.5 * torch.randn(8 * h, 8 * w, generator=g)
    level = 0.3 * torch.randn(t, h, w, generator=g)
    season = 3 + 0.4 * torch.cos(2 * np.pi * torch.arange(t) / 12)
    big = level.repeat_interleave(8, 1).repeat_interleave(8, 2)
    fine = (season[:, None, None] + big + pattern + answer * big).exp()
    mask = torch.ones(t, 8 * h, 8 * w, dtype=torch.bool)
    mask[:, :8, :8] = False
    mask[:, :3, 8:] = False
    fine = torch.where(mask, fine, 0)
    coarse = masked_block_mean(fine, mask, 8)
    return coarse, valid_blocks(mask), fine, mask, torch.arange(t) / 12


def rmse(a, b, mask):
    return float(((a - b)[mask] ** 2).mean().sqrt())


def apply(climatology: PlaceClimatology, coarse, known, mask, first: int):
    month = torch.arange(first, first + len(coarse)) % 12 + 1
    with torch.inference_mode():
        return LocalRegression(climatology)(
            coarse[None, :, None], known[None], fine_mask=mask[None], month=month[None]
        ).mean[0, :, 0]


@pytest.fixture(scope="module")
def learned():
    coarse, known, fine, mask, years = world()
    cut = 12 * 6
    climatology, left_out = learn(
        coarse[:cut], known[:cut], fine[:cut], mask[:cut], years[:cut], RegressionConfig(ridge=0.01)
    )
    return climatology, left_out, (coarse, known, fine, mask, cut)


def test_it_finds_detail_that_follows_the_coarse_map(learned):
    climatology, _, (coarse, known, fine, mask, cut) = learned
    later = slice(cut, None)
    mapped = apply(climatology, coarse[later], known[later], mask[later], cut)
    flat = climatology._replace(slopes=torch.zeros_like(climatology.slopes))
    without = apply(flat, coarse[later], known[later], mask[later], cut)
    assert rmse(mapped, fine[later], mask[later]) < 0.6 * rmse(without, fine[later], mask[later])


def test_block_means_are_exact_and_no_data_is_zero(learned):
    climatology, _, (coarse, known, _, mask, cut) = learned
    mapped = apply(climatology, coarse[cut:], known[cut:], mask[cut:], cut)
    means = masked_block_mean(mapped, mask[cut:], 8)
    torch.testing.assert_close(means[known[cut:]], coarse[cut:][known[cut:]], rtol=1e-5, atol=1e-4)
    assert (mapped[~mask[cut:]] == 0).all()
    assert (mapped >= 0).all()


def test_what_lies_under_no_data_changes_nothing(learned):
    climatology, _, (coarse, known, _, mask, cut) = learned
    spoilt = torch.where(known, coarse, 999.0)
    torch.testing.assert_close(
        apply(climatology, coarse[cut:], known[cut:], mask[cut:], cut),
        apply(climatology, spoilt[cut:], known[cut:], mask[cut:], cut),
    )


def test_a_year_left_out_was_not_looked_at():
    coarse, known, fine, mask, years = world(years=6)
    _, honest = learn(coarse, known, fine, mask, years, RegressionConfig())
    lied = fine.clone()
    lied[24:36] *= 1 + torch.rand(8 * 4, 8 * 5, generator=torch.Generator().manual_seed(1))
    _, after = learn(coarse, known, lied, mask, years, RegressionConfig())
    torch.testing.assert_close(honest.map[24:36], after.map[24:36])
    assert not torch.allclose(honest.map[:24], after.map[:24])


def test_recent_years_count_more():
    coarse, known, fine, mask, years = world(years=6)
    changed = fine.clone()
    changed[60:, 8:, 8:20] *= 2  # the last year looks different
    near, _ = learn(coarse, known, changed, mask, years, RegressionConfig(ratio_years=1.0))
    far, _ = learn(coarse, known, changed, mask, years, RegressionConfig(ratio_years=50.0))
    assert near.log_ratio[:, 8:, 8:20].mean() > far.log_ratio[:, 8:, 8:20].mean() + 0.1


def test_slopes_solve_the_ridge_equation_in_float64(learned):
    """One block against numpy.linalg on the same numbers."""
    from engine.superresolution.networks import regression as r

    g = torch.Generator().manual_seed(3)
    anomaly, detail = torch.randn(30, 3, 3, generator=g), torch.randn(30, 24, 24, generator=g)
    weight = torch.rand(30, generator=g)
    config = RegressionConfig(shrink=1.0)
    slopes = r._slopes(anomaly, detail, weight, torch.ones(30, 3, 3, dtype=torch.bool), config)
    padded = np.pad(anomaly.numpy().astype(float), ((0, 0), (2, 2), (2, 2)), mode="edge")
    x = padded[:, 1:6, 2:7].reshape(30, 25)  # around block row 1, column 2
    y = detail.numpy().astype(float)[:, 8:16, 16:24].reshape(30, 64)
    w = weight.numpy().astype(float)[:, None]
    expected = np.linalg.solve(x.T @ (w * x) + config.ridge * np.eye(25), x.T @ (w * y))
    np.testing.assert_allclose(slopes[1, 2].numpy(), expected, rtol=2e-3, atol=2e-4)


def test_the_expected_error_is_that_of_years_left_out(learned):
    climatology, left_out, (_, _, fine, mask, cut) = learned
    error = torch.where(mask[:cut], fine[:cut] - left_out.map, 0)
    months = torch.arange(cut) % 12
    summer = (months >= 5) & (months <= 7)  # June and its neighbours
    by_hand = (error[summer] ** 2).mean(0).sqrt().clamp(min=0.1)
    torch.testing.assert_close(climatology.spread[6], by_hand, rtol=1e-4, atol=1e-4)
