"""Regridding from curvilinear grids: exact for linear fields, NaN outside the footprint."""

import numpy as np
import pytest
import xarray as xr
from pyproj import Transformer
from scipy.interpolate import griddata

from engine.core.errors import DataError
from engine.data.curvilinear import curvilinear, nice_step
from engine.data.gridded import load
from engine.data.options import ReadOptions

LAMBERT = "+proj=lcc +lat_1=25 +lat_2=40 +lat_0=34 +lon_0=110 +R=6370000"


def lambert(rows=20, columns=30, step=36000.0):
    """Centres of a Lambert grid around 34 N 110 E, row 0 in the south."""
    x = (np.arange(columns) - columns / 2) * step
    y = (np.arange(rows) - rows / 2) * step
    lon, lat = Transformer.from_crs(LAMBERT, "EPSG:4326", always_xy=True).transform(
        *np.meshgrid(x, y)
    )
    return lat, lon


def test_a_linear_field_comes_through_exactly():
    lat, lon = lambert()
    placement = curvilinear(lat, lon, where="x")
    out = placement.place((2 * lat + 0.5 * lon).astype(np.float32))
    expected = 2 * placement.grid.latitude[:, None] + 0.5 * placement.grid.longitude[None, :]
    inside = np.isfinite(out)
    assert inside.sum() > 300
    np.testing.assert_allclose(out[inside], expected[inside], atol=2e-4)


def test_it_agrees_with_linear_interpolation_over_triangles():
    lat, lon = lambert(40, 50)
    values = 40 + 10 * np.sin(lat) + 10 * np.cos(lon / 2)
    placement = curvilinear(lat, lon, where="x")
    out = placement.place(values.astype(np.float32))
    points = np.meshgrid(placement.grid.latitude, placement.grid.longitude, indexing="ij")
    theirs = griddata((lat.ravel(), lon.ravel()), values.ravel(), tuple(points))
    assert np.nanmax(np.abs(out - theirs)) < 0.4  # two second-order rules on waves of 12 cells


def test_the_footprint_is_the_curved_one_and_not_its_hull():
    lat, lon = lambert(20, 120)  # wide: its southern edge sags by more than a degree
    placement = curvilinear(lat, lon, where="x")
    out = placement.place(np.ones(lat.shape, np.float32))
    middle = np.abs(placement.grid.longitude - 110).argmin()
    covered = placement.grid.latitude[np.isfinite(out[:, middle])]
    assert lat[0, 60] - 1e-6 <= covered.min() < lat[0, 60] + placement.grid.step_lat
    assert lat[-1, 60] - placement.grid.step_lat < covered.max() <= lat[-1, 60] + 1e-6
    # A hull of the centres would also cover what lies between the two southern corners.
    assert lat[0].min() < lat[0, 60] - 1
    assert placement.grid.latitude.min() < lat[0, 60] - 1


def test_a_cell_without_data_takes_its_neighbourhood_and_no_more():
    lat, lon = lambert()
    values = np.full(lat.shape, 30, np.float32)
    values[10, 15] = np.nan
    placement = curvilinear(lat, lon, where="x")
    full = placement.place(np.full(lat.shape, 30, np.float32))
    out = placement.place(values)
    lost = np.isfinite(full) & np.isnan(out)
    distance = np.hypot(
        placement.grid.latitude[:, None] - lat[10, 15],
        (placement.grid.longitude[None, :] - lon[10, 15]) * np.cos(np.deg2rad(34)),
    )
    assert 0 < lost.sum() <= 12
    assert distance[lost].max() < 0.55  # the diagonal of a 36 km cell is 0.46°
    np.testing.assert_allclose(out[np.isfinite(out)], 30)


@pytest.mark.parametrize(
    ("degrees", "step"), [(0.324, 0.3), (0.3, 0.3), (0.0099, 0.005), (0.01, 0.01), (1.2, 1.0)]
)
def test_steps_are_round_and_not_coarser_than_the_source(degrees, step):
    assert nice_step(degrees) == step


