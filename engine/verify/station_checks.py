"""Station checks: what is wrong with a network's stations, before their values merge into a map.

Arrays in, findings and a table out. A finding either leaves its station out or is only shown; the
limits and their reasons are in `LIMITS`. Nothing is corrected.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from engine.core.progress import Progress, Stop, part, report
from engine.core.schema import Period
from engine.verify import station_places, station_values
from engine.verify.station_places import Places
from engine.verify.station_values import Pair

Check = Literal["valid", "negative", "zero", "frozen", "unit", "duplicate", "sea", "place"]
Floats = NDArray[np.float64]

CHECKS: tuple[Check, ...] = get_args(Check)


@dataclass(frozen=True)
class Limit:
    """From which number on a check's finding is shown, and leaves the station out.

    Attributes:
        shown: The finding is made beyond this number.
        out: The station is left out at this number or beyond; NaN where a finding always does.
    """

    shown: float
    out: float


# Measured on the networks of decision 0048; a station that is well stays far from `out`.
LIMITS: dict[Check, Limit] = {
    # 75 % is what agencies ask of a mean; a quarter or less is a broken instrument.
    "valid": Limit(0.75, 0.25),
    # Instruments scatter around zero in clean air, in few hours; more is a wrong zero point.
    "negative": Limit(0.0, 0.10),
    # Air without PM2.5 does not exist: rounding gives few zeros, failures give many.
    "zero": Limit(0.0, 0.10),
    # Shares of values in frozen runs. The longest run of Beijing's twelve in four years is 41 h.
    "frozen": Limit(0.0, 0.05),
    # Ratio to the level around: a unit is a factor of 1000, and no place is 300 times another.
    "unit": Limit(10**2.5, 10**2.5),
    # Neighbours share at most 5 % of their values by chance where they are whole numbers.
    "duplicate": Limit(station_values.ALIKE, 0.9),
}
# One value that lasts longer is frozen: a day of hours, a week's work of days, a season of months.
FROZEN: dict[Period, int] = {"hour": 24, "day": 5, "month": 3}
FEWEST = 3  # zero or negative values that leave a station out: one may be rounding
SAME_PLACE_KM = 2.0  # two stations nearer than this are one unit
NAMED = 3  # stations that a sentence names

SENTENCES: dict[str, str] = {
    "valid_none": "It has no valid value.",
    "valid": "It has a value at {share} of the times from its first to its last.",
    "negative": "{share} of its values are below zero.",
    "zero": "{share} of its values are exactly zero.",
    "frozen_hour": "One value lasts for {longest} hours; {share} of its values are in such runs.",
    "frozen_day": "One value lasts for {longest} days; {share} of its values are in such runs.",
    "frozen_month": "One value lasts for {longest} months; {share} of its values are in such runs.",
    "unit": "Its values are {ratio} times those around it: the unit may be {unit} instead.",
    "duplicate_same": "{share} of its values are those of {other}, at the same place.",
    "duplicate_apart": "{share} of its values are those of {other}, {km} km away.",
    "sea": "It lies at sea, far from any land.",
    "place": (
        "Its values correlate {near} with its neighbours {near_km} km away, and {best} with "
        "{others}, {best_km} km away: its place may be wrong."
    ),
}


@dataclass(frozen=True)
class Network:
    """What is checked.

    Attributes:
        stations: Identifiers, unique, (station,).
        values: PM2.5, ug m-3, NaN is missing, (time, station).
        steps: Number of each time in steps of the period, increasing, (time,).
        period: What a value is a mean over.
        latitude: Degrees north, (station,).
        longitude: Degrees east, (station,).
        at_sea: Stations far from any land, (station,).
    """

    stations: tuple[str, ...]
    values: NDArray[np.floating]
    steps: NDArray[np.int64]
    period: Period
    latitude: Floats
    longitude: Floats
    at_sea: NDArray[np.bool_]


@dataclass(frozen=True)
class Finding:
    """One thing that a check found at one station.

    Attributes:
        station: Its identifier.
        check: Which check.
        number: What the check measures: a share of values (valid, negative, zero, frozen,
            duplicate), a ratio to the level around (unit), 1 (sea), a mean correlation with the
            neighbours (place).
        left_out: Whether the station is to be left out of whatever is made of the network.
        code: Of the sentence in `SENTENCES`.
        values: What fills it, as text.
    """

    station: str
    check: Check
    number: float
    left_out: bool
    code: str
    values: dict[str, str] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The finding in English, without the station's name."""
        return SENTENCES[self.code].format(**self.values)


