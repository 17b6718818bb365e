"""Cities that the published table of daily means puts at the place of a namesake.

The table is CRAN SpTe2M's, form "city-daily". Each correction names its evidence: `series` where
the city's days follow those of its true neighbours and not those of its printed place, `gazetteer`
where only a list of places says so.
"""

from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.core.paths import ASSETS

TABLE = ASSETS / "geo" / "misplaced_cities.csv"
SAME_PLACE = 0.006  # degrees: the printed places have two decimals


@lru_cache(maxsize=1)
def _misplaced() -> pd.DataFrame:
    return pd.read_csv(TABLE).set_index("city")


def corrected(
    city: NDArray[np.str_], latitude: NDArray[np.float64], longitude: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    """Latitudes and longitudes (row) with wrong printed places corrected, and a note of each.

    A row changes only where city and printed place are both those of the list, so that a table
    that somebody has corrected stays as it is.
    """
    latitude, longitude, notes = latitude.copy(), longitude.copy(), []
    for name, row in _misplaced().iterrows():
        printed = (
            (city == str(name))
            & (np.abs(latitude - row["printed_latitude"]) < SAME_PLACE)
            & (np.abs(longitude - row["printed_longitude"]) < SAME_PLACE)
        )
        if printed.any():
            latitude[printed], longitude[printed] = row["latitude"], row["longitude"]
            notes.append(
                f"{name}: printed at {row['printed_latitude']:.2f}, {row['printed_longitude']:.2f},"
                f" a wrong place; moved to {row['latitude']:.2f}, {row['longitude']:.2f}"
                f" (evidence: {row['evidence']})."
            )
    return latitude, longitude, notes
