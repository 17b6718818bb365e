import pytest

from engine.core import paths, variables
from engine.core.errors import DataError, EngineError, RequestError


def test_an_error_says_what_where_and_the_way_out():
    error = EngineError("the file is cut short", where="a.nc", remedy="Download it again")
    assert str(error) == "a.nc: the file is cut short. Download it again."
    assert str(EngineError("no data")) == "no data."


@pytest.mark.parametrize("alias", ["PM2.5", "pm25", "GWRPM25", "PM25_cmaq", "pm2p5"])
def test_other_names_of_pm2p5(alias):
    found = variables.find(alias)
    assert found is not None
    assert found.name == "pm2p5"


def test_an_unknown_name_is_not_guessed():
    assert variables.find("temperature_of_something") is None


@pytest.mark.parametrize(
    ("units", "factor"),
    [
        ("kg m-3", 1e9),
        ("kg m**-3", 1e9),
        ("ug/m3", 1),
        ("µg/m³", 1),
        ("μg m-3", 1),
        ("mg m-3", 1e3),
    ],
)
def test_mass_units(units, factor):
    assert variables.mass_factor(units, where="a.nc") == factor


def test_an_unknown_unit_names_the_option():
    with pytest.raises(DataError, match=r"a\.nc: unit 'ppb' .* --units"):
        variables.mass_factor("ppb", where="a.nc")


def test_aliases_are_unique():
    names = [n for v in variables.VARIABLES.values() for n in (v.name, *v.aliases)]
    assert len(names) == len(set(names))


def test_home_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRLENS_HOME", str(tmp_path))
    assert paths.home() == tmp_path
    monkeypatch.delenv("AIRLENS_HOME")
    assert paths.home().name == "airlens"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", ".hidden", "", "a b", "a/b", "..", "日"])
def test_no_name_leaves_its_folder(name, tmp_path):
    with pytest.raises(RequestError, match="is not a plain name"):
        paths.inside(tmp_path, name)


def test_a_plain_name_is_a_path(tmp_path):
    assert paths.inside(tmp_path, "wustl-v5.gl_04") == tmp_path / "wustl-v5.gl_04"
