"""Texts that try to be more than text: each page, export and command shows them as they are."""

import csv
import io
import re

import hostile
import netCDF4
import numpy as np
import pytest
import rasterio
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.jobs import cache
from engine.cli import main
from engine.core.paths import APP
from engine.core.plaintext import storable
from engine.data import tables
from engine.inference import export
from engine.inference.request import Request
from engine.inference.run import predict

# What Markdown would turn into an element, unescaped; a backslash before the sign makes it text.
MARKUP = re.compile(
    r"(?<!\\)!\[p|(?<!\\)\[a\]\(|(?<!\\)<(img|script|b)\b|(?<!\\):red\[|(?<!\\)\$\\frac|(?<!\\)`code"
)
MARKDOWN_KINDS = ("markdown", "caption", "title", "header", "subheader", "error", "warning", "info")


@pytest.fixture(scope="module")
def hostile_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRLENS_HOME", str(home))
        hostile.build()
    return home


@pytest.fixture(autouse=True)
def _home(hostile_home, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(hostile_home))
    st.cache_resource.clear()
    st.cache_data.clear()
    cache.forget()


FINER = {"work": "finer", "climatology": hostile.TEXTS[3], "merge": "hostile-stations"}
PAGES = {
    "map": "hostile", "compare": "hostile", "errors": "hostile", "stations": "hostile-stations",
    "forecast": "hostile-mobile", "about": "hostile",
}  # fmt: skip


@pytest.mark.parametrize(
    ("page", "dataset", "more"),
    [*((page, dataset, {}) for page, dataset in PAGES.items()), ("map", "hostile", FINER)],
)
def test_no_page_makes_markup_of_them(page, dataset, more):
    import time

    at = AppTest.from_file(str(APP / "main.py"), default_timeout=120)
    at.query_params["dataset"] = dataset
    at.query_params["page"] = page
    at.query_params["region"] = hostile.TEXTS[5]  # a link holds text of a stranger too
    at.query_params["model"] = "idw" if page == "stations" else ""
    for key, value in more.items():
        at.query_params[key] = value
    at.run()
    end = time.monotonic() + 120
    while any(str(b.key).startswith("cancel-") for b in at.button) and time.monotonic() < end:
        time.sleep(0.1)
        at.run()
    assert not at.exception
    for kind in MARKDOWN_KINDS:
        for element in getattr(at, kind):
            assert not MARKUP.search(str(element.value)), (kind, element.value)
    for element in at.button:
        assert not MARKUP.search(element.label)
    for element in at.get("html"):
        body = re.sub(r"<style>.*?</style>", "", element.proto.body, flags=re.DOTALL)
        assert "<img" not in body and "window.hacked" not in re.sub(r"&lt;.*?&gt;", "", body)


@pytest.fixture(scope="module")
def fine(hostile_home):
    import datetime as dt

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRLENS_HOME", str(hostile_home))
        day = dt.date(2015, 1, 2)
        return (
            predict(Request("hostile", day, model="bicubic")),
            predict(Request("hostile-stations", day, model="idw")),
        )


def test_netcdf_holds_them_letter_for_letter(fine, tmp_path):
    for number, result in enumerate(fine):
        path = export.write(result, tmp_path / f"{number}.nc")
        with netCDF4.Dataset(path) as file:
            assert file.source == storable(hostile.ALL)
            assert file.licence == storable(hostile.ALL)
            if "station" in file.variables:
                found = [str(s) for s in np.ravel(file["name"][:])]
                assert found == [storable(t) for t in hostile.TEXTS]


def test_geotiff_holds_them(fine, tmp_path):
    path = export.write(fine[0], tmp_path / "a.tif")
    with rasterio.open(path) as file:
        kept = file.tags()["source"]
    known = storable(hostile.ALL)  # XML, in which GDAL keeps tags, has one kind of line end
    assert re.sub(r"\s+", " ", kept) == re.sub(r"\s+", " ", known)


def test_a_csv_runs_nothing_and_comes_back(fine, tmp_path):
    path = export.write(fine[1], tmp_path / "a.csv")
    text = path.read_text(encoding="utf-8")
    table = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    for row in csv.reader(io.StringIO(table)):
        for cell in row:
            assert not re.match(r"[=+@\t\r]|-(?!\d)", cell), cell
    for line in text.splitlines():
        if line.startswith("#"):
            assert not any(c.strip().startswith("=") for c in line.split(",")[1:])
    again = tables.read(path)
    assert list(tables.texts(again, "station")) == [
        storable(s).strip() for s in fine[1]["station"].values.astype(str)
    ]


COMMANDS = (
    ("datasets",),
    ("datasets", "--json"),
    ("predict", "bicubic", "--data", "hostile", "--date", "2015-01-02", "--out", "OUT.nc"),
    ("predict", "idw", "--data", "hostile-stations", "--date", "2015-01-02", "--out", "OUT.nc"),
    ("evaluate", "copy", "--data", "hostile", "--start", "2015-01-06", "--end", "2015-01-07"),
    ("predict", "bicubic", "--data", hostile.TEXTS[13], "--date", "2015-01-02", "--out", "OUT.nc"),
    ("predict", hostile.TEXTS[18], "--data", "hostile", "--date", "2015-01-02", "--out", "OUT.nc"),
    ("evaluate", "copy", "--data", "hostile", "--start", "\x1b[31m", "--end", "2015-01-07"),
    ("import", "grid", "\x1b[31m.nc", "--name", "new"),
    ("check", "hostile-stations"),
    ("check", "hostile-stations", "--csv", "OUT.csv"),
    ("predict", "--data", "hostile", "--date", "2015-01-02", "--stations", "hostile-stations",
     "--out", "OUT.nc"),
    ("predict", "--data", "hostile", "--date", "2015-01-02", "--climatology", hostile.TEXTS[13],
     "--out", "OUT.nc"),
    ("evaluate", "auto", "--data", "hostile", "--stations", "hostile-stations", "--start",
     "2015-01-02", "--end", "2015-01-04", "--csv", "OUT.csv"),
    ("import", "static", "\x1b[31m.tif", "--name", "new", "--variable", "\x1b[31m"),
    ("import", "static", "\x1b[31m.tif", "--name", "new", "--variable", "elevation"),
    ("inspect", "\x1b[31m.nc"),
    ("remove", "\x1b[31m", "--yes"),
    ("import", "stations", "[red]a[/red]\x1b.csv", "--name", "new"),
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=range(len(COMMANDS)))
def test_no_command_prints_what_a_terminal_obeys(command, capsys, tmp_path):
    with pytest.raises(SystemExit):
        main([part.replace("OUT", str(tmp_path / "out")) for part in command])
    out, err = capsys.readouterr()
    for text in (out, err):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert "Traceback" not in err


def test_datasets_shows_the_letters(capsys):
    with pytest.raises(SystemExit):
        main(["datasets"])
    out = capsys.readouterr().out
    assert "{{7*7}}" in out and "[red]rich[/red]" in out and r"\x1b[31mred" in out
