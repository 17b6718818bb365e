"""Real data that ship in `assets/real`: made from the originals, small, with their licences.

`python -m engine.research.onemap.extracts` needs `../shared/data`.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from engine.core.errors import EngineError, NotFoundError
from engine.core.paths import ASSETS
from engine.research.onemap.cities import FACTOR, WUSTL
from engine.research.onemap.hours import BEIJING
from engine.research.onemap.pair import CMAQ

REAL = ASSETS / "real"
BOX = {"lat": slice(21.6, 41.6), "lon": slice(100.8, 124.0)}  # whole blocks of 0.8°
PACKED = {"dtype": "int16", "scale_factor": 0.1, "_FillValue": -32768, "zlib": True, "complevel": 9}


def extract(folder: Path = REAL) -> list[Path]:
    """Write all extracts; gives their paths.

    Raises:
        NotFoundError: If an original is not there.
    """
    for path in (WUSTL, CMAQ, BEIJING):
        if not path.is_file():
            raise NotFoundError("the original is not here", where=str(path))
    folder.mkdir(parents=True, exist_ok=True)
    return [*_wustl(folder), _cmaq(folder), _beijing(folder)]


def _wustl(folder: Path) -> list[Path]:
    """Months of 2009 to 2013 at 0.1°, and of 2014 and 2015 as means over 0.8°."""
    with xr.open_dataset(WUSTL) as opened:
        months = opened[["PM25"]].sel(BOX)
        rows, columns = (months.sizes[d] // FACTOR * FACTOR for d in ("lat", "lon"))
        months = months.isel(lat=slice(0, rows), lon=slice(0, columns)).load()
    year = months["time"].dt.year
    months["PM25"].attrs = {"units": "ug m-3", "long_name": "PM2.5"}
    fine = months.sel(time=(year >= 2009) & (year <= 2013))
    now = months.sel(time=(year >= 2014) & (year <= 2015))
    coarse = now.coarsen(lat=FACTOR, lon=FACTOR).mean()
    coarse["PM25"].attrs = fine["PM25"].attrs
    coarse.attrs["title"] = (
        "WUSTL ACAG V5.GL.04 monthly PM2.5, means over 8 by 8 cells of 0.1 degree: synthetic "
        "degradation of real data"
    )
    written = []
    for name, part in (("wustl_months_2009-2013", fine), ("wustl_coarse_2014-2015", coarse)):
        path = folder / f"{name}.nc"
        part.attrs |= {"source": "WUSTL ACAG V5.GL.04, van Donkelaar et al. 2021"}
        part.attrs |= {"licence": "CC BY 4.0", "doi": "10.1021/acs.est.1c05309"}
        part["PM25"].encoding = {}
        part.to_netcdf(path, encoding={"PM25": PACKED})
        written.append(path)
    return written


def _cmaq(folder: Path) -> Path:
    """CMAQ merged with monitors, mean of 30 days of January 2020, on its own 36 km grid."""
    with xr.open_dataset(CMAQ) as opened:
        mean = opened["PM25_fused"].mean("time", keep_attrs=True)
        grid = xr.Dataset(
            {
                "PM25_fused": (
                    ("time", "y", "x"),
                    mean.values[None].astype(np.float32),
                    {"units": "ug m-3", "long_name": "PM2.5 of CMAQ merged with monitors"},
                )
            },
            coords={
                "time": ("time", [0], {"units": "days since 2020-01-01", "bounds": "time_bnds"}),
                "lat": (("y", "x"), opened["lat"].values.astype(np.float32)),
                "lon": (("y", "x"), opened["lon"].values.astype(np.float32)),
            },
            attrs={
                "title": "CMAQ merged with monitors, mean of January 2020 (30 days), 36 km",
                "licence": "MIT",
            },
        )
        grid["time_bnds"] = (("time", "bound"), [[0, 31]])
    for axis, units in (("lat", "degrees_north"), ("lon", "degrees_east")):
        grid[axis].attrs["units"] = units
    path = folder / "cmaq_january_2020.nc"
    packed = PACKED | {"_FillValue": -32768}
    grid.to_netcdf(
        path, encoding={"PM25_fused": packed, "lat": {"zlib": True}, "lon": {"zlib": True}}
    )
    return path


def _beijing(folder: Path) -> Path:
    """Hourly PM2.5 of Beijing's twelve stations, 2014 and 2015, with their places."""
    table = pd.read_parquet(BEIJING)
    kept = table[table["year"].isin([2014, 2015])]
    small = pd.DataFrame(
        {
            "time": pd.to_datetime(kept[["year", "month", "day", "hour"]]).dt.tz_localize(
                "Asia/Shanghai"
            ),
            "station": kept["station"],
            "latitude": kept["lat"],
            "longitude": kept["lon"],
            "pm2p5": kept["PM2.5"].astype("float32"),
        }
    )
    path = folder / "beijing_hours_2014-2015.parquet"
    small.to_parquet(path, index=False, compression="zstd")
    return path


if __name__ == "__main__":
    try:
        for made in extract():
            sys.stdout.write(f"{made} {made.stat().st_size} bytes\n")
    except EngineError as problem:
        sys.stderr.write(f"airlens: {problem}\n")
        sys.exit(2)
