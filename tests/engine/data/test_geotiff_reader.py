"""GeoTIFF in degrees and on a projection."""

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio.transform import Affine

from engine.core.errors import DataError
from engine.data.gridded import load


@pytest.fixture
def tiff(tmp_path):
    def write(
        values,
        name="pm25_20150110.tif",
        *,
        crs="EPSG:4326",
        transform=None,
        nodata=None,
        descriptions=None,
        units="ug m-3",
    ):
        values = np.atleast_3d(values.T).T if values.ndim == 2 else values
        path = tmp_path / name
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=values.shape[0],
            height=values.shape[1],
            width=values.shape[2],
            dtype=values.dtype,
            crs=crs,
            transform=transform or Affine(1, 0, 117.5, 0, -1, 33.5),
            nodata=nodata,
        ) as file:
            file.write(values)
            file.units = [units] * values.shape[0]
            for band, text in enumerate(descriptions or (), start=1):
                file.set_band_description(band, text)
        return path

    return write


def test_a_map_in_degrees_lies_where_the_file_says(tiff, field):
    dataset = load([tiff(field()[0])])
    np.testing.assert_array_equal(dataset["pm2p5"].values[0], field()[0])
    assert list(dataset["latitude"].values) == [33, 32, 31, 30]  # centres, not edges
    assert list(dataset["longitude"].values) == [118, 119, 120, 121, 122]
    assert str(dataset["valid_time"].values[0])[:10] == "2015-01-10"
    assert dataset.attrs["format"] == "geotiff"


def test_nodata_and_unannounced_fill_values_are_masked(tiff, field):
    values = field()[0]
    values[0, 0], values[1, 1] = -1.5, -9999
    data = load([tiff(values, nodata=-1.5)])["pm2p5"].values[0]
    assert np.isnan(data[0, 0])
    assert np.isnan(data[1, 1])
    assert np.isnan(data).sum() == 2


def test_packed_integers_are_unpacked(tiff):
    path = tiff(np.array([[200, 300], [400, 65535]], np.uint16), nodata=65535)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = [0.1], [5.0]
    np.testing.assert_allclose(load([path])["pm2p5"].values[0], [[25, 35], [45, np.nan]])


def test_bands_with_dates_are_days(tiff, field):
    path = tiff(field(), "stack.tif", descriptions=["2015-01-12", "2015-01-10", "2015-01-11"])
    dataset = load([path])
    assert [str(t)[8:10] for t in dataset["valid_time"].values] == ["10", "11", "12"]
    np.testing.assert_array_equal(dataset["pm2p5"].values, field()[[1, 2, 0]])


def test_bands_and_files_without_dates_are_refused(tiff, field):
    with pytest.raises(DataError, match="its 3 bands have no dates"):
        load([tiff(field(), "stack.tif")])
    with pytest.raises(DataError, match="no date is in its name"):
        load([tiff(field()[0], "map.tif")])


def test_a_projected_map_is_warped_and_says_so(tiff):
    # A Gaussian hill at 31 N 120 E on a UTM grid of 2 km must be at 31 N 120 E afterwards.
    to_degrees = Transformer.from_crs("EPSG:32651", "EPSG:4326", always_xy=True)
    x0, y0 = Transformer.from_crs("EPSG:4326", "EPSG:32651", always_xy=True).transform(120, 31)
    x, y = x0 - 99000 + 2000 * np.arange(100), y0 + 99000 - 2000 * np.arange(100)
    lon, lat = to_degrees.transform(*np.meshgrid(x, y))
    values = (20 + 60 * np.exp(-(((lon - 120) ** 2 + (lat - 31) ** 2) / 0.02))).astype(np.float32)
    values[0, 0] = -999  # would smear into its neighbours if it were interpolated
    path = tiff(
        values, crs="EPSG:32651", transform=Affine(2000, 0, x[0] - 1000, 0, -2000, y[0] + 1000)
    )
    dataset = load([path])
    assert "bilinear warp from EPSG:32651 to 0.015°" in dataset.attrs["regrid_method"]
    assert "Reprojected" in dataset.attrs["notes"]
    data = dataset["pm2p5"][0]
    assert float(data.min()) >= 20 - 1e-3
    peak = data.where(data == data.max(), drop=True)
    assert peak["latitude"].item() == pytest.approx(31, abs=0.011)
    assert peak["longitude"].item() == pytest.approx(120, abs=0.011)
    expected = 20 + 60 * np.exp(
        -((data["longitude"] - 120) ** 2 + (data["latitude"] - 31) ** 2) / 0.02
    )
    assert float(np.abs(data - expected).max()) < 1.0  # half a cell's curvature
    assert np.isnan(data.values[0, 0])  # outside the tilted footprint


def test_a_map_that_lies_nowhere_is_refused(tiff, field):
    with pytest.raises(DataError, match="does not say where on Earth it lies"):
        load([tiff(field()[0], crs=None)])


@pytest.mark.parametrize("share", [0.01, 0.6])
def test_a_truncated_geotiff_is_refused(tiff, share):
    path = tiff(np.full((300, 300), 20, np.float32))
    raw = path.read_bytes()
    path.write_bytes(raw[: max(8, int(len(raw) * share))])
    with pytest.raises(DataError, match=r"the GeoTIFF (cannot be read|is damaged)"):
        load([path])


def test_a_picture_is_no_map_of_values(tmp_path):
    path = tmp_path / "pm25_20150110.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=4, width=4, dtype="uint8",
        crs="EPSG:4326", transform=Affine(1, 0, 117.5, 0, -1, 33.5), photometric="palette",
    ) as file:  # fmt: skip
        file.write(np.full((1, 4, 4), 3, "u1"))
        file.write_colormap(1, {3: (255, 0, 0)})
    with pytest.raises(DataError, match="it is a picture: its numbers are colours"):
        load([path])
