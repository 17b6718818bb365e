import datetime as dt
import json

import numpy as np
import pytest
import torch

from engine.core.grid import Grid
from engine.core.paths import ASSETS
from engine.research.airstfm import demo_weights
from engine.research.airstfm.demo_weights import (
    CALIBRATION,
    TRAINING,
    VALIDATION,
    World,
    demo_examples,
    size_intervals,
    train_demo_weights,
)
from engine.research.demo import build_demo
from engine.superresolution import train_airstfm
from engine.superresolution import weights as checkpoint
from engine.superresolution.networks.masking import masked_block_mean
from engine.superresolution.networks.regression import valid_blocks
from engine.superresolution.regression_fit import Record
from engine.training import weights_folder
from engine.twin.world import Day

GRID = Grid(33.0, 118.0, 0.01, 0.01, 32, 40)
FEW = tuple(World(seed, dt.date(2010, 1, 1), 6) for seed in (1, 2, 3, 4))
JUDGE = (World(9, dt.date(2011, 1, 1), 5),)


def small(world, progress=None, cancelled=None):
    """A place that is the same in all worlds, under weather of the world's own."""
    place = np.random.default_rng(0).standard_normal((32, 40)) * 0.3
    weather = np.random.default_rng(world.seed).standard_normal((world.days, 1, 1)) * 0.3
    fine = torch.from_numpy(np.exp(4 + weather + place).astype(np.float32))
    mask = torch.ones(world.days, 32, 40, dtype=torch.bool)
    mask[:, :8, :8] = False
    fine = torch.where(mask, fine, 0)
    dates = np.arange(world.start, world.start + dt.timedelta(world.days), dtype="datetime64[D]")
    coarse = masked_block_mean(fine, mask, 8)
    return Record(coarse, valid_blocks(mask), fine, mask, torch.zeros(world.days), dates)


@pytest.fixture
def small_worlds(monkeypatch):
    monkeypatch.setattr(demo_weights, "days_of", small)
    monkeypatch.setattr(demo_weights, "GRID", GRID)


def test_nobody_learns_from_the_world_that_is_shipped_or_that_judges():
    parts = [{w.seed for w in part} for part in (TRAINING, VALIDATION, CALIBRATION)]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert build_demo.SEED not in set.union(*parts)
    last = max(w.start + dt.timedelta(w.days) for part in (TRAINING, VALIDATION) for w in part)
    assert last < build_demo.SUMMER.start


def test_the_shipped_weights_say_what_they_learned_from():
    folder = ASSETS / "weights" / "airstfm-day"
    predicted = checkpoint.describe(folder)
    assert "7001 to 7008" in predicted.trained_on
    assert "SYNTHETIC" in (folder / "card.md").read_text(encoding="utf-8")
    assert predicted.climatology_sha256 == weights_folder.digest(folder / checkpoint.CLIMATOLOGY)


def test_examples_of_worlds(small_worlds):
    known = demo_examples(FEW, JUDGE)
    assert [len(s) for s in known.training] == [6, 6, 6, 6]
    assert [len(s) for s in known.validation] == [5]
    assert [len(s) for s in known.training_without_climatology] == [1, 1, 1, 1]
    assert (known.train_start, known.train_end) == (dt.date(2010, 1, 1), dt.date(2010, 1, 6))
    climatology, grid = known.climatology
    assert grid == GRID
    # The place is found: the base of a world that was not learned from is nearly right.
    error = (known.validation[0].base - known.validation[0].fine) * known.std
    assert float(error[known.validation[0].fine_mask.expand_as(error)].abs().max()) < 3
    assert torch.equal(climatology.log_ratio[0], climatology.log_ratio[7])


def test_a_world_is_mapped_by_the_others(small_worlds, monkeypatch):
    before = demo_examples(FEW, JUDGE)

    def other(world, progress=None, cancelled=None):
        record = small(world)
        if world.seed != 2:
            return record
        turned = record.fine.clone()
        turned[:, 16:24, 16:24] = turned[:, 16:24, 16:24].flip(1)  # block means stay
        return Record(record.coarse, record.mask, turned, record.fine_mask, record.years,
                      record.dates)  # fmt: skip

    monkeypatch.setattr(demo_weights, "days_of", other)
    after = demo_examples(FEW, JUDGE)
    torch.testing.assert_close(before.training[1].base, after.training[1].base)
    assert not torch.allclose(before.training[0].base, after.training[0].base, atol=0.01)


def test_weights_bring_the_past_and_no_state_is_needed(small_worlds, quick, tmp_path):
    folder = tmp_path / "out"
    result = train_demo_weights(
        folder,
        training=FEW,
        validation=JUDGE,
        calibration=(World(10, dt.date(2011, 1, 1), 2),),
        config=train_airstfm.training_config("small", None, 0),
    )
    assert result.folder == folder
    predicted, _ = checkpoint.load(folder)
    assert predicted.period == "day"
    assert checkpoint.climatology_of(folder, predicted, GRID) is not None
    assert "**Synthetic data**" in (folder / "card.md").read_text(encoding="utf-8")
    assert json.loads((folder / "config.json").read_text())["factor_without_climatology"] > 0


def test_intervals_are_sized_again_without_training(small_worlds, quick, tmp_path):
    train_demo_weights(tmp_path, training=FEW, validation=JUDGE, calibration=(),
                 config=train_airstfm.training_config("small", None, 0))  # fmt: skip
    before, weights = checkpoint.describe(tmp_path), (tmp_path / "weights.safetensors").read_bytes()
    again = size_intervals(tmp_path, JUDGE)
    same = checkpoint.describe(tmp_path)
    # By the same worlds the same factor; half the past is kept in eight bits.
    assert same.error_factor == pytest.approx(before.error_factor, rel=0.1)
    assert again[1] == pytest.approx(0.9, abs=0.01)
    size_intervals(tmp_path, (World(10, dt.date(2011, 1, 1), 2),))
    after = checkpoint.describe(tmp_path)
    assert after.error_factor != same.error_factor
    assert (tmp_path / "weights.safetensors").read_bytes() == weights
    card = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert f"| intervals | scale × {after.error_factor:.2f};" in card
    assert card.count("| stopped by |") == 1 and "7301 to 7304" in card


def test_days_are_land_alone(monkeypatch):
    """The sea has no data, and block means count land."""

    def simulate(days, seed, start):
        values = np.random.default_rng(seed).random((days, 800, 720), np.float32)
        return [Day(start, each, np.zeros(0, np.float32)) for each in values]

    monkeypatch.setattr(demo_weights, "simulate", simulate)
    record = demo_weights.days_of(World(7201, dt.date(2007, 1, 15), 1))
    land = record.fine_mask[0]
    assert 0.5 < float(land.float().mean()) < 0.95
    assert (record.fine[0][~land] == 0).all()
    steps = (
        record.fine / build_demo.SCALE
    )  # as the shipped maps, whose rounding intervals have to hold
    torch.testing.assert_close(steps, steps.round(), atol=1e-4, rtol=0)
    counts = land.view(100, 8, 90, 8).float().mean((1, 3))
    row, column = divmod(int((counts - 0.5).abs().argmin()), 90)
    assert 0 < float(counts[row, column]) < 1
    here = slice(8 * row, 8 * row + 8), slice(8 * column, 8 * column + 8)
    expected = record.fine[0][here][land[here]].mean()
    assert float(record.coarse[0, row, column]) == pytest.approx(float(expected), rel=1e-5)
