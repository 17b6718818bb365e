"""What holds for every network that AirSTFM is compared with, and what each has of its own."""

from dataclasses import asdict, replace

import pytest
import torch
from safetensors.torch import load, save
from torch.nn import functional

from engine.superresolution.networks.basicvsr import carried
from engine.superresolution.networks.basicvsrpp import BasicVSRpp, SecondOrderAlignment
from engine.superresolution.networks.initialisation import keep_signal
from engine.superresolution.networks.layers import ConvResidualBlocks, upsample_bilinear, warp
from engine.superresolution.networks.mana import CrossFrameAttention, distance_weights
from engine.superresolution.networks.masking import masked_block_mean
from engine.superresolution.networks.networks import NETWORKS, from_fields, from_preset
from engine.superresolution.networks.tiling import tiled
from engine.superresolution.networks.urbanfm import UrbanFM
from engine.superresolution.networks.video import VideoConfig, around, padded_to

SLIM = {"flow_levels": 2, "flow_planes": 1, "flow_widths": (4,), "flow_kernel": 3}
TINY = {
    "urbanfm": {"channels": 8, "blocks": 1},
    "edvr": {"channels": 8, "extractor_blocks": 1, "blocks": 1, "groups": 2},
    "basicvsr": {"channels": 8, "blocks": 1, **SLIM},
    "iconvsr": {"channels": 8, "blocks": 1, "extractor_blocks": 1, "groups": 2, **SLIM},
    "basicvsrpp": {
        "channels": 8,
        "blocks": 1,
        "extractor_blocks": 1,
        "reconstruction_blocks": 1,
        "groups": 4,
        **SLIM,
    },
    "mana": {"channels": 8, "blocks": 1, "extractor_blocks": 1, "slots": 5},
}
ALL = tuple(TINY)
VIDEO = tuple(name for name in ALL if name != "urbanfm")


def tiny(name, awake=True, **changes):
    torch.manual_seed(0)
    network = from_preset(name, "small", **({"tail_channels": 8} | TINY[name] | changes)).eval()
    if awake:
        with torch.no_grad():
            for p in network.parameters():
                p.add_(torch.randn_like(p) * 0.05)
    return network


def case(name, h=5, w=6, b=1, gaps=0.0, seed=1):
    g = torch.Generator().manual_seed(seed)
    t = 1 if name == "urbanfm" else 5
    coarse = torch.randn(b, t, 1, h, w, generator=g)
    fine_mask = torch.rand(b, 1, 8 * h, 8 * w, generator=g) >= gaps
    fine_mask[..., : 8 * int(gaps * h), :] = False
    mask = functional.max_pool2d(fine_mask.float(), 8) > 0
    return coarse, mask, fine_mask


# The specification's table; three of them are the AirSTFM paper's own numbers.
PARAMETERS = {
    "airstfm": 4_643_534,
    "urbanfm": 6_673_665,
    "edvr": 3_445_537,
    "basicvsr": 4_219_885,
    "iconvsr": 6_622_413,
    "basicvsrpp": 7_468_333,
    "mana": 1_137_714,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters_of_the_paper_preset(name):
    with torch.device("meta"):
        network = NETWORKS[name].network(NETWORKS[name].presets["paper"])
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name]


def test_edvr_without_attention():
    assert sum(p.numel() for p in from_preset("edvr", attention=False).parameters()) == 3_141_665


@pytest.mark.parametrize("name", ALL)
def test_small_weights_stay_below_five_megabytes(name):
    network = from_preset(name, "small")
    assert sum(z.numel() * z.element_size() for z in network.state_dict().values()) < 5e6


@pytest.mark.parametrize("name", ALL)
def test_shapes_and_frames_alone_or_together(name):
    network = tiny(name)
    coarse, _, _ = case(name, b=2)
    whole = network(coarse).mean
    assert whole.shape == (2, coarse.shape[1], 1, 40, 48)
    assert whole.isfinite().all()
    for i in range(coarse.shape[1]):
        torch.testing.assert_close(network(coarse, frames=[i]).mean[:, 0], whole[:, i])


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("size", [(1, 1), (2, 7), (9, 3)])
def test_any_size_of_map(name, size):
    coarse, mask, fine_mask = case(name, *size)
    found = tiny(name)(coarse, mask, fine_mask=fine_mask).mean
    assert found.shape[-2:] == (8 * size[0], 8 * size[1])
    assert found.isfinite().all()


@pytest.mark.parametrize("name", VIDEO)
def test_a_head_of_zeros_gives_the_bilinear_map_or_the_base(name):
    network = tiny(name)
    torch.nn.init.zeros_(network.tail.last.weight)
    torch.nn.init.zeros_(network.tail.last.bias)
    coarse, _, _ = case(name)
    torch.testing.assert_close(network(coarse).mean, upsample_bilinear(coarse))
    base = torch.randn(1, 1, 1, 40, 48)
    torch.testing.assert_close(network(coarse, base=base, frames=[2]).mean, base)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("changes", [{}, {"mask_plane": True}], ids=["", "mask plane"])
