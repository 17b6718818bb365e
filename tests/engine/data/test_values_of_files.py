"""Which numbers are PM2.5: the mean of several variables, fill values, limits, packing in tags."""

import warnings

import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.transform import Affine

from engine.core.errors import DataError
from engine.data.gridded import load

LAT, LON = [33.0, 32.0, 31.0, 30.0], [118.0, 119.0, 120.0, 121.0, 122.0]


@pytest.fixture
def variables(tmp_path):
    """Write a file of one step with several variables: name → (value, attributes)."""

    def write(**named):
        fields = {
            name: (("time", "lat", "lon"), np.full((1, 4, 5), value), attrs)
            for name, (value, attrs) in named.items()
        }
        time = ("time", [0], {"units": "days since 2015-01-10"})
        path = tmp_path / "grid.nc"
        xr.Dataset(fields, coords={"time": time, "lat": LAT, "lon": LON}).to_netcdf(path)
        return path

    return write


UG = {"units": "ug m-3"}


@pytest.mark.parametrize(
    "named",
    [
        {"pm25_error": (2.0, UG), "pm25_mean": (30.0, UG)},
        {"pm25_count": (9, {"units": "1"}), "pm25_mean": (30.0, UG), "pm25_std": (3.0, UG)},
        {"PM25_a": (7.0, UG | {"long_name": "standard deviation of PM2.5"}), "PM25": (30.0, UG)},
        {"PM25_QA": (1, {}), "PM25_quality_flag": (1, {}), "PM25_RH35": (30.0, UG)},
        {"PM25_RH35_GCC": (30.0, UG), "PM25bc_RH35_GCC": (2.0, UG), "PM25_dust": (5.0, UG)},
        {"pm25_index": (90.0, {}), "pm25_max": (80.0, UG), "pm25_x": (30.0, UG)},
    ],
)
def test_the_mean_and_nothing_else_is_taken(variables, named):
    dataset = load([variables(**named)])
    assert float(dataset["pm2p5"].max()) == 30
    assert float(dataset["pm2p5"].min()) == 30


@pytest.mark.parametrize(
    ("named", "says"),
    [
        (
            {"PM25_model": (30.0, UG), "PM25_satellite": (40.0, UG)},
            "several variables may be PM2.5: PM25_model, PM25_satellite",
        ),
        ({"PM25_std": (3.0, UG)}, "no variable looks like PM2.5; it has PM25_std"),
        ({"pm2p5": (3.0, UG), "PM2P5": (4.0, UG)}, "several variables may be PM2.5"),
    ],
)
def test_what_is_not_clear_is_listed(variables, named, says):
    with pytest.raises(DataError, match=says):
        load([variables(**named)])


def raw_file(tmp_path, values, **attributes):
    """A classic file whose attributes are written as they are."""
    from scipy.io import netcdf_file

    path = tmp_path / "grid_20150110.nc"
    with netcdf_file(path, "w") as file:
        for name, axis in (("lat", LAT), ("lon", LON)):
            file.createDimension(name, len(axis))
            file.createVariable(name, "f8", (name,))[:] = axis
        variable = file.createVariable("pm2p5", values.dtype, ("lat", "lon"))
        variable[:] = values
        for name, value in ({"units": "ug m-3"} | attributes).items():
            setattr(variable, name, value)
    return path


@pytest.mark.parametrize(
    "attributes",
    [
        {"_FillValue": np.float32(-999), "missing_value": np.float32(500)},
        {"_FillValue": np.float32(500), "missing_value": "-999"},
        {"missing_value": "-999", "valid_max": np.float32(400)},
        {"_FillValue": "-999", "valid_range": np.array([0, 400], np.float32)},
        {"valid_min": np.float32(0), "valid_max": np.float32(400.0)},
    ],
)
def test_every_way_to_say_no_data_is_heeded_without_a_warning(tmp_path, attributes):
    values = np.full((4, 5), 30, np.float32)
    values[0, 0], values[1, 1] = -999, 500
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dataset = load([raw_file(tmp_path, values, **attributes)])
    got = dataset["pm2p5"].values[0]
    assert np.isnan(got[0, 0]) and np.isnan(got[1, 1])
    assert (got[2:] == 30).all()


def test_limits_of_packed_data_are_packed(tmp_path):
    values = np.full((4, 5), 300, np.int16)
    values[0, 0] = 5000
    path = raw_file(tmp_path, values, scale_factor=np.float32(0.1), valid_max=np.int16(4000))
    got = load([path])["pm2p5"].values[0]
    assert np.isnan(got[0, 0])
    assert got[1, 1] == pytest.approx(30)


def geotiff(tmp_path, **tags):
    path = tmp_path / "pm25_20150110.tif"
    with rasterio.open(
        path, "w", driver="GTiff", height=4, width=5, count=1, dtype="uint16", crs="EPSG:4326",
        transform=Affine(1, 0, 117.5, 0, -1, 33.5),
    ) as file:  # fmt: skip
        file.write(np.full((1, 4, 5), 300, np.uint16))
        file.update_tags(1, **tags)
    return path


@pytest.mark.parametrize(
    ("tags", "value"),
    [
        ({"scale_factor": "0.1", "units": "ug m-3"}, 30),
        ({"SCALE": "0.1", "add_offset": "5"}, 35),
        ({"scale": "a tenth"}, 300),
        ({"units": "ng m-3", "scale_factor": "100"}, 30),
    ],
)
def test_scale_offset_and_unit_in_tags(tmp_path, tags, value):
    assert float(load([geotiff(tmp_path, **tags)])["pm2p5"].max()) == pytest.approx(value)


@pytest.mark.parametrize(
    ("units", "state"),
    [
        *((u, "ambient") for u in ("ug/m3 (LC)", "ug m-3 [ambient conditions]")),
        *((u, "298 K") for u in ("ug/m3 (25 °C)", "ug/m3 (at 298 K)")),
        *((u, "273 K") for u in ("ug/m3 (0 °C)", "ug/m3 (273.15 K)", "µg/Nm³", "ug Nm-3")),
        *((u, "unknown") for u in ("ug/m3", "ug/m3 (STP)", "ug m-3 (NTP)", "ng/l")),
    ],
)
def test_the_state_beside_a_unit_is_recorded(tmp_path, units, state):
    assert load([geotiff(tmp_path, units=units)]).attrs["reference_state"] == state


def test_a_unit_in_tags_that_is_no_mass_is_refused(tmp_path):
    with pytest.raises(DataError, match="unit 'ppb' is not a mass concentration"):
        load([geotiff(tmp_path, units="ppb")])


def test_a_pipe_is_refused_before_it_is_waited_for(tmp_path):
    import os

    pipe = tmp_path / "pm25.nc"
    os.mkfifo(pipe)
    with pytest.raises(DataError, match="this is a pipe or a device, no file"):
        load([pipe])
