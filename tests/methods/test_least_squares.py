"""The linear solver, and the method around it."""

import numpy as np
import pytest
import torch
from torch import nn

import pinnkit as pk
from pinnkit.methods import LeastSquares, Status, Task, solve_least_squares
from pinnkit.methods.frozen.least_squares import LeastSquaresRun

LINE = pk.Interval(0, 1)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_well_conditioned_systems_against_numpy():
    for seed, (rows, columns) in enumerate([(40, 7), (200, 100), (30, 30)]):
        a, b = normal(rows, columns, seed=seed), normal(rows, seed=seed + 9)
        before = a.clone(), b.clone()
        c, residual = solve_least_squares(a, b)
        expected, *_ = np.linalg.lstsq(a.numpy(), b.numpy(), rcond=None)
        torch.testing.assert_close(c, torch.as_tensor(expected), rtol=1e-9, atol=1e-11)
        true = (a @ c - b).norm() / b.norm()
        assert residual == pytest.approx(true.item(), rel=1e-8, abs=1e-13)
        assert torch.equal(a, before[0]) and torch.equal(b, before[1])


def test_columns_of_very_different_size():
    a = normal(50, 6) * 10.0 ** torch.arange(-150, 150, 50, dtype=torch.float64)
    exact = normal(6, seed=3) / a.norm(dim=0)
    c, residual = solve_least_squares(a, a @ exact)
    torch.testing.assert_close(c, exact, rtol=1e-10, atol=0)
    assert residual < 1e-13


def test_columns_dependent_to_rounding():
    """Smooth functions of numerical rank far below their number: pivoted QR with a rank decision stops at 1e-8."""
    x = torch.linspace(-1, 1, 600, dtype=torch.float64)
    frequency = 3 * torch.rand(200, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    a = torch.sin(x[:, None] * frequency + torch.arange(200))
    b = torch.exp(x) * torch.cos(2 * x)
    truncated = torch.linalg.lstsq(a, b[:, None], rcond=1e-8, driver="gelsy").solution[:, 0]
    c, residual = solve_least_squares(a, b)
    true = ((a @ c - b).norm() / b.norm()).item()
    assert true < 1e-12
    assert residual < 1e-12
    assert true < 1e-3 * ((a @ truncated - b).norm() / b.norm()).item()


def test_zero_columns_and_zero_sides():
    a = normal(20, 4)
    a[:, 2] = 0
    c, residual = solve_least_squares(a, a @ torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(c, torch.tensor([1.0, 1, 0, 1], dtype=torch.float64), rtol=1e-9, atol=1e-12)
    c, residual = solve_least_squares(a, torch.zeros(20, dtype=torch.float64))
    assert not c.any() and residual == 0


def poisson(**options):
    return pk.Problem(
        domain=LINE, unknowns="u", equations={"poisson": lambda u, p: u.xx + torch.sin(3 * p.x)},
        conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary)], **options,
    )  # fmt: skip


@pytest.mark.parametrize("space", [
    pk.LRNN(rank=40), pk.LRNN(rank=40, components=3, projection="free", omega=5.0), pk.SIREN(60, 1, 5.0),
    pk.RandomFeatures(40), pk.RandomFeatures(40, "product"), pk.RandomFeatures(60, "tanh"),
    nn.Sequential(nn.Linear(1, 60), nn.Tanh(), nn.Linear(60, 1)),
])  # fmt: skip
def test_every_space_serves(space):
    def exact(p):
        return (torch.sin(3 * p.x) - p.x * torch.sin(torch.tensor(3.0, dtype=torch.float64))) / 9

    solution = pk.solve(poisson(reference=exact), space, LeastSquares(), budget="30s")
    assert solution.relative_l2 < 1e-3
    assert solution.status in (Status.STALLED, Status.CONVERGED)


def test_the_solution_is_the_candidate_with_the_smaller_residual():
    run = LeastSquares(start_size=20, max_size=20).start(Task(poisson()))
    assert isinstance(run, LeastSquaresRun)
    step = run.step(pk.Budget())
    assert step.stop is not None
    one, two = run.task.generator(0, 0).initial_seed(), run.task.generator(0, 1).initial_seed()
    assert one != two and run.draw in (0, 1)


def test_sizes_grow_until_the_tolerance_is_met():
    square = pk.Box([0, 0], [1, 1])
    exact = lambda p: torch.sin(4 * p.x) * torch.cos(3 * p.y)  # noqa: E731
    problem = pk.Problem(
        domain=square, unknowns="u", equations={"poisson": lambda u, p: u.laplacian + 25 * exact(p)}, reference=exact,
        conditions=[pk.Dirichlet(u=exact, on=square.boundary)],
    )  # fmt: skip
    sizes = []
    solution = pk.solve(
        problem, method=LeastSquares(start_size=20, max_size=320), budget="60s", tolerance=1e-5,
        observer=lambda progress, budget: sizes.append(progress.loss),
    )  # fmt: skip
    assert solution.status is Status.CONVERGED and len(sizes) > 1 and sizes[-1] < sizes[0]
    assert solution.relative_l2 < 1e-4
    few = pk.solve(problem, method=LeastSquares(start_size=20, max_size=40), budget="60s", tolerance=1e-12)
    assert few.status is Status.STALLED and "40 functions" in few.reason


