"""AirSTFM: from five coarse PM2.5 maps to the fine map of each, eight times the resolution.

Source: Li et al., Atmosphere 2025, 16, 166, doi:10.3390/atmos16020166; there is no published
code. What the paper leaves open follows the public VSR-Transformer from which it derives
(Cao et al., arXiv:2106.06847); our own decisions and departures are stated where they fall.
With its defaults the network has the paper's 4.64 M parameters: 4 643 534.

Beyond the paper, each a switch that is off by default: `conserve` (exact block means),
`guide` (planes of guidance at the fine scale), `static_fields` (those that no date changes),
`log_scale` (a second output, the error's scale), `quiet_start`, and a `base` map to which
`forward` adds what the network predicts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from engine.superresolution.networks.airstfm_parts import (
    FlowFeedForward,
    PointwiseFeedForward,
    PretextNet,
    position_code,
)
from engine.superresolution.networks.attention import OrdinaryAttention, PatchAttention
from engine.superresolution.networks.layers import (
    SCALE,
    FineMap,
    Tail,
    conv3,
    conv3_beside,
    expand_mask,
    leaky,
    residual_blocks,
    warp,
)
from engine.superresolution.networks.spynet import SPyNet, flow_frames
from engine.superresolution.networks.video import completed, requested_frames


@dataclass(frozen=True)
class AirSTFMConfig:
    """Every choice the paper's tables vary, and ours. Defaults are the paper's."""

    frames: int = 5
    """Length of the window in days (Table 8: 3, 5, 7)."""
    channels: int = 32
    """Base channels (Table 9: 16, 32, 64)."""
    extraction_blocks: int = 5
    """Residual blocks before the transformer (Table 6: 3, 5, 10)."""
    reconstruction_blocks: int = 30
    """Residual blocks after it (Table 7: 10, 30, 50)."""
    reconstruction_channels: int = 64
    """Channels of those blocks and of the first up-stage."""
    tail_channels: int = 64
    """Channels from the second up-stage on; what a full-resolution map costs depends on it."""
    pretext_depth: int = 3
    """3-D convolutions before and after the pretext network's up-sampling (M)."""
    flow_blocks: int = 3
    """Residual blocks per direction of the flow feed-forward (M)."""
    patch: int = 10
    """Side of an attention window in coarse cells."""
    stride: int = 1
    """Cells between windows; overlap 90, 70, 50, 0 % is 1, 3, 5, 10 (Table 10)."""
    heads: int = 1
    """Groups of channels that attend separately."""
    attention_radius: int | None = None
    """Windows look no further than so many coarse cells; None: over the whole map, as in the
    paper. Ours, for regions much larger than the training map."""
    attention: bool = True
    """3-D patch attention; off: ordinary attention (Table 4)."""
    flow: bool = True
    """Optical-flow feed-forward; off: fully connected (Table 4)."""
    pretext: bool = True
    """Pretext features; off: none (Table 4)."""
    fusion: Literal["add", "concat"] = "add"
    fusion_place: Literal["before", "after"] = "before"
    """Where pretext features join: before or after the transformer (Table 5)."""
    global_skip: bool = True
    """Add the bilinear map, as the VSR-Transformer does; the paper does not mention it."""
    mask_plane: bool = False
    """Feed the coarse mask as a second input plane (+288 parameters)."""
    flow_levels: int = 6
    flow_planes: int = 3
    flow_widths: tuple[int, ...] = (32, 64, 32, 16)
    flow_kernel: int = 7
    """SPyNet's shape; `small` uses a lighter one."""
    mean: float = 40.0
    """Training mean in ug m-3. Only the flow network needs it: it sees absolute values."""
    std: float = 30.0
    """Training standard deviation in ug m-3."""
    flow_ceiling: float = 200.0
    """The flow network sees values divided by this, in ug m-3, clipped to [0, 1]."""
    conserve: bool = False
    """Shift every block so that its mean over valid fine cells equals the coarse value."""
    guide: int = 0
    """Planes of guidance at the fine scale."""
    static_fields: tuple[str, ...] = ()
    """Names of those of them that no date changes: the last of the `guide` planes. Their weights
    start at zero, so that a network with them begins as the one without."""
    guide_at: Literal["fine", "coarse", "both"] = "fine"
    """Where guidance enters: after the up-stages, or folded to 64 planes per coarse cell
    before the reconstruction blocks, or both."""
    log_scale: bool = False
    """Give the logarithm of the error's scale as well."""
    unit: float = 1.0
    """What the network adds, and its error's scale, are counted in this many standard deviations:
    the size of what a good base map leaves over, which may be a hundredth."""
    quiet_start: bool = False
    """What attention, neighbours and pretext add to a frame's features starts at zero, so that the
    network begins as a plain residual one. Off: PyTorch's random start, as code of the paper's kind
    has it."""

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            ValueError: With the value and what to choose instead.
        """
        counts = ("frames", "channels", "reconstruction_channels", "tail_channels", "patch")
        for name in (*counts, "stride", "heads", "flow_levels", "flow_planes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}; choose at least 1")
        if self.stride > self.patch:
            raise ValueError(f"stride {self.stride} leaves gaps between windows of {self.patch}")
        if len(self.static_fields) > self.guide:
            raise ValueError(
                f"{len(self.static_fields)} static fields among {self.guide} of guidance"
            )
        for name in ("std", "flow_ceiling", "unit"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)}; choose more than 0")


PAPER = AirSTFMConfig()
SMALL = AirSTFMConfig(
    channels=16,
    extraction_blocks=3,
    reconstruction_channels=32,
    reconstruction_blocks=8,
    tail_channels=16,
    flow_levels=4,
    flow_planes=1,
    flow_widths=(16, 16, 8),
    flow_kernel=5,
)
PRESETS: dict[str, AirSTFMConfig] = {"paper": PAPER, "small": SMALL}


def preset(name: str, **changes: object) -> AirSTFMConfig:
    """A named configuration, with fields replaced.

    Raises:
        ValueError: If there is no preset of that name.
    """
    if name not in PRESETS:
        raise ValueError(f"no preset '{name}'; choose from {', '.join(PRESETS)}")
    return replace(PRESETS[name], **changes)  # type: ignore[arg-type]  # fields check themselves


class AirSTFM(nn.Module):
    """The network; `config` says which."""

    def __init__(self, config: AirSTFMConfig = PAPER) -> None:
        super().__init__()
        self.config = config
        c, r = config.channels, config.reconstruction_channels
        self.first = conv3(1 + config.mask_plane, c)
        self.extraction = residual_blocks(c, config.extraction_blocks)
        self.pretext = (
            PretextNet(c, config.frames, config.pretext_depth) if config.pretext else None
        )
        joined = config.pretext and config.fusion == "concat"
        self.fuse = conv3(2 * c, c) if joined else None
        self.attention: PatchAttention | OrdinaryAttention = (
            PatchAttention(c, config.patch, config.stride, config.heads, config.attention_radius)
            if config.attention
            else OrdinaryAttention(c, config.patch)
        )
        self.spynet: SPyNet | None = None
        self.feed_forward: FlowFeedForward | PointwiseFeedForward
        if config.flow:
            self.spynet = SPyNet(
                config.flow_levels, config.flow_planes, config.flow_widths, config.flow_kernel
            )
            self.feed_forward = FlowFeedForward(c, config.flow_blocks)
        else:
            self.feed_forward = PointwiseFeedForward(c)
        fixed = len(config.static_fields)
        folded = SCALE**2 * (config.guide - fixed), SCALE**2 * fixed
        at_coarse = config.guide and config.guide_at != "fine"
        self.guide = conv3_beside(*folded, r) if at_coarse else None
        self.lift = conv3(c, r)
        self.reconstruction = residual_blocks(r, config.reconstruction_blocks)
        at_fine = (config.guide, fixed) if config.guide_at != "coarse" else (0, 0)
        self.tail = Tail(r, config.tail_channels, 1 + config.log_scale, *at_fine)
        if config.quiet_start:
            self._start_quietly()

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
            coarse: Normalised coarse frames, `config.frames` of them; any finite value where
                the mask is False.
            mask: True where a coarse cell holds data, per frame or one for all; None: all do.
            fine_mask: True where a fine cell holds data, per frame requested or one for all.
                The output is 0 elsewhere, and exact block means count only these cells.
            base: Normalised fine maps of the frames requested, to which the network adds what
                it predicts, in place of the bilinear map.
            guide: Planes of guidance, one set for all frames or one for each requested.
            frames: Which of the frames to decode, in this order; None: all. Every frame is
                still seen by attention and flow, and the result is the same as decoding all.

        Raises:
            ValueError: If the number of frames or guidance planes is not the configured one, or
                a frame requested does not exist.
        """
        wanted = self._wanted(coarse, guide, frames)
        features, rebuilt = self.encode(coarse, mask, guide=guide, frames=wanted)
        n = (len(coarse), len(wanted))
        at_fine = None
        if guide is not None and self.tail.guide is not None:
            at_fine = guide.expand(-1, n[1], -1, -1, -1).flatten(0, 1)
        planes: Tensor = self.tail(features.flatten(0, 1), at_fine)
        planes = planes.view(*n, *planes.shape[1:])
        valid = expand_mask(mask, coarse)[:, list(wanted)]
        return self.finish(planes, coarse[:, list(wanted)], valid, fine_mask, base, rebuilt)

    def encode(
        self,
        coarse: Float[Tensor, "b t 1 h w"],
        mask: Bool[Tensor, "b #t h w"] | None = None,
        *,
        guide: Float[Tensor, "b #f k fine_h fine_w"] | None = None,
        frames: Sequence[int] | None = None,
    ) -> tuple[Float[Tensor, "b f r h w"], Float[Tensor, "b t 1 h w"] | None]:
        """Everything at the coarse scale: features for the tail, and the pretext's frames.

        Arguments as for `forward`.
        """
        wanted = self._wanted(coarse, guide, frames)
        valid = expand_mask(mask, coarse)  # (b, t, h, w)
        x = torch.where(valid[:, :, None], coarse, 0)
        features = self._extract(x, valid)
        rebuilt = helped = None
        if self.pretext is not None:
            helped, rebuilt = self.pretext(x, valid)
        if helped is not None and self.config.fusion_place == "before":
            features = self._fuse(features, helped)
        features = self._transform(features, x, valid, wanted)
        if helped is not None and self.config.fusion_place == "after":
            features = self._fuse(features, helped[:, list(wanted)])
        lifted = self.lift(features.flatten(0, 1))
        if guide is not None and self.guide is not None:
            folded = functional.pixel_unshuffle(guide.flatten(0, 1), SCALE)
            added = self.guide(folded).view(*guide.shape[:2], *lifted.shape[1:])
            lifted = lifted + added.expand(-1, len(wanted), -1, -1, -1).flatten(0, 1)
        decoded: Tensor = self.reconstruction(leaky(lifted))
        return decoded.view(len(coarse), len(wanted), *decoded.shape[1:]), rebuilt

    def finish(
        self,
        planes: Float[Tensor, "b f p fine_h fine_w"],
        coarse: Float[Tensor, "b f 1 h w"],
        mask: Bool[Tensor, "b f h w"],
        fine_mask: Bool[Tensor, "b #f fine_h fine_w"] | None = None,
        base: Float[Tensor, "b f 1 fine_h fine_w"] | None = None,
        rebuilt: Float[Tensor, "b t 1 h w"] | None = None,
    ) -> FineMap:
        """From the tail's planes to the map: add the base, restore block means, mask."""
        mean = completed(
            planes[:, :, :1],
            coarse,
            mask,
            fine_mask,
            base,
            skip=self.config.global_skip,
            exact=self.config.conserve,
        )
        log_scale = None
        if self.config.log_scale:
            log_scale = planes[:, :, 1:] + math.log(self.config.unit)
        return FineMap(mean, log_scale, rebuilt)

    def _start_quietly(self) -> None:
        """Zero at the end of each branch that adds to a frame's features."""
        ends: list[nn.Module] = [self.attention.out]
        feed_forward = self.feed_forward
        ends.append(
            feed_forward.mix if isinstance(feed_forward, FlowFeedForward) else feed_forward[-1]
        )
        if self.pretext is not None:
            ends += self.pretext.after[-1:]
        for parameter in (p for end in ends for p in end.parameters()):
            nn.init.zeros_(parameter)

    def _wanted(
        self, coarse: Tensor, guide: Tensor | None, frames: Sequence[int] | None
    ) -> tuple[int, ...]:
        t = coarse.shape[1]
        if t != self.config.frames:
            raise ValueError(f"{t} frames given; this network takes {self.config.frames}")
        planes = 0 if guide is None else guide.shape[2]
        if planes != self.config.guide:
            raise ValueError(
                f"{planes} guidance planes given; this network takes {self.config.guide}"
            )
        return requested_frames(t, frames)

    def _extract(self, x: Tensor, valid: Tensor) -> Tensor:
        """Features of every frame, 0 where there is no data."""
        b, t = x.shape[:2]
        planes = torch.cat((x, valid[:, :, None].to(x)), 2) if self.config.mask_plane else x
        features: Tensor = self.extraction(leaky(self.first(planes.flatten(0, 1))))
        return features.view(b, t, *features.shape[1:]) * valid[:, :, None]

    def _fuse(self, features: Tensor, helped: Tensor) -> Tensor:
        if self.fuse is None:
            return features + helped
        both = torch.cat((features, helped), 2).flatten(0, 1)
        fused: Tensor = self.fuse(both)
        return fused.view(features.shape)

    def _transform(
        self, features: Tensor, x: Tensor, valid: Tensor, wanted: tuple[int, ...]
    ) -> Tensor:
        """The transformer: attention among all frames, then feed-forward of those wanted."""
        b, t, c, h, w = features.shape
        last = t - 1
        neighbours = {j for i in wanted for j in (max(i - 1, 0), i, min(i + 1, last))}
        needed = tuple(sorted(neighbours)) if self.config.flow else tuple(sorted(set(wanted)))
        code = position_code(c, t, h, w).to(features)
        seen: Tensor = self.attention(features + code, valid.any(1), needed)
        seen = seen * valid[:, list(needed), None]
        place = {frame: at for at, frame in enumerate(needed)}
        here = seen[:, [place[i] for i in wanted]].flatten(0, 1)
        if isinstance(self.feed_forward, PointwiseFeedForward):
            out = leaky(here + self.feed_forward(here))
        else:
            after = [min(i + 1, last) for i in wanted]
            before = [max(i - 1, 0) for i in wanted]
            o_after, o_before = self._flows(x, valid, wanted, after, before)
            out = self.feed_forward(
                here,
                warp(seen[:, [place[i] for i in after]].flatten(0, 1), o_after, "border"),
                warp(seen[:, [place[i] for i in before]].flatten(0, 1), o_before, "border"),
                x[:, list(wanted)].flatten(0, 1),
            )
        out = out.view(b, len(wanted), c, h, w)
        return out * valid[:, list(wanted), None]

    def _flows(
        self,
        x: Tensor,
        valid: Tensor,
        wanted: Sequence[int],
        after: Sequence[int],
        before: Sequence[int],
    ) -> tuple[Tensor, Tensor]:
        """Flows that bring the day after, and the day before, onto each day wanted."""
        if self.spynet is None:
            raise ValueError("this network was built without a flow network; set flow=True")
        config = self.config
        days = flow_frames(x, valid, config.mean, config.std, config.flow_ceiling)
        reference = days[:, list(wanted)].flatten(0, 1)
        support = [days[:, list(z)].flatten(0, 1) for z in (after, before)]
        flow = self.spynet(reference.repeat(2, 1, 1, 1), torch.cat(support))
        o_after, o_before = flow.chunk(2)
        return o_after, o_before
