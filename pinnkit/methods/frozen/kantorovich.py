"""Whether a residual is small enough to tell one solution of a nonlinear problem from others."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor

from ...algebra import triangular_factor
from ...problem import Trial, validation_points
from ..scales import scales
from ..task import Task
from .head import collocation_sizes

LIMIT = 0.1
"""With the second variation, half of the derivative's Lipschitz constant, the theorem's one half is a quarter; one
direction stands for all of them, so that less is asked for. (Our choice.)"""
STEP = 0.1
"""Size of the functions, relative to the solution, by which the second variation is measured."""
ROWS = 1.5
"""Points for each function: few, because this is to cost less than a step of Newton's method."""
RIDGE = 1e-9
"""Functions whose head, over columns of norm one, is larger than the inverse of this times their residual only hide
between the points, as those of corner charts can in pairs. (Our choice: with it, numbers at few points are those at
many.)"""
LARGEST = 2500
"""Systems with more columns are not looked at."""
POINTS = 1024
TRIED, ITERATIONS = 4, 4
"""How many functions subspace iteration starts from, and how often it goes on: one digit is enough."""


def ambiguous(trial: Trial, task: Task) -> str | None:
    """Tell in words that a residual may as well be that of another solution; None where it is not."""
    if task.problem.nonlinear is None or task.problem.energies:
        return None
    if kantorovich(trial, task) <= LIMIT:
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
        The number; zero where the system is too large to be looked at, or residuals are not finite.

    Reference:
        Kantorovich 1948, Doklady Akad. Nauk SSSR 59, 1237; Deuflhard 2011, Newton Methods for Nonlinear Problems,
        theorem 2.1.
    """
    if trial.coefficients.numel() > LARGEST:
        return 0.0
    made = task.collocation(*collocation_sizes(trial, task, ROWS), task.generator(5, 7))
    matrix, negative = made.system(trial, trial)
    x = validation_points(task.problem, POINTS).to(task.dtype, task.device).coordinates
    sizes = scales(trial(x), task) * math.sqrt(len(x))
    functions = torch.block_diag(*(trial.columns(x, k) / size for k, size in enumerate(sizes)))
    if not (torch.isfinite(matrix).all() and torch.isfinite(functions).all()):
        return 0.0
    head = _least_seen(matrix, functions, task.generator(5, 8))
    step = STEP * head.reshape_as(trial.coefficients)
    there, back = (made.rows(_moved(trial, by)) for by in (step, -step))
    bend = (there + back + 2 * negative).norm() / (2 * STEP**2)
    found = (negative.norm() * bend / (matrix @ head).square().sum()).item()
    return 0.0 if math.isnan(found) else found


def _least_seen(matrix: Tensor, functions: Tensor, generator: torch.Generator) -> Tensor:
    r"""Find the head c with :math:`|\Phi c| = 1` for which :math:`|A c|` is least, by subspace iteration.

    Args:
        matrix: A, shape ``(rows, columns)``.
        functions: :math:`\Phi`, as many columns.
        generator: source of the functions to start from.

    Returns:
        The head, shape ``(columns,)``.
    """
    r, scale = triangular_factor(matrix, ridge=RIDGE)
    heads = torch.randn(len(r), TRIED, generator=generator, dtype=torch.float64).to(matrix)
    for _ in range(ITERATIONS):
        seen = functions @ (torch.linalg.solve_triangular(r, heads, upper=True) / scale[:, None])
        heads = torch.linalg.solve_triangular(r.mT, functions.mT @ seen / scale[:, None], upper=False)
        heads = torch.linalg.qr(heads).Q
    heads = torch.linalg.solve_triangular(r, heads, upper=True) / scale[:, None]
    head = heads @ torch.linalg.svd(functions @ heads, full_matrices=False)[2][0]
    return head / (functions @ head).norm()


def _moved(trial: Trial, by: Tensor) -> Trial:
    moved = copy.deepcopy(trial)
    moved.set_head(trial.coefficients + by)
    return moved
