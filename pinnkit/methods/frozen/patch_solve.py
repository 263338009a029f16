"""Least squares over patches: the matrix has a block for each patch, and they are eliminated one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...problem import Collocation, Trial
from ...problem.collocation import Block
from ...spaces import Patches

Parts = list[tuple[Tensor, Tensor]]
"""For each patch the numbers of the rows that it touches, ascending, and their entries ``(rows, columns)``."""


@torch.no_grad()
def solve_patches(
    trial: Trial, collocation: Collocation, about: Callable[[Any], Any] | None = None
) -> tuple[Tensor, float]:
    """Find the head of a trial function over patches that makes linear or linearised residuals least.

    Args:
        trial: over `Patches`.
        collocation: where.
        about: the function to linearise about, whose correction is sought.

    Returns:
        Coefficients ``(K, M + 1)``, the constant's zero (each patch has one of its own), and the relative residual.
    """
    space = trial.space
    assert isinstance(space, Patches)
    parts = [_part(trial, space, i, collocation, about) for i in range(len(space.sizes))]
    side = torch.cat([-block.evaluate(about or trial.lift) * _scale(block) for block in _blocks(collocation)])
    solution, least = eliminate(parts, side)
    unknowns = len(collocation.problem.unknowns)
    blocks = [found.reshape(unknowns, -1) for found in solution]
    coefficients = torch.cat([*blocks, blocks[0].new_zeros(unknowns, 1)], 1)
    return coefficients, least


def divisible(trial: Trial, collocation: Collocation) -> bool:
    """Tell whether a system falls apart into patches: residuals at points, none of them a mean over some points."""
    plain = all(isinstance(block, Block) and block.points.rows is None for block in collocation.blocks)
    return isinstance(trial.space, Patches) and plain and all(f is None for f in collocation.factors)


def _blocks(collocation: Collocation) -> list[Block]:
    return [block for block in collocation.blocks if isinstance(block, Block)]


def _scale(block: Block) -> float:
    return block.weight / math.sqrt(len(block.points))


def _part(
    trial: Trial, space: Patches, i: int, collocation: Collocation, about: Callable[[Any], Any] | None
) -> tuple[Tensor, Tensor]:
    """Assemble the rows that patch i touches, at its own points only."""
    local = Trial(space.one(i), trial.embedding, trial.hard, trial.known)
    numbers, matrices, offset = [], [], 0
    unknowns = len(collocation.problem.unknowns)
    for block in _blocks(collocation):
        inside = space.covers(trial.embedded(block.points.coordinates), i).nonzero()[:, 0]
        if len(inside) > 0:
            rows, _ = Block(block.residual, block.points[inside]).system(local, about)
            # Without the constant of the whole space.
            rows = rows.reshape(len(inside), unknowns, -1)[:, :, :-1].flatten(1)
            numbers.append(inside + offset)
            matrices.append(rows * _scale(block))
        offset += len(block.points)
    if not numbers:
        empty = space.centre.new_zeros(0, unknowns * space.sizes[i])
        return empty[:, 0].long(), empty
    return torch.cat(numbers), torch.cat(matrices)


def eliminate(parts: Parts, side: Tensor) -> tuple[list[Tensor], float]:
    r"""Minimise :math:`\|\sum_i A_i c_i - b\|^2` with a ridge at the level of rounding, by QR patch after patch.

    The rows that touch patch i and no earlier one are factored with what the earlier ones left over; the columns at
    work are those of patches that have been touched and not yet eliminated, a band of the grid. As in
    `solve_least_squares`, columns are scaled.

    Args:
        parts: the A_i.
        side: b, shape ``(rows,)``.

    Returns:
        The c_i, and the root of the minimum relative to ``|b|`` (absolute where b = 0).
    """
    count, rows = len(parts), len(side)
    first = torch.full((rows,), count, dtype=torch.long, device=side.device)
    for i in reversed(range(count)):
        first[parts[i][0]] = i
    scales = []
    for _, block in parts:
        norm = block.norm(dim=0)
        scales.append(torch.where(norm > 0, norm, torch.ones_like(norm)))
    widths = [block.shape[1] for _, block in parts]
    ridge = torch.finfo(side.dtype).eps * math.sqrt(rows)
    # Rows that no patch touches cannot be changed.
    left, held = side.new_zeros(0, 1), list[int]()
    factors: list[tuple[list[int], Tensor]] = []
    for i in range(count):
        fresh = (first == i).nonzero()[:, 0]
        place = torch.full_like(first, -1)
        place[fresh] = torch.arange(len(fresh), device=side.device)
        touched = [j for j in range(i, count) if j in held or j == i or bool((place[parts[j][0]] >= 0).any())]
        starts = dict(zip(touched, _starts([widths[j] for j in touched]), strict=True))
        columns = sum(widths[j] for j in touched)
        stacked = side.new_zeros(len(fresh) + len(left) + widths[i], columns + 1)
        for j in touched:
            at = place[parts[j][0]]
            stacked[at[at >= 0], starts[j] : starts[j] + widths[j]] = parts[j][1][at >= 0] / scales[j]
        stacked[: len(fresh), -1] = side[fresh]
        carried, offset = stacked[len(fresh) : len(fresh) + len(left)], 0
        for j in held:
            carried[:, starts[j] : starts[j] + widths[j]] = left[:, offset : offset + widths[j]]
            offset += widths[j]
        carried[:, -1] = left[:, -1]
        stacked[len(fresh) + len(left) :, : widths[i]].fill_diagonal_(ridge)
        r = torch.linalg.qr(stacked, mode="r").R
        factors.append((touched, r[: widths[i]]))
        left, held = r[widths[i] :, widths[i] :], touched[1:]
    solution: list[Tensor] = [side.new_zeros(width) for width in widths]
    for i in reversed(range(count)):
        touched, r = factors[i]
        known = torch.cat([solution[j] for j in touched[1:]]) if len(touched) > 1 else side.new_zeros(0)
        right = r[:, -1] - r[:, widths[i] : -1] @ known
        solution[i] = torch.linalg.solve_triangular(r[:, : widths[i]], right[:, None], upper=True)[:, 0]
    rest = math.hypot(left.norm().item(), side[first == count].norm().item())
    size = side.norm().item()
    return [c / s for c, s in zip(solution, scales, strict=True)], rest / (size if size > 0 else 1.0)


def _starts(widths: list[int]) -> list[int]:
    return [sum(widths[:k]) for k in range(len(widths))]
