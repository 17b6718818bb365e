"""Zarr stores: both editions, lost chunks, and what is refused before it is opened."""

import json
import shutil

import numpy as np
import pytest
import xarray as xr
import zarr

from engine import library
from engine.core.errors import DataError
from engine.data.gridded import load
from engine.library.inspecting import inspect_files


@pytest.fixture
def store(tmp_path, field):
    """Write a store of three days in chunks of a day and two rows."""

    def write(edition=3, *, fill=np.nan, values=None, **encoding):
        path = tmp_path / f"maps{edition}.zarr"
        values = field() if values is None else values
        time = ("time", [0, 1, 2], {"units": "days since 2015-01-10"})
        coords = {"time": time, "lat": [33.0, 32, 31, 30], "lon": [118.0, 119, 120, 121, 122]}
        data = {"pm2p5": (("time", "lat", "lon"), values, {"units": "ug m-3"})}
        if edition == 2 or not np.isnan(fill):
            encoding |= {"_FillValue": np.float32(fill)} if edition == 2 else {"fill_value": fill}
        xr.Dataset(data, coords).to_zarr(
            path,
            zarr_format=edition,
            consolidated=False,
            encoding={"pm2p5": {"chunks": (1, 2, 5)} | encoding},
        )
        return path

    return write


@pytest.mark.parametrize("edition", [2, 3])
def test_a_store_is_read_as_a_netcdf_file_is(store, field, edition):
    path = store(edition)
    dataset = load([path])
    np.testing.assert_array_equal(dataset["pm2p5"].values, field())
    assert [str(t)[:10] for t in dataset["valid_time"].values] == [
        *("2015-01-10", "2015-01-11", "2015-01-12"),
    ]
    # A folder of stores is read as a folder of files is.
    np.testing.assert_array_equal(load([path.parent])["pm2p5"].values, field())


def test_a_store_is_imported_and_its_origin_is_kept(store, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path / "home"))
    path = store()
    found = inspect_files([path])
    assert (found.kind, found.container, found.refused) == ("grid", "zarr", None)
    about = library.import_files("grid", [path], "maps")
    size = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    assert (about.files[0].name, about.files[0].size, found.size) == ("maps3.zarr", size, size)
    (path / "lat" / "zarr.json").touch()
    again = library.import_files("grid", [path], "again")
    assert again.files[0].sha256 == about.files[0].sha256


@pytest.mark.parametrize(("edition", "chunk"), [(2, "pm2p5/1.1.0"), (3, "pm2p5/c/1/1/0")])
def test_a_lost_chunk_without_a_number_is_no_data_and_said(store, field, edition, chunk):
    path = store(edition)
    (path / chunk).unlink()
    dataset = load([path])
    assert np.isnan(dataset["pm2p5"].values[1, 2:]).all()
    assert np.isnan(dataset["pm2p5"].values).sum() == 10
    assert "1 of 6 chunks are not in the store; no data there." in dataset.attrs["notes"]


def test_a_lost_chunk_that_would_become_numbers_is_refused(store):
    path = store(3, fill=7.0)
    shutil.rmtree(path / "pm2p5" / "c" / "1")
    with pytest.raises(DataError, match="2 of 6 chunks of 'pm2p5' are not in the Zarr store"):
        load([path])


def test_a_lost_chunk_of_an_axis_is_refused(store):
    path = store()
    (path / "lat" / "c" / "0").unlink()
    with pytest.raises(DataError, match="1 of 1 chunks of 'lat' are not in the Zarr store"):
        load([path])


def changed(path, file, change):
    text = json.loads((path / file).read_text())
    change(text)
    (path / file).write_text(json.dumps(text))
    return path


@pytest.mark.parametrize("codec", ["pickle", "numcodecs.pickle", "json2", "msgpack2"])
@pytest.mark.parametrize("edition", [2, 3])
def test_a_codec_that_is_not_known_is_never_run(store, edition, codec):
    path = store(edition)
    if edition == 2:
        changed(path, "pm2p5/.zarray", lambda t: t.update(filters=[{"id": codec}]))
    else:
        changed(path, "pm2p5/zarr.json", lambda t: t["codecs"].append({"name": codec}))
    with pytest.raises(DataError, match=f"the Zarr store is packed with '{codec}'"):
        load([path])


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_is_never_followed(store, tmp_path, kind):
    path = store()
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "0").write_bytes(b"secret")
    target = secret / "0" if kind == "file" else secret
    (path / "lat" / "link").symlink_to(target)
    with pytest.raises(DataError, match="the Zarr store holds a link, 'link'"):
        load([path])


@pytest.mark.parametrize(
    "break_it",
    [
        lambda p: (p / "pm2p5" / "zarr.json").write_text("{"),
        lambda p: (p / "zarr.json").write_text("[]"),
        lambda p: (p / "pm2p5" / "c" / "0" / "0" / "0").write_bytes(b"nonsense"),
        lambda p: changed(p, "pm2p5/zarr.json", lambda t: t.update(data_type="float99")),
        lambda p: changed(p, "pm2p5/zarr.json", lambda t: t.update(dimension_names=None)),
        lambda p: (p / "pm2p5" / "zarr.json").write_text("[" * 100_000),
    ],
)
def test_a_damaged_store_is_refused(store, break_it):
    path = store()
    break_it(path)
    with pytest.raises(DataError, match="the Zarr store is damaged or incomplete"):
        load([path])


def test_a_store_too_large_is_refused_by_its_shape(tmp_path):
    path = tmp_path / "maps_20150110.zarr"
    lat, lon = np.linspace(90, -90, 20_000), np.linspace(-180, 179, 30_000)
    xr.Dataset(coords={"lat": lat, "lon": lon}).to_zarr(path, zarr_format=3, consolidated=False)
    zarr.open_group(str(path)).create_array(
        "pm2p5", shape=(20_000, 30_000), dtype="f4", chunks=(1000, 1000), fill_value=np.nan,
        dimension_names=("lat", "lon"),
    )  # fmt: skip
    with pytest.raises(DataError, match="one map has 600,000,000 cells, and at most 60,000,000"):
        load([path])
