"""A truth that is known, its coarse maps, a climatology and stations, for tests of finer maps."""

import numpy as np
import xarray as xr

from engine.core.grid import Grid
from engine.downscaling.cell_edges import RegularCells
from engine.downscaling.overlaps import overlap
from engine.downscaling.regridding import regrid

FINE = Grid(35.95, 112.05, 0.1, 0.1, 80, 100)  # 28–36° N, 112–122° E
WIDE = Grid(35.6, 112.4, 0.8, 0.8, 10, 13)  # its last column lies half off the fine grid
RNG = np.random.default_rng(5)
LAT, LON = np.meshgrid(FINE.latitude, FINE.longitude, indexing="ij")
DETAIL = np.exp(0.25 * np.sin(LAT * 9) * np.cos(LON * 8))  # what every year has
SOURCES = {"source": "made for a test", "licence": "CC0", "synthetic": 1}


def level(month):
    """The large scale of a month, ug m-3."""
    return 60 + 20 * np.cos(month / 2) + 6 * (LAT - 32) + 4 * np.sin(LON / 2 + month)


def grid_dataset(values, months, grid):
    return xr.Dataset(
        {
            "pm2p5": (
                ("valid_time", "latitude", "longitude"),
                values.astype(np.float32),
                {"units": "ug m-3"},
            )
        },
        coords={
            "valid_time": np.array(months, dtype="datetime64[ns]"),
            "latitude": grid.latitude,
            "longitude": grid.longitude,
        },
        attrs={"kind": "grid", "period": "month", "utc_offset_hours": 0, **SOURCES},
    )


def build():
    """Truth of 2015, its coarse map 20 % too low, a climatology of 2010–2012, 50 stations."""
    months = [f"2015-{m:02d}" for m in range(1, 13)]
    truth = np.stack([level(m) * DETAIL for m in range(1, 13)])
    to_coarse = overlap(RegularCells.from_grid(FINE), RegularCells.from_grid(WIDE))
    coarse = regrid(0.8 * truth, to_coarse, min_valid_share=0.4)
    years = [f"{y}-{m:02d}" for y in (2010, 2011, 2012) for m in range(1, 13)]
    earlier = np.stack([1.3 * level(m + 0.3 * y) * DETAIL for y in (0, 1, 2) for m in range(1, 13)])
    row, column = RNG.integers(2, 78, 50), RNG.integers(2, 98, 50)
    noise = np.exp(0.03 * RNG.standard_normal((12, 50)))
    stations = xr.Dataset(
        {
            "pm2p5": (
                ("valid_time", "station"),
                (truth[:, row, column] * noise).astype(np.float32),
                {"units": "ug m-3"},
            )
        },
        coords={
            "valid_time": np.array(months, dtype="datetime64[ns]"),
            "station": [f"S{n:02d}" for n in range(50)],
            "latitude": ("station", FINE.latitude[row]),
            "longitude": ("station", FINE.longitude[column]),
            "name": ("station", [f"Place {n}" for n in range(50)]),
        },
        attrs={"kind": "stations", "period": "month", "utc_offset_hours": 0, **SOURCES},
    )
    return {
        "truth": truth,
        "coarse": grid_dataset(coarse, months, WIDE),
        "climatology": grid_dataset(earlier, years, FINE),
        "stations": stations,
    }
