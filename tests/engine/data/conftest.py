"""Small files of every form, written as their publishers write them."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


@pytest.fixture
def shared():
    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"real file {name} is not here; it lies in ../shared/data")
        return path

    return find


def field(steps: int = 3, rows: int = 4, columns: int = 5) -> np.ndarray:
    """Every value tells its place: 20 + step + row / 10 + column / 100."""
    step, row, column = np.meshgrid(
        np.arange(steps), np.arange(rows), np.arange(columns), indexing="ij"
    )
    return (20 + step + row / 10 + column / 100).astype(np.float32)


@pytest.fixture
def grid_file(tmp_path):
    """Write a CF grid; row 0 is the north unless told otherwise."""

    def write(
        name="grid_2015.nc",
        *,
        values=None,
        latitude=(33.0, 32.0, 31.0, 30.0),
        longitude=(118.0, 119.0, 120.0, 121.0, 122.0),
        units="ug m-3",
        variable="pm2p5",
        time=(0, 1, 2),
        time_units="days since 2015-01-10",
        engine="netcdf4",
        attrs=None,
        encoding=None,
        form="NETCDF4",
        names=("time", "lat", "lon"),
        **variable_attrs,
    ):
        values = field() if values is None else np.asarray(values)
        if units is not None:
            variable_attrs["units"] = units
        dims = names if time is not None else names[1:]
        coords = {names[1]: np.asarray(latitude), names[2]: np.asarray(longitude)}
        if time is not None:
            coords[names[0]] = (names[0], np.asarray(time), {"units": time_units})
        dataset = xr.Dataset(
            {variable: (dims, values, variable_attrs)}, coords=coords, attrs=attrs or {}
        )
        path = tmp_path / name
        dataset.to_netcdf(
            path, engine=engine, format=form, encoding={variable: encoding} if encoding else None
        )
        return path

    return write


@pytest.fixture
def table_file(tmp_path):
    def write(text: str, name: str = "table.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.fixture(name="field")
def field_fixture():
    return field
