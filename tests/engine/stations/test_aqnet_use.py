"""AQ-Net from a dataset to a map: better than what it corrects, on its network and on others."""

import datetime as dt
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from station_worlds import world

from engine import library
from engine.cli import main
from engine.core.errors import DataError, NotFoundError, RequestError, StorageError
from engine.inference.evaluation import evaluate
from engine.inference.request import Request
from engine.inference.run import open_run, predict
from engine.library.weights_table import weights_for
from engine.research.aqnet.folds import Parts, run_fold
from engine.stations import recipe_aqnet
from engine.stations import record as stationrecord
from engine.stations import weights as stationcheckpoint
from engine.stations.networks.neighbourhood import nearest
from engine.stations.networks.reanalysis import Reanalysis, ReanalysisConfig
from engine.stations.record import OTHERS, clock_of, estimate, record_of, whole_axis
from engine.stations.train import shape_for, train_aqnet
from engine.stations.train_steps import StationTraining
from engine.stations.weights import StationCheckpoint

DAY = dt.date(2015, 1, 24)


def weights_as(own, name):
    shutil.copytree(own, own.parent / f"aqnet-{name}")


def said(*arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    predicted = capsys.readouterr()
    return left.value.code, predicted.out + predicted.err


def test_it_beats_what_it_corrects_in_hours_it_has_not_seen(own):
    request = Request("hourly", DAY, hour=12)
    scores = evaluate(request, ["idw", "aqnet"], dt.date(2015, 1, 22), dt.date(2015, 1, 25))
    assert scores["aqnet"]["rmse"] < 0.6 * scores["idw"]["rmse"]
    assert scores["aqnet"]["dates_in_training_period"] == 0


def test_an_answer_keeps_the_contract(own):
    result = predict(Request("hourly", DAY, model="aqnet", hour=3, resolution=0.1))
    assert result["pm2p5"].dims == ("valid_time", "latitude", "longitude")
    for name in ("pm2p5", "uncertainty", "observed", "leave_one_out"):
        assert result[name].attrs["units"] == "ug m-3"
    assert (result["pm2p5"] > 0).all()
    assert (result["uncertainty"] > 0).all()
    assert result["station_distance"].attrs["units"] == "km"
    stations = library.open_dataset("hourly")
    local = stations["valid_time"] + np.timedelta64(8, "h")
    here = stations.isel(valid_time=int(np.flatnonzero(local == np.datetime64("2015-01-24T03"))[0]))
    assert np.array_equal(result["observed"].values[0], here["pm2p5"].values, equal_nan=True)
    assert result["valid_time"].values[0] == here["valid_time"].values
    assert np.array_equal(
        np.isnan(result["leave_one_out"].values), np.isnan(result["observed"].values)
    )
    about, _ = stationcheckpoint.load(own)
    assert result.attrs["weights_sha256"] == about.sha256
    assert result.attrs["in_training_period"] == 0
    assert "a test" in result.attrs["model_note"]


def test_a_day_is_the_mean_of_its_hours(own):
    whole = predict(Request("hourly", DAY, model="aqnet", resolution=0.2))
    hours = [
        predict(Request("hourly", DAY, model="aqnet", resolution=0.2, hour=h)) for h in range(24)
    ]
    mean = np.mean([h["pm2p5"].values for h in hours], axis=0)
    assert np.allclose(whole["pm2p5"].values, mean, rtol=1e-5)
    assert np.allclose(
        whole["observed"].values,
        np.nanmean([h["observed"].values for h in hours], axis=0),
        rtol=1e-5,
        equal_nan=True,
    )


def test_leave_one_out_does_not_know_the_station(own):
    before = predict(Request("hourly", DAY, model="aqnet", hour=3))["leave_one_out"].values[0]
    changed = library.open_dataset("hourly").load().copy(deep=True)
    changed["pm2p5"][:, 4] = 500
    changed["no2"][:, 4] = 500
    library.store(changed, "changed", train_end=dt.date(2015, 1, 19))
    weights_as(own, "changed")
    after = predict(Request("changed", DAY, model="aqnet", hour=3))["leave_one_out"].values[0]
    assert after[4] == pytest.approx(before[4], rel=1e-5)
    assert abs(after - before)[[0, 1, 2, 3]].max() > 1


def test_another_network_will_do_without_weather_and_with_other_places(own):
    other = world(60, 25, seed=5, corner=(30.0, 120.0), extra=False)
    other = other.assign_attrs(source="elsewhere")
    library.store(other, "other")
    weights_as(own, "other")
    result = predict(Request("other", dt.date(2015, 1, 11), model="aqnet", hour=1))
    assert np.isfinite(result["pm2p5"].values).all()
    assert result.attrs["in_training_period"] == 0
    error = result["leave_one_out"] - result["observed"]
    plain = predict(Request("other", dt.date(2015, 1, 11), model="idw", hour=1))
    worse = plain["leave_one_out"] - plain["observed"]
    assert float((error**2).mean()) < float((worse**2).mean())


def test_one_station_makes_a_map_and_no_score(own):
    library.store(world(60, 1), "lonely")
    weights_as(own, "lonely")
    result = predict(Request("lonely", dt.date(2015, 1, 11), model="aqnet", hour=1))
    assert np.isfinite(result["pm2p5"].values).all()
    assert np.isnan(result["leave_one_out"].values).all()


def test_hours_that_are_missing_in_the_file_are_gaps(own):
    whole = library.open_dataset("hourly").load()
    step = int(np.flatnonzero(whole["valid_time"] == np.datetime64("2015-01-23T19"))[0])
    holes = whole.isel(valid_time=np.delete(np.arange(400), [step - 1, step + 1]))
    blanked = whole.copy(deep=True)
    for name in ("pm2p5", "no2", "u10"):
        blanked[name][[step - 1, step + 1]] = np.nan
    found = []
    for name, data in (("holes", holes), ("blanked", blanked)):
        library.store(data, name)
        weights_as(own, name)
        found.append(predict(Request(name, DAY, model="aqnet", hour=3))["leave_one_out"].values)
    assert np.array_equal(*found, equal_nan=True)
    assert not np.array_equal(
        found[0], predict(Request("hourly", DAY, model="aqnet", hour=3))["leave_one_out"].values
    )


def test_a_large_map_is_drawn_between_nodes_and_hardly_differs(own, monkeypatch):
    monkeypatch.setattr(recipe_aqnet, "MOST_KRIGED", 10**9)
    run = open_run(Request("hourly", DAY, model="aqnet", hour=3, resolution=0.01))
    exact = run.predict(DAY)
    monkeypatch.setattr(recipe_aqnet, "MOST_KRIGED", 1500)
    drawn = run.predict(DAY)
    away = abs(np.log(drawn["pm2p5"].values / exact["pm2p5"].values))
    assert 0 < np.median(away) < 0.01
    assert np.quantile(away, 0.99) < 0.1


def test_inverse_distance_of_the_map_is_the_networks(own):
    record = record_of(whole_axis(library.open_dataset("hourly").load()), ())
    network = Reanalysis(ReanalysisConfig(base="idw")).eval()
    points = record.places[:5] + 0.02
    near = recipe_aqnet.nearest(points, record.places, 12)
    with torch.no_grad():
        for step in (0, 57, 399):
            requested = torch.tensor([step])
            theirs = recipe_aqnet.estimate(network, record, requested, near, points).interpolated
            ours = recipe_aqnet.interpolated(network, record, step, near, points)
            assert torch.allclose(ours, theirs, rtol=1e-3)


def test_the_local_clock():
    predicted = clock_of(world(30))
    # The record begins at 16:00 UTC, which is midnight of 10 January in China.
    assert predicted[0].tolist() == pytest.approx([0, 9 / 365.25])
    assert predicted[13].tolist() == pytest.approx([13 / 24, 9 / 365.25])


def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path / "home"))
    library.store(world(), "hourly", train_end=dt.date(2015, 1, 19))
    config = StationTraining(steps=8, batch=16, keep_every=2)
    train_aqnet("hourly", tmp_path / "once", config=config)
    requested = iter([False] * 5 + [True])
    halted = train_aqnet(
        "hourly", tmp_path / "twice", config=config, cancelled=lambda: next(requested)
    )
    assert halted.folder is None
    assert halted.step == 5
    train_aqnet("hourly", tmp_path / "twice", config=config)
    one, two = (stationcheckpoint.load(tmp_path / n)[0].sha256 for n in ("once", "twice"))
    assert one == two
    with pytest.raises(StorageError, match="other choices"):
        train_aqnet("hourly", tmp_path / "twice", config=replace(config, seed=1))


