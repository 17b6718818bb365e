"""Self-attention among overlapping space-time windows, exact and affordable.

At stride 1 the paper's windows of 5 × 10 × 10 cells on a 100 × 90 map are 7 371 tokens of
16 000 dimensions. Unfolded, they are 3.5 TFLOP and gigabytes; here no window is ever unfolded
(`engine.superresolution.networks.window_scores`), and going backward the weights are computed
again, not stored.

Source: the 3-D patch attention of AirSTFM (Li et al., Atmosphere 2025, 16, 166, section 3.3).
The paper's equation has no 1/√d; the code it derives from has, and so have we.
"""

import math
from collections.abc import Iterator
from copy import copy
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from engine.superresolution.networks.banded_sums import numbers
from engine.superresolution.networks.banded_weights import StackedWeights, stacked_weights
from engine.superresolution.networks.layers import conv3, leaky
from engine.superresolution.networks.window_scores import Closed, Tile, WholeWeights, whole_weights

WEIGHTS = 2**25  # weights of window pairs held at once where that costs little: 128 MiB
MORE_WEIGHTS = 2**28  # and on maps so large that narrow tiles would do most work twice


def window_attention(
    q: Float[Tensor, "b heads d h w"],
    k: Float[Tensor, "b heads d h w"],
    v: Float[Tensor, "b heads e h w"],
    mask: Bool[Tensor, "b h w"] | None = None,
    *,
    patch: int = 10,
    stride: int = 1,
    radius: int | None = None,
    weights: int | None = None,
    whole: bool | None = None,
) -> Float[Tensor, "b heads e h w"]:
    """Every window of `patch` × `patch` cells attends to every window; overlaps are averaged.

    A map that windows do not cover is continued by zeros below and to the right.

    Args:
        q: Queries per cell. Half precision is computed in float32 and returned as it came.
        k: Keys per cell.
        v: Values per cell; may have another number of channels.
        mask: True where a cell holds data. A window without any is no key; a window that
            finds no key attends to itself.
        patch: Side of a window in cells.
        stride: Cells from one window to the next, at most `patch`.
        radius: Attend only to windows whose corner is at most so many cells away along either
            axis; None: to all. Work then grows with the map's area, not with its square.
        weights: At most so many weights are held at once; None: 2^25, on very large maps 2^28.
        whole: Few large steps instead of many small; None: on a GPU.

    Raises:
        ValueError: If windows of this stride leave gaps.
    """
    if not 1 <= stride <= patch:
        raise ValueError(f"stride {stride} outside 1..{patch}: windows of {patch} would leave gaps")
    height, width = q.shape[-2:]
    pad = (0, _missing(width, patch, stride), 0, _missing(height, patch, stride))
    exact = torch.promote_types(v.dtype, torch.float32)
    maps = [functional.pad(z.to(exact), pad).flatten(0, 1).permute(0, 2, 3, 1) for z in (q, k, v)]
    empty = None
    if mask is not None and not mask.all():
        share = functional.max_pool2d(functional.pad(mask.float(), pad), patch, stride)
        empty = (share == 0).repeat_interleave(q.shape[1], 0)
    plan = _Plan(
        patch,
        stride,
        None if radius is None else radius // stride,
        weights,
        q.is_cuda if whole is None else whole,
    )
    with torch.autocast(q.device.type, enabled=False):
        scaled = maps[0] / math.sqrt(q.shape[2] * patch**2)
        out: Tensor = _WindowAttention.apply(  # type: ignore[no-untyped-call]
            scaled.contiguous(), maps[1].contiguous(), maps[2].contiguous(), empty, plan
        )
    return out.permute(0, 3, 1, 2)[..., :height, :width].reshape(v.shape).to(v.dtype)


def _missing(length: int, patch: int, stride: int) -> int:
    """Cells to add so that windows cover the whole length."""
    return patch - length if length < patch else -(length - patch) % stride


