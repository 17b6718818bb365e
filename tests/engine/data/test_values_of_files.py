"""Which numbers are PM2.5: the mean of several variables, fill values, limits, packing in tags."""

import re
import warnings

import h5py
import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.transform import Affine

from engine.core.errors import DataError
from engine.data.gridded import load
from engine.data.options import ReadOptions

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
        {"PM25Std": (3.0, UG), "stdPM25": (3.0, UG), "PM25Surface": (30.0, UG)},
        {"pm25std": (3.0, UG), "pm25max8h": (3.0, UG), "n_pm25": (9.0, UG), "pm25x": (30.0, UG)},
        {
            "pm25_p95": (80.0, UG),
            "pm25_98th": (90.0, UG),
            "pm25q05": (2.0, UG),
            "pm25x": (30.0, UG),
        },
        {"pm25": (3.0, UG | {"cell_methods": "time: standard_deviation"}), "pm25_avg": (30.0, UG)},
        {"pm25": (3.0, UG | {"cell_methods": "area: mean time: variance"}), "PM25_x": (30.0, UG)},
        {"pm25": (9.0, UG | {"long_name": "number of observations"}), "PM25_x": (30.0, UG)},
        {"DUSMASS25": (9.0, UG | {"long_name": "Dust Surface Mass - PM 2.5"}), "pm25": (30.0, UG)},
        {"PM2_5_DRY": (30.0, UG), "PM2_5_WATER": (3.0, UG), "PM2_5_DRY_EC": (3.0, UG)},
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
        ({"t2m": (3.0, UG)}, "no variable looks like PM2.5; it has t2m"),
        ({"pm2p5": (3.0, UG), "PM2P5": (4.0, UG)}, "several variables may be PM2.5"),
    ],
)
def test_what_is_not_clear_is_listed(variables, named, says):
    with pytest.raises(DataError, match=says):
        load([variables(**named)])


PM, MODIFIED = "pm25", "mass_concentration_of_pm2p5_ambient_aerosol_particles_in_air {}"


@pytest.mark.parametrize(
    ("name", "attributes", "statistic"),
    [
        *(
            (n, {}, "a standard deviation")
            for n in ("PM25_std", "PM25Std", "stdPM25", "pm25stddev")
        ),
        *((n, {}, "a percentile") for n in ("pm25_p95", "pm25_98th", "PM25_median", "PM25Q05")),
        *((n, {}, "a count") for n in ("pm25_n", "n_pm25", "PM25nObs", "num_pm2p5", "PM25Count")),
        *((n, {}, "a maximum") for n in ("pm25_max", "MaxPM25", "pm25_24hmax", "SURF_MAXPM25")),
        *((n, {}, "an error") for n in ("pm25_unc", "PM2.5_uncertainty", "pm25Err")),
        *((n, {}, "one species") for n in ("PM25bc_RH35_GCC", "DUST_PM25", "pm25_so4")),
        *((n, {}, "a difference") for n in ("pm25_bias", "PM25Trend", "dPM25_anomaly")),
        ("pm25_min", {}, "a minimum"),
        ("pm25_var", {}, "a variance"),
        ("pm25_aqi", {}, "an index"),
        ("pm25_upper", {}, "a bound of an interval"),
        ("pm25_ratio", {}, "a ratio"),
        (PM, {"cell_methods": "time: standard_deviation"}, "a standard deviation"),
        (PM, {"cell_methods": "time: variance (interval: 1 hour)"}, "a variance"),
        (PM, {"cell_methods": "time: maximum within days time: mean over days"}, "a maximum"),
        (PM, {"cell_methods": "area: mean time: minimum"}, "a minimum"),
        (PM, {"cell_methods": "time: lat: lon: sum"}, "a sum"),
        (PM, {"cell_methods": "time: count"}, "a count"),
        (PM, {"cell_methods": "time: p95"}, "a percentile"),
        (PM, {"long_name": "Number of PM2.5 observations"}, "a count"),
        (PM, {"long_name": "PM2.5 standard deviation of the day"}, "a standard deviation"),
        (PM, {"long_name": "Daily maximum PM2.5"}, "a maximum"),
        (PM, {"standard_name": MODIFIED.format("standard_error")}, "an error"),
        (PM, {"standard_name": MODIFIED.format("number_of_observations")}, "a count"),
        ("DUSMASS25", {"long_name": "Dust Surface Mass Concentration - PM 2.5"}, "one species"),
    ],
)
def test_what_is_no_mean_is_named_and_read_only_on_demand(variables, name, attributes, statistic):
    path = variables(**{name: (3.0, UG | attributes)})
    says = f"no variable is the mean of PM2.5; by name or attributes {name} is {statistic}"
    with pytest.raises(DataError, match=re.escape(says)) as caught:
        load([path])
    assert "--variable" in str(caught.value)
    assert float(load([path], ReadOptions(variable=name))["pm2p5"].max()) == 3


