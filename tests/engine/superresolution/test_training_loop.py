import math
from dataclasses import replace

import pytest
import torch
from training_worlds import SHORT, stripes, tiny

from engine.core.errors import StorageError
from engine.superresolution import loop
from engine.superresolution.loop import train, validate
from engine.superresolution.training_config import TrainingConfig
from engine.training import state
from engine.training.curve import picture


def run(folder, config=SHORT, network=None, **options):
    network = network or tiny()
    predicted = train(config, network, 5, (stripes(),), (stripes(4, seed=1),), folder, **options)
    return network.state_dict(), predicted


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns(tmp_path):
    network = tiny()
    validation = (stripes(4, seed=1),)
    before = validate(network, validation, 5, torch.device("cpu"))
    config = replace(SHORT, steps=90, check_every=30, learning_rate=1e-2)
    _, predicted = run(tmp_path, config, network)
    after = validate(network, validation, 5, torch.device("cpu"))
    # The bilinear map that it starts from is off by half the difference of neighbours and more.
    assert after < 0.85 * before
    assert after == pytest.approx(predicted.best, rel=1e-6)


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(tmp_path):
    first, _ = run(tmp_path / "a")
    again, _ = run(tmp_path / "b")
    other, _ = run(tmp_path / "c", replace(SHORT, seed=1))
    assert same(first, again)
    assert not same(first, other)


def test_mixed_precision_learns_much_the_same(tmp_path):
    exact, whole = run(tmp_path / "exact")
    half, mixed = run(tmp_path / "mixed", replace(SHORT, mixed_precision=True))
    assert not same(exact, half)
    assert all(value.dtype == exact[name].dtype for name, value in half.items())
    assert mixed.best == pytest.approx(whole.best, rel=0.05)


@pytest.mark.parametrize("stop_at", [1, 3, 4, 5, 9, 14])
def test_stopped_and_resumed_equals_uninterrupted(tmp_path, stop_at):
    whole, predicted = run(tmp_path / "whole")
    steps = iter(range(100))
    _, halted = run(tmp_path / "halves", cancelled=lambda: next(steps) >= stop_at)
    assert not halted.over
    resumed, finished = run(tmp_path / "halves")
    assert same(whole, resumed)
    assert finished.best == predicted.best
    times = {"seconds"}
    assert [{k: v for k, v in row.items() if k not in times} for row in finished.curve] == [
        {k: v for k, v in row.items() if k not in times} for row in predicted.curve
    ]


def test_a_finished_run_is_not_trained_again(tmp_path):
    first, _ = run(tmp_path)
    again, predicted = run(tmp_path, progress=lambda share, doing: pytest.fail("it went on"))
    assert predicted.over
    assert same(first, again)


def test_the_pretext_stage_trains_the_pretext_network_alone(tmp_path):
    before = tiny().state_dict()
    steps = iter(range(100))
    after, predicted = run(tmp_path, cancelled=lambda: next(steps) >= SHORT.pretext_steps)
    assert (predicted.stage, predicted.step) == ("whole", 0)
    for name, value in after.items():
        assert torch.equal(value, before[name]) != name.startswith("pretext.")


def test_the_flow_network_rests_until_it_is_thawed(tmp_path):
    before = tiny().state_dict()
    steps = iter(range(100))
    last = SHORT.pretext_steps + SHORT.flow_frozen
    frozen, _ = run(tmp_path / "a", cancelled=lambda: next(steps) >= last)
    flow = [name for name in before if name.startswith("spynet.") and name.endswith("weight")]
    assert all(torch.equal(frozen[name], before[name]) for name in flow)
    steps = iter(range(100))
    thawed, _ = run(tmp_path / "b", cancelled=lambda: next(steps) >= last + 2)
    assert any(not torch.equal(thawed[name], before[name]) for name in flow)


def test_it_stops_when_validation_no_longer_gains(tmp_path, monkeypatch):
    scores = iter([3.0, 2.0, 2.5, 2.4, 2.3, 1.0])
    monkeypatch.setattr(loop, "validate", lambda *given: next(scores))
    kept = {}
    config = replace(SHORT, steps=60, patience=3)

    def progress(share, doing):
        kept["doing"] = doing

    network = tiny()
    predicted = train(config, network, 5, (stripes(),), (stripes(2),), tmp_path, progress=progress)
    # The second check was the best; the third without a gain after it ends the run.
    assert (predicted.best, predicted.best_step, predicted.step) == (2.0, 6, 15)
    assert kept["doing"].startswith("whole 15")
    other = tiny(seed=9)  # reading fills a network with the last weights, not the best
    optimiser = torch.optim.Adam(loop._groups(config, other))
    _, _, best = state.read(tmp_path, other, optimiser, f" {config.text()}")
    assert same(network.state_dict(), best)
    assert not same(other.state_dict(), best)


