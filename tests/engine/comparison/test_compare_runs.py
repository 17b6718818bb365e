"""All systems under one budget: the record, its going on, the page."""

import datetime as dt
import json
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from training_maps import TINY
from typer.testing import CliRunner

from engine import library
from engine.cli import app
from engine.cli.comparing import parse_budget
from engine.comparison import page, runs
from engine.comparison import scores as compare_scores
from engine.comparison import speed as bench
from engine.comparison.page import collect, publish
from engine.comparison.plan import ALL, Plan
from engine.comparison.published import PAPER
from engine.comparison.runs import compare, middle
from engine.comparison.scores import exact_means
from engine.comparison.weights import FILES, ship, use
from engine.core.errors import NotFoundError, RequestError, StorageError
from engine.core.paths import home, inside
from engine.core.progress import Cancelled
from engine.core.results_page import TEMPLATES
from engine.inference import catalogue
from engine.inference.request import Request
from engine.inference.run import predict
from engine.superresolution import examples, weights
from engine.superresolution.networks import networks

SPEED = {"edvr": {"processor_seconds": 1.5, "peak_megabytes": 77}}
FEW = ("bilinear", "ha", "edvr")


@pytest.fixture
def timed(monkeypatch):
    """Seconds and memory without the processes that measure them."""
    monkeypatch.setattr(bench, "measured", lambda *_: SPEED["edvr"])


@pytest.fixture
def small(monkeypatch):
    for name, fields in TINY.items():
        kind = networks.NETWORKS[name]
        presets = {**kind.presets, "small": replace(kind.presets["small"], **fields)}
        monkeypatch.setitem(networks.NETWORKS, name, replace(kind, presets=presets))


def plan(**changes):
    fields = {"models": FEW, "steps": 2, "fractions": (1.0, 0.5), "crop": 3, "checks": 1}
    fields["batch"] = 1
    return Plan("daily", **(fields | changes))


def test_moving_to_exact_block_means_is_exact_and_never_worse():
    rng = np.random.default_rng(0)
    for gaps in (0.0, 0.4, 0.9):
        target = rng.gamma(2, 20, (24, 16)).astype(np.float32)
        valid = rng.random((24, 16)) >= gaps
        valid[:8, :8] = False
        total = np.where(valid, target, 0).reshape(3, 8, 2, 8).sum((1, 3))
        count = valid.reshape(3, 8, 2, 8).sum((1, 3))
        coarse = np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
        fine = target + rng.normal(5, 10, target.shape).astype(np.float32)
        moved = exact_means(fine, coarse, valid)
        means = np.where(valid, moved, 0).reshape(3, 8, 2, 8).sum((1, 3)) / np.maximum(count, 1)
        np.testing.assert_allclose(means[count > 0], coarse[count > 0], rtol=1e-4)
        before, after = (((z - target)[valid] ** 2).sum() for z in (fine, moved))
        assert after < before


