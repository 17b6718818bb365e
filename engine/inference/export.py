"""A result as a file that other software reads: CF NetCDF, cloud-optimised GeoTIFF, CSV.

Every file says where it comes from, and a result made from synthetic data says so in its title.
Written beside the target and moved there whole.
"""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS

from engine.core.errors import RequestError, StorageError
from engine.core.files import atomic_file
from engine.core.plaintext import CELL_NOTE, comment, frame_cells, storable
from engine.core.schema import grid_of
from engine.core.variables import VARIABLES

CONVENTIONS = "CF-1.11"
DEMO = "DEMO: synthetic data, not measurements"
_MAPS = ("latitude", "longitude")
_COARSE = ("coarse_latitude", "coarse_longitude")
_MEANING = {
    "coarse": "PM2.5 of the coarse map",
    "pm2p5": "PM2.5, predicted",
    "target": "PM2.5 of the fine map that the coarse map was made from",
    "error": "Prediction minus target",
    "uncertainty": "Standard deviation of the prediction",
    "observed": "PM2.5 observed at the station",
    "leave_one_out": "PM2.5 predicted at the station from all others",
}
CAME_TRUE = "PM2.5 as then measured, unknown to the forecast"


def write(result: xr.Dataset, path: Path, *, overwrite: bool = True) -> Path:
    """Write a result of `engine.inference.run.predict`, by the ending of the name.

    `.nc` holds everything. `.tif` and `.tiff` hold the predicted map (and target, error and
    uncertainty as further bands); of a forecast, a band for each lead time. `.csv` holds a row for
    each cell or station.

    Args:
        result: What to write.
        path: Where to; its folder must exist.
        overwrite: Whether a file that is there may be replaced.

    Returns:
        The path.

    Raises:
        RequestError: If the ending is none of these, or the form cannot hold the result.
        StorageError: If it cannot be written.
    """
    writers: dict[str, Callable[[xr.Dataset, Path], None]] = {
        ".nc": _netcdf,
        ".tif": _geotiff,
        ".tiff": _geotiff,
        ".csv": _csv,
    }
    writer = writers.get(path.suffix.lower())
    if writer is None:
        raise RequestError(
            "{name} does not end in a form we write",
            remedy="End it in .nc, .tif or .csv",
            name=path.name,
        )
    if path.exists() and not overwrite:
        raise StorageError("the file is there already", where=str(path), remedy="Choose another")
    if not path.parent.is_dir():
        raise StorageError(
            "there is no such folder", where=str(path.parent), remedy="Make it, or choose another"
        )
    with atomic_file(path) as part:
        writer(result, part)
    return path


def to_cf(result: xr.Dataset) -> xr.Dataset:
    """A result with all that CF asks for: time bounds, cell methods, grid mapping.

    The bounds are those of the local day, hour or month, written in UTC.
    """
    cf = _with_plain_text(result)
    for name, array in cf.data_vars.items():
        array.attrs = _attributes(str(name), array, result)
    cf["crs"] = xr.DataArray(
        np.int32(0),
        attrs={
            "grid_mapping_name": "latitude_longitude",
            "longitude_of_prime_meridian": 0.0,
            "semi_major_axis": 6378137.0,
            "inverse_flattening": 298.257223563,
            "crs_wkt": CRS.from_epsg(4326).to_wkt(),
        },
    )
    cf = _with_axes(cf)
    cf = _with_bounds(cf)
    cf.attrs = _global_attributes(result)
    return cf


def _netcdf(result: xr.Dataset, path: Path) -> None:
    cf = to_cf(result)
    encoding: dict[str, dict[str, object]] = {}
    for name, array in cf.variables.items():
        if name in cf.data_vars and array.dtype.kind == "f" and array.ndim:
            encoding[str(name)] = {"zlib": True, "complevel": 4, "_FillValue": np.float32(np.nan)}
        elif array.dtype.kind == "f":
            encoding[str(name)] = {"_FillValue": None}
        if array.dtype.kind == "M":
            encoding[str(name)] = {
                "units": "seconds since 1970-01-01T00:00:00Z",
                "calendar": "proleptic_gregorian",
                "dtype": "int64",
                "_FillValue": None,
            }
        if array.dtype.kind == "m":
            encoding[str(name)] = {"units": "hours", "dtype": "float64", "_FillValue": None}
    cf.to_netcdf(path, engine="netcdf4", format="NETCDF4", encoding=encoding)


