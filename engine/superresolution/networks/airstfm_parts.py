"""Parts of AirSTFM: position code, pretext network, feed-forward networks.

Source: Li et al., Atmosphere 2025, 16, 166, doi:10.3390/atmos16020166.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from engine.superresolution.networks.layers import SLOPE, ConvResidualBlocks, conv3, leaky
from engine.superresolution.networks.masking import masked_block_mean


def position_code(channels: int, t: int, h: int, w: int) -> Float[Tensor, "t {channels} h w"]:
    """Fixed sinusoids of day, row and column.

    Each axis has the same even number of planes (sine, then cosine, of wavelengths up to
    10000); day, row and column follow one another and the surplus at the end is cut. The paper
    says only that there is a 3-D position encoding.
    """
    each = 2 * math.ceil(channels / 6)
    rate = 10000.0 ** (-torch.arange(0, each, 2) / each)
    angles = [torch.arange(n)[:, None] * rate for n in (t, h, w)]
    day, row, column = (torch.cat((a.sin(), a.cos()), 1) for a in angles)  # (n, each)
    planes = (
        day[:, :, None, None].expand(t, each, h, w),
        row.T[None, :, :, None].expand(t, each, h, w),
        column.T[None, :, None, :].expand(t, each, h, w),
    )
    return torch.cat(planes, 1)[:, :channels]


class TimeConv(nn.Conv3d):
    """A 3 × 3 × 3 convolution over (day, row, column) of frames (b, t, c, h, w).

    Computed as one 2-D convolution of three days side by side: the same sums, and several
    times faster on a processor, where 3-D convolutions have no fast path.
    """

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__(channels_in, channels, 3, padding=1)

    def forward(self, frames: Float[Tensor, "b t c h w"]) -> Float[Tensor, "b t d h w"]:
        """Frames of the layer's channels; outside the days and the map lies 0."""
        b, t, c, h, w = frames.shape
        if t == 1:  # the days before and after are padding
            planes, kernel = frames[:, 0], self.weight[:, :, 1]
        else:
            padded = functional.pad(frames, (0, 0, 0, 0, 0, 0, 1, 1))
            days = torch.cat([padded[:, i : i + t] for i in range(3)], 2)  # (b, t, 3c, h, w)
            planes, kernel = (
                days.view(b * t, 3 * c, h, w),
                self.weight.transpose(1, 2).flatten(1, 2),
            )
        out = functional.conv2d(planes, kernel, self.bias, padding=1)
        return out.view(b, t, *out.shape[1:])


class PretextNet(nn.Module):
    """Rebuilds the frames from their mean over time and 2 × 2 cells; its features help.

    The input is a function of the network's own input, so nothing leaks.
    """

    def __init__(self, channels: int, frames: int, depth: int) -> None:
        super().__init__()
        self.frames = frames
        self.first = TimeConv(1, channels)
        self.before = nn.ModuleList(TimeConv(channels, channels) for _ in range(depth))
        self.spread = nn.Conv3d(channels, channels * frames, 1)
        self.up = conv3(channels, 4 * channels)
        self.after = nn.ModuleList(TimeConv(channels, channels) for _ in range(depth))
        self.last = TimeConv(channels, 1)

    def forward(
        self, coarse: Float[Tensor, "b t 1 h w"], mask: Bool[Tensor, "b t h w"]
    ) -> tuple[Float[Tensor, "b t c h w"], Float[Tensor, "b t 1 h w"]]:
        """Features of every frame, and the frames rebuilt."""
        h, w = coarse.shape[-2:]
        # The mean over days and 2 × 2 cells counts valid cells only.
        days, count = torch.where(mask, coarse[:, :, 0], 0).sum(1), mask.sum(1)
        share = masked_block_mean(count.to(coarse.dtype), torch.ones_like(mask[:, 0]), 2)
        total = masked_block_mean(days, torch.ones_like(mask[:, 0]), 2)
        x = torch.where(share > 0, total / share.clamp(min=1e-6), 0)[:, None, None]
        x = leaky(self.first(x))
        for conv in self.before:
            x = leaky(conv(x))
        x = self.spread(x.transpose(1, 2))[:, :, 0]  # (b, c · t, h/2, w/2)
        b, c, t = len(x), x.shape[1] // self.frames, self.frames
        x = x.view(b, c, t, *x.shape[2:]).transpose(1, 2).flatten(0, 1)
        x = leaky(functional.pixel_shuffle(self.up(x), 2))[..., :h, :w]
        x = x.reshape(b, t, c, h, w)
        for conv in self.after:
            x = leaky(conv(x))
        return x, self.last(x)


class FlowFeedForward(nn.Module):
    """Brings the neighbours' features to a day along the optical flow, and mixes them in."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.backward_blocks = ConvResidualBlocks(channels + 1, channels, blocks)
        self.forward_blocks = ConvResidualBlocks(channels + 1, channels, blocks)
        self.mix = conv3(2 * channels, channels)

    def forward(
        self,
        here: Float[Tensor, "n c h w"],
        after: Float[Tensor, "n c h w"],
        before: Float[Tensor, "n c h w"],
        frame: Float[Tensor, "n 1 h w"],
    ) -> Float[Tensor, "n c h w"]:
        """`here` plus what the warped features of the day after and before add (eqs. 5-6)."""
        later = self.backward_blocks(torch.cat((frame, after), 1))
        earlier = self.forward_blocks(torch.cat((frame, before), 1))
        return leaky(here + self.mix(torch.cat((later, earlier), 1)))


class PointwiseFeedForward(nn.Sequential):
    """The fully connected feed-forward of an ordinary transformer, for each cell alone."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.Conv2d(channels, 4 * channels, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(4 * channels, channels, 1),
        )
