"""The model that a page opens with can be used, and is the best of those."""

import datetime as dt
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine import library
from engine.inference import catalogue, ranking, restore_choice

ROOT = Path(__file__).resolve().parents[3]
TASKS = ("super-resolution", "reanalysis")


def record(
    *,
    start=2000,
    end=dt.date(2010, 12, 31),
    cells=(100, 100),
    valid=50,
    kind="grid",
    period="month",
):
    return SimpleNamespace(
        name="mine",
        kind=kind,
        period=period,
        start=dt.date(start, 1, 1),
        train_end=end,
        synthetic=False,
        shape={"valid_time": 10, "latitude": cells[0], "longitude": cells[1], "station": valid},
    )


def without_weights(about, model):
    raise catalogue.NotFoundError("none")


def test_the_default_needs_what_is_there(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "weights_for", without_weights)
    assert ranking.ranked(TASKS, record())[:2] == ["bicubic-ratio", "local-regression"]
    assert ranking.ranked(TASKS, record(end=dt.date(2000, 4, 30)))[0] == "bicubic-ratio"
    # A few weeks, or no training part, have no ratios by month.
    assert ranking.ranked(TASKS, record(end=dt.date(2000, 2, 28)))[0] == "bicubic"
    assert ranking.ranked(TASKS, record(end=None))[0] == "bicubic"
    (tmp_path / "config.json").touch()
    monkeypatch.setattr(catalogue, "weights_for", lambda about, model: tmp_path)
    # A network is no default by itself: it has to be shown to be better.
    assert ranking.ranked(TASKS, record())[0] == "bicubic-ratio"
    assert ranking.ranked(TASKS, record(), first="airstfm")[0] == "airstfm"
    # On a large grid it is offered, but a day that takes many seconds is no way to begin.
    large = ranking.ranked(TASKS, record(cells=(1400, 2200)), first="airstfm")
    assert large[0] == "bicubic-ratio"
    assert "airstfm" in large


@pytest.mark.parametrize("period", ["day", "month"])
def test_every_network_is_offered_with_what_ships(period, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path))
    offered = ranking.ranked(("super-resolution",), record(period=period))
    assert set(catalogue.NETWORKS) <= set(offered)
    if period == "day" and "demo" in library.names():
        assert set(catalogue.NETWORKS) <= set(ranking.ranked(TASKS, library.info("demo")))


def test_the_demo_opens_with_airstfm():
    if "demo" not in library.names():
        pytest.skip("the demo is not here")
    about = library.info("demo")
    taken = restore_choice.known(about)
    assert (taken.model, taken.reason) == ("airstfm", "better")
    assert ranking.ranked(TASKS, about, first=taken.model)[0] == "airstfm"


def test_what_cannot_run_is_not_offered(monkeypatch):
    monkeypatch.setattr(catalogue, "weights_for", without_weights)
    assert "airstfm" not in ranking.ranked(TASKS, record())
    assert "local-regression" not in ranking.ranked(TASKS, record(start=2007))
    assert "local-regression" in ranking.ranked(TASKS, record(start=2006))
    assert "local-regression" not in ranking.ranked(TASKS, record(cells=(2001, 1000)))


def test_each_kind_has_its_models():
    stations = record(kind="stations", period="minute")  # nobody ships weights for that
    assert ranking.ranked(TASKS, stations) == ["kriging", "idw"]
    few = record(kind="stations", period="minute", valid=2)  # no variogram from two
    assert ranking.ranked(TASKS, few) == ["idw", "kriging"]
    assert ranking.ranked(["forecast"], record(kind="mobile"))[-1] == "persistence"


@pytest.mark.parametrize(
    ("model", "kind", "synthetic"),
    [("aqnet", "stations", False), ("stepdiff", "mobile", True), ("stepdiff", "mobile", False)],
)
def test_the_owners_weights_come_before_those_that_ship(
    model, kind, synthetic, monkeypatch, tmp_path
):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path))
    about = record(kind=kind, period="minute")
    about.synthetic = synthetic
    folder = tmp_path / "weights" / f"{model}-mine"
    folder.mkdir(parents=True)
    ships = model == "stepdiff"  # for vehicles, whatever the averaging time
    assert ranking.usable(model, about) == ships
    (folder / "config.json").touch()
    assert ranking.usable(model, about)
    assert catalogue.weights_for(about, model) == folder


@pytest.mark.parametrize(
    "module", ["app.request.selection", "engine.inference.ranking", "engine.inference.request"]
)
def test_a_page_that_only_builds_a_request_loads_no_torch(module):
    code = f"import sys, {module}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
