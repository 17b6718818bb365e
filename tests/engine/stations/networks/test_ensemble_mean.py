"""Networks averaged, turned examples, bounded corrections: each against what it must be."""

from dataclasses import replace

import pytest
import torch

from engine.stations.networks.ensemble_mean import Averaged
from engine.stations.networks.neighbourhood import StationContext
from engine.stations.networks.reanalysis import Reanalysis, ReanalysisConfig
from engine.stations.train_steps import turned

SHAPE = ReanalysisConfig(
    lags=(-1, 0, 1), others=("no2", "u10", "v10"), width=8, heads=2, inner=8, base="kriging"
)


def known(count=5, stations=4):
    draw = torch.Generator().manual_seed(0)
    return StationContext(
        80 * torch.rand(count, stations, 3, generator=draw) + 5,
        torch.randn(count, stations, 3, generator=draw),
        20 * torch.randn(count, stations, 2, generator=draw),
        torch.rand(count, 2, generator=draw),
    )


def network(seed, shape=SHAPE):
    torch.manual_seed(seed)
    net = Reanalysis(shape)
    torch.nn.init.normal_(net.head.weight, std=0.5)
    return net.eval()


def test_an_average_tells_the_mean_and_is_a_reanalysis():
    members = [network(seed) for seed in range(3)]
    whole = Averaged(members).eval()
    with torch.no_grad():
        found, each = whole(known()), [member(known()) for member in members]
    assert torch.allclose(found.value, sum(one.value for one in each) / 3)
    assert torch.allclose(found.scale, sum(one.scale for one in each) / 3)
    assert isinstance(whole, Reanalysis)
    assert torch.allclose(whole.raw_exponent, members[0].raw_exponent)


def test_networks_of_two_shapes_have_no_average():
    with pytest.raises(ValueError, match="one shape"):
        Averaged([network(0), network(0, replace(SHAPE, width=4))])


def test_a_correction_keeps_its_bound():
    net = network(0, replace(SHAPE, bound=0.1))
    torch.nn.init.constant_(net.head.bias, 50.0)
    with torch.no_grad():
        found = net(known())
    ratio = (found.value / found.interpolated).log()
    assert torch.allclose(ratio, torch.full_like(ratio, 0.1), atol=1e-4)


def test_a_turn_keeps_distances_and_takes_the_wind_along():
    before = known()
    after = turned(before, 180.0, SHAPE.others, torch.Generator().manual_seed(1))
    assert not torch.allclose(after.offset, before.offset)
    for one, other in (
        (before.offset, after.offset),
        (before.others[..., 1:], after.others[..., 1:]),
    ):
        assert torch.allclose(one.norm(dim=-1), other.norm(dim=-1), atol=1e-4)
    # The angle between the wind and the way to the station stays, with its sign.
    for mixed in (
        lambda k: (k.offset * k.others[..., 1:]).sum(-1),
        lambda k: k.offset[..., 0] * k.others[..., 2] - k.offset[..., 1] * k.others[..., 1],
    ):
        assert torch.allclose(mixed(before), mixed(after), atol=1e-3)
    assert torch.equal(after.others[..., 0], before.others[..., 0])


def test_without_a_wind_a_turn_moves_places_alone():
    after = turned(known(), 90.0, ("no2", "u10", "so2"), torch.Generator().manual_seed(1))
    assert torch.equal(after.others, known().others)
