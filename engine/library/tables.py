"""Stations and mobile samples in Parquet.

`stations.parquet` has a row for each station, `values.parquet` one for each time and station, time
by time, whether measured or not, so that it becomes an array again without sorting.
"""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import xarray as xr

from engine.core.errors import StorageError
from engine.data.readings import variable_attributes

STATIONS = "stations.parquet"
VALUES = "values.parquet"


def write(dataset: xr.Dataset, folder: Path) -> str:
    """Write a station or mobile dataset and give the checksum of its values and coordinates."""
    if dataset.attrs["kind"] == "stations":
        frames = _station_frames(dataset)
    else:
        frames = {VALUES: _sample_frame(dataset)}
    for name, frame in frames.items():
        pyarrow.parquet.write_table(
            pyarrow.Table.from_pandas(frame, preserve_index=False),
            folder / name,
            compression="zstd",
        )
    return checksum(dataset)


def checksum(dataset: xr.Dataset) -> str:
    """SHA-256 of all values and coordinates, in alphabetical order of their names."""
    whole = hashlib.sha256()
    for name in sorted(map(str, dataset.variables)):
        values = dataset[name].values
        whole.update(name.encode())
        if values.dtype.kind in "OUST":
            whole.update("\0".join(map(str, values.ravel())).encode())
        else:
            whole.update(np.ascontiguousarray(values).tobytes())
    return whole.hexdigest()


def _station_frames(dataset: xr.Dataset) -> dict[str, pd.DataFrame]:
    stations = pd.DataFrame(
        {
            "station": dataset["station"].values.astype(str),
            "name": dataset["name"].values.astype(str)
            if "name" in dataset
            else dataset["station"].values.astype(str),
            "latitude": dataset["latitude"].values,
            "longitude": dataset["longitude"].values,
        }
    )
    columns = {
        str(n): dataset[n].transpose("valid_time", "station").values.ravel()
        for n in dataset.data_vars
    }
    times = dataset["valid_time"].values.astype("datetime64[ns]")
    values = pd.DataFrame(
        {
            "valid_time": np.repeat(times, len(stations)),
            "station": np.tile(stations["station"].to_numpy(), len(times)),
            **columns,
        }
    )
    return {STATIONS: stations, VALUES: values}


def _sample_frame(dataset: xr.Dataset) -> pd.DataFrame:
    columns = ("valid_time", "latitude", "longitude", "device", *map(str, dataset.data_vars))
    return pd.DataFrame({n: dataset[n].values for n in columns if n in dataset.variables})


def read(folder: Path, kind: str) -> xr.Dataset:
    """The dataset, in memory, without its attributes.

    Raises:
        StorageError: If a file is missing or damaged.
    """
    try:
        values = pyarrow.parquet.read_table(folder / VALUES).to_pandas()
        if kind == "mobile":
            return _samples(values)
        stations = pyarrow.parquet.read_table(folder / STATIONS).to_pandas()
        return _stations(values, stations)
    except (OSError, pyarrow.ArrowException, KeyError, ValueError) as problem:
        raise StorageError(
            "the stored table is damaged",
            where=str(folder),
            remedy="Import the dataset again with --replace",
        ) from problem


def _samples(values: pd.DataFrame) -> xr.Dataset:
    coordinates = [c for c in ("valid_time", "latitude", "longitude", "device") if c in values]
    dataset = xr.Dataset(coords={c: ("sample", values[c].to_numpy()) for c in coordinates})
    for name in (str(c) for c in values.columns if c not in coordinates):
        dataset[name] = ("sample", values[name].to_numpy(np.float32), variable_attributes(name))
    return _in_nanoseconds(dataset)


def _stations(values: pd.DataFrame, stations: pd.DataFrame) -> xr.Dataset:
    shape = (-1, len(stations))
    dataset = xr.Dataset(
        coords={
            "valid_time": ("valid_time", values["valid_time"].to_numpy().reshape(shape)[:, 0]),
            "station": ("station", stations["station"].to_numpy(dtype=object)),
            "latitude": ("station", stations["latitude"].to_numpy(), {"units": "degrees_north"}),
            "longitude": ("station", stations["longitude"].to_numpy(), {"units": "degrees_east"}),
            "name": ("station", stations["name"].to_numpy(dtype=object)),
        }
    )
    for name in (str(c) for c in values.columns if c not in ("valid_time", "station")):
        array = values[name].to_numpy(np.float32).reshape(shape)
        dataset[name] = (("valid_time", "station"), array, variable_attributes(name))
    return _in_nanoseconds(dataset)


def _in_nanoseconds(dataset: xr.Dataset) -> xr.Dataset:
    times = dataset["valid_time"].values.astype("datetime64[ns]")
    return dataset.assign_coords(valid_time=(dataset["valid_time"].dims, times))
