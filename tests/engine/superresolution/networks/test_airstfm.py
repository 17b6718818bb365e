from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from engine.superresolution.networks.airstfm import PAPER, SMALL, AirSTFM, AirSTFMConfig, preset

TINY = replace(
    SMALL,
    channels=4,
    heads=2,
    extraction_blocks=1,
    reconstruction_blocks=1,
    reconstruction_channels=8,
    tail_channels=8,
    pretext_depth=1,
    flow_blocks=1,
    patch=4,
    flow_levels=2,
    flow_widths=(4,),
)


def count(config):
    return sum(p.numel() for p in AirSTFM(config).parameters())


def awake(config, seed=0):
    """A network whose zero-initialised layers do something."""
    torch.manual_seed(seed)
    network = AirSTFM(config).eval()
    with torch.no_grad():
        for p in network.parameters():
            p.add_(torch.randn_like(p) * 0.05)
    return network


def case(h=9, w=11, b=1, t=5, seed=1, gaps=0.0, factor=8):
    g = torch.Generator().manual_seed(seed)
    coarse = torch.randn(b, t, 1, h, w, generator=g)
    fine_mask = torch.rand(b, 1, h * factor, w * factor, generator=g) >= gaps
    fine_mask[..., : 8 * int(gaps * h), :] = False
    mask = functional.max_pool2d(fine_mask.float(), factor) > 0
    return coarse, mask, fine_mask


# Against the specification's table of stages, and sums of the layers' own sizes by hand.
PARAMETERS = {
    "defaults": ({}, 4_643_534),
    "mask plane": ({"mask_plane": True}, 4_643_822),
    "one flow plane": ({"flow_planes": 1}, 4_605_902),
    "ordinary attention": ({"attention": False}, 4_643_534 - 36_992 + 4 * (32 * 32 + 32)),
    "connected": (
        {"flow": False},
        4_643_534 - 1_440_300 - 148_512 + (32 * 128 + 128) + (128 * 32 + 32),
    ),
    "no pretext": ({"pretext": False}, 4_643_534 - 210_113),
    "concat": ({"fusion": "concat"}, 4_643_534 + 64 * 32 * 9 + 32),
    "concat after": ({"fusion": "concat", "fusion_place": "after"}, 4_643_534 + 18_464),
    "after": ({"fusion_place": "after"}, 4_643_534),
    "extraction 3": ({"extraction_blocks": 3}, 4_643_534 - 2 * 18_496),
    "extraction 10": ({"extraction_blocks": 10}, 4_643_534 + 5 * 18_496),
    "reconstruction 10": ({"reconstruction_blocks": 10}, 4_643_534 - 20 * 73_856),
    "reconstruction 50": ({"reconstruction_blocks": 50}, 4_643_534 + 20 * 73_856),
    "3 frames": ({"frames": 3}, 4_643_534 - 2 * (32 * 32 + 32)),
    "7 frames": ({"frames": 7}, 4_643_534 + 2 * (32 * 32 + 32)),
    "stride 10": ({"stride": 10}, 4_643_534),
    "no skip": ({"global_skip": False}, 4_643_534),
    "conserve": ({"conserve": True}, 4_643_534),
    "log scale": ({"log_scale": True}, 4_643_534 + 64 * 9 + 1),
    "guide fine": ({"guide": 2}, 4_643_534 + (2 * 16 * 9 + 16) + (16 * 64 * 9 + 64)),
    "guide coarse": ({"guide": 2, "guide_at": "coarse"}, 4_643_534 + 128 * 64 * 9 + 64),
}


@pytest.mark.parametrize(("changes", "expected"), PARAMETERS.values(), ids=PARAMETERS)
def test_parameters_of_every_switch(changes, expected):
    assert count(replace(PAPER, **changes)) == expected


def test_channels_16_and_64_shrink_and_grow():
    assert count(replace(PAPER, channels=16)) < 4_643_534 < count(replace(PAPER, channels=64))


