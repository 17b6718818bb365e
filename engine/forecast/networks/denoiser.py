"""The conditional denoiser of STeP-Diff: attention along time for each cell, and among cells.

Source: Tashiro et al. 2021, arXiv:2107.03502 (CSDI, section 4 and appendix A), which the code
released with STeP-Diff, arXiv:2512.04385, takes over: 415 105 parameters with four blocks and 100
cells. Departures, each a field of `DenoiserConfig` that is off by default: cells known by their
place rather than by a learned table, so that the weights go with any grid; further planes of
conditions (a first guess, DeepONet's forecast, the clock, wind, fixed stations).
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

PLACE_TERMS = 8
BASE = 10_000.0


@dataclass(frozen=True)
class DenoiserConfig:
    """Sizes.

    Attributes:
        cells: Of the grid; only a learned table of cells depends on it.
        blocks: Residual blocks.
        channels: Width.
        heads: Of attention.
        time_code: Numbers that say which hour of the window.
        place_code: Numbers that say which cell.
        step_code: Numbers that say how noisy it is.
        places: "learned": a table of the cells, as published. "coordinates": from row and column.
        planes: Further conditions beside what is measured, each a number for each cell and hour.
        dropout: In attention.
    """

    cells: int = 100
    blocks: int = 4
    channels: int = 64
    heads: int = 8
    time_code: int = 128
    place_code: int = 16
    step_code: int = 128
    places: Literal["learned", "coordinates"] = "learned"
    planes: int = 0
    dropout: float = 0.1


def sinusoids(position: Float[Tensor, " n"], width: int) -> Float[Tensor, "n width"]:
    """Sines and cosines of a position, interleaved, wave lengths up to 10 000 turns."""
    rate = BASE ** (-torch.arange(0, width, 2, device=position.device) / width)
    angle = position[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], -1).flatten(1)


def step_sinusoids(step: Int[Tensor, " b"], width: int) -> Float[Tensor, "b width"]:
    """Sines, then cosines of a step of the schedule, at frequencies from 1 to 10 000."""
    half = width // 2
    rate = BASE ** (torch.arange(half, device=step.device) / max(half - 1, 1))
    angle = step[:, None].to(rate) * rate
    return torch.cat([angle.sin(), angle.cos()], -1)


@dataclass(frozen=True)
class Side:
    """What is known of every cell and hour whatever was measured, in its three parts.

    Attributes:
        hour: (time, h).
        place: (cell, p).
        mask: 1 where it is measured, (batch, cell, time).
    """

    hour: Tensor
    place: Tensor
    mask: Tensor

    def through(self, layer: nn.Linear) -> Float[Tensor, "b cell time c"]:
        """The layer of all parts side by side; each part is multiplied once, not for every cell."""
        hours, places = self.hour.shape[1], self.place.shape[1]
        weight = layer.weight
        place = self.place @ weight[:, hours : hours + places].T
        hour = self.hour @ weight[:, :hours].T + layer.bias
        return place[:, None] + hour + self.mask[..., None] * weight[:, -1]


class Block(nn.Module):
    """Attention along time, then among cells, then a gate that depends on the conditions."""

    def __init__(self, config: DenoiserConfig, side: int) -> None:
        super().__init__()
        wide = config.channels
        self.step = nn.Linear(config.step_code, wide)
        self.time = _attention(config)
        self.cells = _attention(config)
        self.mix = nn.Linear(wide, 2 * wide)
        self.side = nn.Linear(side, 2 * wide)
        self.out = nn.Linear(wide, 2 * wide)

    def forward(
        self,
        x: Float[Tensor, "b cell time c"],
        side: Side,
        step: Float[Tensor, "b e"],
    ) -> tuple[Float[Tensor, "b cell time c"], Float[Tensor, "b cell time c"]]:
        """What goes on to the next block, and what goes to the end."""
        b, cells, time, wide = x.shape
        y = x + self.step(step)[:, None, None]
        y = self.time(y.reshape(b * cells, time, wide)).reshape(b, cells, time, wide)
        y = y.transpose(1, 2).reshape(b * time, cells, wide)
        y = self.cells(y).reshape(b, time, cells, wide).transpose(1, 2)
        gate, value = (self.mix(y) + side.through(self.side)).chunk(2, -1)
        onward, aside = self.out(gate.sigmoid() * value.tanh()).chunk(2, -1)
        return (x + onward) / math.sqrt(2), aside


def _attention(config: DenoiserConfig) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(
        config.channels,
        config.heads,
        dim_feedforward=config.channels,
        dropout=config.dropout,
        activation="gelu",
        batch_first=True,
    )


class Denoiser(nn.Module):
    """Predicts what was added to a noisy field, from what is known of it."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        wide = config.channels
        self.first = nn.Linear(2 + config.planes, wide)
        self.step = nn.Sequential(
            nn.Linear(config.step_code, config.step_code),
            nn.SiLU(),
            nn.Linear(config.step_code, config.step_code),
            nn.SiLU(),
        )
        self.place: nn.Module
        if config.places == "learned":
            self.place = nn.Embedding(config.cells, config.place_code)
        else:
            self.place = nn.Linear(2 * PLACE_TERMS, config.place_code)
        side = config.time_code + config.place_code + 1
        self.blocks = nn.ModuleList(Block(config, side) for _ in range(config.blocks))
        self.last = nn.Sequential(nn.Linear(wide, wide), nn.ReLU())
        self.head = nn.Linear(wide, 1)
        for name, layer in self.named_modules():
            if name in ("first", "last.0") or name.endswith(".mix"):
                nn.init.kaiming_normal_(layer.get_parameter("weight"))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(
        self,
        known: Float[Tensor, "b cell time"],
        mask: Float[Tensor, "b cell time"],
        noisy: Float[Tensor, "b cell time"],
        step: Int[Tensor, " b"],
        places: Tensor,
        planes: Float[Tensor, "b plane cell time"] | None = None,
    ) -> Float[Tensor, "b cell time"]:
        """What was added, at every cell and hour.

        Args:
            known: What is measured, normalised; looked at where the mask is 1 alone.
            mask: 1 where it is a condition, 0 elsewhere.
            noisy: The field at this step; looked at where the mask is 0 alone.
            step: Of the schedule, one for each of the batch.
            places: Numbers of the cells (cell), or rows and columns from 0 to 1 (cell, 2).
            planes: Further conditions.
        """
        shown = [mask * known, (1 - mask) * noisy]
        if self.config.planes:
            if planes is None or planes.shape[1] != self.config.planes:
                raise ValueError(f"this denoiser wants {self.config.planes} planes of conditions")
            shown += list(planes.unbind(1))
        x: Tensor = self.first(torch.stack(shown, -1)).relu()
        code = self.step(step_sinusoids(step, self.config.step_code).to(x))
        side = self._side(mask, places)
        total = torch.zeros_like(x)
        for block in self.blocks:
            x, aside = block(x, side, code)
            total = total + aside
        answer: Tensor = self.head(self.last(total / math.sqrt(len(self.blocks))))
        return answer[..., 0]

    def _side(self, mask: Tensor, places: Tensor) -> Side:
        """The hour of the window, the cell, and whether it is measured."""
        like = self.first.weight
        hour = sinusoids(torch.arange(mask.shape[2]).to(like), self.config.time_code)
        if self.config.places == "coordinates":
            turn = torch.arange(PLACE_TERMS // 2, device=like.device) + 1
            angle = places[:, :, None].to(like) * turn * (math.pi / 2)
            places = torch.cat([angle.sin(), angle.cos()], -1).flatten(1)
        return Side(hour, self.place(places), mask)