def test_the_rate_rises_then_falls_to_the_last(tmp_path, monkeypatch):
    rates = []
    rest = loop._step

    def step(run_, batch, steps):
        value = rest(run_, batch, steps)
        if run_.counters.stage == "whole":
            rates.append({g["part"]: g["lr"] for g in run_.optimiser.param_groups})
        return value

    monkeypatch.setattr(loop, "_step", step)
    run(tmp_path)
    top, low, n = SHORT.learning_rate, SHORT.last_learning_rate, SHORT.steps
    assert rates[0]["rest"] == pytest.approx(top / 2)
    assert rates[6]["rest"] == pytest.approx((top + low) / 2)  # half-way along the cosine
    last = low + (top - low) * (1 + math.cos(math.pi * (n - 1) / n)) / 2
    assert rates[-1]["rest"] == pytest.approx(last)
    assert rates[3]["pretext"] == pytest.approx(SHORT.pretext_factor * rates[3]["rest"])
    assert [r["spynet"] for r in rates[: SHORT.flow_frozen]] == [0] * SHORT.flow_frozen
    assert rates[-1]["spynet"] == pytest.approx(SHORT.flow_factor * rates[-1]["rest"])


def test_validation_counts_valid_cells_alone():
    part = stripes(3)

    class Off(torch.nn.Module):
        """Right but for 2 everywhere that is valid, and 99 where nothing is."""

        def forward(self, coarse, mask, *, fine_mask, **rest):
            fine = torch.where(fine_mask[:, :, None], self.fine.pop(0) + 2, 99)
            return loop.FineMap(fine)

    network = Off()
    network.fine = [part.fine[i][None, None, None] for i in range(3)]
    assert validate(network, (part,), 5, torch.device("cpu")) == pytest.approx(2.0)


def test_another_run_in_the_folder_is_refused(tmp_path):
    run(tmp_path, cancelled=iter([False] * 5 + [True] * 9).__next__)
    with pytest.raises(StorageError, match=r"other choices.*Give another --out"):
        run(tmp_path, replace(SHORT, learning_rate=1e-4))
    with pytest.raises(StorageError, match="other choices"):
        run(tmp_path, identity="other data")


@pytest.mark.parametrize("harm", ["cut", "empty", "text"])
def test_a_damaged_state_is_named(tmp_path, harm):
    run(tmp_path, cancelled=iter([False] * 5 + [True] * 9).__next__)
    path = tmp_path / state.FILE
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"no tensors"}[harm])
    with pytest.raises(StorageError, match=r"damaged.*start again"):
        run(tmp_path)


def test_a_state_that_cannot_be_written_leaves_the_last_one(tmp_path, monkeypatch):
    run(tmp_path, cancelled=iter([False] * 5 + [True] * 9).__next__)
    kept = (tmp_path / state.FILE).read_bytes()

    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(state, "save_file", full)
    with pytest.raises(StorageError, match="No space left"):
        run(tmp_path)
    assert (tmp_path / state.FILE).read_bytes() == kept
    assert [p.name for p in tmp_path.iterdir()] == [state.FILE]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"steps": 0}, "steps=0; choose at least 1"),
        ({"patience": 0}, "patience=0"),
        ({"average": 1.0}, "average=1.0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
    ],
)
def test_choices_that_cannot_be_run_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        TrainingConfig(**wrong)


def test_the_curve_has_a_row_for_each_check_and_a_picture(tmp_path):
    from xml.etree import ElementTree

    _, predicted = run(tmp_path)
    assert [(row["stage"], row["step"]) for row in predicted.curve] == [
        ("pretext", 3), ("pretext", 4), ("whole", 3), ("whole", 6), ("whole", 9), ("whole", 12),
    ]  # fmt: skip
    svg = ElementTree.fromstring(picture(predicted.curve))
    lines = svg.findall("{*}polyline")
    assert [len(line.attrib["points"].split()) for line in lines] == [4, 4]
    # Higher values are drawn higher, which in SVG is a smaller y.
    values = [row["validation_rmse"] for row in predicted.curve if row["stage"] == "whole"]
    heights = [float(p.split(",")[1]) for p in lines[1].attrib["points"].split()]
    assert min(range(4), key=values.__getitem__) == max(range(4), key=heights.__getitem__)
