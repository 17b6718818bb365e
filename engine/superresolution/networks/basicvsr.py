"""BasicVSR and IconVSR: features carried backward and forward through the frames.

Source: Chan et al., CVPR 2021, arXiv:2012.02181; IconVSR's extractor of key frames is EDVR's.
Departures: a third up-stage for ×8, one plane in and out, masks
(`engine.superresolution.networks.video`); the flow network starts from zero flow, not from
pretrained weights.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from engine.superresolution.networks.edvr import EDVRExtractor
from engine.superresolution.networks.layers import ConvResidualBlocks, conv3, leaky, warp
from engine.superresolution.networks.video import (
    SMALL_FLOW,
    FlowConfig,
    VideoNetwork,
    around,
    neighbour_flows,
    padded_to,
)


@dataclass(frozen=True)
class BasicVSRConfig(FlowConfig):
    """BasicVSR as the AirSTFM paper counts it: 4 219 885 parameters."""

    blocks: int = 15
    """Residual blocks per direction; BasicVSR's own paper has 30."""


@dataclass(frozen=True)
class IconVSRConfig(BasicVSRConfig):
    """IconVSR at the same size: 6 622 413 parameters."""

    key_every: int = 5
    """Frames from one key frame to the next; the last frame is one too."""
    extractor_blocks: int = 5
    groups: int = 8
    """Groups of planes that deformable taps move together."""


BASIC_PAPER, ICON_PAPER = BasicVSRConfig(), IconVSRConfig()
BASIC_SMALL = BasicVSRConfig(
    channels=32,
    tail_channels=16,
    blocks=5,
    **SMALL_FLOW,
)
ICON_SMALL = IconVSRConfig(
    channels=32,
    tail_channels=16,
    blocks=4,
    extractor_blocks=2,
    groups=4,
    **SMALL_FLOW,
)


class BasicVSR(VideoNetwork):
    """Two passes along the flow, backward then forward, mixed for every frame."""

    config: BasicVSRConfig

    def __init__(self, config: BasicVSRConfig = BASIC_PAPER) -> None:
        super().__init__(config)
        c = config.channels
        self.spynet = config.spynet()
        self.backward_pass = ConvResidualBlocks(1 + config.mask_plane + c, c, config.blocks)
        self.forward_pass = ConvResidualBlocks(1 + config.mask_plane + c, c, config.blocks)
        self.fuse = nn.Conv2d(2 * c, c, 1)

    def decode(self, x: Tensor, valid: Tensor, wanted: tuple[int, ...]) -> Tensor:
        """As `VideoNetwork.decode`."""
        from_later, from_earlier = neighbour_flows(self.spynet, x, valid, self.config)
        last = x.shape[1] - 1
        # A pass is over once it has been through the frames wanted.
        backward = range(last, min(wanted) - 1, -1)
        later = carried(self.backward_pass, [x], from_later, backward, self.config.channels)
        forward = range(max(wanted) + 1)
        earlier = carried(self.forward_pass, [x], from_earlier, forward, self.config.channels)
        mixed = [leaky(self.fuse(torch.cat((later[i], earlier[i]), 1))) for i in wanted]
        return torch.stack(mixed, 1)


class IconVSR(VideoNetwork):
    """BasicVSR whose forward pass sees the backward one, refilled at key frames."""

    config: IconVSRConfig

    def __init__(self, config: IconVSRConfig = ICON_PAPER) -> None:
        super().__init__(config)
        c, planes = config.channels, 1 + config.mask_plane
        self.spynet = config.spynet()
        self.extractor = EDVRExtractor(
            planes, c, config.frames, config.extractor_blocks, config.groups, attention=True
        )
        self.backward_refill = conv3(2 * c, c)
        self.forward_refill = conv3(2 * c, c)
        self.backward_pass = ConvResidualBlocks(planes + c, c, config.blocks)
        self.forward_pass = ConvResidualBlocks(planes + 2 * c, c, config.blocks)

    def decode(self, x: Tensor, valid: Tensor, wanted: tuple[int, ...]) -> Tensor:
        """As `VideoNetwork.decode`."""
        t, (h, w) = x.shape[1], x.shape[-2:]
        from_later, from_earlier = neighbour_flows(self.spynet, x, valid, self.config)
        places = sorted({*range(0, t, self.config.key_every), t - 1})
        windows = torch.stack([x[:, around(i, t)] for i in places])
        drawn = self.extractor(padded_to(windows.flatten(0, 1), 4))[..., :h, :w]
        key = dict(zip(places, drawn.unflatten(0, windows.shape[:2]), strict=True))
        c = self.config.channels
        later = carried(
            self.backward_pass, [x], from_later, range(t - 1, -1, -1), c, key, self.backward_refill
        )
        seen = torch.stack([later[i] for i in range(t)], 1)
        earlier = carried(
            self.forward_pass,
            [x, seen],
            from_earlier,
            range(max(wanted) + 1),
            c,
            key,
            self.forward_refill,
        )
        return torch.stack([earlier[i] for i in wanted], 1)


def carried(
    blocks: nn.Module,
    inputs: list[Tensor],
    flows: Float[Tensor, "b s 2 h w"],
    order: Iterable[int],
    channels: int,
    key: dict[int, Tensor] | None = None,
    refill: nn.Module | None = None,
) -> dict[int, Tensor]:
    """Features of frames, each made from its inputs and the warped features of the one before.

    Args:
        blocks: What makes them.
        inputs: Planes (b, t, c, h, w) that every step sees of its frame.
        flows: From frame to frame; the flow between i and i + 1 is number i.
        order: Frames, one neighbour after the other.
        channels: Of the features.
        key: Features of key frames.
        refill: What mixes these in, after warping.

    Returns:
        Frame to features (b, channels, h, w).
    """
    b, _, _, h, w = inputs[0].shape
    state = inputs[0].new_zeros(b, channels, h, w)
    before: int | None = None
    made: dict[int, Tensor] = {}
    for i in order:
        if before is not None:
            state = warp(state, flows[:, min(i, before)])
        if key is not None and refill is not None and i in key:
            state = refill(torch.cat((state, key[i]), 1))
        state = blocks(torch.cat((*(z[:, i] for z in inputs), state), 1))
        made[i], before = state, i
    return made
