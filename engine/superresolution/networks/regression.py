"""Super-resolution by regression on the training years: the strongest map that needs no network.

Three steps, all in the logarithm of the concentration, so that a doubling counts the same in a
clean and in a polluted month. The fine field is a bicubic map, times the ratio each cell had to
it in that season (recent years count more), times what a ridge regression of the block's detail
on the anomalies of the 5 × 5 coarse cells around adds. At the end block means are made exact. The
same steps, each time with a year left out, give the error to be expected of each cell, and the
maps a network may be trained to correct.

Source: ours. Local regression on neighbouring coarse cells is the classical statistical
downscaling of climate fields (e.g. Maraun & Widmann 2018, doi:10.1017/9781107588783, ch. 11).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from engine.superresolution.networks.classical import scale_to_mean, upsample
from engine.superresolution.networks.layers import SCALE, FineMap
from engine.superresolution.networks.masking import fill_nearest, masked_block_mean

AROUND = 5  # coarse cells along the side of the neighbourhood that predicts a block's detail
OFFSET = 1.0  # ug m-3, added before the logarithm: a clean cell's rounding must not dominate


@dataclass(frozen=True)
class RegressionConfig:
    """Chosen on WUSTL 2015–2016 after training on 1998–2014 (docs/decisions/0030-base-field.md)."""

    ratio_years: float = 3.0
    """e-folding time of the weight of past years in the ratio."""
    season_weight: float = 0.3
    """Weight of the months before and after."""
    ridge_years: float = 16.0
    """e-folding time of the weight of past years in the regression."""
    ridge: float = 0.15
    """Penalty on the coefficients; anomalies are logarithms, about 0.1 in size."""
    shrink: float = 0.85
    """The slopes are multiplied by this: those of the past are too steep for the future."""


class PlaceClimatology(NamedTuple):
    """What is learned; twelve maps each, January first."""

    log_ratio: Float[Tensor, "12 fine_h fine_w"]
    """Mean logarithm of fine over bicubic."""
    log_coarse: Float[Tensor, "12 h w"]
    """Mean logarithm of the coarse map, of which anomalies are taken."""
    slopes: Float[Tensor, "h w k detail"]
    """Of the 64 cells' log detail on the 25 anomalies around; 0 where there is no data."""
    spread: Float[Tensor, "12 fine_h fine_w"]
    """Root mean square of what was left over in years that were left out, ug m-3."""


class Parts(NamedTuple):
    """A map and what it was made of; frames first."""

    map: Float[Tensor, "n fine_h fine_w"]
    log_ratio: Float[Tensor, "n fine_h fine_w"]
    log_detail: Float[Tensor, "n fine_h fine_w"]
    spread: Float[Tensor, "n fine_h fine_w"]


class LocalRegression(nn.Module):
    """The map of coarse frames, by the climatology."""

    def __init__(self, climatology: PlaceClimatology) -> None:
        super().__init__()
        for name, value in climatology._asdict().items():
            self.register_buffer(name, value)

    @property
    def climatology(self) -> PlaceClimatology:
        """What was learned."""
        return PlaceClimatology(*(self.get_buffer(name) for name in PlaceClimatology._fields))

    def forward(
        self,
        coarse: Float[Tensor, "b t 1 h w"],
        mask: Bool[Tensor, "b t h w"],
        *,
        fine_mask: Bool[Tensor, "b t fine_h fine_w"],
        month: Int[Tensor, "b t"],
    ) -> FineMap:
        """The fine map of every frame in ug m-3. `month` runs from 1 to 12."""
        parts = self.parts(coarse, mask, fine_mask=fine_mask, month=month)
        shape = (*coarse.shape[:2], 1, *parts.map.shape[-2:])
        return FineMap(parts.map.view(shape))

    def parts(
        self,
        coarse: Float[Tensor, "b t 1 h w"],
        mask: Bool[Tensor, "b t h w"],
        *,
        fine_mask: Bool[Tensor, "b t fine_h fine_w"],
        month: Int[Tensor, "b t"],
    ) -> Parts:
        """The map and what it was made of; arguments as for `forward`."""
        climatology, at = self.climatology, month.flatten() - 1
        values, known = coarse[:, :, 0].flatten(0, 1), mask.flatten(0, 1)
        log_ratio = climatology.log_ratio[at]
        anomaly = _log_coarse(values, known) - climatology.log_coarse[at]
        log_detail = _detail(anomaly, climatology.slopes)
        fine = _compose(values, known, fine_mask.flatten(0, 1), log_ratio + log_detail)
        return Parts(fine, log_ratio, log_detail, climatology.spread[at])


