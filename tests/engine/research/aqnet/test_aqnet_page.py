"""The results page: scores by hand, intervals from others alone, words that follow the numbers."""

import shutil

import numpy as np
import pytest

from engine.core.results_page import verdict
from engine.research.aqnet import page as aqnet_page
from engine.research.aqnet import splits
from engine.research.aqnet.folds import Hidden, Parts, covered
from engine.research.aqnet.page import farthest, page, pooled, scores
from engine.research.bench.stations import measure


def test_scores_by_hand():
    found = scores(np.array([1.0, 2.0, 3.0, np.nan]), np.array([2.0, 2.0, 1.0, 5.0]))
    # Errors 1, 0, -2; the squares of the deviations add up to 2.
    assert found == pytest.approx(
        {"rmse": np.sqrt(5 / 3), "mae": 1.0, "determination": 1 - 5 / 2, "n": 3}
    )


def test_intervals_of_a_station_come_from_the_others():
    random = np.random.default_rng(0)
    hours, parts = 4000, Parts(1000, (1000, 2000), 2000)
    error = random.standard_normal((hours, 3)) * [1.0, 1.0, 1.0]
    readings = np.zeros((hours, 3))
    predicted = Hidden((0, 1, 2), error.astype(np.float32), *[np.ones((hours, 3), np.float32)] * 2)
    held = covered(readings, parts, [predicted])
    assert held["50"] == pytest.approx(0.5, abs=0.03)
    assert held["90"] == pytest.approx(0.9, abs=0.02)
    error[:, 2] *= 10  # a station whose errors nobody warned of
    wild = Hidden((0, 1, 2), error.astype(np.float32), *[np.ones((hours, 3), np.float32)] * 2)
    assert covered(readings, parts, [wild])["90"] < 0.8


def numbers(aqnet, kriging):
    row = {"rmse": 0.0, "mae": 1.0, "determination": 0.9, "n": 1234}
    models = {
        "inverse distance, exponent 2": 25.0,
        "ordinary kriging": kriging,
        "AQ-Net on kriging": aqnet,
    }
    return {
        "data": "a test",
        "dates": (
            "2013-03-01",
            "2016-02-15",
            "2016-02-18",
            "2016-05-09",
            "2016-05-12",
            "2017-02-28",
        ),
        "model": "AQ-Net on kriging",
        "training": aqnet_page.VARIANTS["kriging"].text(),
        "stations": ["Huairou"],
        "nearest_km": [21.4],
        "of": 12,
        "deviation": 80.0,
        "coverage": {"50": 0.51, "90": 0.88},
        "scores": {
            name: {"all": row | {"rmse": rmse}, "Huairou": row | {"rmse": rmse}}
            for name, rmse in models.items()
        },
        "ceiling": {
            "fits": {"ridge regression": {"all": row | {"rmse": 21.0}}},
            "mixture": {"rmse": 21.5},
            "few": 0.4,
        },
    }


def test_the_page_says_what_the_numbers_say():
    text = page(numbers(20.0, 22.0))
    assert "against inverse squared distance: -20.0% in RMSE" in text
    assert "the best baseline, ordinary kriging: -9.1%" in text
    assert "(95 %): not shown" in text  # one station cannot show anything
    assert "is not reached" in text
    assert "1 of 12 stations are done" in text
    assert "Huairou (21 km)" in text
    assert "is reached" in page(numbers(18.0, 22.0))


def test_the_page_says_how_much_the_neighbours_know():
    text = page(numbers(21.5, 22.0))
    assert "10 % below ordinary kriging would be 19.80" in text
    assert "is 4.5% below ordinary kriging: the goal is not reached" in text
    # Half of the way from 22 to 21.
    assert "goes 50%" in text
    assert "40% of the network's squared error" in text


def test_a_change_is_shown_by_many_stations_alone():
    names = list("abcdef")

    def marks(*errors):
        each = {n: {"rmse": e, "n": 100} for n, e in zip(names, errors, strict=True)}
        return each | {"all": {"rmse": pooled(each, names)}}

    base = marks(10, 11, 12, 10, 11, 12)
    low = splits.against(marks(8, 9, 10, 8, 9, 10), base, names)
    assert verdict(low.low, low.high) == "better"
    mixed = splits.against(marks(5, 16, 12, 5, 16, 12), base, names)
    assert verdict(mixed.low, mixed.high) == "not shown"
    assert low.value == pytest.approx((490 / 730) ** 0.5 - 1)


def test_the_published_page_was_made_from_its_numbers(tmp_path):
    for name in ("aqnet.json", "aqnet-forecast.json", "aqnet-probes.json"):
        shutil.copy(aqnet_page.RESULTS / name, tmp_path)
    aqnet_page.again(tmp_path)
    shown = (aqnet_page.RESULTS / "aqnet.md").read_text(encoding="utf-8")
    assert (tmp_path / "aqnet.md").read_text(encoding="utf-8") == shown, "make it anew: kept"


def test_stations_are_pooled_by_their_hours():
    marks = {"a": {"rmse": 3.0, "n": 100}, "b": {"rmse": 4.0, "n": 300}}
    # (9 · 100 + 16 · 300) / 400 = 14.25
    assert pooled(marks, ["a", "b"]) == pytest.approx(14.25**0.5)
    found = {"stations": list("abcdef"), "nearest_km": [5, 22, 7, 9, 6, 8]}
    assert farthest(found) == ["b", "d"]


def test_folds_are_all_stations_once():
    names = [name for fold in aqnet_page.FOLDS for name in fold]
    assert len(names) == len(set(names)) == 12


def test_a_year_can_be_timed():
    assert measure(hours=20, places=5)["seconds"] > 0
