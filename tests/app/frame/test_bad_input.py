"""Bad files brought in on the page: one plain sentence, a way out, and nothing lost."""

import errno
import re
from types import SimpleNamespace

import numpy as np
import pytest
import world
from streamlit.testing.v1 import AppTest

from app.frame import import_data
from engine import library
from engine.core.errors import StorageError
from engine.library import importing

STATIONS = "station,latitude,longitude,time,pm2p5\n"
ROWS = "a,31.0,120.0,2020-01-01T00:00,35\na,31.0,120.0,2020-01-01T01:00,36\n"


def netcdf(tmp_path, change=lambda dataset: dataset):
    """A CF grid as a user may have it, with one thing wrong."""
    dataset = world.grid().rename(valid_time="time")
    dataset.attrs = {}
    dataset = change(dataset)
    path = tmp_path / "maps.nc"
    dataset.to_netcdf(path)
    return path.read_bytes()


def without_units(dataset):
    return (dataset * 1e-9).assign(pm2p5=lambda d: d["pm2p5"].drop_attrs())  # kg m-3, unsaid


def with_units(units):
    def change(dataset):
        dataset["pm2p5"].attrs["units"] = units
        return dataset

    return change


def empty(dataset):
    dataset["pm2p5"][:] = np.nan
    return dataset


BAD = {
    "cut off": ("grid", "maps.nc", lambda tmp: netcdf(tmp)[:5000], r"maps\.nc"),
    "no NetCDF": ("grid", "maps.nc", lambda tmp: b"hello" * 100, r"maps\.nc"),
    "nothing in it": ("grid", "maps.nc", lambda tmp: b"", r"maps\.nc"),
    "no unit": ("grid", "maps.nc", lambda tmp: netcdf(tmp, without_units), r"unit"),
    "wrong unit": ("grid", "maps.nc", lambda tmp: netcdf(tmp, with_units("K")), r"\bK\b"),
    "a column missing": (
        "stations",
        "table.csv",
        lambda tmp: (STATIONS + ROWS).replace("pm2p5", "ozone").encode(),
        r"pm2p5|pm25",
    ),
    "words for numbers": (
        "stations",
        "table.csv",
        lambda tmp: (STATIONS + ROWS + "a,31.0,120.0,2020-01-01T02:00,high\n").encode(),
        r"4",  # the line
    ),
    "not a table": ("mobile", "bus.csv", lambda tmp: b"\x00\x01\x02" * 50, r"bus\.csv"),
}


def script():
    """The dialog's import, on what the test left in the session."""
    import streamlit as st

    from app import i18n
    from app.frame import import_data

    st.session_state["made"] = import_data.take(st.session_state["form"], i18n.words("en"))


def tried(form):
    at = AppTest.from_function(script, default_timeout=120)
    at.session_state["form"] = form
    return at.run()


def form(kind, name, content, dataset="bad", **more):
    upload = SimpleNamespace(name=name, getbuffer=lambda: content)
    given = {"units": "", "offset": None, "coordinates": None, "source": "", "licence": ""}
    return import_data.Form(kind=kind, name=dataset, files=(upload,), **(given | more))


@pytest.mark.usefixtures("app_home")
def test_a_fault_of_ours_is_a_number_and_no_traceback(monkeypatch):
    def fails(*args, **kwargs):
        raise ZeroDivisionError("a secret of the code")

    monkeypatch.setattr(library, "import_files", fails)
    at = tried(form("stations", "table.csv", (STATIONS + ROWS).encode()))
    assert not at.exception
    assert len(at.error) == 1
    assert "secret" not in at.error[0].value
    assert at.session_state["made"] is None


@pytest.mark.usefixtures("app_home")
@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_one_plain_sentence(case, tmp_path):
    kind, name, make, predicted = BAD[case]
    before = library.names()
    assert "bad" not in before
    at = tried(form(kind, name, make(tmp_path)))
    assert not at.exception
    assert len(at.error) == 1
    text = at.error[0].value.replace("\\", "")
    assert re.search(predicted, text), text
    assert "Traceback" not in text
    assert "airlens-upload" not in text, "the temporary folder says nothing to a reader"
    assert len(text) < 600
    assert at.session_state["made"] is None
    assert library.names() == before


@pytest.mark.usefixtures("app_home")
def test_an_option_that_an_error_names_is_found_in_the_form(tmp_path):
    unit = tried(form("stations", "table.csv", (STATIONS + "a,31,120,2020-01-01,3\n").encode()))
    said = unit.error[0].value.replace("\\", "")
    assert "under More options" in said and "--" not in said
    chosen = tried(form("grid", "maps.nc", netcdf(tmp_path), variable="ozone"))
    assert "no variable 'ozone' is in it" in chosen.error[0].value.replace("\\", "")


@pytest.mark.usefixtures("app_home")
def test_a_name_in_use_or_no_name_is_refused(tmp_path):
    content = netcdf(tmp_path)
    for name, predicted in (("tiny", "tiny"), ("../up", "name"), ("demo", "demo")):
        at = tried(form("grid", "maps.nc", content, dataset=name))
        assert predicted in at.error[0].value
    assert world.DAYS[-1] == library.info("tiny").end


@pytest.mark.usefixtures("app_home")
def test_a_full_disk_loses_nothing(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(importing.grids, "write", full)
    before = library.names()
    at = tried(form("grid", "maps.nc", netcdf(tmp_path)))
    assert not at.exception
    assert "space" in at.error[0].value.lower()
    assert library.names() == before
    assert library.open_dataset("tiny")["pm2p5"].sizes["valid_time"] == len(world.DAYS)


def test_a_storage_error_says_where(app_home, monkeypatch, tmp_path):
    def broken(*args, **kwargs):
        raise StorageError("the library is read-only", where="the library", remedy="Allow writing")

    monkeypatch.setattr(import_data.library, "import_files", broken)
    at = tried(form("grid", "maps.nc", b"x"))
    assert "read-only" in at.error[0].value
    assert "Allow writing" in at.error[0].value


@pytest.fixture
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path / "home"))


def test_the_files_say_what_the_form_leaves_open(own_home):
    table = (STATIONS + ROWS).encode()
    at = tried(form("stations", "table.csv", table, dataset="utc", offset=0.0))
    assert not at.error
    at = tried(form("stations", "table.csv", table, dataset="east", offset=8.0))
    assert not at.error
    utc, east = (library.open_dataset(n)["valid_time"].values[0] for n in ("utc", "east"))
    assert utc - east == np.timedelta64(8, "h")


def test_coordinates_may_come_in_a_file_of_their_own(own_home):
    table = b"station,time,pm2p5\na,2020-01-01T00:00,35\na,2020-01-01T01:00,36\n"
    places = SimpleNamespace(
        name="places.csv", getbuffer=lambda: b"station,latitude,longitude\na,31.5,120.5\n"
    )
    alone = tried(form("stations", "table.csv", table, dataset="alone", offset=8.0))
    assert "latitude" in alone.error[0].value
    both = tried(
        form("stations", "table.csv", table, dataset="both", offset=8.0, coordinates=places)
    )
    assert not both.error
    assert library.open_dataset("both")["latitude"].values.tolist() == [31.5]