def learn(
    coarse: Float[Tensor, "t h w"],
    mask: Bool[Tensor, "t h w"],
    fine: Float[Tensor, "t fine_h fine_w"],
    fine_mask: Bool[Tensor, "t fine_h fine_w"],
    years: Float[Tensor, "t"],
    config: RegressionConfig,
    report_share: Callable[[float], None] = lambda share: None,
) -> tuple[PlaceClimatology, Parts]:
    """Learn from a record, and map that record with each year left out.

    Args:
        coarse: ug m-3; anything finite where the mask is False.
        mask: True where a coarse cell holds data.
        fine: ug m-3; anything finite where the fine mask is False.
        fine_mask: True where a fine cell holds data.
        years: Time in years, increasing; its fraction is the season.
        config: How.
        report_share: Given the share done.

    Returns:
        What is to be used after the record's end; and for every frame of the record, the map made
        without any frame of its own year, with `spread` broadcast from the twelve maps.
    """
    year, month = years.floor(), ((years % 1) * 12 + 1e-3).floor().long()
    log_fine = torch.where(fine_mask, (fine.clamp(min=0) + OFFSET).log(), 0)
    base = (upsample(coarse, mask, SCALE, "bicubic") + OFFSET).log()
    residual = torch.where(fine_mask, log_fine - base, 0)
    logs = _log_coarse(coarse, mask)
    weight = _kernel(year, month, year, month, config) * (year[:, None] != year)
    log_ratio = _average(residual, fine_mask, weight)
    everywhere = torch.ones_like(mask)
    report_share(0.1)
    left_out = torch.zeros_like(residual)
    found = sorted(set(year.tolist()))
    for i, y in enumerate(found):
        here = year == y
        # The year is left out of what other years are compared with, too; else it would leak.
        others = weight * ~here
        detail = torch.where(fine_mask, residual - _average(residual, fine_mask, others), 0)
        anomaly = logs - _average(logs, everywhere, others)
        share = torch.exp(-(year - y).abs() / config.ridge_years) * ~here
        left_out[here] = _detail(anomaly[here], _slopes(anomaly, detail, share, mask, config))
        report_share(0.1 + 0.8 * (i + 1) / len(found))
    mapped = _compose(coarse, mask, fine_mask, log_ratio + left_out)
    spread = _spread(torch.where(fine_mask, fine - mapped, 0), fine_mask, month)
    last, seasons = year[-1:].expand(12), torch.arange(12)
    after = _kernel(last, seasons, year, month, config)
    detail = torch.where(fine_mask, residual - log_ratio, 0)
    anomaly = logs - _average(logs, everywhere, weight)
    climatology = PlaceClimatology(
        _average(residual, fine_mask, after),
        _average(logs, everywhere, after),
        _slopes(anomaly, detail, torch.exp((year - year[-1]) / config.ridge_years), mask, config),
        spread,
    )
    return climatology, Parts(mapped, log_ratio, left_out, spread[month])


def _kernel(
    year: Tensor, month: Tensor, past_year: Tensor, past_month: Tensor, config: RegressionConfig
) -> Tensor:
    """Weight of each past frame for each frame: near in years, near in season."""
    apart = (month[:, None] - past_month) % 12
    near = torch.where((apart == 1) | (apart == 11), config.season_weight, 0.0)
    season = torch.where(apart == 0, 1.0, near)
    return season * torch.exp(-(year[:, None] - past_year).abs() / config.ratio_years)


def _average(values: Tensor, mask: Tensor, weight: Tensor) -> Tensor:
    """Weighted means over the past; where a season holds nothing, the mean of all of it."""
    flat, known = values.flatten(1), mask.expand_as(values).flatten(1).to(values.dtype)
    total, count = weight @ (flat * known), weight @ known
    whole = (flat * known).sum(0) / known.sum(0).clamp(min=1)
    mean = torch.where(count > 1e-6, total / count.clamp(min=1e-6), whole)
    return mean.view(len(weight), *values.shape[1:])


