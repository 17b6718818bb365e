"""Which datasets go together, by their records alone."""

import datetime as dt

import pytest

from engine.core.errors import RequestError
from engine.inference import offers
from engine.library import DatasetInfo


def record(name, kind="grid", *, cell=0.1, box=(110.0, 30.0, 118.0, 38.0), **changes):
    west, south, east, north = box
    rows, columns = round((north - south) / cell), round((east - west) / cell)
    fields = {
        "name": name,
        "kind": kind,
        "period": "month",
        "start": dt.date(2014, 1, 1),
        "end": dt.date(2015, 12, 31),
        "bounds": box,
        "shape": {"latitude": rows, "longitude": columns} if kind == "grid" else {"station": 9},
        "variables": ("pm2p5",),
        "source": "",
        "licence": "",
        "synthetic": False,
        "utc_offset_hours": 0.0,
        "checksum": name,
        "units": "ug m-3",
        "imported_at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "train_end": None,
    }
    return DatasetInfo(**fields | changes)


COARSE = record("coarse", cell=0.8)


def test_a_cell_is_as_high_as_bounds_and_rows_say():
    assert COARSE.cell_degrees == pytest.approx(0.8)
    assert record("points", "stations").cell_degrees is None


def test_the_fine_dataset_with_more_years_is_taken():
    short, long = record("short"), record("long", start=dt.date(2009, 1, 1))
    assert offers.taken(COARSE, [COARSE, short, long]) == "long"


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (record("medium", cell=0.5), "half as wide"),
        (record("far", box=(0.0, 0.0, 8.0, 8.0)), "no place in common"),
        (record("made", synthetic=True), "simulated"),
    ],
)
def test_what_does_not_fit_is_listed_with_its_reason(other, says):
    (offer,) = offers.climatologies(COARSE, [COARSE, other])
    assert isinstance(offer.problem, RequestError) and says in str(offer.problem)
    assert offers.taken(COARSE, [COARSE, other]) == ""


@pytest.mark.parametrize(
    "other",
    [
        record("predicted", made_by="prediction"),
        record("corner", box=(117.0, 30.0, 125.0, 38.0)),
    ],
)
def test_what_has_to_be_named_is_offered_but_not_taken(other):
    assert [o.problem for o in offers.climatologies(COARSE, [COARSE, other])] == [None]
    assert offers.taken(COARSE, [COARSE, other]) == ""


def test_simulated_data_are_never_taken_by_themselves():
    demo, fine = record("demo", cell=0.8, synthetic=True), record("fine", synthetic=True)
    assert offers.climatologies(demo, [demo, fine])[0].problem is None
    assert offers.taken(demo, [demo, fine]) == ""


def test_stations_need_common_dates_and_means_that_are_not_longer():
    later = record("later", "stations", start=dt.date(2020, 1, 1), end=dt.date(2021, 1, 1))
    hours = record("hours", "stations", period="hour")
    day, months = record("day", period="day"), record("months", "stations")
    assert [o.name for o in offers.station_datasets(COARSE, [hours, later])] == ["hours", "later"]
    assert "date in common" in str(offers.station_datasets(COARSE, [later])[0].problem)
    assert "means are over a month" in str(offers.station_datasets(day, [months])[0].problem)


def test_the_namesake_comes_first():
    other, own = record("a", "stations"), record("coarse-stations", "stations")
    assert offers.station_datasets(COARSE, [other, own])[0].name == "coarse-stations"
