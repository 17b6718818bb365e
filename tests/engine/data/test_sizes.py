"""Small files that unpack to gigabytes are refused by their size, before a value is read."""

import resource
import subprocess
import sys
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
import rasterio
from affine import Affine

from engine.core.errors import DataError, RequestError
from engine.core.size_limits import CELLS
from engine.data import gridded, mobile, stations
from engine.data.options import ReadOptions

ROOT = Path(__file__).resolve().parents[3]
LIMIT_MB = 1500  # of address space above what the modules themselves take


def tiff(path, side=40_000):
    with rasterio.open(
        path, "w", driver="GTiff", width=side, height=side, count=1, dtype="float32", tiled=True,
        crs="EPSG:4326", transform=Affine(0.001, 0, 100, 0, -0.001, 50), compress="deflate",
        sparse_ok=True,
    ):  # fmt: skip
        pass
    return path


def netcdf(path, side=60_000, chunks=None):
    with netCDF4.Dataset(path, "w") as file:
        for name, values in (("lat", 0.001), ("lon", 0.002)):
            file.createDimension(name, side)
            axis = file.createVariable(name, "f8", (name,))
            axis[:] = values * np.arange(side)
        file.createDimension("time", 1)
        time = file.createVariable("time", "f8", ("time",))
        time.units, time[:] = "days since 2015-01-01", 0
        file.createVariable(
            "PM2.5", "f4", ("time", "lat", "lon"), zlib=True, chunksizes=chunks or (1, 10, 10)
        ).units = "ug m-3"
    return path


def stretched(path):
    y, x = np.meshgrid(np.arange(40.0), np.arange(40.0), indexing="ij")
    lat = 30 + 1e-4 * y + 10 * (y == 39) + 3e-2 * np.sin(x)
    lon = 110 + 1e-4 * x + 10 * (x == 39) + 3e-2 * np.sin(y)
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("y", 40)
        file.createDimension("x", 40)
        for name, values in (("lat", lat), ("lon", lon)):
            file.createVariable(name, "f8", ("y", "x"))[:] = values
        pm = file.createVariable("PM2.5", "f4", ("y", "x"))
        pm.units, pm[:] = "ug m-3", 20 + y
    return path


