"""The measurements, on maps so small that they take a moment."""

import json
import subprocess
import sys

import pytest
import torch

from engine.comparison import memory, speed
from engine.comparison.plan import ALL
from engine.research.bench import airstfm, attention, fusion, import_memory

TINY = (1, 1, 4, 13, 12)


def test_attention_is_measured_both_ways_and_agrees():
    found = attention.measure(1, 2, shape=TINY)
    assert found["shape"] == {"batch": 1, "heads": 1, "channels": 4, "h": 13, "w": 12}
    for name in ("forward", "forward_and_backward"):
        part = found[name]
        assert part["largest_difference"] < 1e-4
        assert part["times_faster"] >= 0
        assert part["times_less_processor"] >= 0
        for way in attention.WAYS:
            assert 0 <= part["seconds"][way]["best"] <= part["seconds"][way]["worst"]
            assert part["peak_megabytes"][way] >= 0
    assert found["products_alone"]["seconds"] > 0
    json.dumps(found)
    spent = attention.parts((1, 1, 8, 40, 30))
    assert len(spent) == 4
    assert min(spent["products of cells"], spent["box sums"], spent["elementwise"]) > 0


def test_a_gpu_is_measured_in_both_precisions_where_there_is_one():
    """On a processor the same steps run, so that they are not run for the first time on a GPU."""
    found = attention.on_device(torch.device("cpu"), 1, TINY)
    assert set(found) == {
        "name", "forward, float32", "forward and backward, float32", "forward, bfloat16",
        "forward and backward, bfloat16",
    }  # fmt: skip
    assert found["forward, bfloat16"]["seconds"]["windows"] > 0
    assert found["forward, bfloat16"]["times_faster"] >= 0
    if not torch.cuda.is_available():
        assert attention.measure(1, 1, shape=TINY)["gpu"] is None


def test_a_wrong_way_would_be_seen(monkeypatch):
    def wrong(q, k, v):
        return attention.unfolded_attention(k, q, v)

    monkeypatch.setitem(attention.WAYS, "windows", wrong)
    monkeypatch.setattr(attention, "peak_megabytes", lambda *_: 1.0)
    assert attention.compare(False, 1, 1, TINY)["largest_difference"] > 1e-3


@pytest.mark.parametrize("preset", ["small"])
def test_a_day_of_airstfm_is_measured(preset):
    found = airstfm.measure(preset, 1, (11, 10))
    assert found["parameters"] == 380_250
    assert found["target_seconds"] == 1.5
    assert found["seconds"]["best"] > 0
    assert found["processor_seconds"]["best"] > 0
    assert found["peak_megabytes"] > 50


@pytest.mark.parametrize("name", ["urbanfm", "basicvsr", "bilinear", "bicubic-ratio"])
def test_a_day_of_any_system_is_measured(name):
    found = speed.measure(name, "small", (3, 4))
    assert (found["parameters"] > 0) == (name in speed.NETWORKS)
    # So small a map is interpolated in less than the millisecond that is told.
    assert found["seconds"] > 0 or name not in speed.NETWORKS
    assert found["peak_megabytes"] > 50


def test_every_system_of_the_comparison_can_be_measured():
    assert set(speed.SYSTEMS) == set(ALL)


def test_a_name_that_is_none_is_refused():
    command = [sys.executable, "-m", "engine.comparison.speed", "nothing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "basicvsrpp" in done.stderr


def test_memory_is_that_of_the_process_alone():
    """A child of a large process is not large."""
    ballast = bytearray(300 * 2**20)
    ballast[::4096] = b"x" * len(ballast[::4096])
    program = (
        "from engine.comparison.memory import peak_megabytes as p; a = p(); b = bytearray(2**26); "
    )
    program += "b[::4096] = b'x' * len(b[::4096]); print(a, p())"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    before, after = map(float, done.stdout.split())
    assert memory.peak_megabytes() > 300
    assert before < 200
    assert 55 < after - before < 100
    del ballast


def test_an_import_stays_within_its_memory(tmp_path):
    path, unit = import_memory.netcdf(tmp_path, shape=(1200, 1500), days=2)
    found = import_memory.measure("grid", path, unit)
    assert found["modules_mb"] < found["peak_mb"] <= found["allowed_mb"]
    assert found["within"]
    # The measure itself can fail: nothing is imported in less than its modules take.
    assert not import_memory.measure("grid", path, -1000.0)["within"]


def test_merging_stations_is_measured_beside_a_plain_loop(monkeypatch):
    monkeypatch.setattr(fusion, "SAMPLE", 3)
    found = fusion.measure(50, 100, runs=1)
    assert found["seconds"] >= 0 and found["baseline_seconds"] >= 0
    json.dumps(found)
