"""Published pages are made from their records, and their templates hold no result of their own."""

import re
import shutil
import tomllib

import pytest

from engine.comparison.page import TEMPLATE
from engine.core.errors import NotFoundError
from engine.core.paths import ROOT
from engine.core.results_page import TEMPLATES, read
from engine.research.comparison import tables
from engine.research.demo import statistics
from engine.research.onemap import page as onemap

FILES = [*sorted(TEMPLATES.glob("*.md")), TEMPLATE]
RESULTS = TEMPLATES.parent
# The project's own words and judgements that pages are not to bring back.
WORDS = r"told|tells|hears?|asked|lessons?|blind|leftovers?|the past|the ground|better|worse"
# What is measured in words: papers' steps and thresholds are whole numbers, results have a point.
RESULT = re.compile(r"(?<![\w./])\d+\.\d+(?![\w./])")
NO_RESULT = ("arXiv", "doi:", "0.1°", "0.8°", "standard errors", "PM2.5", "0.01°", "ug m-3")


def test_the_classical_page_is_made_from_its_record(tmp_path):
    shutil.copy(RESULTS / "classical.json", tmp_path)
    tables.again(tables.CLASSICAL, tmp_path)
    made = (tmp_path / "classical.md").read_text(encoding="utf-8")
    assert made == (RESULTS / "classical.md").read_text(encoding="utf-8"), "make it anew: kept"


def test_the_page_of_the_demo_world_is_made_from_its_record(tmp_path):
    made = tmp_path / "demo-world.md"
    statistics.again(statistics.RECORD, made)
    assert made.read_text(encoding="utf-8") == statistics.PAGE.read_text(encoding="utf-8")


def test_the_page_of_maps_and_stations_is_made_from_its_record(tmp_path):
    made = tmp_path / "onemap.md"
    onemap.again(onemap.RECORD, made)
    assert made.read_text(encoding="utf-8") == onemap.PAGE.read_text(encoding="utf-8")


def test_a_record_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="no scores yet"):
        tables.again(tables.CLASSICAL, tmp_path)
    with pytest.raises(NotFoundError, match="no statistics yet"):
        statistics.again(tmp_path / "none.json", tmp_path / "none.md")


def test_the_template_of_users_comparisons_is_part_of_the_package():
    known = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = known["tool"]["setuptools"]["package-data"]
    assert TEMPLATE.name in shipped[".".join(TEMPLATE.parent.relative_to(ROOT).parts)]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_a_template_types_no_result_and_no_verdict(file):
    for line in file.read_text(encoding="utf-8").splitlines():
        prose = re.sub(r"\$\{[^}]*\}|`[^`]*`", "", line)
        if not any(mark in line for mark in NO_RESULT):
            assert not RESULT.search(prose), line
        # A sentence on how to read the verdict may name its words.
        if "interval" not in line and "overlap" not in line and "${better}" not in line:
            assert not re.search(rf"\b({WORDS})\b", prose, re.IGNORECASE), line


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_every_part_of_a_template_is_used(file):
    code = "\n".join(p.read_text(encoding="utf-8") for p in (ROOT / "engine").rglob("*.py"))
    for name in read(file):
        assert f'"{name}"' in code, name
