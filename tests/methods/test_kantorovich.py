"""Residuals that could be those of another solution: Newton and Kantorovich's condition."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods.frozen.kantorovich import LIMIT, _least_seen, kantorovich
from pinnkit.methods.frozen.newton import newton_head
from pinnkit.methods.stopping import Status
from pinnkit.methods.task import Task

LINE = pk.Interval(-1, 1)


def layer(nu, at=0.15):
    """u u' = nu u'': the ends say where the layer is by their difference exp(-(1 - at) / nu) from one."""
    exact = lambda p: -torch.tanh((p.x - at) / (2 * nu))  # noqa: E731
    return pk.Problem(
        domain=LINE, unknowns="u", equations={"e": lambda u: u * u.x - nu * u.xx}, reference=exact,
        conditions=[pk.Dirichlet(u=exact, on=LINE.boundary)],
    )  # fmt: skip


def reaction(strength=1.0):
    """-u'' + strength u^3 = f, whose solution is far from any other one."""
    exact = lambda p: torch.sin(math.pi * p.x)  # noqa: E731
    return pk.Problem(
        domain=LINE, unknowns="u", reference=exact, conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary)],
        equations={"e": lambda u, p: -u.xx + strength * (u**3 - exact(p) ** 3) - math.pi**2 * exact(p)},
    )  # fmt: skip


def solved(problem, size, seed=0):
    task = Task(problem, seed=seed)
    trial = task.trial(task.suited(pk.LRNN()).resized(size), task.generator(0, 0), 1.0)
    return trial, task, newton_head(trial, task, task.points(0))


@pytest.mark.parametrize("nu", [0.04, 0.065])
def test_a_layer_that_is_free_to_move_is_never_converged(nu):
    """Draws agree on a layer at a wrong place to many digits, with a residual of 1e-5 and less."""
    solution = pk.solve(layer(nu), method=pk.LeastSquares(max_size=300), tolerance=1e-3, seed=1)
    assert solution.metrics["relative_variation"] > 0.05
    assert solution.status is Status.UNRESOLVED and not solution.status.usable
    assert solution.estimated_error == 1 and "tell this solution from others" in solution.reason


def test_a_layer_that_is_held_is_solved():
    solution = pk.solve(layer(0.15), method=pk.LeastSquares(max_size=600), tolerance=1e-9)
    assert solution.status is Status.CONVERGED and solution.relative_l2 < 1e-8


def test_the_number_grows_with_the_residual_and_not_for_want_of_a_neighbour():
    coarse, fine = (solved(reaction(), size) for size in (8, 60))
    assert coarse[2] > 1e4 * fine[2]
    numbers = [kantorovich(trial, task) for trial, task, _ in (coarse, fine)]
    assert numbers[0] > 1e3 * numbers[1]
    assert numbers[1] < 1e-6 < LIMIT


def test_the_number_has_no_units():
    """u = a v in the equation of v, times any factor, is the same problem."""
    a = 1e3
    exact = lambda p: a * torch.sin(math.pi * p.x)  # noqa: E731
    scaled = pk.Problem(
        domain=LINE, unknowns="u", conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary)],
        equations={"e": lambda u, p: 7 * (-u.xx + (u**3 - exact(p) ** 3) / a**2 - math.pi**2 * exact(p))},
    )  # fmt: skip
    one, other = (kantorovich(*solved(problem, 20)[:2]) for problem in (reaction(), scaled))
    assert other == pytest.approx(one, rel=1e-3)


def test_linear_problems_have_no_second_solution():
    trial, task, _ = solved(reaction(0.0), 20)
    assert kantorovich(trial, task) < 1e-8


def test_functions_that_hide_between_points_count_for_nothing():
    """Pairs of functions of corner charts, alike at few points, are far apart elsewhere with a head of 1e8 or more."""
    generator = torch.Generator().manual_seed(0)
    matrix, functions = (torch.linalg.qr(torch.randn(n, 20, generator=generator).double()).Q for n in (60, 100))
    functions[:, 0] *= 20
    matrix[:, 3] = matrix[:, 2] + 1e-13 * matrix[:, 4]
    functions[:, 3] = functions[:, 2] + 1e-8 * functions[:, 4]
    head = _least_seen(matrix, functions, generator)
    assert (matrix @ head).norm().item() == pytest.approx(1 / 20, rel=1e-6)
    assert (functions @ head).abs().allclose(functions[:, 0].abs() / 20, atol=1e-6)
