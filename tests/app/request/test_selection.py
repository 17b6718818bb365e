from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.request import selection as request
from app.request.selection import Note, Selection, settle

DEMO_DAYS = [date(2015, 1, 1) + timedelta(days=n) for n in range(31) if n != 10]  # no 11 January
MONTHS = [date(y, m, 1) for y in (1998, 1999) for m in range(1, 13)]


class Library:
    """Two grids and a station table; the page can only show what `kinds` admits."""

    def __init__(self, *names):
        self.names = names or ("demo", "monthly", "points")

    def datasets(self):
        return self.names

    def dates(self, dataset):
        return MONTHS if dataset == "monthly" else DEMO_DAYS

    def default_date(self, dataset):
        return self.dates(dataset)[5]

    def regions(self, dataset):
        return ("all", "yrd", "nanjing")

    def works(self, dataset):
        return ("finer", "restore") if dataset == "monthly" else ("",)

    def climatologies(self, dataset, work):
        return ("fine", "other", "") if work == "finer" else ("",)

    def merges(self, dataset, work):
        return ("monitors", "") if work == "finer" else ("",)

    def means(self, dataset, work):
        return ("", "month", "12") if work == "finer" else ("",)

    def models(self, dataset, work, climatology):
        if work == "finer":
            return ("auto", "ratio", "area") if climatology else ("auto", "area")
        return ("idw", "kriging") if dataset == "points" else ("bicubic", "copy")

    def standards(self):
        return ("cn-2026", "who-2021")


def chosen(**change):
    base = Selection("demo", date(2015, 1, 3), "yrd", "copy", "who-2021")
    return replace(base, **change)


def test_nothing_asked_gives_the_defaults():
    selection, notes = settle({}, [], Library())
    assert selection == Selection("demo", DEMO_DAYS[5], "all", "bicubic", "cn-2026")
    assert notes == []


@pytest.mark.parametrize(
    "selection",
    [
        chosen(),
        chosen(dataset="monthly", date=date(1999, 2, 1), work="restore"),
        chosen(
            dataset="monthly",
            date=date(1999, 2, 1),
            work="finer",
            climatology="other",
            model="ratio",
        ),
        chosen(dataset="monthly", date=date(1999, 2, 1), work="finer", merge="", model="auto"),
        chosen(dataset="points", model="kriging", region="117,29,123,33"),
        chosen(date=None, missing=date(2015, 1, 11)),
    ],
)
def test_a_link_says_the_same_to_a_colleague(selection):
    link = request.read(request.write(selection))
    assert settle(link, [], Library()) == (selection, [])


@pytest.mark.parametrize("key", ["dataset", "region", "model", "standard", "date"])
def test_what_is_unknown_is_dropped_and_noted(key):
    link = request.write(chosen()) | {key: "nonsense"}
    selection, notes = settle(link, [], Library())
    assert notes == [Note(f"request.unknown_{key}", "nonsense")]
    expected, _ = settle({k: v for k, v in link.items() if k != key}, [], Library())
    assert selection == expected


def test_a_date_without_data_is_never_replaced_by_another():
    selection, notes = settle({"date": "2015-01-11"}, [chosen()], Library())
    assert selection.date is None
    assert selection.missing == date(2015, 1, 11)
    assert notes == []


def test_a_missing_date_stays_missing_until_another_is_chosen():
    missing = chosen(date=None, missing=date(2015, 1, 11))
    selection, _ = settle({"model": "bicubic"}, [missing, chosen()], Library())
    assert (selection.date, selection.missing) == (None, date(2015, 1, 11))
    selection, _ = settle({"date": "2015-01-12"}, [missing, chosen()], Library())
    assert (selection.date, selection.missing) == (date(2015, 1, 12), None)
    selection, _ = settle({"dataset": "monthly"}, [missing, chosen()], Library())
    assert selection.missing is None


def test_the_latest_date():
    selection, _ = settle({"date": "latest"}, [], Library())
    assert selection.date == DEMO_DAYS[-1]


def test_a_month_may_be_written_short():
    selection, _ = settle({"dataset": "monthly", "date": "1999-03"}, [], Library())
    assert selection.date == date(1999, 3, 1)


def test_a_page_of_another_kind_takes_what_was_last_chosen_there():
    stations = chosen(dataset="points", model="kriging", date=date(2015, 1, 9))
    back_on_the_map = chosen(dataset="demo", date=date(2015, 1, 20))
    selection, notes = settle({}, [back_on_the_map, stations], Library("points"))
    assert (selection.dataset, selection.model) == ("points", "kriging")
    assert selection.date == date(2015, 1, 9)
    assert notes == []


