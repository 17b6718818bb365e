"""Super-resolution without learning: interpolation, and the climatology of each cell.

Input and output are in ug m-3, not normalised: a ratio means nothing otherwise. A mask is True
where a cell holds data; the output is 0 where the fine mask is False.

Source: Li et al. 2025 (doi:10.3390/atmos16020166), section 4.2, names MEAN and HA without
equations. MEAN we read as the block's own value in each of its cells. HA we read as the share
that each fine cell had in its block in the past, as in urban flow inference (Liang et al. 2019,
doi:10.1145/3292500.3330646). Bilinear, bicubic and their products with the climatology are ours.
"""

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from engine.superresolution.networks.layers import FineMap
from engine.superresolution.networks.masking import fill_nearest, masked_block_mean, repeat_cells

Method = Literal["copy", "split", "bilinear", "bicubic"]

# A ratio to less than this, in ug m-3, would say more about rounding than about the place.
FLOOR = 1.0


def upsample(
    coarse: Float[Tensor, "n h w"], mask: Bool[Tensor, "n h w"], factor: int, method: Method
) -> Float[Tensor, "n fine_h fine_w"]:
    """The coarse map at `factor` times its height and width, defined everywhere.

    Cells without data first take the value of the nearest cell with data, so that a coast is
    extrapolated and not drawn towards zero.

    Args:
        coarse: Values in ug m-3; anything where the mask is False.
        mask: True where a coarse cell holds data.
        factor: Fine cells along a coarse cell's side.
        method: "copy" gives each fine cell its block's value. "split" divides it by the number
            of cells, as for counts: wrong for a mean, kept because the MEAN row of the paper's
            Table 3 looks like it. "bilinear" and "bicubic" run through the centres of the coarse
            cells; bicubic (Keys, a = -0.75) is cut off at 0.
    """
    filled = coarse if bool(mask.all()) else fill_nearest(coarse, mask)
    if method == "copy":
        return repeat_cells(filled, factor)
    if method == "split":
        return repeat_cells(filled, factor) / factor**2
    fine = functional.interpolate(filled[:, None], scale_factor=factor, mode=method)[:, 0]
    return fine.clamp(min=0)


class Interpolation(nn.Module):
    """One of the methods of `upsample` as a network without parameters."""

    def __init__(self, method: Method, factor: int = 8) -> None:
        super().__init__()
        self.method: Method = method
        self.factor = factor

    def forward(
        self,
        coarse: Float[Tensor, "b t 1 h w"],
        mask: Bool[Tensor, "b t h w"],
        *,
        fine_mask: Bool[Tensor, "b t fine_h fine_w"],
        month: Int[Tensor, "b t"],
    ) -> FineMap:
        """The fine map of every frame, in ug m-3. `month` is not looked at."""
        fine = upsample(coarse[:, :, 0].flatten(0, 1), mask.flatten(0, 1), self.factor, self.method)
        fine = fine.view(*coarse.shape[:2], *fine.shape[-2:])
        return FineMap(torch.where(fine_mask, fine, 0)[:, :, None])


class HistoricalRatio(nn.Module):
    """An interpolated map times the ratio that each cell had to it in the past.

    Args:
        ratio: Fine over interpolated, one map or one for each month, January first. NaN where the
            past says nothing; 1 is taken there.
        method: The interpolation that the ratio was fitted to.
        factor: Fine cells along a coarse cell's side.
        conserve: Scale every block so that its mean over valid cells equals the coarse value.
            For "copy" this is the same as a ratio whose block means are 1.
    """

    ratio: Float[Tensor, "month fine_h fine_w"]

    def __init__(
        self,
        ratio: Float[Tensor, "month fine_h fine_w"],
        method: Method = "copy",
        factor: int = 8,
        *,
        conserve: bool = True,
    ) -> None:
        super().__init__()
        self.register_buffer("ratio", ratio)
        self.method: Method = method
        self.factor = factor
        self.conserve = conserve

    def forward(
        self,
        coarse: Float[Tensor, "b t 1 h w"],
        mask: Bool[Tensor, "b t h w"],
        *,
        fine_mask: Bool[Tensor, "b t fine_h fine_w"],
        month: Int[Tensor, "b t"],
    ) -> FineMap:
        """The fine map of every frame, in ug m-3. `month` runs from 1 to 12."""
        values = coarse[:, :, 0].flatten(0, 1)
        fine = upsample(values, mask.flatten(0, 1), self.factor, self.method)
        valid = fine_mask.flatten(0, 1)
        fine = fine * of_month(self.ratio, month).nan_to_num(nan=1.0)
        if self.conserve:
            fine = scale_to_mean(fine, values, valid, self.factor)
        fine = torch.where(valid, fine, 0)
        return FineMap(fine.view(*coarse.shape[:2], 1, *fine.shape[-2:]))


