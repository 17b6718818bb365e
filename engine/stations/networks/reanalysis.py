"""AQ-Net's spatial part for reanalysis: what a place breathed, from stations around it.

Stations, each with its readings before, at and after the hour requested, give a value at a place
that has none. At initialisation the answer is kriging, carried with the wind where values are
hourly, or inverse distance; what is learned is a correction of its value in log space, for inverse
distance of its weights too, and the scale of the error that is left. The set has no order, may have
any size, and every gap is a flag.

Readings *after* the hour are used as well as those before it: this fills in the past (reanalysis)
and is no forecast.

Source: Kheder et al. 2025, arXiv:2502.11941 (neural kNN over stations). Departures: set attention
in place of weights that see the distance alone; km for degrees; a residual on kriging, which on
Beijing's twelve stations is 7 % better than inverse distance with any exponent, for values
predicted from nothing; a scale for the error.
"""

import math
from dataclasses import astuple, dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from engine.stations.networks.advected_kriging import TransportCovariance, carried
from engine.stations.networks.kriging_solver import kriging_weights
from engine.stations.networks.neighbourhood import StationContext
from engine.stations.networks.set_attention import SILENT, Block

FLOOR = 2.0  # ug m-3: below, monitors measure their own noise, and logarithms run away
LOG_FLOOR = math.log(FLOOR)
NEAREST_KM = 0.05  # closer than this a station is the place
Base = Literal["carried", "kriging", "log-kriging", "idw"]


@dataclass(frozen=True)
class ReanalysisConfig:
    """Shape of the network.

    Attributes:
        lags: Time steps at which each station's readings are seen; 0 is the one requested.
        others: Further variables that stations may measure, by name.
        width: Of the tokens.
        heads: Of attention.
        inner: Of the feed-forward layers.
        neighbours: Stations that a place looks at, the nearest ones.
        base: What is corrected: kriging carried with the wind; ordinary kriging, its covariance
            exponential, of readings or of their logarithms; or inverse distance.
        reach: Of the covariance, km: over this distance it falls to a third.
        nugget: What a station shares with nobody, as a share of the covariance at no distance.
        exponent: Of inverse distance, at initialisation.
        spacing: Unit of distance in km: that of the stations it was trained on.
        clock: Time steps a day: 24 for hourly data; 0: no time of day.
        dropout: Of what a block adds, in training.
        bound: Largest correction of the value, as a logarithm; 0: any.
        air: Of kriging carried with the wind, `advected_kriging.TransportCovariance` in
            order.
        carried_lags: Lags whose readings it looks at, beside the hour requested.
        carried_from: Stations, the nearest ones, that it looks at in these lags.
    """

    lags: tuple[int, ...] = (-6, -3, -2, -1, 0, 1, 2, 3, 6)
    others: tuple[str, ...] = ()
    width: int = 48
    heads: int = 4
    inner: int = 96
    neighbours: int = 16
    base: Base = "idw"
    reach: float = 140.0
    nugget: float = 0.05
    exponent: float = 2.0
    spacing: float = 30.0
    clock: int = 24
    dropout: float = 0.0
    bound: float = 0.0
    air: tuple[float, ...] = astuple(TransportCovariance())
    carried_lags: tuple[int, ...] = (-3, -1, 1, 3)
    carried_from: int = 6

    def __post_init__(self) -> None:
        """Refuse what cannot be built.

        Raises:
            ValueError: With the value and what to choose instead.
        """
        if 0 not in self.lags or list(self.lags) != sorted(set(self.lags)):
            raise ValueError(f"lags={self.lags}; give increasing steps with 0 among them")
        if self.width % self.heads:
            raise ValueError(f"width={self.width} is no multiple of heads={self.heads}")
        if min(self.exponent, self.spacing, self.reach, self.nugget) <= 0:
            raise ValueError("exponent, spacing, reach and nugget must be above 0")
        if self.base == "carried" and not {0, *self.carried_lags} <= set(self.lags):
            raise ValueError(f"carried_lags={self.carried_lags} are not among lags={self.lags}")
        TransportCovariance(*self.air)

    @property
    def centre(self) -> int:
        """Where in `lags` the step requested is."""
        return self.lags.index(0)


@dataclass(frozen=True)
class Estimate:
    """What a place breathed.

    Attributes:
        value: (query), ug m-3.
        scale: Scale of the error, (query), ug m-3: the mean absolute error if it was trained so.
        interpolated: What was corrected: kriging or inverse distance, (query), ug m-3.
    """

    value: Float[Tensor, " query"]
    scale: Float[Tensor, " query"]
    interpolated: Float[Tensor, " query"]


