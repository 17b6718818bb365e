"""The page Stations on the small library: two stations that speak and one that is silent."""

import pytest
from study_world import captions, opened, table, the_map

pytestmark = pytest.mark.usefixtures("app_home")


def page(**query):
    return opened("stations", dataset="tiny-stations", model="idw", **query)


def test_it_counts_used_withheld_and_silent_stations():
    at = page(withheld="0.0")
    assert "2 stations used (circles), 0 kept out (squares), 1 without a valid reading" in captions(
        at
    )
    assert "reanalysed" in the_map(at)["stations"]["kinds"]
    wire = the_map(at)
    assert wire["stations"] is not None
    assert [layer["id"] for layer in wire["layers"]] == ["fine", "distance"]


def test_leave_one_out_of_the_day():
    at = page(withheld="0.0")
    rows = table(at, "where it has not seen the station")
    # 100 is reported as 102 and 102 as 100.
    assert rows["Stations used, each left out in turn"] == ["2", "0.0", "2.0", "2.0", "–"]


def test_too_few_stations_left_are_said_in_one_sentence():
    at = page(withheld="0.3")  # a third of two: one is kept out, one remains
    assert any("stations, and 2 are needed" in e.value for e in at.error)


def test_series_and_scores_over_time():
    at = page(withheld="0.0", span="7")
    rows = table(at, "Leave-one-out scores")
    assert rows["Alpha"][0] == "100 %"
    assert rows["Alpha"][1] == "+2.0"
    assert rows["Gamma"][0] == "0 %"
    assert "Alpha: 7 of 7 dates have a valid reading (100 %)" in captions(at)
    assert len(at.get("plotly_chart")) == 1


def test_another_station():
    at = page(withheld="0.0", station="c")
    assert "Gamma: 0 of 7 dates" in captions(at)


def test_far_cells_fade_and_keep_their_values():
    near, none = page(withheld="0.0", reach="25"), page(withheld="0.0", reach="0")
    wires = [the_map(at) for at in (near, none)]
    fades = [{layer["id"]: layer["fade"] for layer in wire["layers"]} for wire in wires]
    assert (fades[0]["fine"]["start"], fades[0]["fine"]["end"]) == (25, 75)
    assert fades[1]["fine"] is None
    assert wires[0]["days"][0]["urls"] == wires[1]["days"][0]["urls"]


def test_in_chinese():
    at = opened("stations", dataset="tiny-stations", model="idw", language="zh", withheld="0.0")
    assert at.title[0].value.startswith("站点")
