r"""SIRT: simultaneous iterative reconstruction of an image that is nowhere negative.

With the diagonal matrices R and C of the inverse sums of B = W A along its rows and columns,

.. math:: x \leftarrow \max(0, x + C B^T R (W b - B x)),

which converges to a minimiser of :math:`|B x - W b|_R` over :math:`x \ge 0`; each step starts from a point carried on
along the last one, with Nesterov's momentum, which needs a tenth of the steps.

References: Gregor and Benson, IEEE Transactions on Medical Imaging 27 (2008), 918-924, doi:10.1109/TMI.2008.923696;
Beck and Teboulle, SIAM Journal on Imaging Sciences 2 (2009), 183-202, doi:10.1137/080716542.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..projector import Projector
from ..scan import Scan
from .reconstruction import Classical, Reconstruction, Whitened, positive
from .stopping import stopped


@dataclass(frozen=True)
class SIRT(Classical):
    """Simultaneous iterative reconstruction, x >= 0; the number of steps is the regularisation.

    Args:
        iterations: at most.
        name: for tables.

    Raises:
        InputError: iterations is not a whole number of at least 1.
    """

    iterations: int = 200
    name: str = "SIRT"

    def __post_init__(self) -> None:
        """Check the number; see the class."""
        positive(iterations=self.iterations)

    def solve(self, scan: Scan, projector: Projector | None = None) -> Reconstruction:
        """Reconstruct a scan; see `Classical.solve`."""
        B = Whitened(scan, projector)
        return stopped(sirt(B), self.iterations)


def sirt(B: Whitened) -> Iterator[tuple[Tensor, Tensor]]:
    """Go through the iterates.

    Args:
        B: the equations.

    Yields:
        Image and residual, from the empty image on.
    """
    R, C = (torch.where(sums > 0, 1 / sums, 0.0) for sums in B.sums())
    x, projected = B.zeros(), B.right * 0
    ahead, projected_ahead, pace = x, projected, 1.0
    while True:
        yield x, B.right - projected
        new = (ahead + C * B.T(R * (B.right - projected_ahead))).clamp(min=0)
        projected_new = B(new)
        faster = (1 + (1 + 4 * pace**2) ** 0.5) / 2
        share = (pace - 1) / faster
        ahead, projected_ahead = new + share * (new - x), projected_new + share * (projected_new - projected)
        x, projected, pace = new, projected_new, faster
