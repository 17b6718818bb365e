"""Regions that have a name, in English and in Chinese. Boxes for analysis, not borders."""

from dataclasses import dataclass
from difflib import get_close_matches

from engine.core.errors import NotFoundError
from engine.core.grid import Region

WHOLE = "all"  # the whole dataset


@dataclass(frozen=True)
class NamedRegion:
    """A box that people ask for by name.

    Attributes:
        name: What requests and links say.
        box: Where it is.
        en: Name in English.
        zh: Name in Chinese.
    """

    name: str
    box: Region
    en: str
    zh: str


REGIONS: dict[str, NamedRegion] = {
    region.name: region
    for region in (
        NamedRegion("yrd", Region(116.2, 27.0, 123.4, 35.0), "Yangtze River Delta", "长江三角洲"),
        NamedRegion(
            "yrd-core",
            Region(118.0, 29.5, 122.5, 33.0),
            "Yangtze River Delta, core",
            "长三角核心区",
        ),
        NamedRegion("north-china", Region(112.0, 34.0, 120.0, 42.0), "North China", "华北"),
        NamedRegion("jing-jin-ji", Region(113.4, 36.0, 119.9, 42.7), "Jing-Jin-Ji", "京津冀"),
        NamedRegion("fenwei", Region(106.0, 33.8, 114.0, 38.0), "Fenwei Plain", "汾渭平原"),
        NamedRegion("prd", Region(111.3, 21.4, 115.5, 24.4), "Pearl River Delta", "珠江三角洲"),
        NamedRegion("sichuan", Region(103.0, 28.0, 108.6, 32.4), "Sichuan Basin", "四川盆地"),
        NamedRegion("central-china", Region(108.3, 24.6, 117.0, 34.0), "Central China", "华中"),
        NamedRegion("south-china", Region(104.4, 18.0, 117.4, 26.4), "South China", "华南"),
        NamedRegion("northeast-china", Region(118.8, 38.7, 135.1, 53.6), "Northeast China", "东北"),
        NamedRegion("eastern-china", Region(100.0, 20.0, 124.0, 42.0), "Eastern China", "中国东部"),
        NamedRegion("east-asia", Region(70.0, 15.0, 141.0, 55.0), "East Asia", "东亚"),
        NamedRegion("beijing", Region(115.4, 39.4, 117.6, 41.1), "Beijing", "北京"),
        NamedRegion("shanghai", Region(120.8, 30.6, 122.2, 31.9), "Shanghai", "上海"),
        NamedRegion("nanjing", Region(118.3, 31.2, 119.3, 32.7), "Nanjing", "南京"),
        NamedRegion("hangzhou", Region(118.3, 29.2, 120.8, 30.6), "Hangzhou", "杭州"),
        NamedRegion("guangzhou", Region(112.9, 22.5, 114.1, 24.0), "Guangzhou", "广州"),
        NamedRegion("kolkata", Region(88.2, 22.4, 88.6, 22.8), "Kolkata", "加尔各答"),
    )
}


def resolve(text: str) -> Region | None:
    """The box that a request means: a name in either language, `W,S,E,N`, or None for all.

    Raises:
        RequestError: If four numbers make no box.
        NotFoundError: If it is no name we know.
    """
    wish = text.strip()
    if wish.lower() == WHOLE:
        return None
    for region in REGIONS.values():
        if wish.lower() in (region.name, region.en.lower()) or wish == region.zh:
            return region.box
    if "," in wish:
        return Region.parse(wish)
    close = get_close_matches(wish.lower(), REGIONS, n=1)
    raise NotFoundError(
        "no region is named {wish!r}",
        remedy="Did you mean {close!r}? Known are {regions}; or give west,south,east,north"
        if close
        else "Known are {regions}; or give west,south,east,north",
        wish=wish,
        close="".join(close),
        regions=(WHOLE, *REGIONS),
    )


def inside(bounds: tuple[float, float, float, float] | None, *, share: float = 0.5) -> list[str]:
    """Names of the regions of which at least a `share` lies in `bounds` (west, south, east, north).

    A region that holds the whole of `bounds` is left out: it would be the same as all of it.
    """
    if bounds is None:
        return []
    west, south, east, north = bounds
    names = []
    for name, region in REGIONS.items():
        box = region.box
        width = min(east, box.east) - max(west, box.west)
        height = min(north, box.north) - max(south, box.south)
        if width <= 0 or height <= 0:
            continue
        covered = width * height
        most = covered >= share * (box.east - box.west) * (box.north - box.south)
        whole = covered >= 0.999 * (east - west) * (north - south)
        if most and not whole:
            names.append(name)
    return names
