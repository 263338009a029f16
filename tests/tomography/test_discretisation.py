import numpy as np
import pytest
import torch

from pinnkit.tomography import (
    Detector,
    FanBeam,
    ImageGrid,
    ParallelBeam,
    Projector,
    Scan,
    add_poisson_noise,
    chi_squared,
    discretisation_variance,
    head,
)
from pinnkit.tomography.discretisation import discretisation_error

GRID = ImageGrid(64, 64, 4.0)
PHANTOM = head(128.0)
ANGLES = np.arange(12) * 15.0
GEOMETRIES = {
    "parallel": ParallelBeam(ANGLES, Detector(64, 4.0)),
    "fine bins": ParallelBeam(ANGLES, Detector(128, 2.0)),
    "fan": FanBeam(2 * ANGLES, Detector(76, 8.0), 400.0, 800.0),
    "curved fan": FanBeam(2 * ANGLES, Detector(76, 7.5, curved=True), 400.0, 800.0),
}


def scan_of(geometry, grid=GRID):
    return Scan(geometry, PHANTOM.sinogram(geometry, 8), grid, truth=PHANTOM.rasterise(grid))


def true_error(scan, subrays):
    projected = Projector(scan.geometry, scan.grid, torch.float64, subrays=subrays)(torch.from_numpy(scan.truth))
    return projected.numpy() - scan.sinogram


@pytest.mark.parametrize("subrays", [1, 4])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_error_is_that_of_the_true_pixels(name, subrays):
    scan = scan_of(GEOMETRIES[name])
    error, predicted = true_error(scan, subrays), discretisation_error(scan, subrays)
    assert (error * predicted).sum() > 0.6 * np.linalg.norm(error) * np.linalg.norm(predicted)
    assert 0.6 < chi_squared(error, discretisation_variance(scan, subrays)) < 2


def test_noise_of_known_variance_is_told_from_it():
    scan = scan_of(GEOMETRIES["parallel"])
    sinogram, variance = add_poisson_noise(scan.sinogram, 2e3, np.random.default_rng(0))
    noisy = Scan(scan.geometry, sinogram, scan.grid, variance)
    assert discretisation_variance(noisy)[0, 0] == pytest.approx(discretisation_variance(scan)[0, 0], rel=0.1)
    assert (discretisation_error(noisy) ** 2).mean() > 1.2 * discretisation_variance(noisy)[0, 0]


def test_it_falls_with_the_pixels_and_grows_with_the_square_of_the_data():
    scan = scan_of(GEOMETRIES["parallel"])
    fine = ParallelBeam(ANGLES, Detector(256, 1.0))
    assert discretisation_variance(scan_of(fine, GRID.resized(256)))[0, 0] < discretisation_variance(scan)[0, 0] / 4
    twice = Scan(scan.geometry, 2 * scan.sinogram, scan.grid)
    assert np.allclose(discretisation_variance(twice), 4 * discretisation_variance(scan))


def test_of_nothing_it_is_positive():
    geometry = GEOMETRIES["parallel"]
    variance = discretisation_variance(Scan(geometry, np.zeros(geometry.shape), GRID))
    assert variance.shape == geometry.shape and (variance > 0).all()
