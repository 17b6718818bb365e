"""Maps of a period, judged at stations: what teaches lies before it, what judges is left out."""

import datetime as dt

import finer_world
import numpy as np
import pytest

from engine import library
from engine.core.errors import NotFoundError, RequestError
from engine.inference.judging import judge
from engine.inference.request import Request

START, END = dt.date(2015, 7, 1), dt.date(2015, 12, 31)


@pytest.fixture(scope="module")
def world():
    return finer_world.build()


@pytest.fixture
def kept(home, world):
    for name in ("coarse", "climatology", "stations"):
        library.store(world[name], name)
    return world


def request(**changes):
    fields = {"stations": "stations", "climatology": "climatology", "model": "auto"} | changes
    return Request("coarse", START, **fields)


def by_name(judged):
    return {(row.what, row.left_out): row for row in judged.rows}


def test_a_climatology_and_stations_lower_the_error_one_after_the_other(kept):
    found = judge(request(), ["auto", "area"], START, END)
    rows = by_name(found["auto"])
    assert (found["auto"].dates, found["auto"].earlier) == (6, 6)
    assert rows["coarse", ""].n == 6 * 50
    # The coarse map is 20 % too low: one factor of the earlier months takes that away.
    assert abs(rows["background, one factor", ""].bias) < 0.2 * abs(rows["background", ""].bias)
    assert rows["fused", "singly"].rmse < 0.5 * rows["coarse", ""].rmse
    assert rows["fused", "singly"].shown
    assert by_name(found["area"])["background", ""].rmse > rows["background", ""].rmse


def test_the_months_that_judge_teach_neither_climatology_nor_merging(kept):
    """Spoiled readings of the period change its scores, and nothing that was learned."""
    before = judge(request(), ["auto"], START, END)["auto"]
    own = kept["climatology"].copy(deep=True)
    months = [f"{y}-{m:02d}" for y in (2013, 2014, 2015) for m in range(1, 13)]
    own = own.assign_coords(valid_time=np.array(months, dtype="datetime64[ns]"))
    spoiled = own.copy(deep=True)
    spoiled["pm2p5"].values[24 + 6 :] = 900.0  # July to December 2015
    library.store(own, "own")
    library.store(spoiled, "spoiled")
    one, two = (
        judge(request(climatology=name), ["auto"], START, END)["auto"].rows
        for name in ("own", "spoiled")
    )
    assert one == two
    assert before.rows


def test_a_station_is_judged_by_maps_that_did_not_see_it(kept):
    """One station's readings are wrong in the period; the map does not follow them."""
    spoiled = kept["stations"].copy(deep=True)
    spoiled["pm2p5"].values[6:, 7] = 500.0
    library.store(spoiled, "spoiled-stations")
    rows = by_name(judge(request(stations="spoiled-stations"), ["auto"], START, END)["auto"])
    # Had the map seen it, it would follow it: 50 stations, one off by 440, is √(440²/50) = 62.
    assert rows["fused", "singly"].rmse > 50


def test_a_restored_map_is_judged_at_stations_too(kept):
    library.store(kept["climatology"], "fine", train_end=dt.date(2011, 12, 31))
    stations = kept["stations"].assign_coords(
        valid_time=np.array([f"2012-{m:02d}" for m in range(1, 13)], dtype="datetime64[ns]")
    )
    library.store(stations, "then")
    found = judge(
        Request("fine", START, stations="then", model="auto"),
        ["bicubic"],
        dt.date(2012, 7, 1),
        dt.date(2012, 12, 31),
    )["bicubic"]
    rows = by_name(found)
    assert (found.dates, found.earlier, found.note) == (6, 6, "Bicubic")
    assert rows["coarse", ""].n > 200
    assert np.isfinite(rows["fused", "singly"].coverage)


@pytest.mark.parametrize(
    ("models", "changes", "period", "kind", "says"),
    [
        ([], {}, (START, END), RequestError, "no model is named"),
        (["auto"], {}, (END, START), RequestError, "before the start"),
        (
            ["auto"],
            {},
            (dt.date(2019, 1, 1), dt.date(2019, 2, 1)),
            NotFoundError,
            "no common date",
        ),
        (
            ["bicubic"],
            {"climatology": "climatology"},
            (START, END),
            RequestError,
            "no coarse dataset finer",
        ),
    ],
)
def test_what_cannot_be_judged_is_said_in_one_sentence(kept, models, changes, period, kind, says):
    with pytest.raises(kind, match=says):
        judge(request(**changes), models, *period)
