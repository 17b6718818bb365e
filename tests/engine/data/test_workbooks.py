"""Workbooks: which sheet, what becomes of dates, numbers and text, and what is refused."""

import datetime as dt
import io
import zipfile

import numpy as np
import openpyxl
import pytest

from engine.core.errors import DataError
from engine.data import mobile, stations
from engine.data.options import ReadOptions

CHINA = ReadOptions(utc_offset_hours=8)
HEAD = ("station", "lat", "lon", "time", "pm25")
DAY = dt.datetime(2015, 1, 10)


@pytest.fixture
def workbook(tmp_path):
    """Write sheets, title → rows, as Excel does."""

    def write(name="book.xlsx", **sheets):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        path = tmp_path / name
        book.save(path)
        return path

    return write


def hourly(*values, station="a", stamp=lambda h: DAY + dt.timedelta(hours=h)):
    return [(station, 31.2, 121.4, stamp(h), v) for h, v in enumerate(values)]


def read(path, options=CHINA):
    dataset = stations.load([path], options)
    return [str(t)[:16] for t in dataset["valid_time"].values], dataset["pm2p5"].values[:, 0]


@pytest.mark.parametrize(
    "stamp",
    [
        lambda h: DAY + dt.timedelta(hours=h),
        lambda h: f"2015-01-10 {h:02d}:00",
        # A fraction of a day that was written with six digits: 0.3 s early.
        lambda h: DAY + dt.timedelta(hours=h, milliseconds=-300 * (h > 0)),
    ],
)
def test_hours_are_hours_however_a_cell_holds_them(workbook, stamp):
    times, values = read(workbook(s=[HEAD, *hourly(30, 31.5, 32, stamp=stamp)]))
    assert times == ["2015-01-09T16:00", "2015-01-09T17:00", "2015-01-09T18:00"]
    np.testing.assert_array_equal(values, [30, 31.5, 32])


def test_a_column_of_dates_is_of_days(workbook):
    rows = hourly(30, 31, stamp=lambda d: DAY + dt.timedelta(days=d))
    dataset = stations.load([workbook(s=[HEAD, *rows])], CHINA)
    assert dataset.attrs["period"] == "day"
    assert dataset["pm2p5"].values[:, 0].tolist() == [30, 31]


def test_a_date_beside_a_time_of_day(workbook):
    head = ("station", "lat", "lon", "date", "time", "pm25")
    rows = [("a", 31.2, 121.4, DAY, dt.time(h), 30 + h) for h in (7, 8)]
    times, values = read(workbook(s=[head, *rows]))
    assert times == ["2015-01-09T23:00", "2015-01-10T00:00"]
    assert values.tolist() == [37, 38]


def test_numbers_in_text_and_missing_cells(workbook):
    cells = ("30.5", 31.5, None, "NA", "#N/A", "—", 33)
    _, values = read(workbook(s=[HEAD, *hourly(*cells)]))
    np.testing.assert_array_equal(values, [30.5, 31.5, *[np.nan] * 4, 33])


def test_a_cell_that_is_no_number_is_named_by_its_row(workbook):
    rows = [("Air quality of the city",), (), HEAD, *hourly(30, "high", 32)]
    with pytest.raises(DataError, match="row 5, column 'pm25': 'high' is no number"):
        read(workbook(s=rows))


def test_identifiers_that_a_sheet_shows_shortened_keep_their_digits(workbook):
    rows = [
        HEAD,
        *hourly(30, station=310115000001),
        *((310115000002, 31.3, 121.5, DAY, 40),),
    ]
    dataset = stations.load([workbook(s=rows)], CHINA)
    assert list(dataset["station"].values) == ["310115000001", "310115000002"]


def test_identifiers_beyond_the_digits_of_a_sheet_are_refused(workbook):
    rows = [HEAD, *hourly(30, station=3.101150000011234e18)]
    with pytest.raises(DataError, match="is a number that a spreadsheet shortened"):
        read(workbook(s=rows))


def test_merged_identifiers_are_missing_ones(tmp_path):
    book = openpyxl.Workbook()
    for row in (HEAD, *hourly(30, 31)):
        book.active.append(row)
    book.active.merge_cells("A2:A3")
    book.save(tmp_path / "book.xlsx")
    with pytest.raises(DataError, match="row 3, column 'station': the station is missing"):
        read(tmp_path / "book.xlsx")


