"""What a forecast of a week is held against: nothing learned, one line, boosted trees.

Each predicts the stations that are seen; a hidden one gets the mean of their weeks by inverse
distance, `spread`.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import interp1d
from sklearn.ensemble import HistGradientBoostingRegressor
from torch import Tensor

from engine.research.aqnet.neural_knn import NeuralKNN
from engine.research.aqnet.record import WeekRecord

Values = NDArray[np.float64]
FIRST_DAY, LARGE, ROUNDS = 24, 0.2, 4  # hours; in the target's unit; of reweighting
# Leads that boosted trees are made for, hours after the first that is predicted.
KNOTS = (0, 2, 5, 8, 11, 17, 23, 35, 47, 71, 95, 131, 167)


def spread(record: WeekRecord, predicted: Values) -> Values:
    """(origin, visible, lead) and then the hidden stations', means by inverse distance."""
    places = record.hours.places
    near = NeuralKNN(learned=False)
    with torch.no_grad():
        found = near(places[record.visible :], places[: record.visible])
        hidden = found.mix(torch.from_numpy(predicted))
    return np.concatenate([predicted, hidden.numpy()], 1)


def persistence(record: WeekRecord, origins: Tensor, horizon: int) -> Values:
    """The last reading, up to a day old, held for the whole week."""
    readings = record.readings()[:, : record.visible]
    steps = origins.numpy()
    last = np.full((len(steps), record.visible), np.nan)
    for back in range(1, 25):
        last = np.where(np.isfinite(last), last, readings[steps - back])
    return np.repeat(last[..., None], horizon, -1)


def climatology(
    record: WeekRecord, origins: Tensor, horizon: int, end: int, *, monthly: bool
) -> Values:
    """Each station's mean for the hour of the day, and of the month, before `end`."""
    readings, local = record.readings()[:end, : record.visible], record.local
    key = local[:, 0] + 24 * local[:, 1] * monthly
    table = np.stack([np.nanmean(readings[key[:end] == k], 0) for k in range(key.max() + 1)])
    steps = origins.numpy()[:, None] + np.arange(horizon)
    predicted: Values = table[key[steps]].transpose(0, 2, 1)
    return predicted


def filled_weeks(record: WeekRecord, origins: Tensor, horizon: int) -> Values:
    """Weeks to learn a line from, (origin × station, lead), in the target's unit: no gaps."""
    target = record.hours.target[:, : record.visible].double().numpy().copy()
    steps = np.arange(len(target))
    for column in target.T:
        valid = np.isfinite(column)
        column[:] = np.interp(steps, steps[valid], column[valid])
    picked = origins.numpy()[:, None] + np.arange(horizon)
    return target[picked].transpose(0, 2, 1).reshape(-1, horizon)


def ridge(inputs: Values, target: Values, strength: float) -> tuple[Values, Values]:
    """Coefficients (input, lead) and constants (lead) of a ridge regression."""
    middle, level = inputs.mean(0), target.mean(0)
    centred = inputs - middle
    gram = centred.T @ centred
    gram[np.diag_indices_from(gram)] += strength * len(inputs)
    slope = np.linalg.solve(gram, centred.T @ (target - level))
    return slope, level - middle @ slope


def robust(
    inputs: Values, target: Values, slope: Values, constant: Values
) -> tuple[Values, Values]:
    """A line to the first day's hours by reweighted least squares: errors over LARGE count less.

    Source: Huber 1964, doi:10.1214/aoms/1177703732; weights min(1, LARGE / |error|).
    """
    whole = np.column_stack([inputs, np.ones(len(inputs))])
    found = np.vstack([slope, constant])
    keep = 1e-3 * len(whole) * np.eye(len(found))
    keep[-1, -1] = 0
    for _ in range(ROUNDS):
        error = np.abs(target[:, :FIRST_DAY] - whole @ found[:, :FIRST_DAY])
        for lead in range(error.shape[1]):
            weighed = whole * np.minimum(1, LARGE / np.maximum(error[:, lead], 1e-9))[:, None]
            found[:, lead] = np.linalg.solve(weighed.T @ whole + keep, weighed.T @ target[:, lead])
    return found[:-1], found[-1]


