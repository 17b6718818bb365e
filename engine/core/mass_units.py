"""Units of mass per volume as files write them: `µg/m³`, `ug m**-3`, `1e-9 kg m-3`, in words.

A small parser and not a library: udunits needs a C library, which Windows users lack, and pint
reads `m-3` as a difference. What is not clearly a mass per volume is not guessed.
"""

import re
import unicodedata

# Grams of each mass, cubic metres of each volume, metres of each length.
_MASSES = {"g": 1.0, "gram": 1.0, "grams": 1.0, "gm": 1.0}
_LENGTHS = {"m": 1.0, "meter": 1.0, "metre": 1.0, "meters": 1.0, "metres": 1.0, "cm": 0.01}
_VOLUMES = {"l": 1e-3, "liter": 1e-3, "litre": 1e-3, "cbm": 1.0}
_PREFIXES = {
    **{"n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3},
    **{"nano": 1e-9, "micro": 1e-6, "milli": 1e-3, "kilo": 1e3},
}
_CUBES = (
    (r"\b(?:cubic|cu\.?)[ _-]?(m(?:et(?:er|re))?s?|cm)\b", r"\1 3"),
    (r"\b(m(?:et(?:er|re))?s?)[ _-]?cubed\b", r"\1 3"),
)
# A reference state beside the unit; what it means for the values, the dataset's record says.
_STATES = "lc|local conditions|stp|ntp|sc|ambient|amb|dry|at stp"
_TOKEN = re.compile(
    r"(?P<per>/)"
    r"|(?P<number>\d+(?:\.\d*)?(?:e[-+]?\d+)?)(?:\^(?P<power>[-+]?\d+))?(?=[ */]|$)"
    r"|(?P<word>[a-z]+)(?P<exponent>\^?[-+]?\d+)?"
    r"|(?P<gap>[ *]+)"
)


def mass_per_volume(units: str) -> float | None:
    """Factor from a unit of mass per volume to ug m-3; None if it is anything else.

    `Mg` is read as mg: nobody gives the air's PM2.5 in tonnes, and some write units in capitals.
    """
    text = _plain(units)
    factor, mass, length, sign, at = 1.0, 0, 0, 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        at = match.end()
        if match["gap"]:
            continue
        if match["per"]:
            sign = -1
            continue
        if match["number"]:
            factor *= (float(match["number"]) ** int(match["power"] or 1)) ** sign
        else:
            known = _unit(match["word"])
            if known is None:
                return None
            size, of_mass, of_length = known
            power = sign * int((match["exponent"] or "1").lstrip("^"))
            factor *= size**power
            mass += of_mass * power
            length += of_length * power
        sign = 1
    if (mass, length) != (1, -3):
        return None
    return float(f"{factor * 1e6:.12g}")


def _plain(units: str) -> str:
    """Small letters, `^` before each exponent that is written as one, `/` for per."""
    text = unicodedata.normalize("NFKC", units.strip()).lower()
    for mark, plain in (("−", "-"), ("–", "-"), ("μ", "u"), ("µ", "u"), ("**", "^"), ("_", " ")):
        text = text.replace(mark, plain)
    text = re.sub(rf" *\((?:{_STATES})\)$", "", text)
    text = re.sub(r"[·⋅×()]", " ", text)
    text = re.sub(r"^([a-z]+g)m-3$", r"\1 m-3", text)
    text = re.sub(r"(?<=\d)\.(?=[a-df-z])|(?<=[a-z])\.", " ", text)
    for pattern, plain in _CUBES:
        text = re.sub(pattern, plain, text)
    text = re.sub(r"\bper\b", "/", text)
    text = re.sub(r"(micro|nano|milli|kilo)[ -](?=gram)", r"\1", text)
    text = re.sub(r"\bm(?:et(?:er|re))?s? 3\b", "m3", text)
    return re.sub(r" *(\^|/) *", r"\1", text).strip()


def _unit(word: str) -> tuple[float, int, int] | None:
    """Size in g or m, and the exponents of mass and length, of one word."""
    if word in _LENGTHS:
        return _LENGTHS[word], 0, 1
    if word in _VOLUMES:
        return _VOLUMES[word], 0, 3
    for prefix, size in {"": 1.0, **_PREFIXES}.items():
        if word.startswith(prefix) and word.removeprefix(prefix) in _MASSES:
            return size * _MASSES[word.removeprefix(prefix)], 1, 0
    return None
