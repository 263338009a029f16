"""Weights by the size of gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...errors import InputError
from ...spaces.space import whole

if TYPE_CHECKING:
    from ..training import Training


@dataclass(frozen=True)
class GradientNorm:
    r"""Each condition weighs as much as the equations do in the gradient of the loss (learning rate annealing).

    :math:`\hat\lambda_i = \max_\theta |\nabla L_r| / \text{mean}_\theta |\nabla L_i|` for the loss L_r of the
    equations and L_i of a condition, and :math:`\lambda_i \leftarrow (1 - \alpha) \lambda_i + \alpha \hat\lambda_i`.

    Args:
        every: number of steps between two updates.
        rate: alpha.

    Raises:
        InputError: an option is out of range.

    Reference:
        Wang, Teng and Perdikaris 2021, equations (40) and (41), doi:10.1137/20M1318043.
    """

    every: int = 10
    rate: float = 0.1
    name = "gradient-norm"
    pointwise = False
    in_time = False

    def __post_init__(self) -> None:
        """Check the options; see the class."""
        whole("every", self.every)
        if not 0 < self.rate <= 1:
            raise InputError(f"rate must be above 0 and at most 1, got {self.rate!r}.")

    def update(self, training: Training, memory: dict[str, Any]) -> None:
        """Compare the gradients."""
        equations = len(training.task.problem.equations)
        parameters = training.parameters()
        with torch.enable_grad():
            losses = [square.mean() for square in training.squares()]
            whole = torch.stack(losses[:equations]).sum()
            slopes = [
                torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
                for loss in (whole, *losses[equations:])
            ]
        size, *others = (_absolute(found, whole) for found in slopes)
        weights = memory.setdefault("weights", whole.new_ones(len(others)).detach())
        for i, other in enumerate(others):
            wanted = size.max() / other.mean()
            if wanted.isfinite() and wanted > 0:
                weights[i].lerp_(wanted, self.rate)

    def factors(self, training: Training, memory: dict[str, Any]) -> list[Tensor | None]:
        """Give one for the equations, and the weights of the conditions."""
        return [None] * len(training.task.problem.equations) + [*memory["weights"]]


def _absolute(slopes: tuple[Tensor | None, ...], like: Tensor) -> Tensor:
    """Join gradients; parameters that a loss does not depend on count for nothing."""
    return torch.cat([like.new_zeros(1), *(g.abs().reshape(-1).to(like) for g in slopes if g is not None)])[1:]
