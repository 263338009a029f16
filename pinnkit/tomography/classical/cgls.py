r"""Conjugate gradients for the least-squares problem :math:`\min_x |W (A x - b)|^2`, stopped early.

Reference: Hestenes and Stiefel, Journal of Research of the National Bureau of Standards 49 (1952), 409-436,
doi:10.6028/jres.049.044; on stopping see `stopping`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from ..projector import Projector
from ..scan import Scan
from .reconstruction import Classical, Reconstruction, Whitened, positive
from .stopping import stopped


@dataclass(frozen=True)
class CGLS(Classical):
    """Least squares by conjugate gradients; the number of steps is the regularisation.

    Args:
        iterations: at most.
        name: for tables.

    Raises:
        InputError: iterations is not a whole number of at least 1.
    """

    iterations: int = 100
    name: str = "CGLS"

    def __post_init__(self) -> None:
        """Check the number; see the class."""
        positive(iterations=self.iterations)

    def solve(self, scan: Scan, projector: Projector | None = None) -> Reconstruction:
        """Reconstruct a scan; see `Classical.solve`."""
        B = Whitened(scan, projector)
        return stopped(cgls(B), self.iterations)


def cgls(B: Whitened) -> Iterator[tuple[Tensor, Tensor]]:
    """Go through the iterates.

    Args:
        B: the equations.

    Yields:
        Image and residual, from the empty image on.
    """
    x, residual = B.zeros(), B.right
    yield x, residual
    direction = gradient = B.T(residual)
    square = gradient.square().sum()
    while square > 0:
        projected = B(direction)
        step = square / projected.square().sum()
        x, residual = x + step * direction, residual - step * projected
        yield x, residual
        gradient, before = B.T(residual), square
        square = gradient.square().sum()
        direction = gradient + square / before * direction
