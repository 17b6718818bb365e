"""SPyNet: optical flow from coarse to fine, as far as PM2.5 maps need it.

Source: Ranjan & Black 2017, doi:10.1109/CVPR.2017.291, in the form that video
super-resolution uses it (six levels, 7 × 7 convolutions, no batch norm). Departures: the one
plane is repeated to three and is not normalised by ImageNet's statistics; no pretrained
weights, so the last convolution of each level starts at zero, which starts the flow at zero.
"""

import itertools

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from engine.superresolution.networks.layers import warp
from engine.superresolution.networks.masking import fill_nearest


class FlowLevel(nn.Sequential):
    """One level: (reference, warped support, flow) to a correction of the flow, in cells."""

    def __init__(self, planes: int, widths: tuple[int, ...], kernel: int) -> None:
        sizes = (2 * planes + 2, *widths, 2)
        convs = [
            nn.Conv2d(before, after, kernel, padding=kernel // 2)
            for before, after in itertools.pairwise(sizes)
        ]
        layers: list[nn.Module] = []
        for conv in convs:
            layers += [conv, nn.ReLU()]
        super().__init__(*layers[:-1])
        nn.init.zeros_(convs[-1].weight)
        if convs[-1].bias is not None:
            nn.init.zeros_(convs[-1].bias)


class SPyNet(nn.Module):
    """Displacement that warps one map onto another.

    Args:
        levels: Of the pyramid; maps are resized to multiples of 2^(levels − 1).
        planes: How often the single plane is repeated; 3 keeps the published count.
        widths: Channels between the convolutions of a level.
        kernel: Side of the convolutions.

    With the defaults 1 440 300 parameters, with one plane 1 402 668.
    """

    def __init__(
        self,
        levels: int = 6,
        planes: int = 3,
        widths: tuple[int, ...] = (32, 64, 32, 16),
        kernel: int = 7,
    ) -> None:
        super().__init__()
        self.planes = planes
        self.levels = nn.ModuleList(FlowLevel(planes, widths, kernel) for _ in range(levels))

    def forward(
        self, reference: Float[Tensor, "n 1 h w"], support: Float[Tensor, "n 1 h w"]
    ) -> Float[Tensor, "n 2 h w"]:
        """Flow in cells (columns, rows) such that `warp(support, flow)` resembles `reference`.

        Args:
            reference: Maps scaled to about [0, 1], without gaps.
            support: Likewise.
        """
        height, width = reference.shape[-2:]
        multiple = 2 ** (len(self.levels) - 1)
        size = (-(-height // multiple) * multiple, -(-width // multiple) * multiple)
        pyramids = [_pyramid(_resize(z, size), len(self.levels)) for z in (reference, support)]
        flow = torch.zeros_like(pyramids[0][0]).repeat(1, 2, 1, 1)
        for level, ref, sup in zip(self.levels, *pyramids, strict=True):
            if flow.shape[-2:] != ref.shape[-2:]:
                flow = 2 * functional.interpolate(
                    flow, scale_factor=2, mode="bilinear", align_corners=True
                )
            warped = warp(sup, flow, "border")
            inputs = (ref.repeat(1, self.planes, 1, 1), warped.repeat(1, self.planes, 1, 1), flow)
            flow = flow + level(torch.cat(inputs, 1))
        ratio = flow.new_tensor([width / size[1], height / size[0]])[:, None, None]
        return _resize(flow, (height, width)) * ratio


def flow_frames(
    x: Float[Tensor, "b t 1 h w"],
    valid: Bool[Tensor, "b t h w"],
    mean: float,
    std: float,
    ceiling: float,
) -> Float[Tensor, "b t 1 h w"]:
    """Normalised frames as the flow network sees them: absolute, without gaps, in [0, 1].

    Gaps are filled from the nearest cell, so that the edge of the data does not act as motion.
    Mean, standard deviation and ceiling are in ug m-3.
    """
    filled = fill_nearest(x[:, :, 0].flatten(0, 1), valid.flatten(0, 1))
    scaled = ((filled * std + mean) / ceiling).clamp(0, 1)
    return scaled.view(x.shape)


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    if x.shape[-2:] == size:
        return x
    return functional.interpolate(x, size=size, mode="bilinear")


def _pyramid(x: Tensor, levels: int) -> list[Tensor]:
    """Halved again and again, smallest first."""
    maps = [x]
    for _ in range(levels - 1):
        maps.insert(0, functional.avg_pool2d(maps[0], 2))
    return maps
