"""`airlens predict --climatology … --stations …` as a reader types it."""

import json

import pytest

from engine.cli import main
from engine.cli.predicting import scores

ROW = {
    **{"what": "coarse", "left_out": "", "next_km": None, "n": 9, "bias": -1.0, "rmse": 11.3},
    **{"mae": 8.0, "correlation": 0.8, "coverage": None},
    **{"gain": None, "gain_low": None, "gain_high": None},
    "shown": False,
}


def test_the_table_and_the_line_that_sums_it_up():
    rows = [
        ROW,
        ROW | {"what": "background", "rmse": 8.2, "gain": 0.27, "gain_low": 0.2, "gain_high": 0.3}
        | {"shown": True},
        ROW | {"what": "fused", "left_out": "singly", "next_km": 67.0, "rmse": 7.6}
        | {"coverage": 0.91, "gain": 0.03, "gain_low": -0.01, "gain_high": 0.08},
    ]  # fmt: skip
    lines = scores(json.dumps(rows)).splitlines()
    assert lines[-1] == "Checked at 9 stations: coarse 11.3 → fine 8.2 → fused 7.6 µg/m³."
    assert lines[2].endswith("+27% [+20%, +30%]")
    assert lines[3].endswith("+3% [-1%, +8%] not shown")
    assert "nan" not in "".join(lines)
    head = lines[0].index
    assert lines[3][: head("  gain")].split()[-2:] == ["0.80", "91%"]
    assert lines[2][head("coverage") : head("  gain")].strip() == ""


def test_a_table_of_an_earlier_version_is_read():
    old = {("r" if name == "correlation" else name): value for name, value in ROW.items()}
    rows = [old, old | {"what": "background"}, old | {"what": "fused", "left_out": "singly"}]
    assert " 0.80 " in scores(json.dumps(rows))


def test_without_anything_to_add_the_command_says_what_is_missing(home, tmp_path, capsys):
    out = tmp_path / "a.nc"
    with pytest.raises(SystemExit) as left:
        main(["predict", "--data", "demo", "--date", "2015-01-20", "--out", str(out)])
    assert left.value.code == 2
    assert "nothing to make the map finer" in capsys.readouterr().err
    assert not out.exists()
