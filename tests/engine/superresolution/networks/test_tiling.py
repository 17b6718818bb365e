from dataclasses import replace

import pytest
import torch

from engine.superresolution.networks.airstfm import SMALL, AirSTFM
from engine.superresolution.networks.tiling import tiled

TINY = replace(
    SMALL,
    channels=4,
    extraction_blocks=1,
    reconstruction_blocks=2,
    reconstruction_channels=8,
    tail_channels=8,
    patch=4,
    flow_levels=2,
    flow_widths=(4,),
)


def awake(config):
    torch.manual_seed(3)
    network = AirSTFM(config).eval()
    with torch.no_grad():
        for p in network.parameters():
            p.add_(torch.randn_like(p) * 0.1)
    return network


@pytest.mark.parametrize("tile", [1, 5, 7, 50])
@pytest.mark.parametrize(
    "changes",
    [{}, {"conserve": True}, {"guide": 2, "guide_at": "both", "log_scale": True}],
    ids=str,
)
def test_tiles_are_the_whole(changes, tile):
    network = awake(replace(TINY, **changes))
    g = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, 5, 1, 13, 11, generator=g)
    mask = torch.rand(1, 1, 13, 11, generator=g) > 0.3
    fine_mask = mask.repeat_interleave(8, 2).repeat_interleave(8, 3)
    k = network.config.guide
    guide = torch.randn(1, 1, k, 104, 88, generator=g) if k else None
    options = {"fine_mask": fine_mask, "guide": guide, "frames": (4, 1)}
    with torch.inference_mode():
        whole = network(coarse, mask, **options)
    parts = tiled(network, coarse, mask, tile=tile, **options)
    assert whole.mean.std() > 0.1
    torch.testing.assert_close(parts.mean, whole.mean, atol=1e-4, rtol=0)
    if whole.log_scale is not None:
        torch.testing.assert_close(parts.log_scale, whole.log_scale, atol=1e-4, rtol=0)


def test_a_tile_without_a_cell_is_refused():
    with pytest.raises(ValueError, match="tile=0; choose at least 1"):
        tiled(AirSTFM(TINY), torch.zeros(1, 5, 1, 8, 8), tile=0)


def test_attention_with_a_radius_does_not_look_further():
    """A change in one corner reaches no window beyond the radius and the convolutions' sight."""
    network = awake(replace(TINY, attention_radius=3, pretext=False, flow=False))
    coarse = torch.randn(1, 5, 1, 40, 8, generator=torch.Generator().manual_seed(0))
    other = coarse.clone()
    other[..., :2, :] += 5
    with torch.inference_mode():
        change = (network(coarse).mean - network(other).mean).abs().amax((0, 1, 2, 4))
    assert change[:16].min() > 0
    # Rows: 2 changed; extraction 1 + 2 and q, k, v 1; window 4 + radius 3 + window 4; out 1;
    # lift 1; reconstruction 4; tail 2.
    assert change[8 * (2 + 4 + 11 + 1 + 1 + 4 + 2) :].max() < 1e-5
