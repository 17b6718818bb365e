"""Numbers of files that are looked at before an import: values, gaps, and what is odd of them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.core.schema import Period
from engine.data.calendar import Times
from engine.data.sketch import sketch
from engine.data.stack import GridStack
from engine.library.manifest import DatasetInfo

CELLS_LOOKED_AT = 30_000_000  # of maps: some seconds
_SAMPLED = 20_000  # values of a map that its median is taken from
_LEAST = 10  # values below which evenness says nothing
LOW_MEDIAN, HIGH_MEDIAN = 1.0, 300.0  # ug m-3, that no region has for long
MOSTLY = 0.5  # missing share

Odd_ = Literal["even", "low", "high", "missing", "gaps", "irregular", "future", "same"]


@dataclass(frozen=True)
class Odd:
    """Something that looks odd and is no reason to refuse: what, and its numbers."""

    code: Odd_
    values: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True)
class Rhythm:
    """The time steps of files.

    Attributes:
        first: UTC start of the first step.
        last: UTC start of the last step.
        steps: How many there are.
        hours: From one to the next, the most frequent; None of one step, and of months.
        missing: Steps between first and last that are not there.
        irregular: Whether some steps lie between the others.
    """

    first: np.datetime64
    last: np.datetime64
    steps: int
    hours: float | None
    missing: int
    irregular: bool


@dataclass(frozen=True)
class Values:
    """Values that were looked at; ug m-3.

    Attributes:
        cells: Values, missing ones among them.
        missing: Those without a number.
        low: Smallest; NaN where there is none.
        median: Of a sample.
        high: Largest.
        looked_at: Time steps that were read.
        steps: Time steps there are.
        repeated: Maps that are the one before once more.
    """

    cells: int
    missing: int
    low: float
    median: float
    high: float
    looked_at: int
    steps: int
    repeated: int = 0

    @property
    def share_missing(self) -> float:
        """Missing values to all, 0 to 1."""
        return self.missing / self.cells if self.cells else 0.0


def examine(
    stack: GridStack, most_cells: int, progress: Callable[[int, int], None] | None
) -> tuple[Values, tuple[str, ...]]:
    """Statistics of the first maps as the files have them, and the earliest of these in letters.

    Raises:
        DataError: What an import would refuse while it reads.
    """
    steps, rows, columns = stack.shape
    most = max(1, most_cells // (rows * columns))
    medians: list[NDArray[np.float32]] = []
    seen = missing = repeated = 0
    low, high = np.inf, -np.inf
    drawing: tuple[str, ...] = ()
    earliest, before = steps, b""
    for position, values in stack.read():
        finite = values[np.isfinite(values)]
        missing += values.size - finite.size
        seen += 1
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
            medians.append(finite[:: -(-finite.size // _SAMPLED)])
            digest = hashlib.sha256(np.ascontiguousarray(values).data).digest()
            repeated += digest == before
            before = digest
            if position < earliest:
                earliest, drawing = position, sketch(values)
        if progress is not None:
            progress(seen, min(most, steps))
        if seen >= most:
            break
    whole = np.concatenate(medians) if medians else np.array([np.nan], np.float32)
    found = Values(
        cells=seen * rows * columns,
        missing=missing,
        low=low if medians else np.nan,
        median=float(np.median(whole)),
        high=high if medians else np.nan,
        looked_at=seen,
        steps=steps,
        repeated=repeated,
    )
    return found, drawing


def rhythm(times: Times, period: Period) -> Rhythm:
    """Steps and gaps of sorted, unique times."""
    if period == "month":
        months = times.astype("datetime64[M]").astype(np.int64)
        missing = int(months[-1] - months[0]) + 1 - times.size
        return Rhythm(times[0], times[-1], times.size, None, missing, False)
    instants: NDArray[np.int64] = times.astype("datetime64[s]").astype(np.int64)
    seconds = instants[1:] - instants[:-1]
    if seconds.size == 0:
        return Rhythm(times[0], times[-1], times.size, None, 0, False)
    lengths, counts = np.unique(seconds, return_counts=True)
    step = int(lengths[np.argmax(counts)])
    even = bool((seconds % step == 0).all())
    missing = int((seconds // step - 1).sum()) if even else 0
    return Rhythm(times[0], times[-1], times.size, step / 3600, missing, not even)


def oddities(record: DatasetInfo, steps: Rhythm, values: Values) -> tuple[Odd, ...]:
    """What looks odd of values and times that an import would take."""
    found: list[Odd] = []
    known = values.cells - values.missing
    if known >= _LEAST and values.low == values.high:
        found.append(Odd("even", {"value": f"{values.low:g}"}))
    if known and not LOW_MEDIAN <= values.median <= HIGH_MEDIAN:
        code: Odd_ = "low" if values.median < LOW_MEDIAN else "high"
        found.append(Odd(code, {"value": f"{values.median:.3g}"}))
    if values.share_missing > MOSTLY:
        found.append(Odd("missing", {"share": f"{values.share_missing:.0%}"}))
    # Moving sensors pause; stations and maps should not.
    if record.kind != "mobile":
        if steps.missing:
            found.append(Odd("gaps", {"n": steps.missing, "total": steps.missing + steps.steps}))
        if steps.irregular:
            found.append(Odd("irregular"))
    if record.end > date.today():
        found.append(Odd("future", {"date": str(record.end)}))
    if values.repeated:
        found.append(Odd("same", {"n": values.repeated}))
    return tuple(found)
