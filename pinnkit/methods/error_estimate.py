"""Error estimates without a reference."""

from __future__ import annotations

import math

import torch

from ..jets import evaluate
from ..problem import Trial, validation_points
from ..spaces import LRNN
from .ridge import solve_least_squares
from .task import Task

SIZE = 400
SPREADS = (1.0, 4.0)
POINTS = 2048


@torch.no_grad()
def difference(one: Trial, other: Trial, task: Task) -> float:
    """Measure the relative root-mean-square difference of two trial functions, over all unknowns.

    Over one and the same basis (a module that is not drawn anew) they agree, however wrong they are; then it is the
    size of the first one's correction in another space.

    Args:
        one: a trial function.
        other: a trial function over a basis drawn independently.
        task: their task.

    Returns:
        The difference.
    """
    x = validation_points(task.problem, POINTS).to(task.dtype, task.device).coordinates
    if torch.equal(one.columns(x[:8], 0), other.columns(x[:8], 0)):
        return correction_size(one, task)
    a, b = one(x), other(x)
    return _ratio((a - b).norm().item(), torch.maximum(a.norm(), b.norm()).item())


@torch.no_grad()
def correction_size(trial: Trial, task: Task) -> float:
    """Estimate the relative error of a trial function by a Newton step in a space it has never seen.

    The residual of the trial function u is a source of the linearised problem L'(u) e = -R(u), which is solved for
    the correction e by least squares over an independent space; the estimate is |e| / |u + e|, root mean square. (Our
    choice.)

    Args:
        trial: the trial function.
        task: its problem.

    Returns:
        The estimate, with the geometric error; infinite where the trial function is not finite.
    """
    generator = task.generator(7, 7)
    space, unknowns = task.suited(LRNN()).resized(SIZE), len(task.problem.unknowns)
    best: tuple[float, Trial | None] = (math.inf, None)
    for spread in SPREADS:
        correction = task.trial(space, generator, spread)
        rows = 4 * (correction.space.size + 1) * unknowns
        collocation = task.collocation(rows, rows // 2, generator)
        collocation.balance(correction)
        matrix, side = collocation.system(correction, about=trial)
        if not (torch.isfinite(matrix).all() and torch.isfinite(side).all()):
            return math.inf
        coefficients, residual = solve_least_squares(matrix, side)
        if best[1] is None or residual < best[0]:
            correction.set_head(coefficients.reshape(unknowns, -1))
            best = (residual, correction)
    x = validation_points(task.problem, POINTS).to(task.dtype, task.device).coordinates
    assert best[1] is not None
    # The lift belongs to the trial function, not to the correction.
    e, u = best[1](x) - best[1].lift(x), trial(x)
    return math.hypot(_ratio(e.norm().item(), (u + e).norm().item()), geometric_error(trial, task))


@torch.no_grad()
def geometric_error(trial: Trial, task: Task) -> float:
    """Estimate the relative error due to facets that stand for a curved boundary.

    Moving the boundary by a distance changes the solution near it by the distance times its gradient; the estimate is
    the root-mean-square of that over the boundary, relative to the solution. (Our choice.)

    Args:
        trial: the trial function.
        task: its problem.

    Returns:
        The estimate; zero where the domain is exact.
    """
    found = task.problem.domain.facet_offsets
    if found is None:
        return 0.0
    centres, offsets = (part.to(task.device, task.dtype) for part in found)
    slopes = evaluate(trial, centres, [(axis,) for axis in range(centres.shape[1])])
    change = offsets * torch.cat(list(slopes.values()), -1).norm(dim=-1)
    x = validation_points(task.problem, POINTS).to(task.dtype, task.device).coordinates
    return _ratio(change.norm().item(), trial(x).square().sum(-1).mean().sqrt().item())


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else part
