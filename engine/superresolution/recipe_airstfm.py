"""AirSTFM: five coarse frames to one fine map with its standard deviation.

What the network adds to, and the planes that guide it, come from a climatology
(`engine.superresolution.networks.regression`): that of the dataset at hand, or one that lies with
the weights. Where there is none the network works without climatology: it adds to a bicubic map
with exact block means, as it learned to on part of its examples. Normalisation happens here: ug m-3
outside.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import xarray as xr
from torch import Tensor, nn

from engine.core.schema import Kind
from engine.core.task import Need, Task
from engine.superresolution.networks.airstfm import AirSTFM
from engine.superresolution.networks.regression import LocalRegression, Parts, plain
from engine.superresolution.networks.tiling import tiled
from engine.superresolution.recipe import frames_of, on_cells

HALF = 2  # frames before and after the one that is mapped
TASK = Task("super-resolution", (Need("grid", before=HALF, after=HALF),))

SEASONS = ("winter", "spring", "summer", "autumn")  # winter from December on

# Guidance planes that the regression gives, each brought to a size of about one.
CLIMATOLOGY_PLANES = ("log_ratio", "log_detail", "log_spread", "base")


def season(month: int) -> int:
    """Which of `SEASONS` a month from 1 to 12 belongs to."""
    return month % 12 // 3


def climatology_planes(parts: Parts, mean: float, std: float, mask: Tensor) -> Tensor:
    """Planes `CLIMATOLOGY_PLANES`, (n, 4, H, W), 0 where the fine mask (n, H, W) is False."""
    stacked = torch.stack(
        (
            3 * parts.log_ratio,
            5 * parts.log_detail,
            (parts.spread + 0.3).log(),
            (parts.map - mean) / std,
        ),
        1,
    )
    return torch.where(mask[:, None], stacked, 0)


def planes_without_climatology(base: Tensor, mean: float, std: float, mask: Tensor) -> Tensor:
    """The same planes without climatology: all 0 but the base (n, H, W)."""
    zero = torch.zeros_like(base)
    planes = torch.stack((zero, zero, zero, (base - mean) / std), 1)
    return torch.where(mask[:, None], planes, 0)


def static_planes(beside: Tensor, mask: Tensor) -> Tensor:
    """Static fields (k, H, W) beside maps of fine mask (n, H, W), (n, k, H, W)."""
    return torch.where(mask[:, None], beside, 0)


@dataclass(frozen=True)
class AirSTFMRecipe:
    """Recipe of one set of weights in one place.

    Attributes:
        mean: Of the training part, ug m-3.
        std: Of the training part, ug m-3.
        error_factor: Multiplies the network's error scale (calibration on the validation part).
        climatology: What the network corrects. None: it has none or, built without guidance,
            corrects its own bilinear map.
        static_fields: Static fields that guide too (k, H, W); None: it was built without.
        largest: Largest standard deviation in each of `SEASONS`, ug m-3, or one for all seasons;
            empty: no bound. The scale is the exponential of what the network gives, so that a
            place unlike any it learned from may get one beyond all errors that ever were.
        correct: Whether the map is the network's, and not its base map as it is.
        season_factors: What takes the place of the factor in each of `SEASONS`; empty: nothing.
        task: Five frames.
    """

    mean: float
    std: float
    error_factor: float
    climatology: LocalRegression | None = None
    static_fields: Tensor | None = None
    season_factors: tuple[float, ...] = ()
    largest: tuple[float, ...] = ()
    correct: bool = True
    task: Task = TASK

    def prepare(self, inputs: Mapping[Kind, xr.Dataset]) -> Mapping[str, Tensor]:
        """Coarse frames in ug m-3 and masks; 0 where there is no data."""
        return frames_of(inputs["grid"], self.task)

    def run(
        self, network: nn.Module, tensors: Mapping[str, Tensor], generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """Fine map and standard deviation in ug m-3. Nothing here is random."""
        if not isinstance(network, AirSTFM):
            raise TypeError(f"AirSTFM's recipe runs AirSTFM, not {type(network).__name__}")
        raw, mask, fine_mask = tensors["coarse"], tensors["mask"], tensors["fine_mask"]
        base, guide = None, None
        if network.config.guide > len(network.config.static_fields):
            base, guide = self._beside(tensors)
        if self.static_fields is not None:
            fixed = static_planes(self.static_fields.to(raw.device), fine_mask[0])[None]
            guide = fixed if guide is None else torch.cat((guide, fixed), 2)
        normal = torch.where(mask[:, :, None], (raw - self.mean) / self.std, 0)
        answer = tiled(
            network, normal, mask, fine_mask=fine_mask, base=base, guide=guide, frames=(HALF,)
        )
        # A concentration below 0 is no concentration; the network does not know that.
        predicted = answer.mean if self.correct or base is None else base
        result = {"prediction": (predicted[0, 0, 0] * self.std + self.mean).clamp(min=0)}
        if answer.log_scale is not None:
            scale = answer.log_scale[0, 0, 0].exp()
            now = season(int(tensors["month"][0, HALF]))
            factor = self.season_factors[now] if self.season_factors else self.error_factor
            result["uncertainty"] = scale * (self.std * factor)
            if self.largest:
                largest = self.largest[now % len(self.largest)]
                result["uncertainty"] = result["uncertainty"].clamp(max=largest)
        return result

    def restore(
        self, output: Mapping[str, Tensor], inputs: Mapping[Kind, xr.Dataset]
    ) -> xr.Dataset:
        """The fine map on the grid's cells, with the coarse map it came from."""
        return on_cells(output, inputs["grid"], self.task)

    def _beside(self, tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Base map (1, 1, 1, H, W) and guidance (1, 1, k, H, W) of the frame in the middle."""
        here = slice(HALF, HALF + 1)
        coarse, mask = tensors["coarse"][:, here], tensors["mask"][:, here]
        fine_mask = tensors["fine_mask"]
        if self.climatology is None:
            base = plain(coarse[0, :, 0], mask[0], fine_mask[0])
            guide = planes_without_climatology(base, self.mean, self.std, fine_mask[0])
            return ((base - self.mean) / self.std)[None, :, None], guide[None]
        parts = self.climatology.to(coarse.device).parts(
            coarse, mask, fine_mask=fine_mask, month=tensors["month"][:, here]
        )
        guide = climatology_planes(parts, self.mean, self.std, fine_mask[0])
        return ((parts.map - self.mean) / self.std)[None, :, None], guide[None]
