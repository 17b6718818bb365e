"""Noise that is alike in near cells and hours, and what a forecast is told beside vehicles."""

import numpy as np
import pytest
import torch
import xarray as xr

from engine.core.errors import DataError, RequestError
from engine.forecast.calibration import MEAN_WEIGHTS, spread_of, supported_weight
from engine.forecast.conditions import at_stations, wind_of
from engine.forecast.networks import gp_first_guess
from engine.forecast.networks.mobile_noise import WHITE, Texture, texture_of
from engine.verify.ensembles import covered

GRID = (4, 5)
CELLS = torch.arange(20)


def drawn(texture: Texture, count: int = 4000, grid: tuple[int, int] = GRID) -> torch.Tensor:
    cells = torch.arange(grid[0] * grid[1])
    factors = texture.factors(cells, grid[1], 6)
    noise = torch.randn(count, len(cells), 6, generator=torch.Generator().manual_seed(0))
    return noise if factors is None else factors.shaped(noise)


def test_noise_has_variance_one_and_the_shares_it_was_reported():
    found = drawn(Texture(0.5, 0.3, 4.0))
    assert found.var(0).mean() == pytest.approx(1.0, abs=0.03)
    far = (found[:, 0] * found[:, 19]).mean()
    near = (found[:, 0] * found[:, 1]).mean()
    assert far == pytest.approx(0.5, abs=0.05)
    assert near == pytest.approx(0.5 + 0.3 * np.exp(-1 / 8), abs=0.05)
    assert (found[..., 0] * found[..., 4]).mean() == pytest.approx(np.exp(-1), abs=0.05)


def test_independent_noise_is_left_as_it_is():
    assert WHITE.factors(CELLS, 5, 6) is None
    with pytest.raises(ValueError, match="shares"):
        Texture(0.8, 0.3)


def test_a_part_of_the_grid_is_as_alike_as_the_whole():
    some = torch.tensor([3, 8, 19])
    whole, part = (Texture(0.4, 0.4, 3.0).factors(c, 5, 6) for c in (CELLS, some))
    covariance = [f.space @ f.space.T for f in (whole, part)]
    torch.testing.assert_close(covariance[0][some][:, some], covariance[1])


def test_the_texture_of_departures_is_found_again():
    true = Texture(0.6, 0.25, 5.0)
    wide = (12, 12)
    values = drawn(true, 800, wide)
    known = torch.rand(values.shape, generator=torch.Generator().manual_seed(1)) < 0.5
    found = texture_of(torch.where(known, values, 0), known, wide)
    assert found.memory == pytest.approx(5.0, abs=0.7)
    # What near cells share looks partly common on a small grid.
    assert found.common == pytest.approx(0.6, abs=0.12)
    assert found.common + found.smooth == pytest.approx(0.85, abs=0.1)
    assert texture_of(values * 0, known & False, wide) == WHITE


def test_what_days_do_not_make_sure_of_is_left_to_the_first_guess():
    windows = 20  # five days of four
    base = torch.zeros(windows, 1, 1)
    known = torch.ones(windows, 1, 1, dtype=torch.bool)
    drawn_ = torch.ones(3, windows, 1, 1)
    assert supported_weight(drawn_, base, torch.ones(windows, 1, 1), known) == 1.0
    assert supported_weight(drawn_, base, -torch.ones(windows, 1, 1), known) == 0.0
    # One good day among four that are hardly worse: not sure.
    true = torch.full((windows, 1, 1), 0.49)
    true[:4] = 1.0
    off = (drawn_.mean(0) - true).abs().mean(), true.abs().mean()
    assert abs(float(off[0] - off[1])) < 0.2
    assert supported_weight(drawn_, base, true, known) < 1.0
    assert MEAN_WEIGHTS[0] == 0


def test_spread_is_found_for_each_lead_hour():
    generator = torch.Generator().manual_seed(0)
    members = torch.randn(20, 400, 3, 6, generator=generator)
    wide = torch.tensor([0.5, 0.5, 0.5, 2.0, 2.0, 2.0])
    true = torch.randn(400, 3, 6, generator=generator) * wide
    found = spread_of([(members, true, torch.ones(400, 3, 6, dtype=torch.bool))])
    assert found[0] < 0.5 * found[5]
    held = members * torch.tensor(found)
    for lead in (0, 5):
        inside = covered(held[..., lead].flatten(1), true[..., lead].flatten(), 0.9)
        assert float(inside.mean()) == pytest.approx(0.9, abs=0.03)


def test_weather_without_a_clock_gets_a_covariance_without_one():
    hour = torch.arange(24 * 12) % 24
    generator = torch.Generator().manual_seed(3)
    level = torch.zeros(len(hour), dtype=torch.float64)
    for t in range(1, len(level)):
        level[t] = 0.97 * level[t - 1] + 8 * torch.randn((), generator=generator)
    values = 100 + level[:, None].expand(-1, 4)
    found = gp_first_guess.fit(values, hour, 8)
    assert found.covariance[4] < 0.05
    daily = 100 + 30 * torch.sin(hour / 24 * 2 * np.pi + 1.0 * (hour > 12))[:, None].expand(-1, 4)
    amplitude = 1 + 0.5 * torch.randn(12, generator=generator).repeat_interleave(24)
    predicted = gp_first_guess.fit((100 + (daily - 100) * amplitude[:, None]).double(), hour, 8)
    assert predicted.covariance[4] > 0.05


def city() -> xr.Dataset:
    hours = np.datetime64("2024-01-01T00", "ns") + np.arange(4) * np.timedelta64(1, "h")
    return xr.Dataset(
        {"pm2p5": (("valid_time", "latitude", "longitude"), np.zeros((4, 3, 3)))},
        {
            "valid_time": hours,
            "latitude": [32.02, 32.01, 32.0],
            "longitude": [118.0, 118.01, 118.02],
        },
    )


def mast(east: float, north: float, latitude: float = 32.01) -> xr.Dataset:
    u, v = np.full((4, 1), east), np.full((4, 1), north)
    v[2] = np.nan
    return xr.Dataset(
        {
            name: (("valid_time", "station"), a)
            for name, a in (("u10", u), ("v10", v), ("pm2p5", u))
        },
        {
            "valid_time": city()["valid_time"],
            "latitude": ("station", [latitude]),
            "longitude": ("station", [118.01]),
        },
    )


def test_wind_is_in_cells_an_hour_towards_columns_and_rows():
    found = wind_of(city(), mast(1.0, 1.0))
    assert float(found[0, 0]) == pytest.approx(3.6 / (1.112 * np.cos(np.radians(32.01))))
    assert float(found[0, 1]) == pytest.approx(-3.6 / 1.112)  # northward is towards smaller rows
    torch.testing.assert_close(found[2], found[1])  # a gap takes the hour before
    with pytest.raises(DataError, match="no wind near"):
        wind_of(city(), mast(1.0, 1.0, latitude=40.0))
    with pytest.raises(DataError, match="u10 and v10"):
        wind_of(city(), mast(1.0, 1.0).drop_vars("u10"))


def test_stations_elsewhere_are_refused():
    assert float(at_stations(city(), mast(7.0, 0.0))[0, 1, 1]) == 7.0
    with pytest.raises(RequestError, match="no fixed station"):
        at_stations(city(), mast(7.0, 0.0, latitude=33.0))
