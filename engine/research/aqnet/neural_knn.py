"""Neural nearest neighbours: weights of stations that begin as inverse distance and can learn.

Source: Kheder et al. 2025, arXiv:2502.11941. The paper describes a learnable kNN between temporal
pooling and output; the published code interpolates finished predictions by plain inverse distance,
in degrees, after training and without a gradient. Both are here. With d the distance in km and
sigma the spacing of the network, the score of a neighbour is

    s = -a log(d / sigma + eps) + g(dx / sigma, dy / sigma, d / sigma, log(d / sigma + eps))

and the weights are softmax(s). g, of 4 → 32 → 1, ends in zeros: at first this is inverse distance
with exponent a = 1.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from engine.stations.networks.knn import along_arc, chord
from engine.stations.networks.neighbourhood import offsets
from engine.stations.networks.reanalysis import NEAREST_KM

Spatial = Literal["neural_feature", "idw_feature", "idw_prediction"]
EPSILON = 1e-3
# The published code's guard against a division by zero, in degrees.
EPSILON_DEGREES = 1e-8


@dataclass(frozen=True)
class Neighbours:
    """The nearest stations of points, and their weights, which add up to 1.

    Attributes:
        which: Positions among the stations, (point, near).
        weight: (point, near).
    """

    which: Int[Tensor, "point near"]
    weight: Float[Tensor, "point near"]

    def mix(self, values: Float[Tensor, "*b station c"]) -> Float[Tensor, "*b point c"]:
        """Weighted means of what stations have."""
        chosen = values[..., self.which, :]  # (*b, point, near, c)
        return (chosen * self.weight[..., None].to(values.dtype)).sum(-2)


class NeuralKNN(nn.Module):
    """Weights of the nearest stations.

    Args:
        neighbours: Stations that a point looks at; all where there are fewer.
        spacing: Unit of distance, km: the median distance to neighbours in the training network.
        learned: Whether g is there; without it this is inverse distance with a learned exponent.
    """

    def __init__(
        self, neighbours: int = 20, spacing: float = 30.0, *, learned: bool = True
    ) -> None:
        super().__init__()
        if neighbours < 1 or spacing <= 0:
            raise ValueError("neighbours and spacing must be above 0")
        self.neighbours, self.spacing = neighbours, spacing
        self.raw_exponent = nn.Parameter(torch.tensor(1.0).expm1().log())
        self.correction: nn.Sequential | None = None
        if learned:
            last = nn.Linear(32, 1)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)
            self.correction = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), last)

    def forward(
        self,
        points: Float[Tensor, "point 2"],
        stations: Float[Tensor, "station 2"],
    ) -> Neighbours:
        """The neighbours of each point. Closer than 50 m a station is the point, alone.

        Args:
            points: Latitude and longitude, degrees.
            stations: The same.

        Raises:
            ValueError: If there is no station.
        """
        if len(stations) == 0:
            raise ValueError("there is no station to look at")
        count = min(self.neighbours, len(stations))
        near, which = chord(points, stations).topk(count, largest=False)
        distance = along_arc(near)  # (point, near), km
        unit = (distance / self.spacing).float()
        log = (unit + EPSILON).log()
        score = -nn.functional.softplus(self.raw_exponent) * log
        if self.correction is not None:
            east_north = (offsets(points, stations[which]) / self.spacing).float()
            predicted = torch.cat((east_north, unit[..., None], log[..., None]), -1)
            score = score + self.correction(predicted)[..., 0]
        here = distance < NEAREST_KM
        score = torch.where(here.any(-1, keepdim=True) & ~here, -torch.inf, score)
        return Neighbours(which, score.softmax(-1))


def in_degrees(
    points: Float[Tensor, "point 2"],
    stations: Float[Tensor, "station 2"],
    neighbours: int = 20,
) -> Neighbours:
    """As the published code weighs: inverse distance between coordinates in degrees.

    A degree of longitude counts like one of latitude, which at 40° N it is not.
    """
    count = min(neighbours, len(stations))
    distance = torch.cdist(points, stations, compute_mode="donot_use_mm_for_euclid_dist")
    near, which = distance.topk(count, largest=False)
    weight = 1 / (near + EPSILON_DEGREES)
    return Neighbours(which, weight / weight.sum(-1, keepdim=True))
