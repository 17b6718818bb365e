"""Stations hidden for good, and what a fit at the station itself gives."""

import numpy as np
import pytest
import torch
from station_worlds import world

from engine import library
from engine.research.aqnet import setup as known
from engine.research.aqnet import splits, upper_bound
from engine.research.aqnet.baselines import kriging
from engine.research.aqnet.setup import Setup, setup
from engine.research.aqnet.splits import Split, hidden_of
from engine.stations.networks.neighbourhood import Record
from engine.stations.record import OTHERS, record_of
from engine.stations.train import plain_network
from engine.stations.train_steps import StationTraining

QUICK = StationTraining(steps=4, batch=16, members=1)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path))
    monkeypatch.setitem(known.GAPS, "hour", 6)
    library.store(world(hours=600, stations=9), "net")
    return setup("net")


def test_far_hides_those_whose_neighbours_are_farthest(here):
    away = [here.nearest_km(s, range(9)) for s in range(9)]
    hidden = hidden_of(here, Split("", "net", "far", 0.2, QUICK, 1))
    assert len(hidden) == 2
    assert min(away[s] for s in hidden) >= max(away[s] for s in range(9) if s not in hidden)
    by_chance = hidden_of(here, Split("", "net", "chance", 0.34, QUICK, 1))
    assert len(by_chance) == 3 == len(set(by_chance))


def test_a_hidden_station_is_reported_from_visible_ones_alone(here, monkeypatch):
    split = Split("", "net", "far", 0.2, QUICK, 6)
    hidden = hidden_of(here, split)
    first = splits.measure(split)
    assert set(first["scores"]) == {
        *(f"inverse distance, exponent {p}" for p in (1, 2, 3)),
        "ordinary kriging",
        "space-time kriging",
        "kriging of logarithms",
        "boosted trees",
        splits.START,
        splits.OWN,
    }
    # Other readings at hidden stations change what they are scored on, and no model's answer.
    predicted = splits.network(here, hidden, split).value
    wild = here.record.readings.clone()
    wild[:, hidden] *= 3
    record = Record(wild, here.record.others, here.record.clock, here.record.places)
    readings = wild.double().numpy()
    other = Setup(
        here.about,
        here.names,
        record,
        plain_network(record),
        here.parts,
        here.dates,
        here.others,
    )
    assert not np.allclose(readings, here.plain.readings, equal_nan=True)
    np.testing.assert_array_equal(splits.network(other, hidden, split).value, predicted)
    ours, theirs = (splits.baselines(k, hidden, split) for k in (here, other))
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def test_hours_with_the_same_gaps_share_a_system_and_others_do_not():
    data = world(hours=60, stations=6)
    record = record_of(data, OTHERS)
    net = plain_network(record)
    net.readings[5, 2] = np.nan
    net.readings[7, [0, 3]] = np.nan
    from engine.core.covariance import Covariance

    covariance = Covariance(100.0, 0.05, memory=10.0)
    whole = kriging(net, 1, [0, 2, 3, 4, 5], covariance)
    for hour in (4, 5, 7):
        seen = [s for s in (0, 2, 3, 4, 5) if np.isfinite(net.readings[hour, s])]
        assert kriging(net, 1, seen, covariance)[hour] == pytest.approx(whole[hour], rel=1e-6)


def test_a_fit_at_the_station_itself_knows_what_sets_it_apart(here):
    net, end = here.plain, here.parts.train
    base = kriging(net, 0, range(1, 9), splits.fit_covariance(net, range(1, 9), end))
    net.readings[:, 0] = base + 0.5 * (net.readings[:, 3] - base)  # a neighbour knows it
    predicted = upper_bound.predicted_alone(net, 0, base, end, trees=20)
    later = slice(here.parts.test, None)
    error = {
        name: np.nanstd(values[later] - net.readings[later, 0])
        for name, values in predicted.items()
    }
    plain = np.nanstd(base[later] - net.readings[later, 0])
    assert error["ridge regression"] < 0.5 * plain
    assert error["boosted trees"] < plain


def test_the_worst_hundredth_and_the_best_mixture():
    target = np.zeros((1000, 1))
    predicted = np.ones((1000, 1))
    predicted[:10] = 10.0
    assert upper_bound.in_few_hours(target, predicted) == pytest.approx(1000 / 1990)
    random = np.random.default_rng(0)
    target = random.normal(size=(500, 2))
    apart = {"a": target + random.normal(size=(500, 2)), "b": target + random.normal(size=(500, 2))}
    mixed = upper_bound.mixture(target, apart)
    assert mixed["rmse"] < 0.65
    assert mixed["weights"]["a"] == pytest.approx(mixed["weights"]["b"], abs=0.1)


def test_what_was_made_once_is_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path))
    made = []

    def make():
        made.append(1)
        return {"a": np.arange(3, dtype=np.float32)}

    for _ in range(2):
        assert known.kept("text", make)["a"].tolist() == [0, 1, 2]
    known.kept("other", make)
    assert len(made) == 2
    assert torch.get_num_threads() >= 1
