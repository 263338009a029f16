r"""Joseph's method: line integrals of an image that is interpolated linearly between pixel centres.

A ray that runs more along the columns than along the rows crosses every column's centre line once; there the image is
interpolated between the two rows beside it, and the sum over columns is multiplied by the ray's length between two of
them, :math:`h / |\cos|`. Likewise with rows for the others. The image is zero outside its grid.

Reference: Joseph, IEEE Transactions on Medical Imaging 1 (1982), 192-196, doi:10.1109/TMI.1982.4307572.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from .geometry import Geometry, ImageGrid


def matrix(geometry: Geometry, grid: ImageGrid, dtype: np.dtype, subrays: int, views: slice) -> sparse.csr_array:
    """Assemble the rows of some views.

    Args:
        geometry: of the scan.
        grid: of the image.
        dtype: of the entries.
        subrays: rays for each detector bin, which are averaged.
        views: which views.

    Returns:
        Shape ``(views * bins, rows * columns)``, entries in mm, indices of 32 bits, sorted.
    """
    origins, directions = (part.reshape(-1, 2) for part in geometry.rays(subrays, views))
    # In units of pixels, along columns and rows.
    across, down = (origins[:, 0] - grid.x[0]) / grid.pixel, (grid.y[0] - origins[:, 1]) / grid.pixel
    right, below = directions[:, 0], -directions[:, 1]
    along_columns = np.abs(right) >= np.abs(below)
    (rows, columns), bins = grid.shape, len(origins) // subrays
    parts = [
        _entries(np.flatnonzero(along_columns), (across, down), (right, below), (columns, rows), (1, columns)),
        _entries(np.flatnonzero(~along_columns), (down, across), (below, right), (rows, columns), (columns, 1)),
    ]
    ray, pixel, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
    entries = (weight * (grid.pixel / subrays)).astype(dtype), (ray // subrays, pixel)
    return sparse.coo_array(entries, shape=(bins, rows * columns)).tocsc().tocsr()  # adds up and sorts


def _entries(
    rays: np.ndarray,
    starts: tuple[np.ndarray, np.ndarray],
    directions: tuple[np.ndarray, np.ndarray],
    sizes: tuple[int, int],
    strides: tuple[int, int],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find ray, pixel and weight of every entry of rays that run along the first of two axes."""
    (main, other), (step, drift) = ((pair[0][rays], pair[1][rays]) for pair in (starts, directions))
    slope = drift / step
    position = (other - main * slope)[:, None] + slope[:, None] * np.arange(sizes[0])
    before = np.floor(position)
    share = position - before
    before = before.astype(np.int32)
    length = (1 / np.abs(step))[:, None]
    found = []
    for neighbour, weight in ((before, (1 - share) * length), (before + 1, share * length)):
        ray, at = np.nonzero((neighbour >= 0) & (neighbour < sizes[1]) & (weight > 0))
        pixel = at * strides[0] + neighbour[ray, at] * strides[1]
        found.append((rays[ray].astype(np.int32), pixel.astype(np.int32), weight[ray, at]))
    ray, pixel, weight = (np.concatenate(part) for part in zip(*found, strict=True))
    return ray, pixel, weight


def entries_of_a_view(geometry: Geometry, grid: ImageGrid, subrays: int) -> int:
    """Bound the entries that the rows of one view hold."""
    return 2 * max(grid.shape) * geometry.shape[1] * subrays
