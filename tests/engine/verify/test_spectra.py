"""Spectra of fields whose power is known: a wave, white noise, noise with holes."""

import numpy as np
import pytest

from engine.core.grid import Grid
from engine.verify.spectra import cell_km, fine_variance, gains, mean_gradient, spectrum

CELL = (1.0, 1.0)


def _noise(rows=96, columns=128, sd=3.0, seed=0):
    return np.random.default_rng(seed).normal(40, sd, (rows, columns))


def _wave(wavelength, cell=CELL, rows=128, columns=128):
    x = np.arange(columns) * cell[1]
    return np.tile(np.sin(2 * np.pi * x / wavelength), (rows, 1))


@pytest.mark.parametrize("wavelength", [4.0, 8.0, 16.0, 32.0])
def test_a_wave_peaks_at_its_wavelength(wavelength):
    result = spectrum(_wave(wavelength), CELL)
    assert result.wavelength[result.power.argmax()] == pytest.approx(wavelength, rel=0.05)


def test_unequal_cells_are_measured_in_km():
    # 2 km wide, 1 km high: a wave of 16 km is 8 columns long.
    cell = (1.0, 2.0)
    result = spectrum(_wave(16.0, cell), cell)
    assert result.wavelength[result.power.argmax()] == pytest.approx(16, rel=0.05)


def test_white_noise_is_flat_and_keeps_its_variance():
    field = _noise()
    result = spectrum(field, CELL)
    # Density of white noise: variance × cell area, at every wavelength.
    assert result.power[5:].mean() == pytest.approx(9.0, rel=0.1)
    assert fine_variance(field, CELL, 1e9) == pytest.approx(field.var(), rel=0.05)


def test_cell_area_scales_density_but_not_variance():
    field = _noise()
    assert fine_variance(field, (2.0, 3.0), 1e9) == pytest.approx(field.var(), rel=0.05)
    assert spectrum(field, (3.0, 3.0)).power[5:].mean() == pytest.approx(81, rel=0.1)


def test_holes_do_not_change_the_level_of_noise():
    field = _noise()
    field[20:60, 30:70] = np.nan
    field[:, :10] = np.nan
    assert spectrum(field, CELL).power[5:].mean() == pytest.approx(9.0, rel=0.1)


def test_a_constant_with_holes_has_no_power():
    field = np.full((40, 40), 50.0)
    field[5:15, 5:15] = np.nan
    assert spectrum(field, CELL).power.max() < 1e-20


def test_gain_of_half_the_amplitude():
    field = _noise()
    half = 40 + (field - 40) / 2
    found = gains(half, field, CELL, cutoff=16)
    assert found.spectral == pytest.approx(0.25, rel=1e-6)
    assert found.gradient == pytest.approx(0.5, rel=1e-6)


def test_gain_counts_only_short_waves():
    short, long = _wave(4.0), _wave(64.0)
    # Without the 4 km wave nothing fine is left, however much the long wave grows.
    assert gains(10 * long, short + long, CELL, cutoff=16).spectral < 0.05
    assert gains(short, short + long, CELL, cutoff=16).spectral == pytest.approx(1, abs=0.02)


def test_gains_use_one_mask():
    field, reference = _noise(), _noise()
    field[:30] = np.nan
    found = gains(field, reference, CELL, cutoff=16)
    assert found.spectral == pytest.approx(1)
    assert found.gradient == pytest.approx(1)
    assert found.cells == 66 * 128


def test_gain_over_nothing_is_unknown():
    assert np.isnan(gains(_noise(), np.zeros((96, 128)), CELL, cutoff=16).spectral)


def test_gradient_of_a_plane():
    # 3 per row of 1 km southward, 8 per column of 2 km eastward: hypot(3, 4) = 5.
    field = 3.0 * np.arange(10)[:, None] + 8.0 * np.arange(12)[None, :]
    field[4, 4] = np.nan
    assert mean_gradient(field, (1.0, 2.0)) == pytest.approx(5)
    assert np.isnan(mean_gradient(np.full((9, 9), np.nan), CELL))


def test_cell_of_a_grid():
    height, width = cell_km(Grid(60.0, 100.0, 0.01, 0.01, 1001, 50))  # middle row at 55° N
    assert height == pytest.approx(1.112, abs=1e-3)
    assert width == pytest.approx(1.112 * np.cos(np.deg2rad(55)), abs=1e-3)


@pytest.mark.parametrize("field", [np.zeros((7, 50)), np.full((20, 20), np.nan)])
def test_too_little_for_a_spectrum(field):
    with pytest.raises(ValueError, match="too few for a spectrum"):
        spectrum(field, CELL)


def test_shapes_must_agree():
    with pytest.raises(ValueError, match="cannot be compared"):
        gains(np.zeros((9, 9)), np.zeros((9, 10)), CELL, cutoff=16)
