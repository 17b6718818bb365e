"""Mobile samples: tables and arrays of cells."""

import json

import numpy as np
import pytest

from engine.core.errors import DataError, RequestError
from engine.data.mobile import load
from engine.data.options import ReadOptions

KOLKATA = """lat,long,time,pm
22.46,88.31,12/1/2023 6:00,111.1
22.46,88.31,12/1/2023 5:00,108.3
22.47,88.32,12/1/2023 5:00,-999
"""
PLAIN = """device,time,lat,lon,pm25
bus1,2015-01-10 08:05:00,31.2,121.5,80
bus1,2015-01-10 08:06:00,31.21,121.5,81
bus2,2015-01-10 08:05:00,31.3,121.4,82
"""
PLACE = {
    "start": "2015-01-10T00:00:00+08:00",
    "west": 120.0,
    "south": 31.0,
    "east": 120.2,
    "north": 31.3,
}


def test_kolkata_is_sorted_cleaned_and_on_indian_time(table_file):
    dataset = load([table_file(KOLKATA)])
    assert [str(t)[:16] for t in dataset["valid_time"].values] == [
        "2023-11-30T23:30",
        "2023-12-01T00:30",
    ]
    np.testing.assert_allclose(dataset["pm2p5"].values, [108.3, 111.1], rtol=1e-6)
    assert dataset.attrs["utc_offset_hours"] == 5.5
    assert dataset.attrs["format"] == "kolkata"
    assert "1 fill values (-999) became no data" in dataset.attrs["notes"]


def test_the_same_columns_elsewhere_are_not_kolkata(table_file):
    elsewhere = KOLKATA.replace("88.3", "121.3").replace("22.4", "31.4")
    with pytest.raises(DataError, match="may be day/month or month/day"):
        load([table_file(elsewhere)])
    path = table_file(elsewhere.replace("12/1/2023", "12/13/2023"))
    with pytest.raises(DataError, match="its times have no time zone"):
        load([path])
    assert load([path], ReadOptions(utc_offset_hours=8)).attrs["format"] == "csv"


def test_a_plain_table_keeps_devices_and_seconds(table_file):
    dataset = load([table_file(PLAIN)], ReadOptions(utc_offset_hours=8))
    assert [str(t)[11:19] for t in dataset["valid_time"].values] == [
        "00:05:00",
        "00:05:00",
        "00:06:00",
    ]
    assert list(dataset["device"].values) == ["bus1", "bus2", "bus1"]
    assert list(dataset["pm2p5"].values) == [80, 82, 81]


def test_repeated_samples_count_once(table_file):
    text = PLAIN + PLAIN.split("\n")[1] + "\n"
    dataset = load([table_file(text)], ReadOptions(utc_offset_hours=8))
    assert dataset.sizes["sample"] == 3
    assert "1 rows that repeat another were left out." in dataset.attrs["notes"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("lat,", "y,", r"row 1: column 'latitude' is missing; it has device, time, y, lon, pm25"),
        (",81", ",?", r"row 3, column 'pm25': '\?' is no number"),
        ("31.21,121.5", "121.5,31.21", r"row 3, column 'lat': 121.5 is no latitude"),
    ],
)
def test_what_is_wrong_is_named(table_file, old, new, says):
    with pytest.raises(DataError, match=says):
        load([table_file(PLAIN.replace(old, new))], ReadOptions(utc_offset_hours=8))


@pytest.fixture
def array_file(tmp_path):
    def write(values, place=PLACE, name="cells.npy"):
        path = tmp_path / name
        np.save(path, values)
        sidecar = tmp_path / "place.json"
        sidecar.write_text(json.dumps(place))
        return path, ReadOptions(coordinates=sidecar)

    return write


def test_an_array_becomes_a_sample_for_each_measured_cell(array_file):
    values = np.full((2, 3, 2), np.nan)
    values[0, 0, 0], values[1, 2, 1] = 30, 40
    path, options = array_file(values)
    dataset = load([path], options)
    assert list(dataset["pm2p5"].values) == [30, 40]
    assert [str(t)[:16] for t in dataset["valid_time"].values] == [
        "2015-01-09T16:00",
        "2015-01-09T17:00",
    ]
    np.testing.assert_allclose(dataset["latitude"].values, [31.25, 31.05])
    np.testing.assert_allclose(dataset["longitude"].values, [120.05, 120.15])
    assert dataset.attrs["utc_offset_hours"] == 8
    south, options = array_file(values, PLACE | {"first_row": "south"})
    np.testing.assert_allclose(load([south], options)["latitude"].values, [31.05, 31.25])


def test_an_array_of_objects_is_not_opened(tmp_path, array_file):
    path, options = array_file(np.full((1, 2, 2), 30.0))
    np.save(path, np.array([[[{"a": 1}]]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="holds Python objects, which are not opened"):
        load([path], options)


def test_arrays_that_cannot_be_placed_or_read(array_file, tmp_path):
    path, options = array_file(np.full((1, 2, 2), 30.0))
    with pytest.raises(DataError, match="does not say where it lies or when it starts"):
        load([path])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="the array is damaged or cut short"):
        load([path], options)
    flat, options = array_file(np.full((4, 4), 30.0))
    with pytest.raises(DataError, match=r"shape \(4, 4\) is no \(time, row, column\)"):
        load([flat], options)
    lost, options = array_file(np.full((1, 2, 2), 30.0), {"start": "2015-01-10"})
    with pytest.raises(DataError, match="west: Field required"):
        load([lost], options)


def test_arrays_and_tables_do_not_mix(array_file, table_file):
    path, options = array_file(np.full((1, 2, 2), 30.0))
    with pytest.raises(RequestError, match="arrays and tables cannot be one dataset"):
        load([path, table_file(PLAIN)], options)


def test_real_buses_of_kolkata(shared):
    dataset = load([shared("kolkata/Mobile_Winter.csv")])
    assert dataset.sizes["sample"] == 34566
    cells = set(zip(dataset["latitude"].values, dataset["longitude"].values, strict=True))
    assert len(cells) == 139
    assert float(dataset["pm2p5"].mean()) == pytest.approx(101.7945, abs=1e-3)
    local = (dataset["valid_time"].values + np.timedelta64(330, "m")).astype("datetime64[h]")
    assert len(np.unique(local)) == 1159


def test_real_arrays_of_changshu(shared, tmp_path):
    path = shared("changshu/Changshu14days.npy")
    # Neither place nor date is published; these are for the test alone.
    sidecar = tmp_path / "place.json"
    sidecar.write_text(json.dumps(PLACE))
    dataset = load([path], ReadOptions(coordinates=sidecar))
    raw = np.load(path, allow_pickle=False)
    assert dataset.sizes["sample"] == int(np.isfinite(raw).sum())
    assert float(dataset["pm2p5"].mean()) == pytest.approx(np.nanmean(raw), rel=1e-5)
    assert len(np.unique(dataset["valid_time"].values)) <= 336
