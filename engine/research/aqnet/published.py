"""AQ-Net: two weeks of readings at stations to the next week, there and where no station is.

Each station's history goes through an LSTM of three layers and attention over its hours, and is
averaged to one vector; the vectors of the nearest stations make that of any place; one head turns
vectors into a week of concentrations. `engine.stations.networks.reanalysis` is the part for hours
that are over, when the neighbours' readings of the same hours are known.

Source: Kheder et al. 2025, arXiv:2502.11941, and github.com/AmmarKheder/AQ-Net at e1c833c. The
published code's quirks are fields of `AQNetConfig`, off by default; `AQNetConfig.as_published` puts
them all on, with 491 560 parameters.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from engine.research.aqnet.neural_knn import Neighbours, NeuralKNN, Spatial, in_degrees

POLLUTANTS = ("co", "no2", "o3", "pm10", "so2")
CYCLES = (24, 12, 7)  # hours of the day, months of the year, days of the week
DECAY_HOURS = 50.0  # of the prior on hours that attention adds to its scores
LEAST = 0.02  # of a linear forecast that is corrected, in the target's units
SCALE_FLOOR = 0.1  # in the target's units: errors are as large as this and the value, at first / e


@dataclass(frozen=True)
class AQNetConfig:
    """Shape of the network, and which quirks of the published code it has.

    Attributes:
        history: Hours that are seen.
        horizon: Hours that are predicted.
        width: Of the LSTM and of what follows.
        layers: Of the LSTM.
        heads: Of attention, each of full width.
        dropout: After the LSTM.
        neighbours: Stations that a place looks at.
        spacing: Unit of distance of the neural kNN, km.
        spatial: What is interpolated, and how: vectors with learned weights, vectors by inverse
            distance, or finished predictions by inverse distance, as the published code has it.
        cyclic: Whether hour, month and weekday are seen, as sine and cosine; else they are 0.
        pm_history: Whether PM2.5's own past is an input. The paper's figure shows it, the
            published code lacks it.
        flags: One more input for each pollutant, 1 where its value is a gap. The published code
            drops such hours instead, and takes rows for hours.
        oldest_first: Quirk: the prior exp(-j / 50) with j = 0 the *oldest* hour, which favours
            what is stalest. Off: the same prior on the latest hour.
        degrees: Quirk: distances between coordinates in degrees (`idw_prediction` alone).
        weather: Further variables that are inputs.
        pool: Hours whose mean is one step of the LSTM; more than 1 saves time. Not published.
        summary: Values of a linear forecast's input. With it the network corrects that forecast,
            and is that forecast before it has learned; 0: it predicts everything itself, as
            published.
        scale: Whether the scale of the error is predicted as well. Not published.
    """

    history: int = 336
    horizon: int = 168
    width: int = 128
    layers: int = 3
    heads: int = 2
    dropout: float = 0.1
    neighbours: int = 20
    spacing: float = 30.0
    spatial: Spatial = "neural_feature"
    cyclic: bool = True
    pm_history: bool = True
    flags: bool = True
    oldest_first: bool = False
    degrees: bool = False
    weather: tuple[str, ...] = ()
    pool: int = 1
    summary: int = 0
    scale: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            ValueError: With the value and what to choose instead.
        """
        if min(self.history, self.horizon, self.width, self.layers, self.heads) < 1:
            raise ValueError("history, horizon, width, layers and heads must be 1 or more")
        if self.degrees and self.spatial != "idw_prediction":
            raise ValueError("degrees goes with spatial='idw_prediction' alone")
        if self.pool < 1 or self.history % self.pool:
            raise ValueError(f"pool={self.pool} does not divide history={self.history}")

    @classmethod
    def as_published(cls) -> "AQNetConfig":
        """The published code's network, with every quirk of it."""
        return cls(
            spatial="idw_prediction",
            pm_history=False,
            flags=False,
            oldest_first=True,
            degrees=True,
        )

    @property
    def measured(self) -> tuple[str, ...]:
        """Variables that are inputs, in order."""
        return (*POLLUTANTS, *self.weather, *(("pm2p5",) if self.pm_history else ()))

    @property
    def inputs(self) -> int:
        """Values an hour: what is measured, flags, three cycles, four statistics of distance."""
        return len(self.measured) * (1 + self.flags) + 2 * len(CYCLES) + 4


@dataclass(frozen=True)
class Week:
    """What is predicted; normalised as the target was.

    Attributes:
        stations: (batch, station, horizon).
        points: (batch, point, horizon).
        entropy: Mean entropy of the attention's rows, which training keeps small.
        station_scale: Scale of the error, as `stations`; None where it is not predicted.
        point_scale: As `points`.
    """

    stations: Float[Tensor, "batch station horizon"]
    points: Float[Tensor, "batch point horizon"]
    entropy: Float[Tensor, ""]
    station_scale: Float[Tensor, "batch station horizon"] | None = None
    point_scale: Float[Tensor, "batch point horizon"] | None = None


def cyclic(index: Tensor, period: int) -> Tensor:
    """Sine and cosine of an index with a period, on a new last axis: 23 h lies beside 0 h."""
    angle = 2 * torch.pi * index.float() / period
    return torch.stack((angle.sin(), angle.cos()), -1)


def above_zero(value: Tensor) -> Tensor:
    """What softplus turns into `value`, or into a little where that is lower."""
    value = value.clamp(min=LEAST)
    return value + (-torch.expm1(-value)).log()


