"""The rule that keeps the default unless something is shown to be better."""

import numpy as np
import pytest

from engine.downscaling.choice import choose

RNG = np.random.default_rng(4)


def test_the_default_stands_with_few_units():
    errors = {"simple": np.full(9, 10.0), "rich": np.full(9, 1.0)}
    made = choose(errors, "simple")
    assert (made.name, made.runner_up, made.units) == ("simple", "rich", 9)


def test_a_clear_gain_is_taken_and_said():
    simple = RNG.uniform(5, 15, 20)
    made = choose({"simple": simple, "rich": 0.64 * simple}, "simple")
    assert made.name == "rich"
    assert made.gain == pytest.approx(0.2)  # the root of 0.64
    assert made.gain_error == pytest.approx(0.0, abs=1e-9)
    assert made.rmse == pytest.approx(np.sqrt(0.64 * simple.mean()))


def test_a_gain_within_its_error_or_below_one_percent_is_not():
    simple = np.full(20, 10.0)
    noisy = simple + np.where(np.arange(20) % 2, 9.0, -9.2)
    assert choose({"simple": simple, "rich": noisy}, "simple").name == "simple"
    assert choose({"simple": simple, "rich": 0.99 * simple}, "simple").name == "simple"
    assert choose({"simple": simple, "rich": 0.97 * simple}, "simple").name == "rich"


def test_the_price_comes_from_units_that_did_not_choose():
    simple = np.full(11, 4.0)
    rich = np.full(11, 1.0)
    rich[0] = 100.0  # the one unit that spoils it is left out once
    made = choose({"simple": simple, "rich": rich}, "simple")
    assert made.name == "simple"
    # Without unit 0 the rich one would be taken, and pays for it there.
    assert made.rmse == pytest.approx(np.sqrt((100.0 + 10 * 4.0) / 11))


def test_with_five_units_nothing_is_lost():
    lost = 0
    for _ in range(200):
        errors = {"simple": RNG.exponential(10, 5), "rich": RNG.exponential(10.5, 5)}
        lost += choose(errors, "simple").name != "simple"
    assert lost == 0


def test_no_default_and_uneven_units_are_mistakes():
    with pytest.raises(ValueError, match="no errors of the default"):
        choose({"a": np.ones(3)}, "b")
    with pytest.raises(ValueError, match="units"):
        choose({"a": np.ones(3), "b": np.ones(4)}, "a")
