"""STeP-Diff from a mobile CSV to a NetCDF of possible courses, as a user goes."""

import datetime as dt
import inspect
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from engine import library
from engine.cli import main
from engine.core.errors import DataError, NotFoundError, RequestError
from engine.forecast import train as steptrainer
from engine.forecast import weights as stepcheckpoint
from engine.forecast.conditions import at_stations
from engine.forecast.networks.stepdiff import StepDiff, StepDiffConfig
from engine.forecast.recipe_stepdiff import StepDiffForecast, own_guess
from engine.forecast.record import gridded, parts_of, record_of
from engine.forecast.train_steps import StepTraining
from engine.inference import catalogue
from engine.inference.request import Request
from engine.inference.run import predict

DAYS = 8
SHAPE = StepDiffConfig(
    blocks=1, channels=8, heads=2, time_code=8, step_code=8, places="coordinates", dropout=0.0,
    sensors=(3, 3),
)  # fmt: skip
TRAINING = StepTraining(steps=3, batch=2, patch=3, check_every=2, members=2)
DAY = dt.date(2024, 1, 7)


def bus(days: int = DAYS, west: float = 88.30) -> pd.DataFrame:
    """A bus that drives to and fro through five cells by day, in India's clock."""
    rng = np.random.default_rng(0)
    rows = []
    for hour in range(24 * days):
        clock = hour % 24
        if not 5 <= clock < 23:
            continue
        for n in range(3):
            stop = (hour + n) % 5
            value = 90 + 25 * np.cos(2 * np.pi * clock / 24) + rng.normal(0, 4)
            when = pd.Timestamp("2024-01-01") + pd.Timedelta(hours=hour, minutes=17 * n)
            place = (22.50 + 0.01 * (stop % 3), west + 0.01 * stop)
            rows.append((f"{when:%Y-%m-%d %H:%M}", *place, round(value, 1)))
    return pd.DataFrame(rows, columns=["time", "latitude", "longitude", "pm2p5"])


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """A library with a city, and the folder of weights trained on it for three steps."""
    home = tmp_path_factory.mktemp("home")
    patch = pytest.MonkeyPatch()
    patch.setenv("AIRLENS_HOME", str(home))
    file = home / "bus.csv"
    bus().to_csv(file, index=False)
    predicted = ["import", "mobile", str(file), "--name", "town", "--utc-offset", "5.5"]
    assert left(predicted) == 0
    patch.setattr(steptrainer, "SIZES", {"small": (SHAPE, TRAINING)})
    folder = home / "weights" / "stepdiff-town"
    assert left(["train", "stepdiff", "--data", "town", "--out", str(folder)]) == 0
    yield folder
    patch.undo()


def left(arguments) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return int(end.value.code or 0)


def test_hours_follow_the_local_clock(own):
    series = gridded(library.open_dataset("town").load(), None, name="town")
    assert str(series["valid_time"].values[0])[11:16] == "18:30"  # midnight in India
    record = record_of(series)
    assert record.hour[:3].tolist() == [0, 1, 2]
    driven = record.flat.isfinite().any(1)[:24].nonzero()[:, 0]
    assert int(driven.min()) == 5
    assert int(driven.max()) == 22


def test_parts_follow_each_other_with_a_gap(own):
    series = gridded(library.open_dataset("town").load(), None, name="town")
    parts = parts_of(series, library.info("town"))
    assert parts.learn == 5 * 24
    assert parts.validate == (parts.learn + 12, 6 * 24)
    assert parts.test == (6 * 24 + 12, len(series["valid_time"]))
    with pytest.raises(RequestError, match="too few"):
        parts_of(series, library.info("town"), dt.date(2024, 1, 3))


def test_a_checkpoint_says_what_it_is_and_comes_back_the_same(own, tmp_path):
    about, network = stepcheckpoint.load(own)
    assert "our reconstruction" in (own / "card.md").read_text()
    assert about.train_end == "2024-01-05"
    stepcheckpoint.save(tmp_path / "again", about, network, "card")
    _, other = stepcheckpoint.load(tmp_path / "again")
    for key, value in network.state_dict().items():
        assert torch.equal(value, other.state_dict()[key])
    (tmp_path / "again" / "weights.safetensors").write_bytes(b"x")
    with pytest.raises(DataError):
        stepcheckpoint.load(tmp_path / "again")


