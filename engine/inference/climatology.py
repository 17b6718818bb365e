"""What a fine dataset of other dates says of a date: the mean of its month in all years."""

import datetime as dt
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from engine.core import dates
from engine.core.errors import NotFoundError
from engine.library import DatasetInfo


@dataclass(frozen=True)
class Climatology:
    """Monthly means of a fine dataset on a window of its grid.

    Attributes:
        month: Mean of each month that is known, ug m-3, (row, column).
        years: Of each month, how many years it is the mean of.
        name: Of the dataset.
    """

    month: dict[int, NDArray[np.float64]]
    years: dict[int, int]
    name: str

    @classmethod
    def opened(
        cls,
        fine: xr.Dataset,
        about: DatasetInfo,
        rows: slice,
        columns: slice,
        *,
        without: tuple[dt.date, dt.date],
    ) -> "Climatology":
        """Read the means; the months from the first to the last requested date never count.

        Raises:
            NotFoundError: If nothing is left.
        """
        local = dates.local_dates(fine)
        months = local.astype("datetime64[M]")
        first, last = (np.datetime64(date, "M") for date in without)
        own = (months >= first) & (months <= last)
        part = fine["pm2p5"].isel(latitude=rows, longitude=columns)
        means, years = {}, {}
        for number in range(1, 13):
            at = np.flatnonzero((months.astype(int) % 12 + 1 == number) & ~own)
            if not at.size:
                continue
            total = np.zeros(part.shape[1:])
            count = np.zeros(part.shape[1:])
            for step in at:  # one map in memory at a time
                values = part.isel(valid_time=int(step)).values.astype(np.float64)
                known = np.isfinite(values)
                total[known] += values[known]
                count += known
            mean = np.full(total.shape, np.nan)
            np.divide(total, count, out=mean, where=count > 0)
            means[number] = mean
            years[number] = len(np.unique(months[at].astype("datetime64[Y]")))
        if not means:
            raise NotFoundError(
                "it has no dates other than the month that is requested",
                where=about.name,
                remedy="Choose a climatology of other years",
            )
        return cls(means, years, about.name)

    def of(self, date: dt.date) -> NDArray[np.float64]:
        """Mean of the date's month, or of the nearest month that is known."""
        return self.month[self.nearest(date.month)]

    def nearest(self, month: int) -> int:
        """The known month nearest to one, round the year."""
        return min(self.month, key=lambda m: (min(abs(m - month), 12 - abs(m - month)), m))
