"""Height of the ground, where a file of maps brings it: read once, kept beside the maps."""

import numpy as np
import pytest
import xarray as xr

from engine import library
from engine.core.errors import DataError
from engine.core.schema import check
from engine.data.gridded import load
from engine.inference.request import Request
from engine.inference.run import predict

HEIGHT = np.arange(320, dtype=np.float32).reshape(16, 20) * 10


@pytest.fixture
def file(tmp_path):
    def write(name="HGT", height=HEIGHT, *, south_first=False, name_of="maps.nc", **attrs):
        lat = 33.0 - 0.1 * np.arange(16)
        values = 40 + np.random.default_rng(0).random((6, 16, 20)).astype(np.float32)
        order = slice(None, None, -1) if south_first else slice(None)
        dims = ("lat", "lon") if height.ndim == 2 else ("time", "lat", "lon")
        dataset = xr.Dataset(
            {
                "pm25": (("time", "lat", "lon"), values[:, order], {"units": "ug m-3"}),
                name: (dims, height[..., order, :], attrs),
            },
            {
                "time": ("time", np.arange(6), {"units": "days since 2015-01-10"}),
                "lat": lat[order],
                "lon": 118 + 0.1 * np.arange(20),
            },
        )
        path = tmp_path / name_of
        dataset.to_netcdf(path, engine="netcdf4")
        return path

    return write


@pytest.mark.parametrize("name", ["HGT", "orography", "elevation", "topography", "terrain"])
def test_it_is_known_by_name(file, name):
    dataset = load([file(name, units="m")])
    np.testing.assert_array_equal(dataset["surface_altitude"].values, HEIGHT)
    assert dataset["surface_altitude"].dims == ("latitude", "longitude")
    assert "Height of the ground is taken from maps.nc." in dataset.attrs["notes"]


def test_it_is_known_by_its_standard_name_and_turned_with_the_maps(file):
    path = file("z0", south_first=True, standard_name="surface_altitude", units="m")
    dataset = load([path])
    np.testing.assert_array_equal(dataset["surface_altitude"].values, HEIGHT)


def test_kilometres_and_steps_of_time(file):
    dataset = load([file("elevation", np.stack([HEIGHT / 1000] * 6), units="km")])
    np.testing.assert_allclose(dataset["surface_altitude"].values, HEIGHT, rtol=1e-5)


def test_what_is_no_height_is_not_taken(file):
    assert "surface_altitude" not in load([file("albedo", units="1")]).variables
    assert "surface_altitude" not in load([file("elevation", units="degrees")]).variables
    holes = HEIGHT.copy()
    holes[0, 0], holes[3, 4] = -9999, np.nan
    read = load([file("HGT", holes)])["surface_altitude"].values
    assert np.isnan(read[0, 0]) and np.isnan(read[3, 4]) and np.isnan(read).sum() == 2


def test_the_library_keeps_it_and_maps_do_not_change(file, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path / "home"))
    with_height = library.import_files("grid", [file()], "high")
    without = library.import_files("grid", [file("albedo", units="1", name_of="b.nc")], "flat")
    assert with_height.variables == ("pm2p5", "surface_altitude")
    assert without.variables == ("pm2p5",)
    assert with_height.checksum != without.checksum
    dataset = library.open_dataset("high")
    check(dataset, where="high")
    np.testing.assert_array_equal(dataset["surface_altitude"].values, HEIGHT)
    library.store(dataset.load(), "again")
    assert library.info("again").checksum == with_height.checksum
    date = with_height.end
    for model in ("bicubic", "copy", "persistence"):
        high, flat = (predict(Request(n, date, model=model)) for n in ("high", "flat"))
        np.testing.assert_array_equal(high["pm2p5"].values, flat["pm2p5"].values)
        assert set(high.variables) - {"surface_altitude"} == set(flat.variables)


def test_a_height_that_lies_elsewhere_is_refused(file):
    dataset = load([file()])
    wrong = dataset.drop_vars("surface_altitude").assign_coords(
        surface_altitude=("latitude", np.zeros(16), {"units": "m"})
    )
    with pytest.raises(DataError, match="surface_altitude has dimensions"):
        check(wrong, where="a test")
