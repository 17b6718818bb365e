"""Makes the demo that ships in `assets/demo`.

`python -m engine.research.demo.build_demo`, or `make demo`.

Maps are Zarr, whole fifths of ug m-3, each as the difference to its western neighbour, which packs
to a third; stations and samples are NetCDF. `manifest.json` describes all in the library's words.
"""

import datetime as dt
import hashlib
import json
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import xarray as xr
import zarr

from engine.data.stack import coordinates, pm2p5_attributes
from engine.twin.cities import cities_dataset
from engine.twin.datasets import Window, World
from engine.twin.shipped import CELLS, FILES, FOLDER, MANIFEST, SEED

SUMMER = Window(dt.date(2014, 7, 1), 40)
WINTER = Window(dt.date(2014, 12, 12), 50)
FLEET_START = dt.date(2015, 1, 5)
YEARS = Window(dt.date(2013, 1, 1), 1095)  # 2013 to 2015
TRAIN_END = dt.date(2014, 12, 31)  # the summer and twenty days of winter

SCALE = 0.2  # ug m-3; finer than anything measured


def write(
    world: World, folder: Path, *, train_end: dt.date, cities: xr.Dataset | None = None
) -> None:
    """Write all datasets of a world and their record; replaces what is there once all is whole.

    Args:
        world: Maps, stations and fleet.
        folder: `assets/demo`, or a folder like it.
        train_end: Last date for learning.
        cities: Daily means of cities over years, where they are wanted.
    """
    work = folder.with_name(folder.name + ".part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    _write_maps(world, work / FILES["demo"])
    datasets = {
        FILES["demo-stations"]: world.stations(),
        FILES["demo-mobile"]: world.mobile(),
        CELLS: world.cells(),
    }
    if cities is not None:
        datasets[FILES["demo-cities"]] = cities
    for file, dataset in datasets.items():
        packed = {"dtype": "int16", "scale_factor": np.float32(0.1), "_FillValue": -1}
        encoding: dict[str, dict[str, Any]] = {"pm2p5": packed | {"zlib": True, "complevel": 9}}
        for name, array in dataset.coords.items():
            if array.dtype.kind in "fM":
                encoding[str(name)] = {"zlib": True, "complevel": 9}
            if name in ("latitude", "longitude"):
                encoding[str(name)] |= {
                    "dtype": "int32",
                    "scale_factor": 1e-5,
                    "_FillValue": -(2**31),
                }
        if "device" in dataset:  # fixed width: strings of their own length do not pack
            encoding["device"] = {"dtype": "S1", "zlib": True, "complevel": 9}
        dataset["valid_time"].encoding["units"] = "minutes since 2000-01-01"
        dataset.to_netcdf(work / file, engine="netcdf4", encoding=encoding)
    record = {
        name: _describe(work / file, train_end if name != "demo-mobile" else None)
        for name, file in FILES.items()
        if (work / file).exists()
    }
    (work / MANIFEST).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    work.rename(folder)


def _write_maps(world: World, path: Path) -> None:
    stack = world.maps()
    base = coordinates(stack)
    base["valid_time"].encoding = {"units": "hours since 2000-01-01", "dtype": "int32"}
    base.to_zarr(path, mode="w", zarr_format=2, consolidated=False)
    steps, rows, columns = stack.shape
    array = zarr.open_group(path, mode="r+").create_array(
        "pm2p5",
        shape=stack.shape,
        chunks=(1, rows, columns),
        dtype="int16",
        fill_value=-1,
        filters=[numcodecs.Delta(dtype="<i2")],
        compressors=numcodecs.Blosc(cname="zstd", clevel=9, shuffle=numcodecs.Blosc.BITSHUFFLE),
        attributes=pm2p5_attributes()
        | {
            "scale_factor": SCALE,
            "_ARRAY_DIMENSIONS": ["valid_time", "latitude", "longitude"],
        },
    )
    for position, values in stack.read():
        whole = np.rint(values / SCALE)
        array[position] = np.where(np.isnan(whole), -1, whole).astype(np.int16)
        sys.stderr.write(f"\rday {position + 1} of {steps}")
    sys.stderr.write("\n")


def _describe(path: Path, train_end: dt.date | None) -> dict[str, Any]:
    """Fields of the library's record, from the file as it was written."""
    dataset = xr.open_zarr(path, consolidated=False, chunks=None) if path.is_dir() else None
    if dataset is None:
        with xr.open_dataset(path, engine="netcdf4") as opened:
            dataset = opened.load()
    shift = np.timedelta64(int(dataset.attrs["utc_offset_hours"]), "h")
    days = (dataset["valid_time"].values + shift).astype("datetime64[D]")
    half = 0.005 if path.is_dir() else 0.0
    lat, lon = dataset["latitude"].values, dataset["longitude"].values
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return {
        "kind": dataset.attrs["kind"],
        "period": dataset.attrs["period"],
        "start": str(days.min()),
        "end": str(days.max()),
        "bounds": [
            round(float(edge), 6)
            for edge in (lon.min() - half, lat.min() - half, lon.max() + half, lat.max() + half)
        ],
        "shape": {str(k): int(v) for k, v in dataset.sizes.items()},
        "variables": [str(v) for v in dataset.data_vars],
        "source": dataset.attrs["source"],
        "licence": dataset.attrs["licence"],
        "synthetic": True,
        "utc_offset_hours": float(dataset.attrs["utc_offset_hours"]),
        "checksum": digest.hexdigest(),
        "units": "ug m-3",
        "imported_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "train_end": None if train_end is None else str(train_end),
        "notes": [],
        "format": "demo world",
        "files": [],
        "airlens_version": version("airlens"),
    }


def main() -> None:
    """Make `assets/demo` anew."""
    world = World([SUMMER, WINTER], SEED, FLEET_START)
    years = cities_dataset(YEARS.start, YEARS.days, SEED)
    write(world, FOLDER, train_end=TRAIN_END, cities=years)
    total = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    sys.stdout.write(f"{FOLDER}: {total / 1e6:.1f} MB\n")


if __name__ == "__main__":
    main()