def test_a_comparison_is_recorded_goes_on_and_becomes_a_page(
    daily, small, timed, tmp_path, monkeypatch
):
    predicted = []
    first = compare(plan(models=FEW[:2]), tmp_path)
    assert set(first["runs"]) == {f"{m} {s} 0" for m in FEW[:2] for s in ("100%", "50%")}
    scored = compare_scores.score
    monkeypatch.setattr(
        compare_scores, "score", lambda run, *a: predicted.append(run) or scored(run, *a)
    )
    record = compare(plan(seeds=(0, 1)), tmp_path)
    # Only what was missing, and a second seed only where something is random.
    assert [run.entry.name for run in predicted] == ["edvr"] * 4
    kept = json.loads((tmp_path / "runs.json").read_text())
    assert kept == json.loads(json.dumps(record))
    run = record["runs"]["edvr 100% 0"]
    assert run["exact_means"]["rmse"] <= run["as_it_is"]["rmse"]
    assert run["as_it_is"]["n"] == record["runs"]["ha 100% 0"]["as_it_is"]["n"]
    # Half the training part gives another ratio, and so another error.
    whole, half = (record["runs"][f"ha {share} 0"]["as_it_is"] for share in ("100%", "50%"))
    assert whole["rmse"] != half["rmse"]
    assert whole["n"] == half["n"]
    # HA's block means are exact by themselves.
    alone = record["runs"]["ha 100% 0"]
    assert alone["exact_means"]["rmse"] == pytest.approx(alone["as_it_is"]["rmse"], rel=1e-5)
    # Two steps from the bilinear map, a network is still about as good.
    plain = record["runs"]["bilinear 100% 0"]["as_it_is"]["rmse"]
    assert run["as_it_is"]["rmse"] == pytest.approx(plain, rel=0.3)
    page = publish(record, tmp_path, speed=SPEED).read_text(encoding="utf-8")
    assert f"| {run['parameters']:,} | 1.5 | 77 |" in page
    assert " ± " in page
    assert "SYNTHETIC" in page
    assert "theirs, not ours" in page
    assert all(row[1] in page for row in PAPER)
    for name in ("maps", "errors", "mean-errors"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert len(picture.convert("RGB").getcolors(maxcolors=10**6) or []) > 5
    for name in ("convergence", "parameters", "spectra"):
        assert (tmp_path / f"{name}.svg").read_text().startswith("<svg")
    assert "edvr" in (tmp_path / "convergence.svg").read_text()
    (tmp_path / "speed.json").write_text(json.dumps(SPEED))
    collect([tmp_path], tmp_path.parent / "all.md", TEMPLATES / "comparison.md", "What is more.")
    whole = (tmp_path.parent / "all.md").read_text(encoding="utf-8")
    assert "What is more." in whole
    assert "the budget is tiny" in whole
    assert f"]({tmp_path.name}/maps.png)" in whole
    assert whole.count("theirs, not ours") == 1


def test_the_middle_of_a_map_is_whole_coarse_cells(daily):
    known = examples.prepare(library.open_dataset(daily), library.info(daily), regress=False)
    whole = known.validation[0]
    h, w = whole.coarse.shape[1:]
    assert (h, w) == (4, 5)
    part = middle(whole, 2)
    assert torch.equal(part.coarse, whole.coarse[:, 1:3, 1:3])
    assert torch.equal(part.fine, whole.fine[:, 8:24, 8:24])
    assert part.fine_mask.shape[1:] == (16, 16)
    assert torch.equal(middle(whole, 9).fine, whole.fine)


def test_what_is_shipped_loads_and_is_what_was_scored(daily, small, tmp_path):
    chosen = plan(models=("copy", "urbanfm"), seeds=(1,), fractions=(1.0,), look=2)
    compare(chosen, tmp_path / "c")
    made = ship(tmp_path / "c", tmp_path / "assets")
    assert [path.name for path in made] == ["urbanfm-day"]
    for path in made:
        about, network = weights.load_network(path)
        assert about.seed == 1
        assert about.train_end == library.info(daily).train_end.isoformat()
        assert "weights: daily" in (path / "card.md").read_text(encoding="utf-8")
        kept = load_file(path / "weights.safetensors")
        assert {z.dtype for z in kept.values()} <= {torch.float16, torch.int64}
        assert {p.dtype for p in network.parameters()} == {torch.float32}
        assert sorted(p.name for p in path.iterdir()) == sorted(FILES)
    with pytest.raises(NotFoundError, match="no comparison"):
        ship(tmp_path / "nothing", tmp_path / "assets")


def test_what_is_used_is_found_for_its_dataset_and_replaces_nothing(daily, small, tmp_path):
    compare(plan(models=("edvr", "urbanfm"), fractions=(1.0,)), tmp_path / "c")
    own = inside(home() / "weights", "edvr-daily")
    own.mkdir(parents=True)
    (own / "config.json").write_text("{}")
    made = use(tmp_path / "c")
    assert [path.name for path in made] == ["urbanfm-daily"]
    assert (own / "config.json").read_text() == "{}"
    about = library.info(daily)
    assert catalogue.weights_for(about, "urbanfm") == made[0]
    answer = predict(Request(daily, about.end, model="urbanfm"))
    assert answer.attrs["weights_sha256"] == weights.describe(made[0]).sha256
    assert use(tmp_path / "c") == []


def test_another_budget_is_not_mixed_in(daily, tmp_path):
    compare(plan(models=("copy",)), tmp_path)
    with pytest.raises(StorageError, match="another budget or other data"):
        compare(plan(models=("copy",), steps=3), tmp_path)
    (tmp_path / "runs.json").write_text("{")
    with pytest.raises(StorageError, match="damaged"):
        compare(plan(models=("copy",)), tmp_path)


def test_stopped_it_keeps_what_is_done(daily, tmp_path):
    left = iter([False] * 40)
    with pytest.raises(Cancelled):
        compare(
            plan(models=("copy", "bilinear", "ha")), tmp_path, cancelled=lambda: next(left, True)
        )
    done = json.loads((tmp_path / "runs.json").read_text())["runs"]
    assert 0 < len(done) < 6


def test_minutes_become_steps_once_and_hold_when_going_on(daily, small, tmp_path, monkeypatch):
    chosen = plan(models=("basicvsr",), steps=None, minutes=0.02, fractions=(1.0,))
    monkeypatch.setattr(runs, "_steps_within", lambda *_: 3)
    with pytest.raises(Cancelled):  # in the training, as soon as its length is known
        compare(chosen, tmp_path, cancelled=(tmp_path / "runs.json").is_file)
    # The machine has become faster; what was begun goes on with the steps that were measured.
    monkeypatch.setattr(runs, "_steps_within", lambda *_: 7)
    record = compare(chosen, tmp_path)
    assert record["runs"]["basicvsr 100% 0"]["steps"] == 3


def test_minutes_become_steps(daily, small):
    known = examples.prepare(library.open_dataset(daily), library.info(daily), regress=False)
    chosen = plan(models=("basicvsr",), steps=None, minutes=0.02)
    few = runs._steps_within(chosen, "basicvsr", known, 0)
    assert few >= 1
    many = runs._steps_within(replace(chosen, minutes=20.0), "basicvsr", known, 0)
    assert many > 20 * few


def test_no_more_dates_are_scored_than_asked(daily, monkeypatch):
    known = examples.prepare(library.open_dataset(daily), library.info(daily), regress=False)
    chosen = plan(models=("copy",))
    whole = runs._test_dates(replace(chosen, every=1), known)
    assert runs._test_dates(chosen, known) == whole
    monkeypatch.setattr(runs, "SCORED", len(whole) - 1)
    assert runs._test_dates(chosen, known) == whole[::2]
    last = library.info(daily).end
    with pytest.raises(RequestError, match="no date is left to score"):
        runs._test_dates(chosen, replace(known, validate_end=last))


def test_budgets_are_steps_or_minutes():
    assert parse_budget("300steps") == (300, None)
    assert parse_budget("2.5min") == (None, 2.5)
    assert parse_budget("5minutes") == (None, 5)
    assert parse_budget("1 step") == (1, None)
    for wrong in ("", "minutes", "300", "0steps", "1.5steps", "-1min", "xmin", "infmin", "nanmin"):
        with pytest.raises(RequestError, match="is no budget"):
            parse_budget(wrong)


def test_plans_that_cannot_be_run_are_refused():
    with pytest.raises(RequestError, match="kriging cannot be compared"):
        plan(models=("copy", "kriging"))
    with pytest.raises(RequestError, match="in steps or in minutes"):
        plan(minutes=1.0)
    with pytest.raises(RequestError, match="at most 100 %"):
        plan(fractions=(1.2,))
    assert set(ALL) <= set(catalogue.MODELS)


def test_the_command(daily, timed, tmp_path):
    words = ["compare", "--data", "daily", "--out", str(tmp_path / "c"), "--budget", "2steps"]
    predicted = CliRunner().invoke(app, [*words, "--models", "copy,bicubic", "--fractions", "100"])
    assert predicted.exit_code == 0, predicted.output
    page = (tmp_path / "c" / "comparison.md").read_text(encoding="utf-8")
    assert "| Block copy (`copy`) |" in page
    assert page.index("`bicubic`") < page.index("`copy`")
    assert "2 systems, 0 trainings of 2 steps" in predicted.output
    assert "│ bicubic │" in predicted.output


def test_the_command_stops_at_ctrl_c_and_goes_on(daily, timed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scored = compare_scores.score

    def interrupted(*given):
        if (tmp_path / "comparison-daily" / "runs.json").is_file():
            signal.raise_signal(signal.SIGINT)
        return scored(*given)

    before = signal.getsignal(signal.SIGINT)
    words = ["compare", "--data", "daily", "--budget", "2steps", "--fractions", "100"]
    try:
        monkeypatch.setattr(compare_scores, "score", interrupted)
        predicted = CliRunner().invoke(app, [*words, "--models", "copy,bilinear,bicubic"])
        assert predicted.exit_code == 130, predicted.output
        assert "the same command goes on" in predicted.output
        kept = json.loads((tmp_path / "comparison-daily" / "runs.json").read_text())["runs"]
        assert list(kept) == ["copy 100% 0"]
        monkeypatch.setattr(compare_scores, "score", scored)
        predicted = CliRunner().invoke(app, [*words, "--models", "copy,bilinear,bicubic"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert predicted.exit_code == 0, predicted.output
    assert "| Bicubic (`bicubic`) |" in (tmp_path / "comparison-daily/comparison.md").read_text()


def test_no_date_that_decided_anything_is_scored(own, tmp_path):
    ends = {"monthly": dt.date(2005, 12, 31)}
    train_end = library.info("daily").train_end
    ends["daily"] = train_end + dt.timedelta(days=3)
    for data, end in ends.items():
        chosen = plan(models=("copy",), fractions=(1.0,), validate_end=end)
        record = compare(replace(chosen, data=data), tmp_path / data)
        assert record["tested"][0] == (end + dt.timedelta(days=1)).isoformat()


def test_pictures_of_all_systems_are_not_drawn_anew_from_a_few(tmp_path):
    """A fresh clone has the pictures, and the maps of the systems that were scored in it alone."""
    maps, drawn = tmp_path / compare_scores.PICTURES, tmp_path / "maps.png"
    maps.mkdir()
    for name in ("target", "edvr", "edvr-error"):
        np.save(maps / f"{name}.npy", np.full((8, 8), 40.0, dtype=np.float16))
    drawn.write_bytes(b"of many systems")
    assert page._sheets(["bilinear", "edvr"], tmp_path) == ["maps"]
    assert drawn.read_bytes() == b"of many systems"
    assert page._sheets(["edvr"], tmp_path) == list(page.SHEETS)
    assert drawn.read_bytes() != b"of many systems"
