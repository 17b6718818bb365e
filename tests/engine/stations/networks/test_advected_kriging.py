"""Kriging carried with the wind, and the level of a network: each against what it must be."""

from dataclasses import astuple, replace

import numpy as np
import pytest
import torch

from engine.stations.networks.advected_kriging import TransportCovariance, carried
from engine.stations.networks.gls_mean import with_levels, without_each
from engine.stations.networks.knn import great_circle_km
from engine.stations.networks.neighbourhood import Record, around, nearest
from engine.stations.networks.reanalysis import Reanalysis, ReanalysisConfig
from engine.stations.train_steps import fit_air, turned

LAGS = (-1, 0, 1)
SHAPE = ReanalysisConfig(
    lags=LAGS, width=8, heads=2, inner=8, base="carried", carried_lags=(-1, 1), carried_from=3
)
KM = 36.0  # that a wind of 10 m/s blows in an hour


def record(stations=6, hours=40, wind=10.0, seed=0):
    draw = torch.Generator().manual_seed(seed)
    places = torch.tensor([39.5, 116.0]).double()
    places = places + torch.rand(stations, 2, generator=draw).double()
    blown = torch.zeros(hours, stations, 2)
    blown[..., 0] = 3.6 * wind * torch.arange(hours)[:, None]
    return Record(
        20 + 100 * torch.rand(hours, stations, generator=draw),
        torch.zeros(hours, stations, 0),
        torch.rand(hours, 2, generator=draw),
        places,
        blown,
    )


def one_place(values, offset, lag, station, air, drift=None):
    many = torch.tensor(offset, dtype=torch.float32)[None]
    still = torch.zeros(1, len(values), 2) if drift is None else torch.tensor([drift]).float()
    return float(
        carried(
            torch.tensor([values], dtype=torch.float32),
            many,
            still,
            torch.tensor(lag).float(),
            torch.tensor(station),
            air.tensor(),
        )
    )


def test_without_travel_and_time_it_is_ordinary_kriging():
    offset = np.array([[3.0, 4.0], [-20.0, 5.0], [8.0, -30.0]])
    values = np.array([50.0, 90.0, 20.0])
    air = TransportCovariance(share=1e-6, still_reach=100.0, own=0.03, noise=0.02)
    system, right = np.ones((4, 4)), np.ones(4)
    apart = np.linalg.norm(offset[:, None] - offset[None], axis=-1)
    system[:3, :3] = np.exp(-apart / 100) + 0.0501 * np.eye(3)
    system[3, 3] = 0
    right[:3] = np.exp(-np.linalg.norm(offset, axis=1) / 100)
    expected = np.linalg.solve(system, right)[:3] @ values
    found = one_place(list(values), offset, [0, 0, 0], [0, 1, 2], air)
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("lag", [-1, 1])
def test_air_from_upwind_counts_before_and_from_downwind_after(lag):
    air = TransportCovariance(
        share=100.0, reach=20.0, memory=100.0, own=1e-4, noise=1e-4, speed=1.0
    )
    offset = [[lag * KM, 0.0], [-lag * KM, 0.0]]  # the first is where this air was, or will be
    predicted = one_place(
        [100.0, 20.0], offset, [lag, lag], [0, 1], air, drift=[[lag * KM, 0.0]] * 2
    )
    assert predicted > 90
    calm = one_place([100.0, 20.0], offset, [lag, lag], [0, 1], air)
    assert calm == pytest.approx(60, abs=0.1)


def test_a_constant_stays_and_gaps_are_no_stations():
    rec = record()
    net = Reanalysis(SHAPE).eval()
    near = nearest(rec.places, rec.places, 5, themselves=True)
    times, which = torch.tensor([9]), torch.tensor([2])
    same = replace(rec, readings=torch.full_like(rec.readings, 37.0))
    known = around(same, times, near[which], rec.places[which], LAGS)
    assert float(net.carried(known)) == pytest.approx(37.0, rel=1e-3)
    gap = replace(rec, readings=rec.readings.clone())
    gap.readings[:, near[2, 1]] = torch.nan
    known = around(gap, times, near[which], rec.places[which], LAGS)
    kept = [0, 2, 3, 4]
    fewer = replace(
        known,
        readings=known.readings[:, kept],
        others=known.others[:, kept],
        offset=known.offset[:, kept],
    )
    wide, narrow = (Reanalysis(replace(SHAPE, carried_from=n)) for n in (3, 2))
    assert float(wide.carried(known)) == pytest.approx(float(narrow.carried(fewer)), rel=1e-4)
    assert torch.allclose(net(known).value, net(known).interpolated)


def test_only_hours_with_a_neighbours_reading_elsewhen_are_still_reported():
    rec = record()
    near = nearest(rec.places, rec.places, 5, themselves=True)
    alone = replace(rec, readings=torch.full_like(rec.readings, torch.nan))
    alone.readings[10, near[0, 4]] = 55.0  # the farthest, an hour later
    known = around(alone, torch.tensor([9]), near[:1], rec.places[:1], LAGS)
    assert float(Reanalysis(SHAPE).carried(known)) == pytest.approx(55.0, rel=1e-3)


