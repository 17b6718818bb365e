"""Files of models as the models write them: CMAQ, WRF-Chem, GEOS-CF, MERRA-2; their clocks."""

import netCDF4
import numpy as np
import pyproj
import pytest
import xarray as xr

from engine.core.errors import DataError
from engine.data import netcdf_variables, species
from engine.data.gridded import load
from engine.data.options import ReadOptions


def hours(dataset):
    return [str(t)[:16] for t in dataset["valid_time"].values]


def slope(latitude, longitude):
    """A field that tells its place, and that interpolation keeps."""
    return 20 + 10 * (latitude - 30) + 3 * (longitude - 120)


# ---- CMAQ: I/O API -------------------------------------------------------------------------------

LAMBERT = pyproj.Proj("+proj=lcc +lat_1=25 +lat_2=40 +lon_0=110 +lat_0=34 +R=6370000")
GRID = {"GDTYP": 2, "P_ALP": 25.0, "P_BET": 40.0, "P_GAM": 110.0, "XCENT": 110.0, "YCENT": 34.0}


@pytest.fixture
def cmaq(tmp_path):
    """Write a file of the I/O API around 31 N 120 E, cells of 27 km: value = field + 5 × step."""

    def write(flags, *, step=10000, levels=1, name="ACONC.nc", units="ug/m3           ", **attrs):
        east, north = LAMBERT(120, 31)
        rows, columns = 12, 14
        origin = {"XORIG": east - 7 * 27000, "YORIG": north - 6 * 27000}
        x = origin["XORIG"] + 27000 * (np.arange(columns) + 0.5)
        y = origin["YORIG"] + 27000 * (np.arange(rows) + 0.5)
        longitude, latitude = LAMBERT(*np.meshgrid(x, y), inverse=True)
        path = tmp_path / name
        with netCDF4.Dataset(str(path), "w", format="NETCDF3_CLASSIC") as file:
            for dim, size in (
                *(("TSTEP", len(flags)), ("LAY", levels), ("ROW", rows), ("COL", columns)),
                *(("VAR", 1), ("DATE-TIME", 2)),
            ):
                file.createDimension(dim, size)
            flag = file.createVariable("TFLAG", "i4", ("TSTEP", "VAR", "DATE-TIME"))
            flag[:] = np.array(flags, np.int32)[:, None, :]
            flag.units = "<YYYYDDD,HHMMSS>"
            values = file.createVariable("PM25_TOT", "f4", ("TSTEP", "LAY", "ROW", "COL"))
            for at in range(len(flags)):
                for level in range(levels):
                    values[at, level] = (slope(latitude, longitude) + 5 * at) / (1 + level)
            values.units, values.long_name = units, "PM25_TOT        "
            made = GRID | origin | {"XCELL": 27000.0, "YCELL": 27000.0, "TSTEP": step} | attrs
            for key, value in made.items():
                file.setncattr(key, np.int32(value) if isinstance(value, int) else value)
        return path

    return write


@pytest.mark.parametrize("levels", [1, 3])
def test_cmaq_lies_where_its_projection_says_and_hours_begin_at_tflag(cmaq, levels):
    dataset = load([cmaq([(2015010, 0), (2015010, 10000), (2015010, 230000)], levels=levels)])
    assert hours(dataset) == ["2015-01-10T00:00", "2015-01-10T01:00", "2015-01-10T23:00"]
    assert dataset.attrs["period"] == "hour"
    right = slope(dataset["latitude"], dataset["longitude"])
    for at in range(3):
        np.testing.assert_allclose(
            dataset["pm2p5"][at], right.where(dataset["pm2p5"][at].notnull()) + 5 * at, atol=0.05
        )
    assert float(dataset["pm2p5"][0].sel(latitude=31, longitude=120, method="nearest")) > 0
    assert ("Took the lowest of 3 levels (LAY)." in dataset.attrs["notes"]) == (levels == 3)


