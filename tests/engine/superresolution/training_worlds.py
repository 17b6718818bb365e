from dataclasses import replace

import torch

from engine.superresolution.batches import SCALE, Series
from engine.superresolution.networks.airstfm import SMALL, AirSTFM
from engine.superresolution.training_config import TrainingConfig

TINY = replace(
    SMALL,
    channels=4,
    extraction_blocks=1,
    reconstruction_blocks=1,
    reconstruction_channels=4,
    tail_channels=4,
    patch=3,
    pretext_depth=1,
    flow_blocks=1,
    flow_levels=2,
    flow_widths=(4,),
    mask_plane=True,
    conserve=True,
    log_scale=True,
)
SHORT = TrainingConfig(
    steps=12,
    pretext_steps=4,
    batch=2,
    crop=5,
    learning_rate=3e-3,
    warm_up=2,
    flow_frozen=6,
    loss="gaussian",
    average=0.9,
    check_every=3,
)


def stripes(frames=9, rows=6, columns=7, seed=0):
    """Fine maps that are the coarse ones plus a pattern that never changes: easy to learn."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(frames, rows, columns, generator=generator)
    mask = torch.ones(1, rows, columns, dtype=torch.bool)
    mask[0, 0, 0] = False
    pattern = torch.linspace(-1, 1, SCALE).expand(SCALE, SCALE).repeat(rows, columns)
    fine = coarse.repeat_interleave(SCALE, 1).repeat_interleave(SCALE, 2) + pattern
    fine_mask = mask.repeat_interleave(SCALE, 1).repeat_interleave(SCALE, 2)
    return Series(coarse * mask, mask, fine * fine_mask, fine_mask)


def tiny(seed=0, **changes):
    torch.manual_seed(seed)
    return AirSTFM(replace(TINY, **changes))
