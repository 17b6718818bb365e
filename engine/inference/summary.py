"""A map in numbers: mean, highest value, cities above a limit, people there.

Pure functions over the result of a model. The sentence, the cards and the table of a page and the
command line take the same numbers from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core.grid import Grid, distance_km
from engine.verify.metrics import of_errors

NEAR_KM = 60.0  # a peak farther from any city than this is named by its coordinates


@dataclass(frozen=True)
class Place:
    """A city.

    Attributes:
        name_en: Name in Latin letters.
        name_zh: Name in Chinese characters; may be empty.
        latitude: Degrees north.
        longitude: Degrees east.
        population: People, or 0 where it is not known.
    """

    name_en: str
    name_zh: str
    latitude: float
    longitude: float
    population: int


@dataclass(frozen=True)
class Row:
    """What a map says about one city: the cell its centre lies in, in ug m-3; NaN is unknown."""

    place: Place
    value: float
    coarse: float
    target: float
    error: float
    above: bool


@dataclass(frozen=True)
class Summary:
    """A map in numbers; concentrations in ug m-3.

    Attributes:
        mean: Mean over the valid cells, each weighted by its area.
        weighted: Mean over the cities, each weighted by its population; NaN where none is known.
        maximum: Highest cell.
        peak: Latitude and longitude of that cell.
        near: The nearest city to it within `NEAR_KM`, or None.
        limit: The limit that `above` refers to, or None.
        rows: The cities inside with a value, worst first.
        rmse: Root mean square error over the cells with a known target, or NaN.
        bias: Mean error over the same cells, or NaN.
    """

    mean: float
    weighted: float
    maximum: float
    peak: tuple[float, float]
    near: Place | None
    limit: float | None
    rows: tuple[Row, ...]
    rmse: float
    bias: float

    @property
    def above(self) -> tuple[Row, ...]:
        """The cities above the limit."""
        return tuple(row for row in self.rows if row.above)

    @property
    def people_above(self) -> int:
        """People who live in those cities."""
        return sum(row.place.population for row in self.above)


def summarise(
    prediction: xr.Dataset, places: Sequence[Place], *, limit: float | None
) -> Summary | None:
    """The numbers of one map, or None if it holds no value at all.

    Args:
        prediction: One time step of `engine.inference.run.predict`: `pm2p5(latitude, longitude)`
            and, where known, `coarse`, `target` and `error`, in ug m-3; NaN is no data.
        places: Cities, inside the map or not.
        limit: A city above it counts; None where no limit applies.
    """
    field = prediction["pm2p5"].values.astype(np.float64)
    if not np.isfinite(field).any():
        return None
    grid = _grid(prediction, "latitude", "longitude")
    weight = np.where(np.isfinite(field), np.cos(np.deg2rad(grid.latitude))[:, None], 0.0)
    row, column = np.unravel_index(np.nanargmax(field), field.shape)
    peak = (float(grid.latitude[row]), float(grid.longitude[column]))
    rows = _rows(prediction, grid, places, limit)
    people = np.array([r.place.population for r in rows], dtype=np.float64)
    values = np.array([r.value for r in rows])
    error = _values(prediction, "error")
    return Summary(
        mean=float(np.nansum(field * weight) / weight.sum()),
        weighted=float((people * values).sum() / people.sum()) if people.sum() else float("nan"),
        maximum=float(field[row, column]),
        peak=peak,
        near=_nearest(peak, places),
        limit=limit,
        rows=tuple(sorted(rows, key=lambda r: -r.value)),
        rmse=of_errors("rmse", error),
        bias=of_errors("bias", error),
    )


def _grid(prediction: xr.Dataset, latitude: str, longitude: str) -> Grid:
    return Grid.from_axes(
        prediction[latitude].values, prediction[longitude].values, where="prediction"
    )


def _values(prediction: xr.Dataset, name: str) -> NDArray[np.float64]:
    """The finite values of a variable that may be missing."""
    if name not in prediction:
        return np.empty(0)
    values = prediction[name].values.astype(np.float64)
    finite: NDArray[np.float64] = values[np.isfinite(values)]
    return finite


def _rows(
    prediction: xr.Dataset, grid: Grid, places: Sequence[Place], limit: float | None
) -> list[Row]:
    coarse = (
        _grid(prediction, "coarse_latitude", "coarse_longitude") if "coarse" in prediction else None
    )
    rows = []
    for place in places:
        value = _at(prediction, "pm2p5", grid, place)
        if np.isnan(value):
            continue
        rows.append(
            Row(
                place,
                value,
                _at(prediction, "coarse", coarse, place) if coarse else float("nan"),
                _at(prediction, "target", grid, place),
                _at(prediction, "error", grid, place),
                above=limit is not None and value > limit,
            )
        )
    return rows


def _at(prediction: xr.Dataset, name: str, grid: Grid, place: Place) -> float:
    """The value of the cell that a city's centre lies in; NaN outside and where unknown."""
    row, column, inside = grid.cell_of(place.latitude, place.longitude)
    if name not in prediction or not inside:
        return float("nan")
    return float(prediction[name].values[row, column])


def _nearest(point: tuple[float, float], places: Sequence[Place]) -> Place | None:
    """The city nearest to a point, if one is within `NEAR_KM`."""
    if not places:
        return None
    km = distance_km(*point, [p.latitude for p in places], [p.longitude for p in places])
    best = int(km.argmin())
    return places[best] if km[best] <= NEAR_KM else None
