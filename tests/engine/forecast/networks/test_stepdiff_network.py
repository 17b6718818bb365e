from dataclasses import replace

import pytest
import torch

from engine.forecast.networks.deeponet import DeepONet, DeepONetConfig, on_lattice, query_points
from engine.forecast.networks.denoiser import Denoiser, DenoiserConfig, Side
from engine.forecast.networks.diffusion import DDIM, Multistep
from engine.forecast.networks.stepdiff import StepDiff, StepDiffConfig, Window, cells_of
from engine.forecast.train_steps import StepTraining, filled, future_hidden, losses, train
from engine.research.stepdiff.recurrent import Recurrent, neighbours

TINY = StepDiffConfig(
    rows=4, columns=5, history=3, lead_times=3, blocks=1, channels=8, heads=2, time_code=8,
    step_code=8, places="coordinates", dropout=0.0, sensors=(3, 3), deeponet_dropout=0.0,
)  # fmt: skip
GRID = (4, 5)


def count(network) -> int:
    return sum(p.numel() for p in network.parameters())


def made_up(n: int = 2, seed: int = 0, **kw) -> Window:
    g = torch.Generator().manual_seed(seed)
    known = torch.rand(n, 20, 6, generator=g) < 0.5
    return Window(
        torch.where(known, torch.randn(n, 20, 6, generator=g), 0),
        known,
        40 + 5 * torch.rand(n, 20, 6, generator=g),
        torch.rand(n, 6, generator=g),
        torch.arange(6.0).expand(n, 6),
        10.0,
        **kw,
    )


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (DenoiserConfig(), 415_105),
        (DenoiserConfig(blocks=8), 791_169),
        (DenoiserConfig(blocks=8, cells=200), 792_769),
    ],
)
def test_the_denoiser_has_as_many_parameters_as_the_released_checkpoint(config, parameters):
    assert count(Denoiser(config)) == parameters


def test_deeponet_has_as_many_parameters_as_the_released_one():
    assert count(DeepONet(DeepONetConfig(coordinates=1))) == 51_401
    assert count(DeepONet(DeepONetConfig())) == 51_481


def test_an_untrained_denoiser_tells_nothing_and_velocity_makes_that_the_first_guess():
    network = StepDiff(TINY).eval()
    window = future_hidden(made_up(), 3)
    predicted, noise = network.noise(
        window, network.condition(window), torch.ones(2, 20, 6), torch.tensor([0, 49]),
        network.places(GRID), network.planes(window, network.operator(window, GRID)),
    )  # fmt: skip
    assert not predicted.any()
    # Velocity 0: noise = sqrt(1 - alpha_bar) x, so that the clean estimate is sqrt(alpha_bar) x.
    left = (1 - network.schedule.alpha_bar[[0, 49]]).sqrt().float()
    torch.testing.assert_close(noise, left[:, None, None].expand(2, 20, 6))


def test_side_information_is_the_plain_layer_of_all_parts():
    layer = torch.nn.Linear(8 + 3 + 1, 6)
    hour, place = torch.randn(4, 8), torch.randn(5, 3)
    mask = torch.rand(2, 5, 4)
    by_loop = torch.empty(2, 5, 4, 6)
    for b in range(2):
        for c in range(5):
            for t in range(4):
                by_loop[b, c, t] = layer(torch.cat([hour[t], place[c], mask[b, c, t, None]]))
    torch.testing.assert_close(Side(hour, place, mask).through(layer), by_loop)


def woken(config: StepDiffConfig = TINY, seed: int = 0) -> StepDiff:
    """A network whose head is not zero any more."""
    torch.manual_seed(seed)
    network = StepDiff(config)
    torch.nn.init.normal_(network.denoiser.head.weight, std=0.3)
    return network


