"""Templates of results pages: what is put in, and what is refused."""

import pytest

from engine.core.results_page import fill, reached, read, table, verdict, verdict_of_runs

RECORD = {"model": "a", "scores": {"x, 2": [{"rmse": 1.234, "n": 1234}]}, "zero": -0.0004}


def test_numbers_come_by_their_path():
    text = "${model}: ${scores/x, 2/0/rmse:.2f} of ${scores/x, 2/0/n:,} (${zero:.3f})"
    assert fill(text, RECORD, {}) == "a: 1.23 of 1,234 (0.000)"
    assert fill("${zero:.4f}", RECORD, {}) == "-0.0004"


def test_a_number_that_is_missing_is_a_dash():
    assert fill("${x:.2f} to ${y:.2f}", {"x": float("nan"), "y": 1.0}, {}) == "– to 1.00"


def test_tables_come_by_name_and_empty_ones_leave_no_gap():
    text = "a\n\n${table:none}\n\n${table:rows}\n\nb"
    rows = table(("h", "i"), [("1", "2")])
    filled = fill(text, RECORD, {"none": "", "rows": rows})
    assert filled == "a\n\n| h | i |\n|---|---:|\n| 1 | 2 |\n\nb"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${scores/y}", "no 'scores/y'"),
        ("${scores/x, 2/1/rmse:.2f}", "no 'scores/x, 2/1/rmse'"),
        ("${model/deeper}", "no 'model/deeper'"),
        ("${scores}", "no number and no text"),
        ("${zero}", "without a format"),
        ("${table:rows}", "no table 'rows'"),
    ],
)
def test_a_place_that_nothing_fills_is_an_error(text, words):
    with pytest.raises(ValueError, match=words):
        fill(text, RECORD, {})


def test_a_table_without_a_place_is_an_error():
    with pytest.raises(ValueError, match="does not use the table rows"):
        fill("nothing", RECORD, {"rows": "|"})


def test_parts_of_a_template(tmp_path):
    file = tmp_path / "t.md"
    file.write_text("# Page\n\n@@ one\n\nfirst\n\n@@ two\nsecond\n")
    assert read(file) == {"page": "# Page", "one": "first", "two": "second"}
    file.write_text("@@ one\nfirst\n@@ one\nsecond\n")
    with pytest.raises(ValueError, match="twice"):
        read(file)


def test_verdicts_follow_the_interval():
    assert verdict(-2.0, -0.1) == "better"
    assert verdict(0.1, 2.0) == "worse"
    assert verdict(-1.0, 0.0) == verdict(float("nan"), float("nan")) == "not shown"
    assert (reached(0.1, 0.1), reached(0.09, 0.1)) == ("reached", "not reached")


def test_runs_of_several_seeds_show_what_does_not_overlap():
    assert verdict_of_runs([1.0, 1.2], [1.3, 1.5]) == "better"
    assert verdict_of_runs([1.3, 1.5], [1.0, 1.2]) == "worse"
    assert verdict_of_runs([1.0, 1.4], [1.3, 1.5]) == "not shown"
    assert verdict_of_runs([0.1], [1.3, 1.5]) == verdict_of_runs([0.1, 0.2], [1.3]) == "not shown"
