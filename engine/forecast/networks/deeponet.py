"""DeepONet: from a sequence of patchy measurements to a field that can be evaluated anywhere.

A branch network reads the measurements, a trunk network the place and hour that are requested;
their scalar product is the answer.

Source: Lu et al. 2021, doi:10.1038/s42256-021-00302-5 (equation 2). Sizes are those of the code
that was released with STeP-Diff, arXiv:2512.04385. Departures from that code: the trunk is
evaluated for (hour, row, column) and not for the sine of a running number; it is trained on what
was truly measured; measurements are averaged onto a fixed lattice of sensors, so that one network
reads grids of any size; gaps are 0 after the mean was taken off, and not 0 ug m-3.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class DeepONetConfig:
    """Sizes.

    Attributes:
        history: Hours that the branch reads.
        sensors: Rows and columns of the lattice that measurements are averaged onto.
        width: Of hidden layers, and the number of products that are summed.
        coordinates: Numbers that say where and when: 3 are hour, row and column; 1 as in the
            released code.
        dropout: Share of the branch's numbers that are left out in training.
    """

    history: int = 12
    sensors: tuple[int, int] = (10, 10)
    width: int = 40
    coordinates: int = 3
    dropout: float = 0.0


class DeepONet(nn.Module):
    """Answers for any places and hours, from a history on a lattice."""

    def __init__(self, config: DeepONetConfig) -> None:
        super().__init__()
        self.config = config
        count = config.history * config.sensors[0] * config.sensors[1]
        width = config.width
        self.drop = nn.Dropout(config.dropout)
        self.branch = nn.Sequential(nn.Linear(count, width), nn.ReLU(), nn.Linear(width, width))
        self.trunk = nn.Sequential(
            nn.Linear(config.coordinates, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.bias = nn.Parameter(torch.zeros(()))
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_normal_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(
        self, measured: Float[Tensor, "b history sensor"], requested: Float[Tensor, "point c"]
    ) -> Float[Tensor, "b point"]:
        """The answer at each point requested, in the unit of what was measured."""
        branch: Tensor = self.branch(self.drop(measured.flatten(1)))
        trunk: Tensor = self.trunk(requested)
        return branch @ trunk.T + self.bias


def on_lattice(
    values: Float[Tensor, "b time row column"],
    known: Bool[Tensor, "b time row column"],
    sensors: tuple[int, int],
) -> Float[Tensor, "b time sensor"]:
    """Mean of what is known around each sensor of the lattice; 0 where nothing is.

    A grid with the lattice's own size comes back as it is, gaps as 0.
    """
    given = known.to(values)
    total = functional.adaptive_avg_pool2d(torch.where(known, values, 0), sensors)
    share = functional.adaptive_avg_pool2d(given, sensors)
    mean = torch.where(share > 0, total / share.clamp(min=1e-9), 0)
    return mean.flatten(2)


def query_points(lead_times: int, rows: int, columns: int) -> Float[Tensor, "point 3"]:
    """Trunk coordinates of every hour, row and column, each from 0 to 1; the hour runs slowest."""

    def along(count: int) -> Tensor:
        return torch.arange(count, dtype=torch.float32) / max(count - 1, 1)

    grids = torch.meshgrid(along(lead_times), along(rows), along(columns), indexing="ij")
    return torch.stack(grids, -1).reshape(-1, 3)
