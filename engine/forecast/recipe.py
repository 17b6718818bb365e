"""The recent past to the near future, on a grid, at stations or on the cells of mobile samples."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.core.schema import Kind, Period
from engine.core.task import Need, Task


@dataclass(frozen=True)
class Persistence:
    """What was last measured in each place goes on, whatever the lead time.

    Attributes:
        lead_times: Steps ahead.
    """

    lead_times: int

    @property
    def task(self) -> Task:
        """A forecast from what was measured up to the initial time."""
        return Task("forecast", (Need("grid"),), lead_times=self.lead_times)

    def prepare(self, inputs: Mapping[Kind, xr.Dataset]) -> Mapping[str, Tensor]:
        """`recent` (time, ...) up to the initial time, NaN where nothing was measured."""
        recent = next(iter(inputs.values()))
        return {"recent": torch.tensor(recent["pm2p5"].values)}

    def run(
        self, network: nn.Module, tensors: Mapping[str, Tensor], generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """The last value of each place, repeated for each lead time."""
        recent = tensors["recent"]
        last = recent[0]
        for step in recent[1:]:
            last = torch.where(step.isnan(), last, step)
        return {"prediction": last.expand(1, self.lead_times, *last.shape)}

    def restore(
        self, output: Mapping[str, Tensor], inputs: Mapping[Kind, xr.Dataset]
    ) -> xr.Dataset:
        """Forecasts as `pm2p5(realization, lead_time, ...)`, with init_time and valid_time."""
        recent = next(iter(inputs.values()))
        return by_lead_time(output["prediction"], recent)


def by_lead_time(prediction: Tensor, recent: xr.Dataset) -> xr.Dataset:
    """Forecasts (realization, lead, ...) as a dataset on the places of `recent`."""
    place = [str(dim) for dim in recent["pm2p5"].dims[1:]]
    init = recent["valid_time"].values[-1].astype("datetime64[ns]")
    times = valid_times(init, recent.attrs["period"], prediction.shape[1])
    result = xr.Dataset(
        {
            "pm2p5": (
                ("realization", "lead_time", *place),
                prediction.to(torch.float32).cpu().numpy(),
                {"units": "ug m-3"},
            )
        },
        coords={
            "realization": np.arange(prediction.shape[0]),
            "lead_time": times - init,
            "init_time": init,
            "valid_time": ("lead_time", times),
            **{
                str(name): array
                for name, array in recent.coords.items()
                if "valid_time" not in array.dims
            },
        },
        attrs=dict(recent.attrs),
    )
    return result


def valid_times(init: np.datetime64, period: Period, count: int) -> NDArray[np.datetime64]:
    """The `count` starts of a period after `init`, datetime64[ns]."""
    if period == "month":
        # The first of the next months: months have no common length.
        months = init.astype("datetime64[M]") + np.arange(1, count + 1)
        return np.asarray(months.astype("datetime64[ns]"))
    step = np.timedelta64(1, "h" if period == "hour" else "D").astype("timedelta64[ns]")
    return np.asarray(pd.DatetimeIndex([init]).values[0] + step * np.arange(1, count + 1))
