"""First functions for Newton's method where the zero function leads nowhere, as in an eigenproblem."""

from __future__ import annotations

import copy

import torch

from ...problem import Collocation, Trial, validation_points
from ..task import Task

POINTS = 1024
STARTS = 3
SIZES = tuple(10.0 ** (k / 4) for k in range(-12, 13))


@torch.no_grad()
def blind(collocation: Collocation, trial: Trial) -> list[int]:
    """Find the trainable parameters that no residual depends on at a trial function, by their numbers.

    Args:
        collocation: the residuals.
        trial: the trial function.

    Returns:
        The numbers; all those whose terms are products with a function that vanishes.
    """
    size = sum(columns.square().sum(0) for columns in collocation.parameter_columns(trial))
    assert isinstance(size, torch.Tensor)
    return (size == 0).nonzero().flatten().tolist()


@torch.no_grad()
def starts(collocation: Collocation, trial: Trial, task: Task) -> list[Trial]:
    r"""Give functions to start from, other than one at which every linearisation is decoupled from the parameters.

    They are the given function plus one of those that the linearised residuals see least, the smallest generalised
    singular vectors of the residuals' matrix A against the values :math:`\Phi` of the basis: of
    :math:`(A, \Phi) = Q R` those of Q's upper part. Each is as large as makes all residuals, the nonlinear ones too,
    least. (Our choice.)

    Args:
        collocation: the residuals.
        trial: a trial function, such as zero where the conditions allow it.
        task: its task.

    Returns:
        Copies of the trial function with other heads, that with the least seen function first.
    """
    unknowns = len(task.problem.unknowns)
    matrix, _ = collocation.system(trial, trial)
    x = validation_points(task.problem, POINTS).to(task.dtype, task.device).coordinates
    functions = torch.block_diag(*(trial.columns(x, k) for k in range(unknowns))) / len(x) ** 0.5
    scale = torch.cat([matrix, functions]).norm(dim=0)
    ridge = torch.finfo(matrix.dtype).eps * len(scale) ** 0.5 * torch.eye(len(scale)).to(matrix)
    q, r = torch.linalg.qr(torch.cat([torch.cat([matrix, functions]) / scale, ridge]))
    rows = len(matrix)
    _, seen, directions = torch.linalg.svd(q[:rows], full_matrices=False)
    # Combinations that are nothing but rounding are seen by neither.
    real = (q[rows : rows + len(functions)] @ directions.mT).norm(dim=0) > 0.1
    found = []
    for k in real.nonzero().flatten().flip(0).tolist()[:STARTS]:
        change = torch.linalg.solve_triangular(r, directions[k][:, None], upper=True)[:, 0] / scale
        change = change / (functions @ change).norm()
        tried = []
        for size in SIZES:
            other = copy.deepcopy(trial)
            other.set_head(trial.coefficients + size * change.reshape(unknowns, -1))
            tried.append((collocation.loss(other).item(), other))
        found.append(min(tried, key=lambda entry: entry[0])[1])
    return found
