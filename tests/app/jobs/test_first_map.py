"""The map made ahead is the model's own, and never shown for anything else."""

from dataclasses import asdict

import numpy as np
import pytest
import world
import xarray as xr

from app.jobs import await_result, cache, first_map
from engine import library
from engine.inference.request import Request
from engine.inference.run import predict


@pytest.fixture
def kept(app_home, monkeypatch, tmp_path):
    """The first map of the small world, made and kept; returns its file."""
    monkeypatch.setattr(first_map, "DATASET", "tiny")
    path = tmp_path / "first" / "map.nc"
    first_map.save(predict(Request(**asdict(first_map.request()))), path)
    return path


def test_what_is_kept_is_what_the_model_says(kept):
    requested, result = first_map.load(kept)
    fresh = predict(Request(**asdict(requested)))
    assert set(result.data_vars) == set(fresh.data_vars)
    for name in fresh.data_vars:
        np.testing.assert_array_equal(result[name].values, fresh[name].values, err_msg=name)
        assert result[name].dims == fresh[name].dims
        assert result[name].dtype == fresh[name].dtype
    for name in fresh.coords:
        np.testing.assert_array_equal(result[name].values, fresh[name].values, err_msg=name)
    unlike = {"created", "seconds"}
    assert {k: str(v) for k, v in fresh.attrs.items() if k not in unlike} == {
        k: str(result.attrs[k]) for k in fresh.attrs if k not in unlike
    }


def test_the_page_finds_it_without_a_run(kept, monkeypatch):
    monkeypatch.setattr(first_map.load, "__defaults__", (kept,))
    monkeypatch.setattr(await_result, "_work", lambda *a, **k: pytest.fail("the model was run"))
    runs = cache.runs()
    requested = first_map.request()
    run = await_result._submit(runs, requested, owner="a")
    assert run.over.is_set()
    assert run.result.attrs["model"] == requested.model
    assert runs.usual(cache.run_kind(requested)) == run.result.attrs["seconds"]


@pytest.mark.parametrize(
    "change",
    [
        {"dataset_checksum": "other"},
        {"model_version": "0"},
        {"model": "copy"},
        {"date": "2015-01-02"},
        {"seed": 1},
    ],
)
def test_another_dataset_model_or_date_is_not_shown(kept, change):
    changed = xr.load_dataset(kept, engine="netcdf4")
    changed.attrs |= change
    changed.to_netcdf(kept, engine="netcdf4")
    assert first_map.load(kept) is None


def test_other_weights_are_not_shown(kept, monkeypatch, tmp_path):
    _, result = first_map.load(kept)
    requested = first_map.Request("tiny", world.DAYS[-1], "all", "airstfm")
    (tmp_path / "weights.safetensors").write_bytes(b"new weights")
    monkeypatch.setattr(first_map.catalogue, "weights_for", lambda about, model: tmp_path)
    result.attrs |= {"model": "airstfm", "model_version": "1", "weights_sha256": "0" * 64}
    assert not first_map.fits(result, requested)


def test_a_damaged_or_missing_file_is_as_good_as_none(kept):
    kept.write_bytes(kept.read_bytes()[:2000])
    assert first_map.load(kept) is None
    kept.unlink()
    assert first_map.load(kept) is None


def test_the_map_in_the_repository_is_that_of_the_demo():
    if first_map.DATASET not in library.names():
        pytest.skip("the demo is not here")
    ready = first_map.load()
    assert ready is not None, "make it again: python -m app.jobs.first_map"
    requested, result = ready
    fresh = predict(Request(**asdict(requested)))
    np.testing.assert_allclose(result["pm2p5"].values, fresh["pm2p5"].values, rtol=1e-4, atol=1e-3)
