"""The page Errors on the small library: what it says is what NumPy says."""

import datetime as dt

import numpy as np
import pytest
from study_world import captions, html, opened, table, the_map

from engine.inference.request import Request
from engine.inference.run import open_run

pytestmark = pytest.mark.usefixtures("app_home")


def direct(dates, model="bicubic"):
    """Prediction and target of the dates, (date, row, column)."""
    run = open_run(Request("tiny", dates[0], model=model))
    answers = [run.predict(date) for date in dates]
    return tuple(
        np.concatenate([a[name].values for a in answers]).astype(float)
        for name in ("pm2p5", "target")
    )


def test_one_day_in_numbers():
    at = opened("errors")
    assert at.title[0].value == "Errors, tiny"
    prediction, target = direct([dt.date(2015, 1, 10)])
    error = prediction - target
    scores = table(at, "Bicubic, 10 January 2015")
    assert scores["Bias"][0] == f"{np.nanmean(error):.2f}".replace("-", "−")
    assert scores["RMSE"][0] == f"{np.sqrt(np.nanmean(error**2)):.2f}"
    assert scores["RMSE"][1] == "–"  # a day has no interval
    n = int(np.isfinite(error).sum())
    assert f"{n:,} pairs of cell and date" in captions(at)
    assert "Bicubic · daily means" in captions(at)


def test_a_range_has_intervals_and_skips_the_missing_day():
    at = opened("errors", range="7")
    dates = [dt.date(2015, 1, d) for d in (3, 4, 6, 7, 8, 9, 10)]  # the 5th is missing
    prediction, target = direct(dates)
    assert f"{int(np.isfinite(prediction - target).sum()):,} pairs" in captions(at)
    low, high = table(at, "Bicubic, 3 January 2015")["RMSE"][1].split(" to ")
    rmse = np.sqrt(np.nanmean((prediction - target) ** 2))
    assert float(low) <= round(rmse, 2) <= float(high)


def test_the_map_holds_the_mean_error_and_the_legend_of_its_measure():
    at = opened("errors", range="3", measure="absolute")
    wire = the_map(at)
    assert wire["show"][0] == "absolute"
    assert wire["mode"] == "single"
    assert wire["synthetic"] is True
    assert {layer["id"] for layer in wire["layers"]} == {
        "absolute", "bias", "relative", "fine", "target",
    }  # fmt: skip


def test_hotspots_are_listed_and_one_flies_there():
    at = opened("errors", threshold="1.0")
    spots = [b for b in at.button if str(b.key).startswith("spot-")]
    assert spots
    assert "km²" in spots[0].label
    before = the_map(at)["fly"]
    spots[0].click().run()
    fly = the_map(at)["fly"]
    assert before is None
    assert 118 < fly["longitude"] < 122
    assert fly["count"] == 1


def test_no_hotspot_is_said_in_words():
    at = opened("errors", threshold="200")
    assert any("No connected area" in m.value for m in at.markdown)


def test_categories_at_the_limit_of_the_standard():
    at = opened("errors", range="7")
    prediction, target = direct([dt.date(2015, 1, d) for d in (3, 4, 6, 7, 8, 9, 10)])
    both = np.isfinite(prediction) & np.isfinite(target)
    above = (prediction > 60) & both, (target > 60) & both
    rows = table(at, "Above 60 µg/m³")
    assert rows["Above in both"] == [f"{int((above[0] & above[1]).sum()):,}"]
    assert rows["Above in the model alone"] == [f"{int((above[0] & ~above[1]).sum()):,}"]


def test_every_chart_has_words_and_every_table_a_file():
    at = opened("errors")
    charts = at.get("plotly_chart")
    assert len(charts) >= 4
    labels = [b.proto.label for b in at.get("download_button")]
    assert len(labels) >= 5
    assert set(labels) == {"Save as CSV"}


def test_stations_are_left_out_in_turn():
    at = opened("errors", dataset="tiny-stations", model="idw")
    rows = table(at, "Leave-one-out errors")
    # Each of the two stations is told by the other: 102 for 100, and 100 for 102.
    assert rows["Alpha"][:2] == ["1", "+2.0"]
    assert rows["Beta"][:2] == ["1", "−2.0"]
    assert rows["Gamma"][:2] == ["0", "–"]
    assert "each station left out in turn" in captions(at)


def test_in_chinese():
    at = opened("errors", language="zh")
    assert at.title[0].value.startswith("误差分析")
    assert "均方根误差" in html(at)