def test_what_lies_under_no_data_is_never_seen(name, changes):
    network = tiny(name, **changes)
    coarse, mask, fine_mask = case(name, gaps=0.5)
    found = network(coarse, mask, fine_mask=fine_mask).mean
    hidden = torch.where(mask[:, :, None], coarse, 1e4)
    assert torch.equal(network(hidden, mask, fine_mask=fine_mask).mean, found)
    assert found.isfinite().all()
    assert (found[:, :, 0][~fine_mask.expand(found[:, :, 0].shape)] == 0).all()
    nothing = torch.zeros_like(mask)
    assert network(coarse, nothing).mean.isfinite().all()


@pytest.mark.parametrize("name", VIDEO)
def test_block_means_are_exact_where_asked(name):
    coarse, mask, fine_mask = case(name, gaps=0.4)
    network = tiny(name, conserve=True)
    fine = network(coarse, mask, fine_mask=fine_mask).mean[:, :, 0]
    means = masked_block_mean(fine, fine_mask.expand(fine.shape), 8)
    torch.testing.assert_close(means, torch.where(mask, coarse[:, :, 0], 0), rtol=0, atol=1e-5)
    assert fine.std() > 0.1


@pytest.mark.parametrize("name", ALL)
def test_gradient_reaches_every_part(name):
    network = tiny(name).train()
    coarse, mask, fine_mask = case(name, b=2, gaps=0.2)
    network(coarse, mask, fine_mask=fine_mask).mean.square().sum().backward()
    unreached = [
        n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    ]
    # A bias right before a norm cannot matter: the norm takes the mean away.
    assert [n for n in unreached if name != "urbanfm" or not n.endswith("bias")] == []


