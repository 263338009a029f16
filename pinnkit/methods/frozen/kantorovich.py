"""Whether a residual is small enough to tell one solution of a nonlinear problem from others."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor

from ...problem import Trial, validation_points
from ..scales import scales
from ..task import Task
from .head import collocation_sizes

LIMIT = 0.25
"""With the second variation, half of the derivative's Lipschitz constant, the theorem's one half is a quarter."""
STEP = 0.1
"""Size of the functions, relative to the solution, by which the second variation is measured."""
ROWS = 2.0
"""Points for each function: few, because this is to cost less than a step of Newton's method."""
LARGEST = 2500
"""Systems with more columns are not taken apart."""


def ambiguous(trial: Trial, task: Task) -> str | None:
    """Tell in words that a residual may as well be that of another solution; None where it is not."""
    if task.problem.nonlinear is None or task.problem.energies or kantorovich(trial, task) <= LIMIT:
        return None
    return (
        "the residual is not small enough to tell this solution from others, because the linearised problem is nearly "
        "singular about it (Newton and Kantorovich's condition)"
    )


@torch.no_grad()
def kantorovich(trial: Trial, task: Task) -> float:
    r"""Give the number by which Newton and Kantorovich's theorem tells that there is a solution, and one only, nearby.

    Of all functions of the trial space, :math:`\phi` with :math:`|\phi| = 1` has the smallest residual
    :math:`\sigma = |J \phi|` of the problem linearised about the solution u. With the second variation
    :math:`L = |R(u + s \phi) + R(u - s \phi) - 2 R(u)| / 2 s^2` the number is :math:`|R(u)| L / \sigma^2`: above
    `LIMIT` the residual may be that of another solution, or of none, however small it is and however well draws agree.
    A layer that is free to move is such a case. Residuals are relative to those of a constant and functions to what
    varies of each unknown, so that all numbers have no units. (That one direction stands for the inverse of J, and that
    L is measured along it, is our choice.)

    Args:
        trial: a function that makes residuals least.
        task: its nonlinear problem.

    Returns:
        The number; zero where the system is too large to be looked at, or not finite.

    Reference:
        Kantorovich 1948, Doklady Akad. Nauk SSSR 59, 1237; Deuflhard 2011, Newton Methods for Nonlinear Problems,
        theorem 2.1.
    """
    unknowns = range(len(task.problem.unknowns))
    if (trial.space.size + 1) * len(unknowns) > LARGEST:
        return 0.0
    made = task.collocation(*collocation_sizes(trial, task, ROWS), task.generator(5, 7))
    matrix = made.system(trial, trial)[0]
    spread = validation_points(task.problem, math.ceil(ROWS * (trial.space.size + 1)))
    x = spread.to(task.dtype, task.device).coordinates
    sizes = scales(trial(x), task) * math.sqrt(len(x))
    functions = torch.block_diag(*(trial.columns(x, k) / sizes[k] for k in unknowns))
    stacked = torch.cat([matrix / made.size(trial), functions])
    if not torch.isfinite(stacked).all():
        return 0.0
    norms = stacked.norm(dim=0)
    norms = torch.where(norms > 0, norms, torch.ones_like(norms))
    orthonormal, r = torch.linalg.qr(stacked / norms)
    upper = orthonormal[: len(matrix)]
    least = torch.linalg.eigh(upper.mT @ upper)[1][:, :1]
    head = torch.linalg.solve_triangular(r, least, upper=True)[:, 0] / norms
    head = head / (functions @ head).norm()
    step = STEP * head.reshape_as(trial.coefficients)
    here, there, back = (made.rows(_moved(trial, by)) for by in (0 * step, step, -step))
    bend = (there + back - 2 * here).norm() / (2 * STEP**2)
    found = (here.norm() * bend / (matrix @ head).square().sum()).item()
    return found if math.isfinite(found) else 0.0


def _moved(trial: Trial, by: Tensor) -> Trial:
    moved = copy.deepcopy(trial)
    moved.set_head(trial.coefficients + by)
    return moved
