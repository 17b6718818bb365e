"""What the video super-resolution networks have in common: frames in, one fine map each out.

`VideoNetwork` holds the contract (which frames, masks, base map, exact block means); a network
derives from it and gives features of the frames requested. No data: frames are 0 where the mask
is False, so nothing under it is ever seen, and flows see maps filled from the nearest cell.

The published networks end in two ×2 stages; a third makes ×8 (Li et al., Atmosphere 2025, 16,
166, doi:10.3390/atmos16020166, Table 3: BasicVSR and BasicVSR++ then have its parameter counts).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from engine.superresolution.networks.layers import FineMap, Tail, expand_mask, upsample_bilinear
from engine.superresolution.networks.masking import conserve, repeat_cells
from engine.superresolution.networks.spynet import SPyNet, flow_frames


@dataclass(frozen=True)
class VideoConfig:
    """What every video network is configured with. A network's own choices come after these."""

    frames: int = 5
    """Length of the window."""
    channels: int = 64
    tail_channels: int = 64
    """Channels from the second up-stage on."""
    mask_plane: bool = False
    """Feed the coarse mask as a second input plane."""
    conserve: bool = False
    """Shift every block so that its mean over valid fine cells equals the coarse value."""
    mean: float = 40.0
    """Training mean in ug m-3, where absolute values matter (flow, shares of a block)."""
    std: float = 30.0
    """Training standard deviation in ug m-3."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            ValueError: With the value and what to choose instead.
        """
        for name, value in vars(self).items():
            least = 0 if name.endswith("blocks") else 1
            if type(value) is int and value < least:
                raise ValueError(f"{name}={value}; choose at least {least}")
        if self.std <= 0:
            raise ValueError(f"std={self.std}; it must be > 0")


@dataclass(frozen=True)
class FlowConfig(VideoConfig):
    """A video network with optical flow; the flow network's published shape."""

    flow_levels: int = 6
    flow_planes: int = 3
    flow_widths: tuple[int, ...] = (32, 64, 32, 16)
    flow_kernel: int = 7
    flow_ceiling: float = 200.0
    """The flow network sees values divided by this, in ug m-3, clipped to [0, 1]."""

    def spynet(self) -> SPyNet:
        """The flow network."""
        return SPyNet(self.flow_levels, self.flow_planes, self.flow_widths, self.flow_kernel)


# A lighter flow network, for small presets.
SMALL_FLOW: dict[str, Any] = {
    "flow_levels": 4,
    "flow_planes": 1,
    "flow_widths": (16, 16, 8),
    "flow_kernel": 5,
}


class VideoNetwork(nn.Module):
    """A network that gives features of frames, which the tail turns into fine maps.

    Derived networks define `decode`.
    """

    def __init__(self, config: VideoConfig) -> None:
        super().__init__()
        self.config = config
        self.tail = Tail(config.channels, config.tail_channels)

    def decode(
        self,
        x: Float[Tensor, "b t planes h w"],
        valid: Bool[Tensor, "b t h w"],
        wanted: tuple[int, ...],
    ) -> Float[Tensor, "b f c h w"]:
        """Features of the frames wanted.

        Args:
            x: Frames, 0 where there is no data; the mask as second plane where configured.
            valid: True where a coarse cell holds data.
            wanted: Which frames, in this order.
        """
        raise NotImplementedError

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
        """The fine map of each frame requested.

        Args:
            coarse: Normalised coarse frames; any finite value where the mask is False.
            mask: True where a coarse cell holds data, per frame or one for all; None: all do.
            fine_mask: True where a fine cell holds data, per frame requested or one for all.
                The output is 0 elsewhere, and exact block means count only these cells.
            base: Normalised fine maps to which the network adds what it predicts, in place of
                the bilinear map.
            guide: None; these networks take no guidance.
            frames: Which of the frames to decode, in this order; None: all.

        Raises:
            ValueError: If the number of frames is not the configured one, a frame requested
                does not exist, or guidance is given.
        """
        wanted = requested_frames(len(coarse[0]), frames)
        features, _ = self.encode(coarse, mask, guide=guide, frames=wanted)
        planes: Tensor = self.tail(features.flatten(0, 1))
        planes = planes.view(*features.shape[:2], *planes.shape[1:])
        valid = expand_mask(mask, coarse)[:, list(wanted)]
        return self.finish(planes, coarse[:, list(wanted)], valid, fine_mask, base)

    def encode(
        self,
        coarse: Float[Tensor, "b t 1 h w"],
        mask: Bool[Tensor, "b #t h w"] | None = None,
        *,
        guide: Float[Tensor, "b #f k fine_h fine_w"] | None = None,
        frames: Sequence[int] | None = None,
    ) -> tuple[Float[Tensor, "b f c h w"], None]:
        """Features for the tail; arguments as for `forward`."""
        if coarse.shape[1] != self.config.frames:
            raise ValueError(
                f"{coarse.shape[1]} frames given; this network takes {self.config.frames}"
            )
        if guide is not None:
            raise ValueError("guidance given; this network takes none")
        wanted = requested_frames(coarse.shape[1], frames)
        valid = expand_mask(mask, coarse)
        x = torch.where(valid[:, :, None], coarse, 0)
        if self.config.mask_plane:
            x = torch.cat((x, valid[:, :, None].to(x)), 2)
        return self.decode(x, valid, wanted), None

    def finish(
        self,
        planes: Float[Tensor, "b f 1 fine_h fine_w"],
        coarse: Float[Tensor, "b f 1 h w"],
        mask: Bool[Tensor, "b f h w"],
        fine_mask: Bool[Tensor, "b #f fine_h fine_w"] | None = None,
        base: Float[Tensor, "b f 1 fine_h fine_w"] | None = None,
        rebuilt: Float[Tensor, "b t 1 h w"] | None = None,
    ) -> FineMap:
        """From the tail's plane to the map; there is no pretext network to rebuild frames."""
        return FineMap(completed(planes, coarse, mask, fine_mask, base, exact=self.config.conserve))


