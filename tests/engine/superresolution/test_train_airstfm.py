import csv
import datetime as dt
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from training_maps import days, months

from engine import library
from engine.core.errors import NotFoundError, RequestError
from engine.core.paths import home
from engine.inference.request import Request
from engine.inference.run import open_run, predict
from engine.library import weights_table
from engine.superresolution import examples, weights
from engine.superresolution.batches import Series
from engine.superresolution.networks.airstfm import SMALL, AirSTFM
from engine.superresolution.train_airstfm import (
    calibrate,
    keep_base,
    train_airstfm,
    training_config,
)

DATE = dt.date(2006, 3, 1)


def train(name, folder, **options):
    return train_airstfm(name, folder, validate_end=dt.date(2005, 12, 1), **options)


def test_a_run_leaves_weights_card_and_curve(own):
    names = {p.name for p in own.iterdir()}
    assert names == {
        "weights.safetensors", "config.json", "card.md", "curve.csv", "curve.svg", "state",
    }  # fmt: skip
    card = (own / "card.md").read_text(encoding="utf-8")
    for said in ("Synthetic data", "CC0", "2000-01-01 to 2004-12-01", "2005-12-01", "a test"):
        assert said in card
    rows = list(csv.DictReader((own / "curve.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["2", "3", "6"]
    assert rows[-1]["validation_rmse"]
    assert (own / "curve.svg").read_text().startswith("<svg")


def test_the_map_keeps_block_means_and_says_how_sure_it_is(own):
    run = open_run(Request("monthly", DATE, model="airstfm"))
    answer = run.predict(DATE)
    fine, mask = answer["pm2p5"].values[0], answer["target"].notnull().values[0]
    blocks = np.where(mask, fine, 0).reshape(3, 8, 3, 8)
    means = blocks.sum((1, 3)) / np.maximum(mask.reshape(3, 8, 3, 8).sum((1, 3)), 1)
    coarse = answer["coarse"].values[0]
    np.testing.assert_allclose(means[~np.isnan(coarse)], coarse[~np.isnan(coarse)], atol=2e-3)
    assert np.array_equal(np.isnan(fine), ~mask)
    assert (answer["uncertainty"].values[0][mask] > 0).all()
    assert answer["uncertainty"].attrs["units"] == "ug m-3"
    assert answer.attrs["weights_sha256"] == weights.describe(own).sha256
    assert answer.attrs["model_note"].startswith("Weights trained on a test, 2000-01-01")
    assert "knows nothing" not in answer.attrs["model_note"]
    assert answer.attrs["training_end"] == "2004-12-01"


def test_the_target_is_not_looked_at(own):
    """Fine values that keep every block mean change nothing in the map."""
    before = predict(Request("monthly", DATE, model="airstfm"))
    values = months()
    at = int(np.flatnonzero(values["valid_time"].values == np.datetime64("2006-03-01"))[0])
    block = values["pm2p5"].values[at, 16:24, 16:24].copy()
    values["pm2p5"].values[at, 16:24, 16:24] = block[::-1]
    library.store(values, "turned", train_end=dt.date(2004, 12, 1))
    shutil.copytree(own, home() / "weights" / "airstfm-turned")
    after = predict(Request("turned", DATE, model="airstfm"))
    np.testing.assert_allclose(after["pm2p5"], before["pm2p5"], rtol=1e-4, atol=1e-3)
    assert not np.allclose(after["target"], before["target"], equal_nan=True)


def test_a_place_without_a_past_is_mapped_and_it_is_said(own):
    folder = home() / "weights" / "airstfm-daily"
    shutil.copytree(own, folder)
    answer = predict(Request("daily", dt.date(2015, 1, 20), model="airstfm"))
    assert answer["pm2p5"].notnull().all()
    note = answer.attrs["model_note"]
    assert "There is no climatology of this place: the training part has 1 of the 5" in note


def test_weights_may_bring_the_past_of_a_place(own):
    """On the grid of past.safetensors that past is used, elsewhere not."""
    from engine.core.schema import grid_of
    from engine.superresolution.networks.regression import PlaceClimatology

    predicted, network = weights.load(own)
    grid = grid_of(library.open_dataset("daily"))
    grid = grid.crop(slice(0, 32), slice(0, 40))
    generator = torch.Generator().manual_seed(0)
    climatology = PlaceClimatology(
        torch.randn(1, 32, 40, generator=generator).expand(12, -1, -1),
        torch.full((12, 4, 5), 3.7),
        torch.zeros(4, 5, 25, 64),
        torch.ones(12, 32, 40),
    )
    folder = home() / "weights" / "airstfm-daily"
    weights.save(folder, predicted, network, "", (climatology, grid))
    known = predict(Request("daily", dt.date(2015, 1, 20), model="airstfm"))
    assert "knows nothing" not in known.attrs["model_note"]
    # The pattern of the past shows: cells stand to their block as it says.
    fine = np.log(known["pm2p5"].values[0])
    pattern = climatology.log_ratio[0].numpy()
    assert np.corrcoef(fine.ravel(), pattern.ravel())[0, 1] > 0.9
    library.store(days(north=32.95), "beside")
    shutil.copytree(folder, home() / "weights" / "airstfm-beside")
    other = predict(Request("beside", dt.date(2015, 1, 20), model="airstfm"))
    assert "no climatology of this place" in other.attrs["model_note"]


def test_stopped_and_started_again_gives_the_same_weights(monthly, quick, tmp_path):
    train(monthly, tmp_path / "whole")
    halted = None
    for last in (3, 5, 10_000):
        left = iter(range(last))
        halted = train_from(monthly, tmp_path / "halves", left)
    assert halted.folder is not None
    one, other = (load_file(tmp_path / n / "weights.safetensors") for n in ("whole", "halves"))
    assert all(torch.equal(one[k], other[k]) for k in one)


def train_from(name, folder, left):
    """Train until `left` runs out, counting only the steps of training."""
    from engine.superresolution import train_airstfm as trainer

    known = examples.prepare(
        library.open_dataset(name),
        library.info(name),
        validate_end=dt.date(2005, 12, 1),
        static_fields=trainer.STATIC_FIELDS,
    )
    return trainer.train_on(
        known,
        folder,
        config=trainer.training_config("small", None, 0),
        cancelled=lambda: next(left, None) is None,
    )


def test_a_record_without_a_past_trains_as_the_paper_does(daily, quick):
    folder = home() / "weights" / "airstfm-daily"
    train_airstfm(daily, folder)
    assert weights.describe(folder).base == "bilinear"
    assert predict(Request(daily, dt.date(2015, 1, 28), model="airstfm"))["pm2p5"].notnull().all()


def test_what_is_no_grid_is_refused(quick, tmp_path):
    values = np.array([[50.0], [60.0]], np.float32)
    import xarray as xr

    stations = xr.Dataset(
        {"pm2p5": (("valid_time", "station"), values, {"units": "ug m-3"})},
        {
            "valid_time": pd.date_range("2015-01-10", periods=2, freq="h").astype("datetime64[ns]"),
            "station": np.array(["a"], object),
            "name": ("station", np.array(["南京"], object)),
            "latitude": ("station", [32.0]),
            "longitude": ("station", [118.8]),
        },
        attrs={
            "kind": "stations", "period": "hour", "utc_offset_hours": 8, "source": "a test",
            "licence": "CC0", "synthetic": 0,
        },
    )  # fmt: skip
    library.store(stations, "sites")
    with pytest.raises(RequestError, match="learns from grids and 'sites' holds stations"):
        train_airstfm("sites", tmp_path / "out")


def test_without_weights_it_is_said_how_to_make_some(monthly, monkeypatch, tmp_path):

    monkeypatch.setattr(weights_table, "ASSETS", tmp_path)
    shutil.rmtree(home() / "weights")
    with pytest.raises(NotFoundError, match="airlens train airstfm --data monthly"):
        predict(Request(monthly, DATE, model="airstfm"))


def test_a_gpu_trains_in_mixed_precision_and_a_processor_does_not():
    assert training_config("small", None, 0, "cuda").mixed_precision
    assert not training_config("small", None, 0).mixed_precision


def test_a_correction_that_helps_nobody_is_taken_out():
    torch.manual_seed(0)
    network = AirSTFM(replace(SMALL, log_scale=True, flow=False, reconstruction_blocks=1)).eval()
    coarse = torch.randn(1, 5, 1, 11, 10)
    base = torch.randn(1, 5, 1, 88, 80)
    with torch.inference_mode():
        before = network(coarse, base=base)
        keep_base(network)
        after = network(coarse, base=base)
    assert float((before.mean - base).abs().max()) > 1e-3
    torch.testing.assert_close(after.mean, base)
    assert torch.equal(after.log_scale, before.log_scale)


def test_the_factor_makes_nine_intervals_of_ten_hold():
    """Errors drawn with twice the scale that the network claims."""
    generator = torch.Generator().manual_seed(0)

    class Sure(torch.nn.Module):
        class config:  # noqa: N801 - as the network's
            frames = 1

        def forward(self, coarse, mask, *, fine_mask, **rest):
            from engine.superresolution.networks.layers import FineMap

            shape = (1, 1, 1, *fine_mask.shape[-2:])
            return FineMap(torch.zeros(shape), torch.full(shape, np.log(0.5)))

    fine = torch.randn(4, 64, 64, generator=generator)
    mask = torch.ones(1, 64, 64, dtype=torch.bool)
    mask[:, :20] = False
    series = Series(torch.zeros(4, 8, 8), torch.ones(1, 8, 8, dtype=torch.bool), fine, mask)
    factor, seasons, (inner, outer), largest = calibrate(Sure(), (series,))
    assert largest == (float(fine.abs()[mask.expand_as(fine)].max()),)
    assert seasons == ()
    assert factor == pytest.approx(2, rel=0.03)
    assert inner == pytest.approx(0.5, abs=0.02)
    assert outer == pytest.approx(0.9, abs=0.001)


def test_each_season_has_a_factor_of_its_own():
    """Winter's errors are three times summer's; months that are not there take the common one."""
    generator = torch.Generator().manual_seed(0)

    class Sure(torch.nn.Module):
        class config:  # noqa: N801 - as the network's
            frames = 1

        def forward(self, coarse, mask, *, fine_mask, **rest):
            from engine.superresolution.networks.layers import FineMap

            zero = torch.zeros(1, 1, 1, *fine_mask.shape[-2:])
            return FineMap(zero, zero)

    fine = torch.randn(4, 64, 64, generator=generator)
    fine[:2] *= 3
    series = Series(
        torch.zeros(4, 8, 8), torch.ones(1, 8, 8, dtype=torch.bool), fine,
        torch.ones(1, 64, 64, dtype=torch.bool),
    )  # fmt: skip
    sized = calibrate(Sure(), (series,), ((12, 1, 7, 8),))
    winter, spring, summer, autumn = sized.seasons
    assert winter == pytest.approx(3, rel=0.05)
    assert summer == pytest.approx(1, rel=0.05)
    assert spring == autumn == sized.factor
    assert sized.coverage == (pytest.approx(0.5, abs=0.02), pytest.approx(0.9, abs=0.001))
    # The largest errors: winter's, then of all where a season was not seen, then summer's.
    assert sized.largest[0] == float(fine[:2].abs().max())
    assert sized.largest[2] == float(fine[2:].abs().max())
    assert sized.largest[1] == sized.largest[3] == float(fine.abs().max())


def test_a_map_s_uncertainty_is_scaled_by_its_season(own):
    predicted, network = weights.load(own)
    assert len(predicted.season_factors) == 4
    maps = {}
    for factors in ((1.0, 1.0, 1.0, 1.0), (1.0, 2.0, 1.0, 1.0)):
        weights.save(own, predicted.model_copy(update={"season_factors": factors}), network, "")
        maps[factors[1]] = [
            predict(Request("monthly", dt.date(2006, month, 1), model="airstfm"))["uncertainty"]
            for month in (2, 3)
        ]
    np.testing.assert_allclose(maps[2.0][0], maps[1.0][0])
    np.testing.assert_allclose(maps[2.0][1], 2 * maps[1.0][1], rtol=1e-5)


def test_no_standard_deviation_is_beyond_the_largest_error_of_its_season(own):
    """Whatever the network says of a place unlike any that it learned from."""
    predicted, network = weights.load(own)
    assert len(predicted.largest_errors) == 4
    with torch.no_grad():
        network.tail.last.get_parameter("bias")[1] += 12.0
    weights.save(
        own, predicted.model_copy(update={"largest_errors": (3.0, 2.0, 5.0, 4.0)}), network, ""
    )
    for month, largest in ((2, 3.0), (3, 2.0)):
        made = predict(Request("monthly", dt.date(2006, month, 1), model="airstfm"))
        assert float(made["uncertainty"].max()) == pytest.approx(largest)


@pytest.mark.parametrize("correct", [True, False])
def test_where_the_network_is_not_better_its_base_is_the_map(own, correct):
    """And the network goes on to say how sure it is, and to correct without climatology."""
    predicted, network = weights.load(own)
    torch.manual_seed(0)
    with torch.no_grad():
        network.tail.last.weight[0].normal_(0, 0.3)
    weights.save(own, predicted.model_copy(update={"correct": correct}), network, "")
    answer = predict(Request("monthly", DATE, model="airstfm"))
    base = predict(Request("monthly", DATE, model="local-regression"))
    same = np.allclose(answer["pm2p5"], base["pm2p5"], equal_nan=True, atol=1e-3)
    assert same == (not correct)
    assert bool((answer["uncertainty"] > 0).any())
    folder = home() / "weights" / "airstfm-daily"
    shutil.copytree(own, folder)
    requested = Request("daily", dt.date(2015, 1, 20), model="airstfm")
    without_climatology = predict(requested)["pm2p5"]
    flat = predicted.model_copy(update={"correct": correct, "correct_without_climatology": False})
    weights.save(folder, flat, network, "")
    assert not np.allclose(predict(requested)["pm2p5"], without_climatology, atol=1e-3)
