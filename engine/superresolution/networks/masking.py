"""No data on the way through a network: means over valid cells, filling, exact block means.

A mask is True where a cell holds data. Values under False may be anything finite; what comes
out at valid cells never depends on them.
"""

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn import functional

from engine.superresolution.networks.layers import SCALE


def masked_block_mean(
    values: Float[Tensor, "*lead rows columns"],
    mask: Bool[Tensor, "*lead rows columns"],
    factor: int,
) -> Float[Tensor, "*lead block_rows block_columns"]:
    """Mean over the valid cells of every `factor` × `factor` block, 0 where none is valid.

    Blocks at the lower and right edge may be cut short: they are the mean of what is there.
    """
    lead, (rows, columns) = values.shape[:-2], values.shape[-2:]
    pad = (0, -columns % factor, 0, -rows % factor)
    weight = functional.pad(mask.to(values.dtype), pad)
    total = functional.pad(torch.where(mask, values, 0), pad)
    shape = (*lead, weight.shape[-2] // factor, factor, weight.shape[-1] // factor, factor)
    total, weight = (z.reshape(shape).sum((-3, -1)) for z in (total, weight))
    return total / weight.clamp(min=1)


def repeat_cells(
    coarse: Shaped[Tensor, "*lead h w"], factor: int = SCALE
) -> Shaped[Tensor, "*lead fine_h fine_w"]:
    """Every cell copied to `factor` × `factor` cells."""
    return coarse.repeat_interleave(factor, -2).repeat_interleave(factor, -1)


def conserve(
    fine: Float[Tensor, "b f 1 fine_h fine_w"],
    coarse: Float[Tensor, "b f 1 h w"],
    fine_mask: Bool[Tensor, "b f fine_h fine_w"],
) -> Float[Tensor, "b f 1 fine_h fine_w"]:
    """The fine map, shifted block by block so that its block means equal the coarse map.

    The mean runs over the valid fine cells of a block, which is how the coarse map is defined
    (Li et al. 2025, section 3.1). Normalisation is affine, and a mean commutes with an affine
    map: block means that agree in normalised units agree in ug m-3. Runs in float32 at least,
    whatever the features were computed in. Blocks without a valid cell stay as they are.
    """
    precise = torch.promote_types(fine.dtype, torch.float32)
    values, target = fine.to(precise), coarse.to(precise)
    mask = fine_mask[:, :, None]
    shift = target - masked_block_mean(values, mask, SCALE)
    return torch.where(mask, values + repeat_cells(shift), values)


def fill_nearest(
    values: Float[Tensor, "n h w"], mask: Bool[Tensor, "n h w"]
) -> Float[Tensor, "n h w"]:
    """Every invalid cell takes the value of the nearest valid one; 0 on a map without any.

    Distance is Euclidean in cells. Exact: nearest valid cell in the same column first, then
    the best column for every cell (Saito & Toriwaki 1994, doi:10.1016/0031-3203(94)90133-3).
    """
    n, height, width = values.shape
    far = 4 * (height + width)
    rows = torch.arange(height, device=values.device)[:, None].expand(height, width)
    above = torch.where(mask, rows, -far).cummax(1).values  # last valid row at or above
    below = torch.where(mask, rows, far).flip(1).cummin(1).values.flip(1)
    nearest = torch.where(rows - above <= below - rows, above, below)  # (n, h, w)
    squared = ((nearest - rows) ** 2).to(torch.float32)
    columns = torch.arange(width, device=values.device)
    across = ((columns[:, None] - columns) ** 2).to(torch.float32)  # (to, from)
    best = torch.stack([(row[:, None, :] + across).argmin(-1) for row in squared.unbind(1)], 1)
    source = nearest.gather(2, best).clamp(0, height - 1) * width + best
    known = torch.where(mask, values, 0)  # whatever lies under no data must not come through
    return known.reshape(n, -1).gather(1, source.reshape(n, -1)).reshape(n, height, width)
