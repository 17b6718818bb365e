"""The demo world keeps the laws it claims: air that is carried, seeds that repeat."""

import datetime as dt

import numpy as np
import pytest
import torch

from engine.twin.carrying import Carrier, along, spread, upsample
from engine.twin.places import GRID, places
from engine.twin.weather import Weather
from engine.twin.world import simulate

DAY = dt.date(2015, 1, 10)


@pytest.fixture(scope="module")
def days():
    """Two days with points in the middle of cells, on land."""
    rows, columns = np.argwhere(places().land)[::40_000].T
    lat, lon = GRID.latitude[rows], GRID.longitude[columns]
    run = simulate(2, 1, DAY, latitude=lat, longitude=lon, spin_up_days=0)
    return rows, columns, list(run)


def test_wind_carries_a_spot_as_far_as_it_blows():
    carrier = Carrier(1)
    field = torch.zeros(GRID.shape)
    field[400, 300] = 100.0
    wind = torch.zeros(2, 100, 90)
    wind[0], wind[1] = 5.0, -3.0  # m/s to the east, to the south
    moved = carrier.move(field, carrier.displacement(wind))
    row, column = np.unravel_index(int(moved.argmax()), GRID.shape)
    km_east = (column - 300) * 111.2 * 0.01 * np.cos(np.deg2rad(GRID.latitude[400]))
    assert km_east == pytest.approx(18.0, abs=1.0)
    assert (row - 400) * 1.112 == pytest.approx(10.8, abs=1.0)


def test_an_even_field_stays_even_however_it_is_carried():
    carrier = Carrier(2)
    hour = Weather(3).day(131_500)[9]
    path = carrier.displacement(torch.from_numpy(np.stack([hour.u, hour.v])))
    even = torch.full(carrier.shape, 7.0)
    for changed in (carrier.move(even, path), along(even, path, carrier, doublings=3)):
        torch.testing.assert_close(changed, even)
    torch.testing.assert_close(spread(even, 0.3), even)


def test_along_is_the_mean_of_all_its_stages():
    carrier = Carrier(4)
    rows, columns = torch.arange(200)[:, None] / 9, torch.arange(180)[None] / 7
    field = 1 + torch.sin(rows) * torch.cos(columns)
    wind = torch.full((2, 100, 90), 4.0)
    path = carrier.displacement(wind)
    stages, moved = [], field
    for _ in range(4):
        stages.append(moved)
        moved = carrier.move(moved, path / 4)
    inner = (slice(20, -20), slice(20, -20))
    doubled = along(field, path, carrier, doublings=2)
    # Each stage interpolates, which smooths: alike, not the same.
    assert (doubled - sum(stages) / 4)[inner].abs().max() < 0.02
    assert (doubled - field)[inner].abs().max() > 0.1


def test_diffusion_keeps_mass():
    field = torch.zeros(60, 60)
    field[30, 30] = 1.0
    after = spread(field, 0.4)
    assert float(after.sum()) == pytest.approx(1.0, abs=1e-6)
    places_ = torch.arange(60) - 30.0
    assert float((after.sum(0) * places_**2).sum()) == pytest.approx(0.4, abs=1e-5)


def test_upsampling_is_that_of_torch():
    field = torch.rand(100, 90, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(
        upsample(field, (400, 360)),
        torch.nn.functional.interpolate(field[None, None], (400, 360), mode="bilinear")[0, 0],
        atol=1e-5,
        rtol=1e-5,
    )


def test_weather_of_a_date_depends_on_the_seed_alone():
    first, again, other = (Weather(s).day(131_472)[5] for s in (4, 4, 5))
    np.testing.assert_array_equal(first.u, again.u)
    np.testing.assert_array_equal(first.inflow, again.inflow)
    assert np.abs(first.u - other.u).mean() > 0.3


def test_wind_of_the_stream_function_neither_springs_up_nor_vanishes():
    u, v = Weather(1)._flow.curl(np.array([131_480.0]))
    east = np.gradient(u[0], 95.0 * 0.08, axis=1)
    north = np.gradient(v[0], -111.2 * 0.08, axis=0)
    assert np.abs(east + north)[2:-2, 2:-2].max() < 0.05 * np.abs(east).max()


def test_the_same_seed_gives_the_same_world(days):
    _, _, found = days
    again = next(iter(simulate(1, 1, DAY, spin_up_days=0)))
    np.testing.assert_array_equal(again.pm2p5, found[0].pm2p5)
    other = next(iter(simulate(1, 2, DAY, spin_up_days=0)))
    assert np.abs(other.pm2p5 - again.pm2p5).mean() > 3


def test_a_map_is_the_mean_of_its_hours(days):
    rows, columns, found = days
    for day in found:
        at = day.pm2p5[rows, columns]
        # Maps take fresh plumes every third hour, points every hour.
        np.testing.assert_allclose(day.points.mean(0), at, rtol=0.25, atol=3)
        assert np.corrcoef(day.points.mean(0), at)[0, 1] > 0.98


def test_values_are_those_of_air(days):
    _, _, found = days
    land = places().land
    for day in found:
        assert day.pm2p5.shape == (800, 720)
        assert day.pm2p5.dtype == np.float32
        assert np.isfinite(day.pm2p5).all()
        assert day.pm2p5.min() >= 0
        assert 5 < day.pm2p5[land].mean() < 300


def test_without_maps_the_points_are_the_same(days):
    rows, columns, found = days
    lat, lon = GRID.latitude[rows], GRID.longitude[columns]
    lone = next(iter(simulate(1, 1, DAY, latitude=lat, longitude=lon, maps=False, spin_up_days=0)))
    np.testing.assert_array_equal(lone.points, found[0].points)
    assert lone.pm2p5.size == 0


def test_no_days_and_odd_points_are_refused():
    with pytest.raises(ValueError, match="none"):
        next(iter(simulate(0, 1, DAY)))
    with pytest.raises(ValueError, match="latitude and a longitude"):
        next(iter(simulate(1, 1, DAY, latitude=np.zeros(2), longitude=np.zeros(3))))
