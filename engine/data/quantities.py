"""What the name and the description of a variable or a band say that it holds.

A mean is often not called one, so a name that says nothing passes. What says that it is something
else, a count, an error, a maximum, one species, is never taken for the mean of PM2.5.
"""

import re
import unicodedata

_PM25 = re.compile(r"pm[ _.-]?2(?:[ _.,]|p|point|pt|d)?5(?!\d)", re.IGNORECASE)
# What a name's word says. The keys go into sentences, and have their Chinese.
_WORDS: dict[str, frozenset[str]] = {
    "a count": frozenset(
        {"count", "counts", "cnt", "number", "num", "nobs", "nvalid", "numobs", "samples"}
    ),
    "a standard deviation": frozenset(
        {"std", "stdev", "stddev", "stdv", "sd", "sigma", "deviation", "std_dev"}
    ),
    "a variance": frozenset({"variance", "covariance"}),
    "an error": frozenset(
        {"error", "errors", "err", "stderr", "sem", "uncertainty", "uncertainties", "unc"}
        | {"rmse", "rmsd", "mae", "mse"}
    ),
    "a quality flag": frozenset({"flag", "flags", "qa", "qc", "qf", "quality", "mask", "status"}),
    "an index": frozenset({"aqi", "iaqi", "index", "rank", "category", "class"}),
    "a percentile": frozenset(
        {"percentile", "percentiles", "pctl", "quantile", "decile", "quartile", "median"}
    ),
    "a maximum": frozenset({"max", "maximum", "peak"}),
    "a minimum": frozenset({"min", "minimum"}),
    "a range": frozenset({"range", "iqr", "spread", "cv", "mid_range"}),
    "a sum": frozenset({"sum", "cumulative", "accumulated", "squares", "rms", "square"}),
    "a difference": frozenset(
        {"bias", "anomaly", "anom", "difference", "diff", "delta", "increment", "residual"}
        | {"trend", "slope", "change"}
    ),
    "a ratio": frozenset({"ratio", "fraction", "frac", "percent", "correlation"}),
    "a probability": frozenset({"exceedance", "exceedances", "probability", "prob", "frequency"}),
    "a bound of an interval": frozenset({"lower", "upper", "ci", "lcl", "ucl", "ci95", "interval"}),
    "an emission or deposition": frozenset(
        {"emission", "emissions", "emis", "flux", "deposition", "drydep", "wetdep", "load", "aod"}
    ),
    "one species": frozenset(
        {"bc", "oc", "ec", "du", "dust", "ss", "seasalt", "salt", "ni", "nitrate", "no3", "su"}
        | {"sulfate", "sulphate", "so4", "nh4", "ammonium", "soa", "soil", "pom", "om", "oa"}
        | {"water"}
    ),
    "other data": frozenset(
        {"temperature", "humidity", "wind", "pressure", "precipitation", "population", "elevation"}
        | {"ndvi", "albedo", "cloud", "t2m", "rh", "blh", "pblh"}
    ),
    "another pollutant": frozenset(
        {"no2", "so2", "o3", "ozone", "nox", "nh3", "pm10", "pm1", "hcho", "ch4", "co2", "aot40"}
    ),
}
ALOFT = "a layer above the ground"
OTHERS = (*_WORDS, ALOFT)
"""All that something can be instead of the mean."""

