import numpy as np

from pinnkit import InputError
from pinnkit.tomography import Detector, ImageGrid, ParallelBeam, Scan, abdomen, from_hounsfield, read_dicom, simulate
from pinnkit.tomography.files.dicom import SOFT_TISSUE


def problem(views: int = 20, counts: float = 0.0, size: int = 256, seed: int = 0, dicom: str = "") -> Scan:
    """CT of an abdomen, or of your DICOM slice, from few views with so many photons a ray (0: without noise)."""
    if counts < 0:
        raise InputError(f"counts are the photons of a ray, or 0 for data without noise; got {counts:g}.")
    if dicom:
        scan = scan_of_slice(dicom, views, counts or None, size, seed)
    else:
        scan = abdomen(views, counts or None, size, seed)
    scan.notes["window"] = SOFT_TISSUE
    return scan


def scan_of_slice(path: str, views: int, counts: float | None, size: int, seed: int) -> Scan:
    """Simulate the scan of a CT slice, which must have a multiple of `size` rows and columns."""
    found = read_dicom(path)
    rows, columns = found.image.shape
    if size < 1 or size >= rows or rows % size or columns % size or views < 1:
        raise InputError(
            f"size must divide {rows} and {columns}, the sides of the slice, and be smaller, and views be at least 1; "
            f"got {size} and {views}."
        )
    fine = ImageGrid(rows, columns, found.pixel)
    grid = fine.resized(size)
    outside = np.hypot(fine.x, fine.y[:, None]) > fine.radius
    image = np.where(outside, 0, np.maximum(from_hounsfield(found.image), 0))
    angles = (np.arange(views) * (180 / views)).tolist()
    geometry = ParallelBeam(angles, Detector(max(grid.shape), grid.pixel))
    return simulate(image, fine, geometry, grid, counts, seed)
