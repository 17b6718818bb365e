"""The tutorial's commands run as they are printed, in both languages the same."""

import re
import shlex

import pytest
import xarray as xr

from engine.cli import main
from engine.core.paths import ROOT

ENGLISH, CHINESE = (ROOT / "docs" / name for name in ("tutorial.md", "tutorial.zh.md"))


def commands(path):
    blocks = re.findall(r"```bash\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.strip()]


def test_both_languages_print_the_same_commands():
    assert commands(ENGLISH) == commands(CHINESE)
    assert len(commands(ENGLISH)) == 8


def test_the_commands_run_as_they_are_printed(home, tmp_path, monkeypatch, capsys):
    for command in commands(ENGLISH):
        assert command[0] == ".venv/bin/airlens"
        monkeypatch.chdir(ROOT)
        given = [str(tmp_path / part) if part.endswith("d.nc") or part in ("fine.nc", "january.nc")
                 else part for part in command[1:]]  # fmt: skip
        with pytest.raises(SystemExit) as left:
            main(given)
        assert left.value.code == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert "Checked at 12 stations: coarse 8.3 → fine" in said
    with xr.open_dataset(tmp_path / "fused.nc") as fused:
        for name in ("coarse", "background", "pm2p5", "median", "low", "high", "observed"):
            assert name in fused, name
        assert fused.attrs["made_by"] == "prediction"
        assert 35 < float(fused["pm2p5"].mean()) < 60
    with xr.open_dataset(tmp_path / "january.nc") as january:
        assert january.sizes["latitude"] == 200
