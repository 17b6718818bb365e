"""One date's analysis: mean, median, interval and chance of exceedance at places and stations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import ndtr

from engine.core.grid import arc_km, on_sphere
from engine.fusion.groups import Numbers, Scheme
from engine.fusion.kriging import NEIGHBOURS, field, nearest_km, variance
from engine.fusion.learning import NORMAL_90, Learned, left_out_errors

LEAST_STATIONS = 3
LARGEST_LOG = 9.0  # of a median: 8 000 ug m-3
LARGEST_SPREAD = 1.5  # of a logarithm's standard deviation


@dataclass(frozen=True)
class Analysis:
    """Of each place, in ug m-3 unless said.

    Attributes:
        mean: Expected value.
        median: Value that is as likely exceeded as not.
        low: Lower end of the 90 % interval.
        high: Upper end.
        log_spread: Standard deviation of log(value + 1).
        distance: To the next station used, km.
    """

    mean: Numbers
    median: Numbers
    low: Numbers
    high: Numbers
    log_spread: Numbers
    distance: Numbers

    def exceeding(self, limit: float) -> Numbers:
        """Probability that the value is above a limit; sums of it over days are expected days."""
        centre = np.log(self.median + 1)
        return np.asarray(1.0 - ndtr((np.log(limit + 1) - centre) / self.log_spread))


def analyse(
    observed: Numbers,
    at_stations: Numbers | None,
    stations: tuple[Numbers, Numbers],
    background: Numbers | None,
    places: tuple[Numbers, Numbers],
    learned: Learned,
) -> Analysis:
    """The analysis of one date.

    Args:
        observed: Of each station, ug m-3, NaN where missing.
        at_stations: Background at the stations, NaN outside the map; None: there is none.
        stations: Latitudes and longitudes of the stations.
        background: Background at the places, NaN where there is none; None: there is none.
        places: Latitudes and longitudes of the places.
        learned: From earlier dates; its places are the stations.

    Raises:
        ValueError: If fewer than three stations have a value, and a background, on this date.
    """
    known = np.isfinite(observed)
    if at_stations is not None:
        known &= np.isfinite(at_stations)
    if known.sum() < LEAST_STATIONS:
        raise ValueError(f"{known.sum()} stations are fewer than {LEAST_STATIONS}")
    near = (stations[0][known], stations[1][known])
    rows = [np.log(observed[known] + 1)]
    if at_stations is not None:
        rows.append(np.log(at_stations[known] + 1))
    kriged = field(np.array(rows), near, places, learned.covariance)
    km = nearest_km(near, places)
    centre = kriged[0]
    if background is not None:
        centre = centre + learned.weight.at(km) * (np.log(background + 1) - kriged[1])
    unit = variance(near, places, learned.covariance)
    ratio = np.ones(len(km))
    if learned.place_ratio.size == len(observed):
        ratio = _ratio(learned.place_ratio[known], near, places, learned.covariance.range_km)
    return _described(centre, np.sqrt(learned.sill * unit * ratio) * learned.reach, km)


def left_out_analysis(
    observed: Numbers,
    background: Numbers | None,
    km: Numbers,
    way: Scheme,
    learned: Learned,
) -> Analysis:
    """The analysis at stations from all groups but their own, each array (date, station).

    Args:
        observed: (date, station), ug m-3, NaN where missing.
        background: The same of the background.
        km: Distances among the stations.
        way: How they are left out.
        learned: From earlier dates.
    """
    y = np.log(observed + 1)
    z = None if background is None else np.log(background + 1)
    error, unit = left_out_errors(y, z, km, learned.covariance, learned.weight, way)
    ratio = learned.place_ratio if learned.place_ratio.size else np.ones(observed.shape[1])
    spread = np.sqrt(learned.sill * unit * ratio) * learned.reach
    return _described(y - error, spread, np.broadcast_to(way.distance, y.shape))


def _described(
    centre: NDArray[np.float64], spread: NDArray[np.float64], km: NDArray[np.float64]
) -> Analysis:
    """Mean, median and interval of a lognormal law of the value plus one."""
    centre = np.clip(centre, 0.0, LARGEST_LOG)
    spread = np.minimum(spread, LARGEST_SPREAD)

    def value(log: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.maximum(np.exp(log) - 1.0, 0.0))

    return Analysis(
        mean=value(centre + spread**2 / 2),
        median=value(centre),
        low=value(centre - NORMAL_90 * spread),
        high=value(centre + NORMAL_90 * spread),
        log_spread=np.asarray(spread),
        distance=np.asarray(km),
    )


def _ratio(
    ratio: Numbers,
    near: tuple[Numbers, Numbers],
    places: tuple[Numbers, Numbers],
    range_km: float,
) -> Numbers:
    """Ratio of a place's own error to the kriging's, at places, from the stations around them.

    It goes back to 1 where no station is near.
    """
    count = min(NEIGHBOURS, len(ratio))
    chord, index = cKDTree(on_sphere(*near)).query(on_sphere(*places), k=count)
    km = arc_km(chord.reshape(-1, count))
    weight = np.exp(-km / range_km)
    logs = np.log(ratio)[index.reshape(-1, count)]
    return np.asarray(np.exp((weight * logs).sum(1) / (weight.sum(1) + 1.0)))