def test_hard_and_soft_conditions_agree():
    def solved(hard):
        problem = pk.Problem(
            domain=LINE, unknowns="u", equations={"e": lambda u, p: u.xx - u - p.x},
            conditions=[pk.Dirichlet(u=lambda p: 1 + p.x, on=LINE.boundary, hard=hard)],
        )  # fmt: skip
        return pk.solve(problem, method=LeastSquares(start_size=60, max_size=60), budget="30s")

    x = torch.linspace(0, 1, 50, dtype=torch.float64)[:, None]
    torch.testing.assert_close(solved(True)(x), solved(False)(x), rtol=1e-9, atol=1e-9)


def test_single_precision():
    solution = pk.solve(
        poisson(), pk.LRNN(rank=20), LeastSquares(), budget="30s", dtype=torch.float32, tolerance=1e-12
    )
    reference = pk.solve(poisson(), method=LeastSquares(), budget="30s")
    x = torch.linspace(0, 1, 50, dtype=torch.float64)[:, None]
    assert {p.dtype for p in solution.trial.parameters()} == {torch.float32}
    assert (solution(x).double() - reference(x)).norm() / reference(x).norm() < 1e-3


CUBE = pk.Box([0, 0, 0], [1, 1, 1])


def waves(n):
    k = n * torch.pi
    exact = lambda p: torch.sin(k * p.x) * torch.sin(k * p.y) * torch.sin(k * p.z)  # noqa: E731
    return pk.Problem(
        domain=CUBE, unknowns="u", equations={"e": lambda u, p: -u.laplacian - 3 * k**2 * exact(p)}, reference=exact,
        conditions=[pk.Dirichlet(u=0.0, on=CUBE.boundary)],
    )  # fmt: skip


def test_spreads_are_chosen_when_residuals_say_something():
    run = LeastSquaresRun(LeastSquares(), Task(waves(1)))
    noise = {0.5: 0.8, 1.0: 0.7, 2.0: 0.69, 4.0: 0.68, 8.0: 0.9}
    run._settle(noise, float("inf"))
    assert set(run.promising) == set(noise)  # none is given up among residuals that are all large
    run.round = 1
    run._settle({0.5: 1e-3, 1.0: 0.1, 4.0: 0.5}, 0.68)
    assert run.promising == [0.5, 1.0]
    run._settle({0.5: 1e-3, 1.0: 1.4e-3, 4.0: 1.2e-3}, 0.68)
    assert run.promising == [0.5, 4.0]  # the widest of equals
    run._settle({0.5: 1e-3, 1.0: 2e-3}, 1e-3)  # slow: less may be better still
    assert run.promising == [0.5, 1.0, 0.25]


def test_a_spread_that_small_spaces_do_not_tell_is_found_later():
    """With 150 functions all spreads leave nine tenths of the residual, and the widest ones are the best."""
    solution = pk.solve(waves(4), method=LeastSquares(max_size=1200), budget="120s")
    assert solution.history[0]["loss"] > 0.5 and solution.relative_l2 < 3e-3


def test_what_a_larger_space_changed_falls_as_the_residual_does(monkeypatch):
    run = LeastSquaresRun(LeastSquares(), Task(waves(1)))
    assert run._outlived(0.0, 1.0, 1.0) == 0  # in the first round there is none before
    run.residual = run.apart = 0.1
    assert run._outlived(0.5, 1e-3, 1e-3) == pytest.approx(run._outlived(0.5, 0.1, 0.1) / 100)
    assert run._outlived(0.5, 0.1, 0.1) == run._outlived(0.5, 10.0, 0.1) == pytest.approx(0.15)
    # Draws that have come closer count for half of the decades that they say more, and none that they say less.
    assert run._outlived(0.5, 1e-3, 1e-5) == pytest.approx(run._outlived(0.5, 1e-3, 1e-3) / 10)
    assert run._outlived(0.5, 1e-3, 0.1) == pytest.approx(run._outlived(0.5, 1e-3, 1e-3))
    monkeypatch.setattr(LeastSquaresRun, "_outlived", lambda self, moved, residual, apart: 10.0 * (moved > 0))
    method = LeastSquares(start_size=30, max_size=60)
    solution = pk.solve(waves(1), method=method, budget="60s")
    assert solution.history[0]["estimated_error"] < 10 <= solution.history[1]["estimated_error"]
