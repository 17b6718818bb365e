"""The vocabulary: each variable's identifier, meaning and unit, and how other units become ours.

Identifiers are those of ECMWF's NetCDF files where they exist. Units are written as UDUNITS
writes them; the screen turns `ug m-3` into µg/m³, nobody else does.
"""

from dataclasses import dataclass

from engine.core.errors import DataError
from engine.core.mass_units import mass_per_volume

UG_M3 = "ug m-3"
ALTITUDE = "surface_altitude"
WIND = ("u10", "v10")  # towards east and north, m s-1


@dataclass(frozen=True)
class Variable:
    """One entry of the vocabulary.

    Attributes:
        name: Our identifier.
        long_name: Meaning, in English.
        units: UDUNITS spelling of the unit we keep it in.
        standard_name: CF standard name, or an empty string where CF has none.
        valid_range: Values outside are not measurements of this quantity.
        aliases: Names that other files use for it, compared without case.
    """

    name: str
    long_name: str
    units: str
    standard_name: str
    valid_range: tuple[float, float]
    aliases: tuple[str, ...] = ()


_CF = "mass_concentration_of_{}_in_air"

VARIABLES: dict[str, Variable] = {
    v.name: v
    for v in (
        Variable(
            "pm2p5",
            "Particulate matter below 2.5 µm",
            UG_M3,
            _CF.format("pm2p5_ambient_aerosol_particles"),
            (0.0, 5000.0),
            ("pm2.5", "pm25", "pm2_5", "gwrpm25", "pm25_cmaq", "pm25_fused", "pm", "pm2p5_conc"),
        ),
        Variable(
            "pm10",
            "Particulate matter below 10 µm",
            UG_M3,
            _CF.format("pm10_ambient_aerosol_particles"),
            (0.0, 10000.0),
        ),
        Variable("no2", "Nitrogen dioxide", UG_M3, _CF.format("nitrogen_dioxide"), (0.0, 2000.0)),
        Variable("so2", "Sulphur dioxide", UG_M3, _CF.format("sulfur_dioxide"), (0.0, 5000.0)),
        Variable("o3", "Ozone", UG_M3, _CF.format("ozone"), (0.0, 2000.0)),
        Variable("co", "Carbon monoxide", UG_M3, _CF.format("carbon_monoxide"), (0.0, 100000.0)),
        Variable(
            "t2m", "Air temperature at 2 m", "K", "air_temperature", (180.0, 340.0), ("temp",)
        ),
        Variable(
            "d2m", "Dew point at 2 m", "K", "dew_point_temperature", (150.0, 320.0), ("dewp",)
        ),
        Variable(
            "sp", "Surface pressure", "Pa", "surface_air_pressure", (30000.0, 115000.0), ("pres",)
        ),
        Variable(
            "tp", "Precipitation of the hour", "mm", "precipitation_amount", (0.0, 500.0), ("rain",)
        ),
        Variable("u10", "Eastward wind at 10 m", "m s-1", "eastward_wind", (-100.0, 100.0)),
        Variable("v10", "Northward wind at 10 m", "m s-1", "northward_wind", (-100.0, 100.0)),
        Variable("si10", "Wind speed at 10 m", "m s-1", "wind_speed", (0.0, 100.0), ("wspm",)),
    )
}

# Not measured over and over, so no part of `VARIABLES`: a gridded dataset may bring it once.
HEIGHT = Variable(
    ALTITUDE,
    "Height of the ground above the sea",
    "m",
    "surface_altitude",
    (-500.0, 9000.0),
    ("elevation", "orography", "topography", "altitude", "terrain", "hgt", "elev", "orog", "dem"),
)


def find(name: str) -> Variable | None:
    """The entry that a file's variable name stands for, or None."""
    low = name.strip().lower()
    for variable in VARIABLES.values():
        if low == variable.name or low in variable.aliases:
            return variable
    return None


def mass_factor(units: str, *, where: str) -> float:
    """Factor from `units` to `ug m-3`.

    Raises:
        DataError: If the unit is not one of a mass concentration.
    """
    factor = mass_per_volume(units)
    if factor is not None:
        return factor
    raise DataError(
        "unit {units!r} is not a mass concentration we know",
        where=where,
        remedy="Name it with --units, for example --units 'ug m-3' or --units 'kg m-3'",
        units=units,
    )
