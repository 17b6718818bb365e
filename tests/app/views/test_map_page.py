"""The page of the map on a small library, from what of a request what it says."""

import datetime as dt
import json
import re
import time

import pytest
from streamlit.testing.v1 import AppTest
from study_world import plain

from engine.core.paths import APP

PATIENCE = 120  # seconds; the first run of a model imports torch


def opened(**query):
    at = AppTest.from_file(str(APP / "main.py"), default_timeout=PATIENCE)
    for key, value in ({"dataset": "tiny"} | query).items():
        at.query_params[key] = value
    return finished(at.run())


def finished(at):
    """The page once nothing runs any more."""
    end = time.monotonic() + PATIENCE
    while any(button.key == "cancel-main" for button in at.button):
        assert time.monotonic() < end
        time.sleep(0.1)
        at.run()
    return at


def html(at):
    """What we draw ourselves, without the style sheet."""
    bodies = (element.proto.body for element in at.get("html"))
    return "\n".join(body for body in bodies if not body.startswith("<style"))


def the_map(at):
    return json.loads(at.get("bidi_component")[0].proto.json)


def choose(at, key, value):
    return finished(at.selectbox(key=f"choose_{key}").select(value).run())


def said(at):
    return [plain(element.value) for element in (*at.error, *at.warning, *at.info)]


pytestmark = pytest.mark.usefixtures("app_home")


def test_it_opens_on_the_latest_date_with_a_sentence_made_from_the_data():
    at = opened()
    assert not at.exception
    assert at.title[0].value == "tiny, 10 January 2015"
    # The maps of the 10th have the mean 100; see `world`.
    assert "100 µg/m³" in html(at)
    assert re.search(r"\d+ of \d+ cities above 60 µg/m³ \(GB 3095-2026", html(at))


def test_the_request_bar_keeps_its_order():
    at = opened()
    labels = [box.label for box in at.sidebar.selectbox]
    assert labels[:4] == ["Dataset", "Date", "Region", "Model"]


def test_the_map_has_coarse_fine_and_error_of_each_day_and_the_stations():
    at = opened(date="2015-01-03", model="bicubic")
    wire = the_map(at)
    assert [layer["id"] for layer in wire["layers"]] == ["coarse", "fine", "error", "target"]
    assert len(wire["days"]) == 9
    assert wire["day"] == "2015-01-03"
    assert wire["synthetic"] is True
    assert wire["stations"] is not None


def test_another_date_changes_sentence_map_and_link():
    at = opened(date="2015-01-03")
    assert "30 µg/m³" in html(at)
    at = finished(at.button(key="date_step_1").click().run())
    assert at.title[0].value == "tiny, 4 January 2015"
    assert "40 µg/m³" in html(at)
    assert the_map(at)["day"] == "2015-01-04"
    assert at.query_params["date"] == "2015-01-04"
    # The 5th is missing: the next step goes over it.
    at = finished(at.button(key="date_step_1").click().run())
    assert at.query_params["date"] == "2015-01-06"


def test_a_link_opens_what_it_says():
    at = opened(date="2015-01-02", model="copy", region="118.5,30.5,120.5,32.5", lang="zh")
    assert at.title[0].value == "118.5,30.5,120.5,32.5，2015年1月2日"
    assert at.selectbox(key="choose_model").value == "copy"
    assert "20 微克/立方米" in html(at)


def test_a_broken_link_says_what_was_left_out():
    at = opened(model="oracle", date="2015-13-40")
    assert not at.exception
    assert any("“oracle”" in text for text in said(at))
    assert any("“2015-13-40”" in text for text in said(at))
    assert the_map(at)["day"] == "2015-01-10"


def test_a_date_without_data_offers_the_nearest():
    at = opened(date="2015-01-05")
    assert any("5 January 2015" in text for text in said(at))
    assert not at.get("bidi_component")
    offered = [b.label for b in at.button if (b.key or "").startswith("near_")]
    assert offered == ["3 January 2015", "4 January 2015", "6 January 2015", "7 January 2015"]
    at = finished(at.button(key="near_2015-01-06").click().run())
    assert the_map(at)["day"] == "2015-01-06"
    assert not said(at)


def test_a_region_outside_the_data_is_reported_with_a_way_out():
    at = opened(region="10,10,12,12")
    assert not at.exception
    assert any("holds no cell" in text for text in said(at))
    at = finished(at.button(key="way_whole").click().run())
    assert not at.error
    assert the_map(at)["layers"]


def test_the_language_changes_every_word_of_ours():
    at = opened()
    at.session_state["lang"] = "zh"
    at = finished(at.run())
    assert [box.label for box in at.sidebar.selectbox][:4] == ["数据集", "日期", "区域", "模型"]
    assert at.query_params["lang"] == "zh"
    assert the_map(at)["labels"]["three"] == "三图并列"


def test_the_demo_band_is_there_for_synthetic_data():
    assert "DEMO" in html(opened())


def test_the_table_says_what_the_map_says():
    at = opened(date="2015-01-10")
    table = next(body for body in html(at).split("\n") if "airlens-table" in body)
    assert "Nanjing" in table
    assert "Shanghai" in table
    # Every city lies in maps of about 100: above every daily limit, and lightly polluted.
    assert table.count('class="over"') == table.count("<tr>") - 1
    assert "Lightly polluted" in table


def test_another_standard_moves_the_limit():
    at = choose(opened(date="2015-01-07"), "standard", "cn-2012")
    assert "above 75 µg/m³ (GB 3095-2012" in html(at)


def test_a_click_opens_the_series_of_cell_and_station():
    at = opened()
    at.session_state["map"] = {
        "said": {
            "click": {
                "lon": 119.02,
                "lat": 31.98,
                "day": "2015-01-10",
                "values": {"fine": 100.0},
                "station": "a",
                "count": 1,
            },
            "day": "2015-01-10",
            "mode": "three",
            "show": ["coarse", "fine", "error"],
            "camera": [119.0, 32.0, 7.0],
        }
    }
    at = finished(at.run())
    chart = json.loads(at.get("plotly_chart")[0].proto.spec)
    known, station = chart["data"]
    assert station["name"].startswith("Alpha, ")
    assert len(known["x"]) == 9
    assert at.subheader[0].value == "At 31.98° N, 119.02° E"


def test_a_model_for_stations_draws_their_map():
    at = opened(dataset="tiny-stations", model="idw", date="2015-01-03")
    assert not at.exception
    assert the_map(at)["layers"][0]["title"] == "Map from stations"


def test_an_address_that_was_on_its_way_does_not_take_a_choice_back():
    at = opened(model="bicubic")
    choose(at, "date", dt.date(2015, 1, 3))
    at.query_params["date"] = "2015-01-10"  # sent by the browser before ours had arrived
    assert finished(at.run()).title[0].value == "tiny, 3 January 2015"
    at.session_state["written_at"] -= 60
    at.query_params["date"] = "2015-01-10"  # now it is the reader who goes back
    assert finished(at.run()).title[0].value == "tiny, 10 January 2015"
