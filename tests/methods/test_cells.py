"""Cells: when the default method takes them, what their answers are worth, and where they are refused."""

import copy
import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Budget, FallbackRun, Progress, Status, Task, drive
from pinnkit.methods.auto import Auto
from pinnkit.methods.frozen.least_squares import LeastSquares
from pinnkit.methods.stopping import Stop

SQUARE = pk.Box([-1, -1], [1, 1])


def waves(n, **options):
    """-Lap u = f with u = exp(sin n (3x + 2y)): no few plane waves."""

    def u(p):
        return torch.exp(torch.sin(n * (3 * p.x + 2 * p.y)))

    def source(p):
        angle = n * (3 * p.x + 2 * p.y)
        return 13 * n * n * (torch.cos(angle).square() - torch.sin(angle)) * u(p)

    return pk.Problem(
        domain=SQUARE, unknowns="u", equations={"poisson": lambda u, p: u.laplacian - source(p)},
        conditions=[pk.Dirichlet(u=u, on=SQUARE.boundary)], reference=u, **options,
    )  # fmt: skip


def cubic():
    line = pk.Interval(-1, 1)
    return pk.Problem(
        domain=line, unknowns="u", equations={"cubic": lambda u, p: u.xx - u**3 + p.x},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
    )  # fmt: skip


def on_line(source, **options):
    """u'' = f on [0, 1], u = 0 at both ends."""
    line = pk.Interval(0, 1)
    return pk.Problem(
        domain=line, unknowns="u", equations={"e": lambda u, p: u.xx - source(p.x)},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)], **options,
    )  # fmt: skip


def test_cells_take_over_where_one_basis_is_slow():
    solution = pk.solve(waves(3), budget="120s", tolerance=1e-6)
    assert solution.status is Status.CONVERGED
    assert solution.metrics["method"] == "least-squares, least-squares in Chebyshev in cells"
    assert "least-squares is slow with one basis (estimated error" in solution.reason
    assert any("functions of the whole domain" in record.get("note", "") for record in solution.history)
    assert solution.relative_l2 < 10 * solution.metrics["estimated_error"] < 1e-5


def test_one_basis_goes_on_where_it_is_fast():
    solution = pk.solve(waves(0.5), budget="120s", tolerance=1e-8)
    assert solution.status is Status.CONVERGED and solution.metrics["space"] == "LRNN"


def test_two_draws_tell_the_error():
    for problem in (waves(2), pk.load_problem("wave")):
        solution = pk.solve(problem, pk.Piecewise(), LeastSquares(max_size=150), budget="60s", tolerance=1e-14)
        rounds = [r for r in solution.history if r["relative_l2"] > 1e-12]
        assert rounds and all(0.1 < r["relative_l2"] / r["estimated_error"] < 2.5 for r in rounds)


@pytest.mark.parametrize("cells", [24, 80])
def test_single_precision_sees_both_sides_of_a_face(cells):
    problem = on_line(lambda x: -torch.sin(math.pi * x) * math.pi**2, reference=lambda p: torch.sin(math.pi * p.x))
    space, method = pk.Piecewise(cells, pk.Chebyshev(8)), LeastSquares(max_size=10)
    solution = pk.solve(problem, space, method, budget="20s", tolerance=1e-3, dtype=torch.float32)
    assert solution.relative_l2 < 1e-3


@pytest.mark.parametrize("tolerance", [1e-2, 1e-6])
def test_an_undetermined_problem_is_told_although_draws_agree(tolerance):
    line = pk.Interval(0, 1)
    problem = pk.Problem(
        domain=line, unknowns="u",
        equations={"e": lambda u, p: u.xx + math.pi**2 * torch.cos(math.pi * p.x)},
        conditions=[pk.Neumann(u=0.0, on=line.boundary)],
    )  # fmt: skip
    solution = pk.solve(problem, pk.Piecewise(), LeastSquares(max_size=10), budget="20s", tolerance=tolerance)
    assert solution.status is Status.UNDETERMINED and "up to a constant" in solution.reason


