"""What a practitioner would try before a diffusion model, on the same windows in the same units.

Each method is fitted to rows before `end` and predicts the lead hours of windows; it sees of a
window what was measured up to its start. Forecasts are (window, lead, cell), ug m-3, finite
everywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from pykrige.ok3d import OrdinaryKriging3D
from sklearn.linear_model import Ridge

from engine.forecast.networks import gp_first_guess
from engine.forecast.networks.advection import Transport, solve
from engine.forecast.networks.mobile_windows import Record
from engine.verify.metrics import of_errors

Values = NDArray[np.float64]
DAY = 24
KRIGING_SAMPLES = 160  # the latest of a history that ordinary kriging looks at
KRIGING_HOURS = 12
HOUR_IN_CELLS = 1.5  # as far apart in time as this many cells in space, for kriging
RIDGE_PENALTIES = (1.0, 10.0, 100.0, 1000.0)
RECENT = (1, 2, 3, 6, 12, 24, 48)  # hours over which ridge averages the city's past


@dataclass(frozen=True)
class City:
    """A record as plain arrays.

    Attributes:
        values: (time, cell), ug m-3, NaN is a gap.
        hour: Local hour of the day, (time) and further.
        end: Row that learning ends before.
        lead_times: Hours that are predicted.
        grid: Rows and columns.
    """

    values: Values
    hour: NDArray[np.int64]
    end: int
    lead_times: int
    grid: tuple[int, int]

    @classmethod
    def of(cls, record: Record, end: int, lead_times: int) -> "City":
        """The record's arrays."""
        return cls(record.flat.numpy(), record.hour.numpy(), end, lead_times, record.grid)

    @property
    def mean(self) -> float:
        """Of the training part."""
        return float(np.nanmean(self.values[: self.end]))

    def city(self) -> Values:
        """Mean over the measured cells of every hour, NaN without any."""
        return _mean(self.values, 1)


Method = Callable[[City, Sequence[int]], Values]


def _mean(values: Values, axis: int) -> Values:
    known = np.isfinite(values)
    count = known.sum(axis)
    total = np.where(known, values, 0.0).sum(axis)
    mean: Values = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return mean


def _everywhere(city: City, by_lead: Values) -> Values:
    """City-wide forecasts (window, lead) in every cell."""
    return np.repeat(by_lead[:, :, None], city.values.shape[1], 2)


def last_by_cell(city: City, begins: Sequence[int], hours: int = 12) -> Values:
    """Mean of each cell's last hours; where it has none, of the window; else of training."""
    rows = []
    for begin in begins:
        past = city.values[max(begin - hours, 0) : begin]
        own = _mean(past, 0)
        level = np.nanmean(past) if np.isfinite(past).any() else city.mean
        rows.append(np.where(np.isfinite(own), own, level))
    return np.repeat(np.stack(rows)[:, None], city.lead_times, 1)


def last_of_city(city: City, begins: Sequence[int], hours: int) -> Values:
    """Mean of the city's last hours."""
    rows = []
    for begin in begins:
        past = city.values[max(begin - hours, 0) : begin]
        rows.append(np.nanmean(past) if np.isfinite(past).any() else city.mean)
    return _everywhere(city, np.repeat(np.array(rows)[:, None], city.lead_times, 1))


def yesterday(city: City, begins: Sequence[int]) -> Values:
    """City mean of the same hours of the day before; where there is none, of training."""
    means = city.city()
    rows = [[means[b + lead - DAY] for lead in range(city.lead_times)] for b in begins]
    predicted = np.array(rows)
    return _everywhere(city, np.where(np.isfinite(predicted), predicted, city.mean))


def training_cells(city: City, begins: Sequence[int]) -> Values:
    """Training mean of each cell; where it has none, of all."""
    own = _mean(city.values[: city.end], 0)
    predicted = np.where(np.isfinite(own), own, city.mean)
    return np.broadcast_to(predicted, (len(begins), city.lead_times, len(predicted))).copy()


def hour_of_day(city: City, begins: Sequence[int]) -> Values:
    """Training mean of all readings at that local hour; where there is none, of all hours."""
    return _everywhere(city, _hourly(city)[_leads(city, begins)])


def hour_and_cell(city: City, begins: Sequence[int]) -> Values:
    """Training mean at that local hour plus the cell's usual departure from it."""
    hourly, past = _hourly(city), city.values[: city.end]
    left = past - hourly[city.hour[: city.end]][:, None]
    own = np.nan_to_num(_mean(left, 0))
    return hourly[_leads(city, begins)][:, :, None] + own


def _hourly(city: City) -> Values:
    past, hour = city.values[: city.end], city.hour[: city.end]
    means = [_mean(past[hour == h].reshape(1, -1), 1)[0] for h in range(DAY)]
    return np.where(np.isfinite(means), means, city.mean)


def _leads(city: City, begins: Sequence[int]) -> NDArray[np.int64]:
    """Local hours of the lead times, (window, lead)."""
    rows: NDArray[np.int64] = city.hour[np.add.outer(begins, np.arange(city.lead_times))]
    return rows


def anomaly_kriging(city: City, begins: Sequence[int]) -> Values:
    """The first guess that STeP-Diff departs from: climatology and the city's kriged anomaly."""
    values, hour = torch.tensor(city.values), torch.tensor(city.hour)
    guess = gp_first_guess.fit(values[: city.end], hour[: city.end], 40)
    predicted = [guess.guess(values[:b], hour, 1, city.lead_times)[0][1:] for b in begins]
    return torch.stack(predicted).numpy()


