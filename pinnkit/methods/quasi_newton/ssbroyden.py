"""The self-scaled Broyden method: quasi-Newton with a dense inverse Hessian."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...errors import InputError
from ...spaces.space import whole
from ..sampling import Sampling
from ..task import Task
from ..training import Training
from ..weights import Weights
from .broyden import broyden_update, self_scaling
from .run import QuasiNewtonRun

MOST_PARAMETERS = 10_000
"""Their inverse Hessian takes 800 MB."""


@dataclass(frozen=True)
class SSBroyden:
    """Self-scaled Broyden method (SSBroyden) on all parameters, with a strong Wolfe line search.

    It keeps the whole inverse Hessian, so it suits spaces of up to a few thousand parameters; there it reaches far
    smaller losses than L-BFGS.

    Args:
        points: interior collocation points.
        boundary_points: points shared by the soft conditions.
        weights: how residuals are weighed anew, such as ``Causal()``; None leaves them as they are.
        sampling: how points are drawn anew, such as ``RAD()``; None keeps them.

    Reference:
        Al-Baali 1998, doi:10.1023/A:1018315205474; Urban, Stefanou and Pons 2025, arXiv:2405.04230.
    """

    points: int = 2500
    boundary_points: int = 500
    weights: Weights | None = None
    sampling: Sampling | None = None
    name = "ssbroyden"

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        whole("points", self.points)
        whole("boundary_points", self.boundary_points)

    def start(self, task: Task) -> SSBroydenRun:
        """Begin work on a task."""
        return SSBroydenRun(Training(task, self.points, self.boundary_points, self.weights, self.sampling))


class SSBroydenRun(QuasiNewtonRun):
    """The self-scaled Broyden method at work; see `SSBroyden`.

    Args:
        training: what is trained.

    Raises:
        InputError: there are too many parameters.
    """

    remembers = ("inverse",)
    inverse: Tensor | None

    def __init__(self, training: Training) -> None:
        """Count the parameters; see the class."""
        super().__init__(training)
        n = sum(p.numel() for p in self.parameters)
        if n > MOST_PARAMETERS:
            raise InputError(
                f"ssbroyden keeps n x n numbers for n parameters, and {n} parameters are more than {MOST_PARAMETERS}; "
                "use lbfgs or soap, or a smaller space."
            )

    def forget(self) -> None:
        """Forget the inverse Hessian."""
        self.inverse = None

    def newton(self, gradient: Tensor) -> Tensor:
        """Apply the inverse Hessian."""
        return gradient if self.inverse is None else self.inverse @ gradient

    def learn(self, s: Tensor, y: Tensor, curvature: float) -> None:
        """Update the inverse Hessian; the first time, from a multiple of the identity (Nocedal and Wright 2006)."""
        ys = (y @ s).item()
        if self.inverse is None:
            scale = ys / (y @ y).item()
            self.inverse = torch.eye(len(s), dtype=s.dtype, device=s.device).mul_(scale)
            curvature = (s @ s).item() / scale
        product = self.inverse @ y
        tau, phi = self_scaling(curvature / ys, (y @ product).item() / ys, len(s))
        broyden_update(self.inverse, s, y, product, tau, phi)
