import pytest
import torch
from torch.nn import functional

from engine.superresolution.networks.airstfm import PAPER, AirSTFM
from engine.superresolution.networks.airstfm_parts import PretextNet, TimeConv, position_code
from engine.superresolution.networks.layers import ResidualBlock, warp
from engine.superresolution.networks.masking import conserve, fill_nearest, masked_block_mean
from engine.superresolution.networks.spynet import SPyNet


@pytest.mark.parametrize("days", [1, 2, 5])
def test_time_convolution_is_a_3d_convolution(days):
    torch.manual_seed(0)
    conv = TimeConv(2, 3)
    x = torch.randn(2, days, 2, 6, 5)
    expected = functional.conv3d(x.transpose(1, 2), conv.weight, conv.bias, padding=1)
    torch.testing.assert_close(conv(x), expected.transpose(1, 2), atol=1e-5, rtol=1e-5)


def test_pretext_net_has_the_papers_shapes_and_size():
    net = PretextNet(32, 5, 3)
    assert sum(p.numel() for p in net.parameters()) == 210_113
    features, rebuilt = net(torch.randn(1, 5, 1, 11, 9), torch.ones(1, 5, 11, 9, dtype=torch.bool))
    assert features.shape == (1, 5, 32, 11, 9)
    assert rebuilt.shape == (1, 5, 1, 11, 9)