class Reanalysis(nn.Module):
    """Set attention over stations, as a correction of inverse distance.

    Args:
        config: Its shape.
    """

    other_mean: Tensor
    other_std: Tensor

    def __init__(self, config: ReanalysisConfig) -> None:
        super().__init__()
        self.config = config
        lags, others = len(config.lags), len(config.others)
        self.token = nn.Sequential(
            nn.Linear(2 * lags + 2 * others + 4, config.width),
            nn.GELU(),
            nn.Linear(config.width, config.width),
        )
        self.place = nn.Sequential(
            nn.Linear(8, config.width), nn.GELU(), nn.Linear(config.width, config.width)
        )
        block = (config.width, config.heads, config.inner, config.dropout)
        self.blocks = nn.ModuleList((Block(*block), Block(*block)))
        self.head = nn.Linear(config.width, 2)
        self.raw_exponent = nn.Parameter(torch.tensor(config.exponent).expm1().log())
        # Kriging's weights stay: corrected, they did worse at places with other surroundings.
        self.weight = nn.Linear(config.width, 1) if config.base == "idw" else None
        for layer in filter(None, (self.weight, self.head)):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.head.bias[1] = -1.5  # an error of a fifth, to begin with
        # What the other variables are on average and how they vary; set before training.
        self.register_buffer("other_mean", torch.zeros(others))
        self.register_buffer("other_std", torch.ones(others))

    def forward(
        self, known: StationContext, start: Float[Tensor, " query"] | None = None
    ) -> Estimate:
        """Value and error scale at each place, NaN where no station has an observation.

        Args:
            known: What is known around.
            start: What `interpolated` gives, if that was worked out before.
        """
        valid = known.readings.isfinite()
        logs = known.readings.clamp(min=FLOOR).log()
        value, present = self._current(logs, valid)  # (b, n) each
        reporting = valid.any(-1)
        distance = known.offset.norm(dim=-1).clamp(min=NEAREST_KM) / self.config.spacing
        score = self._score(distance, reporting, present)
        if self.weight is not None:
            base = _mixed(score.softmax(-1), value, reporting)
        else:
            base = self.interpolated(known) if start is None else start  # (b), log ug m-3
        # Relative to what is corrected: a network near 20 and one near 200 ug m-3 look alike.
        relative = torch.where(valid, logs - base[:, None, None], 0)
        tokens = self._tokens(relative, valid, known, distance)
        asking = self._asking(base, relative[..., self.config.centre], present, distance, known)
        x = torch.cat((self.place(asking)[:, None], tokens), 1)
        talks = nn.functional.pad(reporting, (1, 0), value=True)
        x = self.blocks[0](x, talks)
        corrected = base
        if self.weight is not None:
            weight = (score + self.weight(x[:, 1:])[..., 0]).softmax(-1)
            corrected = _mixed(weight, value, reporting)
        last: Tensor = self.blocks[1](x, talks, 1)[:, 0]
        shift, log_scale = self.head(last).unbind(-1)
        if self.config.bound:
            shift = self.config.bound * torch.tanh(shift / self.config.bound)
        answer = (corrected + shift).exp()
        scale = (log_scale.clamp(-8, 4)).exp() * (answer.detach() + 5)
        empty = ~reporting.any(-1)
        return Estimate(
            answer.masked_fill(empty, torch.nan),
            scale.masked_fill(empty, torch.nan),
            base.exp().masked_fill(empty, torch.nan),
        )

    def interpolated(self, known: StationContext) -> Float[Tensor, " query"]:
        """Logarithm of what kriging gives, whose weights no training changes, log ug m-3."""
        if self.config.base == "carried":
            return self.carried(known).clamp(min=FLOOR).log()
        valid = known.readings.isfinite()
        value, _ = self._current(known.readings.clamp(min=FLOOR).log(), valid)
        weight = self.kriging(known)
        short = torch.zeros_like(weight[:, 0])
        if known.level is not None and self.config.base == "log-kriging":
            # Around the level of all stations, where there is one, weights need not add up to one.
            simple = self.kriging(known, adding_up=False)
            levelled = known.level.isfinite()
            weight = torch.where(levelled[:, None], simple, weight)
            short = torch.where(levelled, (1 - weight.sum(-1)) * known.level.nan_to_num(), short)
        reporting = valid.any(-1)
        if self.config.base == "log-kriging":
            together = (weight * torch.where(reporting, value, 0)).sum(-1) + short
            return together.clamp(min=LOG_FLOOR)
        return _mixed(weight, value, reporting)

    def carried(
        self, known: StationContext, air: Float[Tensor, "9"] | None = None
    ) -> Float[Tensor, " query"]:
        """Kriging carried with the wind, ug m-3; `air`: with a covariance other than its own."""
        shape, readings = self.config, known.readings
        count = readings.shape[1]
        few = min(shape.carried_from, count)
        where = [shape.lags.index(lag) for lag in shape.carried_lags]
        station = torch.tensor([*range(count), *(i for i in range(few) for _ in where)])
        column = torch.tensor([*[shape.centre] * count, *(where * few)])
        lag = torch.tensor(shape.lags, device=readings.device)[column].to(readings)
        values = readings[:, station, column]
        # Where none of these lags has an observation, the nearest in time stands in.
        value, _ = self._current(readings, readings.isfinite())
        value = value.masked_fill(~readings.isfinite().any(-1), torch.nan)
        mute = ~values.isfinite().any(-1, keepdim=True)
        values = torch.cat((torch.where(mute, value, values[:, :count]), values[:, count:]), 1)
        drift = torch.zeros_like(known.offset[:, :1]).expand(-1, len(lag), -1)
        if known.drift is not None:
            drift = known.drift[:, column]
        own = torch.tensor(shape.air).to(readings) if air is None else air
        return carried(values, known.offset, drift, lag, station, own)

    def _score(self, distance: Tensor, reporting: Tensor, present: Tensor) -> Tensor:
        """Logarithms of inverse distance's weights; readings of other hours hardly count."""
        exponent = nn.functional.softplus(self.raw_exponent)
        score = -exponent * distance.log() + torch.where(present, 0.0, SILENT)
        return score.masked_fill(~reporting, 4 * SILENT)

    def kriging(
        self, known: StationContext, *, adding_up: bool = True
    ) -> Float[Tensor, "query station"]:
        """Kriging's weights, of readings of other hours only where no others are.

        Args:
            known: What is known around.
            adding_up: To one, which is ordinary kriging; else simple kriging's.
        """
        valid, offset = known.readings.isfinite(), known.offset
        reporting, present = valid.any(-1), valid[..., self.config.centre]
        # Stations that do not count become rows of the identity.
        counts = torch.where(present.any(-1, keepdim=True), present, reporting)
        apart = (offset[:, :, None] - offset[:, None]).norm(dim=-1)
        # The diagonal holds what a station shares with itself: 1, and the nugget.
        inner = torch.exp(-apart / self.config.reach)
        outer = torch.exp(-offset.norm(dim=-1) / self.config.reach)
        return kriging_weights(inner, outer, counts, self.config.nugget, ordinary=adding_up)

    def _current(self, logs: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Log reading at the hour, or the nearest in time; and whether it is of the hour."""
        away = torch.tensor([abs(lag) for lag in self.config.lags], device=logs.device)
        order = torch.where(valid, away, 10**6).argmin(-1, keepdim=True)
        value = torch.where(valid, logs, 0).gather(-1, order)[..., 0]
        return value, valid[..., self.config.centre]

    def _tokens(
        self, relative: Tensor, valid: Tensor, known: StationContext, distance: Tensor
    ) -> Tensor:
        measured = known.others.isfinite()
        normal = (known.others - self.other_mean) / self.other_std
        normal = torch.where(measured, normal.clamp(-6, 6), 0)
        where = torch.cat(
            (known.offset / self.config.spacing, distance[..., None], distance[..., None].log()), -1
        )
        flags = (valid.to(normal), measured.to(normal))
        token: Tensor = self.token(torch.cat((relative, flags[0], normal, flags[1], where), -1))
        return token

    def _asking(
        self,
        base: Tensor,
        relative: Tensor,
        present: Tensor,
        distance: Tensor,
        known: StationContext,
    ) -> Tensor:
        """What the place itself knows: the time, the level, its spread, and how far all is."""
        count = present.sum(-1).clamp(min=1)
        mean = (relative * present).sum(-1) / count
        spread = ((relative - mean[:, None]) ** 2 * present).sum(-1) / count
        turn = 2 * torch.pi * known.clock
        hour = turn[:, :1] * (self.config.clock > 0)
        return torch.cat(
            (
                hour.sin(),
                hour.cos(),
                turn[:, 1:].sin(),
                turn[:, 1:].cos(),
                torch.stack((base - 4, mean, (spread + 1e-6).sqrt(), distance.amin(-1).log()), -1),
            ),
            -1,
        )


def _mixed(weight: Tensor, value: Tensor, reporting: Tensor) -> Tensor:
    """Logarithm of what the stations say together; `value` are logarithms of readings."""
    together: Tensor = (weight * torch.where(reporting, value.exp(), 0)).sum(-1)
    return together.clamp(min=FLOOR).log()