_WHOLE = ("one species", "another pollutant", "other data")  # by whole words: so4, o3, t2m
# Words that say it only where they begin or end a name: `n_pm25`, `pm25_var`.
_AT_AN_END = {"n": "a count", "var": "a variance", "obscount": "a count"}
_PERCENTILE = re.compile(
    r"(?:p|q|pc|pct|pctl|perc|percentile|quantile)_?\d{1,3}|\d{1,2}(?:th|st|nd)"
)
# What a description says. Its words are looser than those of a name: "air quality" is no flag.
_PHRASES: tuple[tuple[str, str], ...] = (
    ("a standard deviation", r"\bstandard deviation|\bstd\.? ?dev|\bstdev\b|\bsigma\b"),
    ("a standard deviation", r"\bstd\b(?!\.? (?:temp|cond|pres|atm))"),
    ("a count", r"\bnumber of\b|\bcounts?\b|\bsample size\b"),
    ("a variance", r"\b(?:co)?variance\b"),
    ("an error", r"\buncertaint|\berrors?\b|\brms[ed]\b"),
    ("an index", r"\baqi\b|\bindex\b"),
    ("a quality flag", r"\bflags?\b|\bquality (?:assurance|control|code|mask)\b|\bq[ac]\b"),
    ("a percentile", r"\bpercentiles?\b|\bquantiles?\b|\bmedian\b(?! (?:\w+ )?diameter)"),
    ("a maximum", r"\b(?:max|maximum)\b(?! (?:\w+ )?(?:diameter|size))"),
    ("a minimum", r"(?<!\d )\b(?:min|minimum)\b(?! (?:\w+ )?(?:diameter|size))"),
    ("a difference", r"\bbias\b|\banomal|\bdifference\b|\btrend\b|\bincrement\b"),
    ("a ratio", r"\bratio\b|\bmass fraction\b|\bfraction of\b|\bcorrelation\b"),
    ("a probability", r"\bexceedances?\b|\bprobability\b"),
)
_SPECIES = (
    *(r"\bdust\b", r"\bsea ?-?salt\b", r"\bblack carbon\b", r"\borganic (?:carbon|matter)\b"),
    *(r"\bsul(?:f|ph)ate\b", r"\bnitrate\b", r"\bammonium\b", r"\belemental carbon\b"),
)
_NOT_A_PART = r"\b(?:total|all|including|incl|with|without|removed|free|excluding|plus)\b"
_CORRECTED = re.compile(r"\b(?:bias|error)[ _-]*(?:and [a-z]+[ _-]*)?(?:corr\w*|adjust\w*|free)\b")


def is_pm25(*texts: str) -> bool:
    """Whether one of the texts names PM2.5, in any spelling."""
    return any(_PM25.search(unicodedata.normalize("NFKC", text)) for text in texts)


def is_mean(name: str) -> bool:
    """Whether a name says that it is the mean."""
    return bool({"mean", "average", "avg"} & set(words(name)))


def words(name: str) -> list[str]:
    """The words of a name in small letters, `PM25Std` as "pm25", "std", any PM2.5 as "pm25"."""
    text = _PM25.sub(" pm25 ", unicodedata.normalize("NFKC", name))
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    text = _CORRECTED.sub(" ", text.lower().replace("_", " "))
    text = re.sub(r"\bn (?=obs|valid)", "n", text)
    return [w for w in re.split(r"[^a-z0-9.]+", text) if w]


def other_than_mean(name: str, attributes: dict[str, str]) -> str | None:
    """What a variable is instead of the mean of PM2.5; None where nothing says so.

    Args:
        name: Of the variable, or the description of a band.
        attributes: Of these `long_name`, `standard_name` and `cell_methods` are read.

    Returns:
        A noun with its article, such as "a standard deviation".

    Source: CF Conventions 1.11, section 7.3 and appendix E (cell methods), and appendix C
    (modifiers of standard names).
    """
    standard, _, modifier = attributes.get("standard_name", "").partition(" ")
    described = (attributes.get("long_name", ""), modifier.replace("_", " "))
    return (
        _of_methods(attributes.get("cell_methods", ""))
        or _of_name(name)
        or next((found for text in described if (found := _of_description(text))), None)
        or _one_species(attributes.get("long_name", ""))
        or _one_species(standard.replace("_", " "))
    )


def _of_name(name: str) -> str | None:
    found = words(name)
    for word in found:
        core = re.sub(r"^\d+hr?|\d+h?r?$", "", word)  # max8h, 24hmax, and no 10min
        for what, known in _WORDS.items():
            if word in known or (core in known and what not in _WHOLE):
                return what
        if _PERCENTILE.fullmatch(word):
            return "a percentile"
    return next((_AT_AN_END[w] for w in (*found[:1], *found[-1:]) if w in _AT_AN_END), None)


def _of_methods(methods: str) -> str | None:
    """Of `time: maximum within days time: mean over days` the maximum."""
    plain = re.sub(r"\([^()]*\)", " ", methods)
    each = re.findall(r":\s*(\w+)\b(?!\s*:)", plain)
    return next((what for method in each if (what := _of_name(method))), None)


def _of_description(text: str) -> str | None:
    plain = _CORRECTED.sub(" ", text.lower().replace("_", " "))
    return next((what for what, phrase in _PHRASES if re.search(phrase, plain)), None)


def _one_species(text: str) -> str | None:
    """Whether a description is that of one part; a list of several describes the whole."""
    plain = text.lower()
    named = sum(bool(re.search(species, plain)) for species in _SPECIES)
    return "one species" if named == 1 and not re.search(_NOT_A_PART, plain) else None
