"""`airlens check`: what it prints and writes, and how it leaves."""

import csv
import json

import numpy as np
import pytest
from station_worlds import world

from engine import library
from engine.cli import main
from engine.core.plaintext import CELL_NOTE
from engine.library import station_checks

# The test world's weather is too slow for 400 hours to say anything of places.
NO_PLACE = (
    "Not checked: place at {} of 14 stations, too few stations, or too few values in common with "
    "their neighbours."
)


@pytest.fixture
def airlens(home, capsys):
    """Runs a command; gives its exit code, stdout and stderr."""

    def run(*words):
        with pytest.raises(SystemExit) as left:
            main([str(w) for w in words])
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run


def store(name, change=lambda values: values, ids=None):
    dataset = world(stations=14)
    values = change(dataset["pm2p5"].values.copy())
    dataset["pm2p5"] = dataset["pm2p5"].copy(data=values)
    if ids:
        dataset = dataset.assign_coords(station=ids)
    library.store(dataset, name)


def faulty(values):
    values[:, 5] /= 1000
    values[7, 3] = 0.0
    return values


def test_nothing_found_leaves_with_0(airlens):
    store("fine")
    code, out, err = airlens("check", "fine")
    assert code == 0
    assert out.splitlines() == ["fine: 14 stations checked, nothing found.", NO_PLACE.format(14)]
    assert err == ""


def test_findings_leave_with_1(airlens):
    store("odd", faulty)
    code, out, err = airlens("check", "odd")
    assert (code, err) == (1, "")
    first, zero, unit, rest = out.splitlines()
    assert rest == NO_PLACE.format(12)  # a zero makes s3 fast enough
    assert first == "odd: 14 stations checked, findings at 2, 1 of them to be left out of merging."
    assert zero.startswith("  shown     zero  s3: 0.2")
    assert unit.startswith("  left out  unit  s5: Its values are 0.00")
    assert "the unit may be mg/m³ instead." in unit


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "there is no dataset 'nowhere'"),
        (["demo"], "'demo' holds grid, and stations are wanted"),
        ([""], "the name of the dataset is empty"),
        (["fine", "--csv", "table.txt"], "'table.txt' does not end in a form we write here"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_run_leaves_with_2(airlens, words, says):
    store("fine")
    code, out, err = airlens("check", *words)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def test_json_holds_findings_and_table(airlens):
    store("odd", faulty)
    code, out, _ = airlens("check", "odd", "--json")
    record = json.loads(out)
    assert code == 1
    assert record["left_out"] == ["s5"]
    assert [(f["station"], f["check"], f["left_out"]) for f in record["findings"]] == [
        ("s3", "zero", False),
        ("s5", "unit", True),
    ]
    assert record["findings"][1]["sentence"].startswith("Its values are")
    assert len(record["stations"]) == 14
    five = record["stations"][5]
    assert (five["station"], five["checks"], five["left_out"]) == ("s5", ["unit"], True)
    assert five["near"] is None  # it is not compared by place
    assert record["stations"][0]["zero"] == 0
    assert (record["dataset"], record["period"]) == ("odd", "hour")
    assert set(record["unchecked"]) == {"unit", "place"}


def test_csv_holds_all_stations(airlens, tmp_path):
    store("odd", faulty)
    path = tmp_path / "table.csv"
    code, out, _ = airlens("check", "odd", "--csv", path)
    assert code == 1
    assert out.startswith("odd: 14 stations checked")
    lines = path.read_text(encoding="utf-8").splitlines()
    notes = [line for line in lines if line.startswith("#")]
    assert notes[0] == "# Station checks of odd, one value each hour"
    assert CELL_NOTE in notes[-1]
    rows = list(csv.DictReader(lines[len(notes) :]))
    assert [row["station"] for row in rows] == [f"s{n}" for n in range(14)]
    assert (rows[5]["left_out"], rows[5]["checks"], rows[5]["near"]) == ("yes", "unit", "")
    assert rows[5]["findings"].startswith("Its values are")
    assert (rows[0]["left_out"], rows[0]["findings"]) == ("no", "")
    assert float(rows[0]["valid"]) > 0.9


def test_what_could_not_be_checked_is_said(airlens):
    few = world(hours=48, stations=3)
    library.store(few, "few")
    code, out, _ = airlens("check", "few")
    assert code == 0
    assert out.splitlines()[1:] == [
        "Not checked: unit at 3 of 3 stations, too few neighbours with values at the same times.",
        "Not checked: place at 3 of 3 stations, too few stations, or too few values in common with "
        "their neighbours.",
    ]


def test_names_of_stations_are_only_text(airlens, tmp_path):
    ids = [f"s{n}" for n in range(14)]
    ids[5], ids[3] = '=HYPERLINK("http://outside")', "two\nlines \x1b[31mred"
    store("hostile", faulty, ids)
    path = tmp_path / "table.csv"
    _, out, _ = airlens("check", "hostile", "--csv", path)
    assert len(out.splitlines()) == 4
    assert "two lines \\x1b[31mred: 0.2" in out
    assert "\x1b" not in out + path.read_text(encoding="utf-8")
    assert "'=HYPERLINK" in path.read_text(encoding="utf-8")
    _, out, _ = airlens("check", "hostile", "--json")
    assert json.loads(out)["left_out"] == ['=HYPERLINK("http://outside")']


def test_ctrl_c_leaves_with_130_and_no_file(airlens, monkeypatch, tmp_path):
    store("odd", faulty)
    calls = []

    def stopped(network, *, progress, cancelled):
        calls.append(network)
        raise KeyboardInterrupt

    monkeypatch.setattr(station_checks, "check", stopped)
    code, out, err = airlens("check", "odd", "--csv", tmp_path / "table.csv")
    assert (code, out, err) == (130, "", "airlens: Stopped.\n")
    assert calls
    assert not list(tmp_path.glob("*.csv"))


def test_the_demo_worlds_stations_have_no_finding(airlens):
    code, out, _ = airlens("check", "demo-cities")
    assert (code, out) == (0, "demo-cities: 50 stations checked, nothing found.\n")


def test_the_dataset_is_left_as_it_is(airlens):
    store("odd", faulty)
    before = library.open_dataset("odd")["pm2p5"].values
    airlens("check", "odd")
    np.testing.assert_array_equal(library.open_dataset("odd")["pm2p5"].values, before)