def test_a_daily_mean_of_cmaq_is_a_day_and_leap_years_have_366(cmaq):
    dataset = load([cmaq([(2020366, 0)], step=240000)])
    assert (dataset.attrs["period"], hours(dataset)) == ("day", ["2020-12-31T00:00"])


def test_cmaq_in_degrees_is_regular(cmaq):
    path = cmaq([(2015010, 0)], GDTYP=1, XORIG=118.0, YORIG=30.0, XCELL=0.5, YCELL=0.25)
    dataset = load([path])
    assert dataset["longitude"].values[0] == 118.25
    assert dataset["latitude"].values[-1] == 30.125


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"flags": [(2015400, 0)]}, "'2015400 0' in TFLAG is no time"),
        ({"flags": [(2015366, 0)]}, "'2015366 0' in TFLAG is no time"),
        ({"flags": [(0, 0)]}, "'0 0' in TFLAG is no time"),
        ({"flags": [(2015010, 0)], "GDTYP": 9}, r"its projection \(GDTYP 9\) is none of those"),
        ({"flags": [(2015010, 0)], "P_ALP": 200.0}, "cannot be turned into degrees"),
        ({"flags": [(2015010, 0)], "XORIG": np.nan}, "attribute XORIG of its grid is no number"),
        ({"flags": [(2015010, 0)], "units": "ppbV"}, "unit 'ppbV' is not a mass concentration"),
    ],
)
def test_a_file_of_cmaq_that_says_too_little_is_refused(cmaq, changed, says):
    flags = changed.pop("flags")
    with pytest.raises(DataError, match=says):
        load([cmaq(flags, **changed)])


# ---- projections of CF files ---------------------------------------------------------------------

CONIC = {
    "grid_mapping_name": "lambert_conformal_conic",
    "standard_parallel": np.array([25.0, 40.0]),
    "longitude_of_central_meridian": 110.0,
    "latitude_of_projection_origin": 34.0,
    "earth_radius": 6370000.0,
}
POLE = {
    "grid_mapping_name": "rotated_latitude_longitude",
    "grid_north_pole_latitude": 39.25,
    "grid_north_pole_longitude": -162.0,
}


def projected(tmp_path, mapping, x, y, names, units, latitude, longitude, **changed):
    """A file that says where its cells lie by its mapping alone."""
    kinds = ("grid_longitude", "grid_latitude") if mapping is POLE else ("x", "y")
    standard = [k if "_" in k else f"projection_{k}_coordinate" for k in kinds]
    dims = ("time", names[1], names[0])
    path = tmp_path / "projected.nc"
    xr.Dataset(
        {
            "pm2p5": (
                dims,
                slope(latitude, longitude)[None],
                {"units": "ug m-3", "grid_mapping": "crs"},
            ),
            "crs": ((), 0, mapping | changed),
        },
        {
            "time": ("time", [0], {"units": "days since 2015-01-10"}),
            names[0]: (names[0], x, {"units": units, "standard_name": standard[0]}),
            names[1]: (names[1], y, {"units": units, "standard_name": standard[1]}),
        },
    ).to_netcdf(path)
    return path


def right(dataset):
    got = dataset["pm2p5"][0]
    assert float(got.notnull().mean()) > 0.5
    true = slope(dataset["latitude"], dataset["longitude"])
    np.testing.assert_allclose(got, true.where(got.notnull()), atol=0.05)


@pytest.mark.parametrize(("units", "scale"), [("m", 1.0), ("km", 1000.0)])
def test_a_conic_projection_of_the_file_says_where_it_lies(tmp_path, units, scale):
    east, north = LAMBERT(120, 31)
    x, y = east + 27000 * np.arange(-7, 7), north + 27000 * np.arange(-6, 6)
    longitude, latitude = LAMBERT(*np.meshgrid(x, y), inverse=True)
    where = (x / scale, y / scale, ("x", "y"), units, latitude, longitude)
    right(load([projected(tmp_path, CONIC, *where)]))
    with pytest.raises(DataError, match=r"the unit '.*' of 'x' is none of its projection"):
        load([projected(tmp_path, CONIC, *where[:3], "furlong", *where[4:])])


