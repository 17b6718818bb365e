"""Losses over valid cells: a mean over what is known, in the network's normalisation."""

import math

import torch
from torch import Tensor

from engine.superresolution.training_config import Loss

CHARBONNIER = 1e-3  # Cao et al. 2021; where the square begins to turn into the absolute value
# The logarithm of the error's scale is kept within these, so that one cell cannot own the loss.
LOWEST, HIGHEST = -6.0, 4.0


def loss(
    kind: Loss, prediction: Tensor, log_scale: Tensor | None, target: Tensor, mask: Tensor
) -> Tensor:
    """Mean loss over the cells where the mask is True.

    `gaussian` and `laplace` are negative log likelihoods, proper scores of mean and scale
    together (Gneiting & Raftery 2007, doi:10.1198/016214506000001437). The gradient of the mean
    is taken from the squared (absolute) error at a scale held fixed, and that of the scale from
    the likelihood: a mean trained through its own scale neglects the cells it is worst at
    (Seitzer et al. 2022, arXiv:2203.09168, with beta = 1).

    Raises:
        ValueError: If the loss needs a scale and the network gives none.
    """
    count = mask.sum().clamp(min=1)
    error = torch.where(mask, prediction - target, 0)
    if kind == "mse":
        return (error**2).sum() / count
    if kind == "charbonnier":
        smooth = (error**2 + CHARBONNIER**2).sqrt()
        return torch.where(mask, smooth, 0).sum() / count
    if log_scale is None:
        raise ValueError(f"loss {kind} needs a network with log_scale=True")
    s = torch.where(mask, log_scale.clamp(LOWEST, HIGHEST), 0)
    fixed = error.detach()
    if kind == "gaussian":
        mean_part = error**2 / 2
        likelihood = s + fixed**2 / 2 * torch.exp(-2 * s)
    else:
        mean_part = error.abs()
        likelihood = s + math.log(2) + fixed.abs() * torch.exp(-s)
    return (mean_part + torch.where(mask, likelihood, 0) * SCALE_WEIGHT).sum() / count


# The scale's share of the gradient that reaches the shared features.
SCALE_WEIGHT = 0.05


def pretext_loss(rebuilt: Tensor, coarse: Tensor, mask: Tensor) -> Tensor:
    """Root of the mean squared error of the frames the pretext network rebuilds (paper, eq. 4)."""
    error = torch.where(mask[:, :, None], rebuilt - coarse, 0)
    return ((error**2).sum() / mask.sum().clamp(min=1) + 1e-8).sqrt()
