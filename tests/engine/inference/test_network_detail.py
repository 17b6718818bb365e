"""A network's detail on a coarse product's own cells: offered where it fits, means put back."""

import datetime as dt

import finer_world
import numpy as np
import pytest

from engine import library
from engine.core.grid import Grid
from engine.core.schema import grid_of
from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.exact_detail import smooth_map
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid
from engine.inference import network_detail
from engine.inference.coarse_maps import open_maps
from engine.inference.network_detail import NetworkDetail
from engine.inference.request import Request

JUNE = dt.date(2015, 6, 1)


@pytest.fixture
def maps(home):
    world = finer_world.build()
    for name in ("coarse", "climatology"):
        library.store(world[name], name)
    return open_maps(Request("coarse", JUNE, model="auto", climatology="climatology"))


def test_networks_are_candidates_where_a_coarse_cell_is_about_eight_fine_ones(maps):
    assert "airstfm" in network_detail.candidates(maps)


def test_where_cells_are_of_another_width_none_is(home):
    world = finer_world.build()
    half = Grid(35.9, 112.1, 0.2, 0.2, 40, 50)  # the coarse cells are four of these wide
    shares = overlap(RegularCells.from_grid(finer_world.FINE), RegularCells.from_grid(half))
    values = regrid(world["climatology"]["pm2p5"].values, shares, min_valid_share=0.0)
    months = world["climatology"]["valid_time"].values
    library.store(world["coarse"], "coarse")
    library.store(finer_world.grid_dataset(values, months, half), "wide")
    maps = open_maps(Request("coarse", JUNE, model="auto", climatology="wide"))
    assert network_detail.candidates(maps) == []


@pytest.mark.parametrize("name", ["airstfm", "basicvsr"])
def test_the_product_s_own_means_are_put_back(maps, name):
    coarse = maps.of(JUNE)["pm2p5"].values[0].astype(float)
    down = overlap(maps.cells, RegularCells.from_grid(grid_of(maps.coarse)))
    land = np.isfinite(maps.on_fine_cells(JUNE))
    smooth = smooth_map(coarse, land, down)
    made = maps.network(name).of(JUNE, smooth)
    np.testing.assert_array_equal(np.isfinite(made), np.isfinite(smooth))
    known = np.isfinite(coarse)
    means = regrid(made, down, min_valid_share=0.4)
    inner = known & np.isfinite(means)
    np.testing.assert_allclose(means[inner], coarse[inner], atol=0.05)
    assert np.nanmax(np.abs(made - smooth)) > 0.1  # it does draw something
    assert maps.network(name) is maps.network(name)


def test_blocks_hold_the_coarse_values_by_area(maps):
    frames = network_detail._frames(maps, [JUNE])
    values = frames["pm2p5"].values[0]
    blocks = values.reshape(10, 8, 12, 8)
    np.testing.assert_array_equal(blocks.max((1, 3)), blocks.min((1, 3)))
    assert isinstance(NetworkDetail.opened(maps, "basicvsr"), NetworkDetail)
