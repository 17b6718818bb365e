"""An import is whole or it is nothing: full disks, kills, two at once, replacement."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import zarr

from engine import library
from engine.core.errors import DataError, StorageError
from engine.library import storage


def files(home: Path) -> set[str]:
    return {str(p.relative_to(home)) for p in home.rglob("*") if p.is_file() and p.name != ".lock"}


def no_space(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def third_time(real):
    """A function that works twice and then finds the disk full, again and again."""
    calls = []

    def act(*args, **kwargs):
        calls.append(1)
        if len(calls) % 3 == 0:
            no_space()
        return real(*args, **kwargs)

    return act


def at_the_record(act):
    """`Path.replace` that acts when the record is about to count; Zarr uses it too."""
    real = Path.replace

    def replace(path, target):
        return act(path, target) if Path(target).name == "manifest.json" else real(path, target)

    return replace


FULL_AT = {
    "the folder": lambda m: m.setattr(Path, "mkdir", no_space),
    "the coordinates": lambda m: m.setattr("xarray.Dataset.to_zarr", no_space),
    "the third map": lambda m: m.setattr(
        zarr.Array, "__setitem__", third_time(zarr.Array.__setitem__)
    ),
    "the table": lambda m: m.setattr("pyarrow.parquet.write_table", no_space),
    "the flush": lambda m: m.setattr(storage, "sync_tree", no_space),
    "the rename of the data": lambda m: m.setattr(Path, "rename", no_space),
    "the record": lambda m: m.setattr(storage.DatasetInfo, "model_dump_json", no_space),
    "the rename of the record": lambda m: m.setattr(Path, "replace", at_the_record(no_space)),
}


@pytest.mark.parametrize("point", FULL_AT)
def test_a_full_disk_loses_nothing_and_leaves_nothing(maps, network, home, monkeypatch, point):
    new = network if point == "the table" else maps(level=50)
    library.store(maps(), "old")
    library.store(maps(), "other")
    before = files(home)
    with monkeypatch.context() as patch:
        FULL_AT[point](patch)
        for name, replace in (("fresh", False), ("old", True)):
            with pytest.raises(
                StorageError, match=r"the disk is full; nothing imported before is touched\. Free"
            ):
                library.store(new, name, replace=replace)
    np.testing.assert_array_equal(
        library.open_dataset("old")["pm2p5"].values, maps()["pm2p5"].values
    )
    assert files(home) == before
    assert "fresh" not in library.names()
    library.store(new, "fresh")
    library.store(new, "old", replace=True)
    np.testing.assert_array_equal(library.open_dataset("old")["pm2p5"].values, new["pm2p5"].values)


def test_no_permission_is_said_so(maps, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StorageError, match=r"may not be written.*Set AIRLENS_HOME to a folder"):
        library.store(maps(), "mine")


def test_a_name_in_use_needs_replace_and_says_so_before_reading(maps, tmp_path):
    library.store(maps(), "mine")
    with pytest.raises(StorageError, match=r"a dataset 'mine' exists already.*--replace"):
        library.import_files("grid", [tmp_path / "not-even-there.nc"], "mine")


def test_replacing_keeps_the_old_data_for_those_who_read_them(maps, home):
    library.store(maps(), "mine")
    reading = library.open_dataset("mine")
    library.store(maps(level=50), "mine", replace=True)
    np.testing.assert_array_equal(reading["pm2p5"].values, maps()["pm2p5"].values)
    now = library.open_dataset("mine")["pm2p5"].values
    np.testing.assert_array_equal(now, maps(level=50)["pm2p5"].values)
    assert len(list((home / "datasets/mine").glob("data-*"))) == 2
    library.store(maps(), "another")  # the next import clears what was replaced
    assert len(list((home / "datasets/mine").glob("data-*"))) == 1
    np.testing.assert_array_equal(library.open_dataset("mine")["pm2p5"].values, now)


def test_a_reader_that_fails_half_way_leaves_nothing(maps, tmp_path, home):
    good = maps().drop_attrs().rename(valid_time="time").assign_coords(time=[0, 1, 2, 3])
    good["time"].attrs["units"] = "days since 2015-01-10"
    good["pm2p5"].attrs["units"] = "ug m-3"
    good.isel(time=slice(0, 2)).to_netcdf(tmp_path / "a.nc", engine="netcdf4")
    values = good["pm2p5"].isel(time=slice(2, 4)).assign_attrs(units="kg m-3")
    values.to_dataset(name="pm2p5").to_netcdf(tmp_path / "b.nc", engine="netcdf4")
    with pytest.raises(DataError, match="the unit 'kg m-3' looks wrong"):
        library.import_files("grid", [tmp_path / "a.nc", tmp_path / "b.nc"], "mine")
    assert files(home) == set()
    assert not (home / "datasets/mine").exists()


IMPORT = textwrap.dedent(
    """
    import sys, time
    from pathlib import Path
    from engine import library

    def slowly(done, total):
        print(done, flush=True)
        time.sleep(0.2)

    library.import_files("grid", [Path(sys.argv[1])], "mine", replace=True, progress=slowly)
    """
)


@pytest.fixture
def source(maps, tmp_path):
    def write(level):
        dataset = maps(steps=12, level=level).drop_attrs()
        dataset = dataset.rename(valid_time="time").assign_coords(time=np.arange(12))
        dataset["time"].attrs["units"] = "days since 2015-01-10"
        dataset["pm2p5"].attrs["units"] = "ug m-3"
        path = tmp_path / f"maps{level}.nc"
        dataset.to_netcdf(path, engine="netcdf4")
        return path

    return write


def started(path: Path) -> subprocess.Popen:
    """An import in a process of its own that has written its third map."""
    process = subprocess.Popen(
        [sys.executable, "-c", IMPORT, str(path)], stdout=subprocess.PIPE, text=True
    )
    while process.stdout.readline().strip() != "3":
        assert process.poll() is None
    return process


@pytest.mark.parametrize("before", [True, False])
def test_a_killed_import_is_as_if_it_had_not_been(source, home, before):
    if before:
        library.import_files("grid", [source(20)], "mine")
        old = library.open_dataset("mine")["pm2p5"].values
    process = started(source(50))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert list((home / "datasets/mine").glob(".building-*"))  # it was in the middle
    assert ("mine" in library.names()) == before
    if before:
        np.testing.assert_array_equal(library.open_dataset("mine")["pm2p5"].values, old)
    # A second run completes and clears what the first left.
    library.import_files("grid", [source(50)], "mine", replace=before)
    assert not list((home / "datasets/mine").glob(".building-*"))
    values = library.open_dataset("mine")["pm2p5"].values
    assert float(values[0, 0, 0]) == 50


def test_leftovers_of_another_name_are_cleared_too(source, maps, home):
    process = started(source(50))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    library.store(maps(), "other")
    assert [p.name for p in (home / "datasets").iterdir()] == ["other"]


def test_two_imports_of_one_name_do_not_meet(source, maps):
    process = started(source(50))
    with pytest.raises(StorageError, match=r"another import is writing dataset 'mine'. Wait"):
        library.store(maps(), "mine", replace=True)
    library.store(maps(), "other")  # leaves the one under way alone
    assert process.wait(timeout=60) == 0
    process.stdout.close()
    assert float(library.open_dataset("mine")["pm2p5"][0, 0, 0]) == 50


def test_a_big_grid_is_never_in_memory_whole(maps, monkeypatch):
    """The library asks for a step only after it wrote the one before."""
    live, most = 0, 0
    stack_of = __import__("engine.library.importing", fromlist=["_stack_of"])._stack_of

    def counted(dataset):
        stack = stack_of(dataset)

        def read():
            nonlocal live, most
            for step in stack.read():
                live += 1
                most = max(most, live)
                yield step
                live -= 1

        return stack.__class__(**{**vars(stack), "read": read})

    monkeypatch.setattr("engine.library.importing._stack_of", counted)
    library.store(maps(steps=9), "mine")
    assert most == 1


def test_a_kill_between_data_and_record_shows_the_old(maps, monkeypatch, home):
    library.store(maps(), "mine")

    class KilledError(BaseException):
        pass

    def die(*args, **kwargs):
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", at_the_record(die))
        with pytest.raises(KilledError):
            library.store(maps(level=50), "mine", replace=True)
    assert float(library.open_dataset("mine")["pm2p5"][0, 0, 0]) == 20


def test_a_flush_that_fails_after_the_record_counts_costs_no_data(maps, monkeypatch):
    library.store(maps(), "mine")
    replace = Path.replace

    def replaced(path, target):
        result = replace(path, target)
        monkeypatch.setattr(storage, "sync", no_space)
        return result

    monkeypatch.setattr(Path, "replace", at_the_record(replaced))
    with pytest.raises(StorageError, match="the disk is full"):
        library.store(maps(level=50), "mine", replace=True)
    assert float(library.open_dataset("mine")["pm2p5"][0, 0, 0]) == 50
