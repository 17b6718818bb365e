"""What the maps of `maps_page.py` show, in closed form: a function of day, row and column."""

import numpy as np

from engine.core.blocks import block_mean
from engine.core.grid import Grid

FINE = Grid(north=34.196, west=116.004, step_lat=0.008, step_lon=0.008, rows=720, columns=800)
COARSE = FINE.coarsen(8)

# Mobile samples that a test looks at: used, withheld, without a value.
SAMPLES = (8, 12, 16)


def fine_values(day: int) -> np.ndarray:
    """(720, 800) concentration of a day, a hole and a corner without data."""
    y, x = np.mgrid[0:720, 0:800].astype(np.float32)
    field = 55 + 30 * np.sin(x / 140 + day * 0.3) + 25 * np.cos(y / 110 - day * 0.2)
    field += 60 * np.exp(-((x - 420 - 6 * day) ** 2 + (y - 330) ** 2) / 5000)
    field += 6 * np.sin(x / 5) * np.cos(y / 7)
    field[(x + 720 - y) < 160] = np.nan
    field[(x - 620) ** 2 + (y - 160) ** 2 < 45**2] = np.nan
    return np.maximum(field, 0)


def error_values(day: int) -> np.ndarray:
    """(720, 800) error of a day."""
    y, x = np.mgrid[0:720, 0:800].astype(np.float32)
    error = 22 * np.sin(x / 60 + day * 0.2) * np.cos(y / 70)
    return np.where(np.isnan(fine_values(day)), np.nan, error)


def graticule_values() -> np.ndarray:
    """(720, 800): 100 on the cells that every half degree runs through, 0 elsewhere."""
    lat, lon = FINE.latitude[:, None], FINE.longitude[None, :]
    near = lambda a, step: np.abs(a / 0.5 - np.round(a / 0.5)) * 0.5 < step / 2  # noqa: E731
    return np.where(near(lat, 0.008) | near(lon, 0.008), 100.0, 0.0) + 0 * lat


def distance_values() -> np.ndarray:
    """(720, 800): km east of the western edge, 0.75 a cell."""
    return np.broadcast_to(0.75 * np.arange(FINE.columns), FINE.shape).astype(np.float32)


def coarse_values(day: int) -> np.ndarray:
    """(90, 100) block means."""
    return block_mean(fine_values(day), 8)
