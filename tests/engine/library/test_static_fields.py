"""Static fields: imported on their own grid, brought to another by area, refused where unclear."""

import h5py
import numpy as np
import pytest
import rasterio
import xarray as xr
from rasterio.transform import Affine

from engine import library
from engine.cli import main
from engine.core.errors import DataError, EngineError, RequestError
from engine.core.grid import Grid
from engine.library import static_fields
from engine.library.static_fields import import_static, on_grid

VALUES = np.arange(64, dtype=np.float32).reshape(8, 8)
OWN = Grid(33.75, 110.25, 0.5, 0.5, 8, 8)  # 30–34° N, 110–114° E


def tiff(path, values=VALUES, *, crs="EPSG:4326", nodata=None, count=1, units=None):
    with rasterio.open(
        path, "w", driver="GTiff", height=8, width=8, count=count, dtype="float32", crs=crs,
        transform=Affine(0.5, 0, 110, 0, -0.5, 34), nodata=nodata,
    ) as file:  # fmt: skip
        for band in range(1, count + 1):
            file.write(values, band)
        if units:
            file.units = (units,)
    return path


def netcdf(path, *, upside_down=False, units="m", times=0, name="elevation"):
    latitude = OWN.latitude[::-1] if upside_down else OWN.latitude
    values = VALUES[::-1] if upside_down else VALUES
    dims: tuple[str, ...] = ("lat", "lon")
    if times:
        values, dims = np.stack([values] * times), ("time", *dims)
    xr.Dataset(
        {name: (dims, values, {"units": units})}, coords={"lat": latitude, "lon": OWN.longitude}
    ).to_netcdf(path)
    return path


def test_a_geotiff_keeps_its_grid_and_is_listed(home, tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["import", "static", str(tiff(tmp_path / "dem.tif")), "--name", "dem",
              "--variable", "elevation", "--year", "2019", "--licence", "CC0"])  # fmt: skip
    assert left.value.code == 0
    assert "Imported dem: static, elevation (mean of each cell), 8 × 8 cells" in (
        capsys.readouterr().out
    )
    about = library.info("dem")
    assert (about.kind, about.format, about.start.year) == ("static", "mean", 2019)
    np.testing.assert_array_equal(library.open_dataset("dem")["elevation"].values, VALUES)
    with pytest.raises(SystemExit):
        main(["datasets"])
    assert "dem" in capsys.readouterr().out
    library.remove("dem")
    assert "dem" not in library.names()


@pytest.mark.parametrize("upside_down", [False, True])
def test_a_netcdf_file_is_read_from_the_north(home, tmp_path, upside_down):
    import_static(netcdf(tmp_path / "a.nc", upside_down=upside_down), "a", "elevation")
    np.testing.assert_allclose(on_grid("a", "elevation", OWN), VALUES)


def test_means_are_taken_of_means_and_sums_of_counts(home, tmp_path):
    file = tiff(tmp_path / "people.tif")
    import_static(file, "density", "population", how="mean")
    import_static(file, "count", "population", how="count")
    wide = Grid(33.0, 111.0, 2.0, 2.0, 2, 2)
    blocks = VALUES.reshape(2, 4, 2, 4)
    np.testing.assert_allclose(
        on_grid("density", "population", wide), blocks.mean((1, 3)), rtol=0.01
    )
    total = on_grid("count", "population", wide)
    np.testing.assert_allclose(total, blocks.sum((1, 3)), rtol=2e-3)
    # Finer cells share out what is there; nobody is lost.
    fine = Grid(33.875, 110.125, 0.25, 0.25, 16, 16)
    shared = on_grid("count", "population", fine)
    assert shared.sum() == pytest.approx(VALUES.sum(), rel=2e-3)


def test_the_world_needs_no_import():
    height = on_grid("world", "elevation", Grid(29.5, 90.5, 1.0, 1.0, 2, 2))
    assert (height > 3000).all()  # the plateau of Tibet
    with pytest.raises(RequestError, match="has elevation, not population"):
        on_grid("world", "population", OWN)


