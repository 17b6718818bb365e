"""At which temperature and pressure a cubic metre of air is counted.

China gave PM2.5 at 273 K and 101.325 kPa until 2018-08-31 and gives it at ambient state since
(about 5 % lower at sea level and 288 K, 19 % at 1 km). Models and satellites mostly give ambient
values.

Source: Ministry of Ecology and Environment of China, announcement 29 of 2018 (GB 3095, amended).
"""

import re

import numpy as np

from engine.data.calendar import Times
from engine.data.options import ReadOptions, Reference

STATE = "reference_state"
UNKNOWN = "unknown"
CHINA_CHANGED = np.datetime64("2018-09-01", "ns")
# What a unit has in brackets. STP and NTP name other temperatures in other countries.
_OF_UNIT: dict[str, Reference] = {
    **dict.fromkeys(("lc", "local conditions", "ambient", "ambient conditions", "amb"), "ambient"),
    **dict.fromkeys(("0 c", "273 k", "273.15 k"), "273 K"),
    **dict.fromkeys(("25 c", "298 k", "298.15 k"), "298 K"),
}
_NORMAL = re.compile(r"N ?m(?:\^|\*\*)?-?[3³⁻]")  # DIN 1343: at 0 °C and 101.325 kPa


def of_china(times: Times) -> tuple[str, str]:
    """State of China's network over some local times, and a note where it changes within them."""
    early, late = times.min() < CHINA_CHANGED, times.max() >= CHINA_CHANGED
    if early and late:
        return UNKNOWN, (
            "China's values are at 273 K until 2018-08-31 and at ambient state since; the two "
            "parts are not the same quantity."
        )
    return ("273 K" if early else "ambient"), ""


def of_file(options: ReadOptions, units: str | None, attributes: dict[str, str]) -> str:
    """State that the user, the file's attribute or its unit names, else "unknown"."""
    if options.reference is not None:
        return options.reference
    stated = attributes.get(STATE, "")
    if stated in ("273 K", "298 K", "ambient"):
        return stated
    in_brackets = re.search(r"[(\[]([^()\[\]]*)[)\]]\s*$", units or "")
    if in_brackets:
        words = re.sub(r" ?° ?", " ", in_brackets[1].lower().removeprefix("at ")).strip()
        return _OF_UNIT.get(words, UNKNOWN)
    return "273 K" if _NORMAL.search(units or "") else UNKNOWN
