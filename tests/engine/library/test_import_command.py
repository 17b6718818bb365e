"""`airlens import` and `airlens datasets`, on small files and on the real ones."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from engine import library
from engine.cli.importing import datasets_command, import_command
from engine.core.errors import EngineError, RequestError, StorageError

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
app = typer.Typer()
app.command("import")(import_command)
app.command("datasets")(datasets_command)


def run(*words):
    """What the command prints. Errors of the engine come through as they are."""
    result = CliRunner().invoke(app, [str(w) for w in words])
    if isinstance(result.exception, EngineError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(
        "station,lat,lon,time,dust\n"
        "A,31.2,121.5,2015-01-10 08:00,0.08\n"
        "A,31.2,121.5,2015-01-11 08:00,0.09\n"
        "A,31.2,121.5,2015-01-12 08:00,0.09\n"
    )
    return path


def test_every_option_reaches_the_dataset(table):
    words = ["--units", "mg m-3", "--variable", "dust", "--utc-offset", "8"]
    words += ["--licence", "MIT", "--source", "my roof", "--train-end", "2015-01-10"]
    out = run("import", "stations", table, "--name", "roof", *words)
    assert "Imported roof: stations, 3 times, 1 station" in out
    assert "days from 2015-01-10 to 2015-01-12, licence MIT." in out
    about = library.info("roof")
    assert (about.source, about.licence, str(about.train_end)) == ("my roof", "MIT", "2015-01-10")
    values = library.open_dataset("roof")["pm2p5"].values[:, 0]
    np.testing.assert_allclose(values, [80, 90, 90], rtol=1e-6)


def test_notes_of_the_reader_are_reported(table):
    text = table.read_text().replace("0.08", "80").replace("0.09", "-999", 1).replace("0.09", "90")
    table.write_text(text.replace("dust", "pm25"))
    out = run("import", "stations", table, "--name", "roof", "--utc-offset", 8)
    assert "pm2p5: 1 fill values (-999) became no data." in out
    assert library.info("roof").notes == ("pm2p5: 1 fill values (-999) became no data.",)


def test_replace_is_asked_for(table):
    table.write_text(table.read_text().replace("dust", "pm25").replace("0.0", "8"))
    words = ["import", "stations", table, "--name", "roof", "--utc-offset", 8]
    run(*words)
    with pytest.raises(StorageError, match="a dataset 'roof' exists already"):
        run(*words)
    assert "Imported roof" in run(*words, "--replace")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--train-end", "yesterday"], "'yesterday' is no date. Write it as 2015-01-10"),
        (["--utc-offset", "99"], "no clock is 99 hours from UTC"),
        (["--format", "epa"], "'epa' is no form of a station table"),
    ],
)
def test_options_that_do_not_fit(table, words, says):
    with pytest.raises(RequestError, match=says):
        run("import", "stations", table, "--name", "roof", *words)
    assert "roof" not in library.names()


def test_datasets_are_listed_for_people_and_for_programs(maps):
    library.store(maps(), "mine")
    line = next(x for x in run("datasets").splitlines() if x.startswith("mine"))
    assert line.split("  ")[0] == "mine"
    assert "grid (DEMO)" in line  # it is synthetic
    assert "4 times, 6 × 5 cells" in line
    listed = {d["name"]: d for d in json.loads(run("datasets", "--json"))}
    assert listed["mine"]["start"] == "2015-01-10"
    assert listed["mine"]["checksum"] == library.info("mine").checksum


REAL = [
    ("grid", ["wustl/V5GL04_PM25_eastasia_monthly_1998-2018.nc"], [], "1998-01-01 to 2018-12-01"),
    ("grid", ["cmaq/gVNA_cmaq_daily_202001_stack.nc"], [], "2020-01-01 to 2020-01-31"),
    ("grid", ["cmaq/gVNA_fused_20200101.nc"], [], "2020-01-01 to 2020-01-01"),
    (
        "stations",
        [
            "prsa/PRSA_Data_Aotizhongxin_20130301-20170228.csv",
            "prsa/PRSA_Data_Huairou_20130301-20170228.csv",
        ],
        ["--coordinates", "prsa/stations.csv"],
        "2013-03-01 to 2017-02-28",
    ),
    ("stations", ["prsa/prsa12_hourly.parquet"], [], "2013-03-01 to 2017-02-28"),
    (
        "stations",
        ["city-daily/china183_daily_2014_2015_clean.parquet"],
        [],
        "2014-01-01 to 2015-12-31",
    ),
    ("stations", ["cnemc/cnemc_20190718_hours.parquet"], [], "2019-07-18 to 2019-07-18"),
    ("stations", ["kolkata/Static_Winter.csv"], [], "2023-12-01 to 2024-02-01"),
    ("mobile", ["kolkata/Mobile_Winter.csv"], [], "2023-12-01 to 2024-01-31"),
    ("mobile", ["kolkata/Mobile_Spring.csv"], [], "2023-04-23 to 2023-04-28"),
]


@pytest.mark.parametrize(("kind", "names", "words", "dates"), REAL, ids=lambda v: str(v)[:40])
def test_real_files_are_imported(kind, names, words, dates):
    paths = [SHARED / n for n in names]
    if not all(p.exists() for p in paths):
        pytest.skip(f"real file {names[0]} is not here; it lies in ../shared/data")
    words = [SHARED / w if "/" in w else w for w in words]
    assert f"from {dates}" in run("import", kind, *paths, "--name", "real", *words)
    dataset = library.open_dataset("real")
    assert np.isfinite(dataset["pm2p5"].values).any()
    assert library.info("real").licence
