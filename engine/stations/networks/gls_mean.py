"""The level of a whole network of stations, hour by hour, and the same without each of them.

Far from every station kriging falls back on a mean. The mean of the nearest stations is a poor one
where they all lie on one side; that of the whole network, each station counted by how much it knows
that no other does, is the same for every place and solved once.

Source: the generalised least-squares mean of kriging, Chiles and Delfiner, "Geostatistics", 2nd ed.
2012, section 3.4; leaving one station out by the inverse of a bordered matrix.
"""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from engine.stations.networks.knn import great_circle_km
from engine.stations.networks.neighbourhood import Record

STEADY = 1e-4  # on the diagonal: keeps the system solvable where stations share a place


def with_levels(
    record: Record, times: Int[Tensor, " step"], reach: float, nugget: float, floor: float
) -> Record:
    """The record with the logarithms' level in some of its hours; NaN in all others.

    Args:
        record: What is known.
        times: Positions along its time.
        reach: Of the logarithms' covariance, km.
        nugget: What a station shares with nobody, as a share of the covariance at no distance.
        floor: Least reading that has a logarithm, ug m-3.
    """
    count = record.readings.shape[1]
    levels = torch.full((len(record.readings), count + 1), torch.nan).to(record.readings)
    some = torch.unique(times)
    readings = record.readings[some]
    covariance = torch.exp(-great_circle_km(record.places, record.places) / reach).double()
    covariance += (nugget + STEADY) * torch.eye(count).to(covariance)
    patterns, which = torch.unique(readings.isfinite(), dim=0, return_inverse=True)
    for n, valid in enumerate(patterns):
        rows = (which == n).nonzero()[:, 0]
        logs = readings[rows][:, valid].clamp(min=floor).log().double()
        if int(valid.sum()) > 1:
            each = without_each(covariance[valid][:, valid], logs)
            columns = torch.cat((valid.nonzero()[:, 0], torch.tensor([count]).to(which)))
            # Who is silent is left out anyway.
            level = each[:, -1:].expand(-1, count + 1).clone()
            level[:, columns] = each
            levels[some[rows]] = level.to(levels)
    return replace(record, levels=levels)


def without_each(
    covariance: Float[Tensor, "station station"], values: Float[Tensor, "time station"]
) -> Float[Tensor, "time station_and_all"]:
    """Generalised least-squares mean without each of the stations, and last of all of them."""
    inverse = torch.linalg.inv(covariance)
    ones, predicted = inverse.sum(0), values @ inverse
    own = inverse.diagonal()
    weight, total = ones.sum(), predicted.sum(1, keepdim=True)
    less = (total - predicted * ones / own) / (weight - ones**2 / own)
    return torch.cat((less, total / weight), 1)
