import numpy as np
import pandas as pd
import pytest
import xarray as xr


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A library of this test's own."""
    path = tmp_path / "home"
    monkeypatch.setenv("AIRLENS_HOME", str(path))
    return path


@pytest.fixture
def maps():
    """A gridded dataset; every value tells its place and its `level`."""

    def make(steps=4, rows=6, columns=5, level=20.0):
        step, row, column = np.meshgrid(
            np.arange(steps), np.arange(rows), np.arange(columns), indexing="ij"
        )
        values = (level + step + row / 10 + column / 100).astype(np.float32)
        values[:, -1, -1] = np.nan
        return xr.Dataset(
            {"pm2p5": (("valid_time", "latitude", "longitude"), values, {"units": "ug m-3"})},
            {
                "valid_time": pd.date_range("2015-01-09T16:00", periods=steps).astype(
                    "datetime64[ns]"
                ),
                "latitude": 33.0 - np.arange(rows),
                "longitude": 118.0 + np.arange(columns),
            },
            attrs={
                "kind": "grid",
                "period": "day",
                "utc_offset_hours": 8,
                "source": "a test",
                "licence": "CC0",
                "synthetic": 1,
                "notes": "Made by a test.",
            },
        )

    return make


@pytest.fixture
def network():
    """A station dataset with a gap and a second variable."""
    values = np.array([[50, np.nan], [60, 70], [np.nan, 80]], np.float32)
    return xr.Dataset(
        {
            "pm2p5": (("valid_time", "station"), values, {"units": "ug m-3"}),
            "t2m": (("valid_time", "station"), values + 220, {"units": "K"}),
        },
        {
            "valid_time": pd.date_range("2015-01-10", periods=3, freq="h").astype("datetime64[ns]"),
            "station": np.array(["a", "b"], object),
            "name": ("station", np.array(["南京", "Wuxi"], object)),
            "latitude": ("station", [32.0, 31.5]),
            "longitude": ("station", [118.8, 120.3]),
        },
        attrs={
            "kind": "stations",
            "period": "hour",
            "utc_offset_hours": 8,
            "source": "a test",
            "licence": "CC0",
            "synthetic": 0,
        },
    )


@pytest.fixture
def samples():
    """A mobile dataset."""
    return xr.Dataset(
        {"pm2p5": ("sample", np.array([50, 60, 70], np.float32), {"units": "ug m-3"})},
        {
            "valid_time": (
                "sample",
                np.array(["2015-01-10", "2015-01-10", "2015-01-11"], "datetime64[ns]"),
            ),
            "latitude": ("sample", [32.0, 32.1, 32.2]),
            "longitude": ("sample", [118.8, 118.9, 119.0]),
            "device": ("sample", np.array(["x", "y", "x"], object)),
        },
        attrs={
            "kind": "mobile",
            "period": "hour",
            "utc_offset_hours": 5.5,
            "source": "a test",
            "licence": "CC0",
            "synthetic": 0,
        },
    )
