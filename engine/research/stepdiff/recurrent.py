"""Recurrent networks that STeP-Diff is held against: ConvLSTM and a graph recurrent network.

Both read the same windows in the same unit (departures from the first guess, gaps flagged) and
predict the departures of the next hours, one number for each cell.

Source: Shi et al. 2015, arXiv:1506.04214 (ConvLSTM, equation 3, without peepholes); Li et al. 2018,
arXiv:1707.01926 (DCRNN, equation 3: gates are diffusion convolutions, here over the neighbours of a
grid). Departures: one layer, small.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from engine.forecast.networks.stepdiff import Window

INPUTS = 5  # departure, whether it is known, first guess, sine and cosine of the clock


class Recurrent(nn.Module):
    """Reads the history hour by hour and goes on from its own answers.

    Args:
        kind: "convlstm": gates are 3 × 3 convolutions. "graph": gates mix each cell with the mean
            of its four neighbours, twice.
        history: Hours read.
        lead_times: Hours predicted.
        width: Of the state.
    """

    def __init__(
        self,
        kind: Literal["convlstm", "graph"],
        history: int = 12,
        lead_times: int = 12,
        width: int = 16,
    ) -> None:
        super().__init__()
        self.kind, self.width = kind, width
        self.history, self.lead_times = history, lead_times
        wide = INPUTS + width
        self.gates: nn.Module
        if kind == "convlstm":
            self.gates = nn.Conv2d(wide, 4 * width, 3, padding=1)
        else:
            self.gates = nn.Conv2d(3 * wide, 4 * width, 1)
        self.head = nn.Conv2d(width, 1, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.get_parameter("bias"))

    def forward(self, window: Window, grid: tuple[int, int]) -> Float[Tensor, "b cell lead"]:
        """Departures at the lead hours."""
        b, cells, _ = window.values.shape
        level = window.guess.mean((1, 2), keepdim=True)
        base = (window.guess - level) / (4 * window.scale)
        angle = window.hour * (2 * torch.pi / 24)
        clock = [row[:, None].expand(b, cells, -1) for row in (angle.sin(), angle.cos())]
        state = window.values.new_zeros(b, self.width, *grid)
        memory, answers = state, []
        answer = window.values.new_zeros(b, cells)
        for hour in range(self.history + self.lead_times):
            past = hour < self.history
            seen = window.values[..., hour] if past else answer
            known = window.known[..., hour].to(seen) if past else torch.zeros_like(seen)
            shown = [seen, known, base[..., hour], *(c[..., hour] for c in clock)]
            x = torch.stack(shown, 1).reshape(b, INPUTS, *grid)
            state, memory = self._cell(x, state, memory)
            if hour >= self.history - 1:
                answer = self.head(state).reshape(b, cells)
                answers.append(answer)
        return torch.stack(answers[: self.lead_times], -1)

    def _cell(self, x: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """An LSTM's step, with gates that look at neighbours."""
        both = torch.cat([x, state], 1)
        if self.kind == "graph":
            once = neighbours(both)
            both = torch.cat([both, once, neighbours(once)], 1)
        keep, write, show, new = self.gates(both).chunk(4, 1)
        memory = (keep + 1).sigmoid() * memory + write.sigmoid() * new.tanh()
        return show.sigmoid() * memory.tanh(), memory


def neighbours(field: Float[Tensor, "b c row column"]) -> Float[Tensor, "b c row column"]:
    """Mean of the cells above, below, left and right that are there."""
    total, count = torch.zeros_like(field), torch.zeros_like(field[:1, :1])
    for dim in (2, 3):
        for move in (1, -1):
            length = field.shape[dim] - 1
            to = field.narrow(dim, 1 if move == 1 else 0, length)
            at = total.narrow(dim, 0 if move == 1 else 1, length)
            at += to
            count.narrow(dim, 0 if move == 1 else 1, length).add_(1)
    return total / count.clamp(min=1)
