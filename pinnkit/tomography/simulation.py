"""Simulated scans, whose data come from more than the grid that is to be reconstructed (no inverse crime)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ..errors import InputError
from .files import read_dicom
from .geometry import Detector, FanBeam, ImageGrid, ParallelBeam
from .measurement import add_poisson_noise
from .phantoms import average_blocks, head
from .projector import Projector
from .scan import Scan, from_hounsfield

SUBRAYS = 4
"""Rays for each detector bin, whose mean is what the bin measures."""
FIELD = 256.0
"""Side of the image of `shepp_logan`, mm."""
ABDOMEN = "explicit_VR-UN.dcm"
PANCREAS_CT = (
    "Roth, Farag, Turkbey, Lu, Liu and Summers, Data from Pancreas-CT, The Cancer Imaging Archive (2016), "
    "doi:10.7937/K9/TCIA.2016.tNB1kqBU"
)


def simulate(
    image: np.ndarray,
    fine_grid: ImageGrid,
    geometry: ParallelBeam | FanBeam,
    grid: ImageGrid,
    counts: float | None = None,
    seed: int = 0,
    subrays: int = SUBRAYS,
    name: str = "simulated scan",
) -> Scan:
    """Scan an image that is known on a finer grid than the one to be reconstructed.

    Args:
        image: attenuation on the fine grid, 1/mm.
        fine_grid: of the image, an equal number, at least 2, of its pixels along either side of each coarse one.
        geometry: of the scan.
        grid: on which the image is to be reconstructed.
        counts: photons of the open beam for each ray; None for data without noise.
        seed: of the noise.
        subrays: rays for each detector bin, whose mean is taken.
        name: of the scan.

    Returns:
        The scan; its truth is the mean of the image over each coarse pixel.

    Raises:
        InputError: the grids do not fit each other or the image.
    """
    side = fine_grid.rows // grid.rows
    if side < 2 or not _fits(fine_grid, grid.resized(grid.rows * side, grid.columns * side)):
        raise InputError(
            f"the fine grid ({fine_grid.rows} x {fine_grid.columns} of {fine_grid.pixel:.6g} mm) must divide each "
            f"pixel of the grid ({grid.rows} x {grid.columns} of {grid.pixel:.6g} mm) into 2 x 2 or more."
        )
    if image.shape != fine_grid.shape:
        raise InputError(f"the image has shape {image.shape}, the fine grid {fine_grid.shape}.")
    # Used once: nothing to store.
    project = Projector(geometry, fine_grid, torch.float64, subrays=subrays, memory_limit=0)
    sinogram = project(torch.as_tensor(image, dtype=torch.float64)).numpy()
    return _scan(geometry, sinogram, grid, average_blocks(image, side), counts, seed, name)


def abdomen(views: int = 20, counts: float | None = None, size: int = 256, seed: int = 0) -> Scan:
    """Scan the abdomen slice of the package pydicom-data with a parallel beam over half a turn.

    What lies outside the circle in the image, two ends of the table, is removed.

    Args:
        views: number of views, equally spaced from 0 up to 180 degrees, without the latter.
        counts: photons of the open beam for each ray; None for data without noise.
        size: rows and columns to be reconstructed, a proper divisor of 512, and number of detector bins.
        seed: of the noise.

    Returns:
        The scan.

    Raises:
        InputError: a package is missing, or size does not fit.

    Reference:
        Roth, Farag, Turkbey, Lu, Liu and Summers, Data from Pancreas-CT, The Cancer Imaging Archive (2016),
        doi:10.7937/K9/TCIA.2016.tNB1kqBU.
    """
    image, fine_grid = _abdomen()
    _whole(size, "size")
    if size >= fine_grid.rows or fine_grid.rows % size:
        raise InputError(f"size must divide {fine_grid.rows} and be smaller, such as 256 or 128, got {size}.")
    grid = fine_grid.resized(size)
    scan = simulate(image, fine_grid, _half_turn(views, grid), grid, counts, seed, name="abdomen")
    scan.notes["source"] = PANCREAS_CT
    return scan


def shepp_logan(views: int = 20, counts: float | None = None, size: int = 256, seed: int = 0) -> Scan:
    """Scan the modified Shepp-Logan head in closed form with a parallel beam over half a turn.

    Args:
        views: number of views, equally spaced from 0 up to 180 degrees, without the latter.
        counts: photons of the open beam for each ray; None for data without noise.
        size: rows and columns to be reconstructed, and number of detector bins.
        seed: of the noise.

    Returns:
        The scan.

    Raises:
        InputError: a number makes no sense.
    """
    _whole(size, "size")
    grid = ImageGrid(size, size, FIELD / size)
    geometry, phantom = _half_turn(views, grid), head(grid.radius)
    sinogram = phantom.sinogram(geometry, SUBRAYS)
    return _scan(geometry, sinogram, grid, phantom.rasterise(grid), counts, seed, "Shepp-Logan")


def _scan(
    geometry: ParallelBeam | FanBeam,
    sinogram: np.ndarray,
    grid: ImageGrid,
    truth: np.ndarray,
    counts: float | None,
    seed: int,
    name: str,
) -> Scan:
    notes: dict[str, Any] = {"counts": counts, "seed": seed}
    if counts is None:
        return Scan(geometry, sinogram, grid, truth=truth, name=name, notes=notes)
    noisy, variance = add_poisson_noise(sinogram, counts, np.random.default_rng(seed))
    return Scan(geometry, noisy, grid, variance, truth, name=name, notes=notes)


def _whole(value: int, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} must be a whole number of at least 1, got {value!r}.")


def _half_turn(views: int, grid: ImageGrid) -> ParallelBeam:
    """Give a parallel beam whose detector covers the circle in the image with bins as wide as pixels."""
    _whole(views, "views")
    return ParallelBeam((np.arange(views) * (180 / views)).tolist(), Detector(grid.columns, grid.pixel))


def _fits(a: ImageGrid, b: ImageGrid) -> bool:
    """Tell whether two grids are one but for rounding."""
    return a.shape == b.shape and np.allclose((a.pixel, *a.centre), (b.pixel, *b.centre), rtol=1e-9, atol=1e-9)


def _abdomen() -> tuple[np.ndarray, ImageGrid]:
    """Read the slice: attenuation, 1/mm, and its grid."""
    try:
        from pydicom.data import get_testdata_file
    except ImportError:
        path = None
    else:
        path = get_testdata_file(ABDOMEN, download=False)
    if path is None:
        raise InputError("the abdomen slice needs the packages pydicom and pydicom-data: pip install 'pinnkit[ct]'.")
    found = read_dicom(str(path))
    rows, columns = found.image.shape
    grid = ImageGrid(rows, columns, found.pixel)
    outside = np.hypot(grid.x, grid.y[:, None]) > grid.radius
    return np.where(outside, 0, np.maximum(from_hounsfield(found.image), 0)), grid
