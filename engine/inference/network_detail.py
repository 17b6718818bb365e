"""Detail that a super-resolution network gives a coarse product, on the product's own cells.

Networks know blocks of eight by eight. Where a coarse cell is about that wide, its values go by
area to nested blocks, the network draws the fine map, and the means of the product's own cells are
put back. A network is a candidate and never a default: it has to be shown to be better at stations.
"""

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from engine.core import dates
from engine.core.schema import grid_of
from engine.data import pairs
from engine.downscaling.area_means import match_area_means
from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid
from engine.inference import catalogue
from engine.inference.builders import Model, Setting
from engine.inference.ranking import NETWORK_CELLS, usable

if TYPE_CHECKING:
    from engine.inference.coarse_maps import Maps

FACTOR = pairs.FACTOR
NARROWEST, WIDEST = 5.6, 11.3  # fine cells along a coarse cell: 8 / √2 to 8 · √2


def candidates(maps: "Maps") -> list[str]:
    """Networks that can draw detail here; none where coarse cells are not about eight fine ones."""
    if maps.coarse is None or maps.hour is not None or maps.period != maps.about.period:
        return []
    ratio = grid_of(maps.coarse).step_lat / maps.grid.step_lat
    nested = maps.grid.rows >= FACTOR and maps.grid.columns >= FACTOR
    if not NARROWEST <= ratio <= WIDEST or not nested:
        return []
    if maps.grid.rows * maps.grid.columns > NETWORK_CELLS:
        return []
    return [name for name in catalogue.NETWORKS if usable(name, maps.about)]


@dataclass(frozen=True)
class NetworkDetail:
    """A network that is open for the grid of some maps.

    Attributes:
        maps: The coarse dataset and the fine grid.
        model: Recipe and network.
    """

    maps: "Maps"
    model: Model

    @classmethod
    def opened(cls, maps: "Maps", name: str) -> "NetworkDetail":
        """The network with its shipped or own weights.

        Raises:
            EngineError: If there are no weights, or the grid does not suit them.
        """
        rows, columns = _nested(maps)
        setting = Setting(
            maps.about,
            _frames(maps, [_first(maps)]),
            grid=maps.grid.crop(rows, columns),
            window=(rows, columns),
            factor=FACTOR,
        )
        model = catalogue.find(name).build(setting)
        model.network.eval()
        return cls(maps, model)

    def of(self, date: dt.date, smooth: NDArray[np.float64]) -> NDArray[np.float64]:
        """The fine map of a date, ug m-3, with the means of the product's own cells.

        Args:
            date: Local date.
            smooth: (row, column), the map drawn smoothly: where blocks do not reach, it stands.

        Raises:
            EngineError: If the date has no data.
        """
        maps, need = self.maps, self.model.recipe.task.needs[0]
        if maps.coarse is None:
            raise ValueError("there is no coarse dataset")
        around = dates.run_of_dates(maps.coarse, date, need.before, need.after)
        pair = pairs.degrade(_frames(maps, around), FACTOR)
        recipe = self.model.recipe
        with torch.inference_mode():
            tensors = recipe.prepare({"grid": pair})
            generator = torch.Generator().manual_seed(0)
            made = recipe.restore(
                recipe.run(self.model.network, tensors, generator), {"grid": pair}
            )
        fine = smooth.copy()
        rows, columns = _nested(maps)
        drawn = made["pm2p5"].values[0].astype(np.float64)
        part = fine[rows, columns]
        fine[rows, columns] = np.where(np.isfinite(drawn) & np.isfinite(part), drawn, part)
        source = RegularCells.from_grid(grid_of(maps.coarse))
        values = maps.of(date)["pm2p5"].values[0].astype(np.float64)
        return match_area_means(fine, values, overlap(maps.cells, source)).values


def _nested(maps: "Maps") -> tuple[slice, slice]:
    """Rows and columns of the fine grid that make whole blocks, from the north-west corner."""
    rows, columns = (size // FACTOR * FACTOR for size in (maps.grid.rows, maps.grid.columns))
    return slice(0, rows), slice(0, columns)


def _first(maps: "Maps") -> dt.date:
    if maps.coarse is None:
        raise ValueError("there is no coarse dataset")
    return dates.local_dates(maps.coarse)[0].astype("datetime64[D]").item()  # type: ignore[no-any-return]


def _frames(maps: "Maps", days: list[dt.date]) -> xr.Dataset:
    """Coarse maps of some dates as block-constant fine maps: their block means are the values."""
    if maps.coarse is None:
        raise ValueError("there is no coarse dataset")
    rows, columns = _nested(maps)
    nested = maps.grid.crop(rows, columns)
    blocks = RegularCells.from_grid(nested.coarsen(FACTOR))
    shares = overlap(RegularCells.from_grid(grid_of(maps.coarse)), blocks)
    steps = []
    for day in days:
        there = maps.of(day)
        values = regrid(there["pm2p5"].values[0], shares, min_valid_share=0.0)
        fine = np.kron(values, np.ones((FACTOR, FACTOR))).astype(np.float32)
        step = xr.Dataset(
            {"pm2p5": (("valid_time", "latitude", "longitude"), fine[None], {"units": "ug m-3"})},
            coords={
                "valid_time": there["valid_time"].values[:1],
                "latitude": nested.latitude,
                "longitude": nested.longitude,
            },
            attrs=dict(maps.coarse.attrs),
        )
        steps.append(step)
    return steps[0] if len(steps) == 1 else xr.concat(steps, "valid_time")
