"""What a model is given for a date: windows, halos, frames, block means, the recent past."""

import datetime as dt

import numpy as np
import pytest
from training_maps import days

from engine.core.errors import RequestError
from engine.core.grid import Grid, Region
from engine.core.task import Need
from engine.inference import model_inputs

GRID = Grid(north=33.95, west=118.05, step_lat=0.1, step_lon=0.1, rows=80, columns=64)
DATA = days(steps=8, rows=80, columns=64, north=33.95).assign_coords(
    longitude=118.05 + 0.1 * np.arange(64)
)
DATE = dt.date(2015, 1, 12)  # the third of its days


def test_a_window_is_whole_blocks_with_a_halo():
    # 33.0 to 33.5 N are rows 5 to 9: blocks 0 and 1; 119.0 to 119.5 E columns 10 to 14: block 1.
    window = model_inputs.window(GRID, Region(119.0, 33.0, 119.5, 33.5), factor=8, halo=1)
    assert (window.rows, window.columns) == (slice(0, 16), slice(8, 16))
    assert (window.seen_rows, window.seen_columns) == (slice(0, 24), slice(0, 24))
    assert model_inputs.inner_of(window) == (slice(0, 16), slice(8, 16))


def test_the_whole_grid_has_no_halo_beyond_itself():
    window = model_inputs.window(GRID, None, factor=8, halo=10)
    assert window.rows == window.seen_rows == slice(0, 80)
    with pytest.raises(RequestError, match="no cell"):
        model_inputs.window(GRID, Region(0, 0, 1, 1), factor=8, halo=0)


def test_a_pair_is_block_means_and_the_fine_map_apart():
    window = model_inputs.window(GRID, Region(119.0, 33.0, 119.5, 33.5), factor=8, halo=1)
    pair, target = model_inputs.pair(
        DATA, DATE, window, Need("grid"), factor=8, hour=None, name="days"
    )
    fine = DATA["pm2p5"].values[2]
    np.testing.assert_array_equal(target.values, fine[0:16, 8:16])
    assert pair["coarse"].shape == (1, 3, 3)
    by_hand = fine[8:16, 16:24].astype(np.float64).mean()
    assert float(pair["coarse"].values[0, 1, 2]) == pytest.approx(by_hand, rel=1e-6)
    assert "pm2p5" not in pair  # a model never sees the fine map


def test_frames_come_in_order_around_the_date():
    window = model_inputs.window(GRID, None, factor=8, halo=0)
    need = Need("grid", before=2, after=1)
    pair, target = model_inputs.pair(DATA, DATE, window, need, factor=8, hour=None, name="days")
    maps = DATA["pm2p5"].values
    assert pair["coarse"].shape[0] == 4
    for frame, step in enumerate((0, 1, 2, 3)):
        mean = maps[step][:8, :8].astype(np.float64).mean()
        assert float(pair["coarse"].values[frame, 0, 0]) == pytest.approx(mean, rel=1e-6)
    np.testing.assert_array_equal(target.values, maps[2])


def test_what_comes_later_is_the_next_steps_and_no_earlier():
    last = DATA["valid_time"].values[2]
    later = model_inputs.later(DATA, last, 3)
    np.testing.assert_array_equal(later.values, DATA["pm2p5"].values[3:6])
    climatology = model_inputs.recent(DATA, DATE, None, name="days", back=2)
    assert climatology["valid_time"].values[-1] == last
    assert (climatology["valid_time"].values <= last).all()
