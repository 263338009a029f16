"""Functions that equations and conditions do not determine."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...domains import SpaceTime
from ...problem import Trial, validation_points
from ...spaces import LRNN
from ..scales import scales
from ..task import Task
from .head import collocation_sizes

UNSEEN = 1e-8
"""A function as large as the solution that changes the relative residual by less is not determined."""
HARDLY = 1e-4
"""So are, to this accuracy, further ones: a small space holds no exact copies of most functions."""
POINTS = 2048
PROBE = 300
SMALL = 1e-3
SHARE = 0.05
LARGEST = 700


@torch.no_grad()
def undetermined(trial: Trial, task: Task, zero: bool = False) -> str | None:
    r"""Find the functions of a trial space that the residuals do not see, and describe them.

    With the residuals' matrix A, the values :math:`\Phi` of the basis and the solution's own sizes, the stacked matrix
    has the factors :math:`(A / |A c|, \Phi / |\Phi c|) = Q R`, and the singular values of Q's upper part tell how
    much of a function is seen (a generalised singular value decomposition; Golub and Van Loan 2013, section 8.7.4).
    Combinations that are nothing but rounding count as seen. (The thresholds are our choice.)

    Args:
        trial: a solution whose residual is small.
        task: its task.
        zero: the solution is zero, about which is linearised; sizes are then those of the median column.

    Returns:
        What is not determined, in words; None where everything is, or the basis is too large to tell quickly.
    """
    problem, unknowns = task.problem, range(len(task.problem.unknowns))
    if problem.energies or (trial.space.size + 1) * len(unknowns) > LARGEST:
        return None
    counts = collocation_sizes(trial, task, 4.0)
    about = None if problem.nonlinear is None or zero else trial
    matrix, _ = task.collocation(*counts, task.generator(5, 5)).system(trial, about)
    x = validation_points(problem, POINTS).to(task.dtype, task.device).coordinates
    functions = torch.block_diag(*(trial.columns(x, k) for k in unknowns))
    head = trial.coefficients.reshape(-1)
    sizes = [part.norm(dim=0).median() if zero else (part @ head).norm() for part in (matrix, functions)]
    stacked = torch.cat([matrix / sizes[0], functions / sizes[1]])
    if not torch.isfinite(stacked).all():
        return None
    # Columns are scaled, because Householder's errors are relative to them.
    orthonormal = torch.linalg.qr(stacked / stacked.norm(dim=0)).Q
    _, seen, directions = torch.linalg.svd(orthonormal[: len(matrix)], full_matrices=False)
    if seen[-1] > UNSEEN:
        return None
    found = orthonormal[len(matrix) :] @ directions[seen < HARDLY].mT
    return _describe(found.mT.reshape(-1, len(unknowns), len(x)), problem.unknowns, problem.domain.dimension)


@torch.no_grad()
def amplified(trial: Trial, task: Task, residual: float) -> float:
    r"""Estimate the error that a residual may stand for in an evolution, where residuals add up over time.

    Of all functions of a space of typical frequencies the one that is largest for its residual is found by the same
    decomposition as in `undetermined`; a `SHARE` of what a residual of that kind would amount to is the estimate. All
    draws may agree on a solution that dies out where residuals are cheap, as long as the space does not hold the true
    one. (Our choice: residuals up to `SMALL` are those of solutions that the space holds.)

    Args:
        trial: the solution.
        task: its task.
        residual: its relative residual.

    Returns:
        The least relative error, one at most; zero for steady problems.
    """
    problem = task.problem
    if not isinstance(problem.domain, SpaceTime) or problem.energies or problem.weak or residual < SMALL:
        return 0.0
    unknowns = range(len(problem.unknowns))
    probe = task.trial(task.suited(LRNN()).resized(PROBE // len(unknowns)), task.generator(5, 6))
    about = None if problem.nonlinear is None else trial
    made = task.collocation(*collocation_sizes(probe, task, 4.0), task.generator(5, 7))
    matrix, _ = made.system(probe, about)
    x = validation_points(problem, POINTS).to(task.dtype, task.device).coordinates
    values = trial(x)
    sizes = scales(values, task) * math.sqrt(len(x))
    functions = torch.block_diag(*(probe.columns(x, k) / sizes[k] for k in unknowns))
    stacked = torch.cat([matrix / made.size(trial), functions])
    if not torch.isfinite(stacked).all():
        return 0.0
    orthonormal = torch.linalg.qr(stacked / stacked.norm(dim=0)).Q
    seen = torch.linalg.svdvals(orthonormal[: len(matrix)])[-1].item()
    largest = math.sqrt(max(0.0, 1 - seen**2)) / max(seen, 1e-300)
    return min(1.0, SHARE * residual * largest)


def _describe(found: Tensor, unknowns: tuple[str, ...], dimension: int) -> str:
    """Put functions ``(count, K, n)`` into words."""
    size, variation = found.square().sum((0, 2)), (found - found.mean(-1, keepdim=True)).square().sum()
    moved = [name for name, part in zip(unknowns, size.tolist(), strict=True) if part > 1e-6 * size.sum()]
    if len(found) == 1 and variation < 1e-6 * size.sum():
        where = ", ".join(["..."] * dimension)
        return (
            f"the problem determines {' and '.join(moved)} up to a constant only; prescribe a value, such as "
            f"pk.Observations([[{where}]], {moved[0]}=[0.0])"
        )
    one = "there is a function that changes"
    there = one if len(found) == 1 else f"there are {len(found)} or more functions that change"
    return f"the problem does not determine {' and '.join(moved)}: {there} no residual; is a condition missing?"
