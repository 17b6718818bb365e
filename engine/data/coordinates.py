"""Where stations lie: two columns of a table as degrees, checked row by row."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.data.tables import Table, numbers, texts

# Nobody measures north of here, so that a "latitude" of 88.4 is a longitude of Kolkata.
NORTHERNMOST = 85.0
_PART = r"\d{1,3}(?:\.\d+)?"
# 31°12'30"N, 31°12.5′, N 31.2°, 121.4 E
_SEXAGESIMAL = (
    rf"([NSEWnsew])?\s*({_PART})\s*[°º]?\s*(?:({_PART})\s*['′’]\s*)?"
    rf"(?:({_PART})\s*(?:\"|″|”|'')\s*)?([NSEWnsew])?"
)
_SIGNED = r".*[°ºNSEWnsew].*"


def degrees(
    table: Table, latitude: str, longitude: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two columns as coordinates, longitudes in [-180, 180).

    Degrees with decimals, or all cells of a column as 31°12'30"N or 31.2N.

    Raises:
        DataError: Naming the cell that is missing or cannot be one.
    """
    lat, lon = _angles(table, latitude, "NS"), _angles(table, longitude, "EW")
    for values, column in ((lat, latitude), (lon, longitude)):
        missing = ~np.isfinite(values)
        if missing.any():
            position = int(np.argmax(missing))
            raise table.bad(position, column, "the coordinate is missing", "Fill it in")
    wrong = (lat < -90) | (lat > NORTHERNMOST)
    if wrong.any():
        position = int(np.argmax(wrong))
        exchanged = bool((np.abs(lon) <= NORTHERNMOST).all())
        raise table.bad(
            position,
            latitude,
            "{value} is no latitude of a measurement; it looks exchanged with {other!r}"
            if exchanged
            else "{value} is no latitude of a measurement",
            "Exchange the two columns' names" if exchanged else "Correct it",
            value=f"{lat[position]:g}",
            other=longitude,
        )
    beyond = (lon < -180) | (lon > 360)
    if beyond.any():
        position = int(np.argmax(beyond))
        raise table.bad(
            position, longitude, "{value} is no longitude", "Correct it", value=f"{lon[position]:g}"
        )
    unknown = (lat == 0) & (lon == 0)
    if unknown.any():
        position = int(np.argmax(unknown))
        raise table.bad(
            position,
            latitude,
            "latitude 0, longitude 0 is what a device writes that does not know its place",
            "Correct it, or remove the row",
        )
    return lat, np.where(lon >= 180, lon - 360, lon)


def _angles(table: Table, column: str, letters: str) -> NDArray[np.float64]:
    """A column in degrees, whether with decimals or with minutes and seconds."""
    if pd.api.types.is_numeric_dtype(table.frame[column]):
        return numbers(table, column)
    words = pd.Series(texts(table, column), dtype=str)
    parts = words.str.extract(f"^{_SEXAGESIMAL}$")
    signed = words.str.fullmatch(_SIGNED) & parts[1].notna()
    if not len(words) or not signed.all():
        return numbers(table, column)
    whole, minutes, seconds = (parts[n].fillna("0").astype(float).to_numpy() for n in (1, 2, 3))
    letter = parts[0].fillna(parts[4]).fillna(letters[0]).str.upper()
    if not letter.isin(list(letters)).all() or max(minutes.max(), seconds.max()) >= 60:
        return numbers(table, column)  # which names the cell
    sign = np.where(letter == letters[1], -1.0, 1.0)
    angle: NDArray[np.float64] = sign * (whole + minutes / 60 + seconds / 3600)
    return angle