def test_a_csv_becomes_a_netcdf_of_possible_courses(own, tmp_path):
    out = tmp_path / "next.nc"
    requested = ["predict", "stepdiff", "--data", "town", "--date", "2024-01-07", "--hour", "11"]
    assert left([*requested, "--lead-times", "12", "--members", "4", "--out", str(out)]) == 0
    with xr.open_dataset(out) as found:
        assert found["pm2p5"].dims == ("realization", "lead_time", "latitude", "longitude")
        assert found["pm2p5"].shape == (4, 12, 3, 5)
        assert found["realization"].attrs.get("standard_name") == "realization"
        assert found["pm2p5"].attrs["units"] == "ug m-3"
        assert float(found["pm2p5"].min()) >= 0
        assert "reconstruction" in found.attrs["physics"]
        first = found["valid_time"].values[0]
        assert str(first)[:16] == "2024-01-07T06:30"  # 12:00 in India


def test_a_csv_may_stand_for_the_dataset(own, tmp_path, capsys):
    file, out = tmp_path / "my bus.csv", tmp_path / "next.nc"
    bus().to_csv(file, index=False)
    requested = [
        "predict",
        "stepdiff",
        "--data",
        str(file),
        "--utc-offset",
        "5.5",
        "--date",
        "latest",
    ]
    requested += ["--lead-times", "2", "--members", "2", "--out", str(out)]
    assert left(requested) == 0
    assert "as my-bus" in capsys.readouterr().err
    with xr.open_dataset(out) as found:
        assert found.sizes["realization"] == 2
        assert found.attrs["dataset"] == "my-bus"
    assert left(requested) == 0  # not imported twice
    assert "Imported" not in capsys.readouterr().err
    file.write_text(file.read_text() + "2024-01-09 01:00,22.5,88.3,50\n")
    assert left(requested) != 0
    assert "another dataset called 'my-bus'" in capsys.readouterr().err


def masts_of(town: xr.Dataset) -> xr.Dataset:
    """Two fixed stations in the town's cells, with wind."""
    hours = pd.date_range("2023-12-31 18:30", periods=24 * DAYS, freq="h")
    measured = (("pm2p5", "ug m-3", 90.0), ("u10", "m s-1", 2.0), ("v10", "m s-1", 1.0))
    return xr.Dataset(
        {
            name: (
                ("valid_time", "station"),
                np.full((len(hours), 2), value, np.float32),
                {"units": unit},
            )
            for name, unit, value in measured
        },
        {
            "valid_time": hours.values,
            "station": ["a", "b"],
            "name": ("station", ["a", "b"]),
            "latitude": ("station", [22.50, 22.51]),
            "longitude": ("station", [88.30, 88.31]),
        },
        town.attrs | {"kind": "stations", "period": "hour"},
    )


def test_fixed_stations_and_wind_are_used_where_a_network_learned_to(own, tmp_path, capsys):
    library.store(masts_of(library.open_dataset("town")), "masts")
    beside = ["--stations", "masts", "--wind", "masts"]
    folder = own.parent / "stepdiff-town2"
    assert left(["train", "stepdiff", "--data", "town", "--out", str(folder), *beside]) == 0
    about, network = stepcheckpoint.load(folder)
    assert network.config.wind
    assert network.config.stations
    assert about.stations == "masts"
    assert "fixed stations (masts)" in (folder / "card.md").read_text()
    requested = Request("town", DAY, model="stepdiff", hour=11, lead_times=14, members=2)
    valid = replace(requested, stations="masts", wind="masts")
    with pytest.raises(RequestError, match="do not use"):
        predict(valid)
    kept = own.rename(own.parent / "kept")
    folder.rename(own)
    try:
        with pytest.raises(RequestError, match="want wind"):
            predict(requested)
        one = predict(valid)
        assert one.attrs["conditions"] == "fixed stations, wind"
        assert one.attrs["wind_dataset"] == "masts"
        assert np.isfinite(one["pm2p5"].values).all()
        still = predict(replace(valid, stations=""))  # stations may fall silent
        assert np.abs(still["pm2p5"].values - one["pm2p5"].values).max() > 0
    finally:
        own.rename(folder)
        kept.rename(own)
    with pytest.raises(RequestError, match="uses neither"):
        predict(replace(valid, model="persistence"))
    assert left(["train", "airstfm", "--data", "demo", "--out", str(folder), *beside]) != 0


