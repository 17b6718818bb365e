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
        *((u, 1.0) for u in ("µg m^(-3)", "ug m^{-3}", "$\\mu g\\,m^{-3}$", r"\mu g/m^3")),
        *((u, 1.0) for u in ("&mu;g/m<sup>3</sup>", "ug m<sup>-3</sup>", "[ug/m3]", "(µg/m³)")),
        *((u, 1.0) for u in ("mcg/m3", "microg/m3", "ug/cu m", "ug/cu.m", "ug/cubic metres")),
        *((u, 1.0) for u in ("10⁻⁹ kg m⁻³", "1×10⁻⁹ kg m⁻³", "1x10^-9 kg/m3", "1e-9kg/m3")),
        *((u, 1.0) for u in ("ug/Nm3", "µg/Nm³", "ug Nm-3", "ug/m3 (25 °C)", "ug/m3 [ambient]")),
        *((u, 1.0) for u in ("ug/m3 (273 K)", "ug.m-3.", "pg cm-3", "ug per m3", "µg / m³")),
        *((u, 1.0) for u in ("ug m -3", "pg/cm3", "microgrammes/m3")),
        *((u, 1e9) for u in ("kg m-3", "kg m**-3", "kg/m**3", "kg m^-3", "kilogram m-3")),
        *(
            (u, 1e3)
            for u in ("mg m-3", "mg/m3", "MG/M3", "MG M-3", "milligrams per cubic meter", "ug/l")
        ),
        ("ng m-3", 1e-3),
        ("g m-3", 1e6),
        ("g cm-3", 1e12),
        *((u, 1e12) for u in ("Mg m-3", "Mg/m3", "megagram m-3")),
    ],
)
def test_a_mass_per_volume_is_read(units, factor):
    assert mass_per_volume(units) == pytest.approx(factor, rel=1e-9)


@pytest.mark.parametrize(
    "units",
    [
        *("", "1", "ppb", "ppbv", "AQI", "DU", "mol mol-1", "kg kg-1", "mg m-2", "ug", "m-3"),
        *("ug m3", "ug m-3 s-1", "ug/m2", "molec cm-3", "µg/m³ at 25 C", "degC", "%", "index"),
        *("ug/m3/h", "kg m-2", "unknown", "ug m-33", "(ug m)^-3", "(ug/m)³", "ug² m-3", "10⁻9⁹"),
        *("0 ug m-3", "1/0 ug m-3", "1e400 ug m-3", "1e300^99 ug m-3", "ug m-3 " * 20, "NO2 ug"),
        *("ug S m-3", "ugC m-3", "µmol m-3", "m3 ug-1", "1e-9", "particles cm-3", "ug/m3 as N"),
    ],
)
def test_anything_else_is_not_guessed(units):
    assert mass_per_volume(units) is None
    with pytest.raises(DataError, match="is not a mass concentration we know"):
        mass_factor(units, where="x.nc")
