"""Air-quality standards with their dates: limits, index tables, categories, official colours.

Data, and the arithmetic the documents prescribe. A standard here is one set of numbers that was or
will be in force together; `resolve` finds the one of a day. Concentrations are in ug m-3.

Three traps are handled here and nowhere else. China rounds a concentration to an integer, half to
even (GB/T 8170), *before* interpolating, and the index *up* after it: in binary arithmetic that
turns 35 into 51, unless what is a billionth too large is forgiven. The United States truncate the
concentration to a tenth and round the index to nearest. And float32 does not hold 225.4: values
are taken to four decimals first.

Source: the documents named in `Standard.limits_in` and `IndexTable.published_as`.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.core.errors import RequestError

Pollutant = Literal["pm2p5", "pm10"]
Average = Literal["hour", "day", "month", "year"]

OF_THE_DAY = "cn-of-day"
FORGIVEN = 1e-9  # an index this little above an integer is that integer
DECIMALS = 4  # kept of a concentration: float32 holds no more of the highest


@dataclass(frozen=True)
class Level:
    """A category of an index.

    Attributes:
        key: The same word for the same rank in all standards, for catalogues and patterns.
        name_en: Name in English; for China customary, since the document has none.
        name_zh: Name in Chinese; for other countries customary.
        top: Highest index that belongs to it, or None for the last.
        colour: The document's colour, `#RRGGBB`; empty where it prescribes none we checked.
        assist: A colour of the same level for readers who see red and green alike, or empty.
        text: Colour of text on `colour` and on `assist`: "#000000" or "#FFFFFF".
    """

    key: str
    name_en: str
    name_zh: str
    top: int | None
    colour: str
    assist: str = ""
    text: str = "#000000"


@dataclass(frozen=True)
class IndexTable:
    """How a concentration becomes an index.

    Attributes:
        published_as: Document and year: printed beside every index value.
        rule: Whose rounding applies.
        anchors: Index values at the breaks. For China both ends of neighbouring pieces; for the
            United States the upper ends, the lower ones lying one index and one tenth higher.
        breaks: Pollutant → concentration at each anchor.
        levels: Categories, best first.
    """

    published_as: str
    rule: Literal["china", "epa"]
    anchors: tuple[int, ...]
    breaks: Mapping[Pollutant, tuple[float, ...]]
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Limit:
    """A concentration not to be passed.

    Attributes:
        pollutant: Of what.
        average: Over which time.
        value: ug m-3.
        site: "1" or "2" for China's classes of areas, a target's name for WHO, else empty.
        allowed: Days a year it may be passed, or None if the document counts otherwise.
    """

    pollutant: Pollutant
    average: Average
    value: float
    site: str = ""
    allowed: int | None = None


@dataclass(frozen=True)
class Standard:
    """Limits and, where there is one, the index that belong together.

    Attributes:
        key: Name in requests and links.
        limits_in: Document of the limits, with its year.
        limits: The limits. The first that fits is the one that applies.
        index: The index, or None.
        classes: Inner bounds of a map's classes where there is no index, by averaging time.
        begins: First day in force, or None if it binds nobody.
        ends: Last day in force, or None.
    """

    key: str
    limits_in: str
    limits: tuple[Limit, ...]
    index: IndexTable | None = None
    classes: Mapping[Average, tuple[float, ...]] | None = None
    begins: dt.date | None = None
    ends: dt.date | None = None

    def limit(
        self, average: Average, *, pollutant: Pollutant = "pm2p5", site: str | None = None
    ) -> Limit | None:
        """The limit for an averaging time, or None: no country has one for a month.

        Args:
            average: Over which time.
            pollutant: Of what.
            site: Class of area or target; None takes what applies to everyone.
        """
        for entry in self.limits:
            wanted = site is None or entry.site == site
            if wanted and entry.average == average and entry.pollutant == pollutant:
                return entry
        return None

    def steps(self, average: Average, pollutant: Pollutant = "pm2p5") -> tuple[float, ...]:
        """Inner bounds of the classes of a map, ug m-3; empty where the standard has none.

        The index of a day colours days and hours. A month and a year have no index: their classes
        are bounded by the annual limits alone.
        """
        if self.index is not None and average in ("hour", "day"):
            levels = len(self.index.levels)
            return self.index.breaks[pollutant][1:levels]
        known = (self.classes or {}).get(average)
        if known is not None and pollutant == "pm2p5":
            return known
        limits = {e.value for e in self.limits if (e.pollutant, e.average) == (pollutant, "year")}
        return tuple(sorted(limits)) if average in ("month", "year") else ()


def _china(document: dict[tuple[Pollutant, Average], tuple[float, float]]) -> tuple[Limit, ...]:
    """Limits from pairs of class 1 (parks) and class 2, which is all else: it comes first."""
    return tuple(
        Limit(pollutant, average, pair[site - 1], str(site))
        for (pollutant, average), pair in document.items()
        for site in (2, 1)
    )


def _levels(names: str, colours: str) -> tuple[Level, ...]:
    """The six levels of an index of 500; the first four carry black text, the others white."""
    ranks = ["good", "moderate", "light", "medium", "heavy", "severe"]
    tops = (50, 100, 150, 200, 300, None)
    # EPA's ColorVision Assist; China prescribes none.
    assist = ["#9EFF91", "#FFC905", "#FF8205", "#F02200", "#890997", "#640015"]
    both = [name.split("=") for name in names.split(";")]
    return tuple(
        Level(
            rank,
            both[n][0],
            both[n][1],
            tops[n],
            colour,
            assist[n],
            "#000000" if n < 4 else "#FFFFFF",
        )
        for n, (rank, colour) in enumerate(zip(ranks, colours.split(), strict=True))
    )


_CHINA_LEVELS = _levels(
    "Excellent=优;Good=良;Lightly polluted=轻度污染;Moderately polluted=中度污染;"
    "Heavily polluted=重度污染;Severely polluted=严重污染",
    "#00E400 #FFFF00 #FF7E00 #FF0000 #99004C #7E0023",
)
_EPA_LEVELS = _levels(
    "Good=良好;Moderate=中等;Unhealthy for Sensitive Groups=对敏感人群不健康;"
    "Unhealthy=不健康;Very Unhealthy=非常不健康;Hazardous=危险",
    "#00E400 #FFFF00 #FF7E00 #FF0000 #8F3F97 #7E0023",
)
_CHINA_ANCHORS = (0, 50, 100, 150, 200, 300, 400, 500)

HJ_633_2026 = IndexTable(
    "HJ 633-2026",
    "china",
    _CHINA_ANCHORS,
    {
        "pm2p5": (0, 35, 60, 115, 150, 250, 350, 500),
        "pm10": (0, 50, 120, 250, 350, 420, 500, 600),
    },
    _CHINA_LEVELS,
)
HJ_633_2012 = IndexTable(
    "HJ 633-2012",
    "china",
    _CHINA_ANCHORS,
    {
        "pm2p5": (0, 35, 75, 115, 150, 250, 350, 500),
        "pm10": (0, 50, 150, 250, 350, 420, 500, 600),
    },
    _CHINA_LEVELS,
)
EPA_2024 = IndexTable(
    "EPA-454/B-24-002 (2024)",
    "epa",
    (0, 50, 100, 150, 200, 300, 500),
    {
        "pm2p5": (0.0, 9.0, 35.4, 55.4, 125.4, 225.4, 325.4),
        "pm10": (0, 54, 154, 254, 354, 424, 604),
    },
    _EPA_LEVELS,
)
# What the concentration is truncated to, which is also the gap between two classes.
_EPA_STEP: dict[Pollutant, float] = {"pm2p5": 0.1, "pm10": 1.0}

# The guideline first, since it is what applies; then the interim targets, strictest first.
_WHO_NAMES = ("AQG", "IT-4", "IT-3", "IT-2", "IT-1")
_WHO: dict[tuple[Pollutant, Average], tuple[float, ...]] = {
    ("pm2p5", "day"): (15, 25, 37.5, 50, 75),
    ("pm2p5", "year"): (5, 10, 15, 25, 35),
    ("pm10", "day"): (45, 50, 75, 100, 150),
    ("pm10", "year"): (15, 20, 30, 50, 70),
}

STANDARDS: dict[str, Standard] = {
    s.key: s
    for s in (
        Standard(
            "cn-2026",
            "GB 3095-2026, transition to 2030",
            _china(
                {
                    ("pm2p5", "day"): (35, 60),
                    ("pm2p5", "year"): (15, 30),
                    ("pm10", "day"): (50, 120),
                    ("pm10", "year"): (40, 60),
                }
            ),
            HJ_633_2026,
            begins=dt.date(2026, 3, 1),
            ends=dt.date(2030, 12, 31),
        ),
        Standard(
            "cn-2031",
            "GB 3095-2026, from 2031",
            _china(
                {
                    ("pm2p5", "day"): (25, 50),
                    ("pm2p5", "year"): (10, 25),
                    ("pm10", "day"): (50, 100),
                    ("pm10", "year"): (20, 50),
                }
            ),
            HJ_633_2026,
            begins=dt.date(2031, 1, 1),
        ),
        Standard(
            "cn-2012",
            "GB 3095-2012",
            _china(
                {
                    ("pm2p5", "day"): (35, 75),
                    ("pm2p5", "year"): (15, 35),
                    ("pm10", "day"): (50, 150),
                    ("pm10", "year"): (40, 70),
                }
            ),
            HJ_633_2012,
            ends=dt.date(2026, 2, 28),
        ),
        Standard(
            "us-2024",
            "40 CFR 50 (NAAQS 2024)",
            (Limit("pm2p5", "day", 35), Limit("pm2p5", "year", 9), Limit("pm10", "day", 150)),
            EPA_2024,
            begins=dt.date(2024, 5, 6),
        ),
        Standard(
            "eu-2030",
            "Directive (EU) 2024/2881, limits of 2030",
            (
                Limit("pm2p5", "day", 25, allowed=18),
                Limit("pm2p5", "year", 10),
                Limit("pm10", "day", 45, allowed=18),
                Limit("pm10", "year", 20),
            ),
            # Hour: bands of the European AQI (ETC HE 2024/17). Day: limit; alert threshold.
            classes={"hour": (5, 15, 50, 90, 140), "day": (25, 50)},
            begins=dt.date(2030, 1, 1),
        ),
        Standard(
            "who-2021",
            "WHO global air quality guidelines 2021",
            tuple(
                Limit(pollutant, average, value, name)
                for (pollutant, average), values in _WHO.items()
                for name, value in zip(_WHO_NAMES, values, strict=True)
            ),
            classes={average: _WHO["pm2p5", average] for average in ("day", "year")},
        ),
    )
}

KEYS: tuple[str, ...] = (*STANDARDS, OF_THE_DAY)  # what can be requested; the first is the default


def resolve(key: str, day: dt.date) -> Standard:
    """The standard of a key; `OF_THE_DAY` is China's that is in force on `day`.

    Days before 2012 get the standard of 2012, though China then had no limit of PM2.5.

    Raises:
        RequestError: If we have no such standard.
    """
    if key == OF_THE_DAY:
        if day <= dt.date(2026, 2, 28):
            return STANDARDS["cn-2012"]
        return STANDARDS["cn-2026" if day <= dt.date(2030, 12, 31) else "cn-2031"]
    if key not in STANDARDS:
        raise RequestError(
            "standard {key!r} is none we know",
            remedy="Choose one of {keys}",
            key=key,
            keys=tuple(KEYS),
        )
    return STANDARDS[key]


def index(
    concentration: ArrayLike, table: IndexTable, pollutant: Pollutant = "pm2p5"
) -> NDArray[np.float64]:
    """The index as the document computes it, to be printed. Any shape; NaN stays NaN.

    China's stops at 500 (print "≥500", see `beyond`); the United States go on with the last slope.

    Args:
        concentration: Daily mean, ug m-3; not negative.
        table: Whose index.
        pollutant: Of what.
    """
    value: NDArray[np.float64] = np.asarray(concentration, dtype=np.float64).round(DECIMALS)
    breaks, anchors = np.array(table.breaks[pollutant], dtype=np.float64), table.anchors
    if table.rule == "china":
        exact = np.interp(np.rint(value), breaks, anchors)
        up: NDArray[np.float64] = np.ceil(exact - FORGIVEN)
        return np.where(np.isnan(value), np.nan, up)
    return _epa(value, breaks, np.array(anchors, dtype=np.float64), _EPA_STEP[pollutant])


def beyond(concentration: float, table: IndexTable, pollutant: Pollutant = "pm2p5") -> bool:
    """Whether the index stops below this concentration, so that "≥" must stand before it."""
    return table.rule == "china" and concentration > table.breaks[pollutant][-1]


def level(index_value: float, table: IndexTable) -> Level | None:
    """The category of a printed index, or None for NaN."""
    if np.isnan(index_value):
        return None
    for entry in table.levels:
        if entry.top is None or index_value <= entry.top:
            return entry
    return table.levels[-1]


def _epa(
    value: NDArray[np.float64],
    high: NDArray[np.float64],
    anchors: NDArray[np.float64],
    step: float,
) -> NDArray[np.float64]:
    """EPA's piecewise formula; between two classes lie one index and one `step` of nothing."""
    cut = np.floor(value / step + FORGIVEN) * step
    piece = np.clip(np.searchsorted(high, cut - step / 2), 1, len(high) - 1)
    first = piece == 1
    low = np.where(first, 0.0, high[piece - 1] + step)
    index_low = np.where(first, 0.0, anchors[piece - 1] + 1)
    slope = (anchors[piece] - index_low) / (high[piece] - low)
    nearest: NDArray[np.float64] = np.floor(index_low + slope * (cut - low) + 0.5 + FORGIVEN)
    return np.where(np.isnan(value), np.nan, nearest)