class _Plan:
    """How a map is cut into tiles of query windows, and which keys each sees."""

    def __init__(
        self, patch: int, stride: int, radius: int | None, weights: int | None, whole: bool
    ) -> None:
        self.patch, self.stride, self.radius, self.whole = patch, stride, radius, whole
        self.weights, self.usual = weights, WEIGHTS

    def backward(self) -> "_Plan":
        """For the gradients, which hold two numbers for each pair of windows."""
        plan = copy(self)
        plan.usual = WEIGHTS * 3 // 4
        return plan

    def tiles(
        self, height: int, width: int, empty: Tensor | None
    ) -> Iterator[tuple[Tile, Closed, tuple[slice, slice], tuple[slice, slice]]]:
        """Geometry, closed keys, cells of the queries, cells of the keys, for each tile."""
        nh, nw = ((n - self.patch) // self.stride + 1 for n in (height, width))
        tall, wide = self._sides(nh, nw)
        for top in range(0, nh, tall):
            for left in range(0, nw, wide):
                rows = (top, min(top + tall, nh))
                columns = (left, min(left + wide, nw))
                reach = max(nh, nw) if self.radius is None else self.radius
                key_rows = (max(rows[0] - reach, 0), min(rows[1] + reach, nh))
                key_columns = (max(columns[0] - reach, 0), min(columns[1] + reach, nw))
                q = self._cells(*rows), self._cells(*columns)
                k = self._cells(*key_rows), self._cells(*key_columns)
                tile = Tile(
                    self.patch,
                    self.stride,
                    (q[0].stop - q[0].start, k[0].stop - k[0].start),
                    (q[1].stop - q[1].start, k[1].stop - k[1].start),
                )
                none = None if empty is None else empty[slice(*key_rows), slice(*key_columns)]
                origin = (rows[0] - key_rows[0], columns[0] - key_columns[0])
                yield tile, Closed(none, self.radius, origin), q, k

    def weigh(
        self, queries: Tensor, keys: Tensor, closed: Closed, tile: Tile, held: Tensor
    ) -> StackedWeights | WholeWeights:
        """Weights of the windows of a tile, in the way chosen."""
        if self.whole:
            return whole_weights(queries, keys, closed, tile)
        return stacked_weights(queries, keys, closed, tile, held)

    def memory(self, q: Tensor) -> Tensor:
        """What the largest tile's weights need, once for all tiles."""
        tiles = self.tiles(q.shape[1], q.shape[2], None)
        return q.new_empty(0 if self.whole else max(numbers(tile) for tile, *_ in tiles))

    def _cells(self, first: int, stop: int) -> slice:
        return slice(first * self.stride, (stop - 1) * self.stride + self.patch)

    def _sides(self, nh: int, nw: int) -> tuple[int, int]:
        """Windows along a tile's sides: all columns where that leaves tall tiles, or a square."""
        least = 2 * math.ceil(self.patch / self.stride)
        if self.radius is None and not self.whole:
            tall = (self.weights or self.usual) // (nw * nh * nw)
            if tall >= least:
                return math.ceil(nh / math.ceil(nh / tall)), nw
        side = self._side(nh, nw)
        return side, side

    def _side(self, nh: int, nw: int) -> int:
        """Windows along a tile's side, as many as may be held."""

        def fits(side: int, weights: int) -> bool:
            far = max(nh, nw) if self.radius is None else 2 * self.radius
            rows, columns = min(side, nh), min(side, nw)
            held = rows * columns * min(rows + far, nh) * min(columns + far, nw)
            if self.whole:  # then it is cell pairs that are held
                held *= math.ceil((1 + self.patch / side) ** 2)
            return held <= weights

        side = max(nh, nw)
        while side > 1 and not fits(side, self.weights or WEIGHTS):
            side -= 1
        # Narrow tiles share most of their cells with their neighbours: rather hold more.
        while self.weights is None and side * self.stride < 3 * self.patch and side < max(nh, nw):
            if not fits(side + 1, MORE_WEIGHTS):
                break
            side += 1
        return side


class _WindowAttention(torch.autograd.Function):
    """Cells (n, rows, columns, channels) in and out; weights are computed anew going backward."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401  # attributes of torch's own choosing
        q: Tensor,
        k: Tensor,
        v: Tensor,
        empty: Tensor | None,
        plan: _Plan,
    ) -> Tensor:
        """Values averaged over windows, then over the windows that cover a cell."""
        ctx.save_for_backward(q, k, v)
        ctx.empty, ctx.plan = empty, plan
        out = torch.zeros_like(v)
        held = plan.memory(q)
        for n in range(len(q)):
            for tile, closed, at, to in plan.tiles(q.shape[1], q.shape[2], _item(empty, n)):
                weights = plan.weigh(q[n][at], k[n][to], closed, tile, held)
                weights.products(given=(v[n][to], out[n][at]))
        return out / _cover(q, plan)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any,  # noqa: ANN401
        upstream: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, None, None]:
        """Gradients of queries, keys and values."""
        q, k, v = ctx.saved_tensors
        plan: _Plan = ctx.plan.backward()
        gradient = upstream / _cover(q, plan)
        dq, dk, dv = (torch.zeros_like(z) for z in (q, k, v))
        held, more = plan.memory(q), plan.memory(q)
        for n in range(len(q)):
            for tile, closed, at, to in plan.tiles(q.shape[1], q.shape[2], _item(ctx.empty, n)):
                ask, keys, pull = (z.contiguous() for z in (q[n][at], k[n][to], gradient[n][at]))
                weights = plan.weigh(ask, keys, closed, tile, held)
                weights.products(requested=(pull, dv[n][to]))
                change = weights.through(pull, v[n][to], more)
                change.products(given=(keys, dq[n][at]), requested=(ask, dk[n][to]))
        return dq, dk, dv, None, None


def _item(empty: Tensor | None, n: int) -> Tensor | None:
    return None if empty is None else empty[n]


def _cover(q: Tensor, plan: _Plan) -> Tensor:
    """How many windows cover each cell, (rows, columns, 1)."""
    counts = []
    for length in q.shape[1:3]:
        ends = torch.arange(length, device=q.device)
        first = ((ends - plan.patch) // plan.stride + 1).clamp(min=0)
        last = (ends // plan.stride).clamp(max=(length - plan.patch) // plan.stride)
        counts.append((last - first + 1).to(q.dtype))
    return counts[0][:, None, None] * counts[1][:, None]


class PatchAttention(nn.Module):
    """3-D patch attention: a token is all frames of one window.

    Args:
        channels: Per frame.
        patch: Side of a window in cells.
        stride: Cells between windows; overlap 90, 70, 50, 0 % of 10 cells is 1, 3, 5, 10.
        heads: Groups of channels that attend separately.
        radius: How far, in cells, a window looks; None: over the whole map.

    Raises:
        ValueError: If the heads do not divide the channels.
    """

    def __init__(
        self,
        channels: int,
        patch: int = 10,
        stride: int = 1,
        heads: int = 1,
        radius: int | None = None,
    ) -> None:
        super().__init__()
        if channels % heads:
            raise ValueError(f"{heads} heads do not divide {channels} channels; choose a divisor")
        self.patch, self.stride, self.heads, self.radius = patch, stride, heads, radius
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
        """`leaky(x + out(attention))` of the frames requested; all frames attend and are seen.

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
        seen = window_attention(
            q, k, v, mask, patch=self.patch, stride=self.stride, radius=self.radius
        )
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
        open_keys = None
        if mask is not None:
            covered = functional.max_pool2d(functional.pad(mask.float(), pad), self.patch)
            key_open = covered.flatten(1).repeat(1, x.shape[1])[:, None] > 0  # (b, 1, keys)
            # Without any open key all stay open: their features are zero by then.
            open_keys = key_open | ~key_open.any(-1, keepdim=True)
        seen = functional.scaled_dot_product_attention(q, k, v, open_keys)
        size = (h + pad[3], w + pad[1])
        tokens = seen.reshape(b * wanted.shape[1], -1, seen.shape[-1]).mT
        planes = functional.fold(tokens, size, self.patch, stride=self.patch)[..., :h, :w]
        return leaky(wanted + self.out(planes).view(wanted.shape))

    def _tokens(self, planes: Tensor, batch: int, pad: tuple[int, int, int, int]) -> Tensor:
        """(b, frames · patches, c · patch²)."""
        tokens = functional.unfold(functional.pad(planes, pad), self.patch, stride=self.patch)
        return tokens.mT.reshape(batch, -1, tokens.shape[1])
