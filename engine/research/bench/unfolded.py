"""Patch attention as its equation says it: unfold every window, attend, fold back.

What `engine.superresolution.networks.attention` is measured against and must agree with. It follows
the equation of Li et al. 2025 (section 3.3) token by token and holds every token in memory.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional


def unfolded_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    *,
    patch: int = 10,
    stride: int = 1,
    radius: int | None = None,
) -> Tensor:
    """The same as `window_attention`; same arguments, same result, much slower."""
    b, heads, d, height, width = q.shape
    pad = tuple(
        patch - n if n < patch else -(n - patch) % stride for n in (width, height)
    )  # columns, rows
    size = (height + pad[1], width + pad[0])
    tokens = [
        functional.unfold(
            functional.pad(z.flatten(0, 1), (0, pad[0], 0, pad[1])), patch, stride=stride
        )
        for z in (q, k, v)
    ]
    score = tokens[0].mT @ tokens[1]
    score /= math.sqrt(d * patch**2)
    n_rows, n_columns = ((n - patch) // stride + 1 for n in size)
    closed = torch.zeros(b * heads, n_rows * n_columns, n_rows * n_columns, dtype=torch.bool)
    if mask is not None:
        for item in range(b):
            for row in range(n_rows):
                for column in range(n_columns):
                    y, x = row * stride, column * stride
                    if not mask[item, y : y + patch, x : x + patch].any():
                        at = slice(item * heads, (item + 1) * heads)
                        closed[at, :, row * n_columns + column] = True
    if radius is not None:
        window = torch.arange(n_rows * n_columns)
        for place in (window // n_columns, window % n_columns):
            closed |= (place[:, None] - place).abs() * stride > radius
    if mask is not None or radius is not None:
        lonely = closed.all(-1, keepdim=True)
        closed &= ~(lonely & torch.eye(closed.shape[-1], dtype=torch.bool))
        score = score.masked_fill(closed.to(score.device), -math.inf)
    out = tokens[2] @ score.softmax(-1).mT
    ones = torch.ones(1, patch**2, out.shape[-1], dtype=out.dtype, device=out.device)
    count = functional.fold(ones, size, patch, stride=stride)
    folded = functional.fold(out, size, patch, stride=stride) / count
    return folded[..., :height, :width].reshape(b, heads, v.shape[2], height, width)