def _log_coarse(coarse: Tensor, mask: Tensor) -> Tensor:
    filled = fill_nearest(torch.where(mask, coarse, 0), mask)
    return (filled.clamp(min=0) + OFFSET).log()


def _neighbourhood(anomaly: Float[Tensor, "t h w"]) -> Float[Tensor, "h w t k"]:
    padded = functional.pad(anomaly[:, None], (AROUND // 2,) * 4, mode="replicate")
    around = functional.unfold(padded, AROUND)  # (t, k, h · w)
    return around.permute(2, 0, 1).view(*anomaly.shape[1:], len(anomaly), AROUND**2)


def _slopes(
    anomaly: Tensor, detail: Tensor, weight: Tensor, mask: Tensor, config: RegressionConfig
) -> Float[Tensor, "h w k detail"]:
    """Ridge regression of every block's detail, blocks with data alone."""
    x = _neighbourhood(anomaly)
    t, (h, w) = len(anomaly), anomaly.shape[1:]
    blocks = detail.view(t, h, SCALE, w, SCALE).permute(1, 3, 0, 2, 4).reshape(h, w, t, SCALE**2)
    some = mask.any(0)
    x, blocks = x[some], blocks[some]
    weighted = (x * weight[:, None]).transpose(1, 2)
    normal = weighted @ x + config.ridge * torch.eye(AROUND**2)
    slopes = torch.zeros(h, w, AROUND**2, SCALE**2)
    slopes[some] = config.shrink * torch.linalg.solve(normal, weighted @ blocks)
    return slopes


def _detail(anomaly: Float[Tensor, "n h w"], slopes: Tensor) -> Float[Tensor, "n fine_h fine_w"]:
    n, (h, w) = len(anomaly), anomaly.shape[1:]
    blocks = torch.einsum("hwnk,hwkd->nhwd", _neighbourhood(anomaly), slopes)
    fine = blocks.view(n, h, w, SCALE, SCALE).permute(0, 1, 3, 2, 4)
    return fine.reshape(n, h * SCALE, w * SCALE)


def _compose(coarse: Tensor, mask: Tensor, fine_mask: Tensor, log_factor: Tensor) -> Tensor:
    """The map of a bicubic base and the logarithm of what it is multiplied with."""
    base = upsample(coarse, mask, SCALE, "bicubic")
    fine = ((base + OFFSET) * log_factor.exp() - OFFSET).clamp(min=0)
    fine = scale_to_mean(torch.where(fine_mask, fine, 0), coarse, fine_mask, SCALE)
    return torch.where(fine_mask, fine, 0)


def plain(
    coarse: Float[Tensor, "t h w"],
    mask: Bool[Tensor, "t h w"],
    fine_mask: Bool[Tensor, "t fine_h fine_w"],
) -> Float[Tensor, "t fine_h fine_w"]:
    """The map without climatology: bicubic with exact block means, ug m-3."""
    return _compose(coarse, mask, fine_mask, torch.zeros(1, 1, 1, device=coarse.device))


def _spread(error: Tensor, mask: Tensor, month: Tensor) -> Float[Tensor, "12 fine_h fine_w"]:
    """Root mean square of the error by season of three months; of all where a season has none."""
    squares, count = torch.zeros(2, 12, *error.shape[1:])
    squares.index_add_(0, month, error**2)
    count.index_add_(0, month, mask.expand_as(error).to(error.dtype))
    squares, count = (z + z.roll(1, 0) + z.roll(-1, 0) for z in (squares, count))
    whole = squares.sum(0) / count.sum(0).clamp(min=1)
    mean = torch.where(count > 0, squares / count.clamp(min=1), whole)
    # Where the blocks of a cell have always been flat there is still rounding.
    return mean.sqrt().clamp(min=0.1)


def valid_blocks(mask: Bool[Tensor, "t fine_h fine_w"]) -> Bool[Tensor, "t h w"]:
    """Coarse cells that hold at least one valid fine cell."""
    return masked_block_mean(mask.float(), torch.ones_like(mask), SCALE) > 0
