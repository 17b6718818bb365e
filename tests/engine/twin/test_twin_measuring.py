"""Stations and vehicles of the demo world: where they are, what they miss, what they add."""

import numpy as np
import pytest

from engine.twin import fleet
from engine.twin.network import measured, network
from engine.twin.places import GRID, places, row_column


def test_stations_stand_on_land_in_real_cities_and_between():
    stations = network()
    assert len(set(stations.station)) == len(stations.station) > 100
    row, column = row_column(stations.latitude, stations.longitude)
    assert places().land[np.rint(row).astype(int), np.rint(column).astype(int)].all()
    assert {"Nanjing", "Shanghai", "Hangzhou", "Hefei"} <= set(stations.city)
    assert (stations.city == "").sum() >= 10
    nanjing = stations.city == "Nanjing"
    away = np.hypot(stations.latitude[nanjing] - 32.06, stations.longitude[nanjing] - 118.78)
    assert away.max() < 0.25


def test_stations_report_with_errors_and_gaps():
    truth = np.full((3000, 50), 80.0)
    values = measured(truth, 1)
    missing = np.isnan(values)
    assert 0.02 < missing.mean() < 0.06
    there = values[~missing]
    assert (there == np.rint(there)).all()
    assert there.mean() == pytest.approx(80, rel=0.03)
    assert 4 < there.std() < 9
    # Gaps come in spells: an hour after a gap is one far more often than any hour.
    assert missing[1:][missing[:-1]].mean() > 0.5
    np.testing.assert_array_equal(values, measured(truth, 1))
    assert not np.array_equal(values, measured(truth, 2), equal_nan=True)


@pytest.fixture(scope="module")
def drive():
    rng = np.random.default_rng(0)
    truth = 60 + 30 * rng.random((336, 10, 10))
    return truth, fleet.drive(truth, 1)


def test_the_fleet_sees_a_third_of_the_cells(drive):
    truth, samples = drive
    latitude, longitude = fleet.cells()
    row = np.rint((latitude[0] - samples.latitude) / 0.01).astype(int).clip(0, 9)
    column = np.rint((samples.longitude - longitude[0]) / 0.01).astype(int).clip(0, 9)
    seen = np.zeros(truth.shape, bool)
    seen[samples.minute // 60, row, column] = True
    assert 0.30 <= seen.mean() <= 0.45
    assert 5 <= (~seen.any(axis=0)).sum() <= 30
    by_hour = seen.mean((1, 2)).reshape(14, 24).mean(0)
    assert by_hour[8:20].min() > 2 * by_hour[1:4].max()


def test_vehicles_read_the_cell_they_are_in(drive):
    truth, samples = drive
    latitude, longitude = fleet.cells()
    row = np.rint((latitude[0] - samples.latitude) / 0.01).astype(int).clip(0, 9)
    column = np.rint((samples.longitude - longitude[0]) / 0.01).astype(int).clip(0, 9)
    there = truth[samples.minute // 60, row, column]
    assert np.corrcoef(there, samples.pm2p5)[0, 1] > 0.6
    assert samples.pm2p5.mean() == pytest.approx(there.mean(), rel=0.05)
    assert (np.diff(samples.minute) >= 0).all()


def test_vehicles_keep_to_the_streets_and_go_no_faster_than_traffic(drive):
    _, samples = drive
    for device in set(samples.device):
        own = samples.device == device
        hours = np.diff(samples.minute[own]) / 60
        km = np.hypot(
            np.diff(samples.latitude[own]) * 111.2, np.diff(samples.longitude[own]) * 94.3
        )
        running = hours < 0.2
        assert (km[running] / hours[running]).max() < 90
    inside = GRID.bounds
    assert samples.latitude.min() > inside.south
    assert samples.longitude.max() < inside.east
