"""L-BFGS: quasi-Newton with the last steps in place of a matrix."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ...spaces.space import whole
from ..sampling import Sampling
from ..task import Task
from ..training import Training
from ..weights import Weights
from .run import QuasiNewtonRun


@dataclass(frozen=True)
class LBFGS:
    """L-BFGS on all parameters, with a strong Wolfe line search.

    Unlike PyTorch's optimiser it has no thresholds in units of the loss, below which that one learns nothing more.

    Args:
        history: number of remembered steps.
        points: interior collocation points.
        boundary_points: points shared by the soft conditions.
        weights: how residuals are weighed anew, such as ``Causal()``; None leaves them as they are.
        sampling: how points are drawn anew, such as ``RAD()``; None keeps them.

    Reference:
        Liu and Nocedal 1989, doi:10.1007/BF01589116.
    """

    history: int = 100
    points: int = 2500
    boundary_points: int = 500
    weights: Weights | None = None
    sampling: Sampling | None = None
    name = "lbfgs"

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        whole("history", self.history)
        whole("points", self.points)
        whole("boundary_points", self.boundary_points)

    def start(self, task: Task) -> LBFGSRun:
        """Begin work on a task."""
        return LBFGSRun(self, Training(task, self.points, self.boundary_points, self.weights, self.sampling))


class LBFGSRun(QuasiNewtonRun):
    """L-BFGS at work; see `LBFGS`."""

    remembers = ("steps", "changes")
    steps: list[Tensor]
    changes: list[Tensor]

    def __init__(self, method: LBFGS, training: Training) -> None:
        """Keep the options."""
        self.method = method
        super().__init__(training)

    def forget(self) -> None:
        """Forget all steps."""
        self.steps, self.changes = [], []

    def newton(self, gradient: Tensor) -> Tensor:
        """Apply the inverse Hessian, by the recursion of two loops over the remembered steps."""
        if not self.steps:
            return gradient
        pairs = [(s, y, (y @ s).item()) for s, y in zip(self.steps, self.changes, strict=True)]
        found, shares = gradient.clone(), []
        for s, y, ys in reversed(pairs):
            shares.append((s @ found).item() / ys)
            found.sub_(y, alpha=shares[-1])
        s, y, ys = pairs[-1]
        found.mul_(ys / (y @ y).item())
        for s, y, ys in pairs:
            found.add_(s, alpha=shares.pop() - (y @ found).item() / ys)
        return found

    def learn(self, s: Tensor, y: Tensor, curvature: float) -> None:
        """Remember the step, and forget the oldest one beyond the history."""
        self.steps = [*self.steps, s][-self.method.history :]
        self.changes = [*self.changes, y][-self.method.history :]