def test_later_readings_do_not_reach_the_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path / "home"))
    data = world()
    library.store(data, "one", train_end=dt.date(2015, 1, 19))
    data["pm2p5"][240:] *= 3  # from 20 January on
    data["no2"][240:] *= 3
    library.store(data, "two", train_end=dt.date(2015, 1, 19))
    shas = []
    for name in ("one", "two"):
        train_aqnet(name, tmp_path / name, config=StationTraining(steps=4, batch=16))
        shas.append(stationcheckpoint.load(tmp_path / name)[0].sha256)
    assert shas[0] == shas[1]


def test_a_fold_never_sees_what_it_hides(tmp_path):
    data = whole_axis(world())
    parts = Parts.of(400, 12)
    assert (parts.train, parts.calibrate, parts.test) == (296, (308, 308), 320)
    record = record_of(data, ("u10",))
    spoilt = replace(record, readings=record.readings.clone(), others=record.others.clone())
    spoilt.readings[:, 2] = 1.0
    spoilt.others[:, 2] = 9.0
    config = StationTraining(steps=3, batch=16)
    shape = replace(shape_for(record_of(data, OTHERS), "hour", 296), others=("u10",))
    one, two = (
        run_fold(r, [2], parts, tmp_path, shape=shape, training=config) for r in (record, spoilt)
    )
    assert np.array_equal(one.value, two.value, equal_nan=True)
    assert np.isnan(one.value[: parts.test]).all()
    assert np.isfinite(one.value[parts.test :]).all()
    again = run_fold(record, [2], parts, tmp_path, shape=shape, training=config)
    assert np.array_equal(again.value, one.value, equal_nan=True)


