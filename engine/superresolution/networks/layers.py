"""Layers that the super-resolution networks share, and what each of them returns.

Every network takes normalised coarse frames `(batch, time, 1, h, w)` and gives a `FineMap`
of `(batch, time or 1, 1, 8h, 8w)` in the same normalisation.

Source: the ×8 variants of the public video super-resolution networks that the AirSTFM paper
compares with (Li et al., Atmosphere 2025, 16, 166, doi:10.3390/atmos16020166, Table 3).
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

SCALE = 8  # fine cells along the side of a coarse cell
SLOPE = 0.1  # of every leaky rectifier


class FineMap(NamedTuple):
    """What a super-resolution network gives, all in the normalisation of its input."""

    mean: Float[Tensor, "batch frame 1 fine_h fine_w"]
    """The prediction; 0 where a fine mask was given and is False."""
    log_scale: Float[Tensor, "batch frame 1 fine_h fine_w"] | None = None
    """Natural logarithm of the error's scale in normalised units, where the network has it."""
    pretext: Float[Tensor, "batch time 1 h w"] | None = None
    """The coarse frames as the pretext network rebuilds them from their own mean."""


def leaky(x: Tensor) -> Tensor:
    """Leaky rectifier of slope 0.1."""
    return functional.leaky_relu(x, SLOPE)


def conv3(channels_in: int, channels_out: int) -> nn.Conv2d:
    """A 3 × 3 convolution that keeps the map's size."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


def conv3_beside(channels: int, late: int, channels_out: int) -> nn.Conv2d:
    """`conv3` of `channels` and `late` planes, of which the late ones begin without a say.

    Without them it is the same convolution, drawn alike: what they add is 0 until it is learned.
    """
    with torch.random.fork_rng(devices=[]):
        wide = conv3(channels + late, channels_out)
    with torch.no_grad():
        wide.weight[:, channels:] = 0
        if channels:
            drawn = conv3(channels, channels_out)
            wide.weight[:, :channels] = drawn.weight
            wide.get_parameter("bias").copy_(drawn.get_parameter("bias"))
    return wide


class ResidualBlock(nn.Module):
    """`x + conv(relu(conv x))`, without norm; starts near the identity (Kaiming × 0.1)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv3(channels, channels)
        self.second = conv3(channels, channels)
        for conv in (self.first, self.second):
            nn.init.kaiming_normal_(conv.weight)
            conv.weight.data.mul_(0.1)
            nn.init.zeros_(conv.bias)  # type: ignore[arg-type]  # conv3 always has a bias

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Features of the same shape."""
        change: Tensor = self.second(functional.relu(self.first(x)))
        return x + change


def residual_blocks(channels: int, count: int) -> nn.Sequential:
    """`count` residual blocks in a row."""
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(count)))


class ConvResidualBlocks(nn.Sequential):
    """A convolution to `channels`, a leaky rectifier, `count` residual blocks."""

    def __init__(self, channels_in: int, channels: int, count: int) -> None:
        super().__init__(
            conv3(channels_in, channels), nn.LeakyReLU(SLOPE), residual_blocks(channels, count)
        )


class Tail(nn.Module):
    """From coarse features to fine planes: three ×2 pixel-shuffle stages, then a head.

    Args:
        channels: Of the coarse features.
        width: Channels after the second and third stage and inside the head.
        planes: Fine planes that come out.
        guide: Fine planes of guidance that enter after the stages (0: none).
        late: How many of these, the last ones, have no say until it is learned.
    """

    def __init__(
        self, channels: int, width: int = 64, planes: int = 1, guide: int = 0, late: int = 0
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            (
                conv3(channels, 4 * channels),
                conv3(channels, 4 * width),
                conv3(width, 4 * width),
            )
        )
        self.guide = (
            nn.Sequential(
                conv3_beside(guide - late, late, 16), nn.LeakyReLU(SLOPE), conv3(16, width)
            )
            if guide
            else None
        )
        self.head = conv3(width, width)
        self.last = conv3(width, planes)

    def forward(
        self,
        features: Float[Tensor, "n c h w"],
        guide: Float[Tensor, "n k fine_h fine_w"] | None = None,
    ) -> Float[Tensor, "n planes fine_h fine_w"]:
        """Fine planes of eight times the height and width."""
        x = features
        for stage in self.stages:
            x = leaky(functional.pixel_shuffle(stage(x), 2))
        x = self.head(x)
        if self.guide is not None and guide is not None:
            x = x + self.guide(guide)
        planes: Tensor = self.last(leaky(x))
        return planes


def upsample_bilinear(x: Float[Tensor, "*lead h w"]) -> Float[Tensor, "*lead fine_h fine_w"]:
    """The map at eight times the height and width, bilinear between cell centres."""
    planes = x.reshape(-1, 1, *x.shape[-2:])
    fine = functional.interpolate(planes, scale_factor=SCALE, mode="bilinear")
    return fine.reshape(*x.shape[:-2], *fine.shape[-2:])


def warp(
    x: Float[Tensor, "n c h w"],
    flow: Float[Tensor, "n 2 h w"],
    padding: Literal["zeros", "border"] = "zeros",
) -> Float[Tensor, "n c h w"]:
    """`x` sampled, bilinear, at (column + flow[0], row + flow[1]).

    Args:
        x: Planes.
        flow: Displacement in cells, columns (east) first, then rows (south).
        padding: What lies outside the map.
    """
    height, width = x.shape[-2:]
    # In half precision, places on a map of 200 cells would be off by half a cell.
    exact = torch.promote_types(x.dtype, torch.float32)
    flow = flow.to(exact)
    rows = torch.arange(height, device=x.device, dtype=exact)[:, None]
    columns = torch.arange(width, device=x.device, dtype=exact)
    # Cell 0 is −1 and the last cell is 1; a map one cell wide has no extent to normalise by.
    along = 2 * (columns + flow[:, 0]) / max(width - 1, 1) - 1  # (n, h, w)
    down = 2 * (rows + flow[:, 1]) / max(height - 1, 1) - 1
    grid = torch.stack((along, down), dim=-1)
    seen = functional.grid_sample(x.to(exact), grid, padding_mode=padding, align_corners=True)
    return seen.to(x.dtype)


def expand_mask(
    mask: Bool[Tensor, "b #t h w"] | None, frames: Float[Tensor, "b t 1 h w"]
) -> Bool[Tensor, "b t h w"]:
    """The mask for every frame; all True where none was given."""
    if mask is None:
        return torch.ones_like(frames[:, :, 0], dtype=torch.bool)
    return mask.expand(-1, frames.shape[1], -1, -1)
