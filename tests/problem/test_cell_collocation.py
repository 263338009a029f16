"""Collocation in cells: against one dense system, and against closed forms."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Task
from pinnkit.methods.frozen.head import solve_head
from pinnkit.problem import CellCollocation

SQUARE = pk.Box([0, 0], [1, 1])


def poisson(**options):
    """-Lap u = f on the unit square, u = exp(x) sin(3 y): Dirichlet on the left, Neumann and Robin elsewhere."""
    u = lambda p: torch.exp(p.x) * torch.sin(3 * p.y)  # noqa: E731
    sides = SQUARE.boundary
    return pk.Problem(
        domain=SQUARE, unknowns="u", reference=u,
        equations={"poisson": lambda u, p: u.laplacian + 8 * torch.exp(p.x) * torch.sin(3 * p.y)},
        conditions=[
            pk.Dirichlet(u=u, on=sides["left"]),
            # Data that would be wrong on the other part of the side.
            pk.Dirichlet(u=lambda p: u(p) + 9.0 * (p.y >= 0.4), on=sides["right"].where(lambda p: p.y < 0.4)),
            pk.Neumann(u=lambda p: u(p) + 9.0 * (p.y < 0.4), on=sides["right"].where(lambda p: p.y >= 0.4)),
            pk.Neumann(u=lambda p: 3 * torch.exp(p.x) * math.cos(3.0), on=sides["top"]),
            pk.Condition(lambda u, p: u + u.normal + 3 * torch.exp(p.x), on=sides["bottom"]),
        ], **options,
    )  # fmt: skip


def solved(problem, cells, size, seed=0, tolerance=1e-10):
    task = Task(problem, seed=seed, tolerance=tolerance)
    trial = task.trial(pk.Piecewise(cells).resized(size), task.generator(0, 0))
    residual = solve_head(trial, task, task.generator(1))
    x = problem.domain.interior(2000, torch.Generator().manual_seed(5))
    values, true = trial(x.coordinates).detach(), problem.reference(x)
    true = torch.stack([true[u] for u in problem.unknowns], 1) if isinstance(true, dict) else true[:, None]
    return ((values - true).norm() / true.norm()).item(), residual, trial, task


def test_dissection_solves_the_system_of_all_rows():
    task = Task(poisson())
    trial = task.trial(pk.Piecewise(3).resized(9 * 20), task.generator(0, 0))
    made = CellCollocation(task.problem, trial.space, 2.0, task.generator(1))
    made.balance(task.typical)
    head, least = made.solve(trial)
    trial.set_head(head)
    assert made.loss(trial).sqrt().item() == pytest.approx(least, rel=1e-6)
    # At the minimum of a sum of squares no change of the head makes it smaller to first order.
    trial.space.head.weight.requires_grad_()
    loss = made.loss(trial)
    (slope,) = torch.autograd.grad(loss, trial.space.head.weight)
    scale = loss.sqrt() * torch.stack([made.rows(_changed(trial, i)).norm() for i in range(0, 180, 17)]).max()
    assert slope.abs().max() < 1e-6 * scale


def _changed(trial, i):
    head = torch.zeros_like(trial.coefficients)
    head[0, i] = 1.0
    changed = Task(poisson()).trial(pk.Piecewise(3).resized(9 * 20), Task(poisson()).generator(0, 0))
    changed.set_head(head)
    return changed


def test_errors_fall_as_fast_as_polynomials_allow():
    errors = [solved(poisson(), 3, 9 * size)[0] for size in (15, 30, 60)]
    assert errors[0] < 3e-2 and errors[1] < 1e-3 and errors[2] < 1e-8


def test_more_cells_of_the_same_functions_converge_by_their_order():
    coarse, fine = (solved(poisson(), cells, cells**2 * 21)[0] for cells in (2, 8))
    assert coarse / fine > 4**4


def test_functions_without_cells_have_no_jumps_and_others_those_that_they_have():
    _, _, trial, task = solved(poisson(), 2, 4 * 21)
    made = task.in_cells(trial.space, 2.0, task.generator(1))
    jumps = [block for block in made.blocks if hasattr(block, "key")]
    assert [jump.key for jump in jumps] == [(), (0,), (), (1,)]
    assert all(not jump.evaluate(lambda x: x[:, :1]).any() for jump in jumps)
    trial.set_head(torch.zeros_like(trial.coefficients))
    # One for the constant of the first cell: its value jumps by one across its faces, and no derivative does.
    trial.space.head.weight.data[0, trial.space.functions - 1] = 1.0
    values = [jump.evaluate(trial) for jump in jumps]
    assert values[0].min() == -1 and values[0].max() == 0 and not values[1].any() and not values[3].any()


def test_a_condition_between_the_nodes_is_sampled():
    problem = pk.Problem(
        domain=SQUARE, unknowns="u", equations={"e": lambda u: u.laplacian},
        conditions=[
            pk.Dirichlet(u=0.0, on=SQUARE.boundary["left"]),
            pk.Dirichlet(u=1.0, on=SQUARE.boundary["right"].where(lambda p: p.y < 0.004)),
        ],
    )  # fmt: skip
    task = Task(problem)
    space = pk.Piecewise(2, pk.Chebyshev(30)).build(SQUARE.bounds, 1, task.generator(0))
    made = CellCollocation(problem, space, 2.0, task.generator(1))
    points = made.blocks[2].points
    assert len(points) > 30 and (points.y < 0.004).all() and (points.x == 1).all()


def beam():
    """u'''' = f, clamped and free, u = sin(5 x): jumps of four derivatives are closed."""
    line = pk.Interval(0, 1)
    left, right = line.boundary["left"], line.boundary["right"]
    return pk.Problem(
        domain=line, unknowns="u", equations={"beam": lambda u, p: u.xxxx - 625 * torch.sin(5 * p.x)},
        conditions=[
            pk.Dirichlet(u=0.0, on=left), pk.Condition(lambda u: u.x - 5.0, on=left),
            pk.Condition(lambda u: u.xx + 25 * math.sin(5.0), on=right),
            pk.Condition(lambda u: u.xxx + 125 * math.cos(5.0), on=right),
        ],
        reference=lambda p: torch.sin(5 * p.x),
    )  # fmt: skip


def wave():
    """u_tt = u_xx over two periods: of time, too, cells are made."""
    domain = pk.Interval(0, 1) * pk.Time(0, 4)
    return pk.Problem(
        domain=domain, unknowns="u", equations={"wave": lambda u: u.tt - u.xx},
        conditions=[
            pk.Dirichlet(u=0.0, on=domain.boundary["left", "right"]),
            pk.Initial(u=lambda p: torch.sin(math.pi * p.x)), pk.Initial(u_t=0.0),
        ],
        reference=lambda p: torch.sin(math.pi * p.x) * torch.cos(math.pi * p.t),
    )  # fmt: skip


def darcy():
    """q = -k grad h, div q = 0 with h = exp(x) cos(y) / k: three unknowns of first order."""
    def flow(p):
        h, slope = torch.exp(p.x) * torch.cos(p.y), torch.exp(p.x) * torch.sin(p.y)
        return {"h": h, "q": -2 * h, "r": 2 * slope}

    return pk.Problem(
        domain=SQUARE, unknowns=["h", "q", "r"],
        equations={
            "x": lambda h, q: q + 2 * h.x, "y": lambda h, r: r + 2 * h.y, "mass": lambda q, r: q.x + r.y,
        },
        conditions=[pk.Dirichlet(h=lambda p: flow(p)["h"], on=SQUARE.boundary)],
        reference=flow,
    )  # fmt: skip


def hard():
    """Values on two sides by a factor, which the cells do not see."""
    u = lambda p: torch.sin(math.pi * p.x) * torch.exp(p.y)  # noqa: E731
    return pk.Problem(
        domain=SQUARE, unknowns="u", reference=u,
        equations={"poisson": lambda u, p: u.laplacian + (math.pi**2 - 1) * torch.sin(math.pi * p.x) * torch.exp(p.y)},
        conditions=[
            pk.Dirichlet(u=0.0, on=SQUARE.boundary["left", "right"], hard=True),
            pk.Dirichlet(u=u, on=SQUARE.boundary["top", "bottom"]),
        ],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("problem", "cells", "size", "least"),
    [(beam(), 6, 6 * 15, 1e-8), (wave(), 4, 16 * 90, 1e-7), (darcy(), 3, 9 * 40, 1e-8), (hard(), 3, 9 * 50, 1e-8)],
)
def test_orders_time_and_factors(problem, cells, size, least):
    assert solved(problem, cells, size)[0] < least
