"""Conditions that contradict each other or the equations."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...algebra import solve_least_squares
from ...domains import Domain
from ...problem import Block, Collocation
from ...problem.residual import order
from ...problem.weak_system import WeakBlock
from ...spaces import LRNN
from ..task import Task
from .head import collocation_sizes
from .null_space import undetermined

SIZE = 300
FALLS = 1e-2
"""A residual that falls by this factor without a condition was due to it."""
SPREAD = 0.1
"""Half of the squares in less than this part of the points is a corner or a layer, no contradiction."""
LEADING = 0.05
"""Leading terms smaller than this, beside the others, allow layers that only look like a contradiction."""
MOST = 16


@torch.no_grad()
def contradiction(task: Task, about: Callable[[Any], Any] | None = None) -> str | None:
    """Find the residuals that cannot vanish together, after those of a run have stopped falling.

    The problem is solved once more by least squares in a space of its own, with each residual left out in turn. Where
    two conditions or more would each, by their absence, let the rest vanish, they fight, if what is left is spread over
    their regions: at a corner or in a layer a residual only falls slowly. One condition and the equations fight where
    other functions are not determined (as constants by normal derivatives): that has its price in data that no
    solution fits; without such functions the space may just be too small. (Our choice; the numbers were found on
    contradictory, incompatible, oscillating and singularly perturbed problems.)

    Args:
        task: the task.
        about: the function to linearise a nonlinear problem about.

    Returns:
        Which residuals fight, where and by how much; None where none do.
    """
    trial = task.trial(task.suited(LRNN()).resized(SIZE), task.generator(15, 0))
    collocation = task.collocation(*collocation_sizes(trial, task, 4.0), task.generator(15, 1))
    blocks = collocation.blocks
    if len(blocks) > MOST or _layered(task, collocation):
        return None
    if len(blocks) == 1:
        free = undetermined(task.typical, task, zero=True)
        return free and f"what is stated has no solution: {free}, so that sources and fluxes must balance, and do not"
    systems = list(collocation.systems(trial, about, trial.lift if about else None))
    if not all(torch.isfinite(part).all() for system in systems for part in system):
        return None
    every = range(len(systems))
    left = _left(systems, every)
    whole = left.norm()
    if not whole > 0:
        return None
    fighting = [k for k in every if _left(systems, [i for i in every if i != k]).norm() < FALLS * whole]
    parts = left.split([len(side) for _, side in systems])
    spread = [k for k in fighting if parts[k].norm() > 0.02 * whole and _concentration(parts[k]) > SPREAD]
    conditions = sum(k >= len(blocks) - len(task.problem.soft) for k in fighting)
    if len(fighting) < 2 or not spread or conditions < 2 and undetermined(task.typical, task, zero=True) is None:
        return None
    texts = [_told(blocks[k], parts[k]) for k in fighting]
    return (
        f"{', '.join(texts[:-1])} and {texts[-1]} contradict each other: without any one of them all others hold; "
        "drop one, or give each its own part of the boundary"
    )


def _told(block: Block | WeakBlock, left: Tensor) -> str:
    """Name a residual, and tell where most of it is left."""
    if not isinstance(block, Block):
        return "the weak form"
    # Back from weighted rows to the unit of the residual.
    rows = left.abs() * (len(left) ** 0.5 / block.weight)
    row = int(rows.argmax())
    return f"{block.residual.name} (off by {rows[row].item():.2g}{_place(block, row)})"


def _place(block: Block, row: int) -> str:
    if block.points.rows is not None:
        return ""
    x = block.points.coordinates[row].tolist()
    return " at " + ", ".join(f"{name} = {value:.4g}" for name, value in zip(block.points.names, x, strict=True))


def _left(systems: list[tuple[Tensor, Tensor]], kept: Any) -> Tensor:
    """Solve the rows of some residuals, and give what is left of them."""
    matrix, side = (torch.cat([systems[k][i] for k in kept]) for i in (0, 1))
    return matrix @ solve_least_squares(matrix, side)[0] - side


def _concentration(residual: Tensor) -> float:
    """Give the part of the rows that holds half of the squares."""
    squares = residual.square().sort(descending=True).values.cumsum(0)
    return (int((squares < squares[-1] / 2).sum()) + 1) / len(residual)


def _layered(task: Task, collocation: Collocation) -> bool:
    """Tell whether an equation's leading terms are small beside the others on functions that look like the solution."""
    trial = task.typical
    for block in collocation.blocks:
        if not isinstance(block, Block) or not isinstance(block.residual.region, Domain):
            continue
        points = block.points[:256]
        _, slopes = block.residual.linearise(block.values(trial.lift, points), points)
        for k, found in enumerate(slopes.values()):
            highest = order(found)
            if highest < 2:
                continue
            columns = block.derivatives(partial(trial.columns, unknown=k), points.coordinates)
            terms = {key: (slope[:, None] * columns[key]).norm().item() for key, slope in found.items()}
            leading = max(size for key, size in terms.items() if order([key]) == highest)
            lower = max((size for key, size in terms.items() if 0 < order([key]) < highest), default=0.0)
            if leading < LEADING * lower:
                return True
    return False


