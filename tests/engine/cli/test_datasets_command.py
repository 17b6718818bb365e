"""`airlens datasets` lists what is whole and names what is not."""

import pytest
from training_maps import days

from engine import library
from engine.cli import main
from engine.library.storage import dataset_folder


def test_a_damaged_record_does_not_hide_the_others(home, capsys):
    library.store(days(4), "whole")
    library.store(days(4), "spoiled")
    record = next(dataset_folder("spoiled").glob("*.json"))
    record.write_text("{", encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        main(["datasets"])
    said = capsys.readouterr()
    assert left.value.code == 0
    assert "whole" in said.out and "demo" in said.out
    assert "spoiled" in said.err and "damaged" in said.err
