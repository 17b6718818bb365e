"""Units of mass per volume as files write them: `µg/m³`, `ug m**-3`, `1e-9 kg m-3`, in words.

A small parser and not a library: of 45 spellings in its test cf-units 3.3.1 reads 30 (no words, one
of the two µ) and pint 0.25.3 reads 16 (`m-3` is a difference to it). What is not clearly a mass per
volume is not guessed.
"""

import re
import unicodedata
from html import unescape

_LARGEST = 1e30  # g m-3; beyond it a factor is a misprint
LONGEST = 100  # letters of a unit; a longer text is no unit
# Grams of each mass, cubic metres of each volume, metres of each length.
_MASSES = {
    **dict.fromkeys(("g", "gm", "gram", "grams", "gramme", "grammes"), 1.0),
    "mcg": 1e-6,
}
_LENGTHS = {
    **dict.fromkeys(("m", "meter", "metre", "meters", "metres"), 1.0),
    "dm": 0.1,
    "cm": 0.01,
}
_VOLUMES = {**dict.fromkeys(("l", "liter", "litre", "liters", "litres"), 1e-3), "cbm": 1.0}
_PREFIXES = {
    **{"p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3},
    **{"pico": 1e-12, "nano": 1e-9, "micro": 1e-6, "milli": 1e-3, "kilo": 1e3, "mega": 1e6},
}
_METRE = r"m(?:et(?:er|re)s?)?"
_CUBES = (
    (rf"\b(?:cubic|cu\.?)[ _-]?({_METRE}|cm|dm)\b", r"\1 3"),
    (rf"\b({_METRE})[ _-]?cubed\b", r"\1 3"),
)
# A reference state beside the unit; what it means for the values, the dataset's record says.
_STATES = (
    r"lc|local conditions|stp|ntp|sc|standard conditions|ambient|ambient conditions|amb|dry|at stp"
    r"|(?:at )?(?:0|20|25) ?°? ?c|(?:at )?(?:273|293|298)(?:\.15)? ?k"
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_TOKEN = re.compile(
    r"(?P<per>/)"
    r"|(?P<number>\d+(?:\.\d*)?(?:e[-+]?\d+)?)(?:\^(?P<power>[-+]?\d{1,2}))?(?=[ */]|$)"
    r"|(?P<word>[a-z]+)(?P<exponent>\^?[-+]?\d)?(?!\d)"
    r"|(?P<gap>[ *]+)"
)


def mass_per_volume(units: str) -> float | None:
    """Factor from a unit of mass per volume to ug m-3; None if it is anything else.

    `Mg` is the megagram that it is; only where all letters are capitals is `MG` read as mg.
    """
    if len(units) > LONGEST:
        return None
    try:
        factor, mass, length = _product(_plain(units))
    except (OverflowError, ValueError, ZeroDivisionError):
        return None
    if (mass, length) != (1, -3) or not 0 < factor < _LARGEST:
        return None
    return float(f"{factor * 1e6:.12g}")


def _product(text: str) -> tuple[float, int, int]:
    """Size in g and m, and the exponents of mass and length, of a plain spelling.

    Raises:
        ValueError: If a part of it is no number, mass, length or volume.
    """
    factor, mass, length, sign, at = 1.0, 0, 0, 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(text)
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
                raise ValueError(text)
            size, of_mass, of_length = known
            power = sign * int((match["exponent"] or "1").lstrip("^"))
            factor *= size**power
            mass += of_mass * power
            length += of_length * power
        sign = 1
    return factor, mass, length


def _plain(units: str) -> str:
    """Small letters, `^` before each exponent that is written as one, `/` for per."""
    text = re.sub(
        r"(?<=[0-9)])([⁻⁺]?[⁰¹²³⁴-⁹]+)", lambda found: "^" + found[1], unescape(units).strip()
    )
    text = unicodedata.normalize("NFKC", text.translate(_SUPERSCRIPTS))
    text = re.sub(r"\bMg\b", "megagram", text)
    text = re.sub(r"(?<![A-Za-z])N ?(?=m(?:\^|\*\*)?-?3$)", "", text)  # the normal cubic metre
    text = _without_markup(text.lower())
    for mark, plain in (("−", "-"), ("–", "-"), ("μ", "u"), ("µ", "u"), ("**", "^"), ("_", " ")):
        text = text.replace(mark, plain)
    text = re.sub(rf" ?[(\[](?:{_STATES})[)\]]$", "", text)
    text = re.sub(r"\((-?\d)\)", r"\1", text)  # m^(-3)
    text = re.sub(r"^\[([^][]*)\]$|^\(([^()]*)\)$", r"\1\2", text)
    text = re.sub(r"(?<=\d) ?x ?(?=1)|^x ?(?=1)", " ", text)  # 1x10^-9
    text = re.sub(r"^((?:1 )?)10-(\d+)(?= )", r"\g<1>10^-\2", text)
    text = re.sub(r"[·⋅×]|[()](?![\^\d-])", " ", text)  # a power of a bracket stays, and is refused
    text = re.sub(r"^([a-z]+g)m-3$", r"\1 m-3", text)
    text = re.sub(r"(?<=\d)\.(?=[a-df-z])|(?<=[a-z])\.|\.$", " ", text)
    text = re.sub(r"(e-\d+)(?=[a-z])", r"\1 ", text)  # 1e-9kg
    for pattern, plain in _CUBES:
        text = re.sub(pattern, plain, text)
    text = re.sub(r"\bper\b", "/", text)
    text = re.sub(r"(micro|nano|milli|kilo|mega)[ -](?=g)", r"\1", text)
    text = re.sub(rf"\b({_METRE}) (-?3)$", r"\1\2", text)
    return re.sub(r" *(\^|/) *", r"\1", text).strip()


def _without_markup(text: str) -> str:
    """The text without the marks of TeX and HTML that set exponents and Greek letters."""
    text = re.sub(r"\\mu ?", "u", re.sub(r"\\[,;! ]", " ", text))
    return re.sub(r"</?su[pb]>|\\(?:mathrm|rm|text)|[${}]", "", text)


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
