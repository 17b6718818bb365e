import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.research.bench.unfolded import unfolded_attention
from engine.superresolution.networks.attention import (
    OrdinaryAttention,
    PatchAttention,
    window_attention,
)


@st.composite
def cases(draw):
    """Random maps, geometry and masks, and how the work is cut up."""
    patch = draw(st.integers(1, 6))
    stride = draw(st.integers(1, patch))
    h, w = draw(st.integers(1, 11)), draw(st.integers(1, 11))
    b, heads, d, e = (draw(st.integers(1, 2)) for _ in range(4))
    g = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    q, k = (torch.randn(b, heads, d, h, w, generator=g, dtype=torch.float64) for _ in range(2))
    v = torch.randn(b, heads, e, h, w, generator=g, dtype=torch.float64)
    gaps = draw(st.sampled_from([None, 0.0, 0.5, 0.95, 1.0]))
    mask = None if gaps is None else torch.rand(b, h, w, generator=g) >= gaps
    # Scores of hundreds leave no weight to any window but one, and overflow if not taken down.
    q = q * draw(st.sampled_from([1.0, 300.0]))
    options = {
        "patch": patch,
        "stride": stride,
        "radius": draw(st.sampled_from([None, 0, 2, 5])),
    }
    cut = {
        "whole": draw(st.booleans()),
        "weights": draw(st.sampled_from([None, 100, 1000])),
    }
    return (q, k, v), mask, options, cut


@settings(max_examples=60, deadline=None)
@given(cases())
def test_it_is_what_unfolding_gives(case):
    maps, mask, options, cut = case
    expected = unfolded_attention(*maps, mask, **options)
    torch.testing.assert_close(
        window_attention(*maps, mask, **options, **cut), expected, atol=1e-11, rtol=1e-9
    )


@settings(max_examples=25, deadline=None)
@given(cases())
def test_its_gradients_are_those_of_unfolding(case):
    maps, mask, options, cut = case
    weight = torch.linspace(-1, 1, maps[2].numel(), dtype=torch.float64).view(maps[2].shape)
    gradients = []
    for function, extra in ((window_attention, cut), (unfolded_attention, {})):
        inputs = [z.clone().requires_grad_() for z in maps]
        out = function(*inputs, mask, **options, **extra)
        gradients.append(torch.autograd.grad((out.sin() * weight).sum(), inputs))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-11, rtol=1e-9)


@pytest.mark.parametrize(("stride", "weights"), [(1, None), (1, 9000), (3, None)])
@pytest.mark.parametrize("loud", [1.0, 40.0])
def test_maps_of_many_rows(stride, weights, loud):
    """Larger than the steps in which rows, and stacks of rows, are worked on."""
    g = torch.Generator().manual_seed(1)
    maps = [torch.randn(1, 1, 3, 61, 13, generator=g, dtype=torch.float64) for _ in range(3)]
    maps[0] *= loud
    mask = torch.ones(1, 61, 13, dtype=torch.bool)
    mask[:, 5:17, :9] = False
    ours = window_attention(*maps, mask, patch=4, stride=stride, weights=weights)
    expected = unfolded_attention(*maps, mask, patch=4, stride=stride)
    torch.testing.assert_close(ours, expected, atol=1e-11, rtol=1e-9)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_gradcheck(whole, stride):
    g = torch.Generator().manual_seed(0)
    maps = [
        torch.randn(1, 2, 2, 6, 5, generator=g, dtype=torch.float64, requires_grad=True)
        for _ in range(3)
    ]
    mask = torch.ones(1, 6, 5, dtype=torch.bool)
    mask[:, :4, :3] = False
    assert torch.autograd.gradcheck(
        lambda *z: window_attention(*z, mask, patch=3, stride=stride, whole=whole),
        maps,
        fast_mode=True,
    )


def test_one_window_attends_to_itself():
    g = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(1, 1, 3, 4, 4, generator=g) for _ in range(3))
    torch.testing.assert_close(window_attention(q, k, v, patch=4), v)


def test_equal_keys_give_the_mean_window():
    # Weights are all 1/4 on windows of one cell: every cell gets the mean of the four values.
    v = torch.tensor([[1.0, 2.0], [3.0, 6.0]])[None, None, None]
    out = window_attention(torch.ones_like(v), torch.ones_like(v), v, patch=1)
    torch.testing.assert_close(out, torch.full_like(v, 3.0))


