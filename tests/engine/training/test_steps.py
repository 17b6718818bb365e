"""What all training loops share: rates, what is drawn, one step down, going on."""

import math

import pytest
import torch
from torch import nn

from engine.research.aqnet.week_training import WeekTraining
from engine.training import steps
from engine.training.state import Counters


def test_rates_rise_for_a_twentieth_then_fall_along_a_cosine_and_groups_take_their_share():
    fast, slow = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([{"params": [fast]}, {"params": [slow], "share": 0.1}], lr=9.0)
    seen = []
    for step in range(100):
        steps.set_rates(optimiser, 2.0, step, 100, least=0.02)
        first, second = (group["lr"] for group in optimiser.param_groups)
        assert second == pytest.approx(0.1 * first)
        seen.append(first)
    assert seen[0] == pytest.approx(2.0 / 5)
    assert seen[4] == pytest.approx(2.0 * (1 + math.cos(math.pi * 0.04)) / 2)
    assert seen[50] == pytest.approx(1.0)
    assert seen[-1] == pytest.approx(0.04)
    assert seen[:5] == sorted(seen[:5])
    assert seen[4:] == sorted(seen[4:], reverse=True)


def test_what_a_step_draws_follows_from_seed_and_number_alone():
    def drawn(seed: int, step: int) -> tuple[float, float]:
        generator = steps.drawing(seed, step)
        return float(torch.rand((), generator=generator)), float(torch.rand(()))

    assert drawn(3, 7) == drawn(3, 7)
    numbers = {drawn(seed, step) for seed in range(3) for step in range(3)}
    assert len(numbers) == 9


def test_one_step_down_clips_the_gradient():
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(5.0)
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    steps.descend(network, optimiser, 100 * network.weight.sum(), 0.5)
    assert float(network.weight.detach()) == pytest.approx(4.5, abs=1e-5)


def test_a_young_average_follows_faster_and_whole_numbers_are_copied():
    network = nn.BatchNorm1d(1)
    average = steps.copied(network)
    with torch.no_grad():
        network.weight.fill_(11.0)
    assert network.num_batches_tracked is not None
    network.num_batches_tracked.fill_(4)
    steps.follow(average, network, 0.999, 0)  # decay 1/10
    assert float(average["weight"]) == pytest.approx(10.0)
    assert int(average["num_batches_tracked"]) == 4
    steps.follow(average, network, 0.5, 10**6)
    assert float(average["weight"]) == pytest.approx(10.5)


def test_a_run_goes_on_from_its_counters_keeps_now_and_then_and_at_the_end():
    done, kept, predicted = [], [], []

    def step(number: int) -> dict[str, float]:
        done.append(number)
        return {"loss": float(number), "part": -1.0}

    counters = Counters("whole", step=2, seconds=50.0)
    steps.go_on(
        counters,
        7,
        3,
        step,
        lambda _: kept.append(counters.step),
        progress=lambda *a: predicted.append(a),
    )
    assert done == [2, 3, 4, 5, 6]
    assert kept == [3, 6, 7]
    assert counters.seconds >= 50.0
    assert predicted[-1] == (1.0, "step 7, loss 6.0000")


def test_a_run_stops_when_reported_and_when_it_is_over():
    counters = Counters("whole")
    steps.go_on(
        counters,
        9,
        2,
        lambda n: {"loss": 0.0},
        lambda _: None,
        cancelled=lambda: counters.step == 4,
    )
    assert counters.step == 4

    def keep(_: object) -> None:
        counters.over = counters.step == 6

    steps.go_on(counters, 9, 2, lambda n: {"loss": 0.0}, keep)
    assert counters.step == 6


def test_choices_that_cannot_be_run_are_refused_in_one_sentence():
    with pytest.raises(ValueError, match="steps=0; choose at least 1"):
        WeekTraining(steps=0)
    with pytest.raises(ValueError, match=r"hidden=1\.0; choose a share below 1"):
        WeekTraining(hidden=1.0)
    assert WeekTraining().text() == WeekTraining().text()
