"""Inverse problems: parameters and fields from noisy data, and how far they can be trusted."""

import copy
import math
import warnings

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Budget, Progress, Status, Task, drive
from pinnkit.problem import Collocation

LINE = pk.Interval(0, 1)
SPACE = pk.RandomFeatures(24, scale=2.0)
SIGMA = 0.01


def oscillator(seed=0, n=40, noise=SIGMA, stated=True, first=1.0):
    """u'' + k u = 0, u(0) = 0 with k = 4, that is u = A sin 2x, from noisy samples."""
    k = pk.Parameter("k", first, true=4.0)
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 1, generator=generator, dtype=torch.float64)
    u = torch.sin(2 * x[:, 0]) + noise * torch.randn(n, generator=generator, dtype=torch.float64)
    data = pk.Observations(x, u=u, noise=noise if stated else None)
    problem = pk.Problem(
        domain=LINE, unknowns="u", equations={"e": lambda u: u.xx + k * u}, parameters=[k],
        conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary["left"]), data], reference=lambda p: torch.sin(2 * p.x),
    )  # fmt: skip
    return problem, x[:, 0]


def solve(problem, space=SPACE):
    return pk.solve(problem, space, pk.LeastSquares())


def bound(x, sigma=SIGMA):
    """The Cramer-Rao bound of k, for u = A sin(sqrt(k) x) with A unknown, too."""
    slopes = torch.stack([torch.sin(2 * x), x * torch.cos(2 * x) / 4], 1)
    return sigma * torch.linalg.inv(slopes.T @ slopes)[1, 1].sqrt().item()


@pytest.mark.parametrize("stated", [True, False])
def test_the_stated_deviation_is_the_cramer_rao_bound(stated):
    problem, x = oscillator(n=200, stated=stated)
    solution = solve(problem)
    assert solution.parameter_errors["k"] == pytest.approx(bound(x), rel=0.02 if stated else 0.2)
    assert solution.metrics["problem_parameter_true_errors"]["k"] == abs(solution.parameters["k"] / 4 - 1)


def test_estimates_scatter_as_they_say():
    found = []
    for seed in range(24):
        solution = solve(oscillator(seed)[0])
        found.append((solution.parameters["k"] - 4) / solution.parameter_errors["k"])
    z = torch.tensor(found)
    # 24 standard normal numbers: chi squared between its 0.1 % quantiles, and 95 % coverage.
    assert 7.5 < z.square().sum() < 51
    assert (z.abs() < 1.96).sum() >= 19


def test_exact_data_give_exact_parameters():
    solution = solve(oscillator(noise=0.0, stated=False)[0])
    assert solution.parameters["k"] == pytest.approx(4, rel=1e-8)


def test_as_many_unknowns_as_data_leave_the_noise_unknown():
    k = pk.Parameter("k", 1.0)
    problem = pk.Problem(
        domain=LINE, unknowns="u", equations={"e": lambda u: k * u.xx + 1}, parameters=[k],
        conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary), pk.Observations([[0.5]], u=[0.25])],
    )  # fmt: skip
    solution = solve(problem)
    assert solution.parameters["k"] == pytest.approx(0.5, rel=1e-6)
    assert solution.parameter_errors["k"] is None


def test_columns_of_parameters_are_derivatives_of_the_residuals():
    a, b = pk.Parameter("a", 0.7), pk.Parameter("b", 1.3)
    problem = pk.Problem(
        domain=LINE, unknowns="u",
        equations={"e": lambda u, p: a * b * u * u.x - torch.exp(b * p.x), "f": lambda u: u.xx},
        conditions=[pk.Observations([[0.2], [0.6]], u=[1.0, 2.0])], parameters=[a, b],
    )  # fmt: skip
    collocation = Collocation(problem, 20, 5, torch.Generator().manual_seed(0))
    collocation.blocks[0].weight = 3.0
    trial = problem.trial(pk.LRNN(4), torch.Generator().manual_seed(1))
    columns = list(collocation.parameter_columns(trial))
    for i, parameter in enumerate((a, b)):
        moved = []
        for step in (1e-5, -2e-5, 1e-5):
            with torch.no_grad():
                parameter += step
            moved.append(collocation.residuals(trial)[0])
        expected = (moved[0] - moved[1]) / 2e-5 * 3 / math.sqrt(20)
        torch.testing.assert_close(columns[0][:, i], expected, rtol=1e-6, atol=1e-8)
    assert not columns[1].any() and not columns[2].any()


def test_a_field_is_recovered_with_an_honest_deviation():
    problem = pk.load_problem("darcy-inverse")
    solution = pk.solve(problem, method=pk.LeastSquares(start_size=100, max_size=100))
    assert solution.metrics["errors"]["kappa"]["relative_l2"] < 0.05
    points = problem.domain.interior(1000, torch.Generator().manual_seed(1))
    deviation = solution.standard_deviation(points)
    error = solution(points) - torch.stack(list(problem.reference(points).values()), 1)
    assert ((error.abs() < 2 * deviation).double().mean(0) > 0.7).all()
    assert 0.5 < (error / deviation)[:, 1].std() < 3


