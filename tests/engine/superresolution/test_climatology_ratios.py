"""The historical ratio: from the training part alone, of the right month, over three months."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

from engine import library
from engine.inference.request import Request
from engine.inference.run import predict
from engine.superresolution.climatology_ratios import fit, fitted
from engine.superresolution.networks.classical import HistoricalRatio, of_month, three_months

FACTOR = 8
YEARS = 3


def shares():
    """Share of the western half of a block in each month, 1 to 12: the months tell."""
    return 0.5 + np.arange(1, 13) / 30


def months(year_factors=(1.0, 1.0, 1.0)):
    """One block of monthly maps; each month has its own ratio, the test year possibly another."""
    times = pd.date_range("2000-01-01", periods=12 * YEARS, freq="MS")
    maps = np.empty((len(times), FACTOR, FACTOR), np.float32)
    for n, time in enumerate(times):
        west = shares()[time.month - 1] * year_factors[n // 12]
        maps[n, :, :4], maps[n, :, 4:] = 40 * west, 40 * (2 - west)
    return xr.Dataset(
        {"pm2p5": (("valid_time", "latitude", "longitude"), maps, {"units": "ug m-3"})},
        {
            "valid_time": times.astype("datetime64[ns]"),
            "latitude": 33.0 - 0.1 * np.arange(FACTOR),
            "longitude": 118.0 + 0.1 * np.arange(FACTOR),
        },
        {
            "kind": "grid", "period": "month", "utc_offset_hours": 0, "source": "test",
            "licence": "CC0", "synthetic": 1,
        },
    )  # fmt: skip


@pytest.fixture
def stored(home):
    # The test year has another pattern altogether: a leak of it would show.
    library.store(months((1.0, 1.0, 0.5)), "mine", train_end=dt.date(2001, 12, 1))
    return "mine"


def history(name):
    dataset, about = library.open_dataset(name), library.info(name)
    whole = (slice(0, FACTOR), slice(0, FACTOR))
    return fitted(dataset, about, whole).maps("copy-monthly", *whole)


def smoothed(month):
    """Ratio of three months by hand: all coarse values are 40, so it is the mean of the shares."""
    around = [(month - 2) % 12, month - 1, month % 12]
    return float(np.mean(shares()[around]))


def test_it_is_fitted_on_the_training_part_alone(stored):
    ratio = history(stored)
    for month in range(1, 13):
        assert float(ratio[month - 1, 0, 0]) == pytest.approx(smoothed(month), rel=1e-5), month
    # With the test year in it, the western half would be a sixth lower.
    everything = fit(library.open_dataset(stored), np.arange(12 * YEARS))["copy-monthly"]
    assert float(everything[5, 0, 0]) < 0.9 * float(ratio[5, 0, 0])


def test_a_month_takes_its_own_ratio_and_its_neighbours(stored):
    ratio = history(stored)
    # January takes December's and February's; without smoothing it would be its own share.
    assert float(ratio[0, 0, 0]) == pytest.approx(np.mean([shares()[11], shares()[0], shares()[1]]))
    assert float(ratio[0, 0, 0]) != pytest.approx(shares()[0], rel=1e-3)


def test_a_map_of_a_month_is_made_with_that_months_ratio(stored):
    for month in (1, 6, 12):
        answer = predict(Request(stored, dt.date(2002, month, 1), model="ha-monthly"))
        west = float(answer["pm2p5"].values[0, 0, 0])
        assert west == pytest.approx(40 * smoothed(month), rel=1e-4), month
        assert answer.attrs["training_end"] == "2001-12-01"


def test_months_are_counted_from_one():
    maps = torch.arange(12.0)[:, None, None]
    assert of_month(maps, torch.tensor([[1, 12]]))[:, 0, 0].tolist() == [0.0, 11.0]
    sums = three_months(maps)
    assert sums[:, 0, 0].tolist()[:2] == [0 + 11 + 1, 0 + 1 + 2]


def test_the_network_multiplies_the_coarse_value_by_the_ratio():
    ratio = torch.full((12, 8, 8), 1.0)
    ratio[3, :, :4], ratio[3, :, 4:] = 0.25, 1.75  # its mean is 1, so block means stay
    network = HistoricalRatio(ratio, "copy", FACTOR)
    coarse = torch.full((1, 1, 1, 1, 1), 40.0)
    mask, fine_mask = torch.ones(1, 1, 1, 1).bool(), torch.ones(1, 1, 8, 8).bool()
    for month, value in ((4, 10.0), (5, 40.0)):
        fine = network(coarse, mask, fine_mask=fine_mask, month=torch.tensor([[month]])).mean
        assert float(fine[0, 0, 0, 0, 0]) == pytest.approx(value)