@pytest.mark.parametrize("names", [("rlon", "rlat"), ("lon", "lat")])
def test_a_rotated_pole_is_turned_back_even_where_its_axes_are_called_lat_and_lon(tmp_path, names):
    turn = pyproj.CRS.from_cf(POLE)
    back = pyproj.Transformer.from_crs(turn, turn.geodetic_crs, always_xy=True)
    middle = back.transform(120, 31, direction="INVERSE")
    x, y = (centre + 0.25 * np.arange(-6, 7) for centre in middle)
    longitude, latitude = back.transform(*np.meshgrid(x, y))
    right(load([projected(tmp_path, POLE, x, y, names, "degrees", latitude, longitude)]))


def test_a_projection_that_cannot_be_read_is_refused(tmp_path):
    x = np.arange(5.0) * 1000
    flat = np.full((5, 5), 31.0)
    path = projected(
        tmp_path, CONIC, x, x, ("x", "y"), "m", flat, flat, grid_mapping_name="flat_earth"
    )
    with pytest.raises(DataError, match="its projection 'crs' cannot be read"):
        load([path])


# ---- WRF-Chem ------------------------------------------------------------------------------------


def test_wrf_chem_gives_its_lowest_level_and_no_part_of_it(tmp_path):
    lat, lon = np.meshgrid(30 + 0.2 * np.arange(8), 119 + 0.2 * np.arange(9), indexing="ij")
    lat = lat + 0.01 * (lon - 119)
    path = tmp_path / "wrfout_d01_2015-01-10_06:00:00"
    dims = ("Time", "bottom_top", "south_north", "west_east")
    with netCDF4.Dataset(str(path), "w") as file:
        for dim, size in zip((*dims, "DateStrLen"), (2, 3, *lat.shape, 19), strict=True):
            file.createDimension(dim, size)
        times = file.createVariable("Times", "S1", ("Time", "DateStrLen"))
        for at, text in enumerate(("2015-01-10_06:00:00", "2015-01-10_07:00:00")):
            times[at] = np.array(list(text), "S1")
        for name, axis in (("XLAT", lat), ("XLONG", lon)):
            file.createVariable(name, "f4", (dims[0], *dims[2:]))[:] = axis
        for name, share in (("PM2_5_WATER", 0.1), ("PM2_5_DRY", 1.0), ("PM2_5_DRY_EC", 0.05)):
            variable = file.createVariable(name, "f4", dims)
            variable.units = "ug m^-3"
            for level in range(3):
                variable[:, level] = share * slope(lat, lon) / (1 + level)
    dataset = load([path])
    assert hours(dataset) == ["2015-01-10T06:00", "2015-01-10T07:00"]
    assert dataset.attrs["variable"] == "PM2_5_DRY"
    right = slope(dataset["latitude"], dataset["longitude"])
    got = dataset["pm2p5"][0]
    np.testing.assert_allclose(got, right.where(got.notnull()), atol=0.05)
    assert "Took the lowest of 3 levels (bottom_top)." in dataset.attrs["notes"]


# ---- GEOS-CF and MERRA-2 -------------------------------------------------------------------------

LAT, LON = np.arange(-90, 90.1, 30.0), np.arange(-180, 180, 45.0)


@pytest.fixture
def geos(tmp_path):
    """Write a file of GEOS: minutes after 00:30, or after another minute, every `hours`."""

    def write(name, fields, *, steps=1, hours=1, minute=30, increment=10000):
        start = f"2021-01-10 {minute // 60:02d}:{minute % 60:02d}:00"
        time = (
            "time",
            60 * hours * np.arange(steps),
            {"units": f"minutes since {start}", "time_increment": np.int32(increment)},
        )
        shape = (steps, len(LAT), len(LON))
        data = {
            n: (("time", "lat", "lon"), np.full(shape, v, np.float32), {"units": u})
            for n, (v, u) in fields.items()
        }
        path = tmp_path / name
        xr.Dataset(data, {"time": time, "lat": LAT, "lon": LON}).to_netcdf(path)
        return path

    return write


