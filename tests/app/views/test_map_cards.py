"""Cards and table of the Map page, in both languages, without a page around them."""

import pytest
import streamlit as st

from app import i18n
from app.style.standard_limits import Bound, Index
from app.views import map_cards
from engine.inference.summary import Place, Row, Summary

NAN = float("nan")
NANJING = Place("Nanjing", "南京", 31.25, 120.25, 9_000_000)
SUZHOU = Place("Suzhou", "", 30.75, 120.75, 1_500_000)
ROWS = (
    Row(SUZHOU, 80.0, NAN, NAN, NAN, True),
    Row(NANJING, 40.0, NAN, NAN, NAN, False),
)
BOUND = Bound(75.0, "GB 1, 24 h", "GB 1, 24 h class II")


def summary(**changes):
    given = {
        **{"mean": 55.4, "weighted": 50.0, "maximum": 81.0, "peak": (30.75, 120.75)},
        **{"near": SUZHOU, "limit": 75.0, "rows": ROWS, "rmse": NAN, "bias": NAN},
    }
    return Summary(**(given | changes))


@pytest.fixture
def drawn(monkeypatch):
    """What is put on the page: label, value and note of each card."""
    cards = []
    monkeypatch.setattr(map_cards, "_card", lambda *parts: cards.append(parts) or "")
    monkeypatch.setattr(st, "html", lambda *_args, **_given: None)
    return cards


def test_a_map_alone_has_two_cards(drawn):
    map_cards.cards(summary(rows=()), BOUND, i18n.words("en"))
    assert [value for _, value, _ in drawn] == ["55 µg/m³", "81 µg/m³"]
    assert drawn[1][2] == "near Suzhou"


def test_cities_are_counted_where_a_limit_fits(drawn):
    map_cards.cards(summary(), BOUND, i18n.words("en"))
    assert [value for _, value, _ in drawn[2:]] == ["1 of 2", "1.5 million"]
    drawn.clear()
    map_cards.cards(summary(), BOUND, i18n.words("zh"))
    assert [value for _, value, _ in drawn[2:]] == ["1 / 2", "150.0 万人"]  # ten thousands
    drawn.clear()
    map_cards.cards(summary(), None, i18n.words("en"))
    assert len(drawn) == 2


def test_an_error_is_shown_where_values_are_known(drawn):
    map_cards.cards(summary(rmse=3.14, bias=-1.0), None, i18n.words("en"))
    assert drawn[-1][1] == "3.1 µg/m³"
    assert "−1.0" in drawn[-1][2]
    drawn.clear()
    map_cards.cards(summary(near=None), None, i18n.words("en"))
    assert drawn[1][2] == "30.75° N, 120.75° E"


def test_the_table_has_the_columns_that_are_known():
    words = i18n.words("en")
    made = map_cards.table(summary(), lambda _: None, "", words)
    assert made.index("Suzhou") < made.index("Nanjing")
    assert words("figures.coarse") not in made and words("figures.rank") in made
    assert 'class="over">above' in made and 'class="within">within' in made
    chip = Index("120", "Good <b>", "#00ff00", "black")
    made = map_cards.table(summary(), lambda _: chip, "GB 1", words)
    assert "Index, GB 1" in made and "Good &lt;b&gt;" in made
