import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from engine.core.blocks import block_mean


def test_block_mean_by_hand():
    fine = np.array([[1, 2, np.nan, np.nan], [3, 4, np.nan, 8]], np.float32)
    # (1 + 2 + 3 + 4) / 4 and the one valid cell of the second block.
    np.testing.assert_array_equal(block_mean(fine, 2), [[2.5, 8.0]])


def test_a_block_without_valid_cells_is_no_data():
    fine = np.full((2, 2), np.nan)
    assert np.isnan(block_mean(fine, 2)).all()
    assert np.isnan(
        block_mean(np.array([[1, np.inf], [np.nan, np.nan]]), 2, min_valid_fraction=0.5)
    )


def test_infinities_are_no_data():
    assert block_mean(np.array([[1.0, np.inf], [3.0, -np.inf]]), 2)[0, 0] == 2.0


def test_ragged_blocks_are_a_programming_mistake():
    with pytest.raises(ValueError, match="not whole blocks of 4"):
        block_mean(np.zeros((8, 6)), 4)


@given(arrays(np.float64, (3, 4, 5), elements=st.floats(-100, 100)), st.integers(1, 4))
def test_mean_of_copies_is_the_value(coarse, factor):
    fine = coarse.repeat(factor, axis=-2).repeat(factor, axis=-1)
    np.testing.assert_allclose(block_mean(fine, factor), coarse, rtol=1e-6, atol=1e-6)