@pytest.mark.parametrize(
    ("make", "variable", "how", "says"),
    [
        (lambda f: tiff(f / "a.tif"), "population", None, "is of its cell is not known"),
        (lambda f: tiff(f / "a.tif"), "Ele vation", None, "no name of a static field"),
        (lambda f: tiff(f / "a.tif", crs="EPSG:3857"), "elevation", None, "not in degrees"),
        (lambda f: tiff(f / "a.tif", count=2), "elevation", None, "has 2 bands"),
        (lambda f: tiff(f / "a.tif", units="ft"), "elevation", None, "'ft', not m"),
        (lambda f: tiff(f / "a.tif"), "forest", "fraction", "run from 0 to 63"),
        (lambda f: tiff(f / "a.tif", VALUES - 9), "population", "count", "lowest value is -9"),
        (lambda f: tiff(f / "a.tif", VALUES * np.nan), "elevation", None, "no value"),
        (lambda f: netcdf(f / "a.nc", times=2), "elevation", None, "several times"),
        (lambda f: netcdf(f / "a.nc", units="feet"), "elevation", None, "'feet', not m"),
        (lambda f: _text(f / "a.tif"), "elevation", None, "cannot be read as a map"),
    ],
)  # fmt: skip
def test_what_is_unclear_is_refused_in_one_sentence(home, tmp_path, make, variable, how, says):
    with pytest.raises(EngineError, match=says):
        import_static(make(tmp_path), "a", variable, how=how)
    assert "a" not in library.names()


def _text(path):
    path.write_text("no picture")
    return path


def test_no_data_of_the_file_count_nothing(home, tmp_path):
    values = VALUES.copy()
    values[0] = -9999
    import_static(tiff(tmp_path / "a.tif", values, nodata=-9999), "a", "elevation")
    assert np.isnan(on_grid("a", "elevation", OWN)[0]).all()


def test_a_static_field_is_no_map_and_no_map_is_static(home, tmp_path):
    import_static(tiff(tmp_path / "a.tif"), "a", "elevation")
    with pytest.raises(RequestError, match="no static field population"):
        on_grid("a", "population", OWN)
    with pytest.raises(RequestError, match="no place in common"):
        on_grid("a", "elevation", Grid(9.5, 9.5, 1.0, 1.0, 2, 2))
    with pytest.raises(SystemExit) as left:
        main(["predict", "bicubic", "--data", "a", "--date", "2015-01", "--out", "x.nc"])
    assert left.value.code == 2


def test_the_name_of_what_ships_is_taken(home, tmp_path):
    with pytest.raises(RequestError, match="is what ships"):
        import_static(tiff(tmp_path / "a.tif"), static_fields.WORLD, "elevation")


def test_a_damaged_store_is_named(home, tmp_path):
    import_static(tiff(tmp_path / "a.tif"), "a", "elevation")
    for file in (home / "datasets" / "a").glob("*/static.zarr/zarr.json"):
        file.write_text("{")
    with pytest.raises(EngineError, match="damaged"):
        library.open_dataset("a")


def test_a_file_too_large_is_refused_before_it_is_read(home, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_MAX_CELLS", "10")
    with pytest.raises(DataError, match="64 cells"):
        import_static(tiff(tmp_path / "a.tif"), "a", "elevation")


def test_values_kept_in_another_file_are_refused(home, tmp_path):
    netcdf(tmp_path / "a.nc")
    with h5py.File(tmp_path / "linked.nc", "w") as file:
        for axis in ("lat", "lon"):
            file[axis] = h5py.ExternalLink("a.nc", f"/{axis}")
        file["elevation"] = h5py.ExternalLink("a.nc", "/elevation")
    with pytest.raises(EngineError):
        import_static(tmp_path / "linked.nc", "a", "elevation")
    assert "a" not in library.names()
