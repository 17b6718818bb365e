"""Cities at a namesake's place: moved where the published table prints them there, else left."""

import numpy as np
import pandas as pd
import pytest

from engine.data import stations
from engine.data.misplaced import corrected


def test_a_printed_wrong_place_is_moved_and_said():
    lat, lon, notes = corrected(
        np.array(["Luoyang", "Anshan", "Luoyang"]),
        np.array([23.17, 41.12, 23.17]),
        np.array([114.28, 122.95, 114.28]),
    )
    np.testing.assert_allclose(lat, [34.665, 41.12, 34.665])
    np.testing.assert_allclose(lon, [112.44, 122.95, 112.44])
    assert notes == [
        "Luoyang: printed at 23.17, 114.28, a wrong place; moved to 34.66, 112.44"
        " (evidence: series)."
    ]


def test_a_corrected_table_and_another_city_of_that_name_stay():
    city, lat, lon = np.array(["Taizhou"]), np.array([28.66]), np.array([121.43])
    moved = corrected(city, lat, lon)
    assert (moved[0][0], moved[1][0], moved[2]) == (28.66, 121.43, [])


def test_the_import_of_daily_means_of_cities_moves_them(tmp_path):
    path = tmp_path / "cities.csv"
    pd.DataFrame(
        {
            "date": ["2014-01-01", "2014-01-02"] * 2,
            "city": ["Jining", "Jining", "Anshan", "Anshan"],
            "lon": [113.09, 113.09, 122.95, 122.95],
            "lat": [41.04, 41.04, 41.12, 41.12],
            "pm25": [80.0, 90.0, 30.0, 40.0],
        }
    ).to_csv(path, index=False)
    dataset = stations.load([path])
    at = dict(zip(dataset["station"].values, dataset["latitude"].values, strict=True))
    assert at["Jining"] == pytest.approx(35.405)
    assert at["Anshan"] == pytest.approx(41.12)
    assert "Jining: printed at 41.04, 113.09" in dataset.attrs["notes"]
