"""What stands behind the tables of tries: blocks, rules for the spread, samplers, physics."""

import shutil
from types import SimpleNamespace
from typing import cast

import pytest
import torch

from engine.core.errors import NotFoundError
from engine.core.results_page import TEMPLATES, read
from engine.forecast.networks.advection import Transport
from engine.forecast.networks.diffusion import Schedule
from engine.research.stepdiff import cross_validation, page, samplers, spread_calibration, tables
from engine.research.stepdiff.scores import Bench, held_against
from engine.research.stepdiff.spread_calibration import Part


def test_no_hour_is_learned_and_reported():
    hours, told_at_all = 24, set[int]()
    for fold in range(cross_validation.FOLDS):
        kept, predicted = cross_validation.held_out(300, fold, hours)
        assert len(kept) and len(predicted)
        assert int((kept[:, None] - predicted).abs().min()) >= hours
        told_at_all |= set(predicted.tolist())
    assert max(told_at_all) >= 290 and min(told_at_all) == 0


def parts_for_trust(share: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums of a network whose departures are `share` of what came true and else chance."""
    g = torch.Generator().manual_seed(0)
    left = torch.randn(60, 8, 12, generator=g)
    off = share * left + (1 - share) * torch.randn(60, 8, 12, generator=g)
    return cross_validation._by_lead(off, left, torch.ones(60, 8, 12, dtype=torch.bool))


def test_a_network_that_knows_gains_and_one_that_guesses_loses():
    knows = cross_validation.gains(*parts_for_trust(1.0))["leads"]["1-2 h"]
    assert knows["gain"][0] == 0
    assert knows["gain"][-1] == pytest.approx(knows["mae"], abs=1e-3)  # nothing is left to miss
    guesses = cross_validation.gains(*parts_for_trust(0.0))["leads"]["9-12 h"]
    assert guesses["gain"][-1] < -2 * guesses["sure"][-1] < 0


def part(first: int, windows: int, wide: float, seed: int) -> Part:
    """Members of deviation 1 about 100, and a truth of another deviation."""
    g = torch.Generator().manual_seed(seed)
    drawn = 100 + torch.randn(40, windows, 6, 12, generator=g)
    true = 100 + wide * torch.randn(windows, 6, 12, generator=g)
    known = torch.rand(windows, 6, 12, generator=g) < 0.8
    return Part(drawn, true, known, first + 6 * torch.arange(windows))


def test_rules_find_how_wide_the_truth_is():
    learn, validate = part(24, 30, 2.0, 0), part(300, 30, 2.0, 1)
    for name, rule in spread_calibration.RULES.items():
        found = rule(learn, validate)
        assert len(found) == 12
        assert sum(found) / 12 == pytest.approx(2.0, rel=0.15), name
    assert (
        len(set(spread_calibration.RULES["one factor, 90 % of all readings"](learn, validate))) == 1
    )


def test_rules_differ_in_whom_they_ask():
    learn, validate = part(24, 40, 3.0, 0), part(300, 10, 1.0, 1)
    mean = {n: sum(rule(learn, validate)) / 12 for n, rule in spread_calibration.RULES.items()}
    ships = mean["by lead hour, 90 % of all readings (ships)"]
    assert mean["by lead hour, validation hours alone"] == pytest.approx(1.0, rel=0.2)
    assert mean["by lead hour, the two parts weigh alike"] < ships - 0.1


def test_a_day_held_out_is_reported_by_the_others():
    learn, validate = part(24, 30, 2.0, 0), part(300, 12, 2.0, 1)
    rule = spread_calibration.RULES["by lead hour, 90 % of all readings (ships)"]
    requested: list[set[int]] = []  # days, by call

    def watched(a: Part, b: Part) -> tuple[float, ...]:
        requested.append({b // 24 for b in [*a.begins.tolist(), *b.begins.tolist()]})
        return rule(a, b)

    only = learn.at(learn.begins // 24 == 3)
    by_day = spread_calibration.held_out(watched, learn, validate)
    assert 3 in by_day and by_day[3]["count"] == only.count
    assert spread_calibration.pooled(list(by_day.values()))["coverage_90"] == pytest.approx(
        0.9, abs=0.05
    )
    for day, others in zip(by_day, requested, strict=True):
        assert others and not others & {day - 1, day, day + 1}


def test_the_residual_of_a_field_is_what_the_equation_leaves():
    transport = Transport(4, 5)
    rows = torch.zeros(1, 2, 12, 20)
    record = SimpleNamespace(hour=torch.arange(48) % 24, grid=(4, 5))
    found = cast(
        "Bench",
        SimpleNamespace(
            target=torch.zeros(2, 12, 20), begins=(12, 24), data=SimpleNamespace(record=record)
        ),
    )
    assert held_against(found, rows + 50, transport) == pytest.approx(0.0, abs=1e-5)
    rising = rows + 3.0 * torch.arange(12.0)[:, None]
    assert held_against(found, rising, transport) == pytest.approx(3.0, rel=1e-4)


def test_the_sampler_that_ships_keeps_a_known_spread():
    found = {n: samplers.known_spread(s, Schedule()) for n, s in samplers.SAMPLERS.items()}
    assert found[samplers.SHIPPED] == pytest.approx([1.0, 1.0], abs=0.03)
    assert max(found["DDIM, 10 steps"]) < 0.9  # of first order: too few steps lose spread


def test_errors_that_grow_with_the_level_are_foreseen_and_others_are_not():
    g = torch.Generator().manual_seed(0)
    guess = 20 + 80 * torch.rand(300, 1, 1, generator=g).expand(300, 5, 24)
    for power in (0.0, 1.0):
        values = (guess / 60) ** power * torch.randn(300, 5, 24, generator=g).exp()
        window = SimpleNamespace(values=values, known=torch.ones_like(values).bool(), guess=guess)
        data = SimpleNamespace(training=window, guess=SimpleNamespace(mean=60.0))
        bench = cast("Bench", SimpleNamespace(data=data, target=torch.zeros(2, 12, 5)))
        predicted = spread_calibration.foreseen(bench)
        assert (predicted["level"]["1"] > 0.02) == (power == 1.0)
        assert max(predicted["late"].values()) < 0.01  # starts are drawn one by one


def scores(crps: list[float]) -> dict[str, object]:
    return {
        "crps": sum(crps) / 30, "coverage_50": 0.5, "coverage_90": 0.9,
        "drawn_spread": [7.0], "seconds": 12.0,
        "crps_as_drawn": 5.0, "known_spread": [1.0, 1.0],
        "crps_by_window": crps, "count_by_window": [10, 10, 10],
    }  # fmt: skip


def test_samplers_are_reported_against_fifty_steps():
    found = {
        "kolkata": {
            "samplers": {
                "ancestral, 50 steps": scores([100.0, 50.0, 60.0]),
                "multistep, 8 steps (ships)": scores([101.0, 50.5, 60.6]),
            }
        }
    }
    template = read(TEMPLATES / "stepdiff.md")["samplers"]
    text = tables.samplers(found, {"kolkata": "Kolkata"}, template)
    assert "+1.0 % (+1.0 % to +1.0 %) | worse |" in text
    assert tables.per_cent(0.76) == "−24 %"
    assert tables.samplers({}, {"kolkata": "Kolkata"}, template) == ""


def test_two_intervals_show_a_difference_where_they_do_not_overlap():
    low, high = {"mae_low": 1.0, "mae_high": 2.0}, {"mae_low": 2.5, "mae_high": 3.0}
    assert (page.shown(low, high), page.shown(high, low)) == ("better", "worse")
    assert page.shown(low, {"mae_low": 1.5, "mae_high": 3.0}) == "not shown"


def test_gains_are_counted_by_what_their_intervals_show():
    leads = {"1-2 h": {"mae": 5.0, "gain": [0, 1.0, -1.0, 0.5], "sure": [0, 0.5, 0.5, 0.5]}}
    each = {"mean_weights": [0, 0.25, 0.5, 1.0], "days": 8, "leads": leads}
    template = read(TEMPLATES / "stepdiff.md")["mean_weight"]
    text = tables.mean_weight({"a": {"mean_weight": {"n": each}}}, {"a": "A"}, template)
    assert "(A 8)" in text
    assert "Of 3 gains 1 are better" in text
    assert "1 worse, 1 not shown" in text


def test_the_published_page_was_made_from_its_numbers(tmp_path):
    results = TEMPLATES.parent
    with pytest.raises(NotFoundError, match="no scores yet"):
        page.again(tmp_path)
    shutil.copy(results / "stepdiff.json", tmp_path)
    page.again(tmp_path)
    shown = (results / "stepdiff.md").read_text(encoding="utf-8")
    assert (tmp_path / "stepdiff.md").read_text(encoding="utf-8") == shown, "make it anew: kept"
