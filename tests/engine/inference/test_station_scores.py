"""Scores of maps at monitors, worked by hand."""

import json
import math

import numpy as np
import pytest

from engine.fusion.groups import Scheme
from engine.fusion.learning import Learned
from engine.inference.station_scores import as_records, table

LAT, LON = np.array([10.0, 20.0, 30.0]), np.array([100.0, 110.0, 120.0])  # three squares
FAR = np.array([[0.0, 1500.0, 3000.0], [1500.0, 0.0, 1500.0], [3000.0, 1500.0, 0.0]])
OBSERVED = np.array([[10.0, 20.0, 60.0]])
COARSE = OBSERVED + np.array([[3.0, -4.0, 12.0]])
BACKGROUND = np.array([[11.0, 19.0, 62.0]])


def rows(observed=OBSERVED):
    singly = Scheme("singly", np.arange(3), np.array([1500.0, 1500.0, 1500.0]))
    maps = {"coarse": COARSE, "background": BACKGROUND}
    return {
        row.what: row for row in table(observed, maps, (LAT, LON), FAR, [singly], Learned(), 0.5)
    }


def test_by_hand():
    made = rows()
    coarse = made["coarse"]
    assert (coarse.n, coarse.mae) == (3, pytest.approx(19 / 3))
    assert coarse.bias == pytest.approx(11 / 3)
    assert coarse.rmse == pytest.approx(13 / math.sqrt(3))  # 9 + 16 + 144
    assert coarse.correlation == pytest.approx(np.corrcoef(COARSE, OBSERVED)[0, 1])
    assert math.isnan(coarse.coverage) and math.isnan(coarse.gain)
    # 1 + 1 + 4 below 169.
    assert made["background"].gain == pytest.approx(1 - math.sqrt(6 / 169))
    # Half of the background plus one: 5, 9, 30.5 to 10, 20, 60.
    assert made["background, one factor"].bias == pytest.approx((-5 - 11 - 29.5) / 3)
    assert 0 <= made["fused"].coverage <= 1 and made["fused"].next_km == 1500


def test_two_pairs_have_no_correlation_and_none_no_score():
    two = OBSERVED.copy()
    two[0, 2] = np.nan
    assert rows(two)["coarse"].n == 2
    assert math.isnan(rows(two)["coarse"].correlation)
    none = rows(np.full((1, 3), np.nan))["background"]
    assert none.n == 0 and math.isnan(none.rmse) and math.isnan(none.gain)


def test_records_are_plain_json():
    record = json.loads(json.dumps(as_records(list(rows().values())), allow_nan=False))
    assert record[0]["coverage"] is None and record[0]["shown"] is False
    assert "correlation" in record[0] and "r" not in record[0]
