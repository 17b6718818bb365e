"""The page Compare on the small library."""

import numpy as np
import pytest
from study_world import captions, opened, table, the_map

from engine.inference import catalogue

pytestmark = pytest.mark.usefixtures("app_home")
CAPTION = "A: "


def test_two_models_of_one_day_and_their_difference():
    at = opened("compare", **{"b.model": "copy"})
    wire = the_map(at)
    assert wire["show"] == ["a", "b", "difference"]
    assert wire["mode"] == "three"
    titles = {layer["id"]: layer["title"] for layer in wire["layers"]}
    assert titles["a"] == "A: Bicubic, 10 January 2015"
    assert titles["b"] == "B: Block copy, 10 January 2015"
    assert {"a-coarse", "a-target", "b-coarse", "b-target"} <= set(titles)


def test_block_copy_keeps_mass_and_bicubic_does_not():
    at = opened("compare", **{"b.model": "copy"})
    rows = table(at, CAPTION)
    bicubic, copy, _ = rows["Mass: largest departure"]
    assert float(copy) == 0
    assert float(bicubic) > 0


def test_the_known_map_is_a_column_and_the_measure_of_gains():
    at = opened("compare", **{"b.model": "copy"})
    rows = table(at, CAPTION)
    assert len(rows["Mean, cells weighted by area"]) == 3
    assert float(rows["Standard deviation over the cells"][2]) > 0
    assert rows["RMSE against known values"][2] == "–"
    assert 0 < float(rows["Spectral gain (no unit)"][0]) < 1.5
    assert "Gains are relative to the known values" in captions(at)


def test_two_dates():
    at = opened("compare", **{"b.model": "bicubic", "b.date": "2015-01-03"})
    rows = table(at, CAPTION)
    a, b = (float(v) for v in rows["Mean, cells weighted by area"][:2])
    # Maps of the 10th have the mean 100, of the 3rd 30; see `world`.
    assert a - b == pytest.approx(70, abs=0.1)
    assert len(rows["Cells with a value"]) == 4  # each date has known values of its own


def test_two_grids_have_no_difference():
    at = opened("compare", **{"b.dataset": "tiny-stations", "b.model": "idw"})
    assert the_map(at)["show"] == ["a", "b"]
    assert "different grids" in captions(at)


def test_two_networks_with_the_weights_that_ship():
    """Each network is offered on either side; a part of the demo world."""
    part = "121,31,121.4,31.4"
    at = opened("compare", dataset="demo", day=20, region=part, model="mana", **{"b.model": "edvr"})
    titles = [layer["title"] for layer in the_map(at)["layers"]]
    assert {"A: MANA, 20 January 2015", "B: EDVR, 20 January 2015"} <= set(titles)
    lists = [set(box.options) for box in at.selectbox]
    titles_of_networks = {catalogue.MODELS[name].title for name in catalogue.NETWORKS}
    assert sum(titles_of_networks <= offered for offered in lists) == 1  # B's; A's is the sidebar's


def test_nonsense_in_a_link_is_left_out():
    at = opened("compare", **{"b.model": "<b>", "b.date": "yesterday", "b.dataset": "../etc"})
    assert the_map(at)["show"] == ["a", "b", "difference"]


def test_in_chinese():
    at = opened("compare", language="zh")
    assert at.title[0].value.startswith("对比")
    assert not np.any([b.label == "" for b in at.selectbox])
