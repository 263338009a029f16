"""Views that share rows of the matrix: equal to rows of their own, for every turn and mirror image."""

import numpy as np
import pytest
import torch

from pinnkit.tomography import Detector, FanBeam, ImageGrid, ParallelBeam, Projector, joseph

SQUARE = ImageGrid(14, 14, 1.3)
CASES = {
    "half turn": (ParallelBeam(np.arange(0, 180, 9.0), Detector(25, 1.7, 0.3), 0.2), SQUARE, 6),
    "full turn": (ParallelBeam(np.arange(-180, 180, 10.0), Detector(25, 1.7, 0.3)), SQUARE, 5),
    "between": (ParallelBeam(np.arange(8) * 22.5 + 3.0, Detector(25, 1.7)), SQUARE, 4),
    "fan": (FanBeam(np.arange(0, 360, 10.0), Detector(25, 2.4, 0.5), 70.0, 110.0, -0.4), SQUARE, 9),
    "repeated": (ParallelBeam([0.0, 30.0, 90.0, 120.0, 0.0, 360.0, 90.0, 450.0], Detector(25, 1.7)), SQUARE, 8),
    "unlike": (ParallelBeam([0.0, 1.0, 7.0, 33.0], Detector(25, 1.7)), SQUARE, 4),
    "displaced": (ParallelBeam(np.arange(0, 180, 9.0), Detector(25, 1.7)), ImageGrid(14, 14, 1.3, (0.5, 0.0)), 20),
    "oblong": (ParallelBeam(np.arange(0, 180, 9.0), Detector(25, 1.7)), ImageGrid(14, 12, 1.3), 20),
}
EVERY_CASE = pytest.mark.parametrize(("geometry", "grid", "own"), CASES.values(), ids=CASES)
pytestmark = pytest.mark.filterwarnings("ignore:truncated")


@EVERY_CASE
@pytest.mark.parametrize("limit", [0, 1e9])
def test_shared_rows_equal_rows_of_their_own(geometry, grid, own, limit):
    projector = Projector(geometry, grid, torch.float64, memory_limit=limit)
    assert projector._symmetry.geometry.views <= own
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(3, *grid.shape, generator=generator, dtype=torch.float64)
    sinograms = torch.randn(3, *geometry.shape, generator=generator, dtype=torch.float64)
    matrix = torch.from_numpy(joseph.matrix(geometry, grid, np.dtype(float), 1, slice(None)).toarray())
    projected, smeared = projector(images).reshape(3, -1), projector.T(sinograms).reshape(3, -1)
    torch.testing.assert_close(projected, images.reshape(3, -1) @ matrix.T, rtol=0, atol=1e-11)
    torch.testing.assert_close(smeared, sinograms.reshape(3, -1) @ matrix, rtol=0, atol=1e-11)


def test_rows_are_only_shared_where_most_are_used():
    geometry = ParallelBeam(np.arange(0, 50, 5.0), Detector(25, 1.7))
    assert Projector(geometry, SQUARE)._symmetry.trivial  # 50 to 90 degrees, which mirror the others, are missing
