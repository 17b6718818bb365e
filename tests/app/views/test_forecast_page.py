"""The page Forecast: persistence on the small library, and an ensemble that a test makes."""

import datetime as dt

import numpy as np
import pytest
import xarray as xr
from study_world import captions, opened, table, the_map

from app import i18n
from app.request.selection import Selection, request_of
from app.style import palette, standard_limits
from app.views import forecast as forecast_page
from app.views import forecast_layers, scene
from app.views.forecast_layers import Forecast
from engine.inference import run as inference

pytestmark = pytest.mark.usefixtures("app_home")


def page(**query):
    return opened("forecast", model="persistence", **query)


def test_persistence_says_what_one_member_cannot_show():
    at = page(day=6)
    assert any("This model gives one answer" in i.value for i in at.info)
    wire = the_map(at)
    assert [layer["id"] for layer in wire["layers"]] == ["mean", "target", "error"]
    assert [day["key"] for day in wire["days"]] == ["p01", "p02", "p03"]
    assert wire["days"][0]["label"] == "+1 d: 7 Jan 2015"
    assert "Starts from 6 Jan 2015 · 1 member · seed 0" in captions(at)


def test_error_by_lead_time():
    rows = table(page(day=6), "Persistence from")
    # Maps grow by ten a day; see `world`.
    assert [rows[name][1] for name in rows] == ["−10.0", "−20.0", "−30.0"]


def test_the_last_date_has_nothing_to_be_held_against():
    at = page()
    assert any("What came true is not in the dataset" in m.value for m in at.markdown)
    assert [layer["id"] for layer in the_map(at)["layers"]] == ["mean"]


def test_fewer_steps():
    assert len(the_map(page(day=6, **{"leads.day": "1"}))["days"]) == 1


def test_stations_have_a_series_and_no_map():
    at = opened("forecast", dataset="tiny-stations", model="persistence", day=6)
    assert not at.get("bidi_component")
    assert len(at.get("plotly_chart")) == 1
    assert "hourly means" in captions(at)


def ensemble(request, *, progress=None, cancelled=None):
    """Five members on a small grid: 50, 60, 70, 80 and 90, growing by ten a step."""
    base = np.arange(50.0, 100.0, 10.0)[:, None, None, None]
    values = base + 10 * np.arange(2)[None, :, None, None] + np.zeros((5, 2, 6, 8))
    values[:, :, 0, 0] = np.nan
    init = np.datetime64("2015-01-09T16:00", "ns")
    times = init + np.array([1, 2]) * np.timedelta64(24 * 3600 * 10**9, "ns")
    return xr.Dataset(
        {"pm2p5": (("realization", "lead_time", "latitude", "longitude"), values)},
        coords={
            "realization": np.arange(5),
            "lead_time": times - init,
            "init_time": init,
            "valid_time": ("lead_time", times),
            "latitude": 33.0 - 0.5 * np.arange(6),
            "longitude": 118.0 + 0.5 * np.arange(8),
        },
        attrs={"utc_offset_hours": 8, "synthetic": 1, "in_training_period": 0},
    )


def test_an_ensemble_has_spread_chance_and_a_strip_of_members(monkeypatch):
    single = page()
    monkeypatch.setattr(inference, "predict", ensemble)
    at = page(chance="65", seed="3")
    assert not at.info
    shown = the_map(at)
    assert [layer["id"] for layer in shown["layers"]] == ["mean", "spread", "chance"]
    # Panes of a single member, which has neither, are remembered under another name.
    assert shown["key"] == "forecast-map" != the_map(single)["key"]
    assert len(at.get("image")) == 5
    assert "5 members · seed 3" in captions(at)


def test_a_model_that_draws_members_is_reported_how_many_and_shows_them(monkeypatch):
    monkeypatch.setattr(inference, "predict", ensemble)
    monkeypatch.setattr(forecast_page, "PROBABLE", ("persistence",))
    at = page()
    assert not at.error
    assert any(field.key == "members" for field in at.number_input)
    assert len(at.get("image")) == 5


def found(threshold):
    selection = Selection("tiny", dt.date(2015, 1, 10), "all", "persistence", "cn-2026")
    words = i18n.words("en")
    rules = standard_limits.standard("cn-2026", selection.day)
    from engine import library

    about = scene.Scene(
        selection,
        library.info("tiny"),
        rules,
        None,
        standard_limits.scale(rules, "day", words),
        words,
    )
    return Forecast(about, request_of(selection), ensemble(None), threshold, stale=False)


def test_mean_spread_and_chance():
    fields = forecast_layers.fields(found(65))
    assert fields["mean"][:, 1, 1] == pytest.approx([70, 80])
    assert fields["spread"][:, 1, 1] == pytest.approx(np.sqrt(250))  # of 50 … 90, unbiased
    # Of 50 … 90 three lie above 65; a step later, of 60 … 100, four.
    assert fields["chance"][:, 1, 1] == pytest.approx([60, 80])
    assert all(np.isnan(values[:, 0, 0]).all() for values in fields.values())


def test_a_thumbnail_has_the_map_s_colours_and_holes():
    scale = palette.concentration("day")
    picture = forecast_layers.thumbnail(np.array([[np.nan, 0.0], [75.0, 500.0]]), scale)
    assert picture.shape == (132, 132, 4)
    assert picture[0, 0, 3] == 0
    colours = palette.colours(scale)
    np.testing.assert_array_equal(picture[0, -1, :3], colours[0])
    np.testing.assert_array_equal(picture[-1, -1, :3], colours[-1])


def test_samples_fall_into_the_lead_time_they_were_measured_in():
    times = np.array(
        ["2015-01-10T15:59", "2015-01-10T16:00", "2015-01-12T15:59", "2015-01-12T16:00"],
        dtype="datetime64[ns]",
    )
    mobile = xr.Dataset(
        {"pm2p5": ("sample", np.array([1.0, 2.0, 3.0, 4.0]))},
        coords={
            "valid_time": ("sample", times),
            "latitude": ("sample", np.full(4, 32.0)),
            "longitude": ("sample", np.full(4, 119.0)),
        },
    )
    rows = forecast_layers.samples(mobile, found(65))
    # Lead one is the 11th in UTC+8, 10 January 16:00 to 11 January 16:00 UTC.
    assert list(zip(rows["day"], rows["value"], strict=True)) == [("p01", 2.0), ("p02", 3.0)]
    assert set(rows["role"]) == {"withheld"}


def test_in_chinese():
    assert page(language="zh").title[0].value.startswith("预报")
