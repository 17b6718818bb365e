"""The weights of AirSTFM that ship are those of today's commands, and their cards say so."""

import csv
import datetime as dt
import re

import numpy as np
import pytest

from engine.core.paths import ASSETS, ROOT
from engine.inference.request import Request
from engine.inference.run import open_run
from engine.research.airstfm import demo_weights
from engine.superresolution import weights
from engine.superresolution.recipe_airstfm import CLIMATOLOGY_PLANES, SEASONS, season
from engine.superresolution.train_airstfm import STATIC_FIELDS

KINDS = ("day", "month")


def folder(kind):
    return ASSETS / "weights" / f"airstfm-{kind}"


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_what_the_commands_make_today(kind):
    about, network = weights.load(folder(kind))
    config = network.config
    assert (
        about.planes == (*CLIMATOLOGY_PLANES, *STATIC_FIELDS)
        and tuple(about.static_fields) == STATIC_FIELDS
    )
    assert config.static_fields == STATIC_FIELDS and config.guide == len(about.planes)
    assert config.quiet_start and config.conserve and config.log_scale
    assert 0 < config.unit < 1
    assert len(about.season_factors) == len(SEASONS)
    assert all(0.3 < factor < 3 for factor in about.season_factors)


@pytest.mark.parametrize("kind", KINDS)
def test_the_card_says_how_many_steps_the_command_asks_for(kind):
    card = (folder(kind) / "card.md").read_text(encoding="utf-8")
    steps = demo_weights.CONFIG.steps
    if kind == "month":
        command = re.search(r"--validate-end 2016-12-31 --steps (\d+)", _makefile())
        steps = int(command[1])
    assert f"of at most {steps} kept" in card
    # The months' card is of before the renaming.
    assert re.search(r"(static fields|the ground) \(coast, cities\); no elevation", card)
    assert "| intervals | scale × " in card
    curve = list(csv.DictReader((folder(kind) / "curve.csv").read_text().splitlines()))
    assert int(curve[-1]["step"]) <= steps
    size = sum(file.stat().st_size for file in folder(kind).iterdir())
    assert size <= 20e6


def test_any_region_of_the_demo_is_given_the_planes():
    date = dt.date(2015, 1, 20)
    whole, part = (
        open_run(Request("demo", date, region, "airstfm"))
        for region in ("all", "121,31,121.6,31.5")
    )
    planes = [run.model.recipe.static_fields for run in (whole, part)]
    assert planes[0].shape == (2, 800, 720)
    rows, columns = part.window.seen_rows, part.window.seen_columns
    np.testing.assert_allclose(planes[1], planes[0][:, rows, columns], atol=1e-5)
    assert float(planes[0].abs().max()) > 1


def test_no_day_of_the_demo_is_less_sure_than_the_worst_error_of_its_season():
    """Where the network once gave 135 µg/m³ beside an error of 1."""
    about, _ = weights.load(folder("day"))
    assert len(about.largest_errors) == len(SEASONS)
    run = open_run(Request("demo", dt.date(2015, 1, 20), "all", "airstfm"))
    for day in (
        dt.date(2014, 7, 2),
        dt.date(2014, 8, 9),
        dt.date(2014, 12, 20),
        dt.date(2015, 1, 30),
    ):
        largest = float(run.predict(day)["uncertainty"].max())
        assert largest <= about.largest_errors[season(day.month)] * (1 + 1e-6), day


def _makefile():
    return (ROOT / "Makefile").read_text(encoding="utf-8")
