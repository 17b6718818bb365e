"""The demo that ships: whole, small, and like the delta it stands for."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from engine import library
from engine.core.grid import distance_km
from engine.core.paths import ROOT
from engine.core.schema import check
from engine.research.demo.statistics import (
    CITIES,
    STREETS,
    TOLERANCES,
    Line,
    of_cities,
    of_streets,
    real_cities,
    street_cells,
)
from engine.twin import demo_cells, demo_info, open_demo
from engine.twin.network import network
from engine.twin.shipped import FILES, FOLDER

NEAR_KM = 20.0  # stations this near to a city's centre are its own
RECORD = ROOT / "docs" / "results" / "demo-world.json"


def test_it_ships_two_seasons_in_little_room():
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    assert size <= 25e6
    days = open_demo("demo")["valid_time"].values + np.timedelta64(8, "h")
    months = pd.DatetimeIndex(days).month
    assert len(days) >= 60
    assert {1, 7} <= set(months)


def test_each_dataset_keeps_the_contract_and_says_that_it_is_simulated():
    assert library.names()[:4] == ["demo", "demo-stations", "demo-mobile", "demo-cities"]
    for name in ("demo", "demo-stations", "demo-mobile", "demo-cities"):
        dataset = check(library.open_dataset(name), where=name)
        assert dataset.attrs["synthetic"] == 1
        assert "simulated" in library.info(name).source
    maps = open_demo("demo")
    assert maps["pm2p5"].dtype == np.float32
    first = maps["pm2p5"].isel(valid_time=0).values
    assert first.shape == (800, 720)
    assert 0.2 < np.isnan(first).mean() < 0.4
    assert np.nanmin(first) >= 0


def test_three_years_of_fifty_cities_ship():
    cities = open_demo("demo-cities")
    assert (FOLDER / FILES["demo-cities"]).stat().st_size <= 1e6
    assert cities["pm2p5"].sizes == {"valid_time": 1095, "station": 50}
    local = pd.DatetimeIndex(cities["valid_time"].values + np.timedelta64(8, "h"))
    assert (local[0].date(), local[-1].date()) == (dt.date(2013, 1, 1), dt.date(2015, 12, 31))
    assert cities["pm2p5"].notnull().mean() > 0.9
    assert cities["name"].to_series().is_unique
    assert demo_info()["demo-cities"]["period"] == "day"


def test_cities_have_the_air_of_the_maps():
    maps, cities = open_demo("demo"), open_demo("demo-cities")
    day = maps["pm2p5"].isel(valid_time=[3, -3])
    there = day.sel(latitude=cities["latitude"], longitude=cities["longitude"], method="nearest")
    same = cities["pm2p5"].sel(valid_time=maps["valid_time"].values[[3, -3]])
    good = (same.notnull() & there.notnull()).values
    assert np.corrcoef(there.values[good], same.values[good])[0, 1] > 0.9


def test_stations_stand_where_the_map_has_values_and_agree_with_it():
    maps, stations = open_demo("demo"), open_demo("demo-stations")
    day = maps["pm2p5"].isel(valid_time=-1)
    there = day.sel(
        latitude=stations["latitude"], longitude=stations["longitude"], method="nearest"
    )
    mean = stations["pm2p5"].isel(valid_time=slice(-24, None)).mean("valid_time")
    good = (
        stations["pm2p5"].isel(valid_time=slice(-24, None)).notnull().sum("valid_time") > 20
    ).values
    assert not np.isnan(there.values).any()
    assert np.corrcoef(there.values[good], mean.values[good])[0, 1] > 0.9


def test_the_truth_under_the_fleet_covers_its_drive():
    mobile, cells = open_demo("demo-mobile"), demo_cells()
    assert cells.sizes == {"valid_time": 336, "latitude": 10, "longitude": 10}
    assert mobile["valid_time"].values.min() >= cells["valid_time"].values[0]
    last = cells["valid_time"].values[-1] + np.timedelta64(1, "h")
    assert mobile["valid_time"].values.max() < last


@pytest.mark.parametrize("what", TOLERANCES)
def test_two_years_of_the_demo_world_are_like_the_delta(what):
    """On what `make results-demo-world` wrote."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))["statistics"]
    line = Line(what, record[what]["real"], record[what]["twin"], *TOLERANCES[what])
    assert line.kept, line


def test_the_table_is_that_of_the_real_cities():
    if not CITIES.is_file():
        pytest.skip("needs ../shared/data/city-daily")
    record = json.loads(RECORD.read_text(encoding="utf-8"))["statistics"]
    daily, latitude, longitude = real_cities()
    assert daily.shape == (730, 39)  # with Fuyang of Hangzhou at its own place
    for what, value in of_cities(daily, latitude, longitude).items():
        assert record[what]["real"] == pytest.approx(value, rel=1e-6)


def mean_of_valid(values):
    return np.ma.masked_invalid(values).mean(axis=1).filled(np.nan)


def city_means(hourly, dates, latitude, longitude):
    """Daily means of cities from hours at stations near, dates by positions of the cities."""
    stations = network()
    daily = mean_of_valid(hourly.reshape(len(dates), 24, -1))
    columns = {}
    for n, (lat, lon) in enumerate(zip(latitude, longitude, strict=True)):
        near = distance_km(stations.latitude, stations.longitude, lat, lon) < NEAR_KM
        if near.any():
            columns[n] = mean_of_valid(daily[:, near])
    return pd.DataFrame(columns, index=pd.DatetimeIndex(dates))


def test_the_shipped_windows_are_like_the_same_dates_of_the_delta():
    """So that the code that runs today made what the table tells."""
    if not CITIES.is_file():
        pytest.skip("needs ../shared/data/city-daily")
    daily, latitude, longitude = real_cities()
    stations = open_demo("demo-stations")
    hours = stations["pm2p5"].values
    dates = pd.DatetimeIndex(stations["valid_time"].values[::24] + np.timedelta64(8, "h"))
    twin = city_means(hours, list(dates.date), latitude, longitude)
    assert twin.shape[1] > 25
    daily = daily.iloc[:, list(twin.columns)]
    for start, end in (("2014-07-01", "2014-08-09"), ("2014-12-12", "2015-01-30")):
        real_part, twin_part = daily[start:end], twin[start:end]
        assert len(twin_part) == len(real_part) > 30
        # One spell of weather against another: looser than two years.
        assert twin_part.mean().mean() == pytest.approx(real_part.mean().mean(), rel=0.45)
        assert twin_part.std().median() == pytest.approx(real_part.std().median(), rel=0.55)
        lag = (
            twin_part.apply(lambda s: s.autocorr(1)).median(),
            real_part.apply(lambda s: s.autocorr(1)).median(),
        )
        assert lag[0] == pytest.approx(lag[1], abs=0.3)


def test_the_shipped_fleet_is_like_the_one_of_changshu():
    if not STREETS.is_file():
        pytest.skip("needs ../shared/data/changshu")
    real = of_streets(np.load(STREETS, allow_pickle=False).astype(float))
    twin = of_streets(street_cells(demo_cells()["pm2p5"].values, seed=1))
    for what, value in real.items():
        tolerance, relative = TOLERANCES[what]
        assert not relative
        assert twin[what] == pytest.approx(value, abs=1.5 * tolerance), what


def test_the_record_tells_where_learning_ends():
    assert demo_info()["demo"]["train_end"] == "2014-12-31"
    about = library.info("demo")
    assert about.train_end == dt.date(2014, 12, 31)
    assert about.start < about.train_end < about.end
