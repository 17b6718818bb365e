"""Wind as PRSA has it: a sector of sixteen, and a speed."""

import numpy as np
from numpy.typing import NDArray

from engine.data.tables import Table, texts

_QUARTERS = (("N", "NNE", "NE", "ENE"), ("E", "ESE", "SE", "SSE"))
_OPPOSITE = (("S", "SSW", "SW", "WSW"), ("W", "WNW", "NW", "NNW"))
SECTORS = [sector for quarter in (*_QUARTERS, *_OPPOSITE) for sector in quarter]  # clockwise


def wind(table: Table, speed: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """`u10` and `v10` from the sector that the wind blows from (`wd`) and its speed, m s-1.

    A sector stands for its middle. A calm has no sector and no components but zero. An unknown
    sector gives NaN.
    """
    column = table.find(("wd",))
    if column is None:
        return {}
    sector = texts(table, column)
    angle = np.full(len(sector), np.nan)
    for index, name in enumerate(SECTORS):
        angle[sector == name] = np.deg2rad(22.5 * index)
    calm = speed == 0
    return {
        "u10": np.where(calm, 0, -speed * np.sin(angle)).astype(np.float32),
        "v10": np.where(calm, 0, -speed * np.cos(angle)).astype(np.float32),
    }