def completed(
    change: Float[Tensor, "b f 1 fine_h fine_w"],
    coarse: Float[Tensor, "b f 1 h w"],
    mask: Bool[Tensor, "b f h w"],
    fine_mask: Bool[Tensor, "b #f fine_h fine_w"] | None,
    base: Float[Tensor, "b f 1 fine_h fine_w"] | None,
    *,
    skip: bool = True,
    exact: bool = False,
) -> Float[Tensor, "b f 1 fine_h fine_w"]:
    """What a network predicts, added to its base map.

    Args:
        change: What it predicts.
        coarse: The frames it is of.
        mask: Where they hold data.
        fine_mask: Where the fine map does; the result is 0 elsewhere.
        base: What to add to; None: the bilinear map, or nothing without `skip`.
        skip: Add the bilinear map where there is no base.
        exact: Restore the block means.
    """
    x = torch.where(mask[:, :, None], coarse, 0)
    if base is not None:
        change = change + base
    elif skip:
        change = change + upsample_bilinear(x)
    valid = repeat_cells(mask)
    if fine_mask is not None:
        valid = valid & fine_mask
    if exact:
        change = conserve(change, x, valid)
    return change if fine_mask is None else torch.where(valid[:, :, None], change, 0)


def requested_frames(count: int, frames: Sequence[int] | None) -> tuple[int, ...]:
    """The frames requested; None: all.

    Raises:
        ValueError: If one of them does not exist, or there is none.
    """
    wanted = tuple(range(count)) if frames is None else tuple(frames)
    if not wanted or not all(0 <= i < count for i in wanted):
        raise ValueError(f"frames {wanted} outside 0..{count - 1}; ask for at least one of these")
    return wanted


def around(frame: int, count: int) -> list[int]:
    """The `count` frames around one of them, the series mirrored at its ends."""
    half = count // 2
    places = [abs(i) for i in range(frame - half, frame - half + count)]
    return [i if i < count else 2 * (count - 1) - i for i in places]


def neighbour_flows(
    spynet: SPyNet, x: Tensor, valid: Tensor, config: FlowConfig
) -> tuple[Float[Tensor, "b s 2 h w"], Float[Tensor, "b s 2 h w"]]:
    """Flows between neighbouring frames, s = frames − 1 of each.

    Returns:
        Flows that bring frame i + 1 onto frame i, and those that bring i onto i + 1.
    """
    days = flow_frames(x[:, :, :1], valid, config.mean, config.std, config.flow_ceiling)
    b, t, _, h, w = days.shape
    first, second = days[:, :-1].flatten(0, 1), days[:, 1:].flatten(0, 1)
    flows = spynet(torch.cat((first, second)), torch.cat((second, first)))
    later, earlier = flows.view(2, b, t - 1, 2, h, w)
    return later, earlier


def padded_to(x: Float[Tensor, "b t c h w"], multiple: int) -> Float[Tensor, "b t c ph pw"]:
    """Mirrored below and to the right up to multiples; repeated where too small to mirror."""
    h, w = x.shape[-2:]
    pad = (0, -w % multiple, 0, -h % multiple)
    if not any(pad):
        return x
    mode = "reflect" if pad[1] < w and pad[3] < h else "replicate"
    return functional.pad(x.flatten(0, 1), pad, mode).view(*x.shape[:3], h + pad[3], w + pad[1])
