"""Station readings to a map, and to each station from all the others.

The leave-one-out value at a station is the only honest one to score a reanalysis by: at a station
that it has seen, an interpolation is exact and says nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from pykrige.ok import OrdinaryKriging
from torch import Tensor, nn

from engine.core.errors import RequestError
from engine.core.grid import EARTH_RADIUS_KM, Grid
from engine.core.schema import Kind
from engine.core.task import Need, Task
from engine.stations.networks.knn import InverseDistance, along_arc, chord, great_circle_km

TASK = Task("reanalysis", (Need("stations"),))
NEIGHBOURS = 12
# With fewer, a variogram has hardly a pair of stations in each class of distance.
FEWEST_FOR_KRIGING = 6
FEWEST = 2
POINTS_AT_ONCE = 8192


@dataclass(frozen=True)
class InverseDistanceMap:
    """Runs `engine.stations.networks.knn.InverseDistance`.

    Attributes:
        grid: Where the map is made.
        neighbours: Stations that a point looks at; all of them where there are fewer.
    """

    grid: Grid
    neighbours: int = NEIGHBOURS
    task: Task = TASK

    def prepare(self, inputs: Mapping[Kind, xr.Dataset]) -> Mapping[str, Tensor]:
        """Readings of the stations that have one, their places and the cells' centres."""
        return readings_of(inputs["stations"], self.grid, fewest=FEWEST)

    def run(
        self, network: nn.Module, tensors: Mapping[str, Tensor], generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """The map and the leave-one-out values."""
        if not isinstance(network, InverseDistance):
            raise TypeError(f"{type(network).__name__} is not InverseDistance")
        values, stations, points = (tensors[n] for n in ("values", "stations", "points"))
        k = min(self.neighbours, len(stations))
        others = min(self.neighbours, len(stations) - 1)
        return {
            "prediction": network(values, stations, points, k=k)[0],
            "leave_one_out": network.leave_one_out(values, stations, k=others)[0],
            "distance": nearest_km(points, stations),
        }

    def restore(
        self, output: Mapping[str, Tensor], inputs: Mapping[Kind, xr.Dataset]
    ) -> xr.Dataset:
        """The map on its grid, and what was observed and left out at each station."""
        return on_grid(output, inputs["stations"], self.grid)


@dataclass(frozen=True)
class KrigingMap:
    """Ordinary kriging by PyKrige, with great-circle distances.

    The variogram is exponential, which stays a valid one on a sphere, and is fitted to the
    readings of the time requested. The leave-one-out values keep the variogram that all stations
    gave; refitting it without each one changes them little and costs as many fits as stations.

    Attributes:
        grid: Where the map is made.
    """

    grid: Grid
    task: Task = TASK

    def prepare(self, inputs: Mapping[Kind, xr.Dataset]) -> Mapping[str, Tensor]:
        """As for inverse distance."""
        return readings_of(inputs["stations"], self.grid, fewest=FEWEST_FOR_KRIGING)

    def run(
        self, network: nn.Module, tensors: Mapping[str, Tensor], generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """The map, its standard deviation and the leave-one-out values. No network runs."""
        values, stations, points = (
            tensors[n].cpu().double().numpy() for n in ("values", "stations", "points")
        )
        places, owner = np.unique(stations, axis=0, return_inverse=True)
        # Two stations at one place would make the system singular: they count as one, their mean.
        shared = np.bincount(owner, values[0]) / np.bincount(owner)
        if np.ptp(shared) == 0:
            mean, deviation, left_out = _flat(shared[0], len(points), len(places))
        else:
            kriging = fit_variogram(places, shared)
            mean, deviation = _execute(kriging, points)
            left_out = leave_one_out(kriging, places, shared)
        return {
            # A weight can be negative, and so can a sum of concentrations; none of them is.
            "prediction": torch.from_numpy(np.clip(mean, 0, None)),
            "uncertainty": torch.from_numpy(deviation),
            "leave_one_out": torch.from_numpy(np.clip(left_out, 0, None)[owner]),
            "distance": nearest_km(tensors["points"], tensors["stations"]),
        }

    def restore(
        self, output: Mapping[str, Tensor], inputs: Mapping[Kind, xr.Dataset]
    ) -> xr.Dataset:
        """As for inverse distance, with the standard deviation of the map."""
        return on_grid(output, inputs["stations"], self.grid)


def fit_variogram(
    places: NDArray[np.float64], values: NDArray[np.float64], parameters: list[float] | None = None
) -> OrdinaryKriging:
    """PyKrige's model of the readings; `places` are latitude and longitude in degrees."""
    return OrdinaryKriging(
        places[:, 1] % 360,
        places[:, 0],
        values,
        variogram_model="exponential",
        variogram_parameters=parameters,
        coordinates_type="geographic",
    )


def leave_one_out(
    kriging: OrdinaryKriging, places: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The kriged value at each place from all the others, with the given variogram.

    In closed form: with A the kriging matrix bordered by ones and B its inverse, the error at i
    without i is (B z)_i / B_ii.

    Source: Dubrule (1983), Mathematical Geology 15, 687-699, doi:10.1007/BF01033232.
    """
    points = torch.from_numpy(places)
    degrees = great_circle_km(points, points).numpy() / (np.pi / 180 * EARTH_RADIUS_KM)
    gamma = kriging.variogram_function(kriging.variogram_model_parameters, degrees)
    np.fill_diagonal(gamma, 0)
    n = len(values)
    bordered = np.ones((n + 1, n + 1))
    bordered[:n, :n] = -gamma
    bordered[n, n] = 0
    inverse = np.linalg.inv(bordered)
    error: NDArray[np.float64] = (inverse[:n, :n] @ values) / np.diag(inverse)[:n]
    return values - error


def readings_of(stations: xr.Dataset, grid: Grid, *, fewest: int) -> Mapping[str, Tensor]:
    """Readings as tensors: `values` (1, n), `stations` (n, 2), `points` (cells, 2), in degrees.

    Raises:
        RequestError: If fewer than `fewest` stations have a reading.
    """
    reading = stations["pm2p5"].values[0]
    valid = np.isfinite(reading)
    if int(valid.sum()) < fewest:
        raise RequestError(
            "a reading is there at {valid} of {size} stations, and {fewest} are needed",
            remedy="Choose another date or a larger region",
            valid=int(valid.sum()),
            size=valid.size,
            fewest=fewest,
        )
    places = np.stack([stations["latitude"].values, stations["longitude"].values], axis=1)
    centres = np.stack(np.meshgrid(grid.latitude, grid.longitude, indexing="ij"), axis=-1)
    return {
        "values": torch.from_numpy(reading[valid].astype(np.float64))[None],
        "stations": torch.from_numpy(places[valid].astype(np.float64)),
        "points": torch.from_numpy(centres.reshape(-1, 2)),
    }


def nearest_km(points: Tensor, stations: Tensor) -> Tensor:
    """Distance of each point to its nearest station, km."""
    return torch.cat(
        [
            along_arc(chord(some, stations).min(1).values)
            for some in torch.split(points, POINTS_AT_ONCE)
        ]
    )


def on_grid(output: Mapping[str, Tensor], stations: xr.Dataset, grid: Grid) -> xr.Dataset:
    """Flat tensors as a dataset: the map, its distance to stations, and the stations' values."""
    valid = np.isfinite(stations["pm2p5"].values[0])
    left_out = np.full(valid.size, np.nan, dtype=np.float32)
    left_out[valid] = output["leave_one_out"].cpu().numpy()
    fine = ("valid_time", "latitude", "longitude")
    maps = {
        name: output[key].cpu().numpy().astype(np.float32).reshape(1, *grid.shape)
        for key, name in (("prediction", "pm2p5"), ("uncertainty", "uncertainty"))
        if key in output
    }
    kept = {c: stations[c] for c in ("name",) if c in stations.coords}
    result = xr.Dataset(
        {name: (fine, values, {"units": "ug m-3"}) for name, values in maps.items()}
        | {
            "observed": (("valid_time", "station"), stations["pm2p5"].values, {"units": "ug m-3"}),
            "leave_one_out": (("valid_time", "station"), left_out[None], {"units": "ug m-3"}),
            "station_distance": (
                ("latitude", "longitude"),
                output["distance"].cpu().numpy().astype(np.float32).reshape(grid.shape),
                {"units": "km", "long_name": "Distance to the nearest station"},
            ),
            "station_latitude": (
                "station",
                stations["latitude"].values,
                {"units": "degrees_north"},
            ),
            "station_longitude": (
                "station",
                stations["longitude"].values,
                {"units": "degrees_east"},
            ),
        },
        coords={
            "valid_time": stations["valid_time"],
            "latitude": grid.latitude,
            "longitude": grid.longitude,
            "station": stations["station"].values
            if "station" in stations.coords
            else np.arange(valid.size),
            **{name: ("station", array.values) for name, array in kept.items()},
        },
        attrs=dict(stations.attrs),
    )
    return result


def _execute(
    kriging: OrdinaryKriging, points: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    parts = [
        kriging.execute("points", some[:, 1] % 360, some[:, 0], backend="vectorized")
        for some in np.array_split(points, -(-len(points) // POINTS_AT_ONCE))
    ]
    mean = np.concatenate([np.asarray(part[0]) for part in parts])
    # Rounding makes the variance at a station a little negative.
    variance = np.concatenate([np.asarray(part[1]) for part in parts]).clip(0)
    return mean, np.sqrt(variance)


def _flat(
    value: float, points: int, places: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """All stations read the same: there is no variogram to fit, and nothing to be uncertain of."""
    return np.full(points, value), np.zeros(points), np.full(places, value)