def beside(tmp_path, label, value, units, *, scalar):
    """A file of one step with one value of a further coordinate."""
    dims = ("time", "lat", "lon") if scalar else ("time", label, "lat", "lon")
    shape = (1, 4, 5) if scalar else (1, 1, 4, 5)
    where = ((), value) if scalar else (label, [value])
    path = tmp_path / "grid.nc"
    xr.Dataset(
        {"pm25": (dims, np.full(shape, 30.0), UG)},
        {
            "time": ("time", [0], {"units": "days since 2015-01-10"}),
            "lat": LAT,
            "lon": LON,
            label: (*where, {"units": units} if units else {}),
        },
    ).to_netcdf(path)
    return path


@pytest.mark.parametrize("scalar", [True, False])
@pytest.mark.parametrize(
    ("label", "value", "units", "what"),
    [
        ("quantile", 0.95, "", "a percentile"),
        ("percentile", 5.0, "%", "a percentile"),
        ("level", 500.0, "hPa", "a layer above the ground"),
        ("plev", 85000.0, "Pa", "a layer above the ground"),
        ("height", 250.0, "m", "a layer above the ground"),
        ("level", 1000.0, "hPa", None),
        ("level", 0.0, "m", None),
        ("lev", 72.0, "1", None),
        ("height", 2.0, "m", None),
    ],
)
def test_one_value_of_a_further_coordinate_says_it_too(tmp_path, label, value, units, what, scalar):
    path = beside(tmp_path, label, value, units, scalar=scalar)
    if what is None:
        assert float(load([path])["pm2p5"].max()) == 30
        return
    with pytest.raises(DataError, match=f"by name or attributes pm25 is {what}"):
        load([path])
    assert float(load([path], ReadOptions(variable="pm25"))["pm2p5"].max()) == 30


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        (PM, {"cell_methods": "time: mean (interval: 1 hour comment: maximum of 24) area: point"}),
        (PM, {"long_name": "Air quality: PM2.5, bias-corrected, at the lowest model level"}),
        (PM, {"long_name": "Particles with a maximum aerodynamic diameter of 2.5 um"}),
        (PM, {"long_name": "PM2.5 from aerosol optical depth, 10 min mean at std. conditions"}),
        (PM, {"long_name": "PM2.5: dust, sea salt, black carbon, organic matter, sulfate"}),
        (PM, {"long_name": "Total PM2.5 with sea salt"}),
        ("PM25_bias_corrected", {}),
        ("pm25_10min", {}),
        ("PM25_RH35_GCC", {}),
        ("SURF_ug_PM25_rh50", {}),
        ("PM2_5_DRY", {}),
        ("pm2_5_nowcast", {}),
        ("MassPM2.5", {}),
    ],
)
def test_words_that_sound_like_another_statistic_do_no_harm(variables, name, attributes):
    assert float(load([variables(**{name: (30.0, UG | attributes)})])["pm2p5"].max()) == 30


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
        {"missing_value": "-999, 500"},
        {"missing_value": "{-999.f,500.f}"},
        {"missing_value": np.array([-999, 500], np.float64)},
        {"flag_values": np.array([-999, 500], np.float32), "flag_meanings": "sea cloud"},
        {"flag_values": "500", "missing_value": "none", "_FillValue": np.float32(-999)},
        {"valid_range": "0, 400"},
        {"valid_max": "400", "valid_min": "0"},
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