SWITCHES = [
    {},
    {"mask_plane": True},
    {"attention": False},
    {"flow": False},
    {"pretext": False},
    {"fusion": "concat"},
    {"fusion": "concat", "fusion_place": "after"},
    {"fusion_place": "after"},
    {"stride": 3},
    {"stride": 4},
    {"conserve": True},
    {"guide": 2},
    {"guide": 2, "guide_at": "coarse"},
    {"guide": 2, "guide_at": "both"},
    {"log_scale": True},
    {"frames": 3},
    {"frames": 7},
]


def run(network, coarse, mask, fine_mask=None, **options):
    k = network.config.guide
    b, _, _, h, w = coarse.shape
    g = torch.Generator().manual_seed(5)
    guide = torch.randn(b, 1, k, 8 * h, 8 * w, generator=g) if k else None
    return network(coarse, mask, fine_mask=fine_mask, guide=guide, **options)


@pytest.mark.parametrize("changes", SWITCHES, ids=str)
def test_what_lies_under_no_data_changes_nothing(changes):
    network = awake(replace(TINY, **changes))
    coarse, mask, fine_mask = case(t=network.config.frames, gaps=0.5)
    other = torch.where(mask[:, :, None], coarse, -1e6)
    with torch.inference_mode():
        one, two = (run(network, z, mask, fine_mask) for z in (coarse, other))
    assert not mask.all()
    assert torch.isfinite(one.mean).all()
    assert one.mean.abs().sum() > 0
    assert torch.equal(one.mean, two.mean)
    assert (one.mean[(~fine_mask).expand_as(one.mean[:, :, 0])[:, :, None]] == 0).all()


@pytest.mark.parametrize("changes", SWITCHES, ids=str)
def test_decoding_some_frames_is_decoding_all(changes):
    network = awake(replace(TINY, **changes))
    coarse, mask, _ = case(t=network.config.frames, b=2)
    with torch.inference_mode():
        every = run(network, coarse, mask)
        some = run(network, coarse, mask, frames=(2, 0))
    torch.testing.assert_close(some.mean, every.mean[:, [2, 0]], atol=1e-5, rtol=1e-5)
    assert (some.log_scale is None) == (not network.config.log_scale)
    if network.config.pretext:
        assert some.pretext.shape == coarse.shape


@pytest.mark.parametrize("changes", SWITCHES, ids=str)
def test_gradient_reaches_every_part(changes):
    network = awake(replace(TINY, **changes)).train()
    coarse, mask, fine_mask = case(t=network.config.frames, gaps=0.2)
    fine = run(network, coarse, mask, fine_mask)
    loss = (fine.mean**2).mean()
    if fine.pretext is not None:
        loss = loss + (fine.pretext**2).mean()
    if fine.log_scale is not None:
        loss = loss + (fine.log_scale**2).mean()
    loss.backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # The softmax does not see a constant added to all keys' scores.
    assert [n for n in silent if n != "attention.key.bias"] == []


def test_zero_head_gives_the_bilinear_map():
    network = awake(TINY)
    for p in network.tail.last.parameters():
        torch.nn.init.zeros_(p)
    coarse, mask, _ = case()
    expected = functional.interpolate(coarse[:, :, 0], scale_factor=8, mode="bilinear")
    with torch.inference_mode():
        torch.testing.assert_close(network(coarse, mask).mean[:, :, 0], expected)


def test_a_base_takes_the_place_of_the_bilinear_map():
    network = awake(TINY)
    coarse, mask, _ = case()
    bilinear = functional.interpolate(coarse[:, :, 0], scale_factor=8, mode="bilinear")[:, :, None]
    base = torch.randn_like(bilinear)
    with torch.inference_mode():
        plain = network(coarse, mask).mean
        based = network(coarse, mask, base=base).mean
    torch.testing.assert_close(based - base, plain - bilinear, atol=1e-5, rtol=1e-5)


