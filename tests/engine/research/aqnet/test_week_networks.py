"""The baselines that are networks: what they look at, and that they can learn."""

import pytest
import torch

from engine.research.aqnet.published import AQNetConfig
from engine.research.aqnet.week_networks import LastState, PatchConfig, PatchTST
from engine.stations.networks.knn import InverseDistance

SHAPE = AQNetConfig(history=48, horizon=12)
PATCHES = PatchConfig(
    5, 11, 3.5, 1.0, 60.0, history=48, horizon=12, patch=16, stride=8, width=16, heads=2, layers=1
)


def network(kind):
    torch.manual_seed(0)
    return LastState(SHAPE.inputs, 12, 8, 2, pool=6) if kind == "lstm" else PatchTST(PATCHES)


def history(n=6):
    draw = torch.Generator().manual_seed(1)
    predicted = torch.randn(1, n, 48, SHAPE.inputs, generator=draw)
    predicted[..., 6:12] = 0
    return predicted


def places(n):
    corner = torch.tensor([39.5, 116.0]).double()
    return corner + torch.rand(n, 2, generator=torch.Generator().manual_seed(2)).double()


@pytest.mark.parametrize("kind", ["lstm", "patchtst"])
def test_a_place_is_reported_by_inverse_distance(kind):
    with torch.no_grad():
        week = network(kind).eval()(history(), places(6), places(8)[6:])
    assert week.stations.shape == (1, 6, 12)
    expected = InverseDistance(1.0)(
        week.stations[0].T, places(6).float(), places(8)[6:].float(), k=6
    )
    assert torch.allclose(week.points[0].T, expected, atol=1e-3)


def test_patches_see_one_channel_and_no_gap():
    net, predicted = network("patchtst").eval(), history()
    other = predicted.clone()
    other[..., :5] = 9.0  # pollutants
    other[0, 0, 20, 11] = predicted[0, 0, 20, 11] = 1.0  # a gap: what stands there is not looked at
    other[0, 0, 20, 5] = 7.0
    with torch.no_grad():
        assert torch.equal(net.series(predicted[0]), net.series(other[0]))


def test_patches_scale_with_the_level():
    net, predicted = network("patchtst").eval(), history()
    low, high = predicted.clone(), predicted.clone()
    level = 4 + 0.2 * predicted[..., 5]
    for one, factor in ((low, 1), (high, 3)):
        one[..., 5] = ((factor * level.expm1()).log1p() - PATCHES.mean) / PATCHES.deviation
    with torch.no_grad():
        ratio = net.series(high[0]) / net.series(low[0])
    # All but for the floor of the spread.
    assert ratio.mean() == pytest.approx(3, rel=0.1)


@pytest.mark.parametrize("kind", ["lstm", "patchtst"])
def test_it_learns_by_heart(kind):
    net, predicted = network(kind), history()
    if kind == "patchtst":
        net.eval()  # without dropout
    target = torch.rand(6, 12, generator=torch.Generator().manual_seed(3)) + 0.2
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    first = last = 0.0
    for step in range(120):
        loss = ((net.series(predicted[0]) - target) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        last = float(loss.detach())
        first = first or last
        assert step >= 0
    assert last < 0.15 * first
