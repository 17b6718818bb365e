"""AQ-Net: its size, its pieces against independent forms, and what must reach what."""

import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.research.aqnet.neural_knn import NeuralKNN, in_degrees
from engine.research.aqnet.published import AQNet, AQNetConfig, HourAttention, cyclic
from engine.stations.networks.knn import InverseDistance, great_circle_km

SMALL = AQNetConfig(history=12, horizon=5, width=8, layers=2, neighbours=3, dropout=0.0)


def places(n, seed=0):
    generator = torch.Generator().manual_seed(seed)
    corner, size = torch.tensor([39.5, 116.0]), torch.tensor([1.0, 1.2])
    return (corner + size * torch.rand(n, 2, generator=generator)).double()


def network(config=SMALL, seed=1):
    torch.manual_seed(seed)
    return AQNet(config).eval()


def history(config=SMALL, stations=6, batch=2, seed=2):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, stations, config.history, config.inputs, generator=generator)


def test_the_published_form_has_its_number_of_parameters():
    published = AQNetConfig.as_published()
    assert published.inputs == 15
    assert sum(p.numel() for p in AQNet(published).parameters()) == 491_560


def test_the_neural_neighbours_add_194_parameters():
    assert sum(p.numel() for p in NeuralKNN().parameters()) == 194


def test_the_day_has_no_seam():
    hour = cyclic(torch.arange(25), 24)
    steps = (hour[1:] - hour[:-1]).norm(dim=-1)
    # Twenty-four equal chords of the unit circle, the last from 23 h to 0 h.
    assert torch.allclose(steps, torch.full((24,), 2 * math.sin(math.pi / 24)), atol=1e-6)


def test_attention_is_what_a_loop_in_float64_gives():
    torch.manual_seed(0)
    attention = HourAttention(SMALL).double()
    x = torch.randn(1, 12, 8, dtype=torch.float64)
    taken, entropy = attention(x)
    mix, out = attention.mix.weight.detach().numpy(), attention.out
    q, k, v = np.split((x[0].numpy() @ mix.T), 3, axis=1)
    rows, entropies = np.zeros((12, 16)), []
    for head in range(2):
        part = slice(8 * head, 8 * head + 8)
        for i in range(12):
            score = [
                q[i, part] @ k[j, part] / math.sqrt(8) + math.exp(-(11 - j) / 50) for j in range(12)
            ]
            weight = np.exp(score) / np.exp(score).sum()
            entropies.append(-(weight * np.log(weight)).sum())
            rows[i, part] = weight @ v[:, part]
    expected = rows @ out.weight.detach().numpy().T + out.bias.detach().numpy()
    assert np.allclose(taken[0].detach().numpy(), expected, atol=1e-12)
    assert float(entropy.detach()) == pytest.approx(np.mean(entropies), abs=1e-12)


def test_the_prior_prefers_the_latest_hour_and_the_quirk_the_oldest():
    # With equal keys the prior alone decides; values tell which hour was looked at.
    for oldest_first in (False, True):
        config = AQNetConfig(history=200, width=4, heads=1, oldest_first=oldest_first)
        attention = HourAttention(config)
        with torch.no_grad():
            attention.mix.weight.zero_()
            attention.mix.weight[8:] = torch.eye(4)  # the value is the input itself
            attention.out.weight.copy_(torch.eye(4))
            attention.out.bias.zero_()
        x = torch.zeros(1, 200, 4)
        x[:, :100] = 1
        old_share = float(attention(x)[0][0, 0, 0].detach())
        assert (old_share > 0.5) == oldest_first


def test_untrained_neighbours_are_inverse_distance():
    stations, points = places(8), places(5, seed=3)
    neural = NeuralKNN(8, spacing=1e-2)  # so small a unit that the guard of a metre is nothing
    values = torch.rand(1, 8, dtype=torch.float64)
    expected = InverseDistance(1.0)(values, stations, points, k=8)
    with torch.no_grad():
        found = neural(points, stations).mix(values[..., None])[..., 0]
    assert torch.allclose(found, expected, atol=1e-6)


def test_a_constant_field_stays_constant():
    neural = NeuralKNN(3)
    torch.manual_seed(4)
    for parameter in neural.parameters():
        torch.nn.init.normal_(parameter)
    mixed = neural(places(7, 5), places(9)).mix(torch.full((9, 2), 31.0))
    assert torch.allclose(mixed, torch.full((7, 2), 31.0), atol=1e-4)


def test_a_station_is_itself():
    stations = places(6)
    neighbours = NeuralKNN(3)(stations[2:3], stations)
    assert neighbours.which[0, neighbours.weight[0].argmax()] == 2
    assert float(neighbours.weight.detach().max()) == 1.0


def test_degrees_are_not_kilometres():
    # At 60° N a degree of longitude is half of one of latitude.
    stations = torch.tensor([[61.0, 10.0], [60.0, 11.0]], dtype=torch.float64)
    point = torch.tensor([[60.0, 10.0]], dtype=torch.float64)
    assert torch.allclose(in_degrees(point, stations).weight, torch.tensor(0.5).double())
    ours = NeuralKNN(2, spacing=1.0)(point, stations)
    east = float(ours.weight.detach()[0, ours.which[0] == 1])
    north, far = great_circle_km(point, stations)[0].tolist()
    assert east == pytest.approx(north / (north + far), abs=1e-4)
    assert east > 0.6


def test_no_station_is_refused():
    with pytest.raises(ValueError, match="no station"):
        NeuralKNN()(places(2), places(0))


def test_the_order_of_stations_does_not_matter():
    net, predicted, stations, points = network(), history(), places(6), places(4, seed=9)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    with torch.no_grad():
        one = net(predicted, stations, points)
        other = net(predicted[:, order], stations[order], points)
    assert torch.allclose(one.points, other.points, atol=1e-6)
    assert torch.allclose(one.stations[:, order], other.stations, atol=1e-6)


@pytest.mark.parametrize("spatial", ["neural_feature", "idw_feature", "idw_prediction"])
def test_each_spatial_mode_tells_a_week_at_any_number_of_stations(spatial):
    net = network(AQNetConfig(history=12, horizon=5, width=8, layers=1, spatial=spatial))
    for count in (1, 2, 30):
        week = net(history(net.config, count), places(count), places(3, seed=8))
        assert week.stations.shape == (2, count, 5)
        assert week.points.shape == (2, 3, 5)
        assert (week.points > 0).all()


def test_a_hidden_station_teaches_everything():
    net = network().train()
    week = net(history(), places(6), places(2, seed=7))
    week.points.sum().backward()
    # g ends in zeros, so that at first its last layer alone has a gradient.
    at_rest = {"spread.correction.0.weight", "spread.correction.0.bias"}
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert (parameter.grad.abs().max() > 0) == (name not in at_rest), name


def test_it_learns_by_heart(tmp_path):
    net = network().train()
    predicted, stations, points = history(), places(6), places(2, seed=7)
    target = torch.rand(2, 2, 5, generator=torch.Generator().manual_seed(3))
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    losses = []
    for _ in range(150):
        loss = ((net(predicted, stations, points).points - target) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    again = network(seed=99)
    again.load_state_dict(load_file(tmp_path / "w.safetensors"))
    with torch.no_grad():
        assert torch.equal(
            again(predicted, stations, points).points,
            net.eval()(predicted, stations, points).points,
        )


def test_what_cannot_be_built_is_refused():
    with pytest.raises(ValueError, match="must be 1 or more"):
        AQNetConfig(layers=0)
    with pytest.raises(ValueError, match="degrees"):
        AQNetConfig(degrees=True)
