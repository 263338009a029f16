"""The Ritz method: manufactured solutions, natural conditions, honest estimates, energies without a minimum."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.methods.spectral_solve import solve_positive

SQUARE = pk.Box([-1, -1], [1, 1])


def exact(p):
    return torch.sin(math.pi * p.x) * torch.sin(math.pi * p.y)


def clamped(energy, reference=None):
    conditions = [pk.Dirichlet(u=0.0, on=SQUARE.boundary, hard=True)]
    return pk.Problem(domain=SQUARE, unknowns="u", energy=energy, conditions=conditions, reference=reference)


def poisson():
    return clamped(lambda u, p: (u.x**2 + u.y**2) / 2 - 2 * math.pi**2 * exact(p) * u, exact)


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
    found, least = solve_positive(matrix, matrix @ wanted)
    torch.testing.assert_close(factor @ found, factor @ wanted, rtol=1e-10, atol=1e-10)
    assert least == pytest.approx(-0.5 * (wanted @ matrix @ wanted).item(), rel=1e-10)


def test_a_problem_can_name_its_space():
    problem = poisson()
    problem.space = pk.LRNN(rank=60)
    solution = pk.solve(problem)
    assert solution.metrics["basis_functions"] == 60
    assert pk.solve(problem, pk.RandomFeatures(70)).metrics["basis_functions"] == 70
