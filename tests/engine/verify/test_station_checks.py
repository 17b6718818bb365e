"""Findings on a network with one fault at a time, worked by hand."""

import dataclasses

import numpy as np
import pytest

from engine.core.progress import Cancelled
from engine.verify.station_checks import (
    CHECKS,
    FROZEN,
    SENTENCES,
    Finding,
    Network,
    check,
    failing,
)

DAYS = 100


def network(days=DAYS, side=4, seed=0, period="day"):
    """Sixteen stations 1 degree apart, in weather that correlates over 3 degrees; no fault."""
    random = np.random.default_rng(seed)
    lat, lon = (a.ravel() for a in np.meshgrid(30.0 + np.arange(side), 110.0 + np.arange(side)))
    apart = np.hypot(lat[:, None] - lat, lon[:, None] - lon)
    weather = np.linalg.cholesky(np.exp(-apart / 3)) @ random.standard_normal((lat.size, days))
    return Network(
        tuple(f"s{n}" for n in range(lat.size)),
        np.exp(3.5 + 0.6 * weather.T).astype(np.float32),
        np.arange(days),
        period,
        lat,
        lon,
        np.zeros(lat.size, dtype=bool),
    )


def only(given):
    """The one finding."""
    (finding,) = check(given).findings
    return finding


def test_a_network_without_fault_has_no_finding():
    found = check(network())
    assert found.findings == ()
    assert failing(found.findings) == set()
    assert [row.station for row in found.rows] == [f"s{n}" for n in range(16)]
    assert not any(row.left_out or row.checks for row in found.rows)
    assert found.unchecked == {"unit": 0, "place": 0}
    assert all(row.valid == 1 and row.zero == 0 and row.near > 0.4 for row in found.rows)
    assert all(0.3 < row.level < 3 for row in found.rows)


@pytest.mark.parametrize(
    ("valid", "left_out", "sentence"),
    [
        (26, False, "It has a value at 26 % of the times from its first to its last."),
        (25, True, "It has a value at 25 % of the times from its first to its last."),
    ],
)
def test_gaps(valid, left_out, sentence):
    given = network()
    given.values[1 : DAYS - valid + 1, 3] = np.nan
    found = only(given)
    assert (found.station, found.check, found.left_out) == ("s3", "valid", left_out)
    assert found.number == pytest.approx(valid / 100)
    assert found.sentence == sentence


def test_three_quarters_of_the_values_are_enough():
    given = network()
    given.values[10:35, 3] = np.nan
    assert check(given).findings == ()
    given.values[35, 3] = np.nan
    assert only(given).number == pytest.approx(0.74)


def test_a_station_without_values_is_left_out():
    given = network()
    given.values[:, 3] = np.nan
    found = only(given)
    assert (found.number, found.left_out) == (0, True)
    assert found.sentence == "It has no valid value."
    assert np.isnan(check(given).rows[3].level)
    assert check(given).unchecked == {"unit": 0, "place": 0}


@pytest.mark.parametrize(("name", "value"), [("zero", 0.0), ("negative", -3.0)])
@pytest.mark.parametrize(("count", "left_out"), [(1, False), (9, False), (10, True)])
def test_zeros_and_negative_values(name, value, count, left_out):
    given = network()
    given.values[5 : 5 + 5 * count : 5, 7] = value
    found = only(given)
    assert (found.station, found.check, found.left_out) == ("s7", name, left_out)
    assert found.number == pytest.approx(count / 100)
    what = "exactly zero" if name == "zero" else "below zero"
    assert found.sentence == f"{count} % of its values are {what}."


@pytest.mark.parametrize(("count", "left_out"), [(2, False), (3, True)])
def test_two_zeros_of_a_short_record_may_be_rounding(count, left_out):
    given = network(days=5)
    given.values[:count, 7] = 0.0
    assert only(given).left_out is left_out


@pytest.mark.parametrize(
    ("days", "left_out", "share"), [(5, False, "2.5 %"), (9, False, "4.5 %"), (10, True, "5 %")]
)
def test_frozen_values(days, left_out, share):
    given = network(days=200)
    given.values[50 : 50 + days, 2] = 44.0
    found = only(given)
    assert (found.station, found.check, found.left_out) == ("s2", "frozen", left_out)
    assert found.number == pytest.approx(days / 200)
    assert found.sentence == (
        f"One value lasts for {days} days; {share} of its values are in such runs."
    )
    assert check(given).rows[2].longest == days


def test_four_equal_days_are_no_fault_and_hours_have_their_own_limit():
    given = network()
    given.values[50:54, 2] = 44.0
    assert check(given).findings == ()
    assert FROZEN == {"hour": 24, "day": 5, "month": 3}
    given = network(days=24 * 30, period="hour")
    given.values[50:73, 2] = 44.0
    assert check(given).findings == ()
    given.values[73, 2] = 44.0
    assert only(given).sentence == (
        "One value lasts for 24 hours; 3.3 % of its values are in such runs."
    )


@pytest.mark.parametrize(
    ("factor", "unit", "ratio"), [(1e-3, "mg/m³", "0.001"), (1e3, "ng/m³", "1000")]
)
def test_units(factor, unit, ratio):
    given = network()
    # The level around is that of the ten nearest, so that s5 beside them has 1 times theirs.
    given.values[:] = given.values[:, [5]]
    given.values[:] *= 1 + 0.01 * np.arange(16)
    given.values[:, 5] *= factor
    found = only(given)
    assert (found.station, found.check, found.left_out) == ("s5", "unit", True)
    assert found.number == pytest.approx(factor, rel=0.1)
    assert found.sentence.startswith("Its values are ")
    assert found.sentence.endswith(f" times those around it: the unit may be {unit} instead.")
    assert float(found.values["ratio"]) == pytest.approx(float(ratio), rel=0.1)


