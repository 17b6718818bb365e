"""Districts that the list of cities names beside their city, whose people would count twice.

GeoNames gives Shanghai 24.9 million people, and Pudong, Minhang and the others again: a mean
weighted by population leaned to Shanghai, and one city counted as nineteen.
"""

from collections.abc import Sequence

from engine.inference.summary import Place

PARTS: dict[str, frozenset[str]] = {
    "Shanghai": frozenset(
        {
            *("Puxi", "Pudong", "Minhang", "Baoshan", "Songjiang", "Jiading", "Qingpu", "Putuo"),
            *("Yangpu", "Fengxiang", "Xuhui", "Jing’an", "Zhabei", "Jinshan", "Changning"),
            *("Chongming", "Hongkou", "Huangpu"),
        }
    ),
    "Tianjin": frozenset({"Tanggu"}),
    "Chongqing": frozenset({"Banan"}),
    "Shenzhen": frozenset({"Bao'an", "Luohu District"}),
    "Hong Kong": frozenset(
        {"New Territories", "Kowloon", "Hong Kong Island", "Victoria", "Tuen Mun"}
    ),
    "New Taipei City": frozenset({"Banqiao"}),
    "Shijiazhuang": frozenset({"Luancheng"}),
}
REACH = 0.8  # degrees between a city and its districts; Yunnan has a Baoshan too


def whole(places: Sequence[Place]) -> tuple[Place, ...]:
    """The places that are no part of another one in the list, in the same order."""
    cities = [place for place in places if place.name_en in PARTS]
    return tuple(place for place in places if not any(_part_of(city, place) for city in cities))


def _part_of(city: Place, place: Place) -> bool:
    return (
        place.name_en in PARTS[city.name_en]
        and abs(place.latitude - city.latitude) < REACH
        and abs(place.longitude - city.longitude) < REACH
    )
