"""Kriging's weights of tensors with gaps and gradients; equations of `engine.core.kriging`.

Arrays without gaps are solved there: merging stations into a map loads no torch.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from engine.core.kriging import unbiased

STEADY = 1e-4  # least sum of the weights of a mean that is divided by


def kriging_weights(
    covariance: Float[Tensor, "query seen seen"],
    to_place: Float[Tensor, "query seen"],
    valid: Bool[Tensor, "query seen"],
    own: Float[Tensor, "*own"] | float,
    *,
    ordinary: bool = True,
) -> Float[Tensor, "query seen"]:
    """Weights of the readings for each place; 0 of readings that are missing.

    Args:
        covariance: Between readings, without what each shares with none.
        to_place: Between readings and the place.
        valid: Which readings are there.
        own: Variance that a reading shares with none: noise and nugget, above 0.
        ordinary: Weights add up to one (ordinary kriging); else simple kriging's.
    """
    # Missing readings become rows of the identity, so that all queries are solved together.
    inner = torch.where(valid[:, :, None] & valid[:, None], covariance, 0)
    inner.diagonal(dim1=1, dim2=2).add_(torch.where(valid, own, 1.0))
    one = valid.to(inner)
    right = torch.stack((to_place * one, one), -1)
    simple, ones = torch.cholesky_solve(right, torch.linalg.cholesky(inner)).unbind(-1)
    if not ordinary:
        return simple
    return unbiased(simple, ones, ones.sum(-1).clamp(min=STEADY))[0]
