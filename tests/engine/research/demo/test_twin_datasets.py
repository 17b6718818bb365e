"""From a run of the demo world to datasets, the shipped files and `airlens demo build`."""

import datetime as dt

import numpy as np
import pytest

from engine import library
from engine.cli import main
from engine.core.schema import check
from engine.research.demo import build_demo
from engine.twin import datasets, shipped
from engine.twin.datasets import Window, World
from engine.twin.places import places
from engine.twin.world import Day

WINDOWS = [Window(dt.date(2015, 1, 30), 3), Window(dt.date(2015, 7, 1), 2)]


@pytest.fixture
def quick(monkeypatch):
    """A world of no weather: each day's map is even, and predicts its date and seed."""

    def simulate(days, seed, start, *, latitude, longitude):
        for n in range(days):
            date = start + dt.timedelta(days=n)
            level = 10 * seed + date.day + 0.26
            hours = np.full((24, len(latitude)), level, np.float32)
            yield Day(date, np.full((800, 720), level, np.float32), hours)

    monkeypatch.setattr(datasets, "simulate", simulate)


def read(world):
    return {position: values for position, values in world.maps().read()}


def test_maps_are_of_local_days_and_the_sea_is_empty(quick):
    world = World(WINDOWS, seed=3)
    stack = world.maps()
    steps = dict(stack.read())
    assert stack.shape == (5, 800, 720)
    assert str(stack.valid_time[0]) == "2015-01-29T16:00:00.000000000"
    land = places().land
    for position, level in enumerate((60.3, 61.3, 31.3, 31.3, 32.3)):
        np.testing.assert_allclose(steps[position][land], level, rtol=1e-6)
        assert np.isnan(steps[position][~land]).all()


def test_stations_and_fleet_come_from_the_same_run(quick):
    world = World(WINDOWS, seed=3)
    with pytest.raises(RuntimeError, match="maps come first"):
        world.stations()
    read(world)
    stations, mobile, cells = world.stations(), world.mobile(), world.cells()
    for dataset in (stations, mobile):
        check(dataset, where="here")
        assert dataset.attrs["synthetic"] == 1
        assert "simulated (seed 3)" in dataset.attrs["source"]
    assert stations.sizes["valid_time"] == 5 * 24
    first = stations["pm2p5"].isel(valid_time=slice(0, 24)).mean()
    assert float(first) == pytest.approx(60.3, rel=0.05)
    # The fleet drives in the last window.
    assert cells.sizes == {"valid_time": 48, "latitude": 10, "longitude": 10}
    assert str(cells["valid_time"].values[0]) == "2015-06-30T16:00:00.000000000"
    assert float(mobile["pm2p5"].mean()) == pytest.approx(31.8, rel=0.1)


@pytest.mark.parametrize(
    "windows",
    [[], WINDOWS[::-1], [WINDOWS[0], Window(dt.date(2015, 2, 1), 2)]],
)
def test_windows_out_of_order_are_refused(windows):
    with pytest.raises((ValueError, IndexError)):
        World(windows, seed=1)


def test_what_is_written_is_what_is_read(quick, tmp_path, monkeypatch):
    world = World(WINDOWS, seed=3)
    monkeypatch.setattr(shipped, "FOLDER", tmp_path / "demo")
    shipped.demo_info.cache_clear()
    build_demo.write(world, tmp_path / "demo", train_end=dt.date(2015, 2, 1))
    try:
        record = dict(shipped.demo_info())
        assert list(record) == ["demo", "demo-stations", "demo-mobile"]
        assert record["demo"]["train_end"] == "2015-02-01"
        assert record["demo"]["bounds"] == [116.0, 27.0, 123.2, 35.0]
        maps = shipped.open_demo("demo")
        check(maps, where="demo")
        land = places().land
        np.testing.assert_allclose(
            maps["pm2p5"].values[4][land], 32.3, atol=build_demo.SCALE / 2 + 1e-4
        )
        assert np.isnan(maps["pm2p5"].values[:, ~land]).all()
        for name, made in (("demo-stations", world.stations()), ("demo-mobile", world.mobile())):
            back = check(shipped.open_demo(name), where=name)
            assert back["pm2p5"].dtype == np.float32
            np.testing.assert_allclose(back["pm2p5"], made["pm2p5"], atol=0.051)
            np.testing.assert_array_equal(back["valid_time"], made["valid_time"])
            np.testing.assert_allclose(back["latitude"], made["latitude"], atol=1.1e-5)
        assert (shipped.open_demo("demo-mobile")["device"] == world.mobile()["device"]).all()
        np.testing.assert_allclose(
            shipped.demo_cells()["pm2p5"], world.cells()["pm2p5"], atol=0.051
        )
    finally:
        shipped.demo_info.cache_clear()


def test_the_command_builds_three_datasets(quick, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path))
    words = ["demo", "build", "--days", "3", "--seed", "4", "--start", "2016-02-28"]
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 0
    assert "world-4-stations" in capsys.readouterr().out
    assert {"world-4", "world-4-mobile", "world-4-stations"} <= set(library.names())
    about = library.info("world-4")
    assert (about.start, about.end) == (dt.date(2016, 2, 28), dt.date(2016, 3, 1))
    assert about.synthetic
    assert library.open_dataset("world-4-stations").sizes["valid_time"] == 72


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--days", "0"], "--days 0 is not between 1 and"),
        (["--start", "yesterday"], "'yesterday' is no date"),
        (["--seed", "-1"], "--seed -1 is negative"),
        (["--name", "demo"], "is a name of the demo world"),
        (["--name", "../out"], "out"),
    ],
)
def test_a_wrong_call_says_so_before_any_work(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path))
    with pytest.raises(SystemExit) as left:
        main(["demo", "build", *words])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as left:
        main(["demo", "build", "--help"])
    assert left.value.code == 0
    out = capsys.readouterr().out
    for option in ("--days", "--seed", "--start", "--name", "--replace"):
        assert option in out