def test_card_and_intervals_say_what_they_are(own):
    text = (own / "card.md").read_text()
    assert "Synthetic data" in text
    assert "2015-01-19" in text
    about, _ = stationcheckpoint.load(own)
    assert isinstance(about, StationCheckpoint)
    assert about.factor > 0
    assert 0 < about.inner < 1.645


def test_train_by_command(own, capsys, tmp_path):
    code, text = said(
        *("train", "aqnet", "--data", "hourly", "--steps", "2", "--out", str(tmp_path / "w")),
        capsys=capsys,
    )
    assert code == 0, text
    assert "each station from the others" in " ".join(text.split())
    assert (tmp_path / "w" / "config.json").is_file()


def test_faults_are_said(own, tmp_path):
    library.store(world(60, 2), "few")
    with pytest.raises(RequestError, match="three or more stations"):
        train_aqnet("few", tmp_path / "w")
    with pytest.raises(RequestError, match="too few"):
        train_aqnet("hourly", tmp_path / "w", train_end=dt.date(2014, 1, 1))
    monthly = world(3, 5).assign_attrs(period="month")
    monthly["valid_time"] = np.array(["2015-01", "2015-02", "2015-03"], "datetime64[ns]")
    library.store(monthly, "monthly")
    with pytest.raises(NotFoundError, match="no weights of aqnet for data of one month"):
        predict(Request("monthly", dt.date(2015, 1, 1), model="aqnet"))
    (own / "weights.safetensors").write_bytes(b"no")
    with pytest.raises(DataError, match="not those the configuration names"):
        predict(Request("hourly", DAY, model="aqnet"))
    (own / "config.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        predict(Request("hourly", DAY, model="aqnet"))


def test_shares_are_checked():
    with pytest.raises(ValueError, match="share below 1"):
        StationTraining(bare=1.0)
    with pytest.raises(ValueError, match="at least 1"):
        StationTraining(steps=0)


def test_cores_side_by_side_tell_the_same(monkeypatch):
    record = record_of(whole_axis(world(hours=60)), ())
    torch.manual_seed(0)
    network = Reanalysis(ReanalysisConfig(base="kriging", width=8, heads=2, inner=8)).eval()
    torch.nn.init.normal_(network.head.weight)
    near = nearest(record.places, record.places, 12, themselves=True)
    requested = (network, record, torch.arange(60), near, record.places)
    with torch.inference_mode():
        plain = estimate(*requested)
        torch.set_num_threads(2)
        monkeypatch.setattr(stationrecord, "PLACES_AT_ONCE", 32)
        monkeypatch.setattr(stationrecord, "MANY", 2)
        both = estimate(*requested)
    assert torch.get_num_threads() == 2
    assert both.value.is_inference()
    assert torch.allclose(plain.value, both.value, rtol=1e-4)
    assert torch.allclose(plain.scale, both.scale, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "period", "ending"),
    [
        ("other", "hour", "hour"),
        ("other", "day", "day"),
        ("demo-stations", "hour", "demo-stations"),
    ],
)
def test_shipped_weights_are_small_and_whole(name, period, ending, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path))
    about = SimpleNamespace(name=name, period=period, synthetic=False)
    folder = weights_for(about, "aqnet")
    assert folder.name == f"aqnet-{ending}"
    assert sum(file.stat().st_size for file in folder.iterdir()) < 5_000_000
    about, network = stationcheckpoint.load(folder)
    assert about.period == period
    assert about.members == len(network.members) >= 2
    bases = {"hour": "carried", "day": "log-kriging", "demo-stations": "carried"}
    assert network.config.base == bases[ending]
    assert (about.factor > 0) & (about.inner > 0)
    assert about.synthetic == (ending == "demo-stations")
