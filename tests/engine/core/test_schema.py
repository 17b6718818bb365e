import numpy as np
import pandas as pd
import pytest
import xarray as xr

from engine.core.errors import DataError
from engine.core.schema import check, grid_of

ATTRS = {
    "kind": "grid",
    "period": "day",
    "utc_offset_hours": 8,
    "source": "a test",
    "licence": "none",
    "synthetic": 1,
}


def gridded() -> xr.Dataset:
    return xr.Dataset(
        {
            "pm2p5": (
                ("valid_time", "latitude", "longitude"),
                np.ones((2, 3, 4), np.float32),
                {"units": "ug m-3"},
            )
        },
        {
            "valid_time": pd.date_range("2015-01-01", periods=2),
            "latitude": [32.0, 31.0, 30.0],
            "longitude": [118.0, 119.0, 120.0, 121.0],
        },
        attrs=ATTRS,
    )


def stations() -> xr.Dataset:
    return xr.Dataset(
        {"pm2p5": (("valid_time", "station"), np.ones((2, 2), np.float32), {"units": "ug m-3"})},
        {
            "valid_time": pd.date_range("2015-01-01", periods=2),
            "station": ["a", "b"],
            "latitude": ("station", [30.0, 31.0]),
            "longitude": ("station", [120.0, 121.0]),
        },
        attrs={**ATTRS, "kind": "stations"},
    )


def mobile() -> xr.Dataset:
    return xr.Dataset(
        {"pm2p5": ("sample", np.ones(3, np.float32), {"units": "ug m-3"})},
        {
            "valid_time": ("sample", pd.to_datetime(["2015-01-01", "2015-01-01", "2015-01-02"])),
            "latitude": ("sample", [30.0, 31.0, 31.0]),
            "longitude": ("sample", [120.0, 121.0, 121.0]),
        },
        attrs={**ATTRS, "kind": "mobile"},
    )


@pytest.mark.parametrize("make", [gridded, stations, mobile])
def test_a_good_dataset_comes_back(make):
    dataset = make()
    assert check(dataset, where="here") is dataset


def test_the_grid_of_a_dataset():
    assert grid_of(gridded()).shape == (3, 4)


def without_attribute(ds):
    del ds.attrs["licence"]
    return ds


def in_kilograms(ds):
    ds["pm2p5"].attrs["units"] = "kg m-3"
    return ds


BROKEN = {
    "attribute 'licence' is missing": without_attribute,
    "is none we know": lambda ds: ds.assign_attrs(period="week"),
    "pm2p5 is missing": lambda ds: ds.rename(pm2p5="pm25"),
    "has dimensions": lambda ds: ds.transpose("latitude", ...),
    "is in 'kg m-3', not 'ug m-3'": in_kilograms,
    "valid_time is missing or holds no times": lambda ds: ds.assign_coords(valid_time=[1, 2]),
    "there is not one time step": lambda ds: ds.isel(valid_time=slice(0)),
    "times are unsorted, repeated or missing": lambda ds: ds.isel(valid_time=[1, 0]),
    "latitude must decrease": lambda ds: ds.isel(latitude=slice(None, None, -1)),
}


@pytest.mark.parametrize("message", BROKEN)
def test_each_broken_point_is_named(message):
    with pytest.raises(DataError, match=message) as caught:
        check(BROKEN[message](gridded()), where="file.nc")
    assert str(caught.value).startswith("file.nc: ")


def test_repeated_times_are_fine_for_samples_only():
    check(mobile(), where="here")
    with pytest.raises(DataError, match="repeated"):
        check(stations().isel(valid_time=[0, 0]), where="here")


def test_exchanged_columns_are_noticed():
    ds = stations()
    swapped = ds.assign_coords(latitude=ds["longitude"], longitude=ds["latitude"])
    with pytest.raises(DataError, match="not exchanged"):
        check(swapped, where="here")


def test_a_place_without_coordinates_is_refused():
    ds = stations()
    ds["latitude"][0] = np.nan
    with pytest.raises(DataError, match="no coordinates"):
        check(ds, where="here")
