import numpy as np
import pytest

from pinnkit.compare.spectra import spectrum


def test_a_wave_shows_at_its_frequency():
    x = (np.arange(256) + 0.5) / 256 * 2
    frequencies, amplitudes = spectrum(3 * np.sin(2 * np.pi * 10 * x), (2.0,))
    assert frequencies[np.argmax(amplitudes)] == 10
    # The window spreads a wave over three cells; none is lost.
    assert np.sum(amplitudes**2) == pytest.approx(3**2 / 2, rel=1e-3)


def test_rings_count_all_directions_in_physical_units():
    x, y = np.meshgrid(*((np.arange(64) + 0.5) / 64 * side for side in (1.0, 4.0)), indexing="ij")
    values = np.sin(2 * np.pi * (3 * x + 4 * y)) + 1e-3 * np.sin(2 * np.pi * 6 * y)
    frequencies, amplitudes = spectrum(values, (1.0, 4.0))
    assert frequencies[1] == 0.25
    assert frequencies[np.argmax(amplitudes)] == pytest.approx(5, abs=0.3)
    assert amplitudes[np.abs(frequencies - 6) < 0.1].max() == pytest.approx(1e-3 / np.sqrt(2), rel=0.5)


def test_white_noise_keeps_its_mean_square():
    noise = np.random.default_rng(0).normal(size=4096)
    assert np.sum(spectrum(noise, (1.0,))[1] ** 2) == pytest.approx(1.0, rel=0.06)
