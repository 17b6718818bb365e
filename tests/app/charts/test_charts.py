"""Figures of the study pages: what is in them, and that it can be seen in both themes."""

import datetime as dt
import tomllib
from pathlib import Path

import numpy as np
import pytest

from app import i18n
from app.charts import charts
from app.charts.charts import Curve
from engine.verify.diagnostics import Bin, Taylor
from engine.verify.evidence import STEP, Day, gather

WORDS = i18n.words("en")
ROOT = Path(__file__).resolve().parents[3]


def evidence(prediction, target):
    return gather([Day(np.datetime64("2015-01-01"), prediction, target)], dims=("place",))


def luminance(colour):
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("colour", [*charts.COLOURS, charts.GREY, charts.RED])
def test_lines_stand_out_from_the_ground_of_both_themes(theme, colour):
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    static_fields = luminance(config["theme"][theme]["backgroundColor"])
    high, low = sorted((luminance(colour), static_fields), reverse=True)
    assert (high + 0.05) / (low + 0.05) >= 3


def test_lines_differ_in_more_than_colour():
    curves = [Curve(str(n), [1, 2], [1.0, 2.0]) for n in range(6)]
    figure = charts.lines(curves, x="", y="")
    assert len({trace.line.dash for trace in figure.data}) == 6
    assert len({trace.marker.symbol for trace in figure.data}) == 6


def test_gaps_stay_gaps():
    figure = charts.lines([Curve("a", [1, 2, 3], [1.0, float("nan"), 3.0])], x="", y="")
    assert figure.data[0].y == (1.0, None, 3.0)


def test_the_scatter_density_counts_every_pair_once():
    generator = np.random.default_rng(0)
    target = generator.gamma(3, 40, 5000)
    figure = charts.scatter(
        evidence(target * generator.normal(1, 0.2, 5000).clip(0), target), WORDS
    )
    heat = figure.data[0]
    assert np.asarray(heat.customdata).sum() == 5000
    assert len(heat.x) <= charts.MOST_CELLS
    assert [trace.name for trace in figure.data[1:]] == ["1:1", "1:2", "2:1"]


def test_the_scatter_density_puts_the_target_on_x():
    figure = charts.scatter(evidence(np.array([10.0]), np.array([30.0])), WORDS)
    heat = figure.data[0]
    row, column = np.argwhere(np.asarray(heat.customdata) == 1)[0]
    assert heat.x[column] == pytest.approx(30 - STEP / 2)
    assert heat.y[row] == pytest.approx(10 - STEP / 2)


def test_a_line_of_two_to_one_is_twice_as_high():
    figure = charts.scatter(evidence(np.array([100.0]), np.array([100.0])), WORDS)
    twice = figure.data[3]
    assert twice.y[1] == 2 * twice.x[1]


def test_taylor_points_lie_at_their_angle_and_radius():
    figure = charts.taylor([("m", Taylor(0.5, 0.8, 0.9, 1.0, 10))], WORDS)
    point = figure.data[-1]
    assert point.r == (0.8,)
    assert point.theta == pytest.approx((60.0,))
    assert tuple(figure.layout.polar.sector) == (0, 90)


def test_a_negative_correlation_opens_the_other_half():
    figure = charts.taylor([("m", Taylor(-0.5, 0.8, 1.6, 1.0, 10))], WORDS)
    assert tuple(figure.layout.polar.sector) == (0, 180)


def test_a_model_without_a_correlation_is_left_out():
    nan = float("nan")
    figure = charts.taylor([("m", Taylor(nan, nan, nan, nan, 0))], WORDS)
    assert "m" not in [trace.name for trace in figure.data]


def test_the_last_class_is_open():
    bins = [Bin(0, 5, 3, 1, 1, 1), Bin(5, np.inf, 2, -1, 1, 1)]
    assert charts.bin_names(bins, WORDS) == ["0–5", "≥ 5"]
    text = charts.describe_bars(bins, WORDS, title="Distance")
    assert text == "Distance: 0–5: bias +1.0, RMSE 1.0; ≥ 5: bias −1.0, RMSE 1.0."


def test_lines_are_reported_in_words():
    curve = Curve("Observed", [dt.date(2015, 1, 1)] * 3, [3.0, float("nan"), 9.0])
    text = charts.describe_lines([curve], WORDS, title="Alpha")
    assert text == "Alpha: Observed, 2 values between 3.0 and 9.0."


def test_spectra_run_from_long_to_short_and_mark_the_cutoff():
    figure = charts.spectra([Curve("a", [100, 10], [5.0, 0.0])], WORDS, cutoff=16)
    assert figure.layout.xaxis.autorange == "reversed"
    assert figure.data[0].y == (5.0, None)  # no power has no logarithm
    assert figure.layout.shapes[0].x0 == 16
