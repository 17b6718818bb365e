"""Everything a verification page needs of many days, gathered day by day in bounded memory.

A range of days of prediction and target can pass a gigabyte; what is computed from it afterwards is
small. `gather` reads one day at a time and keeps sums by day (scores and their intervals), sums by
place (maps, covariates), a joint histogram (scatter, deciles, categories), the daily errors in 16
bits (persistence) and mean spectra. Every table and chart of a page then comes from one dataset,
so that they cannot disagree.

A *place* is a grid cell or a station. Only pairs with both values count.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.verify.metric_tables import ERRORS_PAGE
from engine.verify.metrics import METRICS, STATISTICS, Metric, statistics
from engine.verify.spectra import spectrum

# Classes of the joint histogram: (0, 0.5], (0.5, 1], …; closed above, so that "above a limit" is
# exact for every limit that is a multiple of a half. What is higher falls into the last.
STEP = 0.5
TOP = 500.0
CLASSES = round(TOP / STEP)

BY_DAY = STATISTICS
BY_PLACE = STATISTICS[:6]  # n, error, absolute, squared, prediction, target


@dataclass(frozen=True)
class Day:
    """One step of time.

    Attributes:
        time: Its `valid_time`.
        prediction: ug m-3, any shape; NaN is no data.
        target: The same shape.
    """

    time: np.datetime64
    prediction: NDArray[np.floating]
    target: NDArray[np.floating]


def gather(
    days: Iterable[Day],
    *,
    dims: Sequence[str],
    coords: dict[str, NDArray[np.generic]] | None = None,
    cell: tuple[float, float] | None = None,
) -> xr.Dataset:
    """What verification needs of these days.

    Args:
        days: In order of time; taken one at a time.
        dims: Names of the dimensions of a day: ("latitude", "longitude") or ("station",).
        coords: Coordinates along them.
        cell: Height and width of a cell, km, for spectra; None for places that are no grid.

    Returns:
        `by_day(valid_time, statistic)`, `by_place(quantity, *dims)`, `by_class(target_class,
        quantity)`, `histogram(target_class, prediction_class)`, `daily_error(valid_time, *dims)`
        and, for grids with enough data, `power(field, wavelength)`; ug m-3 and its powers.

    Raises:
        ValueError: If there is no day.
    """
    total: _Total | None = None
    for day in days:
        total = total or _Total(day.prediction.shape)
        total.add(day, cell)
    if total is None:
        raise ValueError("there is not one day to verify")
    return total.dataset(dims, coords or {})


class _Total:
    """Running sums over days."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.times: list[np.datetime64] = []
        self.by_day: list[NDArray[np.float64]] = []
        self.daily: list[NDArray[np.float16]] = []
        self.power: list[NDArray[np.float64]] = []
        self.wavelength: NDArray[np.float64] | None = None
        self.by_place = np.zeros((len(BY_PLACE), *shape))
        self.by_class = np.zeros((CLASSES, len(BY_PLACE)))
        self.histogram = np.zeros(CLASSES * CLASSES, dtype=np.int64)

    def add(self, day: Day, cell: tuple[float, float] | None) -> None:
        both = np.isfinite(day.prediction) & np.isfinite(day.target)
        prediction = day.prediction[both].astype(np.float64)
        target = day.target[both].astype(np.float64)
        error = prediction - target
        self.times.append(day.time)
        self.by_day.append(statistics(prediction, target))
        parts = (np.ones_like(error), error, np.abs(error), error**2, prediction, target)
        row, column = classes(target), classes(prediction)
        for n, part in enumerate(parts):
            self.by_place[n][both] += part
            self.by_class[:, n] += np.bincount(row, weights=part, minlength=CLASSES)
        self.histogram += np.bincount(row * CLASSES + column, minlength=CLASSES**2)
        of_day = np.full(both.shape, np.nan, dtype=np.float16)
        of_day[both] = error
        self.daily.append(of_day)
        if cell is not None:
            self._add_power(np.where(both, day.prediction, np.nan), day.target, both, cell)

    def _add_power(
        self,
        prediction: NDArray[np.floating],
        target: NDArray[np.floating],
        both: NDArray[np.bool_],
        cell: tuple[float, float],
    ) -> None:
        try:
            one = spectrum(prediction, cell)
            other = spectrum(np.where(both, target, np.nan), cell)
        except ValueError:
            return  # a day with too little data has no spectrum; the others have
        self.wavelength = one.wavelength
        self.power.append(np.stack([one.power, other.power]))

    def dataset(self, dims: Sequence[str], coords: dict[str, NDArray[np.generic]]) -> xr.Dataset:
        centres = (np.arange(CLASSES) + 0.5) * STEP
        gathered = xr.Dataset(
            {
                "by_day": (("valid_time", "statistic"), np.stack(self.by_day)),
                "by_place": (("quantity", *dims), self.by_place.astype(np.float32)),
                "by_class": (("target_class", "quantity"), self.by_class),
                "histogram": (
                    ("target_class", "prediction_class"),
                    self.histogram.reshape(CLASSES, CLASSES).astype(np.int32),
                ),
                "daily_error": (("valid_time", *dims), np.stack(self.daily)),
            },
            {
                "valid_time": np.array(self.times, dtype="datetime64[ns]"),
                "statistic": list(BY_DAY),
                "quantity": list(BY_PLACE),
                "target_class": centres,
                "prediction_class": centres,
                **{name: (dim, values) for name, dim, values in _along(dims, coords)},
            },
        )
        if self.power and self.wavelength is not None:
            gathered = gathered.assign_coords(
                wavelength=("wavelength", self.wavelength, {"units": "km"}),
                field=["prediction", "target"],
            )
            gathered["power"] = (("field", "wavelength"), np.mean(self.power, axis=0))
        return gathered


def at_places(evidence: xr.Dataset) -> NDArray[np.float64]:
    """Totals of each place for `METRICS` that need the sums of `BY_PLACE` alone, (*dims, 6)."""
    return np.moveaxis(evidence["by_place"].values.astype(np.float64), 0, -1)


def _along(
    dims: Sequence[str], coords: dict[str, NDArray[np.generic]]
) -> list[tuple[str, str, NDArray[np.generic]]]:
    """Coordinates with the dimension each lies along: its own, or the only one there is."""
    return [(name, name if name in dims else dims[0], values) for name, values in coords.items()]


def classes(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """Index of each value's class of the histogram; zero belongs to the first."""
    index = np.ceil(values / STEP).astype(np.int64) - 1
    kept: NDArray[np.int64] = index.clip(0, CLASSES - 1)
    return kept


# Those that the pages show, in the order of their table.
SCORES: dict[str, Metric] = {name: METRICS[name] for name in ERRORS_PAGE}