def test_a_wind_that_is_not_measured_carries_nothing():
    rec = record()
    near = nearest(rec.places, rec.places, 5, themselves=True)
    calm = replace(rec, blown=torch.zeros_like(rec.blown))
    net = Reanalysis(SHAPE)
    predicted = [
        net.carried(around(r, torch.tensor([9]), near[:1], rec.places[:1], LAGS))
        for r in (replace(rec, blown=None), calm, rec)
    ]
    assert torch.equal(predicted[0], predicted[1])
    assert not torch.allclose(predicted[0], predicted[2])


def test_a_turn_takes_the_way_of_the_air_along():
    rec = record()
    near = nearest(rec.places, rec.places, 5, themselves=True)
    known = around(rec, torch.tensor([9, 9]), near[:2], rec.places[:2], LAGS)
    after = turned(known, 180.0, (), torch.Generator().manual_seed(1))
    assert not torch.allclose(after.drift, known.drift)
    mixed = [(k.drift[:, :1] * k.offset).sum(-1) for k in (known, after)]
    assert torch.allclose(*mixed, atol=0.05)


def test_the_speed_of_the_air_is_found_again():
    """A field that travels at twice the wind that is measured."""
    stations, hours = 9, 300
    rec = record(stations, hours, wind=3.0)
    middle = rec.places.mean(0)
    east = 111.2 * (rec.places[:, 1] - middle[1]) * np.cos(np.radians(float(middle[0])))
    north = 111.2 * (rec.places[:, 0] - middle[0])
    way = east[None] - 2 * 3.6 * 3.0 * torch.arange(hours)[:, None].double()
    field = 100 + 60 * torch.sin(way / 9) * torch.cos(north[None] / 15)
    rec = replace(rec, readings=field.float())
    found = fit_air(replace(SHAPE, carried_from=5), rec, 0, hours, steps=25, batch=32, rate=0.1)
    assert found.speed == pytest.approx(2.0, abs=0.35)
    assert fit_air(SHAPE, rec, 0, 100, steps=1, batch=8) == fit_air(
        SHAPE, rec, 0, 100, steps=1, batch=8
    )


def test_the_covariance_is_kept_with_the_shape():
    assert ReanalysisConfig().air == astuple(TransportCovariance())
    with pytest.raises(ValueError, match="above 0"):
        TransportCovariance(reach=0.0)
    with pytest.raises(ValueError, match="carried_lags"):
        ReanalysisConfig(lags=(-1, 0), base="carried")


def test_the_level_without_a_station_is_that_of_the_others():
    rec = record(hours=4)
    covariance = torch.exp(-great_circle_km(rec.places, rec.places) / 140).double()
    covariance += 0.1 * torch.eye(6).double()
    logs = rec.readings.log().double()
    found = without_each(covariance, logs)
    for station in range(7):
        kept = [s for s in range(6) if s != station]
        ones = torch.linalg.solve(covariance[kept][:, kept], torch.ones(len(kept)).double())
        expected = logs[:, kept] @ ones / ones.sum()
        assert torch.allclose(found[:, station], expected, rtol=1e-6)


def test_a_level_knows_gaps_and_nothing_of_the_place_itself():
    rec = record(hours=4)
    rec.readings[1, 3] = torch.nan
    rec.readings[2] = torch.nan
    levelled = with_levels(rec, torch.tensor([0, 1, 2]), 140.0, 0.05, 2.0)
    assert levelled.levels[:2].isfinite().all()
    assert levelled.levels[2:].isnan().all()
    assert float(levelled.levels[1, 3]) == pytest.approx(float(levelled.levels[1, -1]))
    shape = replace(SHAPE, base="log-kriging", carried_lags=())
    wild = replace(rec, readings=rec.readings.clone())
    wild.readings[:, 4] = 900.0
    near = nearest(rec.places, rec.places, 2, themselves=True)
    near[4] = torch.tensor([0, 1])
    net = Reanalysis(shape)
    predicted = []
    for r in (rec, wild):
        full = with_levels(r, torch.arange(2), 140.0, 0.05, 2.0)
        own = torch.tensor([4])
        predicted.append(
            net(around(full, torch.tensor([0]), near[own], rec.places[own], LAGS, own)).value
        )
        predicted.append(
            net(around(full, torch.tensor([0]), near[own], rec.places[own], LAGS)).value
        )
    assert torch.equal(predicted[0], predicted[2])
    assert not torch.equal(predicted[1], predicted[3])  # for a place that is no station it counts


def test_far_from_all_stations_the_level_is_what_is_reported():
    rec = with_levels(record(), torch.tensor([3]), 40.0, 0.05, 2.0)
    far = torch.tensor([[60.0, 150.0]]).double()
    near = nearest(far, rec.places, 2)
    net = Reanalysis(replace(SHAPE, base="log-kriging", reach=40.0, carried_lags=()))
    predicted = net(around(rec, torch.tensor([3]), near, far, LAGS)).interpolated
    assert float(predicted) == pytest.approx(float(rec.levels[3, -1].exp()), rel=1e-3)
