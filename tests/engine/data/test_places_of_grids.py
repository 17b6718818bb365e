"""Where the cells of a grid lie: cyclic axes, the 180th meridian, radians, folds, groups."""

import h5py
import netCDF4
import numpy as np
import pytest
import xarray as xr

from engine import library
from engine.core.errors import DataError
from engine.data.gridded import load

LAT, LON = [33.0, 32.0, 31.0, 30.0], [118.0, 119.0, 120.0, 121.0, 122.0]


@pytest.mark.parametrize(("first", "last"), [(0, 360), (-180, 180)])
def test_a_cyclic_axis_loses_its_repeated_column(grid_file, first, last):
    lon = np.arange(first, last + 1, 30.0)
    values = np.broadcast_to(np.where(lon == lon[-1], lon[0], lon) + 200, (3, 4, len(lon)))
    dataset = load([grid_file(longitude=lon, values=values)])
    # The cell of 180° lies half beyond the map's edge.
    assert list(dataset["longitude"].values) == list(range(-150, 180, 30))
    at = dataset["pm2p5"].isel(valid_time=0, latitude=0)
    for east in dataset["longitude"].values:
        assert float(at.sel(longitude=east)) == (east - first) % 360 + first + 200
    assert "The last column repeats the first; left out." in dataset.attrs["notes"]
    assert "The column at 180° was left out." in dataset.attrs["notes"]


@pytest.mark.parametrize("first", [0, -180])
def test_a_global_grid_can_be_imported(grid_file, first, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path / "home"))
    lon = first + np.arange(0, 360, 30.0)
    values = np.broadcast_to(200 + (lon + 180) % 360 - 180, (3, 4, len(lon)))
    about = library.import_files("grid", [grid_file(longitude=lon, values=values)], "world")
    assert about.bounds[0] == -165 and about.bounds[2] == 165
    got = library.open_dataset("world")["pm2p5"].isel(valid_time=0, latitude=0)
    np.testing.assert_array_equal(got.values, 200 + got["longitude"].values)


def test_a_global_grid_of_half_steps_keeps_every_column(grid_file):
    lon = np.arange(-165, 180, 30.0)
    dataset = load([grid_file(longitude=lon, values=np.full((3, 4, 12), 30.0))])
    assert list(dataset["longitude"].values) == list(lon)


def test_a_grid_that_ends_at_180_is_read(grid_file):
    lon = np.arange(100, 181, 20.0)
    dataset = load([grid_file(longitude=lon)])
    assert list(dataset["longitude"].values) == [100, 120, 140, 160]
    assert "The column at 180° was left out." in dataset.attrs["notes"]


def two_dimensional(tmp_path, lat, lon, **units):
    path = tmp_path / "grid_20150110.nc"
    attrs = {"units": units.get("units", "")}
    xr.Dataset(
        {"pm2p5": (("y", "x"), np.full(lat.shape, 30.0), {"units": "ug m-3"})},
        coords={"lat": (("y", "x"), lat, attrs), "lon": (("y", "x"), lon, attrs)},
    ).to_netcdf(path)
    return path


def test_radians_become_degrees(tmp_path):
    lat, lon = np.meshgrid(np.deg2rad(LAT), np.deg2rad(LON), indexing="ij")
    dataset = load([two_dimensional(tmp_path, lat, lon, units="radians")])
    np.testing.assert_allclose(dataset["latitude"].values, LAT, atol=1e-4)
    np.testing.assert_allclose(dataset["longitude"].values, LON, atol=1e-4)


@pytest.mark.parametrize("kind", ["constant", "folded", "random"])
def test_points_that_are_no_grid_are_refused(tmp_path, kind):
    lat, lon = np.meshgrid(np.linspace(30, 33, 12), np.linspace(118, 122, 12), indexing="ij")
    lat = lat + 0.01 * lon
    if kind == "constant":
        lat = np.full_like(lat, 31.0)
    elif kind == "folded":
        lon = 118 + np.abs(lon - 120)
    else:
        lat = np.random.default_rng(0).permuted(lat.ravel()).reshape(lat.shape)
    with pytest.raises(DataError, match=r"longitudes are no grid|latitude is not evenly spaced"):
        load([two_dimensional(tmp_path, lat, lon)])


def grouped(tmp_path, *names):
    path = tmp_path / "S5P_PM25_20150110.nc"
    with netCDF4.Dataset(str(path), "w") as file:
        for name in names:
            group = file.createGroup(name)
            group.createDimension("lat", 4)
            group.createDimension("lon", 5)
            for axis, values in (("lat", LAT), ("lon", LON)):
                group.createVariable(axis, "f8", (axis,))[:] = values
            if name != "METADATA":
                variable = group.createVariable("pm25_surface", "f4", ("lat", "lon"))
                variable[:] = 30.0
                variable.units = "ug m-3"
    return path


def test_the_one_group_with_pm2p5_is_read(tmp_path):
    assert float(load([grouped(tmp_path, "METADATA", "PRODUCT")])["pm2p5"].mean()) == 30


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("A", "B"), "several of its groups hold PM2.5: /A, /B"),
        (("METADATA",), "its variables are in groups: /METADATA"),
    ],
)
def test_groups_are_named_where_they_do_not_decide(tmp_path, names, says):
    with pytest.raises(DataError, match=says):
        load([grouped(tmp_path, *names)])


@pytest.mark.parametrize("kind", ["external", "virtual", "link"])
def test_values_in_another_file_are_never_followed(tmp_path, kind):
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.arange(20, dtype="f4").tobytes())
    path = tmp_path / "grid_20150110.nc"
    with h5py.File(path, "w") as file:
        for name, axis in (("lat", LAT), ("lon", LON)):
            file[name] = axis
            file[name].make_scale(name)
        if kind == "external":
            made = file.create_dataset("pm2p5", (4, 5), "f4", external=[(str(secret), 0, 80)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout((4, 5), "f4")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "a", (4, 5))
            made = file.create_virtual_dataset("pm2p5", layout)
        else:
            made = file.create_dataset("pm2p5", data=np.full((4, 5), 30, "f4"))
            file["more"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/a")
        made.attrs["units"] = "ug m-3"
        made.dims[0].attach_scale(file["lat"])
        made.dims[1].attach_scale(file["lon"])
        file["loop"] = file["/"]
    with pytest.raises(DataError, match="keeps its values in another file"):
        load([path])


def test_an_axis_too_long_to_read_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "grid_20150110.nc"
    with netCDF4.Dataset(str(path), "w") as file:
        for name, size in (("lat", 4), ("lon", 5), ("x", 2_000_000_000)):
            file.createDimension(name, size)
            axis = file.createVariable(name, "f8", (name,), chunksizes=(min(size, 1000),))
            if size < 10:
                axis[:] = LAT if name == "lat" else LON
        variable = file.createVariable("pm2p5", "f4", ("lat", "lon"))
        variable[:] = 30.0
        variable.units = "ug m-3"
    with pytest.raises(DataError, match="variable /x"):
        load([path])