def parquet_rows(path, rows=60_000_000):
    """A constant column: a few kilobytes."""
    table = pyarrow.table({"pm2p5": pyarrow.array(np.full(rows // 60, 5, np.int8))})
    with pyarrow.parquet.ParquetWriter(path, table.schema) as writer:
        for _ in range(60):
            writer.write_table(table)
    return path


def parquet_text(path, rows=200_000, letters=100_000):
    """A name of a hundred thousand letters in each row, kept once: 20 GB of text."""
    name = pyarrow.DictionaryArray.from_arrays(
        np.zeros(rows, np.int32), pyarrow.array(["x" * letters])
    )
    times = pd.date_range("2015-01-01", periods=rows, freq="min")
    columns = {"station": name, "time": times, "pm2p5": np.full(rows, 5.0)}
    columns |= {"latitude": np.full(rows, 30.0), "longitude": np.full(rows, 120.0)}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


def one_line(path):
    path.write_bytes(b"station,time,pm2p5," + b"x" * 3_000_000)
    return path


def square(path, n=60_000):
    """Each row a station and a time of its own: the table would have n × n cells."""
    hours = pd.date_range("1990-01-01", periods=n, freq="h").strftime("%Y-%m-%dT%H:%MZ")
    lines = [f"s{k},{t},{k % 90 + 1},30,{120 + k * 1e-5:.5f}\n" for k, t in enumerate(hours)]
    path.write_text("station,time,pm2p5,latitude,longitude\n" + "".join(lines))
    return path


def array(path):
    path.write_bytes(
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<f4', 'fortran_order': False, 'shape': (100000, 9000, 9000), }".ljust(117)
        + b"\n"
    )
    return path


BOMBS = {
    "grid": [
        (tiff, "a_20150110.tif", "1,600,000,000 cells"),
        (netcdf, "a.nc", "3,600,000,000 cells"),
        (stretched, "a_20150110.nc", "its cells differ so much in size"),
    ],
    "stations": [
        (parquet_rows, "a.parquet", "60,000,000 rows"),
        (parquet_text, "a.parquet", "bytes unpacked"),
        (one_line, "a.csv", "bytes in its first line"),
        (square, "a.csv", "60,000 times and 60,000 stations"),
    ],
    "mobile": [(array, "a.npy", "damaged or cut short")],
}
CASES = [(kind, *case) for kind, cases in BOMBS.items() for case in cases]
READ = """
import resource, sys
from pathlib import Path
import engine.data.geotiff, scipy.spatial, rasterio.warp, pyarrow.parquet
from engine.core.errors import EngineError
from engine.data import gridded, mobile, stations
from engine.data.options import ReadOptions
read = {"grid": gridded.load, "stations": stations.load, "mobile": mobile.load}[sys.argv[1]]
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
most = size + int(sys.argv[3]) * 10**6
resource.setrlimit(resource.RLIMIT_AS, (most, most))
try:
    read([Path(sys.argv[2])])
except EngineError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_AS"), reason="limits of Linux")
@pytest.mark.parametrize(
    ("kind", "make", "name", "said"), CASES, ids=[f"{c[0]}-{c[1].__name__}" for c in CASES]
)
def test_a_bomb_is_refused_in_little_memory(kind, make, name, said, tmp_path):
    path = make(tmp_path / name)
    run = subprocess.run(
        [sys.executable, "-c", READ, kind, str(path), str(LIMIT_MB)],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
        env={"PATH": "", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert said in run.stdout
    assert name in run.stdout or "the stations" in run.stdout


def test_the_setting_changes_the_limit_and_must_be_a_number(monkeypatch):
    CELLS.check(60_000_000, what="it", where="f")
    monkeypatch.setenv("AIRLENS_MAX_CELLS", "100")
    with pytest.raises(DataError, match=r"at most 100 are read.*AIRLENS_MAX_CELLS"):
        CELLS.check(101, what="it", where="f")
    monkeypatch.setenv("AIRLENS_MAX_CELLS", "many")
    with pytest.raises(RequestError, match="whole number"):
        CELLS.value()


def test_a_chunk_larger_than_the_limit_is_refused(tmp_path, monkeypatch):
    path = netcdf(tmp_path / "a.nc", side=300, chunks=(1, 300, 300))
    monkeypatch.setenv("AIRLENS_MAX_BYTES", "1000")
    with pytest.raises(DataError, match="one chunk of it has 360,000 bytes"):
        gridded.load([path])


def test_tables_within_the_limits_are_read(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_text("station,time,pm2p5,latitude,longitude\na,2015-01-01T00:00Z,5,30,120\n")
    assert stations.load([path]).sizes["station"] == 1
    monkeypatch.setenv("AIRLENS_MAX_ROWS", "1")
    with pytest.raises(DataError, match="AIRLENS_MAX_ROWS"):
        stations.load([path])
    assert mobile  # its array is refused above


def test_an_axis_of_long_texts_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_MAX_TEXT", "1000")
    path = tmp_path / "a.nc"
    with h5py.File(path, "w") as file:
        for name, values in (("lat", [32.0, 31.0]), ("lon", [118.0, 119.0]), ("time", [0.0, 1.0])):
            file[name] = np.array(values)
            file[name].make_scale(name)
        file["time"].attrs["units"] = "days since 2015-01-01"
        file["pm2p5"] = np.full((2, 2, 2), 30.0, np.float32)
        for place, name in enumerate(("time", "lat", "lon")):
            file["pm2p5"].dims[place].attach_scale(file[name])
        file["z"] = np.zeros(50, "S100")
        file["z"].make_scale("z")
    with pytest.raises(DataError, match="5,000 bytes of text"):
        gridded.load([path], ReadOptions(units="ug m-3"))
