"""Station checks of stored datasets, and on the real table of cities in its printed places."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from station_worlds import world

from engine.data import stations
from engine.library.station_checks import check_stations, network_of, steps_of
from engine.verify.station_checks import failing

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "city-daily"
CITIES = SHARED / "china183_daily_2014_2015_clean.parquet"


def test_steps_are_hours_local_days_or_months():
    hours = world(hours=30).isel(valid_time=[0, 1, 2, 5])
    assert np.diff(steps_of(hours)).tolist() == [1, 1, 3]
    days = world(hours=30, period="day").isel(valid_time=[0, 1, 2, 9])
    assert np.diff(steps_of(days)).tolist() == [1, 1, 7]
    months = world(hours=4, period="month")
    # The first of a month in China begins on the last of the month before in UTC.
    first = pd.date_range("2015-01-01", periods=4, freq="MS") - pd.Timedelta("8h")
    months = months.assign_coords(valid_time=first.astype("datetime64[ns]"))
    assert steps_of(months).tolist() == [540, 541, 542, 543]  # 45 years after 1970


def test_a_network_is_what_the_dataset_holds():
    dataset = world()
    given = network_of(dataset.transpose("station", "valid_time"))
    assert given.stations == tuple(dataset["station"].values)
    assert given.period == "hour"
    np.testing.assert_array_equal(given.values, dataset["pm2p5"].values)
    assert given.values.shape == (len(given.steps), len(given.stations))
    np.testing.assert_allclose(given.longitude, dataset["longitude"].values)
    assert not given.at_sea.any()


def test_a_station_at_sea_and_a_wrong_unit_are_found():
    dataset = world(stations=14)
    latitude, longitude = dataset["latitude"].values, dataset["longitude"].values
    latitude[2], longitude[2] = 29.0, 128.0  # in the East China Sea
    values = dataset["pm2p5"].values
    values[:, 5] /= 1000
    dataset = dataset.assign_coords(
        latitude=("station", latitude), longitude=("station", longitude)
    ).assign(pm2p5=dataset["pm2p5"].copy(data=values))
    found = check_stations(dataset).findings
    assert {(f.station, f.check) for f in found} == {("s2", "sea"), ("s5", "unit")}
    assert failing(found) == {"s2", "s5"}


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """The cities at their printed places: with other names the reader does not correct them."""
    if not CITIES.exists():
        pytest.skip(f"real file {CITIES.name} is not here; it lies in ../shared/data")
    table = pd.read_parquet(CITIES)
    table["city"] = table["city"] + " city"
    path = tmp_path_factory.mktemp("cities") / "printed.parquet"
    table.to_parquet(path)
    return stations.load([path])


def by_series():
    """Cities whose wrong place the evidence of their series shows."""
    table = pd.read_csv(SHARED / "corrected_places.csv")
    return {f"{c} city" for c in table["city"][table["evidence"].str.startswith("series")]}


@pytest.mark.parametrize("years", [("2014", "2015"), ("2014", "2014"), ("2015", "2015")])
def test_all_seven_wrong_cities_are_found_and_no_other(printed, years):
    found = check_stations(printed.sel(valid_time=slice(*years)))
    wrong = {f.station for f in found.findings if f.check == "place"}
    assert len(by_series()) == 7
    assert wrong == by_series()
    assert failing(found.findings) == wrong


def test_the_first_false_alarm_is_far_below_the_least_wrong_city(printed):
    rows = check_stations(printed).rows
    least = min(row.gap for row in rows if row.station in by_series())
    first = max(row.gap for row in rows if row.station not in by_series())
    assert least > 0.48
    assert first < 0.21


def test_corrected_places_give_no_finding_of_place():
    if not CITIES.exists():
        pytest.skip(f"real file {CITIES.name} is not here; it lies in ../shared/data")
    found = check_stations(stations.load([CITIES]))
    assert failing(found.findings) == set()
    assert {f.check for f in found.findings} == {"zero", "frozen"}
    assert found.unchecked == {"unit": 0, "place": 0}