@pytest.mark.parametrize(
    "attributes",
    [
        {"_FillValue": np.int16(0), "flag_values": np.array([400], np.int16)},
        {"missing_value": "0s, 400s"},
        {"missing_value": np.array([0, 400, 70000], np.int32)},
        {"valid_range": "1, 399"},
        {"valid_max": np.float64(39.95), "valid_min": np.float64(0.05)},
    ],
)
def test_fill_values_flags_and_limits_of_packed_data_are_packed(tmp_path, attributes):
    values = np.full((4, 5), 300, np.int16)
    values[0, 0], values[1, 1] = 0, 400
    got = load([raw_file(tmp_path, values, scale_factor="0.1", **attributes)])["pm2p5"].values[0]
    assert np.isnan(got[0, 0]) and np.isnan(got[1, 1])
    np.testing.assert_allclose(got[2:], 30, rtol=1e-6)


@pytest.mark.parametrize(
    "attributes",
    [
        {"_FillValue": np.int8(-1), "missing_value": np.int8(-6)},
        {"flag_values": np.array([-6, -1], np.int8), "flag_meanings": "sea cloud"},
        {"missing_value": "250, 255"},
        {"valid_range": np.array([0, -7], np.int8)},
        {"valid_max": np.int8(-7)},
    ],
)
def test_bytes_that_are_meant_unsigned(tmp_path, attributes):
    values = np.full((4, 5), 200, np.uint8)
    values[0, 0], values[1, 1] = 250, 255
    path = raw_file(tmp_path, values.view(np.int8), _Unsigned="true", **attributes)
    got = load([path])["pm2p5"].values[0]
    assert np.isnan(got[0, 0]) and np.isnan(got[1, 1])
    assert (got[2:] == 200).all()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        *(("scale_factor", v) for v in ("a tenth", "0,1", np.nan, 0.0, "0", np.array([0.1, 0.2]))),
        *(("add_offset", v) for v in ("five", np.inf, np.array([1.0, 2.0]))),
        *(("missing_value", v) for v in ("sea", "0 or 400")),
        *(("valid_range", v) for v in ("0-400", np.float32(400), "400")),
        ("flag_values", "sea cloud"),
        ("valid_max", "high"),
    ],
)
def test_what_cannot_be_read_of_a_packing_is_refused(tmp_path, attribute, value):
    path = raw_file(tmp_path, np.full((4, 5), 300, np.int16), **{attribute: value})
    with pytest.raises(DataError, match=f"{attribute} of 'pm2p5' is .*, which cannot be read"):
        load([path])


def test_a_fill_value_written_as_a_list_in_netcdf_4(grid_file, field):
    path = grid_file(values=field())
    with h5py.File(path, "r+") as file:
        file["pm2p5"].attrs["_FillValue"] = b"20, 21"
    got = load([path])["pm2p5"].values
    assert np.isnan(got[0, 0, 0]) and np.isnan(got[1, 0, 0])
    assert np.isnan(got).sum() == 2


def test_a_field_of_flag_bits_is_no_concentration(tmp_path):
    masks = np.array([1, 2], np.int16)
    path = raw_file(tmp_path, np.full((4, 5), 300, np.int16), flag_masks=masks)
    with pytest.raises(DataError, match="'pm2p5' holds flags, one a bit, and no concentrations"):
        load([path])


def geotiff(tmp_path, /, name="pm25_20150110.tif", **tags):
    path = tmp_path / name
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


