import os
import signal
import subprocess
import sys
import time

import pytest
from training_maps import days

from engine import library
from engine.cli import main


def run(*arguments, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    predicted = capsys.readouterr()
    return left.value.code, predicted.out, predicted.err


def test_help_names_what_it_takes_and_leaves(capsys):
    code, out, _ = run("train", "--help", capsys=capsys)
    assert code == 0
    words = " ".join(out.split())
    for said in ("--data", "--preset", "--out", "--steps", "--seed", "--validate-end", "card.md"):
        assert said in words


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("airstm", "--data", "x"),
            "'airstm' is not trained by this command. Choose airstfm, urbanfm",
        ),
        (("airstfm", "--data", "x", "--preset", "big"), "no preset 'big'. Choose small, paper."),
        (("airstfm", "--data", "x"), "'x'"),
        (("airstfm", "--data", "daily", "--train-end", "soon"), "'soon' is no date"),
        (("airstfm", "--data", "daily", "--train-end", "1990-01-01"), "0 time steps"),
        (("airstfm", "--data", "daily", "--device", "tpu"), "tpu"),
        (
            ("airstfm", "--data", "daily", "--static-fields", "coast,rivers"),
            "no static field 'rivers'. Choose from coast, cities, elevation, or none",
        ),
        (
            ("airstfm", "--data", "daily", "--static-fields", "elevation"),
            "brings no surface altitude",
        ),
        (("airstfm",), "--data"),
    ],
)
def test_a_wrong_call_is_one_sentence(own, capsys, tmp_path, arguments, said):
    code, out, err = run("train", *arguments, "--out", str(tmp_path / "o"), capsys=capsys)
    assert code == 2
    assert out == ""
    assert said in err
    assert "Traceback" not in err
    assert not (tmp_path / "o" / "config.json").exists()


def test_it_says_what_came_out(own, quick, capsys, tmp_path):
    code, out, _ = run(
        "train", "airstfm", "--data", "daily", "--out", str(tmp_path / "o"), "--device", "cpu",
        capsys=capsys,
    )  # fmt: skip
    assert code == 0
    assert "90 % intervals" in out
    assert (tmp_path / "o" / "config.json").is_file()


def test_a_folder_that_cannot_be_written_is_named(own, quick, capsys, tmp_path):
    taken = tmp_path / "file"
    taken.write_text("not a folder")
    code, _, err = run(
        "train", "airstfm", "--data", "daily", "--out", str(taken / "o"), capsys=capsys
    )
    assert code == 2
    assert str(taken) in err


def test_ctrl_c_keeps_the_state_and_says_how_to_go_on(home, tmp_path):
    library.store(days(steps=8, rows=16, columns=16), "daily")
    command = [
        sys.executable, "-m", "engine", "train", "airstfm", "--data", "daily",
        "--out", str(tmp_path / "o"), "--device", "cpu",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    state = tmp_path / "o" / "state" / "state.safetensors"
    for _ in range(600):  # the first state is written after the pretext stage
        if state.exists() or process.poll() is not None:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in " ".join(err.split())
    assert "Traceback" not in err
    assert state.exists()
    assert not (tmp_path / "o" / "config.json").exists()
