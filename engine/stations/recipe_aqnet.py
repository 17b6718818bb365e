"""AQ-Net's reanalysis: a map from stations, and each station from all the others.

What stations measured some hours before *and after* the one requested is used: this fills in the
past. A daily mean of hourly readings is the mean of its hourly maps.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

from engine.core.errors import RequestError
from engine.core.grid import Grid
from engine.core.schema import Kind
from engine.core.task import Need, Task
from engine.stations.networks.knn import along_arc, chord
from engine.stations.networks.neighbourhood import Record, nearest
from engine.stations.networks.reanalysis import FLOOR, NEAREST_KM, Reanalysis
from engine.stations.recipe import nearest_km, on_grid
from engine.stations.record import PLACES_AT_ONCE, estimate, record_of

# Above so many pairs of hour and cell, the correction is worked out on fewer nodes and drawn
# between them; inverse distance, which has the detail, stays with every cell.
MOST_QUERIES = 120_000
# Kriging bends little between nodes that lie closer than stations do, so it is drawn itself.
MOST_KRIGED = 8_000
PARTS = ("readings", "others", "clock", "places", "blown")  # of a record


@dataclass(frozen=True)
class AQNetMap:
    """Recipe of one set of weights.

    Attributes:
        grid: Where the map is made.
        lags: The network's.
        others: The network's further variables.
        factor: Turns its error scale into a standard deviation.
        day_factor: The same, for a daily mean of hourly estimates.
    """

    grid: Grid
    lags: tuple[int, ...]
    others: tuple[str, ...]
    factor: float = 1.0
    day_factor: float = 1.0

    @property
    def task(self) -> Task:
        """Stations, some steps before and after."""
        need = Need("stations", before=max(-self.lags[0], 0), after=max(self.lags[-1], 0))
        return Task("reanalysis", (need,))

    def prepare(self, inputs: Mapping[Kind, xr.Dataset]) -> Mapping[str, Tensor]:
        """The record around the date, which of its steps are requested, and the cells' centres.

        Raises:
            RequestError: If no station has a reading of the date.
        """
        stations = inputs["stations"]
        record = record_of(stations, self.others)
        requested = np.flatnonzero(stations["requested"].values)
        if not bool(np.isfinite(stations["of_date"].values).any()):
            raise RequestError(
                "no station has a reading", remedy="Choose another date or a larger region"
            )
        centres = np.stack(np.meshgrid(self.grid.latitude, self.grid.longitude, indexing="ij"), -1)
        # A station silent in the whole window would only take the place of one with observations.
        reporting = record.readings.isfinite().any(0)
        blown = {} if record.blown is None else {"blown": record.blown[:, reporting]}
        return blown | {
            "readings": record.readings[:, reporting],
            "others": record.others[:, reporting],
            "clock": record.clock,
            "places": record.places[reporting],
            "requested": torch.from_numpy(requested),
            "valid": torch.from_numpy(np.isfinite(stations["of_date"].values))[reporting],
            "points": torch.from_numpy(centres.reshape(-1, 2)),
        }

    def run(
        self, network: nn.Module, tensors: Mapping[str, Tensor], generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """The map, its standard deviation and the leave-one-out values. Nothing is random."""
        if not isinstance(network, Reanalysis):
            raise TypeError(f"{type(network).__name__} is not Reanalysis")
        record = Record(**{name: tensors[name] for name in PARTS if name in tensors})
        requested, points, valid = tensors["requested"], tensors["points"], tensors["valid"]
        value, scale = self._map(network, record, requested, points)
        factor = self.factor if len(requested) == 1 else self.day_factor
        return {
            "prediction": value,
            "uncertainty": scale * factor,
            "leave_one_out": left_out(network, record, requested, valid),
            "distance": nearest_km(points, record.places[valid]),
        }

    def restore(
        self, output: Mapping[str, Tensor], inputs: Mapping[Kind, xr.Dataset]
    ) -> xr.Dataset:
        """The map on its grid, and what was observed and left out at each station."""
        given = inputs["stations"]
        reading = given["of_date"].expand_dims(valid_time=[given["of_date"].attrs["valid_time"]])
        day = given.drop_dims("valid_time").assign(pm2p5=reading.astype(np.float32))
        return on_grid(output, day, self.grid)

    def _map(
        self, network: Reanalysis, record: Record, requested: Tensor, points: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Value and scale of each cell, means over the steps requested."""
        near = nearest(points, record.places, network.config.neighbours)
        smooth = network.config.base != "idw"
        most = MOST_KRIGED if smooth else MOST_QUERIES
        stride = math.ceil(math.sqrt(len(requested) * len(points) / most))
        if stride == 1:
            estimated = estimate(network, record, requested, near, points)
            shape = (len(requested), len(points))
            return estimated.value.reshape(shape).mean(0), estimated.scale.reshape(shape).mean(0)
        rows, columns = self.grid.shape
        few = (max(rows // stride, 2), max(columns // stride, 2))
        nodes = _nodes(self.grid, few).to(points)
        of_nodes = nearest(nodes, record.places, network.config.neighbours)
        estimated = estimate(network, record, requested, of_nodes, nodes)
        whole = torch.zeros(len(points), device=points.device)
        spread = torch.zeros_like(whole)
        for i, step in enumerate(requested.tolist()):
            part = slice(i * len(nodes), (i + 1) * len(nodes))
            plain = estimated.value.new_ones(())
            base = plain
            if not smooth:
                plain = interpolated(network, record, step, of_nodes, nodes)
                base = interpolated(network, record, step, near, points)
            ratio, relative = (
                _between((what[part] / plain).log(), few, (rows, columns)).exp()
                for what in (estimated.value, estimated.scale)
            )
            whole += base * ratio / len(requested)
            spread += base * relative / len(requested)
        return whole, spread


def left_out(network: Reanalysis, record: Record, requested: Tensor, valid: Tensor) -> Tensor:
    """The value at each observed station from all others; NaN where there is no other."""
    if len(record.places) < 2:
        return torch.full((int(valid.sum()),), torch.nan, device=record.places.device)
    near = nearest(record.places, record.places, network.config.neighbours, themselves=True)
    own = valid.nonzero()[:, 0]
    estimated = estimate(network, record, requested, near[valid], record.places[valid], own)
    return estimated.value.reshape(len(requested), -1).mean(0)


def interpolated(
    network: Reanalysis, record: Record, step: int, near: Tensor, points: Tensor
) -> Tensor:
    """Inverse distance at one time step, as the network has it without its correction, ug m-3."""
    lags = network.config.lags
    order = sorted((step + lag for lag in lags), key=lambda s: abs(s - step))
    value = torch.full_like(record.readings[0], torch.nan)
    for other in order:
        if 0 <= other < len(record.readings):
            value = torch.where(value.isnan(), record.readings[other], value)
    now = record.readings[step].isfinite()
    exponent = nn.functional.softplus(network.raw_exponent)
    parts = []
    for place, which in zip(
        torch.split(points, PLACES_AT_ONCE), torch.split(near, PLACES_AT_ONCE), strict=True
    ):
        distance = along_arc(chord(place, record.places)).gather(1, which).clamp(min=NEAREST_KM)
        score = -exponent * distance.float().log()
        score = score + torch.where(now, 0.0, -30.0)[which]
        score = score.masked_fill(value.isnan()[which], -120.0)
        weight = score.softmax(-1)
        parts.append((weight * value.nan_to_num(nan=0.0).clamp(min=FLOOR)[which]).sum(-1))
    return torch.cat(parts)


def _nodes(grid: Grid, shape: tuple[int, int]) -> Tensor:
    """Nodes that span a grid from its first to its last cell, (n, 2), degrees."""
    latitude, longitude = grid.latitude, grid.longitude
    down = np.linspace(latitude[0], latitude[-1], shape[0])
    across = np.linspace(longitude[0], longitude[-1], shape[1])
    return torch.from_numpy(np.stack(np.meshgrid(down, across, indexing="ij"), -1).reshape(-1, 2))


def _between(values: Tensor, few: tuple[int, int], many: tuple[int, int]) -> Tensor:
    """Values of nodes at every cell, along straight lines."""
    drawn = nn.functional.interpolate(
        values.reshape(1, 1, *few), size=many, mode="bilinear", align_corners=True
    )
    return drawn.flatten()