@pytest.mark.parametrize(
    "tags",
    [
        {"missing_value": "-999, 500"},
        {"_FillValue": "-999", "valid_range": "{0,400}"},
        {"nodata": "500", "valid_min": "0"},
        {"flag_values": "-999 500", "flag_meanings": "sea cloud"},
        {"valid_min": "0", "valid_max": "400"},
    ],
)
def test_fill_values_flags_and_limits_in_tags(tmp_path, tags):
    values = np.full((1, 4, 5), 30, np.float32)
    values[0, 0, 0], values[0, 1, 1] = -999, 500
    got = load([bands(tmp_path, values, **tags)])["pm2p5"].values[0]
    assert np.isnan(got[0, 0]) and np.isnan(got[1, 1])
    assert (got[2:] == 30).all()


def test_limits_and_fill_values_in_tags_of_packed_bands_are_packed(tmp_path):
    values = np.full((1, 4, 5), 300, np.uint16)
    values[0, 0, 0], values[0, 1, 1] = 5000, 600
    tags = {"scale_factor": "0.1", "valid_max": "4000", "missing_value": "600"}
    got = load([bands(tmp_path, values, **tags)])["pm2p5"].values[0]
    assert np.isnan(got[0, 0]) and np.isnan(got[1, 1])
    np.testing.assert_allclose(got[2:], 30)


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ({"scale": "a tenth"}, "scale_factor of 'band 1' is 'a tenth', which cannot be read"),
        ({"scale_factor": "0"}, "scale_factor of 'band 1' is '0'"),
        ({"add_offset": "nan"}, "add_offset of 'band 1' is 'nan'"),
        ({"missing_value": "sea"}, "missing_value of 'band 1' is 'sea'"),
        ({"flag_masks": "1, 2"}, "'band 1' holds flags, one a bit"),
    ],
)
def test_tags_that_cannot_be_read_are_refused(tmp_path, tags, says):
    with pytest.raises(DataError, match=re.escape(says)):
        load([geotiff(tmp_path, **tags)])


def bands(tmp_path, values, *descriptions, name="map_20150110.tif", **tags):
    """A GeoTIFF of (band, row, column) with descriptions, and tags of each band."""
    path = tmp_path / name
    with rasterio.open(
        path, "w", driver="GTiff", height=4, width=5, count=len(values), dtype=values.dtype,
        crs="EPSG:4326", transform=Affine(1, 0, 117.5, 0, -1, 33.5),
    ) as file:  # fmt: skip
        file.write(values)
        for number, text in enumerate(descriptions, start=1):
            file.set_band_description(number, text)
        for number in range(1, len(values) + 1):
            file.update_tags(number, **tags)
        file.units = ["ug m-3"] * len(values)
    return path


def numbered(count):
    """Bands of 10, 20, 30 … everywhere."""
    return np.full((count, 4, 5), 10, np.float32) * np.arange(1, count + 1)[:, None, None]


@pytest.mark.parametrize(
    ("descriptions", "variable", "value"),
    [
        (("count", "pm25"), None, 20),
        (("NO2", "O3", "PM2.5"), None, 30),
        (("stdev", "mean"), None, 20),
        (("PM25_std", "PM25_mean", "PM25_count"), None, 20),
        (("mean", "quality"), None, 10),
        (("", "uncertainty"), None, 10),
        (("temperature", "b2"), None, 20),
        (("PM2.5 mean", "PM2.5 other"), None, 10),
        (("NO2", "PM2.5"), "NO2", 10),
        (("a", "b", "c"), "2", 20),
        (("a", "b", "c"), "C", 30),
        (("", ""), "band 2", 20),
        (("stdev",), "1", 10),
        (("stdev",), "stdev", 10),
    ],
)
def test_the_band_of_the_mean_or_the_one_that_is_named(tmp_path, descriptions, variable, value):
    path = bands(tmp_path, numbered(len(descriptions)), *descriptions)
    dataset = load([path], ReadOptions(variable=variable))
    assert (dataset["pm2p5"].values == value).all()
    assert dataset.attrs["format"] == "geotiff"


