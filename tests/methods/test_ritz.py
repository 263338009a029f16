"""The Ritz method: manufactured solutions, natural conditions, honest estimates, energies without a minimum."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods import Auto, Task, correction_size
from pinnkit.methods.frozen.spectral_solve import solve_positive
from pinnkit.problem import EnergyIntegral

SQUARE = pk.Box([-1, -1], [1, 1])


def exact(p):
    return torch.sin(math.pi * p.x) * torch.sin(math.pi * p.y)


def clamped(energy, reference=None):
    conditions = [pk.Dirichlet(u=0.0, on=SQUARE.boundary, hard=True)]
    return pk.Problem(domain=SQUARE, unknowns="u", energy=energy, conditions=conditions, reference=reference)


def poisson():
    return clamped(lambda u, p: (u.x**2 + u.y**2) / 2 - 2 * math.pi**2 * exact(p) * u, exact)


def cube():
    box = pk.Box([0, 0, 0], [1, 1, 1])
    shape = lambda p: torch.sin(math.pi * p.x) * torch.sin(math.pi * p.y) * torch.sin(math.pi * p.z)  # noqa: E731
    return pk.Problem(
        domain=box,
        unknowns="u",
        energy=lambda u, p: (u.x**2 + u.y**2 + u.z**2) / 2 - 3 * math.pi**2 * shape(p) * u,
        conditions=[pk.Dirichlet(u=0.0, on=box.boundary, hard=True)],
        reference=shape,
    )


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_poisson_is_solved_with_an_honest_estimate(seed):
    solution = pk.solve(poisson(), method=pk.Ritz(max_size=300), seed=seed)
    assert solution.relative_l2 < 1e-6
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10
    assert 0 < solution.metrics["residual"] < 1e-5
    # The least energy is minus half the square of the solution's energy norm: pi^2.
    assert solution.metrics["loss"] == pytest.approx(-(math.pi**2), rel=1e-10)


def test_neumann_and_robin_conditions_are_natural():
    """-u'' = 2 on [0, 1] with u(0) = 1 and u' + 3 u = 4 at 1."""
    line = pk.Interval(0, 1)
    problem = pk.Problem(
        domain=line,
        unknowns="u",
        energy=[
            lambda u: u.x**2 / 2 - 2 * u,
            pk.Energy(lambda u: 3 * u**2 / 2 - 4 * u, on=line.boundary["right"]),
        ],
        conditions=[pk.Dirichlet(u=1.0, on=line.boundary["left"], hard=True)],
        # u = 1 + a x - x^2: (a - 2) + 3 a = 4
        reference=lambda p: 1 + 1.5 * p.x - p.x**2,
    )
    assert pk.solve(problem, method=pk.Ritz(max_size=150)).relative_l2 < 1e-7


def test_an_energy_that_is_not_quadratic_is_trained():
    """Minimum of u'^2 / 2 + u^4 / 4 - f u, on an interval, by the method that auto chooses."""
    line = pk.Interval(-1, 1)
    shape = lambda p: torch.cos(math.pi * p.x / 2)  # noqa: E731
    problem = pk.Problem(
        domain=line,
        unknowns="u",
        energy=lambda u, p: u.x**2 / 2 + u**4 / 4 - (math.pi**2 / 4 * shape(p) + shape(p) ** 3) * u,
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary, hard=True)],
        reference=shape,
    )
    solution = pk.solve(problem, pk.MLP(10, 2), budget="300steps")
    assert solution.metrics["method"] == "adam+lbfgs"
    assert solution.relative_l2 < 1e-3
    assert solution.estimated_error < 1e-2


def test_an_energy_without_minimum_says_so():
    with pytest.raises(pk.InputError, match="the energy has no minimum"):
        pk.solve(clamped(lambda u, p: (u.x**2 + u.y**2) / 2 - 50 * u**2 / 2 - p.x * u))


@pytest.mark.parametrize("energy", [lambda u, p: u.x**2 / 2 + u.y**2 / 2 - u, lambda u, p: p.x * u])
def test_an_energy_that_is_linear_along_some_functions_says_so(energy):
    problem = pk.Problem(domain=SQUARE, unknowns="u", energy=energy)
    with pytest.raises(pk.InputError, match="it is linear along some functions, such as constants"):
        pk.solve(problem, method=pk.Ritz(max_size=100))


def test_an_energy_with_a_balanced_source_needs_no_condition():
    problem = pk.Problem(domain=SQUARE, unknowns="u", energy=lambda u, p: (u.x**2 + u.y**2) / 2 - p.x * u)
    solution = pk.solve(problem, method=pk.Ritz(max_size=150))
    # u = x/2 - x^3/6 up to a constant: J = -1/2 int |grad u|^2.
    assert solution.metrics["loss"] == pytest.approx(-4 / 15, rel=1e-6)


