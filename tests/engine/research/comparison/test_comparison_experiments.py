"""Why AirSTFM is not first: trainings with one thing changed, on a tiny world."""

import json
from dataclasses import replace

import pytest

from engine import library
from engine.research.comparison import experiments
from engine.research.comparison.experiments import Row, judge, run, section
from engine.superresolution import examples
from engine.superresolution.networks import networks

SHORT = {"batch": 1, "crop": 3}


@pytest.fixture
def known(daily, monkeypatch):
    kind = networks.NETWORKS["basicvsr"]
    tiny = replace(kind.presets["small"], channels=4, tail_channels=4, blocks=1)
    presets = kind.presets | {"small": tiny}
    monkeypatch.setitem(networks.NETWORKS, "basicvsr", replace(kind, presets=presets))
    found = examples.prepare(library.open_dataset(daily), library.info(daily), regress=False)
    monkeypatch.setattr(experiments, "YEAR", len(found.validation[0]) // 2)
    return found


def test_rows_are_judged_kept_and_gone_on_with(known, tmp_path):
    results = tmp_path / "probes.json"
    rows = (
        Row("start", ""),
        Row("plain", "basicvsr", config=SHORT, steps=2, seeds=(0,)),
    )
    done = run(lambda climatology: known, rows, results)
    assert json.loads(results.read_text()) == done
    start, plain = done["start"][0], done["plain"][0]
    assert start["rmse"] == start["start"] == plain["start"]
    assert start["size"] == 0
    # Two steps change the start a little, and exact means can only help.
    assert plain["rmse"] == pytest.approx(plain["start"], rel=0.2)
    assert plain["rmse"] != plain["start"]
    assert plain["exact"] <= plain["rmse"]
    assert plain["size"] > 0
    assert -1 <= plain["agreement"] <= 1
    run(pytest.fail, rows, results)  # nothing is missing, so nothing is made ready
    again = run(lambda climatology: known, (replace(rows[1], seeds=(0, 1)),), results)["plain"]
    assert again[0] == plain
    assert len(again) == 2
    assert again[1]["rmse"] != plain["rmse"]
    page = section(results)
    assert f"| start | 0 | {start['start']:.3f} |" in page.replace(" ± 0.000", "")
    assert f"| plain | {plain['parameters']:,} |" in page
    assert section(tmp_path / "nothing.json") == ""


def test_a_perfect_map_is_judged_so(known):
    test = known.validation[0]
    right = replace(test, base=test.fine.clone())
    found = judge(None, right, 5, known.std)
    assert found["rmse"] < 1e-4 * known.std
    wrong = replace(test, base=test.fine + 1.0)
    found = judge(None, wrong, 5, known.std)
    assert found["rmse"] == pytest.approx(known.std, rel=1e-3)
    assert found["exact"] < 1e-3 * known.std


def test_all_rows_differ_and_name_known_things():
    assert len({row.name for row in experiments.ROWS}) == len(experiments.ROWS)
    for row in experiments.ROWS:
        experiments.PLAN.config(row.steps, 0)
        if row.model:
            networks.from_preset(row.model, "small", **row.network)
