"""The reanalysis network: inverse distance at first, a set, any network, every gap a flag."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.stations.networks.knn import InverseDistance, great_circle_km
from engine.stations.networks.neighbourhood import Record, StationContext, around, nearest, offsets
from engine.stations.networks.reanalysis import Reanalysis, ReanalysisConfig
from engine.stations.networks.set_attention import Attention

SHAPE = ReanalysisConfig(
    lags=(-2, -1, 0, 1), others=("no2", "u10"), width=16, heads=2, inner=16, spacing=20.0
)


def record(stations=7, hours=30, seed=0):
    generator = torch.Generator().manual_seed(seed)
    readings = 20 + 100 * torch.rand(hours, stations, generator=generator)
    others = torch.randn(hours, stations, 2, generator=generator)
    corner = torch.tensor([39.5, 116.0]).double()
    places = corner + torch.rand(stations, 2, generator=generator).double()
    return Record(readings, others, torch.rand(hours, 2, generator=generator), places)


def network(*, trained=True, seed=1, base="idw"):
    torch.manual_seed(seed)
    net = Reanalysis(replace(SHAPE, base=base))
    if trained:  # what begins as zero must not hide a fault
        for layer in filter(None, (net.weight, net.head)):
            torch.nn.init.normal_(layer.weight, std=0.2)
    return net.eval()


def known_at(rec, hour, station, count=20):
    near = nearest(rec.places, rec.places, count, themselves=True)
    times, which = torch.tensor([hour]), torch.tensor([station])
    return around(rec, times, near[which], rec.places[which], SHAPE.lags)


def predicted(net, known):
    with torch.no_grad():
        return net(known)


def test_untrained_it_is_inverse_squared_distance():
    rec, net = record(), network(trained=False)
    everywhere = InverseDistance(2.0).leave_one_out(rec.readings, rec.places.float(), k=6)
    for station in range(7):
        found = predicted(net, known_at(rec, 9, station))
        assert float(found.value) == pytest.approx(float(everywhere[9, station]), rel=1e-3)
        assert torch.equal(found.interpolated, found.value)


@pytest.mark.parametrize(
    ("base", "to", "back"), [("kriging", float, float), ("log-kriging", np.log, np.exp)]
)
def test_untrained_it_is_ordinary_kriging_of_readings_or_of_logarithms(base, to, back):
    rec, net = record(), network(trained=False, base=base)
    to = np.vectorize(to)
    rec.readings[9, 2] = torch.nan
    km = great_circle_km(rec.places, rec.places).double().numpy()
    for station in (0, 6):
        valid = [s for s in range(7) if s not in (station, 2)]
        system, right = np.ones((6, 6)), np.ones(6)
        system[:5, :5] = np.exp(-km[np.ix_(valid, valid)] / 140) + 0.05 * np.eye(5)
        system[5, 5] = 0
        right[:5] = np.exp(-km[station, valid] / 140)
        weight = np.linalg.solve(system, right)[:5]
        expected = back(weight @ to(rec.readings[9, valid].double().numpy()))
        found = predicted(net, known_at(rec, 9, station))
        assert float(found.value) == pytest.approx(expected, rel=1e-3)
        assert torch.equal(found.interpolated, found.value)


@pytest.mark.parametrize("base", ["idw", "kriging", "log-kriging"])
def test_nothing_of_the_place_itself_comes_in(base):
    rec, net = record(), network(base=base)
    changed = replace(rec, readings=rec.readings.clone(), others=rec.others.clone())
    changed.readings[:, 3] = 999
    changed.others[:, 3] = 99
    assert torch.equal(
        predicted(net, known_at(rec, 9, 3)).value, predicted(net, known_at(changed, 9, 3)).value
    )
    assert not torch.equal(
        predicted(net, known_at(rec, 9, 2)).value, predicted(net, known_at(changed, 9, 2)).value
    )


def test_hours_before_and_after_count_and_those_beyond_the_lags_do_not():
    rec, net = record(), network()
    for lag, counts in ((-3, False), (-2, True), (1, True), (2, False)):
        changed = replace(rec, readings=rec.readings.clone())
        changed.readings[9 + lag] += 50
        same = torch.equal(
            predicted(net, known_at(rec, 9, 0)).value, predicted(net, known_at(changed, 9, 0)).value
        )
        assert same != counts, lag


@pytest.mark.parametrize("base", ["idw", "kriging", "log-kriging"])
def test_the_order_of_stations_does_not_matter(base):
    rec, net = record(), network(base=base)
    known = known_at(rec, 9, 0)
    order = torch.tensor([5, 2, 0, 4, 1, 3])
    other = StationContext(
        known.readings[:, order], known.others[:, order], known.offset[:, order], known.clock
    )
    one, two = predicted(net, known), predicted(net, other)
    assert torch.allclose(one.value, two.value, rtol=1e-5)
    assert torch.allclose(one.scale, two.scale, rtol=1e-5)


@pytest.mark.parametrize("base", ["idw", "kriging", "log-kriging"])
def test_a_silent_station_is_as_no_station(base):
    rec, net = record(), network(base=base)
    known = known_at(rec, 9, 0)
    silent = replace(known, readings=known.readings.clone(), others=known.others.clone())
    silent.readings[:, 2] = torch.nan
    kept = [0, 1, 3, 4, 5]
    fewer = StationContext(
        known.readings[:, kept], known.others[:, kept], known.offset[:, kept], known.clock
    )
    assert torch.allclose(predicted(net, silent).value, predicted(net, fewer).value, rtol=1e-5)


def test_a_gap_is_not_a_zero():
    rec, net = record(), network()
    known = known_at(rec, 9, 0)
    gap, zero = (replace(known, readings=known.readings.clone()) for _ in range(2))
    gap.readings[:, 1, 2], zero.readings[:, 1, 2] = torch.nan, 0.0
    low, high = float(predicted(net, zero).value), float(predicted(net, gap).value)
    assert abs(high - low) > 0.5
    blank = replace(known, others=torch.full_like(known.others, torch.nan))
    mean = replace(known, others=torch.zeros_like(known.others))  # the mean, and measured
    assert float(predicted(net, blank).value) != float(predicted(net, mean).value)


@pytest.mark.parametrize("base", ["idw", "kriging", "log-kriging"])
def test_a_reading_of_the_next_hour_stands_in_for_a_missing_one(base):
    rec, net = record(stations=2), network(trained=False, base=base)
    known = known_at(rec, 9, 0)
    late = replace(known, readings=known.readings.clone())
    late.readings[..., :3] = torch.nan
    assert float(predicted(net, late).value) == pytest.approx(float(rec.readings[10, 1]), rel=1e-5)


@pytest.mark.parametrize("base", ["idw", "kriging", "log-kriging"])
def test_where_nobody_speaks_nothing_is_said(base):
    known = known_at(record(), 9, 0)
    deaf = replace(known, readings=torch.full_like(known.readings, torch.nan))
    assert predicted(network(base=base), deaf).value.isnan().all()
    assert predicted(network(base=base), deaf).scale.isnan().all()


@pytest.mark.parametrize("base", ["idw", "kriging", "log-kriging"])
@pytest.mark.parametrize("stations", [2, 3, 40])
def test_any_number_of_stations_will_do(stations, base):
    found = predicted(network(base=base), known_at(record(stations), 9, 0))
    assert found.value.isfinite().all()
    assert (found.value > 0).all()
    assert (found.scale > 0).all()


def test_beyond_the_ends_of_the_record_nothing_was_measured():
    known = known_at(record(hours=5), 0, 0)
    assert known.readings[0, :, :2].isnan().all()
    assert known.readings[0, :, 2:].isfinite().all()
    assert known_at(record(hours=5), 4, 0).readings[0, :, 3].isnan().all()


def test_offsets_are_kilometres_east_and_north():
    point = torch.tensor([[60.0, 179.9]], dtype=torch.float64)
    station = torch.tensor([[[60.5, -179.9]]], dtype=torch.float64)
    east, north = offsets(point, station)[0, 0].tolist()
    # 0.2° across the date line at 60.25° N, 0.5° to the north; a degree is 111.195 km.
    assert east == pytest.approx(0.2 * 111.195 * np.cos(np.radians(60.25)), rel=1e-4)
    assert north == pytest.approx(0.5 * 111.195, rel=1e-4)
    arc = float(great_circle_km(point, station[0]))
    assert np.hypot(east, north) == pytest.approx(arc, rel=1e-4)


def test_the_nearest_leave_themselves_out():
    places = record(12).places
    near = nearest(places, places, 4, themselves=True)
    distance = great_circle_km(places, places).fill_diagonal_(1e9)
    assert torch.equal(near.sort().values, distance.argsort()[:, :4].sort().values)
    with pytest.raises(ValueError, match="no station"):
        nearest(places[:1], places[:1], 4, themselves=True)


def test_attention_is_what_a_loop_in_float64_gives():
    torch.manual_seed(0)
    layer = Attention(6, 2).double()
    asking, told_ = torch.randn(1, 1, 6).double(), torch.randn(1, 4, 6).double()
    reporting = torch.tensor([[True, True, False, True]])
    with torch.no_grad():
        found = layer(asking, told_, reporting)[0, 0].numpy()
        q = layer.query(asking)[0, 0].numpy()
        k, v = (part.numpy() for part in layer.key_value(told_)[0].chunk(2, -1))
        mixed = np.zeros(6)
        for head in (slice(0, 3), slice(3, 6)):
            weight = np.array([np.exp(q[head] @ k[j, head] / np.sqrt(3)) for j in (0, 1, 3)])
            mixed[head] = (weight / weight.sum()) @ v[[0, 1, 3], head]
        expected = layer.out(torch.from_numpy(mixed)).numpy()
    assert np.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("base", ["idw", "kriging", "log-kriging"])
def test_everything_learns(base):
    rec, net = record(), network(base=base).train()
    near = nearest(rec.places, rec.places, 6, themselves=True)
    times = torch.arange(5, 12)
    found = net(around(rec, times, near, rec.places, SHAPE.lags))
    (found.value.sum() + found.scale.log().sum()).backward()
    for name, parameter in net.named_parameters():
        # A bias moves the scores of all stations alike, which no weight sees; and kriging has no
        # exponent.
        if name != "weight.bias" and (base == "idw" or name != "raw_exponent"):
            assert parameter.grad is not None, name
            assert parameter.grad.abs().max() > 0, name


def test_it_learns_by_heart_and_is_kept(tmp_path):
    rec, net = record(hours=8), network(trained=False).train()
    near = nearest(rec.places, rec.places, 6, themselves=True)
    known = around(rec, torch.full((7,), 4), near, rec.places, SHAPE.lags)
    target = rec.readings[4]
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    losses = []
    for _ in range(120):
        loss = ((net(known).value - target) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.05 * losses[0]
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    again = network(seed=5)
    again.load_state_dict(load_file(tmp_path / "w.safetensors"))
    assert torch.equal(predicted(again, known).value, predicted(net.eval(), known).value)


def test_what_cannot_be_built_is_refused():
    with pytest.raises(ValueError, match="with 0 among them"):
        ReanalysisConfig(lags=(-1, 1))
    with pytest.raises(ValueError, match="no multiple"):
        ReanalysisConfig(width=10, heads=4)
