"""MANA: the middle frame attends to all places of all frames, and to a memory of its training.

Source: Yu et al., CVPR 2022, arXiv:2108.11048. Departures: a third up-stage for ×8, one plane in
and out, masks (`engine.superresolution.networks.video`), five frames; the distances between all
cells, 81 million stored numbers on a 100 × 90 map and most of the "parameters" of MANA in Li et al.
2025 (Table 3), are computed where they are needed. Trained in one stage, not in the paper's three.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from engine.superresolution.networks.layers import conv3, leaky, residual_blocks
from engine.superresolution.networks.video import VideoConfig, VideoNetwork, around

SCORES = 2**20  # scores held at once: 4 MiB, which a processor's cache holds


@dataclass(frozen=True)
class MANAConfig(VideoConfig):
    """MANA at 32 channels: 1 137 714 parameters, without the distances."""

    channels: int = 32
    extractor_blocks: int = 5
    blocks: int = 40
    """Residual blocks after attention."""
    slots: int = 256
    """Of the memory."""
    reach: float = 4.0
    """Scale of the distance weight at the start, in coarse cells; learned from there."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            ValueError: With the value and what to choose instead.
        """
        super().__post_init__()
        if self.channels % 2:
            raise ValueError(f"channels={self.channels}; choose an even number")


PAPER = MANAConfig()
SMALL = MANAConfig(tail_channels=16, extractor_blocks=3, blocks=8)


class CrossFrameAttention(nn.Module):
    """Every cell of the middle frame looks for its like in each frame, nearby ones above all."""

    def __init__(self, channels: int, frames: int, reach: float) -> None:
        super().__init__()
        half = channels // 2
        self.norm = nn.GroupNorm(min(32, channels), channels)
        self.theta = nn.Conv2d(channels, half, 1)
        self.phi = nn.Conv2d(channels, half, 1)
        self.value = nn.Conv2d(channels, half, 1)
        self.reach = nn.Parameter(torch.tensor(float(reach)))
        self.out = nn.Conv2d(frames * half, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.get_parameter("bias"))

    def forward(
        self, frames: Float[Tensor, "b t c h w"], valid: Bool[Tensor, "b t h w"]
    ) -> tuple[Float[Tensor, "b c h w"], Float[Tensor, "b half h w"]]:
        """What to add to the middle frame's features, and its query for the memory."""
        b, t, _, h, w = frames.shape
        normal = self.norm(frames.flatten(0, 1))
        keys = self.theta(normal).view(b, t, -1, h * w)
        values = self.value(normal).view(b, t, -1, h * w)
        query = self.phi(normal.view(frames.shape)[:, t // 2])
        queries = query.flatten(2).mT  # (b, cells, half)
        step = max(1, SCORES // (b * h * w))
        looks = []
        for i in range(t):
            invalid = ~valid[:, i].flatten(1)
            parts = [
                self._look(queries[:, at : at + step], keys[:, i], values[:, i], invalid, at, w)
                for at in range(0, h * w, step)
            ]
            looks.append(torch.cat(parts, 1).mT.reshape(b, -1, h, w))
        added: Tensor = self.out(torch.cat(looks, 1))
        return added, query

    def _look(self, *given: Tensor | int) -> Tensor:
        """Scores are computed again going backward, not kept."""
        if torch.is_grad_enabled():
            kept: Tensor = checkpoint(self._attend, *given, use_reentrant=False)
            return kept
        return self._attend(*given)  # type: ignore[arg-type]

    def _attend(
        self, queries: Tensor, keys: Tensor, values: Tensor, invalid: Tensor, first: int, width: int
    ) -> Tensor:
        """(b, queries, half): similarity over the whole frame, then weighted by nearness."""
        scores = queries @ keys  # (b, queries, cells)
        # A frame without any data answers with zeros below, not with NaN here.
        scores = scores.masked_fill(invalid[:, None], torch.finfo(scores.dtype).min)
        near = distance_weights(first, queries.shape[1], invalid.shape[1], width, self.reach)
        weights = scores.softmax(-1) * near
        return weights @ (values * ~invalid[:, None]).mT


def distance_weights(
    first: int, count: int, cells: int, width: int, reach: Float[Tensor, ""]
) -> Float[Tensor, "count cells"]:
    """exp(−d²/2s²) between some cells of a map and all, from their rows and columns."""
    some = torch.arange(first, first + count, device=reach.device)
    rows = torch.arange(cells // width, device=reach.device)
    columns = torch.arange(width, device=reach.device)
    # The weight of two cells is that of their rows times that of their columns.
    down = torch.exp(-((some[:, None] // width - rows) ** 2) / (2 * reach**2))
    across = torch.exp(-((some[:, None] % width - columns) ** 2) / (2 * reach**2))
    return (down[:, :, None] * across[:, None]).flatten(1)


class Memory(nn.Module):
    """Slots learned over all training; a cell reads the ones that resemble it."""

    def __init__(self, channels: int, slots: int) -> None:
        super().__init__()
        half = channels // 2
        self.slots = nn.Parameter(torch.randn(slots, half) / math.sqrt(half))
        self.out = nn.Conv2d(half, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.get_parameter("bias"))

    def forward(self, query: Float[Tensor, "b half h w"]) -> Float[Tensor, "b c h w"]:
        """What to add to the features whose query this is."""
        b, half, h, w = query.shape
        scores = query.flatten(2).mT @ self.slots.T / math.sqrt(half)
        read = (scores.softmax(-1) @ self.slots).mT.reshape(b, half, h, w)
        added: Tensor = self.out(read)
        return added


class MANA(VideoNetwork):
    """The network; each frame wanted is the middle of a window of its own."""

    config: MANAConfig

    def __init__(self, config: MANAConfig = PAPER) -> None:
        super().__init__(config)
        c = config.channels
        self.first = conv3(1 + config.mask_plane, c)
        self.extraction = residual_blocks(c, config.extractor_blocks)
        self.attention = CrossFrameAttention(c, config.frames, config.reach)
        self.memory = Memory(c, config.slots)
        self.reconstruction = residual_blocks(c, config.blocks)

    def decode(self, x: Tensor, valid: Tensor, wanted: tuple[int, ...]) -> Tensor:
        """As `VideoNetwork.decode`."""
        b, t = x.shape[:2]
        features: Tensor = self.extraction(leaky(self.first(x.flatten(0, 1))))
        frames = features.view(b, t, *features.shape[1:])
        decoded = []
        for i in wanted:
            window = around(i, t)
            added, query = self.attention(frames[:, window], valid[:, window])
            decoded.append(self.reconstruction(frames[:, i] + added + self.memory(query)))
        return torch.stack(decoded, 1)
