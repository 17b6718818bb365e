"""Spellings of mass per volume that people's files hold, and units that are none."""

import pytest

from engine.core.errors import DataError
from engine.core.mass_units import mass_per_volume
from engine.core.variables import mass_factor


@pytest.mark.parametrize(
    ("units", "factor"),
    [
        *((u, 1.0) for u in ("ug m-3", "µg/m³", "μg m⁻³", "ug/m3", "ug m^-3", "ug m**-3")),
        *((u, 1.0) for u in ("UG/M3", "µg.m-3", "ug·m-3", "µg m−3", "ug/m^3", "ug/m**3")),
        *((u, 1.0) for u in ("micrograms per cubic meter", "microgram m^-3", "micrograms/m3")),
        *((u, 1.0) for u in ("micrograms per cubic metre", "Micrograms/cubic meter")),
        *((u, 1.0) for u in ("ug/(m3)", "ug_m-3", "1e-9 kg m-3", "1.e-9 kg m-3", "10^-9 kg m^-3")),
        *((u, 1.0) for u in ("1e-9 kg/m3", "ng/l", "micro gram m-3", "microgram per meter cubed")),
        *((u, 1.0) for u in ("Micrograms/cubic meter (LC)", "ug m-3 (STP)", "ugm-3")),
        *((u, 1.0) for u in ("ug cbm-1", "1e-6 g m-3", "ug*m-3")),
        *((u, 1e9) for u in ("kg m-3", "kg m**-3", "kg/m**3", "kg m^-3", "kilogram m-3")),
        *((u, 1e3) for u in ("mg m-3", "mg/m3", "MG/M3", "milligrams per cubic meter", "ug/l")),
        ("ng m-3", 1e-3),
        ("g m-3", 1e6),
        ("g cm-3", 1e12),
    ],
)
def test_a_mass_per_volume_is_read(units, factor):
    assert mass_per_volume(units) == pytest.approx(factor, rel=1e-9)


@pytest.mark.parametrize(
    "units",
    [
        *("", "1", "ppb", "ppbv", "AQI", "DU", "mol mol-1", "kg kg-1", "mg m-2", "ug", "m-3"),
        *("ug m3", "ug m-3 s-1", "ug/m2", "molec cm-3", "µg/m³ at 25 C", "degC", "%", "index"),
        *("ug/m3/h", "kg m-2", "unknown"),
    ],
)
def test_anything_else_is_not_guessed(units):
    assert mass_per_volume(units) is None
    with pytest.raises(DataError, match="is not a mass concentration we know"):
        mass_factor(units, where="x.nc")
