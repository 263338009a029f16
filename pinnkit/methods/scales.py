"""By what the error of each unknown is judged."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..problem import Block, Collocation
from ..problem.collocation import CONSTANT
from .task import Task

NEGLIGIBLE = 1e-3
"""An unknown this many times smaller than the others make it is judged by them. (Our choice.)"""
POINTS = 256


@torch.no_grad()
def scales(values: Tensor, task: Task) -> Tensor:
    r"""Give the size that the error of each unknown is measured against.

    It is the root-mean-square of what varies, :math:`u_k - \bar u_k`, because an offset (a temperature in kelvin, a
    pressure of one atmosphere) must not hide the error of a small variation; of the value itself where nothing
    varies. An unknown that is zero, or tiny beside the others, is judged against `NEGLIGIBLE` times the scale that the
    problem gives it: in a residual :math:`\sum_j L_{ij} u_j` the unknown k has the size at which its term is as large
    as the largest other one, with operators measured on typical functions, and of several residuals the one that
    gives the smallest. (Our choice.)

    Args:
        values: of the unknowns at points spread over the domain, shape ``(n, K)``.
        task: their task.

    Returns:
        The scales, shape ``(K,)``, positive.
    """
    size = values.square().mean(0).sqrt()
    varying = (values - values.mean(0)).square().mean(0).sqrt()
    varying = torch.where(varying > CONSTANT * size, varying, size)
    floor = NEGLIGIBLE * _coupled(task.gains.to(varying), varying)
    found = torch.maximum(varying, floor)
    return torch.where(found > 0, found, torch.ones_like(found))


def _coupled(gains: Tensor, sizes: Tensor) -> Tensor:
    """Give the size of each unknown at which its terms match those of the others, zero where there are none."""
    terms = gains * sizes
    found = torch.zeros_like(sizes)
    for k in range(len(sizes)):
        others = torch.cat([terms[:, :k], terms[:, k + 1 :]], 1)
        both = (gains[:, k] > 0) & (others > 0).any(1)
        if both.any():
            found[k] = (others[both].amax(1) / gains[both, k]).min()
    return found


@torch.no_grad()
def operator_gains(task: Task) -> Tensor:
    """Measure by how much each residual multiplies each unknown, on typical functions.

    Args:
        task: the task.

    Returns:
        Median root-mean-square of the residual's columns over that of the functions, shape ``(residuals, K)``; zero
        where an unknown is not in a residual, or its operator is not finite at the lift.
    """
    typical, unknowns = task.typical, len(task.problem.unknowns)
    if unknowns == 1:
        return torch.zeros(1, 1, dtype=task.dtype)
    width = typical.space.size + 1
    made = task.discretisation(POINTS, POINTS, task.generator(11, 1))
    if isinstance(made, Collocation):
        rows = torch.stack([block.column_sizes(typical) for block in made.blocks if isinstance(block, Block)]
                           or [block.column_sizes(typical) for block in made.blocks])
    else:
        matrix, _ = made.system(typical)
        rows = matrix.diagonal().abs().sqrt()[None] / math.sqrt(task.problem.domain.measure)
    x = task.problem.domain.interior(POINTS, task.generator(11, 2)).to(task.dtype, task.device).coordinates
    own = torch.stack([typical.columns(x, k).square().mean(0).sqrt() for k in range(unknowns)])
    ratio = rows.reshape(len(rows), unknowns, width) / torch.where(own > 0, own, torch.ones_like(own))
    return torch.nan_to_num(ratio.median(-1).values, 0.0, 0.0, 0.0)
