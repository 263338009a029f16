"""What facets that stand for a curved boundary cost."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from ..algebra import solve_least_squares
from ..domains import Boundary, Points, simplices
from ..domains.bent_facets import offsets
from ..domains.mesh import MeshPiece, smooth
from ..jets import evaluate
from ..problem import Trial, validation_points
from ..problem.collocation import Block
from ..problem.residual import order
from ..problem.weak_system import WeakBlock
from ..spaces import LRNN
from .scales import scales
from .task import Task

SIZE, POINTS, OVERSAMPLING = 200, 2048, 4


@torch.no_grad()
def geometric_error(trial: Trial, task: Task) -> float:
    """Estimate the relative error due to facets that stand for a curved boundary.

    The residual B(u) of a condition changes when it is taken on the smooth boundary, with the normals and the data
    there: not at all where data are a function of the point that the trial function follows beyond the facets, too.
    The change B(u) - B(u)' is a source of the linearised problem L'(u) e = 0, B'(u) e = B(u) - B(u)', which is solved
    for the correction e by least squares; the estimate is |e|, root mean square, relative to the `scales` of u.

    Where no such system is at hand (hard conditions, energies and weak forms), the root mean square over the boundary
    stands for e: of the change of prescribed values, and elsewhere of the facets' distance times the gradient. (Our
    choice.)

    Args:
        trial: the trial function.
        task: its problem.

    Returns:
        The estimate; zero where the domain is exact, infinite where the correction is not finite.
    """
    problem = task.problem
    if problem.domain.facet_offsets is None:
        return 0.0
    x = validation_points(problem, POINTS).to(task.dtype, task.device).coordinates
    size = scales(trial(x), task)
    if not torch.isfinite(size).all():
        return math.inf
    bent = [c for c in problem.conditions if c.hard and smooth(c.region(problem.domain)) is not None]
    if problem.equations and not bent:
        correction = _correction(trial, task)
        change = (correction(x) - correction.lift(x)).square().mean(0).sqrt()
    else:
        change = _boundary_change(trial, task)
    ratio = (change / size).max().item()
    return ratio if ratio < math.inf else math.inf


def _correction(trial: Trial, task: Task) -> Trial:
    """Solve the linearised problem whose source is what the conditions change by."""
    generator, unknowns = task.generator(7, 8), len(task.problem.unknowns)
    correction = task.trial(task.suited(LRNN()).resized(SIZE), generator)
    rows = OVERSAMPLING * (correction.space.size + 1) * unknowns
    collocation = task.collocation(-(-rows // len(task.problem.equations)), rows // 2, generator)
    changes = [_change(block, trial, task, number) for number, block in enumerate(collocation.blocks)]
    systems = zip(collocation.systems(correction, trial), changes, strict=True)
    parts = [(matrix, torch.zeros_like(side) if change is None else change) for (matrix, side), change in systems]
    matrices, sides = zip(*parts, strict=True)
    solution, _ = solve_least_squares(torch.cat(matrices), torch.cat(sides))
    correction.set_head(solution.reshape(unknowns, -1))
    return correction


def _change(block: Block | WeakBlock, trial: Trial, task: Task, number: int) -> Tensor | None:
    """Collocate a condition on the same facets once more, and give its weighted change; None where there is none."""
    assert isinstance(block, Block)
    region = block.residual.region
    curved = smooth(region) if isinstance(region, Boundary) else None
    if curved is None:
        return None
    assert isinstance(region, Boundary)
    n = len(block.points.average(block.points.coordinates))
    here, there = (r.collocate(n, task.generator(7, 9, number)).to(task.dtype, task.device) for r in (region, curved))
    block.points = here
    change = block.evaluate(trial) - Block(block.residual, there).evaluate(trial)
    return change * (block.weight / math.sqrt(len(change)))


def _boundary_change(trial: Trial, task: Task) -> Tensor:
    """Give the root mean square over the boundary of the unknowns' changes, `(K,)`; see `geometric_error`."""
    problem = task.problem
    domain, dtype, device = problem.domain, task.dtype, task.device
    total = torch.zeros(len(problem.unknowns), dtype=dtype, device=device)
    stated = [r for r in [*problem.soft, *problem.prescribed] if isinstance(r.region, Boundary)]
    values = [r for r in stated if order(itertools.chain(*r.keys.values())) == 0]
    for piece in domain.boundary.pieces:
        if not isinstance(piece, MeshPiece):
            continue
        share = (simplices.measures(piece.corners) / domain.boundary.measure).to(device, dtype)
        free = piece.chosen.to(device)[:, None].repeat(1, len(total))
        for residual in values:
            assert isinstance(residual.region, Boundary)
            for part in residual.region.pieces:
                if part.name != piece.name or not isinstance(part, MeshPiece) or not part.chosen.any():
                    continue
                here, there = (
                    Block(residual, Points(x.flatten(0, 1), domain.names, n.flatten(0, 1)).to(dtype, device))
                    for x, n in (part.bent_points(part.chosen), part.curved().bent_points(part.chosen))
                )
                change = (there.evaluate(trial) - here.evaluate(trial)).reshape(int(part.chosen.sum()), -1).mean(1)
                used = torch.tensor([bool(keys) for keys in residual.keys.values()], device=device)
                total[used] += share[part.chosen] @ change.square()
                free[part.chosen.to(device)[:, None] & used] = False
        distance = offsets(piece.corners, piece.tips).to(device, dtype)
        centres = piece.corners.mean(1).to(device, dtype)
        slopes = evaluate(trial, centres, [(axis,) for axis in range(domain.dimension)])
        gradient = torch.stack(list(slopes.values())).norm(dim=0)
        total += (share * distance.square()) @ (gradient.square() * free)
    return total.sqrt()
