"""A map in one sentence, in both languages."""

import pytest

from app import i18n
from app.views import map_sentence
from engine.inference.summary import Place, Row, Summary

NAN = float("nan")
NANJING = Place("Nanjing", "南京", 31.25, 120.25, 9_000_000)
SUZHOU = Place("Suzhou", "苏州", 30.75, 120.75, 1_000_000)


def summary(**changes):
    rows = (Row(SUZHOU, 80.0, NAN, NAN, NAN, True), Row(NANJING, 40.0, NAN, NAN, NAN, False))
    given = {
        **{"mean": 60.0, "weighted": 44.0, "maximum": 80.0, "peak": (30.75, 120.75)},
        **{"near": SUZHOU, "limit": 60.0, "rows": rows, "rmse": NAN, "bias": NAN},
    }
    return Summary(**(given | changes))


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            "Population-weighted mean of the cities 44 µg/m³; highest 80 µg/m³ near Suzhou; "
            "1 of 2 cities above 60 µg/m³ (GB 1).",
        ),
        (
            "zh",
            "按城市人口加权的平均浓度 44 微克/立方米；最高 80 微克/立方米（苏州附近）；"
            "2 个城市中有 1 个超过 60 微克/立方米（GB 1）。",
        ),
    ],
)
def test_the_sentence_in_both_languages(language, said):
    assert map_sentence.facts(summary(), i18n.words(language), standard="GB 1") == said


def test_what_is_not_known_is_not_said():
    bare = summary(weighted=NAN, near=None, limit=None)
    assert map_sentence.facts(bare, i18n.words("en")) == (
        "Mean 60 µg/m³; highest 80 µg/m³ at 30.75° N, 120.75° E."
    )
