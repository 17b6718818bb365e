"""Urban-FM: one coarse map, and how each cell's total is shared out among its fine cells.

Source: Liang et al., KDD 2019, doi:10.1145/3292500.3330646 (urban flows). Departures: a coarse
cell holds a mean and not a sum, so the total shared out is mean × valid fine cells; shares come
from a softplus, not a rectifier, so that no block is dead; fine cells without data get none; the
branch for weather and calendar is left out; three ×2 stages.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from engine.superresolution.networks.layers import SCALE, FineMap, expand_mask
from engine.superresolution.networks.masking import masked_block_mean, repeat_cells
from engine.superresolution.networks.video import VideoConfig, requested_frames

TINY_SHARE = 1e-5  # keeps a block of zero shares from dividing by zero
STAGES = 3


@dataclass(frozen=True)
class UrbanFMConfig(VideoConfig):
    """Urban-FM: 6 673 665 parameters. Block means are exact by construction."""

    frames: int = 1
    channels: int = 128
    blocks: int = 16


PAPER = UrbanFMConfig()
SMALL = UrbanFMConfig(channels=32, blocks=4)


class NormBlock(nn.Module):
    """`x + norm(conv(relu(norm(conv x))))`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            *normed(channels, channels), nn.ReLU(), *normed(channels, channels)
        )

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Features of the same shape."""
        change: Tensor = self.change(x)
        return x + change


class UrbanFM(nn.Module):
    """The network; frames are mapped one by one."""

    def __init__(self, config: UrbanFMConfig = PAPER) -> None:
        super().__init__()
        self.config = config
        c = config.channels
        self.first = nn.Conv2d(1 + config.mask_plane, c, 9, padding=4)
        self.blocks = nn.Sequential(*(NormBlock(c) for _ in range(config.blocks)))
        self.join = nn.Sequential(*normed(c, c))
        stages: list[nn.Module] = []
        for _ in range(STAGES):
            stages += [*normed(c, 4 * c), nn.PixelShuffle(2), nn.ReLU()]
        self.stages = nn.Sequential(*stages)
        self.last = nn.Conv2d(c, 1, 9, padding=4)

    def forward(
        self,
        coarse: Float[Tensor, "b t 1 h w"],
        mask: Bool[Tensor, "b #t h w"] | None = None,
        *,
        fine_mask: Bool[Tensor, "b #f fine_h fine_w"] | None = None,
        base: Float[Tensor, "b f 1 fine_h fine_w"] | None = None,
        guide: Float[Tensor, "b #f k fine_h fine_w"] | None = None,
        frames: Sequence[int] | None = None,
    ) -> FineMap:
        """The fine map of each frame requested, never below zero in ug m-3.

        Args:
            coarse: Normalised coarse frames; any finite value where the mask is False.
            mask: True where a coarse cell holds data; None: all do.
            fine_mask: True where a fine cell holds data. The output is 0 elsewhere.
            base: Normalised fine maps whose cells the learned shares multiply; None: flat ones.
                Values below zero in ug m-3 count as zero.
            guide: None; this network takes no guidance.
            frames: Which of the frames to decode, in this order; None: all.

        Raises:
            ValueError: If a frame requested does not exist, or guidance is given.
        """
        if guide is not None:
            raise ValueError("guidance given; this network takes none")
        wanted = list(requested_frames(coarse.shape[1], frames))
        valid = expand_mask(mask, coarse)[:, wanted]
        x = torch.where(valid[:, :, None], coarse[:, wanted], 0)
        b, f = x.shape[:2]
        planes = torch.cat((x, valid[:, :, None].to(x)), 2) if self.config.mask_plane else x
        features = functional.relu(self.first(planes.flatten(0, 1)))
        features = features + self.join(self.blocks(features))
        shares = functional.softplus(self.last(self.stages(features)))
        open_cells = repeat_cells(valid)
        if fine_mask is not None:
            open_cells = open_cells & fine_mask
        shares = shares.view(b, f, 1, *open_cells.shape[-2:]).float()
        if base is not None:
            shares = shares * (base * self.config.std + self.config.mean).clamp(min=0)
        fine = self._share_out(shares, x, open_cells)
        return FineMap(fine if fine_mask is None else torch.where(open_cells[:, :, None], fine, 0))

    def _share_out(self, shares: Tensor, x: Tensor, open_cells: Tensor) -> Tensor:
        """The block's mean times a cell's share over the mean share of its open cells."""
        mean, std = self.config.mean, self.config.std
        level = masked_block_mean(shares, open_cells[:, :, None], SCALE)
        weight = shares / (repeat_cells(level) + TINY_SHARE / SCALE**2)
        absolute = repeat_cells((x.float() * std + mean).clamp(min=0))
        return (absolute * weight - mean) / std


def normed(channels_in: int, channels: int) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    """A 3 × 3 convolution and its norm over the batch."""
    return nn.Conv2d(channels_in, channels, 3, padding=1), nn.BatchNorm2d(channels)
