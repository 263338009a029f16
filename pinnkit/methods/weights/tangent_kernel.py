"""Weights by the neural tangent kernel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...spaces.space import whole

if TYPE_CHECKING:
    from ..training import Training

ROWS = 64


@dataclass(frozen=True)
class TangentKernel:
    r"""Residuals that learn slowly weigh more: the largest kernel gets the smallest weight.

    Along the gradient flow of the loss a residual decays at a rate in proportion to its kernel
    :math:`K_i = J_i J_i^T`, with J_i its Jacobian by the parameters; so
    :math:`\lambda_i = \text{mean}_j \, t_j / t_i`, where t_i is the mean of the diagonal of K_i, here over up to 64 of
    the points. (The paper's traces are sums; with losses that are means, means make weights independent of the number
    of points. Our choice.)

    Args:
        every: number of steps between two updates.

    Raises:
        InputError: the option is out of range.

    Reference:
        Wang, Yu and Perdikaris 2022, equations (6.5) and (6.6), doi:10.1016/j.jcp.2021.110768.
    """

    every: int = 100
    name = "tangent-kernel"
    pointwise = False
    in_time = False

    def __post_init__(self) -> None:
        """Check the option; see the class."""
        whole("every", self.every)

    def update(self, training: Training, memory: dict[str, Any]) -> None:
        """Measure the kernels."""
        parameters = training.parameters()
        sizes = []
        for block in training.blocks:
            few = block.points[torch.linspace(0, len(block.points) - 1, ROWS).long().unique()]
            with torch.enable_grad():
                residual = block.weight * block.residual(block.values(training.trial, few), few)
                rows = torch.eye(len(few)).to(residual)
                slopes = torch.autograd.grad(residual, parameters, rows, is_grads_batched=True, allow_unused=True)
            total = sum((g.square().sum().to(residual) for g in slopes if g is not None), residual.new_zeros(()))
            sizes.append(total.detach() / len(few))
        trace = torch.stack(sizes)
        weights = trace.mean() / trace
        # A residual that no parameter moves cannot be helped by any weight.
        memory["weights"] = torch.where(weights.isfinite() & (weights > 0), weights, torch.ones_like(weights))

    def factors(self, training: Training, memory: dict[str, Any]) -> list[Tensor | None]:
        """Give the weights."""
        return [*memory["weights"]]
