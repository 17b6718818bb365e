from pathlib import Path

import pytest
from safetensors import SafetensorError

from engine.core.errors import StorageError
from engine.core.files import atomic_file, write_atomic


def test_a_file_appears_with_its_folder_when_the_block_ends(tmp_path: Path):
    path = tmp_path / "new" / "table.csv"
    with atomic_file(path) as part:
        part.touch(mode=0o600)
        part.write_text("whole")
        assert not path.exists()
        assert part.suffix == ".csv"
    assert path.read_text() == "whole"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_what_was_there_stays_when_writing_fails(tmp_path: Path):
    path = tmp_path / "table.csv"
    write_atomic(path, "before")
    with pytest.raises(RuntimeError), atomic_file(path) as part:
        part.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("28")])
def test_a_full_disk_is_one_sentence_with_a_way_out(tmp_path: Path, error: Exception):
    with (
        pytest.raises(StorageError) as predicted,
        atomic_file(tmp_path / "a", "it is lost") as part,
    ):
        part.write_text("half")
        raise error
    assert "it is lost (" in str(predicted.value)
    assert "28" in str(predicted.value) or "No space" in str(predicted.value)
    assert "Make room" in str(predicted.value)
    assert list(tmp_path.iterdir()) == []


def test_two_writers_do_not_write_into_each_other(tmp_path: Path):
    path = tmp_path / "a.txt"
    with atomic_file(path) as first, atomic_file(path) as second:
        first.write_text("first")
        second.write_text("second")
        assert first != second
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_reported(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_atomic(tmp_path / "file" / "a.txt", "lost")