@settings(max_examples=10, deadline=None)
@given(st.integers(4, 9), st.integers(4, 9), st.floats(0, 0.7), st.integers(0, 99))
def test_block_means_are_exact(h, w, gaps, seed):
    network = awake(replace(TINY, conserve=True, pretext=False), seed)
    coarse, mask, fine_mask = case(h, w, seed=seed, gaps=gaps)
    with torch.inference_mode():
        fine = network(coarse, mask, fine_mask=fine_mask).mean[:, :, 0].double()
    # The mean over valid cells, by its definition and cell by cell.
    weight = fine_mask.expand_as(fine).double()
    total = functional.avg_pool2d(fine * weight, 8) * 64
    number = functional.avg_pool2d(weight, 8) * 64
    kept = mask.expand_as(number)
    mean, std = 40.0, 30.0  # exact in normalised units is exact in ug m-3
    block = (total / number.clamp(min=1))[kept] * std + mean
    torch.testing.assert_close(
        block, coarse[:, :, 0].double()[kept] * std + mean, atol=1e-4, rtol=1e-5
    )


def test_frames_and_planes_are_checked():
    network = AirSTFM(TINY)
    coarse, _mask, _ = case()
    with pytest.raises(ValueError, match="3 frames given; this network takes 5"):
        network(coarse[:, :3])
    with pytest.raises(ValueError, match=r"frames \(5,\) outside 0..4"):
        network(coarse, frames=[5])
    with pytest.raises(ValueError, match="2 guidance planes given; this network takes 0"):
        network(coarse, guide=torch.zeros(1, 1, 2, 72, 88))
    with pytest.raises(ValueError, match="no preset 'big'; choose from paper, small"):
        preset("big")
    with pytest.raises(ValueError, match="stride 11 leaves gaps"):
        AirSTFMConfig(stride=11)
    with pytest.raises(ValueError, match="heads=0; choose at least 1"):
        AirSTFMConfig(heads=0)
    with pytest.raises(ValueError, match="3 heads do not divide 32"):
        AirSTFM(AirSTFMConfig(heads=3))
    with pytest.raises(ValueError, match=r"std=0.0; choose more than 0"):
        AirSTFMConfig(std=0.0)


def test_it_can_learn_one_window_by_heart():
    torch.manual_seed(0)
    network = AirSTFM(replace(TINY, conserve=True))
    fine = torch.randn(1, 5, 64, 64).cumsum(-1).cumsum(-2)
    fine = (fine - fine.mean()) / fine.std()
    coarse = functional.avg_pool2d(fine, 8)[:, :, None]
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = ((network(coarse).mean[:, :, 0] - fine) ** 2).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("changes", [{}, {"flow": False}, {"attention": False}])
def test_quiet_branches_add_nothing_at_first_and_can_learn(changes):
    plain = replace(SMALL, extraction_blocks=0, reconstruction_blocks=0, **changes)
    torch.manual_seed(0)
    loud = AirSTFM(plain)
    torch.manual_seed(0)
    quiet = AirSTFM(replace(plain, quiet_start=True))
    count = [sum(p.numel() for p in network.parameters()) for network in (loud, quiet)]
    assert count[0] == count[1]
    x = torch.randn(1, 5, 1, 10, 10)
    moved = x.clone()
    moved[:, :2] += 1  # neighbours of the frame wanted, and all that pretext sees
    assert not torch.equal(*(loud(z, frames=(2,)).mean for z in (x, moved)))
    assert torch.equal(*(quiet(z, frames=(2,)).mean for z in (x, moved)))
    quiet(x, frames=(2,)).mean.square().sum().backward()
    ends = ("attention.out", "feed_forward.mix", "pretext.after.2")
    for name in ends if plain.flow else (*ends[::2], "feed_forward.2"):
        gradient = quiet.get_submodule(name).get_parameter("weight").grad
        assert gradient is not None
        assert gradient.abs().max() > 0


def test_the_paper_s_preset_starts_as_it_always_did():
    assert not PAPER.quiet_start
    assert PAPER.static_fields == ()
