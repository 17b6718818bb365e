"""A map in letters."""

import numpy as np

from engine.data.sketch import COLUMNS, ROWS, SHADES, block_means, sketch


def test_north_is_above_and_low_is_light():
    values = np.full((4, 4), 10, np.float32)
    values[0] = 90
    lines = sketch(values)
    assert lines == ("@@@@", "....", "....", "....")


def test_no_data_is_blank():
    values = np.array([[1, 2, 3], [np.nan, np.nan, 2]], np.float32)
    lines = sketch(values)
    assert lines[1] == "  +" and lines[0][0] == SHADES[0] and lines[0][2] == SHADES[-1]
    assert sketch(np.full((3, 3), np.nan, np.float32)) == ()


def test_an_even_map_has_the_middle_shade():
    assert sketch(np.full((2, 2), 7, np.float32)) == ("++", "++")


def test_large_maps_are_made_small_in_their_proportions():
    lines = sketch(np.arange(1000 * 500, dtype=np.float32).reshape(1000, 500))
    assert len(lines) == ROWS and len(lines[0]) == ROWS  # half as wide as high; letters are high
    assert len(sketch(np.ones((100, 4000), np.float32))[0]) == COLUMNS


def test_blocks_are_means_of_what_is_there():
    values = np.array([[1, 3, np.nan], [5, np.nan, np.nan]], np.float32)
    np.testing.assert_array_equal(block_means(values, 1, 2), [[3, 3]])
    np.testing.assert_array_equal(block_means(values, 2, 3), values)
