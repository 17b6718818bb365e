import datetime as dt
import shutil
from dataclasses import replace

import pytest
from training_maps import days, months

from engine import library
from engine.superresolution import train_airstfm
from engine.superresolution.networks import airstfm


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A library of this test's own."""
    path = tmp_path / "home"
    monkeypatch.setenv("AIRLENS_HOME", str(path))
    return path


def shrink(monkeypatch):
    """Make the small preset smaller still: a few steps of a few channels."""
    small = replace(
        airstfm.SMALL,
        channels=4,
        extraction_blocks=1,
        reconstruction_blocks=1,
        reconstruction_channels=4,
        tail_channels=4,
        patch=3,
        pretext_depth=1,
        flow_blocks=1,
        flow_levels=2,
        flow_widths=(4,),
    )
    monkeypatch.setitem(airstfm.PRESETS, "small", small)
    way = replace(
        train_airstfm.RECIPES["small"],
        steps=6,
        pretext_steps=2,
        batch=2,
        crop=4,
        check_every=3,
        flow_frozen=2,
        warm_up=1,
    )
    monkeypatch.setitem(train_airstfm.RECIPES, "small", way)


@pytest.fixture
def quick(monkeypatch):
    """Training in a moment."""
    shrink(monkeypatch)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A library with one monthly and one daily dataset, and weights; made once, to be copied."""
    path = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRLENS_HOME", str(path))
        shrink(patch)
        # Seven years, five of them for training; twenty days, too few to know a past.
        library.store(months(), "monthly", train_end=dt.date(2004, 12, 1))
        library.store(days(), "daily")
        folder = path / "weights" / "airstfm-monthly"
        train_airstfm.train_airstfm("monthly", folder, validate_end=dt.date(2005, 12, 1))
    return path


@pytest.fixture
def own(trained, home):
    """A library of this test's own with all that; the folder of the weights."""
    shutil.copytree(trained, home)
    return home / "weights" / "airstfm-monthly"


@pytest.fixture
def monthly(own):
    return "monthly"


@pytest.fixture
def daily(own):
    return "daily"
