"""A gridded source that is read step by step, so that a year of 0.01° maps needs the room of one.

Readers of NetCDF and GeoTIFF give a `GridStack`; the library writes its steps as they come.
`as_dataset` loads a small one whole.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core.grid import Grid
from engine.core.schema import Period, check
from engine.core.variables import ALTITUDE, HEIGHT, VARIABLES
from engine.data.calendar import Times

Step = tuple[int, NDArray[np.float32]]


@dataclass(frozen=True)
class GridStack:
    """Maps of PM2.5 on one grid, not yet read.

    Attributes:
        valid_time: UTC start of the period of each step, increasing, unique.
        grid: Where the values lie.
        period: What a step is a mean over.
        attributes: The dataset's attributes, as `engine.core.schema` lists them and more.
        read: Gives (position in `valid_time`, values in ug m-3 with rows from the north), in
            whichever order the files allow.
        finish: To be called after the last step: what to report to the user.
        altitude: Height of the ground in m on the grid, NaN where unknown, if the files bring it.
    """

    valid_time: Times
    grid: Grid
    period: Period
    attributes: Mapping[str, str | int | float]
    read: Callable[[], Iterator[Step]]
    finish: Callable[[], list[str]]
    altitude: NDArray[np.float32] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Steps, rows, columns."""
        return (len(self.valid_time), *self.grid.shape)


def pm2p5_attributes() -> dict[str, str]:
    """Attributes of the variable in every dataset."""
    entry = VARIABLES["pm2p5"]
    return {
        "units": entry.units,
        "long_name": entry.long_name,
        "standard_name": entry.standard_name,
    }


def coordinates(stack: GridStack) -> xr.Dataset:
    """The stack without its values: coordinates and attributes."""
    dataset = xr.Dataset(
        coords={
            "valid_time": ("valid_time", stack.valid_time.astype("datetime64[ns]")),
            "latitude": (
                "latitude",
                stack.grid.latitude,
                {"units": "degrees_north", "standard_name": "latitude"},
            ),
            "longitude": (
                "longitude",
                stack.grid.longitude,
                {"units": "degrees_east", "standard_name": "longitude"},
            ),
        },
        attrs=dict(stack.attributes),
    )
    if stack.altitude is None:
        return dataset
    attributes = {"units": HEIGHT.units, "standard_name": HEIGHT.standard_name}
    # A coordinate: it belongs to the cells and not to the dates.
    return dataset.assign_coords(
        {ALTITUDE: (("latitude", "longitude"), stack.altitude, attributes)}
    )


def as_dataset(stack: GridStack) -> xr.Dataset:
    """The whole stack in memory, `pm2p5(valid_time, latitude, longitude)` in ug m-3, checked.

    The notes of the reader are in attribute `notes`.

    Raises:
        DataError: As the reader finds the files.
    """
    values = np.full(stack.shape, np.nan, np.float32)
    for position, step in stack.read():
        values[position] = step
    notes = stack.finish()
    dataset = coordinates(stack)
    dataset["pm2p5"] = (("valid_time", "latitude", "longitude"), values, pm2p5_attributes())
    dataset.attrs["notes"] = "\n".join(notes)
    return check(dataset, where=str(stack.attributes["source"]))