def test_the_same_seed_gives_the_same_members_and_more_hours_go_on(own):
    request = Request("town", DAY, model="stepdiff", hour=11, lead_times=20, members=3)
    one, two = predict(request), predict(request)
    np.testing.assert_array_equal(one["pm2p5"].values, two["pm2p5"].values)
    other = predict(replace(request, seed=1))
    assert np.abs(other["pm2p5"].values - one["pm2p5"].values).max() > 1
    assert one.sizes["lead_time"] == 20
    assert np.isfinite(one["pm2p5"].values).all()
    assert one.attrs["members"] == 3


def test_no_hour_after_the_start_reaches_a_forecast(own):
    series = library.open_dataset("town").load()
    guess = own_guess(gridded(series, None, name="town"), DAY, (0.4, 6.0, 0.4, 48.0, 0.4, 1.0,
                      120.0, 0.02, 0.1), name="town")  # fmt: skip
    network = stepcheckpoint.load(own)[1]
    recipe = StepDiffForecast(guess, 10.0, (1.0,), 6, 2)
    whole = gridded(series, None, name="town")
    past = whole.isel(valid_time=slice(0, 150))
    predicted = recipe.run(
        network, recipe.prepare({"mobile": past}), torch.Generator().manual_seed(0)
    )
    assert predicted["prediction"].shape == (2, 6, 3, 5)
    short = recipe.prepare({"mobile": past.isel(valid_time=slice(145, 150))})
    assert recipe.run(network, short, torch.Generator())["prediction"].isfinite().all()


def test_nothing_measured_lately_is_no_failure(own):
    network = stepcheckpoint.load(own)[1]
    whole = gridded(library.open_dataset("town").load(), None, name="town")
    guess = own_guess(whole, DAY, (0.4, 6.0, 0.4, 48.0, 0.4, 1.0, 120.0, 0.02, 0.1), name="town")
    empty = whole.isel(valid_time=slice(0, 30)).copy(deep=True)
    empty["pm2p5"][:] = np.nan
    recipe = StepDiffForecast(guess, 10.0, (1.0,), 6, 2)
    predicted = recipe.run(network, recipe.prepare({"mobile": empty}), torch.Generator())
    assert predicted["prediction"].isfinite().all()


def test_fixed_stations_lie_in_their_cells(own):
    series = gridded(library.open_dataset("town").load(), None, name="town")
    times = series["valid_time"].values[:4]
    stations = xr.Dataset(
        {"pm2p5": (("valid_time", "station"), np.arange(8.0).reshape(4, 2))},
        coords={
            "valid_time": times,
            "latitude": ("station", [22.501, 25.0]),
            "longitude": ("station", [88.322, 88.3]),
        },
    )
    found = at_stations(series, stations)
    assert found.isfinite().sum() == 4  # the second lies elsewhere
    assert found[:4, 2, 2].tolist() == [0, 2, 4, 6]


def test_what_cannot_be_done_is_said_in_a_sentence(own, tmp_path, capsys):
    with pytest.raises(RequestError, match="learns from mobile samples"):
        steptrainer.train_stepdiff("demo-stations", tmp_path / "w")
    with pytest.raises(RequestError, match="101 members"):
        Request("town", DAY, members=101)
    with pytest.raises(RequestError, match="too few for a first guess"):
        predict(Request("town", DAY, model="stepdiff", train_end=dt.date(2023, 12, 1)))
    with pytest.raises(NotFoundError, match="there are no weights"):
        stepcheckpoint.load(tmp_path)
    assert catalogue.find("stepdiff").kinds == ("mobile",)


def test_the_bench_measures_the_preset_that_ships():
    from engine.research.bench.forecast import measure

    assert inspect.signature(measure).parameters["shape"].default is steptrainer.SMALL
    found = measure(SHAPE, members=2, threads=1)
    assert found["seconds"] > 0
    assert found["cells"] == 100


def test_a_network_of_the_published_size_can_be_built():
    assert isinstance(StepDiff(steptrainer.PAPER), StepDiff)
