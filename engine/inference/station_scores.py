"""How good a map is at monitors: raw, after one factor, fused; left out singly and together."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from engine.fusion.analysis import left_out_analysis
from engine.fusion.groups import Scheme, squares
from engine.fusion.learning import Learned
from engine.verify.metrics import score

DRAWS = 2000
SQUARE = 4.0  # degrees; what is drawn for an interval

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class StationScore:
    """One row of the table: a map against monitors. Numbers in ug m-3 unless said.

    Attributes:
        what: "coarse", "background", "background, one factor" or "fused".
        left_out: How stations were left out; empty where the map never saw them.
        next_km: Median distance to the next station used, km; NaN where none is.
        n: Pairs of a station and a date.
        bias: Map minus observation.
        rmse: Root mean squared error.
        mae: Mean absolute error.
        correlation: Pearson's.
        coverage: Share of observations in the 90 % interval; NaN where there is none.
        gain: Share by which the error is below the coarse map's, with its 95 % interval over
            squares of 4°; NaN for the coarse map itself.
        gain_low: Lower end.
        gain_high: Upper end.
    """

    what: str
    left_out: str
    next_km: float
    n: int
    bias: float
    rmse: float
    mae: float
    correlation: float
    coverage: float
    gain: float
    gain_low: float
    gain_high: float

    @property
    def shown(self) -> bool:
        """Whether the gain's interval leaves zero out."""
        return self.gain_low > 0 or self.gain_high < 0


def table(
    observed: Numbers,
    maps: dict[str, Numbers],
    stations: tuple[Numbers, Numbers],
    km: Numbers,
    ways: Sequence[Scheme],
    learned: Learned,
    factor: float,
) -> list[StationScore]:
    """All rows for some dates.

    Args:
        observed: (date, station), ug m-3, NaN where missing.
        maps: "coarse" and "background" at the stations, the same shape.
        stations: Latitudes and longitudes.
        km: Distances among them.
        ways: How they are left out.
        learned: Of the merging.
        factor: One factor of earlier dates for the background.
    """
    group = squares(*stations, SQUARE)
    scaled = (maps["background"] + 1) * factor - 1
    rows: list[tuple[str, str, float, Numbers, NDArray[np.bool_] | None]] = [
        ("coarse", "", np.nan, maps["coarse"], None),
        ("background", "", np.nan, maps["background"], None),
        ("background, one factor", "", np.nan, scaled, None),
    ]
    for way in ways:
        made = left_out_analysis(observed, maps["background"], km, way, learned)
        inside = (observed >= made.low) & (observed <= made.high)
        rows.append(("fused", way.name, float(np.median(way.distance)), made.mean, inside))
    common = np.isfinite(observed)
    for _, _, _, values, _ in rows:
        common &= np.isfinite(values)
    return [
        _row(what, left, near, values, inside, observed, common, maps["coarse"], group)
        for what, left, near, values, inside in rows
    ]


def _row(
    what: str,
    left: str,
    near: float,
    values: Numbers,
    inside: NDArray[np.bool_] | None,
    observed: Numbers,
    common: NDArray[np.bool_],
    coarse: Numbers,
    group: NDArray[np.intp],
) -> StationScore:
    scores = score(values, observed, common)
    count = int(scores["n"])
    gain = (np.nan, np.nan, np.nan)
    if what != "coarse" and count:
        gain = paired_gain(values - observed, coarse - observed, common, group)
    return StationScore(
        what,
        left,
        near,
        count,
        float(scores["bias"]),
        float(scores["rmse"]),
        float(scores["mae"]),
        float(scores["correlation"]) if count > 2 else np.nan,  # two points lie on a line
        float(inside[common].mean()) if inside is not None and count else np.nan,
        *gain,
    )


def paired_gain(
    error: Numbers,
    against: Numbers,
    common: NDArray[np.bool_],
    group: NDArray[np.intp],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[float, float, float]:
    """Share by which one root mean square lies below another, and its 95 % interval.

    Whole squares are drawn, with replacement; one square alone has no interval.
    """
    number = np.broadcast_to(group, error.shape)[common]
    size = int(group.max()) + 1
    mine, other = (
        np.bincount(number, weights=e[common] ** 2, minlength=size) for e in (error, against)
    )
    there = np.unique(number)
    if other.sum() <= 0:
        return np.nan, np.nan, np.nan
    gain = 1 - float(np.sqrt(mine.sum() / other.sum()))
    if there.size < 2:
        return gain, np.nan, np.nan
    drawn = np.random.default_rng(seed).integers(0, there.size, (draws, there.size))
    sums = [part[there][drawn].sum(1) for part in (mine, other)]
    shares = 1 - np.sqrt(sums[0] / np.maximum(sums[1], 1e-12))
    low, high = np.percentile(shares, [2.5, 97.5])
    return gain, float(low), float(high)


def as_records(rows: Sequence[StationScore]) -> list[dict[str, object]]:
    """The rows for JSON: NaN is null."""
    return [
        {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in asdict(row).items()}
        | {"shown": row.shown}
        for row in rows
    ]
