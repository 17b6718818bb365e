"""What `make results-onemap` computes, on made-up maps and stations."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from engine.core.errors import NotFoundError
from engine.fusion.groups import distances, schemes, units
from engine.research.onemap import cities, hours, page, restored, terrain

RNG = np.random.default_rng(0)
LAT, LON = RNG.uniform(28, 34, 14), RNG.uniform(112, 120, 14)


@pytest.fixture
def maps(monkeypatch):
    """Four by four cells of the product, rows from the south."""
    monkeypatch.setattr(cities, "ROWS", 4)
    monkeypatch.setattr(cities, "COLUMNS", 4)
    axes = {"lat": 20.05 + 0.1 * np.arange(4), "lon": 110.05 + 0.1 * np.arange(4)}
    values = np.arange(16.0).reshape(1, 4, 4)
    values[0, 3, 3] = np.nan
    return xr.DataArray(values, {"time": [0], **axes}, ("time", "lat", "lon"))


def test_a_city_has_the_cell_that_holds_it(maps, monkeypatch, tmp_path):
    where = {
        "middle": (20.15, 110.25),
        "edge": (20.2, 110.1),  # an edge is the southern and the eastern cell's
        "sea": (20.35, 110.35),
        "beyond": (21.0, 110.2),
    }
    table = pd.DataFrame(
        [("2015-01-01", name, *place, 50.0) for name, place in where.items()],
        columns=["date", "city", "lat", "lon", "pm25"],
    )
    monkeypatch.setattr(cities, "CITIES", tmp_path / "cities.parquet")
    table.to_parquet(cities.CITIES)
    known = cities.places(maps)
    assert known.name == ["edge", "middle"]
    assert known.of(maps.values).tolist() == [[5.0, 6.0]]


def observed(dates):
    """Values with a pattern of the place and a level of the date."""
    pattern = 40 + 10 * np.sin(LAT) + 10 * np.cos(LON)
    return pattern * np.exp(RNG.normal(0, 0.3, (dates, 1)) + RNG.normal(0, 0.1, (dates, 14)))


def test_a_table_has_each_background_beside_kriging():
    values, learning = observed(24), np.arange(24) < 12
    good = values * np.exp(RNG.normal(0, 0.01, values.shape))
    known = {"none": None, "good": good, "doubled": 2 * (good + 1) - 1}
    made = cities.table(values, known, learning, (LAT, LON), np.arange(1, 13))
    rows = made["rows"]
    assert made["cities"] == 14
    assert rows["none"]["raw"] is None
    assert rows["none"]["fused_gain_over_kriging"]["singly"][0] == 0
    assert rows["good"]["raw"] == pytest.approx(np.sqrt(np.mean((good - values)[12:] ** 2)))
    assert rows["good"]["fused"]["singly"] < rows["none"]["fused"]["singly"]
    # One factor of the learning dates sets right what is twice too high.
    assert rows["doubled"]["raw"] > 30
    assert rows["doubled"]["one_factor"] == pytest.approx(rows["good"]["one_factor"], rel=1e-6)


def test_constants_are_of_the_learning_dates_alone():
    values, learning = observed(24), np.arange(24) < 12
    km = distances(LAT, LON)
    ways = schemes(LAT, LON, units(km))
    background = observed(24)
    made = cities.errors(values, background, learning, km, ways)
    values[12:] *= 3
    again = cities.errors(values, background, learning, km, ways)
    assert made.learned.covariance == again.learned.covariance
    assert made.raw.shape == (12, 14)


def test_a_day_of_fewer_than_twenty_hours_has_no_mean(monkeypatch, tmp_path):
    times = pd.date_range("2015-12-20", "2016-01-08 23:00", freq="h")
    rows = pd.DataFrame(
        [
            (t.year, t.month, t.day, f"s{n}", LAT[n], LON[n], 50 + 10 * n + t.day)
            for t in times
            for n in range(14)
            if not (t >= pd.Timestamp("2016-01-08") and t.hour >= 19)  # 19 hours
        ],
        columns=["year", "month", "day", "station", "lat", "lon", "PM2.5"],
    )
    monkeypatch.setattr(hours, "BEIJING", tmp_path / "hours.parquet")
    monkeypatch.setattr(hours, "WUSTL", tmp_path / "months.nc")
    rows.to_parquet(hours.BEIJING)
    months = pd.date_range("2008-01-01", periods=60, freq="MS")
    axes = {"time": months, "lat": np.arange(27.0, 36.0), "lon": np.arange(111.0, 122.0)}
    xr.DataArray(np.full((60, 9, 11), 60.0), axes, name="PM25").to_netcdf(hours.WUSTL)
    whole = hours.beijing()
    assert whole["stations"] == 14
    seven = rows[~((rows["year"] == 2016) & (rows["day"] == 8))]
    seven.to_parquet(hours.BEIJING)
    assert hours.beijing()["kriging"] == whole["kriging"]  # the eighth day counts nowhere


def test_without_the_real_data_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(cities, "WUSTL", tmp_path / "none.nc")
    with pytest.raises(NotFoundError, match="the real data are not here"):
        cities.product()


def test_the_page_is_that_of_its_record():
    assert page.PAGE.read_text(encoding="utf-8") == page.page(
        page.json.loads(page.RECORD.read_text(encoding="utf-8"))
    )


def test_squares_of_the_height_step_are_counted_by_hand(monkeypatch):
    monkeypatch.setattr(terrain, "SQUARE", 1)
    smooth, step = np.array([[[2.0, 2.0, np.nan]]]), np.array([[[1.0, 3.0, 5.0]]])
    found = terrain._scores(smooth, step)
    assert found["smooth"] == pytest.approx(2.0) and found["step"] == pytest.approx(5**0.5)
    assert found["gain"][0] == pytest.approx(1 - 5**0.5 / 2)
    assert (found["squares"], found["worse"]) == (2, 1)


def test_the_rows_of_height_and_of_known_years():
    part = {"East": {"smooth": 2.0, "step": 1.0, "gain": [0.5, 0.4, 0.6], "squares": 9, "worse": 1}}
    assert page._terrain(part) == [("East", "2.00", "1.00", "-50.0% [-60.0%, -40.0%]", "9", "1")]
    years = {"2": {"taken": "a", "best": "b", "errors": {"a": 2.0, "b": 1.0}}}
    assert page._restored(years) == [("2", "a", "2.00", "b", "1.00", "2.000")]


@pytest.mark.parametrize("record", [terrain.record, restored.record])
def test_without_the_real_maps_one_sentence_says_so(monkeypatch, tmp_path, record):
    monkeypatch.setattr(terrain, "DATA", tmp_path)
    monkeypatch.setattr(restored, "WUSTL", tmp_path / "none.nc")
    with pytest.raises(NotFoundError, match="not here"):
        record()
