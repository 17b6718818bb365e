"""The committed page of the comparison is what its records say."""

import json
import shutil

import pytest

from engine.comparison import speed as bench
from engine.comparison.plan import ALL
from engine.comparison.published import SIZES, parameters, section
from engine.comparison.runs import RECORD
from engine.core.paths import ROOT
from engine.research.comparison.page import page
from engine.superresolution.networks.networks import NETWORKS

RESULTS = ROOT / "docs" / "results"
PLACES = sorted(path.parent for path in (RESULTS / "comparison").glob(f"*/{RECORD}"))


def test_the_page_is_made_from_its_records(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "measured", pytest.fail)  # nothing is measured that is kept
    shutil.copytree(
        RESULTS / "comparison",
        tmp_path / "comparison",
        ignore=shutil.ignore_patterns("pictures"),
    )
    made = tmp_path / "comparison.md"
    page(made, tmp_path / "comparison")
    assert made.read_text() == (RESULTS / "comparison.md").read_text(), "make it anew"
    for place in PLACES:
        for name in ("convergence", "parameters", "spectra"):
            drawn = (tmp_path / "comparison" / place.name / f"{name}.svg").read_text()
            assert drawn == (place / f"{name}.svg").read_text()
        for name in ("maps", "errors", "mean-errors"):
            assert (place / f"{name}.png").is_file()


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_every_system_is_there_with_the_whole_training_part(place):
    record = json.loads((place / RECORD).read_text(encoding="utf-8"))
    assert {run["model"] for run in record["runs"].values() if run["fraction"] == 1} == set(ALL)
    for run in record["runs"].values():
        # A projection onto what the truth lies in.
        assert run["exact_means"]["rmse"] <= run["as_it_is"]["rmse"] * (1 + 1e-6)
        assert run["as_it_is"]["n"] == record["runs"]["copy 100% 0"]["as_it_is"]["n"]
        assert run.get("steps", 100) == record["fixed"]["steps"]


def test_parameters_of_the_papers_size_stand_beside_theirs():
    kept = json.loads((RESULTS / "comparison" / SIZES).read_text(encoding="utf-8"))
    page = section(kept)
    for name in NETWORKS:
        assert kept[name]["parameters"] == parameters(name)
        assert f"| {parameters(name):,} | {kept[name]['processor_seconds']:.0f} |" in page
    assert parameters("basicvsr") == 4_219_885
    assert parameters("basicvsrpp") == 7_468_333
