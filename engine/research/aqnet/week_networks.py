"""Forecast networks that know one station each: the last state of an LSTM, and PatchTST.

What AQ-Net is held against. Each predicts the week after a station's history from that history
alone; a place without a station gets the mean of its neighbours' weeks, by inverse distance.

Source: Nie et al. 2023, PatchTST, arXiv:2211.14730 (patches, one channel, instance norm).
Departures: small; pre-norm; the norm's mean and spread are of the readings that are there.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from engine.research.aqnet.neural_knn import NeuralKNN
from engine.research.aqnet.published import Week

LEAST_SPREAD = 0.05  # of a series, in the target's units


class OneByOne(nn.Module):
    """A network that predicts each station alone; others come from its neighbours' weeks."""

    def series(self, history: Float[Tensor, "n time inputs"]) -> Float[Tensor, "n horizon"]:
        """The week after each history, in the target's units."""
        raise NotImplementedError

    def forward(
        self,
        history: Float[Tensor, "batch station time inputs"],
        stations: Float[Tensor, "station 2"],
        points: Float[Tensor, "point 2"],
        summary: Float[Tensor, "batch station summary"] | None = None,
    ) -> Week:
        """As `AQNet`; `summary` is not looked at."""
        predicted = self.series(history.flatten(0, 1)).reshape(*history.shape[:2], -1)
        plain = NeuralKNN(learned=False).requires_grad_(requires_grad=False)
        mixed = plain(points, stations).mix(predicted)
        return Week(predicted, mixed, predicted.new_zeros(()))


class LastState(OneByOne):
    """An LSTM whose last state predicts the week.

    Args:
        inputs: Values an hour.
        horizon: Hours that are predicted.
        width: Of the LSTM.
        layers: Of the LSTM.
        pool: Hours whose mean is one step.
    """

    def __init__(
        self, inputs: int, horizon: int = 168, width: int = 64, layers: int = 3, pool: int = 1
    ) -> None:
        super().__init__()
        self.pool = pool
        self.lstm = nn.LSTM(inputs, width, layers, batch_first=True)
        self.head = nn.Linear(width, horizon)

    def series(self, history: Float[Tensor, "n time inputs"]) -> Float[Tensor, "n horizon"]:
        """The week after each history."""
        n, _, inputs = history.shape
        states, _ = self.lstm(history.reshape(n, -1, self.pool, inputs).mean(2))
        predicted: Tensor = nn.functional.softplus(self.head(states[:, -1]))
        return predicted


@dataclass(frozen=True)
class PatchConfig:
    """Shape of PatchTST, and where PM2.5 is among the inputs.

    Attributes:
        channel: Of PM2.5; the log of its concentration, normalised.
        flag: Of its gaps.
        mean: Of that logarithm.
        deviation: Of that logarithm.
        unit: Of the target, ug m-3.
        history: Hours that are seen.
        horizon: Hours that are predicted.
        patch: Hours in a patch.
        stride: Hours from one patch to the next.
        width: Of a patch's vector.
        heads: Of attention.
        layers: Of the encoder.
    """

    channel: int
    flag: int
    mean: float
    deviation: float
    unit: float
    history: int = 336
    horizon: int = 168
    patch: int = 16
    stride: int = 8
    width: int = 64
    heads: int = 8
    layers: int = 3

    @property
    def patches(self) -> int:
        """How many patches a history has; its last hour is repeated to fill one more."""
        return (self.history - self.patch) // self.stride + 2


class PatchTST(OneByOne):
    """Attention over patches of the PM2.5 series alone.

    Args:
        config: Its shape.
    """

    def __init__(self, config: PatchConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Linear(config.patch, config.width)
        self.position = nn.Parameter(0.02 * torch.randn(config.patches, config.width))
        layer = nn.TransformerEncoderLayer(
            config.width,
            config.heads,
            2 * config.width,
            dropout=0.2,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.head = nn.Linear(config.width * config.patches, config.horizon)

    def series(self, history: Float[Tensor, "n time inputs"]) -> Float[Tensor, "n horizon"]:
        """The week after each history."""
        c = self.config
        valid = history[..., c.flag] == 0
        reading = (history[..., c.channel] * c.deviation + c.mean).expm1() / c.unit
        count = valid.sum(1, keepdim=True).clamp(min=1)
        mean = (reading * valid).sum(1, keepdim=True) / count
        variance = ((reading - mean) ** 2 * valid).sum(1, keepdim=True) / count
        spread = variance.sqrt() + LEAST_SPREAD
        normal = torch.where(valid, (reading - mean) / spread, 0)
        filled = torch.cat((normal, normal[:, -1:].expand(-1, c.stride)), 1)
        patches = filled.unfold(1, c.patch, c.stride)
        mixed = self.encoder(self.embed(patches) + self.position)
        predicted: Tensor = self.head(mixed.flatten(1)) * spread + mean
        return predicted.clamp(min=0)