def ridge(city: City, begins: Sequence[int]) -> Values:
    """Vector autoregression of the city's anomaly, a ridge for each lead hour, on climatology.

    From the mean anomaly of the last hours to days and at the same hours of the day before; the
    penalty is chosen on the last fifth of the training part.
    """
    hourly, past = _hourly(city), city.values[: city.end]
    own = np.nan_to_num(_mean(past - hourly[city.hour[: city.end]][:, None], 0))
    anomaly = _mean(city.values - hourly[city.hour[: len(city.values)]][:, None] - own, 1)
    predicted = np.zeros((len(begins), city.lead_times))
    requested = np.array(begins)
    for lead in range(city.lead_times):
        rows = np.arange(2 * DAY, city.end - lead)
        rows = rows[np.isfinite(anomaly[rows + lead])]
        inputs, target = _past_of(anomaly, rows, lead), anomaly[rows + lead]
        cut = int(0.8 * len(rows))
        penalty = min(RIDGE_PENALTIES, key=lambda p: _held(inputs, target, cut, p))
        model = Ridge(penalty).fit(inputs, target)
        predicted[:, lead] = model.predict(_past_of(anomaly, requested, lead))
    whole: Values = hourly[_leads(city, begins)][:, :, None] + own + predicted[:, :, None]
    return whole.clip(0)


def _held(inputs: Values, target: Values, cut: int, penalty: float) -> float:
    model = Ridge(penalty).fit(inputs[:cut], target[:cut])
    return of_errors("mae", model.predict(inputs[cut:]) - target[cut:])


def _past_of(anomaly: Values, begins: NDArray[np.int64], lead: int) -> Values:
    """What the ridge sees of the city's anomaly before each start, (window, feature)."""
    rows = []
    for begin in begins:
        means = [_level(anomaly[max(begin - n, 0) : begin]) for n in RECENT]
        same = begin + lead - DAY
        rows.append([*means, _level(anomaly[max(same - 1, 0) : min(same + 2, begin)])])
    return np.array(rows)


def _level(values: Values) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else 0.0


def space_time_kriging(city: City, begins: Sequence[int]) -> Values:
    """Ordinary kriging of the last hours' readings in space and time, by PyKrige.

    Time is a third direction; every window fits its own exponential variogram. The lead hours lie
    outside what is known, so that far ahead it predicts the mean of what it saw.
    """
    rows, columns = city.grid
    row, column = (a.ravel().astype(float) for a in np.indices(city.grid))
    result = []
    for begin in begins:
        past = city.values[max(begin - KRIGING_HOURS, 0) : begin]
        time, cell = np.nonzero(np.isfinite(past))
        time, cell = time[-KRIGING_SAMPLES:], cell[-KRIGING_SAMPLES:]
        values = past[time, cell]
        if len(values) < 10 or np.ptp(values) < 1e-6:
            level = values.mean() if len(values) else city.mean
            result.append(np.full((city.lead_times, rows * columns), level))
            continue
        kriging = OrdinaryKriging3D(
            column[cell], row[cell], HOUR_IN_CELLS * (time - len(past)).astype(float), values,
            variogram_model="exponential", nlags=8, exact_values=False,
        )  # fmt: skip
        when = HOUR_IN_CELLS * np.arange(city.lead_times, dtype=float)
        places = [np.tile(column, city.lead_times), np.tile(row, city.lead_times)]
        predicted, _ = kriging.execute("points", *places, np.repeat(when, rows * columns))
        result.append(np.asarray(predicted).reshape(city.lead_times, -1))
    return np.stack(result).clip(0)


def physics_alone(city: City, begins: Sequence[int]) -> Values:
    """The convection-diffusion equation solved onward from the last field; our reconstruction.

    Wind, diffusivity and sources fit the training hours; the first field is the first guess with
    the last hour's readings put in.
    """
    values, hour = torch.tensor(city.values), torch.tensor(city.hour)
    guess = gp_first_guess.climatology(values[: city.end], hour[: city.end])
    transport = Transport(*city.grid)
    climate = guess.climate(hour[: city.end])
    whole = torch.where(values[: city.end].isfinite(), values[: city.end], climate)
    transport.warm_start(whole.reshape(-1, *city.grid).float(), hour[: city.end].float())
    result = []
    for begin in begins:
        filled, _ = guess.guess(values[:begin], hour, 1, 1)
        last = values[begin - 1]
        field = torch.where(last.isfinite(), last, filled[0]).reshape(1, *city.grid).float()
        flow = transport(hour[None, begin - 1 : begin + city.lead_times - 1].float())
        result.append(solve(field, flow, city.lead_times)[0].flatten(1))
    return torch.stack(result).detach().clamp(min=0).double().numpy()


# By the names that tables show; the first nine learn nothing but means.
SIMPLE: dict[str, Method] = {
    "last 12 h, by cell": last_by_cell,
    "last 3 h, city": lambda city, begins: last_of_city(city, begins, 3),
    "last 12 h, city": lambda city, begins: last_of_city(city, begins, 12),
    "same hours yesterday, city": yesterday,
    "training mean, by cell": training_cells,
    "hour of day, city": hour_of_day,
    "hour of day, by cell": hour_and_cell,
}
FITTED: dict[str, Method] = {
    "ridge (VAR)": ridge,
    "space-time kriging": space_time_kriging,
    "anomaly kriging (first guess)": anomaly_kriging,
    "physics alone": physics_alone,
}
