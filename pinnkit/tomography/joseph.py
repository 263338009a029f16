r"""Joseph's method: line integrals of an image that is interpolated linearly between pixel centres.

A ray that runs more along the columns than along the rows crosses every column's centre line once; there the image is
interpolated between the two rows beside it, and the sum over columns is multiplied by the ray's length between two of
them, :math:`h / |\cos|`. Likewise with rows for the others. The image is zero outside its grid.

Reference: Joseph, IEEE Transactions on Medical Imaging 1 (1982), 192-196, doi:10.1109/TMI.1982.4307572.
"""

from __future__ import annotations

import math

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
    (rows, columns), most = grid.shape, max(grid.shape)
    # In units of pixels, along columns and rows; then along the axis that a ray follows, and along the other.
    start = (origins - [grid.x[0], grid.y[0]]) / grid.pixel * [1, -1]
    heading = directions * [1, -1]
    steep = np.abs(heading[:, :1]) < np.abs(heading[:, 1:])
    sizes, strides = np.array([[columns, rows], [1, columns]], np.int32)
    pairs = (np.where(steep, pair[..., ::-1], pair) for pair in (start, heading, sizes, strides))
    (main, other), (step, drift), (length, width), (stride, jump) = (np.split(pair, 2, axis=1) for pair in pairs)

    index = np.arange(most, dtype=np.int32)
    position = (other - drift / step * main) + drift / step * index
    np.clip(position, -2, most + 1, out=position)  # far outside is outside, and fits into 32 bits
    before = np.floor(position)
    per_crossing = grid.pixel / subrays / np.abs(step)
    after_weight = (position - before) * per_crossing
    weight = np.stack([per_crossing - after_weight, after_weight], -1, dtype=dtype, casting="same_kind")
    neighbours = np.stack([before, before + 1], -1, dtype=np.int32, casting="unsafe")
    inside = (neighbours >= 0) & (neighbours < width[..., None]) & (index < length)[..., None]
    pixel = (index * stride)[..., None] + neighbours * jump[..., None]

    bins = len(origins) // subrays
    starts = np.concatenate([[0], inside.reshape(bins, -1).sum(1).cumsum()]).astype(np.int32)
    result = sparse.csr_array((weight[inside], pixel[inside], starts), shape=(bins, rows * columns))
    result.sum_duplicates()  # and sort: torch wants it
    return result


def entries_of_a_view(geometry: Geometry, grid: ImageGrid, subrays: int) -> tuple[int, int]:
    """Bound the entries that are found for the rays of one view, and those left when each bin's are added up.

    Args:
        geometry: of the scan.
        grid: of the image.
        subrays: rays for each detector bin.

    Returns:
        Both bounds.
    """
    crossings = max(grid.shape) * geometry.detector.count
    # At 45 degrees a bin is wider by a root of two along a row or column, and touches a pixel more on each side.
    beside = math.ceil(math.sqrt(2) * geometry.detector.pitch / grid.pixel) + 2
    return 2 * subrays * crossings, min(2 * subrays, beside) * crossings
