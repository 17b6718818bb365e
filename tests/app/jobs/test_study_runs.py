"""Studies over dates, a map without some stations, and the numbers under two maps."""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from app.jobs import study_runs
from app.jobs.study_runs import Study, Withheld
from app.views import compare_numbers, stations_charts
from engine.core.errors import EngineError
from engine.core.grid import Grid
from engine.core.progress import Cancelled
from engine.inference.request import Request
from engine.verify.evidence import BY_DAY

DATES = tuple(dt.date(2015, 1, day) for day in (1, 2, 3))
GRID = Grid(32.0, 118.0, 0.01, 0.01, 64, 64)


def never():
    return False


def said(*_):
    return None


def ask(**changes):
    return replace(Request("tiny", DATES[-1], "all", "copy"), **changes)


@pytest.mark.usefixtures("app_home")
class TestWork:
    def test_evidence_has_a_row_for_each_date(self):
        found = study_runs.work(Study(ask(), DATES), progress=said, cancelled=never)
        assert found.sizes["valid_time"] == 3
        means = found["by_day"].values[:, BY_DAY.index("target")] / found["by_day"].values[:, 0]
        # Maps of the first three days have means of 10, 20 and 30; see `world`.
        assert means == pytest.approx([10, 20, 30], abs=0.3)
        assert found.attrs["dates_requested"] == 3
        assert found.attrs["model"] == "copy"
        assert "power" in found

    def test_it_tells_its_progress_and_ends_when_nobody_waits(self):
        predicted = []
        study_runs.work(
            Study(ask(), DATES), progress=lambda s, d: predicted.append(s), cancelled=never
        )
        assert predicted == sorted(predicted)
        with pytest.raises(Cancelled):
            study_runs.work(
                Study(ask(), DATES), progress=said, cancelled=lambda: len(predicted) > 0
            )

    def test_dates_without_data_are_passed_over(self):
        dates = (*DATES[:2], dt.date(2015, 1, 5))
        found = study_runs.work(Study(ask(), dates), progress=said, cancelled=never)
        assert found.sizes["valid_time"] == 2
        with pytest.raises(EngineError, match="no data on 2015-01-05"):
            study_runs.work(Study(ask(), dates[-1:]), progress=said, cancelled=never)

    def test_a_forecast_is_no_study_of_errors(self):
        with pytest.raises(EngineError, match="makes no map that can be compared"):
            study_runs.work(Study(ask(model="persistence"), DATES), progress=said, cancelled=never)

    def test_stations_keep_their_series(self):
        requested = ask(dataset="tiny-stations", model="idw")
        found = study_runs.work(Study(requested, DATES), progress=said, cancelled=never)
        np.testing.assert_allclose(found["observed"].values[:, :2], [[10, 12], [20, 22], [30, 32]])
        np.testing.assert_allclose(found["left_out"].values[:, :2], [[12, 10], [22, 20], [32, 30]])
        assert np.isnan(found["observed"].values[:, 2]).all()
        assert list(found["name"].values) == ["Alpha", "Beta", "Gamma"]

    def test_all_stations_are_used_where_none_is_withheld(self):
        requested = ask(dataset="tiny-stations", model="idw")
        found = study_runs.map_without(Withheld(requested, 0.0), progress=said, cancelled=never)
        assert found["used"].values.all()
        assert found.attrs["stations_withheld"] == 0
        # At a station that it has seen an interpolation is near its reading.
        assert found["analysed"].values[0, :2] == pytest.approx([30, 32], abs=0.5)


def test_the_draw_leaves_out_the_share_of_those_heard_and_obeys_the_seed():
    valid = np.ones(50, dtype=bool)
    valid[:10] = False
    used = study_runs._draw(valid, 0.25, seed=1)
    assert (~used).sum() == 10
    assert used[:10].all()  # a silent station cannot be held against the map
    np.testing.assert_array_equal(used, study_runs._draw(valid, 0.25, seed=1))
    assert (used != study_runs._draw(valid, 0.25, seed=2)).any()


def test_last_dates_end_with_the_day_and_begin_with_the_record():
    assert study_runs.last_dates(DATES, DATES[1], 2) == DATES[:2]
    assert study_runs.last_dates(DATES, DATES[2], 9) == DATES


def test_score_of_one_station():
    observed = np.array([10.0, 20.0, 30.0, np.nan, 50.0])
    found = stations_charts.score("a", observed, np.array([12.0, 22.0, 32.0, 40.0, np.nan]))
    assert (found.dates, found.of) == (4, 5)
    assert (found.bias, found.mae, found.rmse, found.correlation) == pytest.approx((2, 2, 2, 1))


def test_score_of_a_silent_station():
    found = stations_charts.score("a", np.full(3, np.nan), np.ones(3))
    assert found.dates == 0
    assert np.isnan(found.rmse)


def field():
    return np.random.default_rng(0).gamma(4, 10, GRID.shape)


def test_mass_is_kept_by_what_has_the_block_means():
    fine = field()
    coarse = fine.reshape(8, 8, 8, 8).mean(axis=(1, 3))
    found = compare_numbers.numbers(fine, GRID, coarse, None, None)
    assert found.mass == pytest.approx(0, abs=1e-4)
    off = coarse.copy()
    off[0, 0] += 6.4
    found = compare_numbers.numbers(fine, GRID, off, None, None)
    assert found.mass_worst == pytest.approx(6.4, abs=1e-4)
    assert found.mass == pytest.approx(0.1, abs=1e-4)  # one block of 64


def test_numbers_of_a_map_against_the_known_one():
    fine = field()
    found = compare_numbers.numbers(fine + 3, GRID, None, fine, fine)
    assert found.rmse == pytest.approx(3)
    assert found.spectral == pytest.approx(1)
    assert found.gradient == pytest.approx(1)
    assert found.sd == pytest.approx(fine.std())
    assert found.p95 == pytest.approx(np.percentile(fine + 3, 95))


def test_the_mean_weighs_cells_by_their_area():
    grid = Grid(80.0, 0.0, 20.0, 1.0, 5, 2)  # 80° N to 0°: rows far from equally large
    values = np.repeat([[1.0], [2.0], [3.0], [4.0], [5.0]], 2, axis=1)
    weight = np.cos(np.deg2rad([80, 60, 40, 20, 0]))
    expected = np.average([1, 2, 3, 4, 5], weights=weight)
    found = compare_numbers.numbers(values, grid, None, None, None)
    assert found.mean == pytest.approx(expected, rel=1e-2)
    assert np.isnan(found.spectral)


def test_an_empty_map_has_no_numbers():
    found = compare_numbers.numbers(
        np.full((8, 8), np.nan), Grid(1, 1, 0.1, 0.1, 8, 8), None, None, None
    )
    assert found.n == 0
    assert np.isnan(found.mean)
