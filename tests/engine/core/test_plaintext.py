"""A spreadsheet runs no cell, a terminal obeys no text, and our reader gets the letters back."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core import plaintext
from engine.data import tables


@pytest.mark.parametrize("sign", plaintext.FORMULA)
def test_text_that_begins_like_a_formula_gets_an_apostrophe(sign):
    assert plaintext.cell(f"{sign}A1") == f"'{sign}A1"


def test_numbers_stay_numbers_and_other_text_as_it_is():
    assert [plaintext.cell(v) for v in (-5, -2.5, "Nanjing", "", None)] == [
        -5, -2.5, "Nanjing", "", None,
    ]  # fmt: skip


@given(st.text())
def test_reading_undoes_writing(text):
    assert plaintext.uncell(str(plaintext.cell(text))) == plaintext.storable(text)


def test_other_peoples_apostrophes_stay():
    assert plaintext.uncell("'s-Hertogenbosch") == "'s-Hertogenbosch"


@given(st.lists(st.text(), max_size=3))
def test_no_part_of_a_comment_becomes_a_formula(parts):
    line = plaintext.comment(",".join(parts))
    assert line.startswith("# ") and "\n" not in line
    for separator in ",;\t":
        for part in line.split(separator)[1:]:
            assert not part.strip().startswith(("=", "+", "-", "@"))


def test_a_table_comes_back_from_our_reader(tmp_path):
    names = ["=1+1", "+x", "-y", "@z", "'a", "plain"]
    out = io.StringIO()
    plaintext.write_csv(out, ("id", "value"), [(n, -1.5) for n in names], ["source: x, =2+2"])
    path = tmp_path / "table.csv"
    path.write_text(out.getvalue(), encoding="utf-8")
    rows = [r for r in csv.reader(io.StringIO(out.getvalue())) if not r[0].startswith("#")]
    assert all(not row[0].startswith(("=", "+", "-", "@")) for row in rows)
    assert rows[1][1] == "-1.5"
    assert "=2+2" not in [cell.strip() for cell in out.getvalue().split("\n")[0].split(",")]
    table = tables.read(path)
    assert list(tables.texts(table, "id")) == names


def test_a_bad_row_below_comments_is_named_by_the_files_own_number(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("# one\n# two\nid,value\na,1\n", encoding="utf-8")
    assert "row 4" in str(tables.read(path).bad(0, "value", "x", ""))


def test_a_frame_keeps_its_numbers():
    frame = plaintext.frame_cells(pd.DataFrame({"=id": ["=1", "b"], "value": [-1.0, 2.0]}))
    assert frame.to_csv(index=False) == "'=id,value\n'=1,-1.0\nb,2.0\n"


def test_a_terminal_sees_what_it_would_obey():
    assert plaintext.terminal("a\x1b[31mred\u202e\0\u2028") == r"a\x1b[31mred\u202e\x00\u2028"
    assert plaintext.terminal("南京 µg\n") == "南京 µg\n"
