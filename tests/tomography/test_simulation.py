import sys
import warnings

import numpy as np
import pytest
import torch

from pinnkit.errors import InputError
from pinnkit.tomography import (
    Detector,
    ImageGrid,
    ParallelBeam,
    Projector,
    abdomen,
    chi_squared,
    data_residual,
    shepp_logan,
    simulate,
)

FINE = ImageGrid(32, 48, 0.5)
GRID = ImageGrid(16, 24, 1.0)
GEOMETRY = ParallelBeam([0.0, 50.0, 130.0], Detector(30, 1.0))
IMAGE = np.random.default_rng(0).uniform(0, 0.05, FINE.shape)


def project(scan, image):
    return Projector(scan.geometry, scan.grid, torch.float64)(torch.from_numpy(image)).numpy()


class TestSimulate:
    def test_projects_on_the_fine_grid_and_averages_onto_the_coarse_one(self):
        scan = simulate(IMAGE, FINE, GEOMETRY, GRID, subrays=2)
        expected = Projector(GEOMETRY, FINE, torch.float64, subrays=2)(torch.from_numpy(IMAGE)).numpy()
        assert np.allclose(scan.sinogram, expected, rtol=1e-12) and scan.variance is None
        assert scan.truth.shape == (16, 24) and scan.truth[3, 5] == pytest.approx(IMAGE[6:8, 10:12].mean())

    def test_adds_noise_of_the_seed(self):
        clean = simulate(IMAGE, FINE, GEOMETRY, GRID).sinogram
        a, b, c = (simulate(IMAGE, FINE, GEOMETRY, GRID, counts=1e4, seed=seed) for seed in (1, 1, 2))
        assert np.array_equal(a.sinogram, b.sinogram) and not np.array_equal(a.sinogram, c.sinogram)
        assert 0.6 < chi_squared(a.sinogram - clean, a.variance) < 1.5  # 90 rays
        assert a.notes == {"counts": 1e4, "seed": 1}

    @pytest.mark.parametrize(
        ("fine", "message"),
        [
            (GRID, r"^the fine grid \(16 x 24 of 1 mm\) must divide each pixel of the grid \(16 x 24 of 1 mm\) into"),
            (ImageGrid(40, 60, 0.4), "^the fine grid"),
            (ImageGrid(32, 72, 0.5), "^the fine grid"),
            (ImageGrid(32, 48, 0.5, (1.0, 0.0)), "^the fine grid"),
            (ImageGrid(32, 48, 0.6), "^the fine grid"),
            (ImageGrid(64, 96, 0.25), r"^the image has shape \(32, 48\), the fine grid \(64, 96\).$"),
        ],
    )
    def test_refuses_grids_that_do_not_fit(self, fine, message):
        with pytest.raises(InputError, match=message):
            simulate(IMAGE, fine, GEOMETRY, GRID)


class TestAbdomen:
    def test_is_a_slice_in_its_circle_without_warnings(self):
        pytest.importorskip("pydicom")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            scan = abdomen(views=6, size=64)
        assert scan.geometry.angles == (0, 30, 60, 90, 120, 150) and scan.variance is None
        assert scan.grid.pixel * 64 == pytest.approx(440) and scan.geometry.covered_radius > scan.grid.radius - 7
        outside = np.hypot(scan.grid.x, scan.grid.y[:, None]) > scan.grid.radius + scan.grid.pixel
        assert outside.any() and (scan.truth[outside] == 0).all() and scan.truth.min() == 0
        liver = scan.hounsfield(scan.truth[28:38, 18:24])
        assert 60 < np.median(liver) < 160
        # A body of water, 23 by 31 cm, with little beside it: the table.
        assert 4 < scan.sinogram.max() < 7
        assert 0 < data_residual(project(scan, scan.truth), scan.sinogram) < 0.02

    @pytest.mark.parametrize("size", [512, 100, 0, 64.0])
    def test_has_sizes_that_divide_it(self, size):
        pytest.importorskip("pydicom")
        message = "^size must (divide 512 and be smaller, such as 256 or 128|be a whole number of at least 1), got "
        with pytest.raises(InputError, match=message):
            abdomen(size=size)

    def test_names_missing_packages(self, monkeypatch):
        message = r"^the abdomen slice needs the packages pydicom and pydicom-data: pip install 'pinnkit\[ct\]'.$"
        if "pydicom" in sys.modules:
            monkeypatch.setattr("pydicom.data.get_testdata_file", lambda *_, **__: None)
            with pytest.raises(InputError, match=message):
                abdomen()
        monkeypatch.setitem(sys.modules, "pydicom.data", None)
        with pytest.raises(InputError, match=message):
            abdomen()


class TestSheppLogan:
    def test_is_no_inverse_crime_and_converges(self):
        scans = [shepp_logan(views=8, size=size) for size in (32, 64, 128)]
        misfits = [data_residual(project(scan, scan.truth), scan.sinogram) for scan in scans]
        assert misfits[0] > misfits[1] > misfits[2] > 1e-3 and misfits[2] < 0.02

    def test_is_of_the_same_head_at_every_size(self):
        for size in (64, 128):
            scan = shepp_logan(views=5, size=size)
            assert scan.grid.pixel * size == 256 and scan.geometry.angles == (0, 36, 72, 108, 144)
            # The table's areas times values, in units of the squared radius of 128 mm and of water.
            assert np.allclose(scan.sinogram.sum(1) * scan.grid.pixel, 0.02 * 128**2 * 0.495265, rtol=2e-3)

    def test_is_noisy_when_asked(self):
        scan, clean = shepp_logan(views=30, counts=5e4, size=32, seed=3), shepp_logan(views=30, size=32)
        assert chi_squared(scan.sinogram - clean.sinogram, scan.variance) == pytest.approx(1, abs=0.15)

    @pytest.mark.parametrize("arguments", [{"views": 0}, {"size": 0}, {"views": True}])
    def test_refuses_numbers_that_make_no_sense(self, arguments):
        with pytest.raises(InputError, match=f"^{next(iter(arguments))} must be a whole number of at least 1, got "):
            shepp_logan(**arguments)
