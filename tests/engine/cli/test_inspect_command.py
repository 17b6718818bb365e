"""`airlens inspect`: what it prints, with which exit code, and that nothing is written."""

import json

import pytest

from engine import cli
from engine.cli import inspecting

HEAD = "station,lat,lon,time,pm25\n"
GOOD = "A,31,121,2015-01-10T08:00Z,80\nA,31,121,2015-01-10T09:00Z,90\n"


@pytest.fixture
def airlens(capsys):
    """Exit code, stdout and stderr of the command line."""

    def run(*words):
        with pytest.raises(SystemExit) as left:
            cli.main([str(w) for w in words])
        return left.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "my table.csv"
    path.write_text(HEAD + GOOD)
    return path


def test_facts_rows_and_the_command_to_import(airlens, table, home):
    code, out, err = airlens("inspect", table, "--stamps", "end", "--licence", "CC0")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split(maxsplit=1) == ["Files", f"my table.csv, {table.stat().st_size} B"]
    assert "station  lat  lon  time               pm25" in lines
    assert lines[-1] == (
        f"To import it: airlens import stations '{table}' --name NAME --licence CC0 --stamps end"
    )
    assert not home.exists()


def test_a_refusal_shows_what_is_known_and_leaves_with_2(airlens, table):
    table.write_text((HEAD + GOOD).replace("Z", ""))
    code, out, err = airlens("inspect", table)
    assert code == 2
    assert err == (
        "airlens: my table.csv: its times have no time zone. Give the clock's hours ahead of UTC: "
        "--utc-offset 8 for China, 0 for UTC.\n"
    )
    assert "is refused" in out and "2015-01-10T08:00" in out and "To import" not in out
    code, out, _ = airlens("inspect", table, "--utc-offset", "8")
    assert code == 0 and "--utc-offset 8" in out


def test_json_is_json_whether_refused_or_not(airlens, table):
    code, out, _ = airlens("inspect", table, "--json")
    plain = json.loads(out)
    assert code == 0 and plain["importable"] and plain["values"]["median"] == 85
    code, out, err = airlens("inspect", table, "--json", "--variable", "dust")
    assert code == 2 and not json.loads(out)["importable"] and "'dust' is missing" in err


def test_the_kind_may_be_given(airlens, table):
    code, out, _ = airlens("inspect", table, "--kind", "mobile")
    assert code == 0 and "mobile samples (as given)" in out
    code, _, err = airlens("inspect", table, "--kind", "grid")
    assert code == 2 and "this is a table, no grid" in err
    code, _, err = airlens("inspect", table, "--kind", "maps")
    assert code == 2 and "See airlens inspect --help." in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nothing.nc"], "nothing.nc: no such file or folder"),
        ([], "See airlens inspect --help."),
        (["x", "--utc-offset", "99"], "no clock is 99 hours from UTC"),
    ],
)
def test_wrong_calls_are_one_sentence(airlens, words, says):
    code, out, err = airlens("inspect", *words)
    assert code == 2 and out == "" and says in err and err.count("\n") == 1


def test_ctrl_c_leaves_with_130(airlens, table, monkeypatch):
    def stopped(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(inspecting, "inspect_files", stopped)
    assert airlens("inspect", table) == (130, "", "airlens: Stopped.\n")


def test_text_of_a_file_is_shown_and_not_obeyed(airlens, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(HEAD + GOOD.replace("A,", "\x1b[2J南京[red],"), encoding="utf-8")
    code, out, _ = airlens("inspect", path)
    assert code == 0 and "\x1b" not in out and r"\x1b[2J南京[red]" in out


def test_help_names_every_option(airlens):
    code, out, _ = airlens("inspect", "--help")
    assert code == 0
    for option in ("--kind", "--json", "--format", "--units", "--variable", "--utc-offset"):
        assert option in out
    assert "nothing is written" in out and "Leaves with 0" in out
