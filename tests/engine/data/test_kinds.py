"""What files hold, before they are read."""

import os

import netCDF4
import pandas as pd
import pytest

from engine.core.errors import DataError, NotFoundError
from engine.data import kinds
from engine.data.tables import Table

HOURS = [f"2020-01-01 {h:02d}:00" for h in range(10)]


def table(**columns):
    return Table(pd.DataFrame(columns).astype(str), "table.csv")


def kolkata(places, hours):
    """A row for each place and hour that are paired."""
    rows = list(zip(places, hours, strict=True))
    return table(
        lat=[22.5 + p / 100 for p, _ in rows],
        long=[88.3 for _ in rows],
        time=[h for _, h in rows],
        pm=["80"] * len(rows),
    )


TABLES = {
    "stations are named": (
        table(station=["a", "b"], lat=[30, 31], lon=[120, 121], time=HOURS[:2], pm25=[3, 4]),
        ("stations", "columns"),
    ),
    "no places at all": (table(station=["a"], time=HOURS[:1], pm25=[3]), ("stations", "columns")),
    "a form of stations": (
        table(
            sensor_id=["7", "7"], sensor_type=["x"] * 2, lat=[50, 51], lon=[8, 8],
            timestamp=HOURS[:2], P1=[9, 9], P2=[5, 5],
        ),
        ("stations", "columns"),
    ),
    "devices": (
        table(device=["bus"] * 2, lat=[30, 30], lon=[120, 120], time=HOURS[:2], pm25=[3, 4]),
        ("mobile", "columns"),
    ),
    "places alone": (table(lat=[30], lon=[120], time=HOURS[:1], pm25=[3]), ("mobile", "columns")),
    "an id that moves": (
        table(id=["1", "1"], lat=[30, 30.5], lon=[120, 120], time=HOURS[:2], pm25=[3, 4]),
        ("mobile", "places"),
    ),
    "an id that stays": (
        table(id=["1", "1"], lat=[30, 30.001], lon=[120, 120], time=HOURS[:2], pm25=[3, 4]),
        ("stations", "places"),
    ),
    "places measured at most hours": (
        kolkata([0] * 10 + [1] * 8, HOURS + HOURS[:8]),
        ("stations", "places"),
    ),
    "places passed now and then": (
        kolkata([p % 5 for p in range(10)], HOURS),
        ("mobile", "places"),
    ),
    "rows that are there twice": (
        kolkata([p % 5 for p in range(10)] * 3, HOURS * 3),
        ("mobile", "places"),
    ),
    "one place": (kolkata([0] * 10, HOURS), ("stations", "places")),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_a_table_is_of_stations_or_of_samples(case):
    given, expected = TABLES[case]
    assert kinds.kind_of("text", given) == expected


def test_other_files_are_known_by_their_form():
    assert [kinds.kind_of(c, None) for c in ("hdf5", "netcdf3", "tiff")] == [
        ("grid", "container")
    ] * 3
    assert kinds.kind_of("npy", None) == ("mobile", "container")


def test_a_folder_gives_the_files_of_its_first_kind(tmp_path):
    for name in ("b.nc", "a.nc", "c.csv"):
        (tmp_path / name).touch()
    assert [p.name for p in kinds.expanded([tmp_path], None)] == ["a.nc", "b.nc"]
    assert [p.name for p in kinds.expanded([tmp_path], "stations")] == ["c.csv"]
    (tmp_path / "sub").mkdir()
    with pytest.raises(NotFoundError, match="the folder holds no"):
        kinds.expanded([tmp_path / "sub"], None)
    with pytest.raises(NotFoundError, match="no such file"):
        kinds.expanded([tmp_path / "nothing"], None)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="neither a file nor a folder"):
        kinds.expanded([tmp_path / "pipe"], None)


def test_first_rows_are_cut_to_the_screen():
    wide = table(**{f"c{n}": ["x" * 40, "a\nb"] for n in range(20)})
    rows = kinds.first_rows(wide)
    assert len(rows) == 3 and all(len(row) == kinds.MOST_COLUMNS + 1 for row in rows)
    assert rows[1][0] == "x" * (kinds.LONGEST_CELL - 1) + "…" and rows[1][-1] == "…"
    assert rows[2][0] == "a b"
    long = table(a=[str(n) for n in range(9)])
    assert kinds.first_rows(long) == (("a",), *((str(n),) for n in range(kinds.FIRST_ROWS)))


def test_variables_are_those_with_rows_and_columns(tmp_path):
    with netCDF4.Dataset(tmp_path / "x.nc", "w") as file:
        for name, size in (("lat", 2), ("lon", 3)):
            file.createDimension(name, size)
            file.createVariable(name, "f8", (name,))
        dust = file.createGroup("sub").createVariable("dust", "f4", ("lat", "lon"))
        dust.units, dust.long_name = "kg m-3", "Dust"
        file.createVariable("text", str, ("lat", "lon"))
    assert kinds.variables_of(tmp_path / "x.nc") == (
        kinds.Candidate("sub/dust", "kg m-3", "lat 2, lon 3", "Dust"),
    )
    (tmp_path / "x.nc").write_bytes((tmp_path / "x.nc").read_bytes()[:600])
    with pytest.raises(DataError, match="damaged or cut short"):
        kinds.variables_of(tmp_path / "x.nc")


def test_columns_of_pm25_in_any_spelling():
    found = table(PM25_24h=["1"], pm10=["1"], **{"PM 2.5 (µg)": ["1"]})
    assert kinds.pm25_columns(found) == ("PM25_24h", "PM 2.5 (µg)")
