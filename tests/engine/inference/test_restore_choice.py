"""`auto` in a study: the default stands unless another model is shown to be better."""

import json

import numpy as np
import pytest
import xarray as xr

from engine import library
from engine.inference import restore_choice
from engine.inference.restore_choice import Taken

ROWS, COLUMNS, STEP = 64, 64, 0.5  # 32° a side: 64 squares of 4°


def days(count, start="2014-01-01"):
    return np.datetime64(start, "ns") + np.arange(count) * np.timedelta64(1, "D")


def grid(count, *, pattern):
    """Maps with a pattern that stays, or with one that is new each day."""
    rng = np.random.default_rng(3)
    stays = rng.normal(0, 5, (ROWS, COLUMNS))
    maps = [
        60 + (stays if pattern == "stays" else rng.normal(0, 5, (ROWS, COLUMNS)))
        for _ in range(count)
    ]
    return xr.Dataset(
        {
            "pm2p5": (
                ("valid_time", "latitude", "longitude"),
                np.stack(maps).astype(np.float32),
                {"units": "ug m-3"},
            )
        },
        coords={
            "valid_time": days(count),
            "latitude": 50 - STEP * np.arange(ROWS),
            "longitude": 80 + STEP * np.arange(COLUMNS),
        },
        attrs={
            "kind": "grid",
            "period": "day",
            "utc_offset_hours": 0,
            "source": "made for a test",
            "licence": "CC0",
            "synthetic": 1,
        },
    )


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path))
    monkeypatch.setattr(restore_choice, "candidates", lambda about: ["bicubic", "bicubic-ratio"])
    return tmp_path


def stored(name, dataset, count):
    end = days(count)[-10].astype("datetime64[D]").item()
    library.store(dataset, name, train_end=end)
    return library.info(name)


def test_a_pattern_that_stays_gives_the_ratio_its_place(home):
    # 60 days are too few for the ratio to be the default; it has to be shown to be better.
    about = stored("stays", grid(60, pattern="stays"), 60)
    assert restore_choice.fixed_default(about) == "bicubic"
    taken = restore_choice.find(about)
    assert (taken.model, taken.reason) == ("bicubic-ratio", "better")
    assert taken.choice.units >= 49 and taken.choice.gain > 0.5
    assert "auto takes bicubic-ratio" in restore_choice.sentence(taken)


def test_where_nothing_stays_the_default_stands(home):
    about = stored("new", grid(60, pattern="new"), 60)
    taken = restore_choice.find(about)
    assert (taken.model, taken.reason) == ("bicubic", "default")
    assert "nothing is shown" in restore_choice.sentence(taken)


def test_dates_after_the_training_part_are_never_read(home):
    first = grid(60, pattern="stays")
    spoiled = first.copy(deep=True)
    spoiled["pm2p5"].values[52:] = 900.0
    taken = [
        restore_choice.find(stored(name, data, 60))
        for name, data in (("first", first), ("spoiled", spoiled))
    ]
    assert taken[0] == taken[1]


def test_what_was_found_is_kept_and_read_again(home, monkeypatch):
    about = stored("kept", grid(60, pattern="stays"), 60)
    assert restore_choice.known(about) == Taken("bicubic", "unknown")
    found = restore_choice.find(about)
    monkeypatch.setattr(restore_choice, "_judged", None)  # would fail if it were called
    assert restore_choice.known(about) == found == restore_choice.find(about)


def test_a_damaged_record_costs_a_new_choice_and_nothing_else(home):
    about = stored("damaged", grid(60, pattern="stays"), 60)
    restore_choice.find(about)
    (file,) = (home / "choices").glob("*.json")
    whole = json.loads(file.read_text())
    spoiled = [
        {"model": "rm", "reason": "", "choice": None, "late": []},
        whole | {"reason": "{{7*7}}"},
        whole | {"choice": whole["choice"] | {"gain": "<b>much</b>"}},
        whole | {"choice": whole["choice"] | {"runner_up": "[x](http://x)"}},
    ]
    for text in ("{", *map(json.dumps, spoiled)):
        file.write_text(text)
        assert restore_choice.known(about).reason == "unknown"


def test_few_dates_leave_the_default(home):
    about = stored("few", grid(12, pattern="stays"), 12)
    assert restore_choice.find(about) == Taken("bicubic", "no dates")


def test_no_time_leaves_out_what_is_not_judged_and_names_it(home):
    about = stored("late", grid(60, pattern="stays"), 60)
    taken = restore_choice.find(about, seconds=-1)
    assert (taken.model, taken.late) == ("bicubic", ("bicubic-ratio",))
    assert "not judged in time: bicubic-ratio" in restore_choice.sentence(taken)