@pytest.mark.parametrize("shear", [0.25, 0.35])  # the latter hides points two cells away
def test_sheared_grids_find_their_cells(shear):
    row, column = np.meshgrid(np.arange(30.0), np.arange(40.0), indexing="ij")
    lat, lon = 30.05 + 0.1 * row, 110 + 0.1 * column + shear * row
    placement = curvilinear(lat, lon, where="x")
    out = placement.place((lat + lon).astype(np.float32))
    expected = placement.grid.latitude[:, None] + placement.grid.longitude[None, :]
    k = (placement.grid.latitude[:, None] - 30.05) / 0.1
    left = 110 + shear * k
    eps = 1e-6
    within = (placement.grid.longitude >= left + eps) & (
        placement.grid.longitude <= left + 3.9 - eps
    )
    really = within & (k >= 0) & (k <= 29)
    assert np.isfinite(out[really]).all()
    np.testing.assert_allclose(out[really], expected[really], atol=1e-3)


def test_a_full_mesh_of_a_regular_grid_is_not_interpolated(tmp_path, field):
    lat, lon = np.meshgrid([33.0, 32.0, 31.0, 30.0], np.arange(118.0, 123.0), indexing="ij")
    path = tmp_path / "mesh_20150110.nc"
    xr.Dataset(
        {"pm2p5": (("y", "x"), field()[0], {"units": "ug m-3"})},
        {"lat": (("y", "x"), lat), "lon": (("y", "x"), lon)},
    ).to_netcdf(path, engine="netcdf4")
    dataset = load([path])
    assert "regrid_method" not in dataset.attrs
    np.testing.assert_array_equal(dataset["pm2p5"].values[0], field()[0])


def test_missing_coordinates_and_poles_are_refused():
    lat, lon = lambert()
    broken = lat.copy()
    broken[3, 3] = np.nan
    with pytest.raises(DataError, match="a latitude or longitude is missing"):
        curvilinear(broken, lon, where="x")
    with pytest.raises(DataError, match="crosses the 180° meridian or a pole"):
        curvilinear(lat, lon + 68, where="x")


def test_the_real_cmaq_stack(shared):
    path = shared("cmaq/gVNA_cmaq_daily_202001_stack.nc")
    dataset = load([path])
    dates = [str(t)[:10] for t in dataset["valid_time"].values]
    assert len(dates) == 30
    assert "2020-01-22" not in dates
    assert "127 × 172 curvilinear grid, to 0.3°" in dataset.attrs["regrid_method"]
    assert "Took variable PM25_cmaq; PM25_fused would be another" in dataset.attrs["notes"]
    with xr.open_dataset(path, engine="netcdf4") as raw:
        # At each of some target cells: within the range of the source cells around it.
        source = raw["PM25_cmaq"].values[5]
        lat, lon = raw["lat"].values, raw["lon"].values
    for at in ((31.2, 121.5), (39.9, 116.4), (23.1, 113.4)):
        here = float(dataset["pm2p5"][5].sel(latitude=at[0], longitude=at[1], method="nearest"))
        near = source[np.hypot(lat - at[0], lon - at[1]) < 0.7]
        assert near.min() <= here <= near.max()
    assert np.isnan(dataset["pm2p5"].values[0, 0, 0])
    assert np.isfinite(dataset["pm2p5"].values[:, 73, 139]).all()


def test_the_real_cmaq_day_as_published(shared):
    path = shared("cmaq/gVNA_fused_20200101.nc")
    cmaq = load([path])
    assert "names no unit" in cmaq.attrs["notes"]
    assert str(cmaq["valid_time"].values[0])[:10] == "2020-01-01"
    stack = load([shared("cmaq/gVNA_cmaq_daily_202001_stack.nc")])
    np.testing.assert_allclose(cmaq["pm2p5"].values[0], stack["pm2p5"].values[0], rtol=1e-5)
    fused = load([path], ReadOptions(variable="PM25_fused"))
    assert "names no unit" not in fused.attrs["notes"]
    assert abs(float(fused["pm2p5"].mean()) - float(cmaq["pm2p5"].mean())) > 1