def test_functions_that_are_rough_between_the_nodes_are_not_taken_for_a_minimum():
    """In three dimensions few nodes fit along an axis; the energy there may be far below its true minimum."""
    solution = pk.solve(cube(), method=pk.Ritz(max_size=150))
    assert solution.metrics["loss"] > -3 * math.pi**2 / 16
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10
    assert solution.relative_l2 < 0.1


def test_a_trained_energy_in_three_dimensions_has_an_honest_estimate():
    solution = pk.solve(cube(), pk.MLP(10, 2), pk.LBFGS(), budget="60steps")
    assert 0.1 < solution.relative_l2 / solution.estimated_error < 10


def test_an_energy_that_is_not_convex_is_trained_without_an_estimate():
    """About u = 0 the double well has no Newton step; the minimum is u = 1 or -1."""
    line = pk.Interval(0, 1)
    problem = pk.Problem(domain=line, unknowns="u", energy=lambda u: 0.01 * u.x**2 + (u**2 - 1) ** 2 / 4)
    task = Task(problem)
    flat = task.trial(pk.MLP(5, 1), task.generator(0))
    flat.set_head(torch.zeros(1, 6, dtype=torch.float64))
    assert correction_size(flat, task) == math.inf
    assert pk.solve(problem, pk.MLP(5, 1), budget="100steps").estimated_error < 1


def test_the_change_of_an_energy_is_that_of_its_values():
    task = Task(poisson())
    integral = EnergyIntegral(task.problem, 100, 10)
    u, v = (task.trial(pk.MLP(5, 1), task.generator(0, number)) for number in (0, 1))
    change = sum(integral.change(lambda x: u(x) - v(x), v, 6))
    assert change == pytest.approx((integral.loss(u) - integral.loss(v)).item(), rel=1e-10)


def test_methods_know_their_form():
    with pytest.raises(pk.InputError, match="this problem is an energy: use the method ritz"):
        pk.solve(poisson(), method=pk.LeastSquares())
    with pytest.raises(pk.InputError, match="needs an energy, but this problem has equations: use least-squares"):
        pk.solve(pk.load_problem("poisson-hf"), method=pk.Ritz())
    with pytest.raises(pk.InputError, match="needs a quadratic energy, but energy is none"):
        pk.solve(clamped(lambda u: u.x**4 + u.y**2), method=pk.Ritz())


def test_the_quadratic_form_is_minimised_where_it_is_singular():
    generator = torch.Generator().manual_seed(0)
    factor = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    wanted = torch.randn(6, generator=generator, dtype=torch.float64)
    matrix = factor.mT @ factor
    found = solve_positive(matrix, matrix @ wanted)
    noise = 1e-12 * torch.randn(6, generator=generator, dtype=torch.float64)
    assert solve_positive(matrix, matrix @ wanted + noise).norm() < 10 * wanted.norm()  # nothing is made of rounding
    torch.testing.assert_close(factor @ found, factor @ wanted, rtol=1e-10, atol=1e-10)


def test_a_problem_can_name_its_space():
    problem = poisson()
    problem.space = pk.LRNN(rank=60)
    solution = pk.solve(problem)
    assert solution.metrics["basis_functions"] == 60
    assert pk.solve(problem, pk.RandomFeatures(70)).metrics["basis_functions"] == 70


def test_auto_minimises_quadratic_energies_over_frozen_spaces_and_trains_the_others():
    assert Auto().choose(Task(poisson()))[0].name == "ritz"
    assert Auto().choose(Task(poisson(), pk.MLP()))[0].name == "ritz"
    for space in (pk.MLP(40, 4), pk.LRNN(depth=2), pk.PositionalReLU()):
        method, why = Auto().choose(Task(poisson(), space))
        assert method.name == "gauss-newton" and "needs training" in why
    method, why = Auto().choose(Task(clamped(lambda u: u.x**4 + u.y**2)))
    assert method.name == "adam+lbfgs" and why.startswith("energy is not quadratic")


def test_the_error_of_the_better_solution_is_its_share_of_the_difference():
    """For errors that are orthogonal in the energy, 0.1 sin 2 pi x and 0.3 sin 3 pi x beside sin pi x."""
    line = pk.Interval(0, 1)
    problem = pk.Problem(
        domain=line, unknowns="u", energy=lambda u, p: u.x**2 / 2 - math.pi**2 * torch.sin(math.pi * p.x) * u,
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary, hard=True)],
    )  # fmt: skip

    class Known(torch.nn.Module):
        def __init__(self, size, waves):
            super().__init__()
            self.space, self.part, self.waves = pk.LRNN(rank=10), size, waves
            self.space.head = torch.nn.Linear(10, 1)

        def forward(self, x):
            return torch.sin(math.pi * x) + self.part * torch.sin(self.waves * math.pi * x)

    run = pk.Ritz().start(Task(problem))
    share = run._share((0.0, Known(0.1, 2)), (0.0, Known(0.3, 3)))
    assert share == pytest.approx(math.sqrt(0.2**2 / (0.2**2 + 0.9**2)), rel=1e-10)
