"""The Map page when a map is made finer and stations are merged into it."""

import json
import shutil

import numpy as np
import pytest
import xarray as xr
from study_world import captions, html, opened, raster, the_map
from world import COLUMNS, NORTH, ROWS, STEP, WEST, attributes, stations, times

from app.frame.choices import PageChoices
from app.i18n import words
from app.jobs import cache
from app.views import judged
from engine import library

GRIDS = ("super-resolution", "reanalysis")
HALF = STEP / 2


def fine():
    """January of the year before, on cells half as wide: a wave that the coarse maps smooth."""
    latitude = NORTH + HALF / 2 - HALF * np.arange(2 * ROWS)
    longitude = WEST - HALF / 2 + HALF * np.arange(2 * COLUMNS)
    wave = 5 * np.sin(longitude * 40)[None, :] * np.cos(latitude * 30)[:, None]
    values = np.stack([50 + wave] * 2).astype(np.float32)
    days = [np.datetime64("2014-01-01"), np.datetime64("2014-01-02")]
    return xr.Dataset(
        {"pm2p5": (("valid_time", "latitude", "longitude"), values, {"units": "ug m-3"})},
        coords={
            "valid_time": times([d.item() for d in days]),
            "latitude": latitude,
            "longitude": longitude,
        },
        attrs=attributes("grid", "day"),
    )


def network():
    """As the stations of the small library, and all of them speak."""
    found = stations().copy(deep=True)
    found["pm2p5"].values[:, 2] = found["pm2p5"].values[:, 0] + 4
    return found


@pytest.fixture(scope="module")
def finer_library(small_library, tmp_path_factory):
    home = tmp_path_factory.mktemp("finer") / "home"
    shutil.copytree(small_library, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRLENS_HOME", str(home))
        library.store(fine(), "fine")
        library.store(network(), "network")
    return home


@pytest.fixture
def finer_home(finer_library, app_home, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(finer_library))
    cache.forget()
    yield finer_library
    cache.forget()


def test_what_fits_is_offered_and_simulated_data_are_not_taken_by_themselves(finer_home):
    choices = PageChoices(GRIDS, finer=True)
    assert choices.works("tiny") == ("restore", "finer")
    assert choices.climatologies("tiny", "finer")[0] == ""
    assert "fine" in choices.climatologies("tiny", "finer")
    assert choices.merges("tiny", "finer")[0] == "tiny-stations"
    assert choices.models("tiny", "finer", "fine")[0] == "auto"
    assert choices.climatologies("tiny", "restore") == ("",)
    assert PageChoices(GRIDS).works("tiny") == ("",)


def test_a_finer_map_stands_beside_the_coarse_one_and_says_why(finer_home):
    at = opened("map", model="auto", finer=("fine", ""))
    wire = the_map(at)
    assert [layer["id"] for layer in wire["layers"]] == ["coarse", "fine"]
    assert wire["mode"] == "two"
    rows = {layer["id"]: layer["rows"] for layer in wire["layers"]}
    assert rows["fine"] == 2 * rows["coarse"]
    assert "no stations to choose by" in captions(at)
    assert "Judged at stations" not in [s.value for s in at.subheader]
    urls = next(day["urls"] for day in wire["days"] if day["key"] == "2015-01-10")
    coarse, made = raster(urls["coarse"]), raster(urls["fine"])
    blocks = made.reshape(coarse.shape[0], 2, coarse.shape[1], 2).mean((1, 3))
    np.testing.assert_allclose(blocks, coarse, atol=0.11)  # rasters are rounded to 0.1


def test_merged_stations_show_their_left_out_error_on_the_uncertainty(finer_home):
    at = opened("map", model="auto", finer=("fine", "network"))
    wire = the_map(at)
    assert [layer["id"] for layer in wire["layers"]][:3] == ["coarse", "fine", "uncertainty"]
    assert {"background", "low", "high", "distance"} <= {la["id"] for la in wire["layers"]}
    errors = raster(wire["stations"]["upon"]["uncertainty"])
    last = [day["key"] for day in wire["days"]].index("2015-01-10")
    assert np.isfinite(errors[last]).all() and np.isnan(errors[last - 1]).all()
    assert at.subheader[0].value == "Judged at stations"
    assert "Checked at 3 stations" in html(at)


def test_on_the_error_map_of_a_study_stations_show_their_own_error(finer_home):
    at = opened("map", dataset="tiny", model="copy")
    wire = the_map(at)
    last = [day["key"] for day in wire["days"]].index("2015-01-10")
    error, read = raster(wire["stations"]["upon"]["error"]), raster(wire["stations"]["values"])
    fine = raster(wire["days"][last]["urls"]["fine"])
    row, column = round((NORTH - 32.0) / STEP), round((119.0 - WEST) / STEP)
    expected = fine[row, column] - read[last, 0]
    assert error[last, 0] == pytest.approx(expected, abs=0.15)
    assert np.isnan(error[last - 1]).all()


def test_without_climatology_and_stations_the_map_is_drawn_smoothly(finer_home):
    at = opened("map", model="auto", finer=("", ""))
    assert [layer["id"] for layer in the_map(at)["layers"]] == ["coarse", "fine"]
    assert "no stations to choose by" in captions(at)


def test_in_chinese_no_english_is_left_in_the_table_and_the_reason(finer_home):
    at = opened("map", model="auto", finer=("fine", "network"), language="zh")
    assert "站点检验" in html(at) + "".join(s.value for s in at.subheader)
    assert "气候态比值" in captions(at)


ROW = {
    "what": "fused",
    "left_out": "singly",
    "next_km": 67.0,
    "n": 175,
    "bias": -0.5,
    "rmse": 7.63,
    "mae": 5.0,
    "correlation": 0.9,
    "coverage": 0.9,
    "gain": 0.32,
    "gain_low": 0.2,
    "gain_high": 0.4,
    "shown": True,
}
NONE = {"next_km": None, "coverage": None, "gain": None, "gain_low": None, "gain_high": None}
TABLE = [
    {**ROW, "what": "coarse", "left_out": "", "rmse": 11.25, **NONE},
    {**ROW, "what": "background", "left_out": "", "rmse": 8.23},
    ROW,
]


def test_the_card_counts_down_from_coarse_to_fused():
    label, value, note = judged.card(TABLE, words("en"))
    assert (label, value) == ("Checked at 175 stations", "11.2 → 8.2 → 7.6")
    assert note.endswith("gain 32 % [20 %, 40 %]")


def test_a_gain_that_is_not_shown_says_so():
    doubtful = [*TABLE[:2], {**ROW, "gain_low": -0.1, "shown": False}]
    assert "not shown" in judged.card(doubtful, words("en"))[2]
    assert "not shown" in judged.as_html(doubtful, words("en"))


def test_without_stations_there_is_no_card():
    assert judged.card([], words("en")) is None


def test_the_files_hold_the_numbers_of_the_table():
    text = judged.as_csv(TABLE).decode("utf-8-sig")
    rows = [line for line in text.splitlines() if not line.startswith("#")]
    assert len(rows) == 4 and rows[3].startswith("fused,singly,67.0,175,")
    assert json.loads(json.dumps(TABLE)) == TABLE
