"""`airlens predict --climatology … --stations …` as a reader types it."""

import pytest

from engine import library
from engine.cli import main
from engine.cli.station_table import station_csv, station_table

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
    lines = station_table(rows).splitlines()
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
    assert " 0.80 " in station_table(rows)


def test_several_dates_are_pairs_and_the_csv_holds_every_model():
    fused = ROW | {"what": "fused", "left_out": "singly"}
    rows = [ROW, ROW | {"what": "background"}, fused]
    assert "by 9 pairs of a station and a date" in station_table(rows, dates=3)
    lines = [r for r in station_csv({"auto": rows, "area": rows}).splitlines() if r[0] != "#"]
    assert lines[0].startswith("model,what,left_out") and len(lines) == 7
    assert lines[4].startswith("area,coarse,,,9,-1.0")


def test_auto_alone_takes_the_best_study_model_and_says_why(home, tmp_path, capsys):
    out = tmp_path / "a.nc"
    region = "120,31,121,32"
    command = ["predict", "--data", "demo", "--date", "2015-01-20", "--region", region]
    with pytest.raises(SystemExit) as left:
        main([*command, "--out", str(out)])
    assert left.value.code == 0
    said = capsys.readouterr()
    assert "auto takes airstfm" in said.err and "next best" in said.err
    assert out.exists()


def test_a_csv_of_scores_needs_stations(home, tmp_path, capsys):
    command = ["evaluate", "bicubic", "--data", "demo", "--start", "2015-01-01"]
    with pytest.raises(SystemExit) as left:
        main([*command, "--end", "2015-01-02", "--csv", str(tmp_path / "a.csv")])
    assert left.value.code == 2
    assert "--csv holds the scores at stations" in capsys.readouterr().err


def test_a_prediction_never_passes_as_an_observation(home, tmp_path, capsys):
    out = tmp_path / "made.nc"
    command = ["predict", "bicubic", "--data", "demo", "--region", "120,31,121,32"]
    for given in (
        [*command, "--date", "2015-01-20", "--out", str(out)],
        ["import", "grid", str(out), "--name", "made", "--variable", "pm2p5"],
    ):
        with pytest.raises(SystemExit) as left:
            main(given)
        assert left.value.code == 0, capsys.readouterr().err
    assert library.info("made").made_by == "prediction"
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main(["evaluate", "copy", "--data", "made", "--start", "2015-01-20", "--end", "2015-01-20"])
    assert "made is itself a prediction" in capsys.readouterr().err
