"""What is kept comes back; what is not there or damaged is said in one sentence."""

import datetime as dt
import hashlib
import json

import numpy as np
import pytest
import xarray as xr

from engine import library
from engine.core.errors import DataError, NotFoundError, RequestError, StorageError
from engine.core.schema import check
from engine.library import grids, storage


def test_a_grid_comes_back_as_it_was(maps):
    library.store(maps(), "mine")
    dataset = library.open_dataset("mine")
    check(dataset, where="mine")
    np.testing.assert_array_equal(dataset["pm2p5"].values, maps()["pm2p5"].values)
    for axis in ("valid_time", "latitude", "longitude"):
        np.testing.assert_array_equal(dataset[axis].values, maps()[axis].values)
    assert dataset["valid_time"].dtype == "datetime64[ns]"
    assert dataset["pm2p5"].dtype == np.float32
    assert dataset.attrs["dataset"] == "mine"
    assert dataset.attrs["synthetic"] == 1


def test_a_grid_is_not_read_until_asked_for(maps):
    library.store(maps(), "mine")
    dataset = library.open_dataset("mine")
    assert not dataset["pm2p5"].variable._in_memory
    one = dataset["pm2p5"].isel(valid_time=2)
    np.testing.assert_array_equal(one.values, maps()["pm2p5"].values[2])


def test_a_map_of_many_tiles_is_one_file_a_step(maps, monkeypatch, home):
    monkeypatch.setattr(grids, "TILE", 2)
    monkeypatch.setattr(grids, "MOST_TILES_AS_FILES", 8)  # 6 × 5 cells are 9 tiles of 2 × 2
    library.store(maps(), "mine")
    chunks = list((home / "datasets/mine").glob("data-*/grid.zarr/pm2p5/c/*/*/*"))
    assert len(chunks) == 4
    dataset = library.open_dataset("mine")
    np.testing.assert_array_equal(dataset["pm2p5"].values, maps()["pm2p5"].values)
    np.testing.assert_array_equal(dataset["pm2p5"][:, 3, 2], maps()["pm2p5"][:, 3, 2])


def test_stations_come_back_as_they_were(network):
    library.store(network, "net")
    dataset = library.open_dataset("net")
    check(dataset, where="net")
    for name in ("pm2p5", "t2m", "valid_time", "station", "name", "latitude", "longitude"):
        np.testing.assert_array_equal(dataset[name].values, network[name].values)
    assert dataset["t2m"].attrs["units"] == "K"


def test_samples_come_back_as_they_were(samples):
    library.store(samples, "buses")
    dataset = library.open_dataset("buses")
    check(dataset, where="buses")
    for name in ("pm2p5", "valid_time", "latitude", "longitude", "device"):
        np.testing.assert_array_equal(dataset[name].values, samples[name].values)
    assert dataset.attrs["utc_offset_hours"] == 5.5


def test_the_record_says_what_is_known(maps, tmp_path):
    origin = tmp_path / "a.nc"
    origin.write_bytes(b"some bytes")
    about = library.store(maps(), "mine", files=[origin])
    assert library.info("mine").model_dump(exclude={"data", "stored_files"}) == about.model_dump(
        exclude={"data", "stored_files"}
    )
    assert (about.start, about.end) == (dt.date(2015, 1, 10), dt.date(2015, 1, 13))  # local
    assert about.bounds == (117.5, 27.5, 122.5, 33.5)
    assert about.shape == {"valid_time": 4, "latitude": 6, "longitude": 5}
    assert about.notes == ("Made by a test.",)
    assert about.units == "ug m-3"
    assert about.synthetic
    assert about.files[0].sha256 == hashlib.sha256(b"some bytes").hexdigest()
    assert about.files[0].name == "a.nc"  # no path of this machine
    json.loads(about.model_dump_json())


def test_the_checksum_is_of_the_values(maps, network):
    first = library.store(maps(), "a")
    second = library.store(maps(), "b")
    other = library.store(maps(level=20.001), "c")
    assert first.checksum == second.checksum != other.checksum
    shifted = maps().assign_coords(longitude=maps()["longitude"] + 1)
    assert library.store(shifted, "d").checksum != first.checksum
    warm = network.copy(deep=True)
    warm["t2m"].values[1, 1] += 1
    assert library.store(network, "e").checksum != library.store(warm, "f").checksum


def test_the_first_half_is_for_training_unless_reported(maps):
    assert library.store(maps(), "a").train_end == dt.date(2015, 1, 11)
    predicted = library.store(maps(), "b", train_end=dt.date(2015, 1, 12))
    assert predicted.train_end == dt.date(2015, 1, 12)
    assert library.store(maps(steps=1), "c").train_end is None
    for day in (dt.date(2015, 1, 9), dt.date(2015, 1, 13)):
        with pytest.raises(RequestError, match="leaves nothing to train on or nothing to test on"):
            library.store(maps(), "d", train_end=day)
    assert "d" not in library.names()