@pytest.mark.parametrize("name", ALL)
def test_learns_one_case(name):
    torch.manual_seed(0)
    network = tiny(name, awake=False).train()
    coarse, _, _ = case(name, h=3, w=3)
    target = upsample_bilinear(coarse) + 0.3 * torch.randn(coarse.shape[1], 1, 24, 24)
    wanted = [coarse.shape[1] // 2]
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    losses = []
    for _ in range(12):
        loss = (network(coarse, frames=wanted).mean - target[:, wanted]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.98 * losses[0]


@pytest.mark.parametrize("name", ALL)
def test_saved_and_loaded_it_answers_the_same(name):
    network = tiny(name)
    coarse, mask, fine_mask = case(name, gaps=0.3)
    other = from_fields(name, asdict(network.config)).eval()
    other.load_state_dict(load(save(network.state_dict())))
    first, second = (z(coarse, mask, fine_mask=fine_mask).mean for z in (network, other))
    assert torch.equal(first, second)


@pytest.mark.parametrize("name", VIDEO)
def test_tiles_are_the_whole(name):
    network = tiny(name)
    coarse, mask, fine_mask = case(name, h=7, w=9, gaps=0.2)
    with torch.inference_mode():
        whole = network(coarse, mask, fine_mask=fine_mask, frames=[2]).mean
    parts = tiled(network, coarse, mask, fine_mask=fine_mask, frames=[2], tile=3).mean
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [n for n in VIDEO if n != "mana"])
def test_every_frame_is_seen(name):
    network = tiny(name)
    coarse, _, _ = case(name)
    found = network(coarse, frames=[2]).mean
    for i in range(5):
        changed = coarse.clone()
        changed[:, i] += 1
        assert not torch.allclose(network(changed, frames=[2]).mean, found, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n, x: n(x[:, :3]), "3 frames given; this network takes 5"),
        (lambda n, x: n(x, frames=[5]), "outside 0..4"),
        (lambda n, x: n(x, guide=torch.zeros(1, 1, 1, 40, 48)), "takes none"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(tiny("basicvsr"), case("basicvsr")[0])


def test_configurations_that_cannot_be_built_are_refused():
    with pytest.raises(ValueError, match="channels=0; choose at least 1"):
        VideoConfig(channels=0)
    with pytest.raises(ValueError, match=r"std=0\.0"):
        VideoConfig(std=0.0)
    with pytest.raises(ValueError, match="groups=3"):
        replace(NETWORKS["basicvsrpp"].presets["small"], groups=3)
    with pytest.raises(ValueError, match="channels=7"):
        replace(NETWORKS["mana"].presets["small"], channels=7)
    with pytest.raises(ValueError, match="no network 'x'"):
        from_preset("x")
    with pytest.raises(ValueError, match="no preset 'x'; choose from paper, small"):
        from_preset("mana", "x")


# --- what each has of its own


def test_windows_are_mirrored_at_the_ends():
    assert [around(i, 5) for i in (0, 1, 2, 4)] == [
        [2, 1, 0, 1, 2],
        [1, 0, 1, 2, 3],
        [0, 1, 2, 3, 4],
        [2, 3, 4, 3, 2],
    ]


def test_sides_are_mirrored_up_to_multiples():
    x = torch.arange(6.0).expand(1, 1, 1, 4, 6)
    assert padded_to(x, 4)[0, 0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 4, 3]
    assert padded_to(x[..., :4], 4).shape == (1, 1, 1, 4, 4)
    # One row cannot be mirrored.
    assert padded_to(x[..., :1, :], 4)[0, 0, 0, 3].tolist() == [0, 1, 2, 3, 4, 5, 5, 5]


def test_urbanfm_shares_out_exactly_the_mean_and_nothing_below_zero():
    network = tiny("urbanfm", mean=40.0, std=30.0)
    coarse, mask, fine_mask = case("urbanfm", gaps=0.5)
    coarse = coarse.clamp(min=-40 / 30)
    fine = network(coarse, mask, fine_mask=fine_mask).mean * 30 + 40
    means = masked_block_mean(fine[:, :, 0], fine_mask, 8)
    wanted = torch.where(mask, coarse[:, :, 0] * 30 + 40, 0)
    torch.testing.assert_close(means, wanted, rtol=1e-3, atol=1e-3)
    assert (fine[:, :, 0][fine_mask] >= 0).all()


def test_urbanfm_keeps_the_pattern_of_a_base_when_shares_are_flat():
    network = tiny("urbanfm", mean=0.0, std=1.0)
    torch.nn.init.zeros_(network.last.weight)
    coarse = torch.full((1, 1, 1, 1, 1), 2.0)
    base = torch.rand(1, 1, 1, 8, 8)
    expected = base * 2 / base.mean()
    torch.testing.assert_close(network(coarse, base=base).mean, expected, rtol=1e-3, atol=1e-3)


def test_basicvsr_passes_follow_their_definition():
    torch.manual_seed(0)
    blocks = ConvResidualBlocks(1 + 4, 4, 1)
    x, flows = torch.randn(1, 3, 1, 5, 4), torch.randn(1, 2, 2, 5, 4)
    found = carried(blocks, [x], flows, range(2, -1, -1), 4)
    third = blocks(torch.cat((x[:, 2], torch.zeros(1, 4, 5, 4)), 1))
    second = blocks(torch.cat((x[:, 1], warp(third, flows[:, 1])), 1))
    first = blocks(torch.cat((x[:, 0], warp(second, flows[:, 0])), 1))
    for i, expected in enumerate((first, second, third)):
        torch.testing.assert_close(found[i], expected)


def test_iconvsr_mixes_key_frames_in_after_warping():
    torch.manual_seed(0)
    blocks, refill = ConvResidualBlocks(1 + 4, 4, 1), torch.nn.Conv2d(8, 4, 1)
    x, flows = torch.randn(1, 2, 1, 5, 4), torch.randn(1, 1, 2, 5, 4)
    key = {1: torch.randn(1, 4, 5, 4)}
    found = carried(blocks, [x], flows, range(2), 4, key, refill)
    state = refill(torch.cat((warp(found[0], flows[:, 0]), key[1]), 1))
    torch.testing.assert_close(found[1], blocks(torch.cat((x[:, 1], state), 1)))


def test_second_order_alignment_looks_where_the_flows_point():
    torch.manual_seed(0)
    align = SecondOrderAlignment(4, 4)
    with torch.no_grad():  # the middle tap of each plane, as it is
        align.conv.weight.zero_()
        align.conv.weight[:, :, 1, 1] = torch.cat((torch.eye(4), torch.eye(4)), 1)
    states = torch.randn(1, 4, 6, 5), torch.randn(1, 4, 6, 5)
    flows = torch.randn(1, 2, 6, 5), torch.randn(1, 2, 6, 5)
    found = align(torch.randn(1, 4, 6, 5), states, flows)
    # Nothing is moved away from the flows at first, and every tap has strength 1/2.
    expected = (warp(states[0], flows[0]) + warp(states[1], flows[1])) / 2
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_basicvsrpp_composes_flows_over_two_frames(monkeypatch):
    network = tiny("basicvsrpp")
    assert isinstance(network, BasicVSRpp)
    given = []

    def spy(here, states, flows):
        given.append(flows)
        return torch.zeros_like(here)

    for alignment in network.alignments:
        monkeypatch.setattr(alignment, "forward", spy)
    flows = torch.randn(4, 1, 2, 5, 6)
    features = [torch.randn(1, 8, 5, 6)] * 5
    network._carried(0, [features], flows.unbind(0), range(4, -1, -1))
    assert len(given) == 4
    assert torch.equal(given[0][1], torch.zeros(1, 2, 5, 6))
    torch.testing.assert_close(given[1][1], flows[2] + warp(flows[3], flows[2]))
    torch.testing.assert_close(given[3][1], flows[0] + warp(flows[1], flows[0]))


def test_mana_distances_are_those_between_cells():
    whole = distance_weights(0, 12, 12, 4, torch.tensor(1.5))
    for i in range(12):
        for j in range(12):
            squared = (i // 4 - j // 4) ** 2 + (i % 4 - j % 4) ** 2
            expected = torch.exp(torch.tensor(-squared / (2 * 1.5**2)))
            torch.testing.assert_close(whole[i, j], expected)
    torch.testing.assert_close(distance_weights(5, 3, 12, 4, torch.tensor(1.5)), whole[5:8])


def test_mana_attends_as_its_equation_says_in_chunks_or_not(monkeypatch):
    torch.manual_seed(0)
    look = CrossFrameAttention(8, 3, 2.0).eval()
    for p in (look.out.weight, look.out.bias):
        torch.nn.init.normal_(p)
    frames = torch.randn(1, 3, 8, 4, 5)
    valid = torch.ones(1, 3, 4, 5, dtype=torch.bool)
    valid[:, 1, 0] = False
    with torch.no_grad():
        normal = look.norm(frames[0])
        query = look.phi(normal[1:2])[0].flatten(1)
        parts = []
        for i in range(3):
            key, value = (f(normal[i : i + 1])[0].flatten(1) for f in (look.theta, look.value))
            open_cells = valid[0, i].flatten()
            score = (query.T @ key)[:, open_cells].softmax(-1)
            near = distance_weights(0, 20, 20, 5, look.reach)[:, open_cells]
            parts.append((score * near) @ value[:, open_cells].T)
        expected = look.out(torch.cat(parts, 1).T.reshape(1, -1, 4, 5))
        whole, _ = look(frames, valid)
        monkeypatch.setattr("engine.superresolution.networks.mana.SCORES", 60)
        chunks, _ = look(frames, valid)
    torch.testing.assert_close(whole, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(chunks, whole, rtol=1e-4, atol=1e-5)


def test_mana_gradient_is_the_same_when_scores_are_computed_again():
    torch.manual_seed(0)
    look = CrossFrameAttention(8, 1, 2.0).double()
    queries, keys, values = (
        torch.randn(s, dtype=torch.float64, requires_grad=True)
        for s in ((1, 6, 4), (1, 4, 6), (1, 4, 6))
    )
    invalid = torch.zeros(1, 6, dtype=torch.bool)
    assert torch.autograd.gradcheck(
        lambda q, k, v: look._look(q, k, v, invalid, 0, 3), (queries, keys, values)
    )


def test_urbanfm_is_one_frame_at_a_time():
    assert isinstance(tiny("urbanfm"), UrbanFM)
    network = tiny("urbanfm")
    x = torch.randn(1, 3, 1, 4, 4)
    torch.testing.assert_close(network(x).mean[:, 1:2], network(x[:, 1:2]).mean)


@pytest.mark.parametrize("name", VIDEO)
def test_what_changes_in_the_data_reaches_the_last_layer(name):
    torch.manual_seed(0)
    tail = from_preset(name, "small").tail
    seen = {}
    tail.last.register_forward_pre_hook(lambda _, given: seen.update(x=given[0]))
    features = torch.randn(4, tail.stages[0].in_channels, 4, 4)

    def reach():
        tail(features)
        return (seen["x"] - seen["x"].mean(0)).std().item()

    before = reach()
    keep_signal(tail)
    after = reach()
    assert before < 0.1 < 0.3 < after < 2.5
    assert all(bool((stage.bias == 0).all()) for stage in tail.stages)


def test_flow_identity_and_zeros_are_left_as_they_are():
    network = from_preset("basicvsrpp", "small")
    torch.nn.init.zeros_(network.tail.last.weight)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    keep_signal(network)
    changed = {n for n, value in network.state_dict().items() if not torch.equal(value, before[n])}
    assert not [n for n in changed if n.startswith("spynet") or n.startswith("tail.last")]
    assert not [n for n in changed if ".last." in n]  # offsets of the alignment
    assert not [n for n in changed if n.startswith("passes.0.2")]  # residual blocks
    assert {"tail.head.weight", "passes.0.0.weight", "alignments.0.conv.weight"} <= changed


def test_all_key_frames_at_once_are_key_frames_one_by_one():
    network = tiny("iconvsr")
    x = torch.randn(2, 5, 1, 8, 8)
    windows = torch.stack([x[:, around(i, 5)] for i in (0, 4)])
    together = network.extractor(windows.flatten(0, 1))
    alone = [network.extractor(x[:, around(i, 5)]) for i in (0, 4)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)