def test_a_run_continues_as_if_it_had_not_been_interrupted():
    problem = oscillator()[0]
    for method, space in ((pk.LeastSquares(24, 96), pk.RandomFeatures(scale=2.0)), (METHOD, NETWORK)):
        task = Task(problem, space)
        state = copy.deepcopy(advance(method.start(task), 2).state_dict())
        again = method.start(task)
        again.load_state_dict(state)
        advance(again, 1)
        value = problem.parameters[0].item()
        other = advance(method.start(task), 3)
        assert problem.parameters[0].item() == value
        for one, two in zip(again.trial.parameters(), other.trial.parameters(), strict=True):
            assert torch.equal(one, two)


METHOD = pk.Identification(points=60, boundary_points=20, every=2)
NETWORK = pk.MLP(width=6, depth=2)


def advance(run, steps):
    budget = Budget.parse("100steps")
    for _ in range(steps):
        run.step(budget)
    return run


def test_a_network_finds_the_parameter_and_its_deviation():
    problem, x = oscillator(n=100)
    solution = pk.solve(problem, NETWORK, pk.Identification(points=200, boundary_points=50), budget="120steps")
    deviation = solution.parameter_errors["k"]
    assert 0.7 < deviation / bound(x) < 3  # what is left of the way to the optimum counts, too
    assert abs(solution.parameters["k"] - 4) < 3 * deviation


def test_a_network_goes_on_as_long_as_the_sum_of_squares_falls():
    task = Task(oscillator(n=100)[0], NETWORK, tolerance=1e-14)
    progress = Progress()
    run = pk.Identification(points=200, boundary_points=50).start(task)
    outcome = drive(run, task, Budget(steps=200), progress)
    losses = [record["loss"] for record in progress.history]
    if outcome.stop.status is Status.CONVERGED:
        assert outcome.stop.reason.endswith("for 100 data, falls no more")
        # Each look at the weights begins ten steps, the first of which has made the loss smaller already.
        assert losses[-10] - losses[-1] < 0.5
    looks = [i for i in range(9, len(losses) - 1, 10) if losses[i - 9] - losses[i] >= 0.5]
    assert looks, "no ten steps make a difference: this test sees nothing"


def test_noise_that_a_method_passes_over_is_told():
    task = Task(oscillator()[0], NETWORK)
    for method in (pk.Adam(points=40), pk.LBFGS(points=40), pk.GaussNewton(points=40)):
        with pytest.warns(UserWarning, match="noise of Observations of u is passed over, as if the data"):
            method.start(task)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        METHOD.start(task)
        pk.LBFGS(points=40).start(Task(oscillator(stated=False)[0], NETWORK))


def test_a_state_of_the_start_is_that_of_the_start():
    """Weights by noise change what blocks weigh; going back undoes it."""
    task = Task(oscillator()[0], NETWORK)
    run = METHOD.start(task)
    state, seen = copy.deepcopy(run.state_dict()), []
    for _ in range(2):
        seen.append((run.step(Budget(steps=100)).loss, run.training.memory["unit"]))
        run.load_state_dict(copy.deepcopy(state))
    assert seen[0] == seen[1]


def test_both_coefficients_of_burgers_are_recovered():
    solution = pk.solve(pk.load_problem("burgers-inverse"), budget="100steps")
    errors = solution.metrics["problem_parameter_true_errors"]
    assert errors["speed"] < 0.01 and errors["viscosity"] < 0.05


def test_auto_looks_at_noise_and_parameters():
    for space, name in ((None, "least-squares"), (NETWORK, "identification")):
        method, why = pk.Auto().choose(Task(oscillator()[0], space))
        assert method.name == name and why.startswith("inverse (the trainable parameter 'k')")


@pytest.mark.parametrize("noise", [0.0, -1.0, math.nan, "1"])
def test_noise_is_a_positive_number(noise):
    with pytest.raises(pk.InputError, match="noise= is the standard deviation of the values, a positive number, got"):
        pk.Observations([[0.5]], u=[1.0], noise=noise)


def test_other_refusals():
    plain = pk.load_problem("poisson-hf")
    with pytest.raises(pk.InputError, match="identification needs equations, and trainable parameters or data with"):
        pk.Identification().start(Task(plain))
    with pytest.raises(pk.InputError, match="only solutions of inverse problems by equations have a"):
        pk.solve(plain, budget="1steps").standard_deviation([[0.0, 0.0]])
    with pytest.raises(pk.InputError, match="parameter 'k' must be a finite number, got nan"):
        pk.Parameter("k", 1.0, true=math.nan)
