"""What stations measured, and what of it is known around a place and an hour. Gaps stay NaN."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from engine.core.grid import EARTH_RADIUS_KM
from engine.stations.networks.knn import chord

POINTS_AT_ONCE = 8192


@dataclass(frozen=True)
class Record:
    """What a network of stations measured. NaN is a gap, everywhere.

    Attributes:
        readings: PM2.5, (time, station), ug m-3.
        others: Other variables, (time, station, variable), as the network wants them.
        clock: Hour of the day and day of the year, (time, 2), each as a share of its whole.
        places: Latitude and longitude, (station, 2), degrees.
        levels: Logarithm of the level of all stations together, (time, station + 1), log ug m-3:
            without each of them, and last of all. None: nobody needs it.
        blown: How far the wind has blown since the record's start, east and north, km; NaN at
            stations without wind. None: nobody measures it.
    """

    readings: Float[Tensor, "time station"]
    others: Float[Tensor, "time station other"]
    clock: Float[Tensor, "time 2"]
    places: Float[Tensor, "station 2"]
    blown: Float[Tensor, "time station 2"] | None = None
    levels: Float[Tensor, "time station_and_all"] | None = None


@dataclass(frozen=True)
class StationContext:
    """What is known around places, one row a place and hour.

    Attributes:
        readings: (query, station, lag), ug m-3, NaN where there is none.
        others: (query, station, variable), NaN where there is none.
        offset: East and north from the place to each station, (query, station, 2), km.
        clock: (query, 2), as `Record`'s.
        drift: How far the wind around blows from the hour to each lag, (query, lag, 2), km; None:
            nobody measures it.
        level: As `Record.levels`, without the station that is the place itself, (query).
    """

    readings: Float[Tensor, "query station lag"]
    others: Float[Tensor, "query station other"]
    offset: Float[Tensor, "query station 2"]
    clock: Float[Tensor, "query 2"]
    drift: Float[Tensor, "query lag 2"] | None = None
    level: Float[Tensor, " query"] | None = None


def offsets(
    points: Float[Tensor, "*query 2"], stations: Float[Tensor, "*query station 2"]
) -> Float[Tensor, "*query station 2"]:
    """East and north in km from each point to its stations, on the plane that touches midway."""
    here = points[..., None, :]
    north = torch.deg2rad(stations[..., 0] - here[..., 0])
    turned = (stations[..., 1] - here[..., 1] + 180) % 360 - 180  # the short way round
    middle = torch.deg2rad((stations[..., 0] + here[..., 0]) / 2)
    east = torch.deg2rad(turned) * middle.cos()
    return EARTH_RADIUS_KM * torch.stack((east, north), -1)


def around(
    record: Record,
    times: Int[Tensor, " query"],
    stations: Int[Tensor, "query station"],
    points: Float[Tensor, "query 2"],
    lags: Sequence[int],
    own: Int[Tensor, " query"] | None = None,
) -> StationContext:
    """What the record knows around points: the named stations at lags of the named times.

    Beyond the record's ends nothing was measured. `own` are the stations that are the points
    themselves, of which nothing may be predicted; None: points are no stations.
    """
    steps = times[:, None] + torch.tensor(lags, device=times.device)  # (query, lag)
    inside = (steps >= 0) & (steps < len(record.readings))
    steps = steps.clamp(0, len(record.readings) - 1)
    readings = record.readings[steps[:, None], stations[..., None]]
    readings = torch.where(inside[:, None], readings, torch.nan)
    level = None
    if record.levels is not None:
        level = record.levels[times, -1] if own is None else record.levels[times, own]
    drift = None
    if record.blown is not None:
        way = (
            record.blown[steps[:, None], stations[..., None]]
            - record.blown[times[:, None], stations][:, :, None]
        )
        drift = way.nanmean(1).nan_to_num()  # no wind: nothing travels
    return StationContext(
        readings,
        record.others[times[:, None], stations],
        offsets(points, record.places[stations]).to(record.readings.dtype),
        record.clock[times],
        drift,
        level,
    )


def nearest(
    points: Float[Tensor, "point 2"],
    stations: Float[Tensor, "station 2"],
    count: int,
    *,
    themselves: bool = False,
) -> Int[Tensor, "point near"]:
    """The `count` nearest stations of each point, or all if there are fewer.

    Args:
        points: Latitude and longitude, degrees.
        stations: The same.
        count: How many.
        themselves: Whether the points are the stations, each of which is then left out.
    """
    available = len(stations) - themselves
    if available < 1:
        raise ValueError("there is no station to look at")
    indices = []
    for start in range(0, len(points), POINTS_AT_ONCE):
        distance = chord(points[start : start + POINTS_AT_ONCE], stations)
        if themselves:
            own = torch.arange(len(distance), device=distance.device)
            distance[own, own + start] = 3.0  # longer than any chord
        indices.append(distance.topk(min(count, available), largest=False).indices)
    return torch.cat(indices)
