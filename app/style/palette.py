"""Colours of the maps: which value has which colour, over which range, in which unit.

Concentration runs from light to dark, so that dark is worse for everyone. A signed error has two
hues and a neutral zero. The size of an error, and an uncertainty, have a hue of their own, so
that neither can be taken for PM2.5. Ranges are locked for each averaging time: the same colour
is the same concentration on every day and in every view.

No widgets, no standards: the breaks of an air-quality standard come in as plain numbers.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

UG_M3 = "µg/m³"


def _stops(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# Source: ColorBrewer 2.0 (Cynthia Brewer and Mark Harrower, Apache License 2.0): YlOrBr, RdBu,
# Purples, nine and eleven classes. Stops are joined linearly.
YLORBR = _stops("#ffffe5 #fff7bc #fee391 #fec44f #fe9929 #ec7014 #cc4c02 #993404 #662506")
BURD = _stops(
    "#053061 #2166ac #4393c3 #92c5de #d1e5f0 #f7f7f7 #fddbc7 #f4a582 #d6604d #b2182b #67001f"
)
PURPLES = _stops("#fcfbfd #efedf5 #dadaeb #bcbddc #9e9ac8 #807dba #6a51a3 #54278f #3f007d")
GREENS_BLUES = _stops("#f7fcf0 #e0f3db #ccebc5 #a8ddb5 #7bccc4 #4eb3d3 #2b8cbe #0868ac #084081")

# Upper end of the concentration scale for each averaging time, ug m-3. Chosen so that in eastern
# China one cell in fifty or fewer lies beyond the end in a normal winter; and half width of the
# error scale, so that the errors of bicubic interpolation (RMSE 4 there, monthly) fill it. See
# docs/decisions/0060-colours.md.
CONCENTRATION_TOP = {"hour": 200.0, "day": 150.0, "month": 100.0, "year": 75.0}
ERROR_REACH = {"hour": 30.0, "day": 15.0, "month": 10.0, "year": 8.0}
# The same for forecasts and maps from stations, whose answers lie far from what was measured.
FAR_ERROR_REACH = {"hour": 60.0, "day": 40.0, "month": 20.0, "year": 15.0}
# One fewer than a byte holds, so that a picture of one byte a cell has one left for: no data.
LEVELS = 255


@dataclass(frozen=True)
class Scale:
    """Which value has which colour.

    Attributes:
        name: What it is for: the legends of layers with one scale are merged by it.
        stops: Colours from low to high, `#rrggbb`, joined linearly.
        low: Value of the first colour.
        high: Value of the last colour; beyond either end the end's colour holds.
        unit: Printed beside the legend; empty for a pure number.
        title: Printed above the legend.
        under: Values below `low` occur, and the legend says so.
        over: Values above `high` occur, and the legend says so.
        breaks: Inner limits of the classes of a step legend, increasing; empty if there is none.
        step_colours: One colour more than breaks; empty takes them from `stops`.
        step_names: One name for each class, or empty.
        digits: Decimals a value is printed with.
    """

    name: str
    stops: tuple[str, ...]
    low: float
    high: float
    unit: str = UG_M3
    title: str = ""
    under: bool = False
    over: bool = True
    breaks: tuple[float, ...] = ()
    step_colours: tuple[str, ...] = ()
    step_names: tuple[str, ...] = ()
    digits: int = 1

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"range {self.low}…{self.high} of {self.name} is empty")
        if len(self.stops) < 2:
            raise ValueError(f"{self.name} needs two colours or more")
        if list(self.breaks) != sorted(set(self.breaks)):
            raise ValueError(f"breaks {self.breaks} of {self.name} do not increase")
        classes = len(self.breaks) + 1
        if self.step_colours and len(self.step_colours) != classes:
            raise ValueError(f"{classes} classes need as many colours, not {self.step_colours}")
        if self.step_names and len(self.step_names) != classes:
            raise ValueError(f"{classes} classes need as many names, not {self.step_names}")


def concentration(
    period: str,
    *,
    unit: str = UG_M3,
    title: str = "PM2.5",
    breaks: Sequence[float] = (),
    colours: Sequence[str] = (),
    names: Sequence[str] = (),
) -> Scale:
    """Scale of a concentration.

    Args:
        period: Averaging time: "hour", "day", "month" or "year".
        unit: As people read it.
        title: As people read it.
        breaks: Inner limits of the classes of a standard, in ug m-3, for the step legend.
        colours: The standard's own colours, one more than breaks; empty takes light to dark.
        names: The standard's names of the classes.
    """
    return Scale(
        f"concentration-{period}",
        YLORBR,
        0.0,
        CONCENTRATION_TOP[period],
        unit=unit,
        title=title,
        breaks=tuple(float(b) for b in breaks),
        step_colours=tuple(colours),
        step_names=tuple(names),
    )


def bias(period: str, *, unit: str = UG_M3, title: str = "Error", far: bool = False) -> Scale:
    """Scale of a signed error: blue too low, red too high, zero neutral.

    Args:
        period: Averaging time.
        unit: Of the numbers.
        title: Over the legend.
        far: Whether answers are far from what was measured, and errors large.
    """
    reach = (FAR_ERROR_REACH if far else ERROR_REACH)[period]
    return Scale(
        f"bias-{period}{'-far' * far}", BURD, -reach, reach, unit=unit, title=title, under=True
    )


def relative_bias(*, title: str = "Relative error") -> Scale:
    """Scale of a signed error in per cent of the truth."""
    return Scale("relative-bias", BURD, -100.0, 100.0, unit="%", title=title, under=True, digits=0)


def absolute_error(period: str, *, unit: str = UG_M3, title: str = "Absolute error") -> Scale:
    """Scale of the size of an error."""
    return Scale(f"absolute-{period}", PURPLES, 0.0, ERROR_REACH[period], unit=unit, title=title)


def uncertainty(
    period: str, *, unit: str = UG_M3, title: str = "Uncertainty", far: bool = False
) -> Scale:
    """Scale of a predictive standard deviation; `far` as for `bias`."""
    top = (FAR_ERROR_REACH if far else ERROR_REACH)[period]
    return Scale(f"uncertainty-{period}{'-far' * far}", PURPLES, 0.0, top, unit=unit, title=title)


def probability(*, title: str = "Chance above the limit") -> Scale:
    """Scale of a probability in per cent, in a third hue."""
    return Scale(
        "probability",
        GREENS_BLUES,
        0.0,
        100.0,
        unit="%",
        title=title,
        over=False,
        digits=0,
    )


@lru_cache(maxsize=64)
def table(stops: tuple[str, ...], size: int = LEVELS) -> NDArray[np.uint8]:
    """Colours at even steps along `stops`, (size, 3)."""
    rgb = np.array([[int(s[i : i + 2], 16) for i in (1, 3, 5)] for s in stops], np.float64)
    at = np.linspace(0, len(stops) - 1, size)
    columns = [np.interp(at, np.arange(len(stops)), rgb[:, k]) for k in range(3)]
    colours: NDArray[np.uint8] = np.rint(np.stack(columns, axis=1)).astype(np.uint8)
    colours.flags.writeable = False  # shared by every caller through the cache
    return colours


def colours(scale: Scale, *, steps: bool = False) -> NDArray[np.uint8]:
    """The colours that `index` counts from 1, (colours, 3).

    Where a standard brings no colours for its classes they are taken from the scale's own, each
    from the middle of its share, so that more classes do not mean darker ones and two are not
    white and black.
    """
    if not (steps and scale.breaks):
        return table(scale.stops)
    if scale.step_colours:
        return table(scale.step_colours, len(scale.step_colours))
    classes = len(scale.breaks) + 1
    return table(scale.stops, 2 * classes + 1)[1::2]


def index(values: NDArray[np.floating], scale: Scale, *, steps: bool = False) -> NDArray[np.uint8]:
    """Which of `colours` each value has, counted from 1; 0 is no data.

    Args:
        values: Any shape, NaN is no data.
        scale: Which value has which colour.
        steps: Colour by the classes between the scale's breaks. A value at a limit is still
            within it: class k holds break[k-1] < value <= break[k].
    """
    valid = np.isfinite(values)
    filled = np.where(valid, values, scale.low)
    if steps and scale.breaks:
        number = np.searchsorted(np.array(scale.breaks), filled, side="left")
    else:
        share = (filled - scale.low) / (scale.high - scale.low)
        number = np.clip(share * LEVELS, 0, LEVELS - 1).astype(np.intp)
    counted: NDArray[np.uint8] = np.where(valid, number + 1, 0).astype(np.uint8)
    return counted


def ticks(low: float, high: float, *, at_most: int = 6) -> list[float]:
    """Round numbers from `low` to `high` for a legend."""
    raw = (high - low) / max(at_most - 1, 1)
    size = 10.0 ** np.floor(np.log10(raw))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= raw * (1 - 1e-9))
    first = np.ceil(low / step - 1e-9)
    count = int(np.floor(high / step + 1e-9) - first) + 1
    return [round(float((first + i) * step), 10) + 0.0 for i in range(count)]


@lru_cache(maxsize=64)
def wire(scale: Scale) -> dict[str, object]:
    """The scale as the browser wants it: tables as hexadecimal text, ticks ready; read only."""
    out: dict[str, object] = asdict(scale)
    del out["stops"], out["step_colours"]
    out["table"] = table(scale.stops).tobytes().hex()
    out["stepTable"] = colours(scale, steps=True).tobytes().hex() if scale.breaks else ""
    out["stepNames"] = out.pop("step_names")
    out["ticks"] = ticks(scale.low, scale.high)
    return out