def test_the_sheet_with_readings_is_read_and_said(workbook):
    path = workbook(notes=[("who", "when"), ("me", "now")], data=[HEAD, *hourly(30)], empty=[])
    dataset = stations.load([path], CHINA)
    assert float(dataset["pm2p5"][0, 0]) == 30
    assert "book.xlsx: read sheet data, and not notes." in dataset.attrs["notes"]


def test_a_workbook_of_mobile_samples_is_read(workbook):
    rows = [("time", "latitude", "longitude", "pm2p5"), (DAY, 31.2, 121.4, 30)]
    assert mobile.load([workbook(s=rows)], CHINA)["pm2p5"].values.tolist() == [30]


@pytest.mark.parametrize(
    ("sheets", "says"),
    [
        ({"a": [HEAD, *hourly(30)], "b": [HEAD, *hourly(30)]}, "several sheets have rows: a, b"),
        ({"a": [("x", "y"), (1, 2)], "b": [("x", "y"), (1, 2)]}, "several sheets have rows: a, b"),
        ({"a": []}, "the table has no rows"),
        ({"a": [HEAD]}, "the table has no rows"),
        ({"a": [("station", "Station"), (1, 2)]}, "row 1: column 'station' is there twice"),
        ({"a": [HEAD, (*hourly(30)[0], 1)]}, "row 2 has 6 cells, the header has 5"),
        ({"a": [HEAD[:4], hourly(30)[0][:4]]}, "only coordinates|column 'pm2p5' is missing"),
    ],
)
def test_a_workbook_that_does_not_say_enough_is_refused(workbook, sheets, says):
    with pytest.raises(DataError, match=says):
        read(workbook(**sheets))


@pytest.mark.parametrize("share", [0.2, 0.6, 0.98])
def test_a_workbook_that_is_cut_short_is_refused(workbook, share):
    path = workbook(s=[HEAD, *hourly(*range(30, 50))])
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DataError, match="this is a workbook of another form than XLSX, or a damag"):
        read(path)


def rewritten(path, part, change):
    """The workbook with one part of its archive changed."""
    old = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(old)) as source, zipfile.ZipFile(path, "w", 8) as target:
        for name in source.namelist():
            raw = source.read(name)
            target.writestr(name, change(raw) if name == part else raw)
    return path


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    ("part", "change"),
    [
        (SHEET, lambda raw: raw[: len(raw) // 2]),
        (SHEET, lambda raw: raw.replace(b'r="2"', b'r="two"', 1)),
        (SHEET, lambda raw: raw.replace(b'r="3"', b'r="90000000"', 1)),
        ("xl/workbook.xml", lambda raw: raw.replace(b"sheetId", b"x")),
        ("[Content_Types].xml", lambda raw: b"<x/>"),
    ],
)
def test_a_damaged_part_is_refused(workbook, part, change):
    path = rewritten(workbook(s=[HEAD, *hourly(30, 31)]), part, change)
    with pytest.raises(DataError, match="the workbook is damaged or cut short"):
        read(path)


def test_rows_beyond_the_extent_that_a_sheet_states_are_read(workbook):
    path = workbook(s=[HEAD, *hourly(30, 31, 32)])
    rewritten(path, SHEET, lambda raw: raw.replace(b'ref="A1:E4"', b'ref="A1:E2"'))
    assert read(path)[1].tolist() == [30, 31, 32]


def test_a_bomb_is_refused_by_its_size_before_it_is_unpacked(workbook, monkeypatch):
    blank = b"<row>" + b"<c/>" * 5_000_000 + b"</row>"
    monkeypatch.setenv("AIRLENS_MAX_BYTES", "100000000")
    path = rewritten(workbook(s=[HEAD]), SHEET, lambda raw: blank)
    assert path.stat().st_size < 100_000
    with pytest.raises(DataError, match=r"the workbook has .* bytes unpacked, and at most"):
        read(path)


def test_rows_that_a_sheet_repeats_are_counted(workbook, monkeypatch):
    path = workbook(s=[HEAD, *hourly(*range(30, 50))])
    monkeypatch.setenv("AIRLENS_MAX_ROWS", "10")
    with pytest.raises(DataError, match="the sheet has 11 rows"):
        read(path)
    monkeypatch.delenv("AIRLENS_MAX_ROWS")
    monkeypatch.setenv("AIRLENS_MAX_BYTES", "100000")
    with pytest.raises(DataError, match="the workbook has"):
        read(path)