def test_ten_times_the_level_is_a_place_and_not_a_unit():
    given = network()
    given.values[:, 5] *= 50
    assert check(given).findings == ()


def test_of_two_alike_at_one_place_the_later_goes():
    given = network()
    given.values[:, 9] = given.values[:, 4]
    given.latitude[9], given.longitude[9] = given.latitude[4] + 0.01, given.longitude[4]
    found = only(given)
    assert (found.station, found.check, found.left_out) == ("s9", "duplicate", True)
    assert found.number == 1.0
    assert found.sentence == "100 % of its values are those of s4, at the same place."


def test_of_two_alike_apart_both_go():
    given = network()
    given.values[:, 10] = given.values[:, 5]  # a degree of latitude and one of longitude apart
    found = check(given).findings
    assert [(f.station, f.check, f.left_out) for f in found] == [
        ("s5", "duplicate", True),
        ("s10", "duplicate", True),
    ]
    assert found[0].sentence == "100 % of its values are those of s10, 146 km away."
    assert failing(found) == {"s5", "s10"}


def test_values_that_are_partly_another_stations_are_shown():
    given = network()
    given.values[:60, 10] = given.values[:60, 5]
    found = check(given).findings
    assert [(f.station, f.left_out, f.number) for f in found] == [
        ("s5", False, pytest.approx(0.6)),
        ("s10", False, pytest.approx(0.6)),
    ]
    assert failing(found) == set()


def test_a_pair_that_leaves_out_comes_before_one_that_is_shown():
    given = network()
    given.values[:60, 4] = given.values[:60, 5]
    given.values[:, 10] = given.values[:, 5]
    found = {f.station: f for f in check(given).findings}
    assert found["s5"].values["other"] == "s10"
    assert found["s5"].left_out
    assert not found["s4"].left_out


def test_a_station_at_sea():
    given = network()
    given.at_sea[6] = True
    found = only(given)
    assert (found.station, found.check, found.number, found.left_out) == ("s6", "sea", 1, True)
    assert found.sentence == "It lies at sea, far from any land."


def test_a_wrong_place():
    given = network(days=400, side=6)
    given.latitude[[0, 35]] = given.latitude[[35, 0]]
    given.longitude[[0, 35]] = given.longitude[[35, 0]]
    found = check(given)
    assert [(f.station, f.check, f.left_out) for f in found.findings] == [
        ("s0", "place", True),
        ("s35", "place", True),
    ]
    row = found.rows[0]
    assert (row.left_out, row.checks) == (True, ("place",))
    assert found.findings[0].number == row.near < row.best
    assert row.gap > row.threshold
    names = ", ".join(f"s{n}" for n in (1, 6, 7))
    said = found.findings[0].values["others"]
    assert sorted(said.split(", ")) == sorted(names.split(", "))
    assert found.findings[0].sentence == (
        f"Its values correlate {row.near:.2f} with its neighbours {row.near_km:.0f} km away, and "
        f"{row.best:.2f} with {said}, {row.best_km:.0f} km away: its place may be wrong."
    )


def test_who_is_left_out_already_is_not_compared_by_place():
    given = network(days=400, side=6)
    given.values[:350, 0] = 44.0
    found = check(given)
    assert [f.check for f in found.findings] == ["frozen"]
    assert np.isnan(found.rows[0].near)
    assert found.unchecked == {"unit": 0, "place": 0}


def test_what_cannot_be_checked_is_counted():
    found = check(network(days=2))
    assert found.findings == ()
    assert found.unchecked == {"unit": 16, "place": 16}
    found = check(network(side=3))
    assert found.unchecked == {"unit": 0, "place": 9}


def test_findings_stand_in_the_order_of_stations_and_checks():
    given = network()
    given.at_sea[[1, 6]] = True
    given.values[10:50, 6] = np.nan
    given.values[60:63, 6] = 0.0
    assert [(f.station, f.check) for f in check(given).findings] == [
        ("s1", "sea"),
        ("s6", "valid"),
        ("s6", "zero"),
        ("s6", "sea"),
    ]
    assert check(given).rows[6].checks == ("valid", "zero", "sea")
    assert {"valid", "zero", "sea"} < set(CHECKS)


def test_failing_is_who_is_left_out():
    shown = Finding("a", "zero", 0.01, False, "zero", {"share": "1 %"})
    out = dataclasses.replace(shown, station="b", left_out=True)
    assert failing([shown, out]) == {"b"}
    assert failing([]) == set()


def test_a_stations_name_is_text_in_a_sentence():
    given = network()
    given.values[:, 9] = given.values[:, 4]
    given.latitude[9], given.longitude[9] = given.latitude[4], given.longitude[4]
    named = dataclasses.replace(
        given, stations=tuple("{share}{0}" if n == 4 else s for n, s in enumerate(given.stations))
    )
    assert only(named).sentence == "100 % of its values are those of {share}{0}, at the same place."


def test_values_are_left_as_they_are():
    given = network()
    given.values[:20, 6] = 0.0
    before = given.values.copy()
    check(given)
    np.testing.assert_array_equal(given.values, before)


def test_progress_rises_to_one_and_it_can_be_stopped():
    said = []
    check(network(), progress=lambda share, doing: said.append((share, doing)))
    shares = [share for share, _ in said]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    for at in range(4, len(said), 9):
        calls = iter(range(10_000))
        with pytest.raises(Cancelled):
            check(network(), cancelled=lambda calls=calls, at=at: next(calls) >= at)


def test_every_code_of_a_period_has_its_sentence():
    assert {f"frozen_{period}" for period in FROZEN} <= set(SENTENCES)
    assert {c for c in CHECKS if c not in ("frozen", "duplicate")} <= set(SENTENCES)
