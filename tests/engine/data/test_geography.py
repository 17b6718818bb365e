import numpy as np
import pytest
import shapely

from engine.core.errors import NotFoundError
from engine.core.grid import Grid, Region
from engine.data import geography
from engine.research.demo.geography_extract import chinese_name, extract

DELTA = Grid(34.995, 116.005, 0.01, 0.01, 800, 720)


def cell(grid, latitude, longitude):
    return (
        round((grid.north - latitude) / grid.step_lat),
        round((longitude - grid.west) / grid.step_lon),
    )


@pytest.mark.parametrize(
    ("place", "latitude", "longitude", "land"),
    [
        ("Shanghai", 31.23, 121.47, True),
        ("Nanjing", 32.06, 118.78, True),
        ("Chongming island", 31.62, 121.55, True),
        ("Zhoushan island", 30.05, 122.07, True),
        ("Lake Tai", 31.2, 120.15, True),
        ("Hangzhou bay", 30.4, 121.6, False),
        ("Yellow Sea", 33.5, 122.5, False),
        ("East China Sea", 28.5, 122.8, False),
    ],
)
def test_land_is_where_it_is(place, latitude, longitude, land):
    assert geography.land_mask(DELTA)[cell(DELTA, latitude, longitude)] == land, place


def test_land_of_a_part_is_that_part_of_the_land():
    rows, columns = slice(200, 500), slice(300, 700)
    part = geography.land_mask(DELTA.crop(rows, columns))
    np.testing.assert_array_equal(part, geography.land_mask(DELTA)[rows, columns])


def test_land_of_the_mainland_and_islands_beyond_the_delta():
    grid = Grid(42.9, 118.1, 0.2, 0.2, 80, 110)
    mask = geography.land_mask(grid)
    assert mask[cell(grid, 37.5, 127.5)]  # Korea
    assert mask[cell(grid, 35.5, 138.1)]  # Honshu
    assert not mask[cell(grid, 40.1, 135.1)]  # Sea of Japan


def test_open_sea_alone_and_inland_alone():
    assert not geography.land_mask(Grid(30.0, 126.0, 0.1, 0.1, 5, 5)).any()
    assert geography.land_mask(Grid(33.0, 112.0, 0.1, 0.1, 5, 5)).all()


def test_lakes_lie_on_land_and_tai_is_one():
    lakes = geography.lake_mask(DELTA)
    assert lakes[cell(DELTA, 31.2, 120.15)]
    assert not lakes[cell(DELTA, 32.06, 118.78)]
    assert 0.01 < lakes.mean() < 0.03


def test_a_grid_beyond_the_outlines_is_refused():
    with pytest.raises(ValueError, match="leaves"):
        geography.land_mask(Grid(60.0, 116.0, 0.1, 0.1, 5, 5))


def test_outlines_stay_in_their_box_and_no_province_line_leaves_china():
    west, south, east, north = geography.lines("coast").bounds
    assert (west, south) >= (70, 15) and (east, north) <= (141, 55)
    provinces = geography.lines("provinces")
    assert provinces.length > 100  # degrees of line
    for point in ((127.5, 37.0), (138.0, 36.0), (105.8, 21.0), (78.0, 30.0)):
        assert provinces.distance(shapely.Point(point)) > 1


def test_cities_are_largest_first_with_chinese_names():
    table = geography.cities_within(Region(116, 27, 123.2, 35), at_least=1_000_000)
    assert table["population"].is_monotonic_decreasing
    names = dict(zip(table["name_en"], table["name_zh"], strict=True))
    expected = {"Shanghai": "上海", "Nanjing": "南京", "Hefei": "合肥", "Shaoxing": "绍兴"}
    assert expected.items() <= names.items()


def test_chinese_name_prefers_the_one_in_use():
    assert chinese_name("Nanjing", "Chin-ling|金陵|南京|南京市") == "南京"
    assert chinese_name("Changchun", "長春|长春") == "长春"
    assert chinese_name("Zhangfeng", "Chang-feng") == ""


def test_a_missing_outline_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(geography, "GEO", tmp_path)
    geography.cities.cache_clear()
    try:
        with pytest.raises(NotFoundError, match="Check out assets/geo"):
            geography.cities()
    finally:
        geography.cities.cache_clear()


def test_the_shipped_files_are_what_the_command_makes(tmp_path):
    source = geography.ASSETS.parent.parent / "shared" / "data" / "geo"
    if not source.is_dir():
        pytest.skip("../shared/data/geo is not there")
    for made in extract(source, tmp_path):
        assert made.read_bytes() == (geography.GEO / made.name).read_bytes(), made.name
