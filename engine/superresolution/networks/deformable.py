"""Convolution whose taps look where it seems worth looking, and alignment built of it.

Source: modulated deformable convolution, Zhu et al. 2019, arXiv:1811.11168; the pyramid
alignment (PCD) of EDVR, Wang et al. 2019, arXiv:1905.02716. Pure PyTorch: bilinear samples by
`grid_sample`, whose gradient is PyTorch's own.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from engine.superresolution.networks.layers import conv3, leaky

TAPS = 9  # of a 3 × 3 kernel


def deformable_conv(
    x: Float[Tensor, "b c h w"],
    weight: Float[Tensor, "out c 3 3"],
    bias: Float[Tensor, " out"] | None,
    offsets: Float[Tensor, "b moves h w"],
    strength: Float[Tensor, "b taps h w"],
) -> Float[Tensor, "b out h w"]:
    """A 3 × 3 convolution, each tap moved and weighted at every cell; zeros outside the map.

    Args:
        x: Planes. They are cut into as many groups as `strength` has channels by nine; the
            planes of a group move together.
        weight: Of the kernel.
        bias: Of the output.
        offsets: Moves in cells, ordered (group, tap row-major, (row, column)).
        strength: Weight of each tap, ordered (group, tap).

    Raises:
        ValueError: If groups, planes and moves do not belong together.
    """
    b, c, h, w = x.shape
    groups = strength.shape[1] // TAPS
    fits = groups > 0 and strength.shape[1] == TAPS * groups and c % groups == 0
    if not fits or offsets.shape[1] != 2 * strength.shape[1]:
        raise ValueError(
            f"{c} planes, {offsets.shape[1]} moves and {strength.shape[1]} strengths; give 18 "
            "moves and 9 strengths for each group, and planes that the groups divide"
        )
    # Places are never in half precision: on a map of 200 cells they would be off by half a cell.
    exact = torch.promote_types(x.dtype, torch.float32)
    moves = offsets.reshape(b * groups, TAPS, 2, h, w).to(exact)
    tap = torch.arange(TAPS, device=x.device, dtype=exact)[:, None, None]
    rows = torch.arange(h, device=x.device, dtype=exact)[:, None]
    columns = torch.arange(w, device=x.device, dtype=exact)
    row = rows - 1 + tap.div(3, rounding_mode="floor") + moves[:, :, 0]  # (b·g, tap, h, w)
    column = columns - 1 + tap % 3 + moves[:, :, 1]
    # A side one cell long has no extent to normalise by; a row of zeros gives it one.
    padded = functional.pad(x.to(exact), (0, int(w == 1), 0, int(h == 1)))
    grid = torch.stack(
        (2 * column / (padded.shape[3] - 1) - 1, 2 * row / (padded.shape[2] - 1) - 1), -1
    )
    seen = functional.grid_sample(
        padded.reshape(b * groups, c // groups, *padded.shape[2:]),
        grid.reshape(b * groups, TAPS * h, w, 2),
        align_corners=True,
    )
    seen = seen.view(b, groups, c // groups, TAPS, h, w)
    seen = seen.to(x.dtype) * strength.view(b, groups, 1, TAPS, h, w)
    out = weight.reshape(len(weight), -1).to(seen.dtype) @ seen.reshape(b, c * TAPS, h * w)
    if bias is not None:
        out = out + bias[:, None]
    return out.view(b, -1, h, w)


class DeformableConv(nn.Module):
    """The weights of a deformable convolution; whoever calls it says where to look."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels, channels_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels))
        reach = 1 / math.sqrt(channels_in * TAPS)
        nn.init.uniform_(self.weight, -reach, reach)

    def forward(
        self,
        x: Float[Tensor, "b c h w"],
        offsets: Float[Tensor, "b moves h w"],
        strength: Float[Tensor, "b taps h w"],
    ) -> Float[Tensor, "b out h w"]:
        """As `deformable_conv`."""
        return deformable_conv(x, self.weight, self.bias, offsets, strength)


class DeformablePack(nn.Module):
    """A deformable convolution that reads its moves from features; at first it moves nothing."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.conv = DeformableConv(channels, channels)
        self.moves = conv3(channels, 3 * TAPS * groups)
        nn.init.zeros_(self.moves.weight)
        nn.init.zeros_(self.moves.get_parameter("bias"))

    def forward(
        self, x: Float[Tensor, "b c h w"], features: Float[Tensor, "b c h w"]
    ) -> Float[Tensor, "b c h w"]:
        """Planes of the same shape; every tap has strength 1/2 at first."""
        first, second, strength = self.moves(features).chunk(3, 1)
        aligned: Tensor = self.conv(x, torch.cat((first, second), 1), strength.sigmoid())
        return aligned


class PyramidAlignment(nn.Module):
    """Features of a neighbouring frame brought onto a reference, coarsest level first (PCD)."""

    def __init__(self, channels: int, groups: int, levels: int = 3) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            _AlignmentLevel(channels, groups, lowest=i == levels - 1, highest=i == 0)
            for i in range(levels)
        )
        self.compare = conv3(2 * channels, channels)
        self.again = conv3(channels, channels)
        self.cascade = DeformablePack(channels, groups)

    def forward(
        self, neighbour: Sequence[Tensor], reference: Sequence[Tensor]
    ) -> Float[Tensor, "b c h w"]:
        """The aligned features of the finest level.

        Args:
            neighbour: Features (b, c, h, w), finest first, each level half the one before.
            reference: Likewise.
        """
        moves: Tensor | None = None
        aligned: Tensor | None = None
        for level, near, ref in reversed(list(zip(self.levels, neighbour, reference, strict=True))):
            moves, aligned = level(near, ref, moves, aligned)
        if aligned is None:
            raise ValueError("no level of features to align; give at least one")
        last = leaky(self.compare(torch.cat((aligned, reference[0]), 1)))
        return leaky(self.cascade(aligned, leaky(self.again(last))))


class _AlignmentLevel(nn.Module):
    """One level: what to move is seen from both frames and from the level below."""

    def __init__(self, channels: int, groups: int, *, lowest: bool, highest: bool) -> None:
        super().__init__()
        self.highest = highest
        self.compare = conv3(2 * channels, channels)
        self.join = conv3(channels if lowest else 2 * channels, channels)
        self.again = None if lowest else conv3(channels, channels)
        self.pack = DeformablePack(channels, groups)
        self.mix = None if lowest else conv3(2 * channels, channels)

    def forward(
        self, near: Tensor, ref: Tensor, lower_moves: Tensor | None, lower: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        moves = leaky(self.compare(torch.cat((near, ref), 1)))
        if self.again is not None and lower_moves is not None:
            # Moves are in cells: on a map twice as wide they are twice as long.
            moves = leaky(self.join(torch.cat((moves, 2 * doubled(lower_moves)), 1)))
            moves = leaky(self.again(moves))
        else:
            moves = leaky(self.join(moves))
        aligned: Tensor = self.pack(near, moves)
        if self.mix is not None and lower is not None:
            aligned = self.mix(torch.cat((aligned, doubled(lower)), 1))
        return moves, aligned if self.highest else leaky(aligned)


def doubled(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c two_h two_w"]:
    """Twice the height and width, bilinear between cell centres."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear")
