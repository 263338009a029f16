"""Where Newton's method may start, when it ends at no solution from the usual place."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...algebra import solve_least_squares
from ...jets import evaluate
from ...problem import Collocation, Trial
from ...spaces import LRNN
from ..stopping import Budget
from ..task import Task
from .head import collocation_sizes
from .homotopy import Path
from .newton import fit, newton_steps, points

SIZE = 150
COLUMNS = 500
"""Functions of all unknowns together: a search takes up to a few hundred linear solves."""
SPREAD = 2.0
SOLVED = 1e-3
"""A relative residual in this small space that tells a solution from other functions whose residual is stationary."""
DOUBTFUL = 1e-2
"""Up to this one it may still be one that needs more functions."""
EXACT = 1e-8
SHARE = 0.3
"""Of the budget, after which no other start is tried."""
SMOOTH = 1e-3
AMPLITUDES = 2.0 ** torch.arange(-10, 11, dtype=torch.float64)


@torch.no_grad()
def search(
    task: Task, oversampling: float, guess: Callable[[Any], Any] | None, budget: Budget
) -> tuple[list[tuple[float, Trial]], float]:
    """Look for solutions of a nonlinear problem from several starts, and then along paths, in one small space.

    Starts are the guess, the smoothest function that meets the conditions, and multiples of the solution of the
    linearised problem and of a typical function, with the amplitudes at which the nonlinear residual is least for
    either sign: where the linearised problem is nearly singular, it tells the shape of a solution but not its size.
    If Newton's method finds no solution from any, Newton's homotopy is followed from the guess (or zero) and from the
    smoothest function, both ways. (Our choice.)

    Args:
        task: the problem.
        oversampling: interior points for each unknown coefficient.
        guess: a function to begin with; None has none.
        budget: no other start is tried when much of it is spent.

    Returns:
        What was found, with its relative residual, the smallest one first; more than one only where all may be
        solutions. And the relative residual of the smoothest function, or 1 where that is larger: where conditions make
        up most of the residual of zero, a small one says nothing of the equations.
    """
    size = min(SIZE, max(1, COLUMNS // len(task.problem.unknowns)))
    trial = task.trial(task.suited(LRNN()).resized(size), task.generator(21, 0), SPREAD)
    collocation = task.collocation(*collocation_sizes(trial, task, oversampling), task.generator(21, 1))
    first = torch.zeros_like(trial.coefficients) if guess is None else fit(trial, task, guess)
    smooth = _smoothest(trial, task, collocation)
    trial.set_head(smooth)
    residual = collocation.relative_residual(trial)
    scale = max(residual, EXACT) if residual < 1 else 1.0
    found: list[tuple[float, Tensor]] = []

    def good(level: float) -> bool:
        return any(residual <= level * scale for residual, _ in found)

    for head in itertools.chain((first, smooth), _amplified(trial, task, collocation)):
        trial.set_head(head)
        found.append((newton_steps(trial, collocation), trial.coefficients))
        if good(SOLVED) or budget.spent > SHARE:
            break
    for head, direction in itertools.product((first, smooth), (1.0, -1.0)):
        if budget.spent > SHARE or direction > 0 and good(DOUBTFUL):
            break
        found += Path(trial, collocation, points(trial, task), head).roots(direction)
    found = sorted((entry for entry in found if math.isfinite(entry[0])), key=lambda entry: entry[0])
    solutions = [entry for entry in found if entry[0] <= DOUBTFUL * scale]
    return [(residual, _with_head(trial, head)) for residual, head in solutions or found[:1]], scale


def _smoothest(trial: Trial, task: Task, collocation: Collocation) -> Tensor:
    """Give the head whose function meets the conditions, linearised at zero, and has the least gradient else."""
    shape = trial.coefficients.shape
    # The rows of equations come first; those of conditions that are singular at zero are left out.
    rows = list(collocation.systems(trial))[len(task.problem.equations) or 1 :]
    used = [(m, s) for m, s in rows if torch.isfinite(m).all() and torch.isfinite(s).all()]
    x = points(trial, task)
    axes = [(axis,) for axis in range(x.shape[1])]
    slopes = [torch.cat(list(evaluate(partial(trial.columns, unknown=k), x, axes).values())) for k in range(shape[0])]
    matrix = torch.block_diag(*slopes)
    side = -torch.cat(list(evaluate(trial.lift, x, axes).values())).mT.reshape(-1)
    size = math.hypot(*(m.norm().item() for m, _ in used)) or 1.0
    scale = SMOOTH * size / matrix.norm()
    matrices, sides = [m for m, _ in used], [s for _, s in used]
    head, _ = solve_least_squares(torch.cat([*matrices, scale * matrix]), torch.cat([*sides, scale * side]))
    return head.reshape(shape)


def _amplified(trial: Trial, task: Task, collocation: Collocation) -> Iterator[Tensor]:
    """Give multiples of a few functions at which the residual is least, for either sign."""
    shape = trial.coefficients.shape
    matrix, side = collocation.system(trial)
    if torch.isfinite(matrix).all() and torch.isfinite(side).all():
        yield from _least(trial, task, collocation, solve_least_squares(matrix, side)[0].reshape(shape))
    typical = task.trial(task.suited(LRNN()).resized(SIZE), task.generator(21, 2))
    drawn = torch.randn(typical.coefficients.shape, generator=task.generator(21, 3), dtype=torch.float64)
    typical.set_head(drawn.to(task.dtype).to(task.device))
    yield from _least(trial, task, collocation, fit(trial, task, typical))


def _least(trial: Trial, task: Task, collocation: Collocation, head: Tensor) -> Iterator[Tensor]:
    x = points(trial, task)
    trial.set_head(head)
    size = (trial(x) - trial.lift(x)).square().mean().sqrt().item()
    if not 0 < size < math.inf:
        return
    for sign in (1.0, -1.0):
        multiples = [sign * amplitude / size * head for amplitude in AMPLITUDES.tolist()]
        losses = []
        for multiple in multiples:
            trial.set_head(multiple)
            loss = collocation.loss(trial).item()
            losses.append(loss if math.isfinite(loss) else math.inf)
        if min(losses) < math.inf:
            yield multiples[losses.index(min(losses))]


def _with_head(trial: Trial, head: Tensor) -> Trial:
    other = copy.deepcopy(trial)
    other.set_head(head)
    return other
