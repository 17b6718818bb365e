"""Study pairs: a coarse map made from a fine one, so that what a model restores can be checked.

Source: Li et al. 2025, Atmosphere 16, 166, section 3.1: a coarse value is the mean of the fine
cells of its block. We count valid cells only; the paper does not say what it does at the coast.
"""

import numpy as np
import xarray as xr

from engine.core.blocks import block_mean
from engine.core.schema import grid_of

FACTOR = 8


def degrade(dataset: xr.Dataset, factor: int = FACTOR) -> xr.Dataset:
    """What a super-resolution model may see of a gridded dataset: coarse map and fine mask.

    Fine values are not in it. Rows and columns that fill no whole block, at the south and east,
    are left out.

    Args:
        dataset: A checked gridded dataset.
        factor: Fine cells along a block's side.

    Returns:
        `coarse(valid_time, coarse_latitude, coarse_longitude)` in ug m-3, NaN where a block holds
        no valid cell, and `mask(valid_time, latitude, longitude)`, True where a fine cell is.

    Raises:
        RequestError: If the grid holds no whole block.
    """
    fine = target_of(dataset, factor)
    grid = grid_of(dataset).coarsen(factor)
    values = fine.values
    pair = xr.Dataset(
        {
            "coarse": (
                ("valid_time", "coarse_latitude", "coarse_longitude"),
                block_mean(values, factor),
                {"units": "ug m-3", "long_name": "PM2.5 of the coarse map"},
            ),
            "mask": (("valid_time", "latitude", "longitude"), np.isfinite(values)),
        },
        coords={
            "valid_time": fine["valid_time"],
            "latitude": fine["latitude"],
            "longitude": fine["longitude"],
            "coarse_latitude": grid.latitude,
            "coarse_longitude": grid.longitude,
        },
        attrs=dict(dataset.attrs),
    )
    pair.attrs |= {"factor": factor, "coarse_origin": origin(factor)}
    return pair


def target_of(dataset: xr.Dataset, factor: int = FACTOR) -> xr.DataArray:
    """The fine map itself, cropped to whole blocks: what a prediction is compared with.

    Raises:
        RequestError: If the grid holds no whole block.
    """
    grid = grid_of(dataset).coarsen(factor)
    return dataset["pm2p5"].isel(
        latitude=slice(grid.rows * factor), longitude=slice(grid.columns * factor)
    )


def origin(factor: int) -> str:
    """How a coarse map was made, for the attributes of everything that comes of it."""
    return f"block mean of the fine map by factor {factor} (synthetic degradation)"
