import datetime as dt
import json
from dataclasses import replace

import pytest

from engine import library
from engine.core.errors import NotFoundError
from engine.research.airstfm import ablation
from engine.research.airstfm.ablation import CONFIG, OURS, ROWS, Row, run
from engine.superresolution.examples import prepare

QUICK = replace(CONFIG, steps=2, pretext_steps=1, crop=3, batch=1, check_every=2)


@pytest.fixture
def learn(own):
    def known():
        known.times += 1
        about = library.info("monthly")
        return prepare(library.open_dataset("monthly"), about, validate_end=dt.date(2005, 12, 1))

    known.times = 0
    return known


def test_rows_are_kept_one_by_one_and_not_trained_again(learn, quick, tmp_path):
    file = tmp_path / "deep" / "rows.json"
    rows = (ROWS[0], Row("ours", climatology=True, gaussian=True, network=OURS))
    first = run(learn, rows[:1], results=file, config=QUICK)
    assert set(first) == {"modules A+F+S"}
    both = run(learn, rows, results=file, config=QUICK)
    assert both["modules A+F+S"] == first["modules A+F+S"]
    assert run(learn, rows, results=file, config=QUICK) == both
    assert learn.times == 2
    kept = json.loads(file.read_text())
    assert kept["about"]["maps_to_learn_from"] == 60
    assert kept["about"]["base_rmse"]["regression"] < kept["about"]["base_rmse"]["bilinear"]
    # Two steps do not change much of what a row starts from.
    for name, base in (("ours", "regression"), ("modules A+F+S", "bilinear")):
        assert both[name]["rmse"] == pytest.approx(kept["about"]["base_rmse"][base], rel=0.2)
    # A row of another budget cannot stand beside these.
    longer = run(learn, rows[:1], results=file, config=replace(QUICK, steps=3, check_every=3))
    assert set(longer) == {"modules A+F+S"} and longer != first


def test_rows_differ_in_what_they_say(learn, quick, tmp_path):
    parameters = {
        name: row["parameters"]
        for name, row in run(
            learn, [r for r in ROWS if r.name in ("modules A", "modules F", "modules A+F+S")],
            results=tmp_path / "rows.json", config=QUICK,
        ).items()
    }  # fmt: skip
    assert len(set(parameters.values())) == 3
    assert len({row.name for row in ROWS}) == len(ROWS)


def test_data_that_are_not_there_are_named(tmp_path):
    with pytest.raises(NotFoundError, match="not there"):
        ablation.wustl(tmp_path / "none.nc")
