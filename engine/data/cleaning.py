"""Numbers that are no measurements: fill values, infinities, values out of range, wrong units.

One `Cleaning` follows one import. It masks, counts what it masked so that the user is informed, and
stops the import when the unit cannot be right.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import DataError
from engine.core.variables import VARIABLES, mass_factor

# Numbers that files use for "no data" without saying so. Integers' limits, netCDF's defaults
# (9.96921e36 and its kin), the 1e20 of CMIP, the nines of weather services.
FILL_VALUES = (
    *(-9.0, -99.0, -99.9, -999.0, -999.9, -9999.0, -9999.9, -99999.0, -32768.0, -32767.0),
    *(32767.0, 65535.0, 65534.0, -2147483648.0, -2147483647.0, 2147483647.0, 4294967295.0),
    *(9999.0, 99999.0, 999999.0, 1e20, -1e20, 1e30, -1e30, -1e34),
)
BAND = 1_000_000  # values cleaned at once
MEDIAN_SAMPLE = 200_000  # values whose median judges a map
HUGE = 1e15  # beyond this every number is a fill value, in any unit of mass per volume

# A typical value outside this band, in ug m-3, is in another unit: mg m-3 lies below it, ng m-3
# above, kg m-3 far below. Clean air over oceans has about 2, the worst monthly city mean 400.
PLAUSIBLE_MEDIAN = (0.1, 2000.0)
# Where the file names no unit we ask for more before taking it as ug m-3.
PLAUSIBLE_WITHOUT_UNIT = (1.0, 1000.0)
SUGGESTED = ("ug m-3", "mg m-3", "kg m-3", "ng m-3")  # the likeliest first


@dataclass
class Cleaning:
    """Masks and converts the values of one variable, and remembers what it saw.

    Attributes:
        where: File or dataset, for messages.
        variable: Name in our vocabulary.
        units: The file's unit, or None where it names none.
        factor: From the file's unit to ours; found from `units` for mass concentrations.
        offset: Added after the factor (temperatures).
    """

    where: str
    variable: str = "pm2p5"
    units: str | None = None
    factor: float | None = None
    offset: float = 0.0
    filled: int = 0
    infinite: int = 0
    missing: int = 0
    outside: int = 0
    valid: int = 0
    _seen_fill: set[float] = field(default_factory=set)
    _medians: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.factor is None:
            self.factor = mass_factor(self.units, where=self.where) if self.units else 1.0

    def clean(self, raw: NDArray[np.generic]) -> NDArray[np.float32]:
        """Values in our unit, float32, NaN where there is none; same shape.

        Raises:
            DataError: If the first values that are there cannot be in the unit they are said to be.
        """
        flat = np.asarray(raw).reshape(-1)
        result = np.empty(flat.size, np.float32)
        sampled = []
        every = -(-flat.size // MEDIAN_SAMPLE) or 1
        # In bands, so that a map of 22 million cells needs no gigabyte of float64 beside it.
        for start in range(0, flat.size, BAND):
            band = slice(start, start + BAND)
            result[band], typical = self._clean_band(flat[band].astype(np.float64))
            sampled.append(typical[::every])
        self._judge(np.concatenate(sampled) if sampled else result)
        return result.reshape(np.shape(raw))

    def _clean_band(
        self, values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Converted values with NaN for no data, and those that are no fill values."""
        known = np.isfinite(values)
        infinite = int(np.isinf(values).sum())
        self.infinite += infinite
        self.missing += int((~known).sum()) - infinite
        converted = values * (self.factor or 1.0) + self.offset
        low, high = VARIABLES[self.variable].valid_range
        with np.errstate(invalid="ignore"):
            outside = known & ((converted < low) | (converted > high))
        # Only what cannot be a measurement is looked up among the fill values: -9 is one for a
        # concentration and not for a temperature.
        fill = np.zeros_like(outside)
        if outside.any():
            fill[outside] = self._is_fill(values[outside])
        typical = converted[known & ~fill]
        self.outside += int(outside.sum() - fill.sum())
        self.valid += int((known & ~outside).sum())
        converted[~known | outside] = np.nan
        return converted, typical

    def _is_fill(self, numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which numbers are fill values; counts them."""
        fill: NDArray[np.bool_] = np.abs(numbers) > HUGE
        for number in FILL_VALUES:
            # Float32 turns -999.9 into a neighbour of itself.
            fill |= np.isclose(numbers, number, rtol=1e-6, atol=0)
        self._seen_fill |= {float(f"{v:.6g}") for v in np.unique(numbers[fill])[:8]}
        self.filled += int(fill.sum())
        return fill

    def _judge(self, values: NDArray[np.floating]) -> None:
        if self.variable != "pm2p5" or values.size == 0:
            return
        median = float(np.median(values))
        first = not self._medians
        self._medians.append(median)
        # One clean day must not stop an import at its 200th step; `finish` judges them all.
        if first:
            self._judge_median(median)

    def _judge_median(self, median: float) -> None:
        low, high = PLAUSIBLE_MEDIAN if self.units else PLAUSIBLE_WITHOUT_UNIT
        if low <= median <= high:
            return
        better = self._better_unit(median)
        if median <= 0:
            remedy = "Concentrations are not negative: check the column or variable, and its sign"
        elif better:
            remedy = "Name the right one; --units {better!r} would fit"
        else:
            remedy = "Name the right one with --units, or check the variable"
        raise DataError(
            "the unit {units!r} looks wrong: PM2.5 would have a median of {median} ug m-3"
            if self.units
            else "no unit is given, and a median of {median} ug m-3 is not plausible",
            where=self.where,
            remedy=remedy,
            units=self.units or "",
            median=f"{median:.3g}",
            better=better,
        )

    def _better_unit(self, median: float) -> str:
        """The unit that would make a median likely, or nothing."""
        raw = median / (self.factor or 1.0)
        low, high = PLAUSIBLE_WITHOUT_UNIT
        fitting = (
            units
            for units in SUGGESTED
            if low <= raw * mass_factor(units, where=self.where) <= high
        )
        return next(fitting, "")

    def finish(self) -> list[str]:
        """What to report to the user, after the last value.

        Raises:
            DataError: If there was no value at all, or the unit cannot be right.
        """
        if self.variable == "pm2p5":
            if self.valid == 0:
                raise DataError(
                    "not one valid PM2.5 value is in it",
                    where=self.where,
                    remedy="Check the variable with --variable and the unit with --units",
                )
            if self._medians:
                self._judge_median(float(np.median(self._medians)))
        return self.notes()

    def notes(self) -> list[str]:
        """What was masked, in sentences; empty if nothing was."""
        low, high = VARIABLES[self.variable].valid_range
        units = VARIABLES[self.variable].units
        reported = []
        if self.filled:
            numbers = ", ".join(f"{v:g}" for v in sorted(self._seen_fill))
            reported.append(
                f"{self.variable}: {self.filled} fill values ({numbers}) became no data."
            )
        if self.infinite:
            reported.append(f"{self.variable}: {self.infinite} infinite values became no data.")
        if self.outside:
            reported.append(
                f"{self.variable}: {self.outside} values outside {low:g}…{high:g} {units} "
                "became no data."
            )
        if self.variable == "pm2p5" and not self.units:
            reported.append(
                "The file names no unit for PM2.5; taken as ug m-3, which its median fits."
            )
        return reported
