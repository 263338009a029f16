"""What data do not determine is named, and a solution of zero is not taken for one."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Status
from pinnkit.methods.inverse.posterior import STIFFNESS, LinearisedInverse, Weighing
from pinnkit.methods.task import Task

LINE = pk.Interval(0, 1)
LEFT, RIGHT = LINE.boundary["left"], LINE.boundary["right"]


def decay(weight=1.0, seed=0):
    """u' = -w k u with k = 2 for w = 1, from u(0) = 1 and noisy samples."""
    k = pk.Parameter("k", 1.0)
    x = torch.linspace(0.1, 1, 12, dtype=torch.float64)
    rough = torch.randn(12, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    data = torch.exp(-2 * weight * x) + 0.01 * rough
    problem = pk.Problem(
        domain=LINE, unknowns="u", parameters=[k], equations={"e": lambda u: u.x + weight * k * u},
        conditions=[pk.Dirichlet(u=1.0, on=LEFT), pk.Observations(x[:, None], u=data, noise=0.01)],
    )  # fmt: skip
    return problem, x, data


def test_a_deviation_larger_than_the_parameter_is_told():
    solution = pk.solve(decay(1e-4)[0])
    assert solution.status is Status.UNDETERMINED
    assert solution.reason.startswith("the data do not determine the parameter 'k' = ")
    deviation = float(solution.reason.split("+- ")[1])
    assert deviation == pytest.approx(solution.parameter_errors["k"], rel=0.05)
    assert deviation > abs(solution.parameters["k"])


def test_a_determined_parameter_converges():
    solution = pk.solve(decay()[0])
    assert solution.status is Status.CONVERGED


def test_the_estimate_is_that_of_the_exact_model():
    """One number: Newton's method on exp(-k x) itself gives the maximum of the likelihood and its curvature."""
    problem, x, data = decay(seed=4)
    k = 2.0
    for _ in range(20):
        u = torch.exp(-k * x)
        slope = -x * u
        k += ((slope @ (data - u)) / (slope @ slope)).item()
    solution = pk.solve(problem)
    deviation = 0.01 / slope.norm().item()
    assert solution.parameter_errors["k"] == pytest.approx(deviation, rel=1e-3)
    assert abs(solution.parameters["k"] - k) < 1e-3 * deviation


def test_the_scan_is_what_solving_for_each_stiffness_gives():
    task = Task(decay()[0])
    trial = task.trial(pk.LRNN(6), task.generator(1))
    weighing = Weighing(task.collocation(100, 10, task.generator(2)))
    system = LinearisedInverse(weighing, [trial], trial.lift)
    values = [weighing.unit * k for k in STIFFNESS]
    scan = system._scan(values, 0.0)
    for k, value in enumerate(values):
        found = system.solve(value, 0.0)
        assert scan.model[k].item() == pytest.approx(value * found.misfits["model"], rel=1e-5)
        assert scan.data[k].item() == pytest.approx(found.misfits["data"], rel=1e-5)
        assert scan.freedom[k].item() == pytest.approx(found.freedom, rel=1e-5)
    # The slopes are derivatives: of the sum of squares, and of minus the freedom.
    middle, step = values[3], 1e-4
    low, high = (system.solve(middle * math.exp(s), 0.0) for s in (-step, step))
    sums = [p.stiffness * p.misfits["model"] + p.misfits["data"] for p in (low, high)]
    assert (sums[1] - sums[0]) / (2 * step) == pytest.approx(scan.model[3].item(), rel=1e-4)
    assert (low.freedom - high.freedom) / (2 * step) == pytest.approx(scan.slope[3].item(), rel=1e-4)


@pytest.mark.parametrize("guess, mode", [(5.0, 1), (36.0, 2)])
def test_eigenproblems_do_not_end_at_zero(guess, mode):
    """-u'' = E u, u = 0 at both ends, integral of u^2 = 1: E = (n pi)^2, the one nearest to the guess."""
    e = pk.Parameter("E", guess)
    problem = pk.Problem(
        domain=LINE, unknowns="u N", parameters=[e],
        equations={"mode": lambda u: u.xx + e * u, "norm": lambda u, N: N.x - u**2},
        conditions=[pk.Dirichlet(u=0.0, N=0.0, on=LEFT), pk.Dirichlet(u=0.0, N=1.0, on=RIGHT)],
    )  # fmt: skip
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=60))
    assert solution.status is Status.CONVERGED
    assert solution.parameters["E"] == pytest.approx((mode * math.pi) ** 2, rel=1e-8)
    x = torch.linspace(0, 1, 11, dtype=torch.float64)[:, None]
    expected = math.sqrt(2) * torch.sin(mode * math.pi * x[:, 0])
    assert torch.allclose(solution(x)[:, 0].abs(), expected.abs(), atol=1e-7)


def test_a_solution_that_no_parameter_touches_is_told():
    """Zero data lead to u = 0, where E has no effect; nothing may say that it has been found."""
    e = pk.Parameter("E", 5.0)
    problem = pk.Problem(
        domain=LINE, unknowns="u", parameters=[e], equations={"mode": lambda u: u.xx + e * u},
        conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary), pk.Observations([[0.3], [0.7]], u=[0.0, 0.0], noise=0.1)],
    )  # fmt: skip
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=60, max_size=60))
    assert solution.status is Status.UNDETERMINED
    assert "parameter 'E'" in solution.reason