CF = {"PM25_RH35_GCC": (30, "ug m-3"), "PM25bc_RH35_GCC": (2, "ug m-3")}


@pytest.mark.parametrize(
    ("name", "asked", "start", "period"),
    [
        ("GEOS-CF.v01.rpl.aqc_tavg_1hr.20210110_0030z.nc4", {}, "2021-01-10T00:00", "hour"),
        ("tavg3.nc4", {"minute": 90, "increment": 30000}, "2021-01-10T00:00", "hour"),
        ("inst.nc4", {"minute": 180, "increment": 30000}, "2021-01-10T03:00", "hour"),
        ("day.nc4", {"minute": 720, "increment": 240000}, "2021-01-10T00:00", "day"),
        ("tavgM_2d_aer_Nx.202101.nc4", {"increment": 60000}, "2021-01-01T00:00", "month"),
    ],
)
def test_a_mean_of_geos_is_stamped_at_its_middle(geos, name, asked, start, period):
    dataset = load([geos(name, CF, **asked)])
    assert (hours(dataset), dataset.attrs["period"]) == ([start], period)
    assert float(dataset["pm2p5"].max()) == 30


def test_hours_of_geos_begin_at_whole_hours(geos):
    dataset = load([geos("hours.nc4", CF, steps=24)])
    assert (hours(dataset)[0], hours(dataset)[-1]) == ("2021-01-10T00:00", "2021-01-10T23:00")


MERRA = {
    "DUSMASS25": (4e-9, "kg m-3"),
    "SSSMASS25": (3e-9, "kg m-3"),
    "BCSMASS": (2e-9, "kg m-3"),
    "OCSMASS": (10e-9, "kg m-3"),
    "SO4SMASS": (8e-9, "kg m-3"),
    "DUSMASS": (9e-9, "kg m-3"),
}


@pytest.mark.parametrize(
    ("formula", "value"),
    # 4 + 3 + 2 + 10 + 8 × 132.14 / 96.06, and 4 + 3 + 2 + 1.8 × 10 + 1.375 × 8.
    [("merra2-gmao", 30.0047), ("MERRA2-OM1.8", 38.0)],
)
def test_the_species_of_merra_2_add_up_by_a_named_formula(geos, formula, value):
    path = geos("MERRA2_400.tavg1_2d_aer_Nx.20210110.nc4", MERRA, steps=24)
    dataset = load([path], ReadOptions(variable=formula))
    assert (hours(dataset)[0], dataset.sizes["valid_time"]) == ("2021-01-10T00:00", 24)
    np.testing.assert_allclose(dataset["pm2p5"].values, value, rtol=1e-5)
    assert dataset.attrs["variable"] == formula.lower()
    assert "1 DUSMASS25 + 1 SSSMASS25 + 1 BCSMASS" in dataset.attrs["notes"]


def test_without_a_formula_merra_2_is_refused_and_the_formulas_are_listed(geos):
    path = geos("MERRA2_400.tavg1_2d_aer_Nx.20210110.nc4", MERRA, steps=2)
    with pytest.raises(DataError, match="a formula makes it of DUSMASS25") as caught:
        load([path])
    assert "--variable: merra2-gmao, merra2-om1.8" in str(caught.value)
    assert tuple(species.FORMULAS) == netcdf_variables.FORMULAS
    assert all(set(f.factors) == set(netcdf_variables.MERRA2) for f in species.FORMULAS.values())


def test_species_that_are_missing_or_differ_in_units_are_named(geos):
    without = {n: v for n, v in MERRA.items() if n != "BCSMASS"}
    with pytest.raises(DataError, match="no variable 'BCSMASS' is in it"):
        load([geos("a_20210110.nc4", without)], ReadOptions(variable="merra2-gmao"))
    mixed = MERRA | {"BCSMASS": (2.0, "ug m-3")}
    with pytest.raises(DataError, match="the species of merra2-gmao differ in units"):
        load([geos("b_20210110.nc4", mixed)], ReadOptions(variable="merra2-gmao"))