def _geotiff(result: xr.Dataset, path: Path) -> None:
    if not set(_MAPS) <= set(result["pm2p5"].dims):
        raise RequestError("a result at stations is no map", remedy="Write it as .nc or .csv")
    bands = _bands(result)
    box = grid_of(result)
    values = np.stack([band for _, band in bands])
    with rasterio.open(
        path,
        "w",
        driver="COG",
        width=box.columns,
        height=box.rows,
        count=len(bands),
        dtype="float32",
        crs=CRS.from_epsg(4326),
        transform=Affine(box.step_lon, 0, box.bounds.west, 0, -box.step_lat, box.bounds.north),
        nodata=float("nan"),
        compress="deflate",
        predictor=3,
        overview_resampling="average",
    ) as file:
        file.write(values)
        for number, (name, _) in enumerate(bands, start=1):
            file.set_band_description(number, name)
            file.set_band_unit(number, "ug m-3")
        file.update_tags(**{key: str(value) for key, value in _global_attributes(result).items()})


def _bands(result: xr.Dataset) -> list[tuple[str, NDArray[np.float32]]]:
    """Name and map of each band."""
    if "lead_time" in result["pm2p5"].dims:
        mean = result["pm2p5"].mean("realization")
        return [
            (f"pm2p5 {str(time)[:16]}Z", mean.values[step].astype(np.float32))
            for step, time in enumerate(result["valid_time"].values)
        ]
    names = [n for n in ("pm2p5", "target", "error", "uncertainty") if n in result]
    return [(name, result[name].values[0].astype(np.float32)) for name in names]


def _csv(result: xr.Dataset, path: Path) -> None:
    notes = [f"{key}: {value}" for key, value in _global_attributes(result).items()]
    comments = "".join(f"{comment(note)}\n" for note in (*notes, CELL_NOTE))
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(comments)
        frame_cells(_table(result)).to_csv(
            file, index=False, float_format="%.6g", date_format="%Y-%m-%dT%H:%MZ"
        )


def _table(result: xr.Dataset) -> pd.DataFrame:
    """A row for each station where there are stations, else for each cell with a value."""
    if "observed" in result:
        stations = result[["observed", "leave_one_out", "station_latitude", "station_longitude"]]
        return stations.to_dataframe().reset_index()
    names = [n for n in ("pm2p5", "target", "error", "uncertainty") if n in result]
    frame = result[names].to_dataframe().reset_index()
    frame = frame.dropna(subset=names, how="all")
    if "lead_time" in frame:
        frame["lead_time"] = frame["lead_time"].dt.total_seconds() / 3600
        frame = frame.rename(columns={"lead_time": "lead_time_hours"})
    return frame


def _with_plain_text(result: xr.Dataset) -> xr.Dataset:
    """A copy whose ids and names hold no character that ends a text in C."""
    names = [n for n, v in result.variables.items() if v.dtype.kind in "OU"]
    plain = {
        name: (
            result[name].dims,
            np.array([storable(str(v)) for v in result[name].values.ravel()], dtype=object).reshape(
                result[name].shape
            ),
            result[name].attrs,
        )
        for name in names
    }
    return result.assign_coords({n: v for n, v in plain.items() if n in result.coords}).assign(
        {n: v for n, v in plain.items() if n not in result.coords}
    )