class HourAttention(nn.Module):
    """Attention over the hours of one series, with a prior that prefers some of them.

    Args:
        config: Widths, heads and the direction of the prior.
    """

    def __init__(self, config: AQNetConfig) -> None:
        super().__init__()
        self.heads, self.oldest_first = config.heads, config.oldest_first
        self.pool = config.pool
        self.mix = nn.Linear(config.width, 3 * config.heads * config.width, bias=False)
        self.out = nn.Linear(config.heads * config.width, config.width)

    def forward(
        self, x: Float[Tensor, "series time width"]
    ) -> tuple[Float[Tensor, "series time width"], Float[Tensor, ""]]:
        """What each hour takes from all, and the mean entropy of what it looks at."""
        query, key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.mix(x).chunk(3, -1)
        )  # (series, head, time, width)
        age = self.pool * torch.arange(x.shape[1], device=x.device, dtype=x.dtype)
        prior = torch.exp(-(age if self.oldest_first else age.flip(0)) / DECAY_HOURS)
        score = query @ key.mT * x.shape[-1] ** -0.5 + prior
        weight = score.softmax(-1)
        entropy = -(weight * score.log_softmax(-1)).sum(-1).mean()
        taken: Tensor = self.out((weight @ value).transpose(1, 2).flatten(-2))
        return taken, entropy


class AQNet(nn.Module):
    """The forecast network.

    Args:
        config: Its shape.
    """

    def __init__(self, config: AQNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or AQNetConfig()
        self.lstm = nn.LSTM(config.inputs, config.width, config.layers, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.attention = HourAttention(config)
        self.norm = nn.LayerNorm(config.width)
        self.head = nn.Linear(config.width, config.horizon * (1 + config.scale))
        self.line: nn.Linear | None = None
        if config.summary:
            self.line = nn.Linear(config.summary, config.horizon)
            nn.init.zeros_(self.head.weight)
            nn.init.zeros_(self.head.bias)
        self.spread: NeuralKNN | None = None
        if config.spatial == "neural_feature":
            self.spread = NeuralKNN(config.neighbours, config.spacing)

    def forward(
        self,
        history: Float[Tensor, "batch station time inputs"],
        stations: Float[Tensor, "station 2"],
        points: Float[Tensor, "point 2"],
        summary: Float[Tensor, "batch station summary"] | None = None,
    ) -> Week:
        """The week after the history, at the stations and at points.

        Args:
            history: As `config.inputs` counts them; a gap is 0 with its flag 1.
            stations: Latitude and longitude, degrees.
            points: The same; may be none.
            summary: What the linear forecast is made of; needed if `config.summary` is not 0.
        """
        feature, entropy = self.encode(history.flatten(0, 1))
        feature = feature.reshape(*history.shape[:2], -1)  # (batch, station, width)
        start = self.begin(summary, feature)
        at_stations = self.predict(feature, start)
        neighbours = self.neighbours(points, stations)
        if self.config.spatial == "idw_prediction":
            at_points = neighbours.mix(at_stations)
        else:
            at_points = self.predict(neighbours.mix(feature), neighbours.mix(start))
        if not self.config.scale:
            return Week(at_stations, at_points, entropy)
        horizon = self.config.horizon
        return Week(
            at_stations[..., :horizon],
            at_points[..., :horizon],
            entropy,
            at_stations[..., horizon:],
            at_points[..., horizon:],
        )

    def encode(
        self, history: Float[Tensor, "series time inputs"]
    ) -> tuple[Float[Tensor, "series width"], Float[Tensor, ""]]:
        """One vector a series, and the entropy of its attention. No residual, as published."""
        series, _, inputs = history.shape
        steps = history.reshape(series, -1, self.config.pool, inputs).mean(2)
        hours, _ = self.lstm(steps)
        mixed, entropy = self.attention(self.dropout(hours))
        return self.norm(mixed).mean(1), entropy

    def begin(self, summary: Tensor | None, feature: Tensor) -> Float[Tensor, "*any horizon"]:
        """The linear forecast that is corrected; 0 where there is none."""
        if self.line is None:
            return feature.new_zeros(*feature.shape[:-1], self.config.horizon)
        if summary is None:
            raise ValueError("this network corrects a linear forecast; give its summary")
        predicted: Tensor = self.line(summary)
        return predicted

    def predict(
        self, feature: Float[Tensor, "*any width"], start: Float[Tensor, "*any horizon"]
    ) -> Float[Tensor, "*any predicted"]:
        """Concentrations from vectors, above 0; then, if predicted, the scales of their errors."""
        predicted: Tensor = self.head(feature)
        value, scale = predicted[..., : self.config.horizon], predicted[..., self.config.horizon :]
        if self.line is not None:
            value = value + above_zero(start)
        value = nn.functional.softplus(value)
        if not self.config.scale:
            return value
        size = SCALE_FLOOR + value.detach()
        return torch.cat((value, size * (scale - 1).clamp(-6, 4).exp()), -1)

    def neighbours(
        self, points: Float[Tensor, "point 2"], stations: Float[Tensor, "station 2"]
    ) -> Neighbours:
        """Which stations a point is made of."""
        if self.spread is not None:
            found: Neighbours = self.spread(points, stations)
            return found
        if self.config.degrees:
            return in_degrees(points, stations, self.config.neighbours)
        plain = NeuralKNN(self.config.neighbours, self.config.spacing, learned=False)
        with torch.no_grad():
            fixed: Neighbours = plain.to(points.device)(points, stations)
        return fixed