@dataclass(frozen=True)
class Row:
    """One station of the table; NaN where a number cannot be had.

    Attributes:
        station: Its identifier.
        latitude: Degrees north.
        longitude: Degrees east.
        left_out: Whether a finding leaves it out.
        checks: Names of the checks with findings.
        valid: Share of valid values from the first to the last.
        negative: Share of values below zero.
        zero: Share of values that are zero.
        longest: Longest run of one value, in steps of the period.
        level: Ratio to the level around.
        near: Mean correlation with the nearest stations.
        near_km: Median distance to them, km.
        best: Mean correlation with the best-correlated stations.
        best_km: Median distance to them, km.
        gap: Difference of the two correlations in Fisher's z.
        threshold: The gap beyond which the place is held to be wrong.
    """

    station: str
    latitude: float
    longitude: float
    left_out: bool
    checks: tuple[Check, ...]
    valid: float
    negative: float
    zero: float
    longest: int
    level: float
    near: float
    near_km: float
    best: float
    best_km: float
    gap: float
    threshold: float


@dataclass(frozen=True)
class Checked:
    """What came of the checks.

    Attributes:
        findings: In order of the stations, and of `CHECKS`.
        rows: One for each station.
        unchecked: Stations at which a check could not be made, for lack of common values or of
            neighbours: check to number of stations. Those left out by another check do not count.
    """

    findings: tuple[Finding, ...]
    rows: tuple[Row, ...]
    unchecked: dict[Check, int]


def failing(findings: Iterable[Finding]) -> set[str]:
    """Identifiers of the stations that findings leave out."""
    return {finding.station for finding in findings if finding.left_out}


def check(
    network: Network, *, progress: Progress | None = None, cancelled: Stop | None = None
) -> Checked:
    """Run all checks.

    The place is checked last, among the stations that no other check leaves out: whoever repeats
    one value correlates with nobody.

    Raises:
        Cancelled: If that was requested.
    """
    report(progress, cancelled, 0.0, "Looking at values")
    values, steps = network.values, network.steps
    where = (values, network.latitude, network.longitude)
    valid = station_values.valid_shares(values)
    with np.errstate(invalid="ignore"):
        negative = station_values.shares_where(values < 0, values)
        zero = station_values.shares_where(values == 0, values)
    longest, share = station_values.frozen(values, steps, FROZEN[network.period])
    report(progress, cancelled, 0.1, "Comparing levels")
    level = station_values.levels(*where, progress=part(progress, 0.1, 0.4), cancelled=cancelled)
    pairs = station_values.pairs(*where, progress=part(progress, 0.4, 0.7), cancelled=cancelled)
    own = [
        *_shares(network, valid, negative, zero),
        *_frozen(network, longest, share),
        *_units(network, level),
        *_duplicates(network, pairs),
        *_at_sea(network),
    ]
    out = failing(own)
    usable = np.array([station not in out for station in network.stations], dtype=bool)
    places = station_places.places(
        values,
        steps,
        network.period,
        network.latitude,
        network.longitude,
        usable,
        progress=part(progress, 0.7, 1.0),
        cancelled=cancelled,
    )
    order = {station: number for number, station in enumerate(network.stations)}
    findings = sorted(
        [*own, *_places(network, places)],
        key=lambda f: (order[f.station], CHECKS.index(f.check)),
    )
    numbers = (valid, negative, zero, longest, level)
    report(progress, cancelled, 1.0, "Done")
    return Checked(
        tuple(findings),
        tuple(_rows(network, findings, numbers, places)),
        {
            "unit": int((usable & ~np.isfinite(level)).sum()),
            "place": int((usable & ~places.checked).sum()),
        },
    )


