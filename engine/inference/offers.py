"""Which datasets of the library go together: climatologies and stations for a map, and why not.

Looks at the records alone, so that a page can ask at every run.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine import library
from engine.core.errors import RequestError
from engine.inference.request import METHODS, Request
from engine.library import DatasetInfo

LARGEST_CELL = 0.5  # of a coarse cell's width a climatology's may have at most
LEAST_SHARED = 0.25  # of the smaller area, so that a climatology is taken without being named
PERIODS = ("hour", "day", "month")
Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Offer:
    """One dataset beside another.

    Attributes:
        name: Of the dataset.
        problem: Why it does not fit; None where it does.
        shared: Area in common, share of the smaller of the two.
    """

    name: str
    problem: RequestError | None
    shared: float = 0.0


def climatologies(about: DatasetInfo, known: Sequence[DatasetInfo]) -> list[Offer]:
    """Fine datasets by which another can be made finer, the best first; then those that cannot."""
    others = [other for other in known if other.kind == "grid" and other.name != about.name]
    offers = [
        Offer(o.name, _not_finer(about, o), _shared(about.bounds, o.bounds))
        for o in sorted(others, key=lambda o: (-_years(o), o.cell_degrees or 0.0))
    ]
    return sorted(offers, key=lambda offer: (offer.problem is not None, -round(offer.shared, 1)))


def station_datasets(about: DatasetInfo, known: Sequence[DatasetInfo]) -> list[Offer]:
    """Stations that can be merged into a map, the namesake first; then those that cannot."""
    others = [other for other in known if other.kind == "stations" and other.name != about.name]
    offers = [Offer(o.name, _not_beside(about, o), _shared(about.bounds, o.bounds)) for o in others]
    return sorted(
        offers, key=lambda o: (o.problem is not None, o.name != f"{about.name}-stations", -o.shared)
    )


def with_climatology(request: Request) -> Request:
    """The request with the library's best climatology, where `auto` may take one and none is named.

    A prediction, simulated data and a dataset that shares too little area have to be named.
    """
    if request.model != "auto" or request.climatology or request.model not in METHODS:
        return request
    known = [library.info(name) for name in library.names()]
    about = library.info(request.dataset)
    found = taken(about, known)
    return replace(request, climatology=found) if found and about.kind == "grid" else request


def taken(about: DatasetInfo, known: Sequence[DatasetInfo]) -> str:
    """Name of the climatology that is taken without being named; empty where none is."""
    by_name = {other.name: other for other in known}
    return next(
        (
            offer.name
            for offer in climatologies(about, known)
            if offer.problem is None
            and offer.shared >= LEAST_SHARED
            and by_name[offer.name].made_by != "prediction"
            and not by_name[offer.name].synthetic
        ),
        "",
    )


def _not_finer(about: DatasetInfo, other: DatasetInfo) -> RequestError | None:
    coarse, fine = about.cell_degrees, other.cell_degrees
    if about.kind == "grid" and coarse and fine and fine > LARGEST_CELL * coarse + 1e-9:
        return RequestError(
            "its cells ({fine}°) are not at most half as wide as those of the map ({coarse}°)",
            where=other.name,
            fine=f"{fine:.3g}",
            coarse=f"{coarse:.3g}",
        )
    return _apart(about, other)


def _not_beside(about: DatasetInfo, other: DatasetInfo) -> RequestError | None:
    if PERIODS.index(other.period) > PERIODS.index(about.period):
        return RequestError(
            "its means are over a {own}, the map's over a {period}",
            where=other.name,
            own=other.period,
            period=about.period,
        )
    if about.start > other.end or other.start > about.end:
        return RequestError(
            "it has no date in common with the map: {start} to {end}",
            where=other.name,
            start=other.start.isoformat(),
            end=other.end.isoformat(),
        )
    return _apart(about, other)


def _apart(about: DatasetInfo, other: DatasetInfo) -> RequestError | None:
    if about.synthetic != other.synthetic:
        return RequestError("one of the two is simulated, the other measured", where=other.name)
    if _shared(about.bounds, other.bounds) <= 0:
        return RequestError("it has no place in common with the map", where=other.name)
    return None


def _years(about: DatasetInfo) -> int:
    return about.end.year - about.start.year + 1


def _shared(first: Bounds | None, second: Bounds | None) -> float:
    """Area in common, share of the smaller of two boxes, in degrees."""
    if first is None or second is None:
        return 0.0
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return width * height / max(min(areas), 1e-12)