def test_cells_may_come_in_any_order():
    network = woken().eval()
    window = future_hidden(made_up(), 3)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(3))
    x, step = torch.randn(2, 20, 6), torch.tensor([5, 30])
    operator = network.operator(window, GRID)
    places = network.places(GRID)
    predicted = network.noise(
        window, network.condition(window), x, step, places, network.planes(window, operator)
    )[0]
    part = cells_of(window, order)
    moved = network.noise(
        part, network.condition(part), x[:, order], step, places[order],
        network.planes(part, operator[:, order]),
    )[0]  # fmt: skip
    torch.testing.assert_close(moved, predicted[:, order], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("places", ["coordinates", "learned"])
def test_measured_history_comes_back_and_the_future_is_not_looked_at(places):
    network = woken(replace(TINY, places=places)).eval()
    window = made_up()
    hidden = future_hidden(window, 3)
    other = replace(window, values=window.values.clone())
    other.values[..., 3:] += 100
    drawn = [
        torch.cat(list(network.draw(w, GRID, DDIM(3), 3, torch.Generator().manual_seed(1))), 1)
        for w in (hidden, future_hidden(other, 3))
    ]
    torch.testing.assert_close(drawn[0], drawn[1])
    past = hidden.known[:, None].expand(-1, 3, -1, -1)
    torch.testing.assert_close(drawn[0][past], hidden.values[:, None].expand(-1, 3, -1, -1)[past])


def test_what_lies_under_a_gap_does_not_matter():
    network = woken().eval()
    window = future_hidden(made_up(), 3)
    spoilt = replace(window, values=torch.where(window.known, window.values, 77.0))
    one, two = (
        torch.cat(list(network.draw(w, GRID, DDIM(3), 2, torch.Generator().manual_seed(1))), 1)
        for w in (window, spoilt)
    )
    torch.testing.assert_close(one, two)


def test_seeds_decide_the_members_and_part_of_the_grid_may_be_drawn():
    network = woken().eval()
    window = future_hidden(made_up(1), 3)

    def drawn(seed, **kw):
        parts = network.draw(
            window, GRID, Multistep(4), 5, torch.Generator().manual_seed(seed), **kw
        )
        return torch.cat(list(parts), 1)

    torch.testing.assert_close(drawn(1), drawn(1))
    assert (drawn(1) - drawn(2)).abs().max() > 0.1
    assert drawn(1)[0, 0, 0, -1] != drawn(1)[0, 1, 0, -1]
    assert drawn(1, only=torch.tensor([3, 7])).shape == (1, 5, 2, 6)


def test_another_grid_needs_cells_known_by_place():
    with pytest.raises(ValueError, match="4 × 5 and not of 3 × 3"):
        StepDiff(replace(TINY, places="learned")).places((3, 3))
    assert StepDiff(TINY).places((3, 3)).shape == (9, 2)


@pytest.mark.parametrize("extra", [{}, {"wind": True, "stations": True}])
def test_gradients_reach_every_part(extra):
    network = woken(replace(TINY, **extra)).train()
    wind = torch.rand(2, 2, 6) if extra else None
    stations = torch.randn(2, 20, 6) if extra else None
    window = made_up(wind=wind, stations=stations)
    config = StepTraining(patch=4)
    g = torch.Generator().manual_seed(0)
    losses(network, config, window, GRID, 5.0, g).total(config).backward()
    silent = [
        name
        for name, p in network.named_parameters()
        if p.grad is None or not p.grad.abs().max() > 0
    ]
    assert silent == (["transport.wind"] if extra else [])  # a given wind goes before ours


def test_the_physics_term_is_zero_without_weight_and_the_released_term_is_a_flag():
    window, g = made_up(), torch.Generator().manual_seed(0)
    none = losses(woken(), StepTraining(patch=4, physics=0.0), window, GRID, 5.0, g)
    assert float(none.physics.detach()) == 0
    released = woken(replace(TINY, noise_against_data=True))
    g = torch.Generator().manual_seed(0)
    predicted = losses(released, StepTraining(patch=4), window, GRID, 5.0, g)
    assert float(predicted.physics.detach()) > 0
    assert released.transport.wind.grad is None


def test_the_shifted_plane_is_a_flag():
    operator, window = torch.ones(1, 20, 3), made_up(1)
    for shifted, hours in ((False, slice(3, 6)), (True, slice(0, 3))):
        planes = StepDiff(replace(TINY, deeponet_shifted=shifted)).planes(window, operator)
        assert planes[0, 0, :, hours].min() == 1
        assert planes[0, 0].sum() == 60


def test_whole_fields_take_the_hours_mean_and_bridge_hours_without_any():
    known = torch.zeros(1, 2, 5, dtype=torch.bool)
    values = torch.zeros(1, 2, 5)
    for cell, hour, value in ((0, 0, 9.0), (0, 2, 2.0), (0, 4, 6.0), (1, 4, 8.0)):
        known[0, cell, hour], values[0, cell, hour] = True, value
    window = Window(values, known, values, torch.zeros(1, 5), torch.zeros(1, 5), 1.0)
    # Hour 3 lies between means 2 and 7; history (2 hours) that was not measured stays 0.
    expected = torch.tensor([[[9.0, 0, 2, 4.5, 6], [0, 0, 2, 4.5, 8]]])
    torch.testing.assert_close(filled(window, 2), expected)


def test_a_lattice_averages_what_is_known_and_a_grid_of_its_size_stays_as_it_is():
    values = torch.arange(16.0).reshape(1, 1, 4, 4)
    known = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    known[0, 0, 0, 0] = False
    found = on_lattice(values, known, (2, 2))[0, 0]
    assert found.tolist() == pytest.approx([(1 + 4 + 5) / 3, 4.5, 10.5, 12.5])
    same = on_lattice(values, known, (4, 4))[0, 0]
    assert same.tolist() == pytest.approx([0.0, *range(1, 16)])


def test_what_is_asked_for_runs_over_hours_then_rows_then_columns():
    requested = query_points(2, 2, 3)
    assert requested[0].tolist() == [0, 0, 0]
    assert requested[1].tolist() == [0, 0, 0.5]
    assert requested[-1].tolist() == [1, 1, 1]


def test_a_tiny_set_is_learned_by_heart(tmp_path):
    window = made_up(2, seed=4)
    torch.manual_seed(0)
    network = StepDiff(TINY)
    config = StepTraining(
        steps=100, batch=4, operator=1.0, patch=5, physics=0.0, hide=0.0, learning_rate=2e-2,
        average=0.9, check_every=100, members=2, weight_decay=0.0,
    )  # fmt: skip
    counters = train(config, network, window, window, GRID, 5.0, tmp_path)
    known = window.known[..., 3:]
    before = float(window.values[..., 3:][known].abs().mean())
    assert float(counters.curve[-1]["validation_mae"]) < 0.75 * before


def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(tmp_path):
    window = made_up(3, seed=5)
    config = StepTraining(steps=6, batch=2, patch=4, check_every=2, members=2)

    def run(folder, stop_at=None):
        torch.manual_seed(0)
        network = StepDiff(TINY)
        requested = iter(range(100))
        train(
            config, network, window, window, GRID, 5.0, folder,
            cancelled=None if stop_at is None else lambda: next(requested) >= stop_at,
        )  # fmt: skip
        return network.state_dict()

    whole = run(tmp_path / "whole")
    run(tmp_path / "parts", stop_at=5)  # the state is that of step 4
    resumed = run(tmp_path / "parts")
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)


@pytest.mark.parametrize("kind", ["convlstm", "graph"])
def test_recurrent_networks_start_at_the_first_guess_and_do_not_see_the_future(kind):
    torch.manual_seed(0)
    network = Recurrent(kind, 3, 3, 4)
    window = made_up()
    assert not network(window, GRID).any()
    torch.nn.init.normal_(network.head.weight)
    other = replace(window, values=window.values + 9 * (torch.arange(6) > 2))
    torch.testing.assert_close(network(window, GRID), network(other, GRID))
    network(window, GRID).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_neighbours_at_corners_are_two():
    field = torch.arange(9.0).reshape(1, 1, 3, 3)
    found = neighbours(field)[0, 0]
    assert float(found[0, 0]) == 2.0  # of 1 and 3
    assert float(found[1, 1]) == 4.0  # of 1, 3, 5 and 7


@pytest.mark.parametrize(
    ("wrong", "said"), [({"rows": 0}, "at least 1"), ({"heads": 3}, "do not divide")]
)
def test_shapes_that_cannot_be_built_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        replace(TINY, **wrong)
