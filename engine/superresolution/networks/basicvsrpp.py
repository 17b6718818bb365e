"""BasicVSR++: four passes over the frames, each aligned over two frames by flow and deformation.

Source: Chan et al., CVPR 2022, arXiv:2104.13371. Departures: a third up-stage for ×8, one plane in
and out, masks (`engine.superresolution.networks.video`); the flow network starts from zero flow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from engine.superresolution.networks.deformable import TAPS, DeformableConv
from engine.superresolution.networks.layers import SLOPE, ConvResidualBlocks, conv3, warp
from engine.superresolution.networks.video import (
    SMALL_FLOW,
    FlowConfig,
    VideoNetwork,
    neighbour_flows,
)

PASSES = 4  # backward, forward, backward, forward
REACH = 10.0  # cells a tap may move away from where the flow points


@dataclass(frozen=True)
class BasicVSRppConfig(FlowConfig):
    """BasicVSR++ as the AirSTFM paper counts it: 7 468 333 parameters."""

    extractor_blocks: int = 5
    blocks: int = 7
    """Residual blocks per pass."""
    reconstruction_blocks: int = 5
    groups: int = 16
    """Groups of planes that deformable taps move together; half for each of two frames."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            ValueError: With the value and what to choose instead.
        """
        super().__post_init__()
        if self.groups % 2 or (2 * self.channels) % self.groups:
            raise ValueError(
                f"groups={self.groups}; choose an even number that divides {2 * self.channels}"
            )


PAPER = BasicVSRppConfig()
SMALL = BasicVSRppConfig(
    channels=24,
    tail_channels=16,
    extractor_blocks=2,
    blocks=2,
    reconstruction_blocks=2,
    groups=8,
    **SMALL_FLOW,
)


class SecondOrderAlignment(nn.Module):
    """The states of one and two frames before, brought to here around where the flows point."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        c = channels
        self.moves = nn.Sequential(
            conv3(3 * c + 4, c),
            nn.LeakyReLU(SLOPE),
            conv3(c, c),
            nn.LeakyReLU(SLOPE),
            conv3(c, c),
            nn.LeakyReLU(SLOPE),
        )
        self.last = conv3(c, 3 * TAPS * groups)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.get_parameter("bias"))
        self.conv = DeformableConv(2 * c, c)

    def forward(
        self,
        here: Float[Tensor, "b c h w"],
        states: tuple[Float[Tensor, "b c h w"], Float[Tensor, "b c h w"]],
        flows: tuple[Float[Tensor, "b 2 h w"], Float[Tensor, "b 2 h w"]],
    ) -> Float[Tensor, "b c h w"]:
        """Aligned state.

        Args:
            here: Features of this frame.
            states: Of one frame before, and of two; not yet warped.
            flows: From here to one frame before, and to two.
        """
        one, two = (warp(state, flow) for state, flow in zip(states, flows, strict=True))
        moves = self.last(self.moves(torch.cat((one, here, two, *flows), 1)))
        first, second, strength = moves.chunk(3, 1)
        around = REACH * torch.cat((first, second), 1).tanh()
        # Half of the groups hold the planes of each state. Taps want rows first, flows columns.
        each = around.shape[1] // 4
        centre = torch.cat([flow.flip(1).repeat(1, each, 1, 1) for flow in flows], 1)
        aligned: Tensor = self.conv(torch.cat(states, 1), around + centre, strength.sigmoid())
        return aligned


class BasicVSRpp(VideoNetwork):
    """Every pass sees the features of a frame and what earlier passes made of it."""

    config: BasicVSRppConfig

    def __init__(self, config: BasicVSRppConfig = PAPER) -> None:
        super().__init__(config)
        c = config.channels
        self.spynet = config.spynet()
        self.extraction = ConvResidualBlocks(1 + config.mask_plane, c, config.extractor_blocks)
        self.alignments = nn.ModuleList(
            SecondOrderAlignment(c, config.groups) for _ in range(PASSES)
        )
        self.passes = nn.ModuleList(
            ConvResidualBlocks((2 + i) * c, c, config.blocks) for i in range(PASSES)
        )
        self.reconstruction = ConvResidualBlocks((1 + PASSES) * c, c, config.reconstruction_blocks)

    def decode(self, x: Tensor, valid: Tensor, wanted: tuple[int, ...]) -> Tensor:
        """As `VideoNetwork.decode`."""
        b, t = x.shape[:2]
        features = self.extraction(x.flatten(0, 1)).view(b, t, -1, *x.shape[-2:])
        from_later, from_earlier = neighbour_flows(self.spynet, x, valid, self.config)
        seen = [features.unbind(1)]
        for number in range(PASSES):
            backward = number % 2 == 0
            order = range(t - 1, -1, -1) if backward else range(t)
            if number == PASSES - 1:
                order = range(max(wanted) + 1)
            flows = from_later if backward else from_earlier
            made = self._carried(number, seen, flows.unbind(1), order)
            seen.append(tuple(made.get(i, features[:, i]) for i in range(t)))
        joined = [torch.cat([planes[i] for planes in seen], 1) for i in wanted]
        return torch.stack([self.reconstruction(z) for z in joined], 1)

    def _carried(
        self,
        number: int,
        seen: Sequence[Sequence[Tensor]],
        flows: Sequence[Tensor],
        order: range,
    ) -> dict[int, Tensor]:
        """One pass: frame to features. The flow between frames i and i + 1 is number i."""
        made: dict[int, Tensor] = {}
        state = torch.zeros_like(seen[0][0])
        still = torch.zeros_like(flows[0]) if flows else None
        places = list(order)
        for at, i in enumerate(places):
            if at > 0 and still is not None:
                flow = flows[min(i, places[at - 1])]
                older, further = torch.zeros_like(state), still
                if at > 1:
                    older = made[places[at - 2]]
                    # From here to two before: to one before, and on from where that leads.
                    onward = flows[min(places[at - 1], places[at - 2])]
                    further = flow + warp(onward, flow)
                state = self.alignments[number](seen[0][i], (state, older), (flow, further))
            inputs = torch.cat((seen[0][i], *(planes[i] for planes in seen[1:]), state), 1)
            state = state + self.passes[number](inputs)
            made[i] = state
        return made
