"""Every model of the catalogue on a pretended GPU: nothing is left behind on the processor."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
import torch
from pretended import WrongSideError, pretended_gpu
from training_maps import months

from engine import library
from engine.inference import run as inference
from engine.inference.catalogue import MODELS
from engine.inference.request import Request
from engine.inference.run import predict
from engine.superresolution.train_airstfm import train_airstfm
from engine.superresolution.train_networks import train_network
from engine.training.weights_folder import WEIGHTS

DAY = dt.date(2015, 1, 10)
NANJING = "118.70,31.95,118.86,32.10"
ASKED = {
    "grid": Request("demo", DAY, "119.5,30.5,120.6,31.3"),
    "stations": Request("demo-stations", DAY, "118,30,122,33", resolution=0.5),
    "mobile": Request("demo-mobile", DAY, NANJING, members=2),
}


def test_the_pretence_refuses_what_a_gpu_refuses(monkeypatch):
    with pretended_gpu(monkeypatch):
        there = torch.ones(3).to("cuda")
        assert there.device.type == "cuda"
        assert (there * 2 + 1)[:2].is_cuda
        assert torch.zeros(2, device=there.device).is_cuda
        assert there.new_zeros(4).is_cuda
        assert torch.ones(2).to(there).is_cuda
        assert not there.cpu().is_cuda
        assert there.cpu().numpy().sum() == 3
        for wrong in (
            lambda: there + torch.ones(3),
            lambda: there.numpy(),
            lambda: torch.arange(3)[there.long()],
            lambda: torch.cat([there, torch.ones(1)]),
        ):
            with pytest.raises(WrongSideError):
                wrong()
        layer = torch.nn.Linear(3, 2).to("cuda")
        assert layer(there).is_cuda
        with pytest.raises(WrongSideError):
            layer(torch.ones(3))


def request_for(model):
    if model == "local-regression":  # learns from years
        if "years" not in library.names():
            library.store(months(), "years", train_end=dt.date(2004, 12, 1))
        return Request("years", dt.date(2005, 6, 1), model=model)
    return replace(ASKED[MODELS[model].kinds[0]], model=model)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """What one model learned from the past another need not learn again."""
    return tmp_path_factory.mktemp("shared")


@pytest.mark.parametrize("model", list(MODELS))
def test_a_model_leaves_nothing_behind(model, monkeypatch, shared):
    monkeypatch.setenv("AIRLENS_HOME", str(shared))
    monkeypatch.setattr(inference, "device_of", lambda wish: torch.device("cuda"))
    with pretended_gpu(monkeypatch) as gpu:
        found = predict(request_for(model))
    assert found["pm2p5"].notnull().any()
    assert found.attrs["device"] == "cuda"
    assert gpu.calls


@pytest.mark.filterwarnings("ignore:User provided device_type of 'cuda'", "ignore:CUDA is not")
@pytest.mark.parametrize("model", ["airstfm", "urbanfm"])
def test_training_leaves_nothing_behind(model, quick, monkeypatch, tmp_path):
    library.store(months(), "years", train_end=dt.date(2004, 12, 1))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "pretended")
    choices = {"steps": 3, "validate_end": dt.date(2005, 12, 1), "device": "cuda"}
    with pretended_gpu(monkeypatch) as gpu:
        if model == "airstfm":
            predicted = train_airstfm("years", tmp_path / "out", **choices)
        else:
            predicted = train_network(model, "years", tmp_path / "out", **choices)
    assert predicted.folder is not None
    assert (predicted.folder / WEIGHTS).is_file()
    assert gpu.calls


@pytest.mark.gpu
@pytest.mark.parametrize("model", list(MODELS))
def test_a_gpu_gives_what_the_processor_gives(model, monkeypatch, shared):
    monkeypatch.setenv("AIRLENS_HOME", str(shared))
    requested = request_for(model)
    here, there = (predict(replace(requested, device=d))["pm2p5"] for d in ("cpu", "cuda"))
    assert there.shape == here.shape
    assert np.isfinite(there.values).sum() == np.isfinite(here.values).sum()
    if model != "stepdiff":  # each device draws noise of its own
        np.testing.assert_allclose(there, here, rtol=2e-3, atol=2e-3)
