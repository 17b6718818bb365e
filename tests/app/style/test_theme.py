"""The theme's colours, read from the file that the server reads."""

import tomllib
from pathlib import Path

import pytest

from app.charts import series
from app.style import look

ROOT = Path(__file__).resolve().parents[3]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
TEXT, GRAPHIC = 4.5, 3.0  # WCAG 2.2, 1.4.3 and 1.4.11


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mixed(colour, ground, share):
    pairs = [(int(colour[i : i + 2], 16), int(ground[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(c * share + g * (1 - share)):02x}" for c, g in pairs)


def test_contrast_is_computed_as_the_guideline_says():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("ground", ["backgroundColor", "secondaryBackgroundColor"])
def test_text_reads_on_every_ground(mode, ground):
    theme = THEME[mode]
    grounds = [theme[ground], theme["sidebar"][ground]]
    for paper in grounds:
        assert contrast(theme["textColor"], paper) >= TEXT
        assert contrast(theme["linkColor"], paper) >= TEXT
        assert contrast(theme["primaryColor"], paper) >= TEXT
        quiet = mixed(theme["textColor"], paper, look.MUTED / 100)
        assert contrast(quiet, paper) >= TEXT


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_lines_of_a_chart_stand_out(mode):
    for style in series.STYLES:
        assert contrast(style["color"], THEME[mode]["backgroundColor"]) >= GRAPHIC
