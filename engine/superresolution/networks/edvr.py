"""EDVR: neighbours aligned by deformable convolution, fused by attention, for the middle frame.

Source: Wang et al., CVPRW 2019, arXiv:1905.02716, the moderate size. Departures: a third
up-stage for ×8, one plane in and out, masks (`engine.superresolution.networks.video`); a frame that
is not the middle of its window sees the window mirrored.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from engine.superresolution.networks.deformable import PyramidAlignment, doubled
from engine.superresolution.networks.layers import SLOPE, conv3, leaky, residual_blocks
from engine.superresolution.networks.video import VideoConfig, VideoNetwork, around, padded_to


@dataclass(frozen=True)
class EDVRConfig(VideoConfig):
    """EDVR-M: 3 445 537 parameters, 3 141 665 without attention."""

    extractor_blocks: int = 5
    blocks: int = 10
    """Residual blocks after fusion."""
    groups: int = 8
    """Groups of planes that deformable taps move together."""
    attention: bool = True
    """Fuse frames by temporal and spatial attention (TSA); off: by one convolution."""


PAPER = EDVRConfig()
SMALL = EDVRConfig(channels=32, tail_channels=16, extractor_blocks=2, blocks=5, groups=4)


class EDVR(VideoNetwork):
    """The network; each frame wanted is the middle of a window of its own."""

    config: EDVRConfig

    def __init__(self, config: EDVRConfig = PAPER) -> None:
        super().__init__(config)
        self.extractor = EDVRExtractor(
            1 + config.mask_plane,
            config.channels,
            config.frames,
            config.extractor_blocks,
            config.groups,
            attention=config.attention,
        )
        self.reconstruction = residual_blocks(config.channels, config.blocks)

    def decode(self, x: Tensor, valid: Tensor, wanted: tuple[int, ...]) -> Tensor:
        """As `VideoNetwork.decode`."""
        t, (h, w) = x.shape[1], x.shape[-2:]
        fused = [self.extractor(padded_to(x[:, around(i, t)], 4))[..., :h, :w] for i in wanted]
        return torch.stack([self.reconstruction(z) for z in fused], 1)


class EDVRExtractor(nn.Module):
    """Features of the middle frame, from all frames; sides must be multiples of 4."""

    def __init__(
        self, planes: int, channels: int, frames: int, blocks: int, groups: int, *, attention: bool
    ) -> None:
        super().__init__()
        self.first = conv3(planes, channels)
        self.blocks = residual_blocks(channels, blocks)
        self.halves = nn.ModuleList(_halving(channels) for _ in range(2))
        self.align = PyramidAlignment(channels, groups)
        self.attention = TemporalSpatialAttention(channels, frames) if attention else None
        self.fuse = nn.Conv2d(frames * channels, channels, 1)

    def forward(self, x: Float[Tensor, "b t planes h w"]) -> Float[Tensor, "b c h w"]:
        """Features of frame t // 2."""
        b, t = x.shape[:2]
        levels = [self.blocks(leaky(self.first(x.flatten(0, 1))))]
        for half in self.halves:
            levels.append(half(levels[-1]))
        frames = [z.view(b, t, *z.shape[1:]) for z in levels]
        # All frames at once: they share weights, and a processor likes few large calls.
        middle = [z[:, t // 2 : t // 2 + 1].expand_as(z).flatten(0, 1) for z in frames]
        aligned = self.align(levels, middle).view(frames[0].shape)
        if self.attention is not None:
            aligned = self.attention.weighted(aligned)
        joined = aligned.flatten(1, 2)
        if self.attention is None:
            plain: Tensor = self.fuse(joined)
            return plain
        refined: Tensor = self.attention(leaky(self.fuse(joined)), joined)
        return refined


class TemporalSpatialAttention(nn.Module):
    """How much each frame resembles the middle one, then where in the map to look (TSA)."""

    def __init__(self, channels: int, frames: int) -> None:
        super().__init__()
        c = channels
        self.middle = conv3(c, c)
        self.every = conv3(c, c)
        self.first = nn.Conv2d(frames * c, c, 1)
        self.pooled = nn.Conv2d(2 * c, c, 1)
        self.inner = nn.Conv2d(c, c, 1)
        self.inner_pooled = conv3(2 * c, c)
        self.inner_last = conv3(c, c)
        self.outer = conv3(c, c)
        self.mix = nn.Conv2d(c, c, 1)
        self.scale = conv3(c, c)
        self.shift = nn.Sequential(nn.Conv2d(c, c, 1), nn.LeakyReLU(SLOPE), nn.Conv2d(c, c, 1))

    def weighted(self, aligned: Float[Tensor, "b t c h w"]) -> Float[Tensor, "b t c h w"]:
        """Every frame times its resemblance, cell by cell, to the middle one."""
        middle = self.middle(aligned[:, aligned.shape[1] // 2])[:, None]
        every = self.every(aligned.flatten(0, 1)).view(aligned.shape)
        alike: Tensor = (every * middle).sum(2, keepdim=True).sigmoid()  # (b, t, 1, h, w)
        return aligned * alike

    def forward(
        self, fused: Float[Tensor, "b c h w"], joined: Float[Tensor, "b tc h w"]
    ) -> Float[Tensor, "b c h w"]:
        """Fused features, weighted and shifted by what a pyramid of the frames says."""
        half = leaky(self.pooled(_pooled(leaky(self.first(joined)))))
        quarter = leaky(self.inner_pooled(_pooled(leaky(self.inner(half)))))
        quarter = doubled(leaky(self.inner_last(quarter)))
        half = leaky(self.mix(leaky(self.outer(half)) + quarter))
        weight: Tensor = self.scale(doubled(half))
        shift: Tensor = self.shift(weight)
        # Doubled, so that a weight of 1/2 leaves the features as they are.
        return fused * weight.sigmoid() * 2 + shift


def _pooled(x: Tensor) -> Tensor:
    """Largest and mean value around every second cell, one after the other."""
    return torch.cat((functional.max_pool2d(x, 3, 2, 1), functional.avg_pool2d(x, 3, 2, 1)), 1)


def _halving(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, stride=2, padding=1),
        nn.LeakyReLU(SLOPE),
        conv3(channels, channels),
        nn.LeakyReLU(SLOPE),
    )
