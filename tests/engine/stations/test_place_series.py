"""The course at one place: told from around it, never by itself, with an interval that holds."""

import datetime as dt

import numpy as np
import pytest
from station_worlds import world

from engine import library
from engine.core.errors import NotFoundError, RequestError
from engine.inference.request import Request
from engine.inference.run import predict
from engine.stations.series import at_place

DAYS = [dt.date(2015, 1, 20) + dt.timedelta(days=n) for n in range(5)]


def place(data, n):
    return float(data["latitude"][n]), float(data["longitude"][n])


def test_a_day_is_what_leaving_the_station_out_tells(own):
    data = library.open_dataset("hourly").load()
    found = at_place("hourly", DAYS, *place(data, 4), without="s4")
    day = predict(Request("hourly", DAYS[2], model="aqnet", resolution=0.5))
    assert float(found["pm2p5"][2]) == pytest.approx(float(day["leave_one_out"][0, 4]), rel=1e-4)
    assert found["pm2p5"].attrs["units"] == "ug m-3"


def test_its_own_readings_do_not_count_and_those_around_do(own):
    data = library.open_dataset("hourly").load()
    before = at_place("hourly", DAYS, *place(data, 4), without="s4")
    for station, counts in ((4, False), (2, True)):
        changed = data.copy(deep=True)
        changed["pm2p5"][:, station] = 500
        changed["no2"][:, station] = 500
        library.store(changed, f"changed-{station}")
        (own.parent / f"aqnet-changed-{station}").symlink_to(own)
        after = at_place(f"changed-{station}", DAYS, *place(data, 4), without="s4")
        assert np.allclose(before["pm2p5"], after["pm2p5"], rtol=1e-5) != counts


def test_the_interval_lies_around_and_holds_most_readings(own):
    data = library.open_dataset("hourly").load()
    held = []
    for n in range(9):
        found = at_place("hourly", DAYS, *place(data, n), without=f"s{n}")
        assert (found["low"] >= 0).all()
        assert (found["low"] < found["pm2p5"]).all()
        assert (found["pm2p5"] < found["high"]).all()
        local = data["valid_time"].values + np.timedelta64(8, "h")
        for i, day in enumerate(DAYS):
            of_day = data["pm2p5"].values[local.astype("datetime64[D]") == np.datetime64(day), n]
            held.append(float(found["low"][i]) <= np.nanmean(of_day) <= float(found["high"][i]))
    assert np.mean(held) > 0.7


def test_a_date_without_readings_is_a_gap(own):
    data = library.open_dataset("hourly").load()
    beyond = at_place("hourly", [DAYS[0], dt.date(2016, 1, 1)], *place(data, 0))
    assert np.isfinite(beyond["pm2p5"].values).tolist() == [True, False]


def test_faults_are_said(own):
    with pytest.raises(NotFoundError, match="no station 'nobody'"):
        at_place("hourly", DAYS, 40.0, 116.5, without="nobody")
    library.store(world(60, 1), "lonely")
    (own.parent / "aqnet-lonely").symlink_to(own)
    with pytest.raises(RequestError, match="no station around"):
        at_place("lonely", [dt.date(2015, 1, 11)], 40.0, 116.5, without="s0")
