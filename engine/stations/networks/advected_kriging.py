"""Kriging whose covariance travels with the wind: what a place breathed was upwind before.

Two readings are alike for three reasons: the same air passed both stations (a covariance of the
distance between them *in the air's own frame*, that is after the wind has carried one to the hour
of the other), the same weather and hours lie over both (a covariance of distance and of time that
stays where it is), and a station's own surroundings. Weights add up to one: ordinary kriging. So
hours before inform places downwind and hours after of places upwind; without wind it is a
space-time kriging with two scales.

Source: covariances in the moving frame, Cox and Isham 1988; Gneiting, Genton and Guttorp 2007,
"Geostatistical space-time models, stationarity, separability, and full symmetry". Departures: the
wind is the one measured at the stations, hour by hour, times a factor that is fitted, since the air
at the ground is slower than the air that carries; parameters are those with the smallest errors at
stations left out.
"""

from dataclasses import astuple, dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from engine.stations.networks.kriging_solver import STEADY, kriging_weights

SOFT_KM2 = 1e-6  # so that a distance of nothing has a gradient


@dataclass(frozen=True)
class TransportCovariance:
    """What the covariance is made of, beside the part that stays where it is, which is 1.

    Attributes:
        share: Of what travels with the air.
        reach: Of that, km.
        memory: Of that, time steps.
        still_reach: Of what stays, km.
        still_memory: Of what stays, time steps.
        own: Of a station's surroundings, shared with nobody.
        own_memory: Of those, time steps.
        noise: Of a single reading.
        speed: Of the air, in speeds of the wind that is measured.
    """

    share: float = 0.5
    reach: float = 70.0
    memory: float = 15.0
    still_reach: float = 90.0
    still_memory: float = 20.0
    own: float = 0.05
    own_memory: float = 8.0
    noise: float = 0.02
    speed: float = 1.5

    def __post_init__(self) -> None:
        """Refuse what is no covariance.

        Raises:
            ValueError: If a value is not above zero.
        """
        if min(astuple(self)) <= 0:
            raise ValueError("shares, distances, times and speed must be above 0")

    def tensor(self) -> Tensor:
        """The values in their order, (9)."""
        return torch.tensor(astuple(self))


def carried(
    values: Float[Tensor, "query seen"],
    offset: Float[Tensor, "query place 2"],
    drift: Float[Tensor, "query seen 2"],
    lag: Float[Tensor, " seen"],
    station: Int[Tensor, " seen"],
    air: Float[Tensor, "9"],
) -> Float[Tensor, " query"]:
    """The estimate from all readings at a place, in their units; 0 where there is none.

    Args:
        values: Readings, NaN where there is none.
        offset: East and north from the place to each station, km.
        drift: How far the measured wind blows from the hour requested to each reading's, km.
        lag: Time steps from the hour requested to each reading's.
        station: Which station each is of.
        air: As `TransportCovariance.tensor` gives it.
    """
    share, reach, memory, still_reach, still_memory, own, own_memory, noise, speed = air
    valid = values.isfinite()
    moving = offset[:, station] - speed * drift  # where that air is at the hour requested
    apart = (lag[:, None] - lag).abs()
    same = (station[:, None] == station).to(values)
    # What stays is the same for all hours of two stations, but for a factor.
    still = torch.exp(_between(offset) / -still_reach).flatten(1)
    pair = (station[:, None] * offset.shape[1] + station).flatten()
    inner = torch.addcmul(
        own * same * torch.exp(-apart / own_memory),
        still[:, pair].reshape(-1, *apart.shape),
        torch.exp(-apart / still_memory),
    )
    inner = inner + torch.exp(-_between(moving / reach)) * (share * torch.exp(-apart / memory))
    outer = share * torch.exp(-_km(moving) / reach - lag.abs() / memory) + torch.exp(
        -_km(offset)[:, station] / still_reach - lag.abs() / still_memory
    )
    weight = kriging_weights(inner, outer, valid, noise + STEADY)
    predicted: Tensor = (weight * values.nan_to_num()).sum(-1)
    return predicted


def _km(offset: Tensor) -> Tensor:
    return (offset.square().sum(-1) + SOFT_KM2).sqrt()


def _between(points: Float[Tensor, "query seen 2"]) -> Float[Tensor, "query seen seen"]:
    """Distances of all pairs."""
    distances: Tensor = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    return distances