def line(record: WeekRecord, origins: Tensor, horizon: int) -> tuple[Tensor, Tensor]:
    """Weight and bias of the linear forecast from summaries, as `torch.nn.Linear` has them.

    Hours of the first day are fitted to small errors rather than to the few large ones, which
    lowers the mean absolute error there and leaves the root of the mean square alone.
    """
    seen = record.hours.summary[origins][:, : record.visible].double().numpy()
    inputs = seen.reshape(-1, seen.shape[-1])
    target = filled_weeks(record, origins, horizon)
    slope, constant = ridge(inputs, target, 1e-3)
    slope, constant = robust(inputs[::4], target[::4], slope, constant)
    return torch.from_numpy(slope.T).float(), torch.from_numpy(constant).float()


def ridge_week(
    record: WeekRecord,
    learn: Tensor,
    origins: Tensor,
    lengths: tuple[int, int],
    columns: list[int],
) -> Values:
    """A ridge regression from all hours of a history to all hours of the week.

    Args:
        record: Of all stations.
        learn: Origins it learns from.
        origins: Those predicted.
        lengths: Of history and week.
        columns: Inputs it sees in each hour; the clock is seen once.
    """
    seen = record.seen()

    def flat(steps: Tensor) -> Values:
        history = seen.history(steps, lengths[0]).flatten(0, 1)
        clock = history[:, -1, -10:-4]
        whole = torch.cat((history[..., columns].flatten(1), clock), 1)
        found: Values = whole.double().numpy()
        return found

    target = filled_weeks(record, learn, lengths[1])
    slope, constant = ridge(flat(learn), target, 0.3)
    predicted = flat(origins) @ slope + constant
    return (predicted * record.unit).clip(0).reshape(len(origins), record.visible, -1)


def trees(
    record: WeekRecord,
    learn: Tensor,
    origins: Tensor,
    horizon: int,
    climate: tuple[Values, Values],
    *,
    rows: int = 40_000,
    count: int = 120,
    seed: int = 0,
) -> Values:
    """Boosted trees, one model for each of some leads: what departs from the climatology.

    They see what the line sees, and the climatology; between leads departures go straight.

    Args:
        record: Of all stations.
        learn: Origins they learn from.
        origins: Those predicted.
        horizon: Hours that are predicted.
        climate: Monthly climatology at both, (origin, station, lead), ug m-3.
        rows: Drawn at random to learn from, for each lead.
        count: Of trees.
        seed: Of the draw.
    """
    random = np.random.default_rng(seed)
    summary = record.hours.summary[:, : record.visible].double().numpy()
    readings = record.readings()[:, : record.visible]
    knots = [lead for lead in KNOTS if lead < horizon]
    departs = np.empty((len(origins), record.visible, len(knots)))
    for k, lead in enumerate(knots):
        which = random.integers(len(learn), size=rows)
        station = random.integers(record.visible, size=rows)
        step, usual = learn.numpy()[which], climate[0][which, station, lead]
        target = readings[step + lead, station] - usual
        known = np.isfinite(target)
        model = HistGradientBoostingRegressor(
            max_iter=count,
            learning_rate=0.06,
            min_samples_leaf=100,
            l2_regularization=5.0,
            random_state=seed,
        ).fit(np.column_stack([summary[step, station], usual])[known], target[known])
        requested = np.concatenate([summary[origins.numpy()], climate[1][..., lead, None]], -1)
        found = model.predict(requested.reshape(-1, requested.shape[-1]))
        departs[..., k] = found.reshape(departs.shape[:2])
    whole = interp1d(knots, departs, fill_value="extrapolate")(np.arange(horizon))
    answer: Values = (climate[1] + whole).clip(0)
    return answer
