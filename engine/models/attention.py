"""Self-attention among overlapping space-time windows.

Source: the 3-D patch attention of AirSTFM (Li et al., Atmosphere 2025, 16, 166, section 3.3).
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from engine.models.layers import conv3, leaky


def window_attention(
    q: Float[Tensor, "b heads d h w"],
    k: Float[Tensor, "b heads d h w"],
    v: Float[Tensor, "b heads e h w"],
    mask: Bool[Tensor, "b h w"] | None = None,
    *,
    patch: int = 10,
    stride: int = 1,
) -> Float[Tensor, "b heads e h w"]:
    """Every window of `patch` × `patch` cells attends to every window; overlaps are averaged.

    Args:
        q: Queries per cell.
        k: Keys per cell.
        v: Values per cell; may have another number of channels.
        mask: True where a cell holds data. A window without any is no key; where no window is
            one, each attends to itself.
        patch: Side of a window in cells.
        stride: Cells from one window to the next.
    """
    height, width = q.shape[-2:]
    pad = (0, _missing(width, patch, stride), 0, _missing(height, patch, stride))
    size = (height + pad[3], width + pad[1])
    tokens = [
        functional.unfold(functional.pad(z.flatten(0, 1), pad), patch, stride=stride)
        for z in (q, k, v)
    ]
    score = tokens[0].mT @ tokens[1] / math.sqrt(q.shape[2] * patch**2)
    if mask is not None:
        covered = functional.max_pool2d(functional.pad(mask.float(), pad), patch, stride)
        none = covered.flatten(1) == 0  # (b, windows)
        alone = none.all(1)[:, None, None] & ~torch.eye(
            none.shape[1], dtype=torch.bool, device=none.device
        )
        closed = (none[:, None] & ~none.all(1)[:, None, None]) | alone
        score = score.masked_fill(closed.repeat_interleave(q.shape[1], 0), -math.inf)
    out = tokens[2] @ score.softmax(-1).mT
    ones = torch.ones(1, patch**2, out.shape[-1], dtype=out.dtype, device=out.device)
    count = functional.fold(ones, size, patch, stride=stride)
    folded = functional.fold(out, size, patch, stride=stride) / count
    result: Tensor = folded[..., :height, :width]
    return result.reshape(*v.shape)


def _missing(length: int, patch: int, stride: int) -> int:
    """Cells to add so that windows cover the whole length."""
    return patch - length if length < patch else -(length - patch) % stride


class PatchAttention(nn.Module):
    """3-D patch attention: a token is all frames of one window.

    Args:
        channels: Per frame.
        patch: Side of a window in cells.
        stride: Cells between windows; overlap 90, 70, 50, 0 % of 10 cells is 1, 3, 5, 10.
        heads: Groups of channels that attend separately.

    Raises:
        ValueError: If the heads do not divide the channels.
    """

    def __init__(self, channels: int, patch: int = 10, stride: int = 1, heads: int = 1) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{heads} heads do not divide {channels} channels; choose a divisor")
        self.patch, self.stride, self.heads = patch, stride, heads
        self.query = conv3(channels, channels)
        self.key = conv3(channels, channels)
        self.value = conv3(channels, channels)
        self.out = conv3(channels, channels)

    def forward(
        self,
        x: Float[Tensor, "b t c h w"],
        mask: Bool[Tensor, "b h w"] | None = None,
        frames: tuple[int, ...] | None = None,
    ) -> Float[Tensor, "b f c h w"]:
        """`leaky(x + out(attention))` of the frames asked for; all frames attend and are seen.

        Args:
            x: Features.
            mask: True where a cell holds data in any frame.
            frames: Indices of the frames wanted; all where None.
        """
        wanted = x if frames is None else x[:, list(frames)]
        q, k, v = (
            self._heads(self.query, x),
            self._heads(self.key, x),
            self._heads(self.value, wanted),
        )
        seen = window_attention(q, k, v, mask, patch=self.patch, stride=self.stride)
        b, f, c, h, w = wanted.shape
        planes = seen.view(b, self.heads, f, c // self.heads, h, w).transpose(1, 2)
        planes = planes.reshape(b * f, c, h, w)
        return leaky(wanted + self.out(planes).view(wanted.shape))

    def _heads(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        """Convolved frames as (b, heads, t · c/heads, h, w)."""
        b, t, c, h, w = x.shape
        planes: Tensor = conv(x.flatten(0, 1))
        planes = planes.view(b, t, self.heads, c // self.heads, h, w)
        return planes.transpose(1, 2).reshape(b, self.heads, t * c // self.heads, h, w)


class OrdinaryAttention(nn.Module):
    """What stands in where patch attention is switched off: ordinary transformer attention.

    Tokens are the 2-D patches of each frame side by side, without overlap, as in a vision
    transformer; projections act on each cell alone. The paper does not say more than
    "ordinary"; this takes away what its module adds (space-time windows, overlap,
    convolutional projections) and keeps the rest. Arguments as for `PatchAttention`.
    """

    def __init__(self, channels: int, patch: int = 10) -> None:
        super().__init__()
        self.patch = patch
        self.query = nn.Conv2d(channels, channels, 1)
        self.key = nn.Conv2d(channels, channels, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(
        self,
        x: Float[Tensor, "b t c h w"],
        mask: Bool[Tensor, "b h w"] | None = None,
        frames: tuple[int, ...] | None = None,
    ) -> Float[Tensor, "b f c h w"]:
        """As `PatchAttention`."""
        b, _, _, h, w = x.shape
        wanted = x if frames is None else x[:, list(frames)]
        pad = (0, -w % self.patch, 0, -h % self.patch)
        q = self._tokens(self.query(wanted.flatten(0, 1)), b, pad)
        k = self._tokens(self.key(x.flatten(0, 1)), b, pad)
        v = self._tokens(self.value(x.flatten(0, 1)), b, pad)
        closed = None
        if mask is not None:
            covered = functional.max_pool2d(functional.pad(mask.float(), pad), self.patch)
            key_open = covered.flatten(1).repeat(1, x.shape[1])[:, None] > 0  # (b, 1, keys)
            # Without any open key all stay open: their features are zero by then.
            closed = key_open | ~key_open.any(-1, keepdim=True)
        seen = functional.scaled_dot_product_attention(q, k, v, closed)
        size = (h + pad[3], w + pad[1])
        tokens = seen.reshape(b * wanted.shape[1], -1, seen.shape[-1]).mT
        planes = functional.fold(tokens, size, self.patch, stride=self.patch)[..., :h, :w]
        return leaky(wanted + self.out(planes).view(wanted.shape))

    def _tokens(self, planes: Tensor, batch: int, pad: tuple[int, int, int, int]) -> Tensor:
        """(b, frames · patches, c · patch²)."""
        tokens = functional.unfold(functional.pad(planes, pad), self.patch, stride=self.patch)
        return tokens.mT.reshape(batch, -1, tokens.shape[1])
