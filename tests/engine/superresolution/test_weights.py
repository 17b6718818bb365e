import json

import pytest
import torch

from engine.core.errors import DataError, NotFoundError, StorageError
from engine.core.grid import Grid
from engine.superresolution import weights
from engine.superresolution.networks.airstfm import SMALL, AirSTFM
from engine.superresolution.networks.regression import PlaceClimatology
from engine.superresolution.weights import Checkpoint, network_fields
from engine.training import weights_folder

GRID = Grid(33.0, 118.0, 0.01, 0.01, 32, 40)
TINY = {"extraction_blocks": 1, "reconstruction_blocks": 1, "patch": 3, "flow": False}


def network(**changes):
    torch.manual_seed(0)
    from dataclasses import replace

    return AirSTFM(replace(SMALL, **(TINY | changes))).eval()


def about(config, **changes):
    fields = {
        "model": "airstfm",
        "network": network_fields(config),
        "mean": 50.0,
        "std": 20.0,
        "base": "regression",
        "planes": (),
        "period": "day",
        "error_factor": 1.5,
        "trained_on": "a test",
        "train_start": "2010-01-01",
        "train_end": "2012-01-01",
        "validate_end": "2013-01-01",
        "licence": "CC0",
        "seed": 0,
    }
    return Checkpoint(**(fields | changes))


def climatology(seed=0, months=12):
    g = torch.Generator().manual_seed(seed)
    maps = [torch.randn(months, *shape, generator=g) for shape in ((32, 40), (4, 5), (32, 40))]
    slopes = torch.randn(4, 5, 25, 64, generator=g)
    slopes[0, 0] = 0  # a block without data
    full = [z.expand(12, -1, -1) for z in maps]
    return PlaceClimatology(full[0], full[1], slopes, full[2].abs())


def test_what_is_saved_gives_the_same_map(tmp_path):
    made = network(attention_radius=None, log_scale=True)
    weights.save(tmp_path, about(made.config), made, "A card.")
    predicted, loaded = weights.load(tmp_path)
    coarse = torch.randn(1, 5, 1, 6, 7, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        one, other = made(coarse), loaded(coarse)
    assert torch.equal(one.mean, other.mean)
    assert torch.equal(one.log_scale, other.log_scale)
    assert loaded.config == made.config
    assert not loaded.training
    assert predicted.sha256 == weights_folder.digest(tmp_path / weights_folder.WEIGHTS)
    assert (tmp_path / weights_folder.CARD).read_text() == "A card."


def test_a_folder_without_weights(tmp_path):
    with pytest.raises(NotFoundError, match="Train some"):
        weights.load(tmp_path)


@pytest.mark.parametrize("file", ["weights.safetensors", "config.json"])
def test_damage_is_named(tmp_path, file):
    made = network()
    weights.save(tmp_path, about(made.config), made, "")
    path = tmp_path / file
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=file.split(".")[0]):
        weights.load(tmp_path)


def test_weights_of_another_network_are_refused(tmp_path):
    made = network()
    weights.save(tmp_path, about(network(channels=8).config), made, "")
    with pytest.raises(DataError, match="do not fit"):
        weights.load(tmp_path)


def test_a_folder_of_an_earlier_version_still_loads(tmp_path):
    made = network()
    weights.save(tmp_path, about(made.config), made, "")
    path = tmp_path / weights_folder.CONFIG
    old = json.loads(path.read_text())
    for name, now in weights.Checkpoint.renamed.items():
        old[name] = old.pop(now)
    old["network"]["ground"] = old["network"].pop("static_fields")
    old["blind_factor"] = 1.5
    path.write_text(json.dumps(old))
    known, loaded = weights.load(tmp_path)
    assert known.factor_without_climatology == 1.5
    assert loaded.config == made.config


def test_a_configuration_that_asks_for_nonsense_is_refused(tmp_path):
    made = network()
    weights.save(tmp_path, about(made.config), made, "")
    path = tmp_path / weights_folder.CONFIG
    predicted = json.loads(path.read_text())
    predicted["network"]["stride"] = 0
    path.write_text(json.dumps(predicted))
    with pytest.raises(DataError, match="do not fit"):
        weights.load(tmp_path)


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    made = network()
    weights.save(tmp_path, about(made.config), made, "first")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(tensors, path, **rest):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(weights_folder, "save_file", full)
    with pytest.raises(StorageError, match="No space left"):
        weights.save(tmp_path, about(made.config), made, "second")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("months", [1, 12])
def test_a_past_comes_back_nearly_whole(tmp_path, months):
    made, known = network(), climatology(months=months)
    weights.save(tmp_path, about(made.config), made, "", (known, GRID))
    found = weights.climatology_of(tmp_path, weights.describe(tmp_path), GRID)
    for name in PlaceClimatology._fields:
        one, other = getattr(known, name), getattr(found, name)
        assert one.shape == other.shape
        largest = float(one.abs().max())
        torch.testing.assert_close(one, other, rtol=0, atol=largest / 200)
    size = (tmp_path / weights.CLIMATOLOGY).stat().st_size
    assert size < 12 * 2 * 32 * 40 * 2 + 20 * 1600 + 6000


def test_a_window_of_the_past(tmp_path):
    made, known = network(), climatology()
    weights.save(tmp_path, about(made.config), made, "", (known, GRID))
    predicted = weights.describe(tmp_path)
    part = GRID.crop(slice(8, 24), slice(16, 40))
    found = weights.climatology_of(tmp_path, predicted, part)
    torch.testing.assert_close(
        found.log_ratio, known.log_ratio[:, 8:24, 16:40], rtol=1e-3, atol=1e-3
    )
    torch.testing.assert_close(found.slopes, known.slopes[1:3, 2:5], rtol=0, atol=0.05)


@pytest.mark.parametrize(
    "elsewhere",
    [
        Grid(33.0, 118.0, 0.02, 0.02, 16, 16),  # other cells
        Grid(32.95, 118.0, 0.01, 0.01, 16, 16),  # blocks counted from another corner
        Grid(33.08, 118.0, 0.01, 0.01, 16, 16),  # begins outside
        Grid(33.0, 118.0, 0.01, 0.01, 64, 40),  # ends outside
        Grid(20.0, 100.0, 0.01, 0.01, 16, 16),
    ],
)
def test_cells_elsewhere_have_no_past(tmp_path, elsewhere):
    made = network()
    weights.save(tmp_path, about(made.config), made, "", (climatology(), GRID))
    assert weights.climatology_of(tmp_path, weights.describe(tmp_path), elsewhere) is None


def test_a_damaged_past_is_named(tmp_path):
    made = network()
    weights.save(tmp_path, about(made.config), made, "", (climatology(), GRID))
    path = tmp_path / weights.CLIMATOLOGY
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"past\.safetensors"):
        weights.climatology_of(tmp_path, weights.describe(tmp_path), GRID)


def test_weights_without_a_past_have_none(tmp_path):
    made = network()
    weights.save(tmp_path, about(made.config), made, "")
    assert weights.climatology_of(tmp_path, weights.describe(tmp_path), GRID) is None
