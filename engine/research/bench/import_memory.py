"""Peak memory of imports beside what is allowed. `python -m engine.research.bench.import_memory`.

Each import runs in a process of its own, which measures itself: after the modules are loaded, and
at its peak. Allowed for maps: three times the larger of one float32 step and one stored chunk, and
300 MB; for tables three times their unpacked size.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import netCDF4
import numpy as np
import pandas as pd
import rasterio
from affine import Affine

from engine.research.bench.machine import hardware, keep

SIDE = (3504, 4504)  # China at 0.01°
ROWS = 1_000_000
SLACK_MB = 300.0
IMPORT = """
import json, sys
from pathlib import Path
import engine.data.geotiff, scipy.spatial, pyarrow.parquet, zarr, netCDF4
from engine import library
from engine.data import gridded, mobile, stations
def most():
    with open("/proc/self/status") as file:  # ru_maxrss would be that of the parent
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
before = most()
library.import_files(sys.argv[1], [Path(sys.argv[2])], "bench")
print(json.dumps([before, most()]))
"""


def netcdf(folder: Path, shape: tuple[int, int] = SIDE, days: int = 2) -> tuple[Path, float]:
    """Daily maps packed as int16; the file, and the larger of a step and a chunk in MB."""
    path = folder / "maps.nc"
    random = np.random.default_rng(0)
    with netCDF4.Dataset(path, "w") as file:
        for name, first, count in (("lat", 18.0, shape[0]), ("lon", 90.0, shape[1])):
            file.createDimension(name, count)
            file.createVariable(name, "f8", (name,))[:] = first + 0.01 * np.arange(count)
        file.createDimension("time", days)
        time = file.createVariable("time", "f8", ("time",))
        time.units, time[:] = "days since 2015-01-01", np.arange(days)
        pm = file.createVariable(
            "PM2.5", "i2", ("time", "lat", "lon"), zlib=True, complevel=1, chunksizes=(1, 400, 400)
        )
        pm.units, pm.scale_factor = "ug m-3", 0.1
        for day in range(days):
            pm[day] = 30 + 5 * random.random(shape)
    return path, shape[0] * shape[1] * 4 / 2**20


def geotiff(folder: Path, shape: tuple[int, int] = SIDE) -> tuple[Path, float]:
    """One map as float32."""
    path = folder / "maps_20150101.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        width=shape[1],
        height=shape[0],
        count=1,
        dtype="float32",
        crs="EPSG:4326",
        transform=Affine(0.01, 0, 90, 0, -0.01, 54),
        tiled=True,
        compress="deflate",
        zlevel=1,
    ) as file:
        file.write(30 + 5 * np.random.default_rng(0).random(shape, np.float32), 1)
    return path, shape[0] * shape[1] * 4 / 2**20


def _frame(rows: int) -> pd.DataFrame:
    stations = 100
    steps = rows // stations
    times = pd.date_range("2010-01-01", periods=steps, freq="h").strftime("%Y-%m-%dT%H:%MZ")
    number = np.tile(np.arange(stations), steps)
    return pd.DataFrame(
        {
            "station": [f"S{n:03d}" for n in number],
            "time": np.repeat(times.to_numpy(), stations),
            "pm2p5": (30 + 5 * np.random.default_rng(0).random(rows)).round(1),
            "latitude": 30 + number / 100,
            "longitude": 120 + number / 100,
        }
    )


def csv(folder: Path, rows: int = ROWS) -> tuple[Path, float]:
    """Hourly stations as text."""
    path = folder / "table.csv"
    _frame(rows).to_csv(path, index=False)
    return path, path.stat().st_size / 2**20


def parquet(folder: Path, rows: int = ROWS) -> tuple[Path, float]:
    """The same as Parquet."""
    path = folder / "table.parquet"
    frame = _frame(rows)
    frame.to_parquet(path)
    return path, float(frame.memory_usage(deep=True).sum()) / 2**20


CASES: dict[str, tuple[str, Callable[..., tuple[Path, float]]]] = {
    "NetCDF, 3504 × 4504 cells, 2 days": ("grid", netcdf),
    "GeoTIFF, 3504 × 4504 cells": ("grid", geotiff),
    "CSV, 1 000 000 rows": ("stations", csv),
    "Parquet, 1 000 000 rows": ("stations", parquet),
}


def measure(kind: str, path: Path, unit_mb: float) -> dict[str, float | bool]:
    """MB before and at the peak of one import, and what is allowed."""
    with tempfile.TemporaryDirectory(prefix="airlens-bench-") as home:
        run = subprocess.run(
            [sys.executable, "-c", IMPORT, kind, str(path)],
            env={"AIRLENS_HOME": home, "OMP_NUM_THREADS": "1", "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
    before, peak = json.loads(run.stdout.splitlines()[-1])
    allowed = before + 3 * unit_mb + SLACK_MB
    return {
        "unit_mb": round(unit_mb, 1),
        "modules_mb": round(before, 1),
        "peak_mb": round(peak, 1),
        "allowed_mb": round(allowed, 1),
        "within": peak <= allowed,
    }


def main() -> None:
    """Measure all and write `docs/results/import-memory.json`."""
    found = {}
    for name, (kind, make) in CASES.items():
        with tempfile.TemporaryDirectory(prefix="airlens-bench-") as folder:
            found[name] = measure(kind, *make(Path(folder)))
    keep("import-memory.json", {"imports": found, "hardware": hardware(1)})


if __name__ == "__main__":
    main()