def test_another_dataset_keeps_the_date_where_it_can():
    recent = [chosen(date=date(2015, 1, 20))]
    selection, _ = settle({"dataset": "points"}, recent, Library())
    assert selection.date == date(2015, 1, 20)
    selection, _ = settle({"dataset": "monthly"}, recent, Library())
    assert selection.date == MONTHS[5]  # far outside: the dataset's own default


def test_a_box_is_written_one_way():
    selection, notes = settle({"region": "117.0, 29,123 ,33.50"}, [], Library())
    assert selection.region == "117,29,123,33.5"
    assert notes == []


def test_an_impossible_box_is_noted():
    selection, notes = settle({"region": "123,29,117,33"}, [], Library())
    assert selection.region == "all"
    assert notes == [Note("request.unknown_region", "123,29,117,33")]


def test_a_note_quotes_without_markup():
    _, notes = settle({"model": "<img src=x onerror=alert(1)>"}, [], Library())
    assert notes[0].value == "img src=x onerror=alert1"
    _, notes = settle({"model": "x" * 100}, [], Library())
    assert len(notes[0].value) == 40


def test_only_our_keys_are_read():
    assert request.read({"date": " 2015-01-03 ", "model": " ", "v": "1"}) == {"date": "2015-01-03"}


def test_nearest_dates_are_in_order():
    near = request.nearest(date(2015, 1, 11), DEMO_DAYS, 4)
    assert near == [date(2015, 1, d) for d in (9, 10, 12, 13)]


def test_steps_stop_at_the_ends_and_skip_gaps():
    assert request.step(date(2015, 1, 10), DEMO_DAYS, 1) == date(2015, 1, 12)
    assert request.step(date(2015, 1, 31), DEMO_DAYS, 1) == date(2015, 1, 31)
    assert request.step(date(2015, 1, 1), DEMO_DAYS, -7) == date(2015, 1, 1)
    assert request.step(date(2015, 1, 11), DEMO_DAYS, 1) == date(2015, 1, 10)


@given(st.dictionaries(st.sampled_from([*request.KEYS, "lang", "x"]), st.text(max_size=60)))
def test_no_link_can_break_it(params):
    selection, _ = settle(request.read(params), [], Library())
    assert selection.dataset in Library().datasets()
    assert (selection.date is None) != (selection.missing is None)
    assert settle(request.read(request.write(selection)), [], Library()) == (selection, [])


def test_a_link_of_an_older_version_keeps_its_study():
    link = {"dataset": "monthly", "date": "1999-02", "model": "copy"}
    selection, notes = settle(link, [], Library())
    assert (selection.work, selection.model, notes) == ("restore", "copy", [])


def test_no_stations_is_a_choice_that_a_link_keeps():
    link = {"dataset": "monthly", "work": "finer", "merge": "none", "climatology": "none"}
    selection, notes = settle(link, [], Library())
    assert (selection.merge, selection.climatology, notes) == ("", "", [])
    made = request.request_of(replace(selection, date=MONTHS[0]))
    assert (made.work, made.model) == ("downscale", "auto")


def test_a_page_without_the_choice_drops_it_without_a_note():
    link = {"dataset": "demo", "work": "finer", "merge": "monitors", "climatology": "fine"}
    selection, notes = settle(link, [], Library())
    assert (selection.work, selection.merge, selection.climatology, notes) == ("", "", "", [])


def test_stations_that_do_not_fit_are_named():
    _, notes = settle({"dataset": "monthly", "work": "finer", "merge": "far"}, [], Library())
    assert notes == [Note("request.unknown_merge", "far")]


def test_a_mean_is_kept_in_the_link_and_goes_into_the_request():
    link = {"dataset": "monthly", "work": "finer", "mean": "12"}
    selection, notes = settle(link, [], Library())
    assert (selection.mean, notes) == ("12", [])
    assert request.write(selection)["mean"] == "12"
    assert request.request_of(replace(selection, date=MONTHS[0])).hour == 12
    whole = replace(selection, mean="month", date=MONTHS[0])
    assert (request.request_of(whole).month, request.request_of(whole).hour) == (True, None)
    assert settle(link | {"mean": "77"}, [], Library())[1] == [Note("request.unknown_mean", "77")]
