"""Problems with several solutions: which one two draws are to agree on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...problem import Trial, validation_points
from ..error_estimate import POINTS
from ..task import Task
from .null_space import undetermined

DISTINCT = 1e-2
"""Functions that differ by more, with residuals smaller than that by as much again, may be different solutions."""
AGREE = 0.1
"""Share of what two solutions differ by, within which a third one is taken for one of them."""
ALIKE = 10.0
"""Residuals within this factor tell nothing; then the smaller function is kept (our choice)."""

Candidate = tuple[float, Trial]
Again = Callable[[int, Trial], Candidate]


def apart(one: Candidate, other: Candidate, task: Task) -> float:
    """Measure by how much two functions differ, if their residuals are those of solutions.

    Args:
        one: a function, with its residual before it.
        other: the other one.
        task: their task.

    Returns:
        The relative difference; zero where they are alike, or one is no solution.
    """
    found = _difference(one[1], other[1], task)
    return found if found > DISTINCT and max(one[0], other[0]) < DISTINCT * found else 0.0


def reconciled(pair: list[Candidate], again: Again, task: Task) -> tuple[list[Candidate], str | None]:
    """Make two draws that solve a nonlinear problem differently agree on one of its solutions.

    Newton's method starts in the space of each draw from the solution of the other one. A function that both spaces
    lead back to is a solution; if both are, there are two. (Our choice.)

    Args:
        pair: two draws with their residuals.
        again: solves in the space of a draw, by its number, from a function.
        task: their task.

    Returns:
        The draws: as they were, or that of one solution with the other space's approximation of it; and what there is
        to say of two solutions.
    """
    distance = apart(pair[0], pair[1], task)
    # Where functions are not determined, every draw finds another one.
    if not distance or undetermined(min(pair, key=lambda entry: entry[0])[1], task):
        return pair, None
    crossed = [again(1 - k, pair[k][1]) for k in range(2)]
    confirmed = [k for k in range(2) if _same(pair[k], crossed[k], distance, task)]
    if not confirmed:
        return pair, None
    residuals = [residual for residual, _ in pair]
    if len(confirmed) == 2 and max(residuals) < ALIKE * min(residuals):
        kept = 0 if _sizes(pair[0][1], task).sum() <= _sizes(pair[1][1], task).sum() else 1
    else:
        kept = min(confirmed, key=lambda k: residuals[k])
    draws = [pair[kept], crossed[kept]] if kept == 0 else [crossed[kept], pair[kept]]
    return draws, _words(pair[kept][1], pair[1 - kept][1], task) if len(confirmed) == 2 else None


def another(pair: list[Candidate], others: Sequence[Trial], again: Again, task: Task) -> str | None:
    """Tell whether one of several functions leads to a second solution, in the spaces of both draws.

    Args:
        pair: two draws of one solution, with their residuals.
        others: functions that may be near another one.
        again: solves in the space of a draw, by its number, from a function.
        task: their task.

    Returns:
        What there is to say of two solutions; None where there is no second one.
    """
    best = min(pair, key=lambda entry: entry[0])
    for other in others:
        if _difference(best[1], other, task) > DISTINCT:
            second = [again(k, other) for k in range(2)]
            distance = apart(best, second[0], task)
            if distance and _same(second[0], second[1], distance, task):
                return _words(best[1], second[0][1], task)
    return None


def _same(one: Candidate, other: Candidate, distance: float, task: Task) -> bool:
    return other[0] < DISTINCT * distance and _difference(one[1], other[1], task) < AGREE * distance


@torch.no_grad()
def _difference(one: Trial, other: Trial, task: Task) -> float:
    """Measure by how much two functions differ, over whatever bases; the largest of the unknowns."""
    x = validation_points(task.problem, POINTS).to(task.dtype, task.device).coordinates
    a, b = one(x), other(x)
    sizes = torch.maximum(a.norm(dim=0), b.norm(dim=0))
    return ((a - b).norm(dim=0) / torch.where(sizes > 0, sizes, torch.ones_like(sizes))).max().item()


@torch.no_grad()
def _sizes(trial: Trial, task: Task) -> Tensor:
    x = validation_points(task.problem, POINTS).to(task.dtype, task.device).coordinates
    return trial(x).square().mean(0).sqrt()


def _words(this: Trial, other: Trial, task: Task) -> str:
    """Tell two solutions by the root mean squares of the unknown that differs most."""
    a, b = _sizes(this, task), _sizes(other, task)
    k = int(((a - b).abs() / torch.maximum(a, b).clamp_min(torch.finfo(a.dtype).tiny)).argmax())
    return (
        f"two solutions were found; {task.problem.unknowns[k]} has the root mean square {a[k]:.4g} in this one and "
        f"{b[k]:.4g} in the other; start near another with guess="
    )