class Climatology(nn.Module):
    """The mean fine map of the training part, whatever the coarse map says.

    Args:
        mean: In ug m-3, one map or one for each month; NaN where there is no climatology, and there
            the coarse value is taken.
        factor: Fine cells along a coarse cell's side.
    """

    mean: Float[Tensor, "month fine_h fine_w"]

    def __init__(self, mean: Float[Tensor, "month fine_h fine_w"], factor: int = 8) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.factor = factor

    def forward(
        self,
        coarse: Float[Tensor, "b t 1 h w"],
        mask: Bool[Tensor, "b t h w"],
        *,
        fine_mask: Bool[Tensor, "b t fine_h fine_w"],
        month: Int[Tensor, "b t"],
    ) -> FineMap:
        """The same map for every frame of a month, in ug m-3."""
        copied = upsample(coarse[:, :, 0].flatten(0, 1), mask.flatten(0, 1), self.factor, "copy")
        mean = of_month(self.mean, month)
        fine = torch.where(mean.isnan(), copied, mean)
        fine = fine.view(*coarse.shape[:2], *fine.shape[-2:])
        return FineMap(torch.where(fine_mask, fine, 0)[:, :, None])


def of_month(
    maps: Float[Tensor, "month fine_h fine_w"], month: Int[Tensor, "b t"]
) -> Float[Tensor, "n fine_h fine_w"]:
    """The map of each frame's month, or the only map there is."""
    if len(maps) == 1:
        return maps.expand(month.numel(), -1, -1)
    return maps[month.flatten() - 1]


def scale_to_mean(
    fine: Float[Tensor, "n fine_h fine_w"],
    coarse: Float[Tensor, "n h w"],
    fine_mask: Bool[Tensor, "n fine_h fine_w"],
    factor: int,
) -> Float[Tensor, "n fine_h fine_w"]:
    """The fine map, every block multiplied so that its mean over valid cells is the coarse value.

    A factor and not a shift, so that nothing becomes negative. A block that is 0 throughout
    becomes flat. Blocks without a valid cell are whatever they were.
    """
    mean = masked_block_mean(fine, fine_mask, factor)
    flat = mean <= 0
    scale = torch.where(flat, 0, coarse / torch.where(flat, 1, mean))
    return fine * repeat_cells(scale, factor) + repeat_cells(torch.where(flat, coarse, 0), factor)


def ratio_maps(
    fine_sum: Float[Tensor, "12 fine_h fine_w"],
    base_sum: Float[Tensor, "12 fine_h fine_w"],
    count: Float[Tensor, "12 fine_h fine_w"],
    *,
    monthly: bool,
) -> Float[Tensor, "month fine_h fine_w"]:
    """Ratio of fine to interpolated maps in the past, NaN where a cell was never valid.

    Sums first, then the ratio: a ratio of means, in which a clean day counts for little. Monthly
    maps take the month before and after with it; a month for which the three hold nothing takes
    the ratio of the whole record.

    Args:
        fine_sum: Sum of valid fine values by month, ug m-3.
        base_sum: Sum of the interpolated values on the same days.
        count: Number of those days. The denominator is at least 1 ug m-3 a day.
        monthly: Twelve maps, or one.
    """
    whole = _ratio(fine_sum.sum(0), base_sum.sum(0), count.sum(0))
    if not monthly:
        return whole[None]
    fine, base, days = (three_months(z) for z in (fine_sum, base_sum, count))
    ratio = _ratio(fine, base, days)
    return torch.where(ratio.isnan(), whole, ratio)


def three_months(
    sums: Float[Tensor, "12 fine_h fine_w"],
) -> Float[Tensor, "12 fine_h fine_w"]:
    """Sums over each month, the one before and the one after; December is before January."""
    return sums + sums.roll(1, 0) + sums.roll(-1, 0)


def _ratio(fine: Tensor, base: Tensor, count: Tensor) -> Tensor:
    return torch.where(count > 0, fine / torch.maximum(base, FLOOR * count), torch.nan)