def test_names_are_sorted_and_unknown_ones_answered_with_them(maps):
    library.store(maps(), "b")
    library.store(maps(), "a")
    assert [n for n in library.names() if not n.startswith("demo")] == ["a", "b"]
    with pytest.raises(NotFoundError, match=r"there is no dataset 'c'. Choose from .*a, b"):
        library.open_dataset("c")


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc", ".hidden", "", "a b", "ä", ".."])
def test_a_name_never_leads_out_of_the_library(maps, home, name):
    for act in (library.info, library.open_dataset, lambda n: library.store(maps(), n)):
        with pytest.raises(RequestError, match="is not a plain name"):
            act(name)
    assert not home.exists() or not list(home.rglob("manifest.json"))


@pytest.mark.parametrize("name", ["demo", "demo-mine"])
def test_the_names_of_the_demo_are_taken(maps, name):
    with pytest.raises(RequestError, match="is a name of the demo world"):
        library.store(maps(), name)


def test_nothing_is_written_or_read_through_a_link(maps, home, tmp_path):
    library.store(maps(), "mine")
    outside = tmp_path / "outside"
    outside.mkdir()
    (home / "datasets" / "link").symlink_to(outside)
    with pytest.raises(StorageError, match="is a link, and nothing is read or written through"):
        library.store(maps(), "link", replace=True)
    assert list(outside.iterdir()) == []
    (home / "datasets" / "alias").symlink_to(home / "datasets" / "mine")
    assert [n for n in library.names() if not n.startswith("demo")] == ["mine"]


def test_a_library_that_is_a_link_to_elsewhere_is_refused(maps, home, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    home.mkdir()
    (home / "datasets").symlink_to(outside)
    with pytest.raises(StorageError, match=r"is a link to .*, outside the data directory"):
        library.store(maps(), "mine")
    assert list(outside.iterdir()) == []


def test_a_damaged_dataset_says_so(maps, network, home):
    library.store(maps(), "mine")
    chunk = next((home / "datasets/mine").glob("data-*/grid.zarr/pm2p5/c/1/0/0"))
    chunk.unlink()  # Zarr would silently give NaN
    with pytest.raises(StorageError, match=r"mine: 1 of \d+ files of it are missing. Import"):
        library.open_dataset("mine")
    library.store(network, "net")
    table = next((home / "datasets/net").glob("data-*/values.parquet"))
    table.write_bytes(table.read_bytes()[:100])
    with pytest.raises(StorageError, match="the stored table is damaged"):
        library.open_dataset("net")
    (home / "datasets/net/manifest.json").write_text("{}")
    with pytest.raises(StorageError, match="the record of dataset 'net' is damaged"):
        library.info("net")


def test_what_breaks_the_contract_is_not_kept(maps):
    with pytest.raises(DataError, match="pm2p5 is in 'mg'"):
        library.store(maps().assign(pm2p5=maps()["pm2p5"].assign_attrs(units="mg")), "x")
    assert "x" not in library.names()


def test_a_lazy_dataset_can_be_stored_again(maps):
    library.store(maps(), "a")
    b = library.store(library.open_dataset("a"), "b")
    assert b.checksum == library.info("a").checksum
    assert xr.testing.assert_equal(library.open_dataset("a"), library.open_dataset("b")) is None


def test_files_in_any_order_give_the_same_dataset(maps, tmp_path):
    paths = []
    for step in (0, 1, 2):
        day = maps().isel(valid_time=[step]).drop_attrs().drop_vars("valid_time")
        day["pm2p5"].attrs["units"] = "ug m-3"
        path = tmp_path / f"map_2015011{step}.nc"
        day.squeeze("valid_time").to_netcdf(path, engine="netcdf4")
        paths.append(path)
    forwards = library.import_files("grid", paths, "a")
    backwards = library.import_files("grid", paths[::-1], "b")
    assert forwards.checksum == backwards.checksum
    for name in ("a", "b"):
        values = library.open_dataset(name)["pm2p5"].values
        np.testing.assert_array_equal(values, maps()["pm2p5"].values[:3])
    swapped = (
        maps(steps=3)
        .isel(valid_time=[1, 0, 2])
        .assign_coords(valid_time=maps(steps=3)["valid_time"])
    )
    assert library.store(swapped, "c").checksum != library.store(maps(steps=3), "d").checksum


def test_a_name_taken_while_the_files_were_read_is_still_refused(maps):
    library.store(maps(), "mine")
    with (
        pytest.raises(StorageError, match="a dataset 'mine' exists already"),
        storage.building("mine", replace=False),
    ):
        pass


def test_a_record_that_leads_out_of_its_folder_is_damaged(maps, home):
    library.store(maps(), "net")
    record = home / "datasets" / "net" / "manifest.json"
    text = record.read_text(encoding="utf-8")
    folder = library.info("net").data
    assert folder
    record.write_text(text.replace(f'"data": "{folder}"', '"data": "../../outside"'), "utf-8")
    with pytest.raises(StorageError, match="the record of dataset 'net' is damaged"):
        library.open_dataset("net")
