"""Coordinates of stations in every form that tables write them."""

import pytest

from engine.core.errors import DataError
from engine.data import stations
from engine.data.options import ReadOptions

UTC = ReadOptions(utc_offset_hours=0)


@pytest.fixture
def load(table_file):
    """Stations at (latitude, longitude) pairs of text."""

    def made(*pairs):
        rows = "".join(f"s{n};{a};{b};2015-01-10 00:00;30\n" for n, (a, b) in enumerate(pairs))
        return stations.load([table_file("station;lat;lon;time;pm25\n" + rows)], UTC)

    return made


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [
        ("31.5", "121.4"),
        ("31°30'N", "121°24'E"),
        ("31°30'00\"N", "121°24'00\"E"),
        ("31°30′00″", "121°24′00″"),
        ("31.5N", "121.4E"),
        ("N 31.5°", "E 121.4°"),
        ("31.5 n", "121.4 e"),
    ],
)
def test_degrees_in_every_form(load, latitude, longitude):
    dataset = load((latitude, longitude))
    assert dataset["latitude"].item() == pytest.approx(31.5)
    assert dataset["longitude"].item() == pytest.approx(121.4)


def test_south_and_west_are_negative(load):
    dataset = load(("23°33'S", "46°38'W"))
    assert dataset["latitude"].item() == pytest.approx(-23.55)
    assert dataset["longitude"].item() == pytest.approx(-46.6333, abs=1e-4)


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([("3120", "12124")], "3120 is no latitude of a measurement"),
        ([("31°75'N", "121°24'E")], "is no number"),
        ([("31°30'E", "121°24'N")], "is no number"),
        ([("31.5", "121.4"), ("31°30'", "121.4")], r"row 3, column 'lat': .* is no number"),
        ([("31.2", "121.4"), ("121.5", "31.3")], r"row 3, column 'lat': 121.5 is no latitude"),
        ([("31.5", "-238.6")], r"row 2, column 'lon': -238.6 is no longitude"),
        ([("121.5", "31.3"), ("121.4", "31.2")], "Exchange the two columns' names"),
        ([("0", "0")], "a device writes that does not know its place"),
    ],
)
def test_places_that_cannot_be_are_refused(load, pairs, says):
    with pytest.raises(DataError, match=says):
        load(*pairs)
