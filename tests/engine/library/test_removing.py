"""What leaves the library, what stays, and datasets of older rules."""

import errno
import json
from pathlib import Path

import pytest

from engine import cli, library
from engine.core.errors import NotFoundError, RequestError, StorageError
from engine.library import manifest, removing, storage
from engine.library.manifest import RULES


def airlens(capsys, monkeypatch, *words, answer=None):
    """Exit code, stdout and stderr of the command line."""
    if answer is not None:
        import io

        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    with pytest.raises(SystemExit) as left:
        cli.main([str(w) for w in words])
    out, err = capsys.readouterr()
    return left.value.code, out, err


def test_a_dataset_is_removed_and_the_others_stay(maps, network, home):
    library.store(maps(), "mine")
    library.store(network, "net")
    library.remove("mine")
    assert [n for n in library.names() if not n.startswith("demo")] == ["net"]
    assert [p.name for p in (home / "datasets").iterdir()] == ["net"]
    with pytest.raises(NotFoundError, match=r"there is no dataset 'mine'. Choose from net"):
        library.remove("mine")
    library.store(maps(), "mine")
    assert library.open_dataset("mine")["pm2p5"].shape == (4, 6, 5)


@pytest.mark.parametrize("name", ["demo", "demo-stations"])
def test_the_demo_stays(name):
    with pytest.raises(RequestError, match="belongs to the demo world, which stays"):
        library.remove(name)
    assert name in library.names()


@pytest.mark.parametrize("name", ["..", "../home", "a/b", ".removed-1", "", "/"])
def test_nothing_outside_is_removed(maps, home, name):
    library.store(maps(), "mine")
    with pytest.raises(RequestError, match="is not a plain name"):
        library.remove(name)
    assert (home / "datasets/mine/manifest.json").is_file()


def test_a_link_is_not_followed(maps, home, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "manifest.json").write_text("{}")
    library.store(maps(), "mine")
    (home / "datasets/mine/link").symlink_to(outside)
    library.remove("mine")
    assert (outside / "manifest.json").is_file()
    (home / "datasets/alias").symlink_to(outside)
    with pytest.raises(StorageError, match="is a link"):
        library.remove("alias")


def test_a_damaged_dataset_can_be_removed(maps, home):
    library.store(maps(), "mine")
    (home / "datasets/mine/manifest.json").write_text("{")
    library.remove("mine")
    assert not (home / "datasets/mine").exists()


def test_a_dataset_that_an_import_writes_stays(maps, home):
    library.store(maps(), "mine")
    with (
        storage.building("mine", replace=True),
        pytest.raises(StorageError, match="another import is writing dataset 'mine'"),
    ):
        library.remove("mine")
    assert library.open_dataset("mine").sizes["valid_time"] == 4


def test_a_kill_leaves_a_whole_dataset_or_none(maps, home, monkeypatch):
    library.store(maps(), "mine")

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(removing.shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            library.remove("mine")
    assert "mine" not in library.names()
    assert [p.name[:9] for p in (home / "datasets").iterdir()] == [".removed-"]
    library.store(maps(), "other")  # clears it
    assert [p.name for p in (home / "datasets").iterdir()] == ["other"]


def test_a_folder_that_cannot_be_written_says_so(maps, monkeypatch):
    library.store(maps(), "mine")

    def refused(self, target):
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(StorageError, match=r"cannot be removed \(Permission denied\); it stays"):
        library.remove("mine")
    assert library.open_dataset("mine").sizes["valid_time"] == 4


def test_the_command_waits_for_an_answer(maps, capsys, monkeypatch):
    library.store(maps(), "mine")
    code, out, _ = airlens(capsys, monkeypatch, "remove", "mine", answer="n\n")
    assert code == 0 and out.endswith("Remove it? [y/N] mine stays.\n") and "mine: grid" in out
    code, _, err = airlens(capsys, monkeypatch, "remove", "mine", answer="")
    assert code == 2 and "there was no answer. Give --yes" in err
    assert "mine" in library.names()
    code, out, _ = airlens(capsys, monkeypatch, "remove", "mine", answer="y\n")
    assert code == 0 and out.endswith("Removed mine.\n")
    library.store(maps(), "mine")
    assert airlens(capsys, monkeypatch, "remove", "mine", "--yes")[0] == 0
    assert "mine" not in library.names()
    assert airlens(capsys, monkeypatch, "remove", "demo", "--yes")[0] == 2


def older(home, name):
    """The record as an AirLens wrote it that did not number its rules."""
    path = home / "datasets" / name / "manifest.json"
    record = json.loads(path.read_text())
    del record["rules"], record["dropped"]
    path.write_text(json.dumps(record))


def test_a_dataset_of_older_rules_is_named(maps, network, home, tmp_path, capsys, monkeypatch):
    table = tmp_path / "my table.csv"
    table.write_text("station,lat,lon,time,pm25\nA,31,121,2015-01-10T08:00Z,80\n")
    library.import_files("stations", [table], "roof")
    library.store(maps(), "mine")
    older(home, "roof")
    about = library.info("roof")
    assert about.outdated and about.rules == 0 and about.dropped == {}
    assert not library.info("mine").outdated
    assert not any(library.info(n).outdated for n in library.names() if n.startswith("demo"))
    code, out, _ = airlens(capsys, monkeypatch, "datasets")
    lines = [line for line in out.splitlines() if "import again" in line]
    assert code == 0
    assert lines == [
        "roof was read by older rules: import again. "
        "airlens import stations 'my table.csv' --name roof --replace"
    ]
    _, out, _ = airlens(capsys, monkeypatch, "datasets", "--json")
    assert [d["name"] for d in json.loads(out) if d["outdated"]] == ["roof"]
    library.import_files("stations", [table], "roof", replace=True)
    assert not library.info("roof").outdated


def test_what_is_made_of_an_old_dataset_is_as_old(maps, home):
    library.store(maps(), "mine")
    assert library.store(library.open_dataset("mine"), "copy").rules == RULES
    older(home, "mine")
    assert library.store(library.open_dataset("mine"), "copy", replace=True).outdated


def test_the_record_keeps_what_was_left_out(tmp_path, capsys, monkeypatch, home):
    table = tmp_path / "table.csv"
    row = "A,31,121,2015-01-10T08:00Z,80\n"
    table.write_text(f"station,lat,lon,time,pm25\n{row}{row}A,31,121,2015-01-10T09:00Z,\n,,,,\n")
    code, out, _ = airlens(capsys, monkeypatch, "import", "stations", table, "--name", "roof")
    assert (
        code == 0 and "  Rows left out: 1 without a value; 1 repeated; 1 without a time.\n" in out
    )
    kept = {"empty value": 1, "repeated": 1, "no time": 1}
    assert library.info("roof").dropped == kept
    assert manifest.load(home / "datasets/roof/manifest.json").dropped == kept
