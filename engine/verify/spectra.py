"""How much fine structure a map has: power spectrum, spectral gain, gradient gain.

A super-resolved map can be right on average and still be a smooth blur. The power spectrum says
at which wavelengths it varies, and how much; the gains put that in one number each.

Missing cells: the field is its departure from the mean of the valid cells, set to zero where it
is missing, under a Hann taper; power is divided by what taper and mask let through, so that white
noise of variance s² has the same power with and without holes. Holes leak power between
neighbouring wavelengths, so compare only fields under one mask: `gains` sees to that.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.grid import Grid

KM_PER_DEGREE = 111.195  # of latitude, on a sphere of radius 6371.0088 km
ENOUGH_VALID = 0.25  # share of valid cells below which a spectrum says nothing


@dataclass(frozen=True)
class Spectrum:
    """Radially averaged power of a map.

    Attributes:
        wavelength: Centre of each ring, km, decreasing.
        power: Mean power spectral density in the ring, (unit of the field)² km².
        modes: Number of Fourier modes in the ring.
    """

    wavelength: NDArray[np.float64]
    power: NDArray[np.float64]
    modes: NDArray[np.int64]


@dataclass(frozen=True)
class Gains:
    """Fine structure of a field relative to a reference; 1 is as much, less is smoother.

    Attributes:
        spectral: Variance at wavelengths below the cut-off, over the reference's.
        gradient: Mean size of the gradient, over the reference's.
        cutoff: Longest wavelength counted as fine, km.
        cells: Cells valid in both.
    """

    spectral: float
    gradient: float
    cutoff: float
    cells: int


def cell_km(grid: Grid) -> tuple[float, float]:
    """Height and width of the middle cell of a grid, km."""
    middle = np.deg2rad(grid.north - grid.step_lat * (grid.rows - 1) / 2)
    return grid.step_lat * KM_PER_DEGREE, grid.step_lon * KM_PER_DEGREE * float(np.cos(middle))


def spectrum(field: NDArray[np.floating], cell: tuple[float, float]) -> Spectrum:
    """Radially averaged power spectrum of a map.

    Args:
        field: (rows, columns), NaN is no data.
        cell: Height and width of a cell, km.

    Raises:
        ValueError: If the field is smaller than 8 × 8 or has too few valid cells.
    """
    power, wavenumber = _periodogram(field, cell)
    # Rings one fundamental wavenumber of the shorter side wide, up to the coarser axis's Nyquist.
    width = 1 / min(field.shape[0] * cell[0], field.shape[1] * cell[1])
    last = 0.5 / max(cell)
    ring = np.round(wavenumber / width).astype(int)
    inside = (ring >= 1) & (wavenumber <= last)
    modes = np.bincount(ring[inside])
    total = np.bincount(ring[inside], weights=power[inside])
    kept = np.flatnonzero(modes)
    return Spectrum(1 / (kept * width), total[kept] / modes[kept], modes[kept].astype(np.int64))


def gains(
    field: NDArray[np.floating],
    reference: NDArray[np.floating],
    cell: tuple[float, float],
    *,
    cutoff: float,
) -> Gains:
    """Spectral and gradient gain of a field over a reference, where both are valid.

    Args:
        field: (rows, columns), NaN is no data.
        reference: The same shape and unit: the known fine map, or another to compare with.
        cell: Height and width of a cell, km.
        cutoff: Wavelengths below count as fine, km. Two coarse cells is what the coarse map
            cannot hold.

    Raises:
        ValueError: If the shapes differ or too few cells are valid.
    """
    if field.shape != reference.shape:
        raise ValueError(f"fields of {field.shape} and {reference.shape} cells cannot be compared")
    both = np.isfinite(field) & np.isfinite(reference)
    one, other = np.where(both, field, np.nan), np.where(both, reference, np.nan)
    return Gains(
        _ratio(fine_variance(one, cell, cutoff), fine_variance(other, cell, cutoff)),
        _ratio(mean_gradient(one, cell), mean_gradient(other, cell)),
        cutoff,
        int(both.sum()),
    )


def fine_variance(field: NDArray[np.floating], cell: tuple[float, float], cutoff: float) -> float:
    """Variance of a map at wavelengths below `cutoff` km, in (unit of the field)².

    Raises:
        ValueError: If the field is smaller than 8 × 8 or has too few valid cells.
    """
    power, wavenumber = _periodogram(field, cell)
    mode_area = 1 / (field.size * cell[0] * cell[1])  # of one mode in the wavenumber plane, km⁻²
    return float(power[wavenumber > 1 / cutoff].sum() * mode_area)


def mean_gradient(field: NDArray[np.floating], cell: tuple[float, float]) -> float:
    """Mean size of the gradient, unit per km, over cells whose south and east neighbours are valid.

    NaN where there is no such cell.
    """
    values = field.astype(np.float64)
    south = np.diff(values, axis=0)[:, :-1] / cell[0]
    east = np.diff(values, axis=1)[:-1, :] / cell[1]
    size = np.hypot(south, east)
    valid = np.isfinite(size)
    return float(size[valid].mean()) if valid.any() else float("nan")


def _periodogram(
    field: NDArray[np.floating], cell: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power spectral density and wavenumber (cycles per km) of each Fourier mode."""
    rows, columns = field.shape
    valid = np.isfinite(field)
    if min(rows, columns) < 8 or valid.mean() < ENOUGH_VALID:
        raise ValueError(
            f"{rows} × {columns} cells with {valid.mean():.0%} valid are too few for a spectrum"
        )
    taper = np.outer(np.hanning(rows + 2)[1:-1], np.hanning(columns + 2)[1:-1]) * valid
    # Mean under the taper, so that nothing is left at wavenumber zero to leak from.
    mean = np.sum(np.where(valid, field, 0.0) * taper) / taper.sum()
    departure = np.where(valid, field - mean, 0.0) * taper
    area = cell[0] * cell[1]
    power: NDArray[np.float64] = np.abs(np.fft.fft2(departure)) ** 2 * area / np.sum(taper**2)
    ky, kx = np.fft.fftfreq(rows, cell[0]), np.fft.fftfreq(columns, cell[1])
    wavenumber: NDArray[np.float64] = np.hypot(ky[:, None], kx[None, :])
    return power, wavenumber


def _ratio(value: float, reference: float) -> float:
    return value / reference if reference > 0 else float("nan")
