import math

import pytest
import torch
from torch.nn import functional

from engine.superresolution.networks.deformable import (
    DeformableConv,
    DeformablePack,
    PyramidAlignment,
    deformable_conv,
)
from engine.superresolution.networks.layers import warp


def case(b=2, c=4, out=3, h=4, w=5, groups=2, seed=0, reach=2.0):
    g = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    offsets = draw(b, 18 * groups, h, w) * reach
    strength = torch.rand(b, 9 * groups, h, w, generator=g, dtype=torch.float64)
    return draw(b, c, h, w), draw(out, c, 3, 3), draw(out), offsets, strength


def bilinear(plane, row, column):
    """One value between four cells, 0 beyond the map."""
    total = 0.0
    for i in (math.floor(row), math.floor(row) + 1):
        for j in (math.floor(column), math.floor(column) + 1):
            if 0 <= i < plane.shape[0] and 0 <= j < plane.shape[1]:
                share = (1 - abs(row - i)) * (1 - abs(column - j))
                total += share * plane[i, j].item()
    return total


def by_loop(x, weight, bias, offsets, strength):
    """The definition, sum by sum."""
    b, c, h, w = x.shape
    groups = strength.shape[1] // 9
    out = torch.zeros(b, len(weight), h, w, dtype=torch.float64)
    for n in range(b):
        for i in range(h):
            for j in range(w):
                for channel in range(c):
                    group = channel // (c // groups)
                    for tap in range(9):
                        at = group * 9 + tap
                        row = i - 1 + tap // 3 + offsets[n, 2 * at, i, j].item()
                        column = j - 1 + tap % 3 + offsets[n, 2 * at + 1, i, j].item()
                        seen = bilinear(x[n, channel], row, column)
                        seen *= strength[n, at, i, j].item()
                        out[n, :, i, j] += weight[:, channel, tap // 3, tap % 3] * seen
    return out + bias[:, None, None]


def test_no_move_and_full_strength_is_convolution():
    x, weight, bias, offsets, strength = case()
    found = deformable_conv(x, weight, bias, torch.zeros_like(offsets), torch.ones_like(strength))
    torch.testing.assert_close(
        found, functional.conv2d(x, weight, bias, padding=1), rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("size", [(4, 5), (1, 4), (3, 1), (1, 1)])
@pytest.mark.parametrize("groups", [1, 2, 4])
def test_equals_its_definition_moves_beyond_the_map_included(size, groups):
    given = case(b=1, h=size[0], w=size[1], groups=groups, reach=3.0, seed=groups)
    torch.testing.assert_close(deformable_conv(*given), by_loop(*given), rtol=0, atol=1e-12)


def test_gradient_of_every_argument():
    given = [z.requires_grad_() for z in case(b=1, c=2, out=2, h=3, w=3, groups=2, reach=0.7)]
    assert torch.autograd.gradcheck(deformable_conv, given)


def test_first_move_of_a_pair_is_along_rows():
    x = torch.zeros(1, 1, 5, 5, dtype=torch.float64)
    x[0, 0, 3, 2] = 1
    weight = torch.zeros(1, 1, 3, 3, dtype=torch.float64)
    weight[0, 0, 1, 1] = 1
    offsets = torch.zeros(1, 18, 5, 5, dtype=torch.float64)
    offsets[:, 8] = 1  # the middle tap looks one row further down
    found = deformable_conv(x, weight, None, offsets, torch.ones(1, 9, 5, 5, dtype=torch.float64))
    assert found[0, 0].nonzero().tolist() == [[2, 2]]


def test_planes_and_moves_that_do_not_belong_together_are_refused():
    x, weight, bias, offsets, strength = case()
    with pytest.raises(ValueError, match="18 moves and 9 strengths"):
        deformable_conv(x, weight, bias, offsets[:, :-2], strength)


def test_a_pack_at_first_is_half_a_convolution():
    torch.manual_seed(0)
    pack = DeformablePack(8, 4)
    x, features = torch.randn(2, 8, 6, 5), torch.randn(2, 8, 6, 5)
    expected = functional.conv2d(x, pack.conv.weight, padding=1) / 2
    torch.testing.assert_close(pack(x, features), expected, rtol=0, atol=1e-5)


def test_alignment_learns_to_undo_a_shift():
    torch.manual_seed(0)
    layer = DeformableConv(1, 1)
    x = functional.avg_pool2d(torch.randn(1, 1, 14, 14), 3, 1)
    target = x.roll(1, 3)  # what is here lay one column to the left
    offsets = torch.zeros(1, 18, 12, 12)
    offsets[:, 1::2] = -1
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0, 1, 1] = 1
    found = layer(x, offsets, torch.ones(1, 9, 12, 12))
    torch.testing.assert_close(found[..., 1:], target[..., 1:])


def test_the_pyramid_feels_every_level():
    torch.manual_seed(0)
    align = PyramidAlignment(4, 2)
    for p in align.parameters():
        p.data.add_(torch.randn_like(p) * 0.1)
    levels = [torch.randn(1, 4, 8 // 2**i, 12 // 2**i, requires_grad=True) for i in range(3)]
    reference = [torch.randn_like(z) for z in levels]
    align(levels, reference).square().sum().backward()
    assert all(z.grad.abs().sum() > 0 for z in levels)
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in align.parameters())


def test_places_are_exact_in_half_precision():
    torch.manual_seed(0)
    x = torch.randint(-4, 4, (1, 2, 3, 201)).to(torch.bfloat16)
    moves = torch.zeros(1, 2, 3, 201, dtype=torch.bfloat16)
    moves[:, 0] = 3
    torch.testing.assert_close(warp(x, moves)[..., :-3], x[..., 3:], rtol=0, atol=1e-3)
    weight = torch.zeros(2, 2, 3, 3, dtype=torch.bfloat16)
    weight[:, :, 1, 1] = torch.eye(2)
    offsets = torch.zeros(1, 18, 3, 201, dtype=torch.bfloat16)
    offsets[:, 1::2] = 3
    found = deformable_conv(x, weight, None, offsets, torch.ones(1, 9, 3, 201).to(x.dtype))
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found[..., :-3], x[..., 3:], rtol=0, atol=1e-3)
