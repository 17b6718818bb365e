"""Coarse frames to a fine map: what every super-resolution model sees and gives back.

A recipe is given a study pair (`engine.data.pairs`) with the frames its task needs and never sees
a fine value. `Classical` runs the parameter-free models in ug m-3; `Learned` runs networks in
their own normalisation. A new network needs no new recipe if it takes
`(coarse, mask, *, fine_mask, base, frames)` and gives a `FineMap`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from engine.core.schema import Kind
from engine.core.task import Need, Task
from engine.superresolution.networks.layers import FineMap
from engine.superresolution.networks.tiling import tiled
from engine.superresolution.networks.video import VideoNetwork

SINGLE_FRAME = Task("super-resolution", (Need("grid"),))


@dataclass(frozen=True)
class Classical:
    """For models that work in ug m-3 on one frame: `engine.superresolution.networks.classical`."""

    task: Task = SINGLE_FRAME

    def prepare(self, inputs: Mapping[Kind, xr.Dataset]) -> Mapping[str, Tensor]:
        """Coarse frames and masks; 0 where there is no data."""
        return frames_of(inputs["grid"], self.task)

    def run(
        self, network: nn.Module, tensors: Mapping[str, Tensor], generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """The fine map in ug m-3. Nothing here is random."""
        fine: FineMap = network(
            tensors["coarse"],
            tensors["mask"],
            fine_mask=tensors["fine_mask"],
            month=tensors["month"],
        )
        return {"prediction": fine.mean[0, 0, 0]}

    def restore(
        self, output: Mapping[str, Tensor], inputs: Mapping[Kind, xr.Dataset]
    ) -> xr.Dataset:
        """The fine map on the grid's cells, with the coarse map it came from."""
        return on_cells(output, inputs["grid"], self.task)


@dataclass(frozen=True)
class Learned:
    """For networks that see several frames, normalised, and may start from a base map.

    Attributes:
        task: What the network needs.
        mean: Of the training part, ug m-3.
        std: Of the training part, ug m-3.
        base: A classical model whose map the network corrects, or None for its own bilinear one.
        spread: Standard deviation of the error where the network's scale is 1: 1 for a normal
            error, the square root of 2 for a Laplace one.
    """

    task: Task
    mean: float
    std: float
    base: nn.Module | None = None
    spread: float = 1.0

    def prepare(self, inputs: Mapping[Kind, xr.Dataset]) -> Mapping[str, Tensor]:
        """Normalised frames, 0 where there is no data, and the raw ones for the base map."""
        tensors = dict(frames_of(inputs["grid"], self.task))
        tensors["raw"] = tensors["coarse"]
        normal = (tensors["coarse"] - self.mean) / self.std
        tensors["coarse"] = torch.where(tensors["mask"][:, :, None], normal, 0)
        return tensors

    def run(
        self, network: nn.Module, tensors: Mapping[str, Tensor], generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """Fine map and, where the network has one, its standard deviation, both in ug m-3."""
        centre = self.task.needs[0].before
        base = None
        if self.base is not None:
            here = slice(centre, centre + 1)
            first: FineMap = self.base.to(tensors["raw"].device)(
                tensors["raw"][:, here],
                tensors["mask"][:, here],
                fine_mask=tensors["fine_mask"],
                month=tensors["month"][:, here],
            )
            base = (first.mean - self.mean) / self.std
        # The tail of a video network, which works on fine cells, goes tile by tile.
        answer = partial(tiled, network) if isinstance(network, VideoNetwork) else network
        fine: FineMap = answer(
            tensors["coarse"],
            tensors["mask"],
            fine_mask=tensors["fine_mask"],
            base=base,
            frames=(centre,),
        )
        # A concentration below 0 is no concentration; the network does not know that.
        result = {"prediction": (fine.mean[0, 0, 0] * self.std + self.mean).clamp(min=0)}
        if fine.log_scale is not None:
            result["uncertainty"] = fine.log_scale[0, 0, 0].exp() * (self.std * self.spread)
        return result

    def restore(
        self, output: Mapping[str, Tensor], inputs: Mapping[Kind, xr.Dataset]
    ) -> xr.Dataset:
        """The fine map on the grid's cells, with the coarse map it came from."""
        return on_cells(output, inputs["grid"], self.task)


def frames_of(pair: xr.Dataset, task: Task) -> Mapping[str, Tensor]:
    """A study pair as tensors with a batch of one.

    Args:
        pair: With `before + 1 + after` frames of the task's grid need, in order.
        task: What it is for.

    Returns:
        `coarse` (1, t, 1, h, w) in ug m-3, 0 where `mask` (1, t, h, w) is False; `fine_mask`
        (1, 1, H, W) of the frame requested; `month` (1, t), 1 to 12, of the local date.

    Raises:
        ValueError: If the number of frames is not what the task needs.
    """
    need = task.needs[0]
    coarse = torch.from_numpy(np.ascontiguousarray(pair["coarse"].values, dtype=np.float32))
    if len(coarse) != need.before + 1 + need.after:
        raise ValueError(f"{len(coarse)} frames, not {need.before} + 1 + {need.after}")
    mask = ~coarse.isnan()
    fine_mask = torch.from_numpy(np.ascontiguousarray(pair["mask"].values[need.before]))
    shift = np.timedelta64(round(float(pair.attrs["utc_offset_hours"]) * 3600), "s")
    local = pair["valid_time"].values.astype("datetime64[s]") + shift
    month = torch.from_numpy(local.astype("datetime64[M]").astype(np.int64) % 12 + 1)
    return {
        "coarse": coarse.nan_to_num(nan=0.0)[None, :, None],
        "mask": mask[None],
        "fine_mask": fine_mask[None, None],
        "month": month[None],
    }


def on_cells(output: Mapping[str, Tensor], pair: xr.Dataset, task: Task) -> xr.Dataset:
    """Fine maps (H, W) as a dataset on the pair's fine cells, NaN outside the mask."""
    frame = slice(task.needs[0].before, task.needs[0].before + 1)
    here = pair.isel(valid_time=frame)
    valid = here["mask"].values
    dims = ("valid_time", "latitude", "longitude")
    result = xr.Dataset({"coarse": here["coarse"]}, attrs=dict(pair.attrs))
    for name, variable in (("prediction", "pm2p5"), ("uncertainty", "uncertainty")):
        if name in output:
            values = output[name].to(torch.float32).cpu().numpy()[None]
            result[variable] = (dims, np.where(valid, values, np.float32(np.nan)))
            result[variable].attrs["units"] = "ug m-3"
    return result.assign_coords(latitude=pair["latitude"], longitude=pair["longitude"])
