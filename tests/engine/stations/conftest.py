import datetime as dt
import shutil

import pytest
import torch
from station_worlds import world

from engine import library
from engine.stations.train import train_aqnet
from engine.stations.train_steps import StationTraining

QUICK = StationTraining(steps=80, batch=64, keep_every=40, members=2)
TRAIN_END = dt.date(2015, 1, 19)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A library with an hourly network and weights learned from it; made once, to be copied."""
    path = tmp_path_factory.mktemp("stations")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRLENS_HOME", str(path))
        library.store(world(), "hourly", train_end=TRAIN_END)
        train_aqnet("hourly", path / "weights" / "aqnet-hourly", config=QUICK)
    return path


@pytest.fixture
def own(trained, tmp_path, monkeypatch):
    """A library of this test's own with all that; the folder of the weights."""
    home = tmp_path / "home"
    shutil.copytree(trained, home)
    monkeypatch.setenv("AIRLENS_HOME", str(home))
    return home / "weights" / "aqnet-hourly"
