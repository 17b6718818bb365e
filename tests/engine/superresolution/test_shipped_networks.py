"""The weights that ship for the networks AirSTFM is compared with."""

import datetime as dt

import numpy as np
import pytest

from engine.core.paths import ASSETS
from engine.inference import catalogue
from engine.inference.request import Request
from engine.inference.run import predict
from engine.superresolution import weights
from engine.superresolution.networks.networks import NETWORKS

COMPARED = tuple(name for name in NETWORKS if name != "airstfm")
SHIPPED = sorted(
    folder
    for name in COMPARED
    for folder in (ASSETS / "weights").glob(f"{name}-*")
    if folder.name.removeprefix(f"{name}-") in ("day", "month", "hour")
)
ROWS = ("trained on", "licence of the data", "learned from", "stopped by", "grid", "network")


def test_some_ship():
    assert SHIPPED
    assert sum(file.stat().st_size for folder in SHIPPED for file in folder.iterdir()) < 25e6


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_a_shipped_set_loads_and_says_what_it_is(folder):
    about, _ = weights.load_network(folder)
    assert folder.name == f"{about.model}-{about.period}"
    assert (folder / "weights.safetensors").stat().st_size <= 5_000_000
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert card.startswith(f"# {NETWORKS[about.model].title} weights: ")
    for row in ROWS:
        assert f"| {row} | " in card
    assert about.trained_on in card
    assert ("**Synthetic data**" in card) == ("simulated" in about.trained_on)


@pytest.mark.parametrize("folder", [f for f in SHIPPED if f.name.endswith("-day")], ids=str)
def test_a_shipped_set_maps_a_day_of_the_demo(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path))
    model = folder.name.removesuffix("-day")
    requested = Request("demo", dt.date(2015, 1, 20), "121,31,121.6,31.5", model)
    answer = predict(requested)
    assert answer.attrs["weights_sha256"] == weights.describe(folder).sha256
    assert answer["pm2p5"].notnull().equals(answer["target"].notnull())
    plain = predict(Request("demo", dt.date(2015, 1, 20), "121,31,121.6,31.5", "copy"))
    ours, flat = (float(np.sqrt((z["error"] ** 2).mean())) for z in (answer, plain))
    assert ours < 1.1 * flat
    assert catalogue.MODELS[model].title == NETWORKS[model].title