def test_pretext_net_sees_only_the_mean_of_days_and_two_by_two_cells():
    torch.manual_seed(0)
    net = PretextNet(4, 2, 1)
    x = torch.randn(1, 2, 1, 4, 4)
    mask = torch.ones(1, 2, 4, 4, dtype=torch.bool)
    mean = x.mean((1, 2)).view(1, 2, 2, 2, 2).mean((2, 4))
    same = mean.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, None, None].expand_as(x)
    torch.testing.assert_close(net(x, mask)[1], net(same, mask)[1], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(net(x, mask)[1], net(x + 1, mask)[1])


def test_position_code_by_hand():
    code = position_code(32, 5, 4, 3)  # twelve planes for the day, twelve for the row, eight more
    assert code.shape == (5, 32, 4, 3)
    assert code[3, 0, 1, 2] == pytest.approx(torch.sin(torch.tensor(3.0)).item())
    angle = torch.tensor(2 * 10000 ** (-2 / 12))
    assert code[4, 13, 2, 1] == pytest.approx(torch.sin(angle).item(), abs=1e-6)
    assert code[4, 12 + 6 + 1, 2, 1] == pytest.approx(torch.cos(angle).item(), abs=1e-6)
    assert code[0, 24, 3, 2] == pytest.approx(torch.sin(torch.tensor(2.0)).item())


def test_warp_moves_by_whole_cells():
    x = torch.arange(12.0).view(1, 1, 3, 4)
    flow = torch.zeros(1, 2, 3, 4)
    flow[:, 0] = 1  # one column east
    expected = torch.tensor([[1.0, 2, 3, 0], [5, 6, 7, 0], [9, 10, 11, 0]])
    torch.testing.assert_close(warp(x, flow)[0, 0], expected, atol=1e-5, rtol=1e-5)
    edge = warp(x, flow, "border")[0, 0]
    torch.testing.assert_close(edge[:, 3], torch.tensor([3.0, 7, 11]), atol=1e-5, rtol=1e-5)
    flow = torch.stack((torch.zeros(3, 4), torch.full((3, 4), 0.5)))[None]  # half a row south
    torch.testing.assert_close(warp(x, flow)[0, 0, 0], x[0, 0, 0] + 2, atol=1e-5, rtol=1e-5)


def test_warp_survives_a_map_one_cell_wide():
    x = torch.arange(3.0).view(1, 1, 3, 1)
    torch.testing.assert_close(warp(x, torch.zeros(1, 2, 3, 1)), x)


def test_spynet_counts_and_starts_at_no_motion():
    assert sum(p.numel() for p in SPyNet().parameters()) == 1_440_300
    assert sum(p.numel() for p in SPyNet(planes=1).parameters()) == 1_402_668
    flow = SPyNet(levels=3)(torch.rand(2, 1, 9, 7), torch.rand(2, 1, 9, 7))
    assert flow.shape == (2, 2, 9, 7)
    assert not flow.any()


def test_spynet_scales_its_flow_back():
    """A last layer that always adds (1, 2): levels give 1, then 2 + 1, in the resized map."""
    net = SPyNet(levels=2, widths=(4,))
    for level in net.levels:
        level[-1].bias.data = torch.tensor([1.0, 2.0])
    flow = net(torch.rand(1, 1, 5, 8), torch.rand(1, 1, 5, 8))  # resized to 6 × 8
    torch.testing.assert_close(flow[:, 0], torch.full((1, 5, 8), 3.0))
    torch.testing.assert_close(flow[:, 1], torch.full((1, 5, 8), 6.0 * 5 / 6))


def test_residual_block_by_its_formula():
    torch.manual_seed(0)
    block = ResidualBlock(3)
    x = torch.randn(1, 3, 5, 5)
    assert block.first.weight.std() < 0.06  # sqrt(2 / 27) = 0.27, a tenth of it
    torch.testing.assert_close(block(x) - x, block.second(block.first(x).clamp(min=0)))


def test_masked_block_mean_by_hand():
    values = torch.tensor([[1.0, 3, 9], [5, 7, 11], [2, 4, 8]])
    mask = torch.tensor([[True, True, False], [True, False, True], [False, False, True]])
    # (1 + 3 + 5) / 3, 11 of a block cut short, none valid, 8.
    expected = torch.tensor([[3.0, 11.0], [0.0, 8.0]])
    torch.testing.assert_close(masked_block_mean(values, mask, 2), expected)


def test_fill_nearest_against_all_distances():
    g = torch.Generator().manual_seed(0)
    for share in (0.05, 0.4, 0.9):
        values = torch.rand(1, 13, 17, generator=g)
        mask = torch.rand(1, 13, 17, generator=g) < share
        mask[0, 5, 5] = True
        filled = fill_nearest(torch.where(mask, values, torch.nan), mask)
        known = mask[0].nonzero()
        for y in range(13):
            for x in range(17):
                distance = ((known - torch.tensor([y, x])) ** 2).sum(1)
                near = known[distance == distance.min()]
                assert (filled[0, y, x] == values[0, near[:, 0], near[:, 1]]).any()


def test_fill_nearest_without_data_is_zero():
    nothing = torch.zeros(1, 3, 4, dtype=torch.bool)
    assert not fill_nearest(torch.full((1, 3, 4), 7.0), nothing).any()


def test_block_mean_of_a_constant_is_the_constant():
    fine = torch.randn(1, 2, 1, 16, 24)
    coarse = torch.full((1, 2, 1, 2, 3), 4.25)
    out = conserve(fine, coarse, torch.ones(1, 2, 16, 24, dtype=torch.bool))
    means = functional.avg_pool2d(out[:, :, 0], 8)
    torch.testing.assert_close(means, coarse[:, :, 0], atol=1e-5, rtol=0)


def test_conserve_is_computed_in_single_precision():
    fine = torch.randn(1, 1, 1, 8, 8).bfloat16()
    coarse = torch.full((1, 1, 1, 1, 1), 3.1415927)
    out = conserve(fine, coarse, torch.ones(1, 1, 8, 8, dtype=torch.bool))
    assert out.dtype == torch.float32
    assert out.mean().item() == pytest.approx(3.1415927, abs=1e-6)


def test_weights_survive_a_file(tmp_path):
    from safetensors.torch import load_file, save_file

    torch.manual_seed(0)
    network = AirSTFM(PAPER)
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    torch.manual_seed(1)
    other = AirSTFM(PAPER)
    other.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    coarse = torch.randn(1, 5, 1, 12, 12)
    with torch.inference_mode():
        one, two = (n.eval()(coarse, frames=[2]).mean for n in (network, other))
    assert torch.equal(one, two)


@pytest.mark.gpu
def test_a_gpu_gives_the_same_map():
    torch.manual_seed(0)
    network = AirSTFM().eval()
    coarse = torch.randn(1, 5, 1, 24, 20)
    with torch.inference_mode():
        here = network(coarse, frames=[2]).mean
        there = network.cuda()(coarse.cuda(), frames=[2]).mean.cpu()
    torch.testing.assert_close(here, there, atol=1e-3, rtol=1e-3)
