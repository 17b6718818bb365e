"""Inverse-distance interpolation from scattered stations to any set of points.

The baseline that every reanalysis has to beat, and the operator by which AQ-Net spreads station
values over a map. Differentiable in the values; no state, no files.

Source: Shepard (1968), doi:10.1145/800186.810616. AQ-Net (Kheder et al. 2025, arXiv:2502.11941)
measures distance in raw degrees; we measure it along the great circle in km, because a degree of
longitude in Harbin is three quarters of one in Guangzhou.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from engine.core.grid import EARTH_RADIUS_KM

# Points whose distances to all stations are in memory at once: 1 500 stations take 50 MB.
POINTS_AT_ONCE = 8192


def great_circle_km(a: Float[Tensor, "n 2"], b: Float[Tensor, "m 2"]) -> Float[Tensor, "n m"]:
    """Distance in km between every point of `a` and of `b` (latitude, longitude in degrees)."""
    return along_arc(chord(a, b))


def chord(a: Float[Tensor, "n 2"], b: Float[Tensor, "m 2"]) -> Float[Tensor, "n m"]:
    """Straight distance through a sphere of radius 1, which orders points as the arc does.

    Much quicker than the haversine, and as good at short range: the arc cosine, which cannot
    resolve points 1 km apart, is not used, and neither is the expansion of the square.
    """
    return torch.cdist(_on_sphere(a), _on_sphere(b), compute_mode="donot_use_mm_for_euclid_dist")


def along_arc(chords: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Chords of the unit sphere as great-circle distances in km."""
    return 2 * EARTH_RADIUS_KM * (chords / 2).clamp(max=1).asin()


def _on_sphere(points: Float[Tensor, "n 2"]) -> Float[Tensor, "n 3"]:
    lat, lon = torch.deg2rad(points).unbind(-1)
    return torch.stack((lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()), dim=-1)


class InverseDistance(nn.Module):
    """Mean of the nearest stations, weighted by a power of inverse distance.

    Args:
        exponent: Of the distance; 2 is Shepard's.
    """

    def __init__(self, exponent: float = 2.0) -> None:
        super().__init__()
        if exponent <= 0:
            raise ValueError(f"exponent={exponent}; a far station must count less, choose above 0")
        self.exponent = exponent

    def forward(
        self,
        values: Float[Tensor, "time station"],
        stations: Float[Tensor, "station 2"],
        points: Float[Tensor, "point 2"],
        *,
        k: int = 12,
    ) -> Float[Tensor, "time point"]:
        """Values at points, between the smallest and the largest of their `k` neighbours.

        At a station it is that station's own value; stations at one place share it equally.

        Args:
            values: In any unit; the result keeps it.
            stations: Latitude and longitude, degrees.
            points: Where to interpolate.
            k: Neighbours of a point.

        Raises:
            ValueError: If `k` is not between 1 and the number of stations, or a value is NaN.
        """
        self._check(values, len(stations), k)
        parts = [
            self._mean(values, chord(some, stations), k)
            for some in torch.split(points, POINTS_AT_ONCE)
        ]
        return torch.cat(parts, dim=1)

    def leave_one_out(
        self,
        values: Float[Tensor, "time station"],
        stations: Float[Tensor, "station 2"],
        *,
        k: int = 12,
    ) -> Float[Tensor, "time station"]:
        """The value at each station from all the others.

        Raises:
            ValueError: If `k` is not between 1 and one less than the number of stations, or a
                value is NaN.
        """
        self._check(values, len(stations) - 1, k)
        distance = chord(stations, stations)
        itself = torch.eye(len(stations), dtype=torch.bool, device=distance.device)
        # No chord of the unit sphere is longer than 2: 3 is never among the nearest.
        return self._mean(values, distance.masked_fill(itself, 3.0), k)

    def _mean(
        self,
        values: Float[Tensor, "time station"],
        distance: Float[Tensor, "point station"],  # chords
        k: int,
    ) -> Float[Tensor, "time point"]:
        near, which = distance.topk(k, largest=False)  # (point, k)
        weight = along_arc(near) ** -self.exponent
        on_station = weight.isinf()
        weight = torch.where(on_station.any(-1, keepdim=True), on_station.to(weight), weight)
        weight = weight / weight.sum(-1, keepdim=True)
        return torch.einsum("tpk,pk->tp", values[:, which], weight)

    def _check(self, values: Tensor, available: int, k: int) -> None:
        if not 1 <= k <= available:
            raise ValueError(f"k={k} outside 1..{available} stations; lower k")
        if values.isnan().any():
            raise ValueError("values hold NaN; drop silent stations before interpolating")