def _attributes(name: str, array: xr.DataArray, result: xr.Dataset) -> dict[str, str]:
    """CF attributes of a data variable."""
    attrs: dict[str, str] = {key: str(value) for key, value in array.attrs.items()}
    if name in _MEANING:
        attrs["units"] = VARIABLES["pm2p5"].units
        ahead = name == "target" and "lead_time" in array.dims
        attrs["long_name"] = CAME_TRUE if ahead else _MEANING[name]
        if name not in ("error", "uncertainty"):
            attrs["standard_name"] = VARIABLES["pm2p5"].standard_name
        attrs["cell_methods"] = _cell_methods(array, str(result.attrs["period"]))
    if set(_MAPS) <= set(array.dims) or set(_COARSE) <= set(array.dims):
        attrs["grid_mapping"] = "crs"
    if "station" in array.dims and name in _MEANING:
        attrs["coordinates"] = "station_latitude station_longitude"
    return attrs


def _cell_methods(array: xr.DataArray, period: str) -> str:
    time = "lead_time" if "lead_time" in array.dims else "valid_time"
    interval = "" if period == "hour" else " (interval: 1 hour)"
    area = " area: mean" if "station" not in array.dims else ""
    return f"{time}: mean{interval}{area}"


def _with_axes(cf: xr.Dataset) -> xr.Dataset:
    for name in (*_MAPS, *_COARSE):
        if name in cf.coords:
            axis = "latitude" if name.endswith("latitude") else "longitude"
            cf[name].attrs |= {
                "standard_name": axis,
                "long_name": name.replace("_", " "),
                "units": "degrees_north" if axis == "latitude" else "degrees_east",
            }
            if cf[name].ndim == 1 and cf[name].dims == (name,):
                cf[name].attrs["axis"] = "Y" if axis == "latitude" else "X"
    if "realization" in cf.coords:
        cf["realization"].attrs |= {"standard_name": "realization", "axis": "E"}
    if "init_time" in cf.coords:
        cf["init_time"].attrs |= {"standard_name": "forecast_reference_time"}
        cf["lead_time"].attrs |= {"standard_name": "forecast_period"}
    return cf


def _with_bounds(cf: xr.Dataset) -> xr.Dataset:
    """The start and end of the averaging period of each time step, in UTC."""
    starts = np.atleast_1d(cf["valid_time"].values).astype("datetime64[ns]")
    ends = np.array([_end(start, str(cf.attrs["period"])) for start in starts])
    dim = cf["valid_time"].dims[0]
    cf["time_bounds"] = ((dim, "bound"), np.stack([starts, ends], axis=1))
    cf["valid_time"].attrs |= {
        "standard_name": "time",
        "long_name": "start of the averaging period, UTC",
        "bounds": "time_bounds",
    }
    if dim == "valid_time":
        cf["valid_time"].attrs["axis"] = "T"
    return cf


def _end(start: np.datetime64, period: str) -> np.datetime64:
    if period == "month":
        next_month: np.datetime64 = (start.astype("datetime64[M]") + 1).astype("datetime64[ns]")
        return next_month
    end: np.datetime64 = start + np.timedelta64(1 if period == "hour" else 24, "h")
    return end


def _global_attributes(result: xr.Dataset) -> dict[str, str | int | float]:
    """Provenance, first of all whether this is synthetic."""
    attrs: dict[str, str | int | float] = {"Conventions": CONVENTIONS}
    if int(result.attrs.get("synthetic", 0)):
        attrs["warning"] = DEMO
    attrs |= {str(key): _plain(value) for key, value in result.attrs.items()}
    made = result.attrs.get("created", dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
    attrs["history"] = (
        f"{made} airlens {attrs.get('airlens_version', '')}: predict {attrs.get('model')} "
        f"(version {attrs.get('model_version')}, weights {attrs.get('weights_sha256')}) "
        f"on {attrs.get('dataset')} (sha256 {attrs.get('dataset_checksum')}), "
        f"date {attrs.get('date')}, region {attrs.get('region')}, seed {attrs.get('seed')}"
    )
    return attrs


def _plain(value: object) -> str | int | float:
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, int | float):
        return value
    return value.item() if isinstance(value, np.number) else storable(str(value))