def test_a_map_without_data_keeps_its_values():
    g = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, 1, 3, 7, 6, generator=g) for _ in range(3))
    mask = torch.ones(2, 7, 6, dtype=torch.bool)
    mask[1] = False
    out = window_attention(q, k, v, mask, patch=3)
    torch.testing.assert_close(out[1], v[1])
    assert (out[0] - v[0]).abs().max() > 0.1


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_single(dtype, whole):
    """In rows, as on a processor, and whole, as on a GPU."""
    g = torch.Generator().manual_seed(0)
    maps = [torch.randn(1, 1, 4, 8, 9, generator=g).to(dtype) for _ in range(3)]
    out = window_attention(*maps, patch=3, whole=whole)
    assert out.dtype == dtype
    exact = window_attention(*(z.float() for z in maps), patch=3, whole=whole)
    assert torch.equal(out, exact.to(dtype))


def test_a_stride_that_leaves_gaps_is_refused():
    z = torch.zeros(1, 1, 1, 5, 5)
    with pytest.raises(ValueError, match=r"stride 4 outside 1\.\.3"):
        window_attention(z, z, z, patch=3, stride=4)


def test_the_layer_treats_heads_as_separate_channels():
    """Two heads of two channels against two layers' worth of attention by hand."""
    torch.manual_seed(0)
    layer = PatchAttention(4, patch=3, heads=2)
    x = torch.randn(2, 3, 4, 6, 7)
    q, k, v = (
        torch.stack([conv(frame) for frame in x.unbind(1)], 1)  # (b, t, c, h, w)
        for conv in (layer.query, layer.key, layer.value)
    )
    halves = []
    for half in (slice(0, 2), slice(2, 4)):
        flat = [z[:, :, half].reshape(2, 1, 6, 6, 7) for z in (q, k, v)]
        halves.append(unfolded_attention(*flat, patch=3).view(2, 3, 2, 6, 7))
    joined = torch.cat(halves, 2)
    expected = torch.stack([x[:, t] + layer.out(joined[:, t]) for t in range(3)], 1)
    expected = torch.where(expected > 0, expected, 0.1 * expected)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(layer(x, None, (2, 0)), expected[:, [2, 0]], atol=1e-5, rtol=1e-5)


def test_ordinary_attention_by_hand():
    """Against a loop over patches of every frame."""
    torch.manual_seed(0)
    layer = OrdinaryAttention(2, patch=3)
    x = torch.randn(1, 2, 2, 6, 3)
    q, k, v = (conv(x[0]) for conv in (layer.query, layer.key, layer.value))  # (t, c, 6, 3)
    places = [(t, y) for t in range(2) for y in (0, 3)]
    seen = torch.zeros_like(v)
    for t, y in places:
        scores = torch.stack([(q[t, :, y : y + 3] * k[u, :, z : z + 3]).sum() for u, z in places])
        weights = (scores / 18**0.5).softmax(0)
        for weight, (u, z) in zip(weights, places, strict=True):
            seen[t, :, y : y + 3] += weight * v[u, :, z : z + 3]
    expected = x[0] + layer.out(seen)
    expected = torch.where(expected > 0, expected, 0.1 * expected)
    torch.testing.assert_close(layer(x)[0], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.gpu
@pytest.mark.parametrize("stride", [1, 3])
def test_a_gpu_gives_the_same(stride):
    g = torch.Generator().manual_seed(0)
    maps = [torch.randn(2, 1, 8, 30, 25, generator=g, requires_grad=True) for _ in range(3)]
    on = [z.detach().cuda().requires_grad_() for z in maps]
    one, two = (window_attention(*z, patch=10, stride=stride) for z in (maps, on))
    torch.testing.assert_close(one, two.cpu(), atol=1e-4, rtol=1e-4)
    pairs = zip(
        torch.autograd.grad(one.sin().sum(), maps),
        torch.autograd.grad(two.sin().sum(), on),
        strict=True,
    )
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs.cpu(), atol=1e-4, rtol=1e-3)
