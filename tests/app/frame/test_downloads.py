import csv
import datetime as dt
import io
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import world
import xarray as xr

from app.frame import downloads
from engine.inference.request import Request
from engine.inference.run import predict
from engine.inference.summary import Place, summarise
from engine.library import info


@pytest.fixture
def result(small_library, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(small_library))
    return predict(Request("tiny", world.DAYS[-1]))


@pytest.fixture
def about(small_library, monkeypatch):
    monkeypatch.setenv("AIRLENS_HOME", str(small_library))
    return info("tiny")


ASK = Request("tiny", dt.date(2015, 1, 10), "118.5,30.5,120,32", "bicubic")


@pytest.mark.filterwarnings("ignore:Use `@` matmul")  # rasterio 1.4 with affine 3.1
def test_a_file_is_no_larger_than_was_said_and_holds_the_result(result, tmp_path):
    for form in downloads.forms(result):
        content = downloads.written(result, form.ending)
        # What names and provenance take does not grow with the map.
        assert len(content) <= form.most_bytes + 40_000, form.ending
        path = tmp_path / f"file{form.ending}"
        path.write_bytes(content)
        if form.ending == ".nc":
            with xr.open_dataset(path) as back:
                np.testing.assert_array_equal(back["pm2p5"], result["pm2p5"])
        if form.ending == ".tif":
            with rasterio.open(path) as file:
                assert file.crs.to_epsg() == 4326
                np.testing.assert_array_equal(file.read(1), result["pm2p5"].values[0])


def test_the_name_tells_what_is_in_it():
    assert downloads.file_name(ASK, synthetic=True) == (
        "DEMO_tiny_2015-01-10_118.5_30.5_120_32_bicubic"
    )
    assert downloads.file_name(ASK, synthetic=False).startswith("tiny_")


def test_the_table_of_cities(result, about):
    place = Place("Nanjing", "南京", 31.5, 119.0, 9_000_000)
    numbers = summarise(result.isel(valid_time=0), [place], limit=60.0)
    text = downloads.cities_csv(numbers, ASK, about).decode("utf-8-sig")
    comments = [line for line in text.splitlines() if line.startswith("#")]
    assert comments[0].startswith("# DEMO")
    rows = list(csv.DictReader(io.StringIO("\n".join(text.splitlines()[len(comments) :]))))
    assert rows[0]["city_zh"] == "南京"
    assert float(rows[0]["fine"]) == pytest.approx(100, abs=6)
    assert (rows[0]["limit"], rows[0]["above"]) == ("60.0", "1")


def test_no_limit_leaves_its_columns_empty(result, about):
    numbers = summarise(result.isel(valid_time=0), [Place("A", "", 31.5, 119.0, 1)], limit=None)
    real = SimpleNamespace(**about.model_dump() | {"synthetic": False})
    last = downloads.cities_csv(numbers, ASK, real).decode().splitlines()[-1]
    assert last.endswith(",,")
    assert "DEMO" not in downloads.cities_csv(numbers, ASK, real).decode()
