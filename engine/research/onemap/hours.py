"""Dense networks: five national hours over the July climatology, Beijing's twelve stations."""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from engine.core.errors import NotFoundError
from engine.core.valid_means import HOURS_OF_A_DAY
from engine.fusion.groups import distances, schemes, squares, units
from engine.inference.station_scores import SQUARE, paired_gain
from engine.research.onemap.cities import DATA, WUSTL, Numbers, errors
from engine.verify.metrics import of_errors

NATIONAL = DATA / "cnemc" / "cnemc_20190718_hours.parquet"
BEIJING = DATA / "prsa" / "prsa12_hourly.parquet"


def national() -> dict[str, Any]:
    """The last two of five hours of 2019-07-18, constants of the first three.

    Raises:
        NotFoundError: If the real data are not there.
    """
    for path in (NATIONAL, WUSTL):
        if not path.is_file():
            raise NotFoundError("the real data are not here", where=str(path))
    rows = pd.read_parquet(NATIONAL)
    names = {str(c).lower(): str(c) for c in rows.columns}
    time, code, value = (names[n] for n in ("timepoint", "stationcode", "pm2_5"))
    rows[value] = pd.to_numeric(rows[value], errors="coerce")
    hours = rows.pivot_table(index=time, columns=code, values=value)
    where = rows.groupby(code)[[names["latitude"], names["longitude"]]].first().loc[hours.columns]
    lat, lon = where.to_numpy(dtype=np.float64).T
    with xr.open_dataset(WUSTL) as opened:
        when = opened["time"].dt
        july = opened["PM25"].sel(time=(when.month == 7) & (when.year >= 2014)).mean("time")
        at = july.sel(
            lat=xr.DataArray(lat, dims="s"), lon=xr.DataArray(lon, dims="s"), method="nearest"
        )
        inside = (lat > 15) & (lat < 45) & (lon > 95) & (lon < 140)
        usual = np.where(inside, at.values, np.nan)
    kept = np.isfinite(usual) & hours.notna().any().to_numpy()
    observed = hours.to_numpy(dtype=np.float64)[:, kept]
    background = np.broadcast_to(usual[kept], observed.shape).copy()
    learning = np.arange(len(observed)) < 3
    return _compared(observed, background, learning, lat[kept], lon[kept])


def beijing() -> dict[str, Any]:
    """Days of 2016 at Beijing's twelve stations, constants of 2013 to 2015.

    Raises:
        NotFoundError: If the real data are not there.
    """
    if not BEIJING.is_file():
        raise NotFoundError("the real data are not here", where=str(BEIJING))
    rows = pd.read_parquet(BEIJING)
    day = pd.to_datetime(rows[["year", "month", "day"]]).rename("date")
    daily = rows.groupby([day, "station"])["PM2.5"].agg(["mean", "count"])
    wide = daily["mean"].where(daily["count"] >= HOURS_OF_A_DAY).unstack()
    where = rows.groupby("station")[["lat", "lon"]].first().loc[wide.columns]
    dates = pd.DatetimeIndex(wide.index)
    with xr.open_dataset(WUSTL) as opened:
        when = opened["time"].dt
        years = opened["PM25"].sel(time=(when.year >= 2008) & (when.year <= 2012))
        usual = (
            years.groupby("time.month")
            .mean()
            .sel(
                lat=xr.DataArray(where["lat"].to_numpy(), dims="s"),
                lon=xr.DataArray(where["lon"].to_numpy(), dims="s"),
                method="nearest",
            )
        )
        background = usual.values[dates.month - 1].astype(np.float64)
    learning = np.asarray(dates.year < 2016)
    return _compared(
        wide.to_numpy(dtype=np.float64),
        background,
        learning,
        where["lat"].to_numpy(),
        where["lon"].to_numpy(),
    )


def _compared(
    observed: Numbers, background: Numbers, learning: NDArray[np.bool_], lat: Numbers, lon: Numbers
) -> dict[str, Any]:
    """Kriging alone and over the climatology, left out singly and by 1° squares."""
    km = distances(lat, lon)
    ways = schemes(lat, lon, units(km))
    alone = errors(observed, None, learning, km, ways)
    over = errors(observed, background, learning, km, ways)
    common, group = np.isfinite(observed[~learning]), squares(lat, lon, SQUARE)
    return {
        "stations": len(lat),
        "dates": int((~learning).sum()),
        "next_km": {way.name: float(np.median(way.distance)) for way in ways},
        "kriging": {n: of_errors("rmse", e) for n, e in alone.fused.items()},
        "fused": {n: of_errors("rmse", e) for n, e in over.fused.items()},
        "gain": {
            n: paired_gain(e, alone.fused[n], common & np.isfinite(e), group)
            for n, e in over.fused.items()
        },
    }