def test_a_resumed_run_goes_on_bit_for_bit():
    task = Task(waves(1), pk.Piecewise(), tolerance=1e-14)
    method = LeastSquares(start_size=40, max_size=20)
    whole, first = method.start(task), method.start(task)
    drive(whole, task, Budget(steps=2), Progress())
    drive(first, task, Budget(steps=1), Progress())
    second = method.start(task)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    progress = Progress(steps=1)
    drive(second, task, Budget(steps=2), progress)
    assert torch.equal(second.trial.coefficients, whole.trial.coefficients)


@pytest.mark.parametrize(
    ("problem", "why"),
    [
        (lambda: pk.load_problem("poisson-mesh"), "cells are those of a box in up to 3 dimensions"),
        (lambda: pk.load_problem("poisson-energy"), "by least squares of equations, not by an energy or a weak form"),
        (lambda: pk.load_problem("kdv"), "cells are not joined across periodic sides"),
        (lambda: pk.load_problem("burgers-inverse"), "parameters and noise are for one basis"),
        (cubic, "equation 'cubic' is not linear, and in cells nothing tells one solution from another"),
        (lambda: on_line(lambda x: torch.exp(-((x - 0.3) / 1e-3) ** 2)), "its data have peaks or layers"),
        (lambda: waves(1, features=[pk.Feature([0.1, 0.2], 0.01)]), "its data have peaks or layers"),
    ],
)
def test_problems_that_have_no_cells_are_refused(problem, why):
    with pytest.raises(pk.InputError, match=f"Chebyshev in cells cannot solve this problem, because .*{why}"):
        Task(problem(), pk.Piecewise())


@pytest.mark.parametrize("method", [pk.GaussNewton(), pk.Adam(), pk.LBFGS()])
def test_methods_that_would_not_join_cells_refuse_them(method):
    with pytest.raises(pk.InputError, match="training would not join cells; use least-squares"):
        pk.solve(waves(1), pk.Piecewise(), method, budget="5s")
    assert isinstance(Auto().choose(Task(waves(1), pk.Piecewise()))[0], LeastSquares)


def test_cells_are_not_part_of_other_spaces():
    with pytest.raises(pk.InputError, match="cells in cells would not be joined"):
        pk.Piecewise(3, pk.Piecewise(3))
    with pytest.raises(pk.InputError, match="would not join its cells"):
        Task(waves(1), pk.Patches(2, pk.Piecewise(2)))


def test_cells_that_stall_are_a_result():
    solution = pk.solve(on_line(lambda x: torch.sin(60 * x)), pk.Piecewise(2, pk.Chebyshev(3)), budget="20s")
    assert solution.status is Status.STALLED and "with all of 8 functions" in solution.reason


def handed_over(problem, tolerance, fallback, why="enough"):
    task = Task(problem, tolerance=tolerance)
    first = LeastSquares(max_size=300)
    run = FallbackRun(first.start(task), first, fallback, task, pk.Piecewise(), lambda step: why if step.stop else None)
    progress = Progress()
    return run, drive(run, task, Budget(seconds=60), progress), progress


def test_a_first_solution_of_tiny_residual_is_not_lost():
    _, outcome, progress = handed_over(on_line(lambda x: -torch.sin(x)), 1e-17, LeastSquares(max_size=3))
    assert outcome.stop.status is not Status.DIVERGED and progress.estimated_error < 1e-12


def test_the_better_estimate_is_kept_and_examined():
    few = LeastSquares(start_size=1, max_size=1)
    run, outcome, progress = handed_over(on_line(lambda x: -torch.sin(x)), 1e-17, few)
    assert run.trial is run.first.trial and outcome.stop.status is Status.STALLED
    assert "found nothing better" in outcome.stop.reason


def test_what_cells_find_wrong_with_a_problem_counts(monkeypatch):
    wrong = Stop(Status.UNRESOLVED, "a place that nobody saw")
    monkeypatch.setattr(
        "pinnkit.methods.frozen.rounds.Rounds._examined",
        lambda self, stop, numerical, *rest: (
            (1.0, wrong, None) if isinstance(self.base, pk.Piecewise) else (numerical, stop, None)
        ),
    )
    _, outcome, progress = handed_over(on_line(lambda x: -torch.sin(x)), 1e-17, LeastSquares(max_size=3))
    assert outcome.stop.status is Status.UNRESOLVED and progress.estimated_error == 1.0
