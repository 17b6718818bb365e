"""A run killed without warning, at moments of chance, and started again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

HERE = Path(__file__).parent
RUN = """
import sys
from pathlib import Path
from safetensors.torch import save_file
from training_worlds import SHORT, stripes, tiny
from engine.superresolution.loop import train

network = tiny()
steps = SHORT.pretext_steps + SHORT.steps
train(SHORT, network, 5, (stripes(),), (stripes(4, seed=1),), Path(sys.argv[1]),
      progress=lambda share, doing: print(round(share * steps), flush=True))
save_file(network.state_dict(), sys.argv[2])
"""


def start(folder, result):
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parents[2])]),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder), str(result)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def finish(process):
    with process:
        process.communicate(timeout=120)
    assert process.returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's")
def test_killed_runs_end_with_the_same_weights_bit_for_bit(tmp_path):
    finish(start(tmp_path / "whole", tmp_path / "whole.safetensors"))
    for kill_after in (5, 11):
        with start(tmp_path / "killed", tmp_path / "killed.safetensors") as process:
            for line in process.stdout:
                if int(line) >= kill_after:
                    time.sleep(0.02)
                    process.send_signal(signal.SIGKILL)
                    break
            process.wait(timeout=60)
        assert process.returncode == -signal.SIGKILL
        assert not (tmp_path / "killed.safetensors").exists()
    resumed = start(tmp_path / "killed", tmp_path / "killed.safetensors")
    steps = [int(line) for line in resumed.stdout]
    finish(resumed)
    # It went on where the last check had been, and did not begin anew.
    assert steps[0] > 5
    whole = load_file(tmp_path / "whole.safetensors")
    killed = load_file(tmp_path / "killed.safetensors")
    assert whole.keys() == killed.keys()
    for name, value in whole.items():
        assert torch.equal(value, killed[name]), name
