"""Noise from the sinogram alone: against simulated noise of known size, for smooth, sharp and textured objects."""

import numpy as np
import pytest

from pinnkit.tomography import (
    Detector,
    FanBeam,
    ImageGrid,
    ParallelBeam,
    Scan,
    add_poisson_noise,
    chi_squared,
    discretisation_variance,
    estimated_variance,
    head,
    photon_noise,
    shepp_logan,
)

ANGLES = np.arange(40) * 4.5
GEOMETRIES = {
    "parallel": ParallelBeam(ANGLES, Detector(128, 2.0)),
    "fan": FanBeam(2 * ANGLES, Detector(152, 4.0), 400.0, 800.0),
}


def smooth(geometry):
    place = np.linspace(-1.3, 1.3, geometry.shape[1])
    return np.tile(4 * np.maximum(1 - place**2, 0) ** 2, (geometry.shape[0], 1))


def textured(geometry):
    """Give the smooth object a texture as fine as the bins, as large as noise, but none in the air."""
    sinogram = smooth(geometry)
    return sinogram + 0.05 * np.sqrt(sinogram) * np.random.default_rng(1).standard_normal(sinogram.shape)


OBJECTS = {"smooth": smooth, "sharp": lambda geometry: head(100.0).sinogram(geometry, 4), "textured": textured}


@pytest.mark.parametrize("counts", [3e3, 1e5])
@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES)
def test_photons_are_counted(geometry, name, counts):
    sinogram = OBJECTS[name](geometry)
    noisy, variance = add_poisson_noise(sinogram, counts, np.random.default_rng(0))
    found = photon_noise(noisy)
    assert 0.6 < np.median(found / variance) < 1.2
    if name == "textured":
        assert found.mean() < ((noisy - smooth(geometry)) ** 2).mean()


@pytest.mark.parametrize("name", OBJECTS)
def test_data_without_noise_have_next_to_none(name):
    geometry = GEOMETRIES["parallel"]
    sinogram = OBJECTS[name](geometry)
    found = photon_noise(sinogram)
    assert (found > 0).all() and np.sqrt(found.mean()) < 2e-3 * sinogram.max()


def test_the_variance_is_that_of_noise_and_pixels():
    geometry, grid = GEOMETRIES["parallel"], ImageGrid(64, 64, 4.0)
    sinogram = head(128.0).sinogram(geometry, 4)
    noisy, variance = add_poisson_noise(sinogram, 1e4, np.random.default_rng(0))
    pixels = discretisation_variance(Scan(geometry, sinogram, grid))
    found = estimated_variance(Scan(geometry, noisy, grid))
    assert found.shape == geometry.shape
    assert found.mean() == pytest.approx(variance.mean() + pixels.mean(), rel=0.2)
    assert np.array_equal(found, estimated_variance(Scan(geometry, noisy, grid, variance)))


def test_it_is_near_the_truth_of_a_simulated_scan():
    scan = shepp_logan(views=30, counts=1e4, size=64)
    assert chi_squared(np.sqrt(scan.variance), photon_noise(scan.sinogram)) == pytest.approx(1, abs=0.25)


def test_of_nothing_and_of_too_few_bins_it_is_positive():
    for shape in ((3, 20), (2, 4), (1, 1), (1, 5)):
        found = photon_noise(np.zeros(shape))
        assert found.shape == shape and (found > 0).all()
