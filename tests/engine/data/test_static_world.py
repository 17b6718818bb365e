"""Height of the land from the file that ships."""

import numpy as np
import pytest

from engine.core.errors import StorageError
from engine.core.grid import Grid
from engine.data import static_world


def test_heights_are_where_they_are():
    # Huangshan is high, Shanghai flat, the open sea 0.
    grid = Grid(31.5, 117.0, 0.05, 0.05, 40, 130)
    height = static_world.land_height(grid)
    assert height.shape == (40, 130)
    row, column = (31.5 - 30.15) / 0.05, (118.15 - 117.0) / 0.05
    assert height[round(row), round(column)] > 400
    assert height[round((31.5 - 31.2) / 0.05), round((121.4 - 117.0) / 0.05)] < 20
    assert height[:, -1].max() < 1e-6


def test_a_cell_of_the_file_keeps_its_height():
    import xarray as xr

    with xr.open_dataset(static_world.WORLD) as world:
        part = world["elevation"].sel(lat=slice(30.0, 30.3), lon=slice(118.0, 118.3)).load()
    grid = Grid(float(part["lat"][-1]), float(part["lon"][0]), 0.1, 0.1, *part.shape)
    np.testing.assert_allclose(static_world.land_height(grid), part.values[::-1], atol=0.5)


def test_a_missing_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(static_world, "WORLD", tmp_path / "none.nc")
    with pytest.raises(StorageError, match="static fields is missing"):
        static_world.land_height(Grid(31.0, 118.0, 0.1, 0.1, 3, 3))