@pytest.mark.parametrize(
    ("descriptions", "says"),
    [
        (("count",), "by description or tags count is a count"),
        (("NO2",), "by description or tags NO2 is another pollutant"),
        (("stdev",), "by description or tags stdev is a standard deviation"),
        (("quality",), "by description or tags quality is a quality flag"),
        (("CO",), "by description or tags CO is another pollutant"),
        (("Temperature",), "by description or tags Temperature is other data"),
        (("NO2", "std"), "NO2, std are another pollutant, a standard deviation"),
        (("PM25_a", "PM25_b"), "its 2 bands have no dates"),
    ],
)
def test_bands_that_are_no_mean_are_refused(tmp_path, descriptions, says):
    with pytest.raises(DataError, match=re.escape(says)):
        load([bands(tmp_path, numbered(len(descriptions)), *descriptions)])


def test_days_of_several_quantities_are_told_apart(tmp_path):
    texts = ("PM2.5 2015-01-10", "NO2 2015-01-10", "PM2.5 2015-01-11", "NO2 2015-01-11")
    dataset = load([bands(tmp_path, numbered(4), *texts)])
    assert [float(v.max()) for v in dataset["pm2p5"]] == [10, 30]
    assert [str(t)[:10] for t in dataset["valid_time"].values] == ["2015-01-10", "2015-01-11"]
    assert "NO2 2015-01-10" in dataset.attrs["notes"]


@pytest.mark.parametrize(
    "tags",
    [
        {"cell_methods": "time: standard_deviation"},
        {"long_name": "PM2.5 standard deviation"},
        {"NETCDF_VARNAME": "pm25_std"},
    ],
)
def test_tags_say_that_a_band_is_no_mean(tmp_path, tags):
    with pytest.raises(DataError, match="is a standard deviation"):
        load([bands(tmp_path, numbered(1), **tags)])


def test_a_band_that_is_not_there_is_named(tmp_path):
    path = bands(tmp_path, numbered(2), "PM2.5", "NO2")
    for wanted in ("SO2", "3", "0"):
        with pytest.raises(DataError, match=f"no band '{wanted}' is in it; it has PM2.5, NO2"):
            load([path], ReadOptions(variable=wanted))


@pytest.mark.parametrize(
    ("name", "statistic"),
    [
        ("NO2_20150110.tif", "another pollutant"),
        ("pm25_std_20150110.tif", "a standard deviation"),
        ("PM25Count_20150110.tif", "a count"),
        ("pm25_max_20150110.tif", "a maximum"),
        ("pm25_uncertainty_20150110.tif", "an error"),
    ],
)
def test_the_name_of_a_file_says_that_it_is_no_mean(tmp_path, name, statistic):
    path = bands(tmp_path, numbered(1), name=name)
    with pytest.raises(DataError, match=f"by the file's name it is {statistic}"):
        load([path])
    assert float(load([path], ReadOptions(variable="1"))["pm2p5"].max()) == 10
    assert float(load([bands(tmp_path, numbered(1), "PM2.5", name=name)])["pm2p5"].max()) == 10


@pytest.mark.parametrize("name", ["air_quality_BC_20150110.tif", "PM25_10min_Q1_20150110.tif"])
def test_the_name_of_a_file_may_hold_many_words(tmp_path, name):
    assert float(load([bands(tmp_path, numbered(1), name=name)])["pm2p5"].max()) == 10


def test_a_pipe_is_refused_before_it_is_waited_for(tmp_path):
    import os

    pipe = tmp_path / "pm25.nc"
    os.mkfifo(pipe)
    with pytest.raises(DataError, match="this is a pipe or a device, no file"):
        load([pipe])
