import math

import pytest
import torch

from engine.forecast.networks.advection import Flow, Transport, mean_square, residual, solve


def still(steps: int, side: int, u=0.0, v=0.0, d=0.0) -> Flow:
    wind = torch.full((1, steps), 1.0)
    return Flow(u * wind, v * wind, torch.tensor(d), torch.zeros(side, side))


def puff(side: int, cell: float, hours: torch.Tensor, u, v, d) -> torch.Tensor:
    """A Gaussian puff that is carried and spreads, exact, (hour, row, column)."""
    at = (torch.arange(side) + 0.5) * cell
    y, x = torch.meshgrid(at, at, indexing="ij")
    width = 2.0 + 2 * d * hours[:, None, None]
    away = (x - 4.0 - u * hours[:, None, None]) ** 2 + (y - 5.0 - v * hours[:, None, None]) ** 2
    return torch.exp(-away / (2 * width)) / width


def left_of(cell: float) -> float:
    """Largest residual of an exact solution on cells and steps of that size."""
    u, v, d = 0.3, -0.2, 0.1
    hours = torch.arange(3, dtype=torch.float64) * cell
    field = puff(int(10 / cell), cell, hours, u, v, d)[None]
    # In cells and steps: a wind stays as it is, a diffusivity is divided by the cell.
    flow = still(2, field.shape[-1], u, v, d / cell)
    return float(residual(field, flow).abs().max()) / cell  # per hour


def test_the_residual_of_an_exact_solution_falls_with_the_square_of_the_cell():
    ratio = left_of(0.5) / left_of(0.25)
    assert 3.5 < ratio < 4.8


def test_the_residual_by_hand_in_one_cell():
    field = torch.zeros(1, 2, 3, 3)
    field[0, 0] = torch.tensor([[0.0, 2, 0], [4, 1, 8], [0, 6, 0]])
    field[0, 1] = field[0, 0] + 3
    flow = Flow(
        torch.tensor([[0.5]]), torch.tensor([[-1.0]]), torch.tensor(0.25), torch.full((3, 3), 0.2)
    )
    # change 3; u (8-4)/2 = 0.5*2 = 1; v (6-2)/2 = -1*2 = -2;
    # middle values are all 1.5 higher, so the sum of the four less four times the middle is
    # 4+8+2+6 - 4*1 = 16, times 0.25 = 4; source 0.2: 3 + 1 - 2 - 4 - 0.2
    assert float(residual(field, flow)) == pytest.approx(-2.2)


def test_rows_grow_downwards_and_u_is_along_columns():
    ramp = torch.arange(5.0).repeat(5, 1)  # grows along columns
    field = torch.stack([ramp, ramp])[None]
    assert float(residual(field, still(1, 5, u=1.0)).mean()) == pytest.approx(1.0)
    assert float(residual(field, still(1, 5, v=1.0)).mean()) == pytest.approx(0.0)


def test_wind_and_diffusivity_come_back_from_an_exact_solution():
    hours = torch.arange(8, dtype=torch.float64) * 0.5
    field = puff(40, 0.25, hours, 0.3, -0.2, 0.1).float()
    transport = Transport(40, 40)
    transport.warm_start(field, torch.zeros(8), ridge=1e-9)
    # Half an hour and a quarter of a cell: a wind of 0.3 is 0.6 cells a step, D is 0.8.
    with torch.no_grad():
        found = transport(torch.zeros(1, 1))
    assert float(found.u) == pytest.approx(0.6, rel=0.06)
    assert float(found.v) == pytest.approx(-0.4, rel=0.06)
    assert float(found.diffusivity) == pytest.approx(0.8, rel=0.1)


def test_the_wind_has_two_harmonics_of_the_day():
    transport = Transport(4, 4)
    with torch.no_grad():
        transport.wind[0] = torch.tensor([1.0, 2.0, 0.0, 0.0, 3.0])  # mean, sin1, sin2, cos1, cos2
    u = transport(torch.tensor([[0.0, 6.0, 12.0]])).u[0].detach()
    assert u.tolist() == pytest.approx([4.0, 1 + 2 - 3, 4.0], abs=1e-5)


def test_a_given_wind_goes_before_ours_and_sources_have_no_mean():
    transport = Transport(4, 4)
    with torch.no_grad():
        transport.wind += 5
        transport.strength += torch.arange(16.0).reshape(4, 4)
    flow = transport(torch.zeros(1, 2), torch.tensor([[[0.5, 0.6], [0.1, 0.2]]]))
    torch.testing.assert_close(flow.u, torch.tensor([[0.5, 0.6]]))
    torch.testing.assert_close(flow.v, torch.tensor([[0.1, 0.2]]))
    assert float(flow.sources.mean().detach()) == pytest.approx(0, abs=1e-6)


def test_the_solution_keeps_a_level_field_and_its_range():
    flow = still(6, 12, u=1.7, v=-0.9, d=0.6)
    level = torch.full((1, 12, 12), 40.0)
    torch.testing.assert_close(solve(level, flow, 6), level[:, None].expand(-1, 6, -1, -1))
    rough = 100 * torch.rand(1, 12, 12, generator=torch.Generator().manual_seed(0))
    predicted = solve(rough, flow, 6)
    assert float(predicted.min()) >= float(rough.min()) - 1e-4
    assert float(predicted.max()) <= float(rough.max()) + 1e-4


def test_the_solution_goes_with_the_wind():
    first = torch.zeros(1, 9, 15)
    first[0, 4, 3] = 100.0
    flow = Flow(torch.ones(1, 4), torch.zeros(1, 4), torch.tensor(0.0), torch.zeros(9, 15))
    field = solve(first, flow, 4)[0, -1]
    columns = torch.arange(15.0)
    middle = float((field.sum(0) * columns).sum() / field.sum())
    assert middle == pytest.approx(7.0, abs=0.05)


def test_only_what_counts_is_averaged():
    left = torch.tensor([[[[1.0, 2.0], [3.0, math.inf]]]])
    where = torch.tensor([[[[True, True], [False, False]]]])
    left = torch.where(where, left, 0)
    assert float(mean_square(left, where)) == pytest.approx(2.5)


def test_a_grid_without_an_inner_cell_is_refused():
    with pytest.raises(ValueError, match="no inner cell"):
        residual(torch.zeros(1, 3, 2, 5), still(2, 5))
