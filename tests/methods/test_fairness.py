"""What must not depend on units, on the scale of one unknown, or on how a problem is written."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Progress, Task, correction_size, difference, drive

from .small import LINE, linear, task

SQUARE = pk.Box([0, 0], [1, 1])


def wave(p):
    return torch.cos(math.pi * p.x) * torch.cos(math.pi * p.y)


def heat(duration):
    """The heat equation on [0, 1] x [0, duration], the same problem in other units of time."""
    domain, rate = pk.Interval(0, 1) * pk.Time(0, duration), 1 / duration
    exact = lambda p: torch.exp(-rate * p.t) * torch.sin(math.pi * p.x)  # noqa: E731
    return pk.Problem(
        domain=domain, unknowns="u", reference=exact,
        equations={"heat": lambda u: duration * u.t - u.xx / math.pi**2},
        conditions=[pk.Initial(u=exact), pk.Dirichlet(u=0.0, on=domain.boundary)],
    )  # fmt: skip


@pytest.mark.parametrize("duration", [1e-3, 1.0, 1e3])
def test_condition_points_do_not_depend_on_units(duration):
    made = Task(heat(duration)).collocation(400, 200, torch.Generator().manual_seed(0))
    assert [len(block.points) for block in made.blocks] == [400, 100, 100]
    solution = pk.solve(heat(duration), method=pk.LeastSquares(start_size=200, max_size=200))
    assert solution.relative_l2 < 1e-7


@pytest.mark.parametrize("seed", range(3))
def test_insulated_problem_pinned_at_one_point(seed):
    """Spreads are compared with one set of weights: otherwise the heaviest conditions win, and u = 1 everywhere."""
    problem = pk.Problem(
        domain=SQUARE, unknowns="u", reference=wave,
        equations={"e": lambda u, p: -u.laplacian - 2 * math.pi**2 * wave(p)},
        conditions=[pk.Neumann(u=0.0, on=SQUARE.boundary), pk.Observations([[0.0, 0.0]], u=[1.0])],
    )  # fmt: skip
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=150, max_size=150), seed=seed)
    assert solution.relative_l2 < 1e-2
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10


def test_the_estimate_is_that_of_the_worst_unknown():
    """u = 1000 v: an error of v must not hide behind the size of u."""
    problem = pk.Problem(
        domain=LINE, unknowns="u v",
        equations={"u": lambda u: u.xx, "v": lambda v: v.xx},
        conditions=[pk.Dirichlet(u=1000.0, on=LINE.boundary), pk.Dirichlet(v=1.0, on=LINE.boundary)],
    )  # fmt: skip
    made = Task(problem)
    one, other = (made.trial(pk.LRNN(20), made.generator(n)) for n in (0, 1))
    for trial, v in ((one, 1.0), (other, 1.5)):
        trial.set_head(torch.tensor([[0.0] * 20 + [1000.0], [0.0] * 20 + [v]], dtype=torch.float64))
    assert difference(one, other, made) == pytest.approx(0.5 / 1.5)
    assert correction_size(other, made) == pytest.approx(0.5, rel=1e-6)


def test_a_hole_in_a_periodic_cell():
    """No charts where the coordinates are embedded; the solution is periodic and meets its data."""
    cell = pk.Box([-1, -1], [1, 1]) - pk.Disk([0, 0], 0.4)
    exact = lambda p: torch.sin(math.pi * p.x) * torch.cos(2 * p.y)  # noqa: E731
    problem = pk.Problem(
        domain=cell, unknowns="u", reference=exact,
        equations={"e": lambda u, p: u.laplacian + (math.pi**2 + 4) * exact(p)},
        conditions=[
            pk.Periodic("x"),
            pk.Dirichlet(u=exact, on=cell.boundary["circle", "y_min", "y_max"]),
        ],
    )  # fmt: skip
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=300, max_size=300))
    assert solution.relative_l2 < 1e-4


@pytest.mark.parametrize("space", [pk.KAN(), pk.MLP(), pk.PirateNet()], ids=lambda space: space.title)
def test_a_hole_is_charted_for_every_space_whose_head_is_found(space):
    """log r has no continuation into the hole: without a chart all draws miss the same part, unseen."""
    plate = pk.Box([-1, -1], [1, 1]) - pk.Disk([0, 0], 0.1)
    exact = lambda p: torch.log(p.x**2 + p.y**2) + p.x * p.y  # noqa: E731
    problem = pk.Problem(
        domain=plate, unknowns="u", reference=exact, equations={"e": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=exact, on=plate.boundary)],
    )  # fmt: skip
    solution = pk.solve(problem, space, pk.LeastSquares(start_size=200, max_size=200))
    assert solution.metrics["space"] == f"{space.title} with 1 chart"
    assert solution.relative_l2 < 1e-2
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10


def test_an_operator_singular_at_zero_has_finite_weights():
    problem = pk.Problem(
        domain=LINE, unknowns="u", equations={"e": lambda u: u.xx - 1 / u},
        conditions=[pk.Dirichlet(u=1.0, on=LINE.boundary)],
    )  # fmt: skip
    weights = [block.weight for block in task(problem).collocation(50, 10, torch.Generator().manual_seed(0)).blocks]
    assert all(map(math.isfinite, weights))


def test_a_mixed_inverse_problem_in_float32():
    """The network is float32, the parameter float64: L-BFGS keeps both."""
    k = pk.Parameter("k", 1.0)
    problem = linear()
    inverse = pk.Problem(
        domain=LINE, unknowns="u", parameters=[k], conditions=problem.conditions,
        equations={"e": lambda u, p: k * u.xx + torch.sin(math.pi * p.x)},
    )  # fmt: skip
    made = task(inverse, dtype=torch.float32)
    run = pk.LBFGS(points=40, boundary_points=4).start(made)
    drive(run, made, pk.Budget.parse("20steps"), Progress())
    assert k.dtype == torch.float64 and run.trial(torch.zeros(1, 1)).dtype == torch.float32
