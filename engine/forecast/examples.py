"""A city's record cut into what a network learns from, and a network to begin with."""

from dataclasses import asdict, dataclass, replace

import torch

from engine.forecast.networks import gp_first_guess
from engine.forecast.networks.gp_first_guess import Trend
from engine.forecast.networks.mobile_noise import texture_of
from engine.forecast.networks.mobile_windows import Record, in_unit, scale_of, starts, windows
from engine.forecast.networks.stepdiff import StepDiff, StepDiffConfig, Window
from engine.forecast.record import Parts
from engine.forecast.train_steps import fields_of

FIT_STEPS = 40  # of the first guess's covariance
VALIDATE_EVERY = 6  # hours between starts: all times of the day, not every copy of one weather


@dataclass(frozen=True)
class Examples:
    """A record cut into windows, in the unit of its first guess's usual error.

    Attributes:
        record: Hourly cells.
        parts: Rows of learning, validation and test.
        guess: Fitted to the learning part.
        scale: Unit, ug m-3.
        change: Usual change of a cell from hour to hour, ug m-3.
        training: Windows to learn from.
        validation: Later windows.
    """

    record: Record
    parts: Parts
    guess: Trend
    scale: float
    change: float
    training: Window
    validation: Window


def make_examples(record: Record, parts: Parts, shape: StepDiffConfig, every: int = 1) -> Examples:
    """Windows to learn from and to validate on.

    Args:
        record: Of the city.
        parts: Of it.
        shape: Lengths of history and forecast.
        every: Hours between starts of training windows.
    """
    learn = record.flat[: parts.learn]
    guess = gp_first_guess.fit(learn, record.hour[: parts.learn], FIT_STEPS)
    begins = starts(2 * shape.history, parts.learn, shape, every)
    training = windows(record, begins, shape, guess, 1.0, left_out=parts.learn)
    scale = scale_of(training, shape)
    later = starts(*parts.validate, shape, VALIDATE_EVERY)
    change = learn[1:] - learn[:-1]
    return Examples(
        record,
        parts,
        guess,
        scale,
        max(float(change[change.isfinite()].std()), 1e-3),
        in_unit(training, scale),
        windows(record, later, shape, guess, scale),
    )


def begin(shape: StepDiffConfig, data: Examples, seed: int) -> StepDiff:
    """A network from a seed; wind, diffusivity and sources already fit the training hours.

    They are fitted to fields that the first guess completes.
    """
    torch.manual_seed(seed)
    network = StepDiff(shape)
    rows = range(0, len(data.training), shape.history)
    history = data.training.at(torch.tensor(list(rows)))
    fields = fields_of(history, history.values, data.record.grid)[:, : shape.history]
    whole = fields.flatten(0, 1)
    hour = history.hour[:, : shape.history].flatten()
    if min(data.record.grid) >= 3:
        network.transport.warm_start(whole, hour)
    return network


def textured(shape: StepDiffConfig, data: Examples) -> StepDiffConfig:
    """A shape whose noise, unless it is independent, is alike as the city's departures are."""
    if not (shape.common or shape.smooth or shape.memory):
        return shape
    training, history = data.training, shape.history
    ahead = (training.values[..., history:], training.known[..., history:])
    return replace(shape, **asdict(texture_of(*ahead, data.record.grid)))


def as_published(data: Examples, shape: StepDiffConfig) -> Examples:
    """The same examples without a first guess: departures from the mean of all training readings.

    One mean and one unit for the city, as concentrations are standardised in the literature.

    Args:
        data: Any examples.
        shape: Lengths of history and forecast.
    """
    learn = data.record.flat[: data.parts.learn]
    still = torch.zeros_like(data.guess.cells)
    # All noise and no memory: such a trend never departs from its mean.
    flat = Trend(
        float(learn[learn.isfinite()].mean()),
        torch.zeros_like(data.guess.hourly),
        still,
        data.guess.variance,
        (1e-9, 6.0, 1e-9, 48.0, 1e-9, 1.0, 120.0, 1.0, 1e-9),
    )
    begins = starts(2 * shape.history, data.parts.learn, shape)
    training = windows(data.record, begins, shape, flat, 1.0)
    scale = scale_of(training, shape)
    later = starts(*data.parts.validate, shape, VALIDATE_EVERY)
    return replace(
        data,
        guess=flat,
        scale=scale,
        training=in_unit(training, scale),
        validation=windows(data.record, later, shape, flat, scale),
    )
