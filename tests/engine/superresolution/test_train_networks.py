"""The networks that AirSTFM is compared with, from a dataset to a map."""

import datetime as dt
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from training_maps import TINY
from typer.testing import CliRunner

from engine.cli import app
from engine.core.errors import DataError, EngineError
from engine.core.paths import ROOT, home
from engine.inference import catalogue
from engine.inference.evaluation import evaluate
from engine.inference.request import Request
from engine.inference.run import predict
from engine.library import weights_table
from engine.superresolution import train_airstfm, train_networks, weights
from engine.superresolution.networks import networks
from engine.superresolution.train_networks import train_network

DATE = dt.date(2015, 1, 20)


@pytest.fixture
def small(monkeypatch):
    for name, fields in TINY.items():
        kind = networks.NETWORKS[name]
        presets = {"small": replace(kind.presets["small"], **fields)}
        monkeypatch.setitem(networks.NETWORKS, name, replace(kind, presets=presets))
    way = replace(
        train_airstfm.RECIPES["small"],
        steps=2,
        batch=1,
        crop=3,
        check_every=1,
        flow_frozen=0,
        warm_up=1,
    )
    monkeypatch.setitem(train_airstfm.RECIPES, "small", way)


def test_the_lists_of_networks_agree():
    assert tuple(networks.NETWORKS) == catalogue.NETWORKS
    learned = re.search(r"^LEARNED := (.+)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert ("airstfm", *learned[1].split(",")) == catalogue.NETWORKS
    for name in catalogue.NETWORKS:
        assert catalogue.MODELS[name].title == networks.NETWORKS[name].title


@pytest.mark.parametrize(("size", "loss"), [("small", "mse"), ("paper", "charbonnier")])
def test_networks_of_the_papers_size_learn_as_published(size, loss, daily, tmp_path, monkeypatch):
    found = []

    def learn(network, known, config, *_, **__):
        found.append(config)
        raise InterruptedError

    monkeypatch.setattr(train_networks, "learn", learn)
    with pytest.raises(InterruptedError):
        train_network("mana", daily, tmp_path, size=size)
    assert found[0].loss == loss
    assert (found[0].learning_rate == 1e-4) == (size == "paper")
    assert found[0].pretext_steps == 0


@pytest.mark.parametrize("model", TINY)
def test_trained_it_predicts(model, daily, small):
    folder = home() / "weights" / f"{model}-daily"
    done = train_network(model, daily, folder)
    assert done.folder == folder
    answer = predict(Request(daily, DATE, model=model))
    assert answer["pm2p5"].notnull().equals(answer["target"].notnull())
    assert "uncertainty" not in answer
    assert answer.attrs["weights_sha256"] == weights.describe(folder).sha256
    assert answer.attrs["training_end"] == weights.describe(folder).train_end
    scores = evaluate(Request(daily, DATE), [model, "bilinear"], DATE, DATE)
    # Two steps from the map it starts from, it is still about as good.
    assert scores[model]["rmse"] < 2 * scores["bilinear"]["rmse"]
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert card.startswith(f"# {networks.NETWORKS[model].title} weights: daily")
    assert networks.NETWORKS[model].source in card
    assert f"block means are {'exact' if model == 'urbanfm' else 'not exact'}" in card
    assert "interval" not in card


def test_an_untrained_video_network_gives_the_bilinear_map(daily, small, monkeypatch):
    way = train_airstfm.RECIPES["small"]
    monkeypatch.setitem(train_airstfm.RECIPES, "small", replace(way, steps=1))
    monkeypatch.setitem(train_networks.SLOWLY, "learning_rate", 1e-12)
    train_network("basicvsr", daily, home() / "weights" / "basicvsr-daily")
    ours = predict(Request(daily, DATE, model="basicvsr"))
    plain = predict(Request(daily, DATE, model="bilinear"))
    assert plain["pm2p5"].notnull().all(), "otherwise gaps are filled in one and 0 in the other"
    np.testing.assert_allclose(ours["pm2p5"], plain["pm2p5"], rtol=1e-4)


def test_the_same_seed_gives_the_same_weights(daily, small, tmp_path):
    for folder in ("one", "two"):
        train_network("edvr", daily, tmp_path / folder, seed=3)
    train_network("edvr", daily, tmp_path / "other", seed=4)
    one, two, other = (weights.describe(tmp_path / n).sha256 for n in ("one", "two", "other"))
    assert one == two != other


def test_the_command_trains_and_says_when_it_cannot(daily, small, monkeypatch, tmp_path):
    runner = CliRunner()
    predicted = runner.invoke(
        app, ["train", "mana", "--data", "daily", "--out", str(tmp_path / "w")]
    )
    assert predicted.exit_code == 0, predicted.output
    assert "best at step" in predicted.output
    assert "interval" not in predicted.output
    monkeypatch.setattr(weights_table, "ASSETS", tmp_path)  # where no weights ship
    with pytest.raises(EngineError, match="airlens train mana --data daily"):
        predict(Request(daily, DATE, model="mana"))
    with pytest.raises(EngineError, match="EDVR knows factor 8 and not 4"):
        predict(Request(daily, DATE, model="edvr", factor=4))


def test_weights_of_another_network_are_refused(daily, small, tmp_path):
    train_network("urbanfm", daily, tmp_path)
    with pytest.raises(DataError, match="weights of urbanfm, not of AirSTFM"):
        weights.load(tmp_path)
    about, network = weights.load_network(tmp_path)
    assert about.model == "urbanfm"
    assert isinstance(network, torch.nn.Module)
    assert not network.training
