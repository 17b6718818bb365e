"""Maps of any size in bounded memory, equal to what the network gives in one piece.

What costs memory is the fine scale: 64 times the cells. So everything at the coarse scale
(features, attention, flow, reconstruction) runs once on the whole map, and only the tail goes
tile by tile, each tile with as many coarse cells around it as the tail can see. No blending
and no seam: a tile's cells come out of the same sums as those of the whole.

Attention among all windows grows with the square of the coarse map's area. On a map of
562 × 437 coarse cells (East Asia at 0.01°) it is exact but takes some 700 times the work of the
paper's 100 × 90; `AirSTFMConfig.attention_radius` keeps it proportional to the area instead,
and is closer to what a network trained on 100 × 90 has seen. Either way memory stays bounded.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from engine.superresolution.networks.airstfm import AirSTFM
from engine.superresolution.networks.layers import SCALE, FineMap, expand_mask
from engine.superresolution.networks.video import VideoNetwork

HALO = 2  # coarse cells the tail sees beyond a cell: 1 + 1/2 + 1/4 + 1/8 + 1/8


@torch.inference_mode()
def tiled(
    network: AirSTFM | VideoNetwork,
    coarse: Float[Tensor, "b t 1 h w"],
    mask: Bool[Tensor, "b #t h w"] | None = None,
    *,
    fine_mask: Bool[Tensor, "b #f fine_h fine_w"] | None = None,
    base: Float[Tensor, "b f 1 fine_h fine_w"] | None = None,
    guide: Float[Tensor, "b #f k fine_h fine_w"] | None = None,
    frames: Sequence[int] | None = None,
    tile: int = 48,
) -> FineMap:
    """What `network(...)` gives, the fine scale computed in tiles of `tile` coarse cells.

    Arguments as for `AirSTFM.forward`. For inference: no gradient flows.

    Raises:
        ValueError: As `AirSTFM.forward`, or if a tile has no cell.
    """
    if tile < 1:
        raise ValueError(f"tile={tile}; choose at least 1 coarse cell")
    wanted = tuple(range(coarse.shape[1])) if frames is None else tuple(frames)
    features, rebuilt = network.encode(coarse, mask, guide=guide, frames=wanted)
    b, f, _, h, w = features.shape
    planes = coarse.new_empty(b, f, network.tail.last.out_channels, SCALE * h, SCALE * w)
    for top in range(0, h, tile):
        for left in range(0, w, tile):
            rows, inner_rows = _around(top, min(top + tile, h), h)
            columns, inner_columns = _around(left, min(left + tile, w), w)
            at_fine = None
            if guide is not None and network.tail.guide is not None:
                around = guide[..., _fine(rows), _fine(columns)]
                at_fine = around.expand(-1, f, -1, -1, -1).flatten(0, 1)
            part = network.tail(features[..., rows, columns].flatten(0, 1), at_fine)
            inner = part[..., _fine(inner_rows), _fine(inner_columns)]
            target = planes[..., _fine(slice(top, top + tile)), _fine(slice(left, left + tile))]
            target.copy_(inner.view(target.shape))
    valid = expand_mask(mask, coarse)[:, list(wanted)]
    return network.finish(planes, coarse[:, list(wanted)], valid, fine_mask, base, rebuilt)


def _around(first: int, stop: int, length: int) -> tuple[slice, slice]:
    """The cells with their halo, and where in them the cells themselves lie."""
    low, high = max(first - HALO, 0), min(stop + HALO, length)
    return slice(low, high), slice(first - low, stop - low)


def _fine(coarse: slice) -> slice:
    return slice(coarse.start * SCALE, coarse.stop * SCALE)