def _shares(network: Network, valid: Floats, negative: Floats, zero: Floats) -> Iterator[Finding]:
    known = np.isfinite(network.values).sum(axis=0)
    for number, station in enumerate(network.stations):
        if valid[number] < LIMITS["valid"].shown:
            out = bool(valid[number] <= LIMITS["valid"].out)
            code = "valid" if valid[number] > 0 else "valid_none"
            text = {"share": _percent(valid[number])}
            yield Finding(station, "valid", float(valid[number]), out, code, text)
        shares: tuple[tuple[Check, Floats], ...] = (("negative", negative), ("zero", zero))
        for name, share in shares:
            if share[number] > LIMITS[name].shown:
                many = share[number] * known[number] > FEWEST - 0.5
                out = bool(many and share[number] >= LIMITS[name].out)
                text = {"share": _percent(share[number])}
                yield Finding(station, name, float(share[number]), out, name, text)


def _frozen(network: Network, longest: NDArray[np.int64], share: Floats) -> Iterator[Finding]:
    for number in np.flatnonzero(share > LIMITS["frozen"].shown):
        text = {"longest": str(longest[number]), "share": _percent(share[number])}
        out = bool(share[number] >= LIMITS["frozen"].out)
        code = f"frozen_{network.period}"
        yield Finding(network.stations[number], "frozen", float(share[number]), out, code, text)


def _units(network: Network, level: Floats) -> Iterator[Finding]:
    beyond = LIMITS["unit"].shown
    for number in np.flatnonzero((level >= beyond) | (level <= 1 / beyond)):
        text = {
            "ratio": f"{level[number]:.2g}" if level[number] < 1 else f"{level[number]:.0f}",
            "unit": "ng/m³" if level[number] > 1 else "mg/m³",
        }
        yield Finding(network.stations[number], "unit", float(level[number]), True, "unit", text)


def _duplicates(network: Network, pairs: Sequence[Pair]) -> list[Finding]:
    """One finding a station. Of two at one place the later goes; of two apart nobody knows which.

    Pairs that are left out come before those that are only shown.
    """
    findings: dict[int, Finding] = {}
    for pair in sorted(pairs, key=lambda p: p.share < LIMITS["duplicate"].out):
        together = pair.km <= SAME_PLACE_KM
        sides = [(pair.second, pair.first)]
        if not together:
            sides.append((pair.first, pair.second))
        for number, other in sides:
            text = {
                "share": _percent(pair.share),
                "other": network.stations[other],
                "km": f"{pair.km:.0f}",
            }
            finding = Finding(
                network.stations[number],
                "duplicate",
                pair.share,
                pair.share >= LIMITS["duplicate"].out,
                "duplicate_same" if together else "duplicate_apart",
                text,
            )
            findings.setdefault(number, finding)
    return list(findings.values())


def _at_sea(network: Network) -> Iterator[Finding]:
    for number in np.flatnonzero(network.at_sea):
        yield Finding(network.stations[number], "sea", 1.0, True, "sea")


def _places(network: Network, places: Places) -> Iterator[Finding]:
    for number in np.flatnonzero(places.wrong):
        best = [network.stations[other] for other in places.best_stations[number][:NAMED]]
        text = {
            "near": f"{places.near[number]:.2f}",
            "near_km": f"{places.near_km[number]:.0f}",
            "best": f"{places.best[number]:.2f}",
            "others": ", ".join(best),
            "best_km": f"{places.best_km[number]:.0f}",
        }
        near = float(places.near[number])
        yield Finding(network.stations[number], "place", near, True, "place", text)


def _rows(
    network: Network,
    findings: Sequence[Finding],
    numbers: tuple[Floats, Floats, Floats, NDArray[np.int64], Floats],
    places: Places,
) -> Iterator[Row]:
    out = failing(findings)
    checks: dict[str, list[Check]] = {}
    for finding in findings:
        checks.setdefault(finding.station, []).append(finding.check)
    valid, negative, zero, longest, level = numbers
    for number, station in enumerate(network.stations):
        yield Row(
            station,
            float(network.latitude[number]),
            float(network.longitude[number]),
            station in out,
            tuple(checks.get(station, ())),
            float(valid[number]),
            float(negative[number]),
            float(zero[number]),
            int(longest[number]),
            float(level[number]),
            float(places.near[number]),
            float(places.near_km[number]),
            float(places.best[number]),
            float(places.best_km[number]),
            float(places.gap[number]),
            float(places.threshold[number]),
        )


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"
