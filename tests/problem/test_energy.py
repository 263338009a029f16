"""Energies: values by closed forms, the quadratic model against autograd, and what cannot be stated."""

import math

import pytest
import torch

import pinnkit as pk
from pinnkit.problem import EnergyIntegral
from pinnkit.problem.energy import second_order
from tests.domains.shapes import ARROW, mesh

SQUARE = pk.Box([-1, -1], [1, 1])
CLAMPED = [pk.Dirichlet(u=0.0, on=SQUARE.boundary, hard=True)]


def dirichlet(u):
    return (u.x**2 + u.y**2) / 2


def stated(energy, unknowns="u", conditions=(), domain=SQUARE, **others):
    return pk.Problem(domain=domain, unknowns=unknowns, energy=energy, conditions=conditions, **others)


def test_the_integral_is_that_of_the_density():
    integral = EnergyIntegral(stated(lambda u, p: dirichlet(u) - p.x * u), 400, 10)
    # u = x y^2: grad = (y^2, 2 x y), integrals of y^4 / 2, 2 x^2 y^2 and x^2 y^2 over the square
    value = integral.loss(lambda x: (x[:, 0] * x[:, 1] ** 2)[:, None])
    assert value.item() == pytest.approx(4 / 10 + 2 * 4 / 9 - 4 / 9, rel=1e-13)


def test_energies_add_up_over_interior_and_boundary():
    right = SQUARE.boundary["right"]
    problem = stated([dirichlet, pk.Energy(lambda u, p: -p.y**2 * u * p.normal[:, 0], on=right)])
    value = EnergyIntegral(problem, 100, 10).loss(lambda x: (x[:, 0] + x[:, 1] ** 2)[:, None])
    assert value.item() == pytest.approx(2 + 8 / 3 - (2 / 3 + 2 / 5), rel=1e-13)


def test_the_quadratic_model_is_the_second_order_expansion():
    """J(v + C c) by the model and by evaluation agree, for a quadratic energy of two unknowns with mixed terms."""
    problem = stated(
        lambda u, v, p: u.x**2 + u.y * v.x + 2 * v.y**2 + (1 + p.x**2) * v**2 + u * v.y - p.y * u,
        "u v",
        [pk.Dirichlet(u=lambda p: p.x, on=SQUARE.boundary["left"], hard=True)],
    )
    assert problem.nonlinear is None
    integral = EnergyIntegral(problem, 900, 10)
    trial = problem.trial(pk.LRNN(5, omega=3.0), torch.Generator().manual_seed(0))
    matrix, side = integral.system(trial)
    torch.testing.assert_close(matrix, matrix.mT, rtol=1e-12, atol=1e-12)
    c = torch.randn(12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    trial.set_head(c.reshape(2, 6))
    model = integral.loss(trial.lift) - side @ c + c @ matrix @ c / 2
    assert integral.loss(trial).item() == pytest.approx(model.item(), rel=1e-12)


def test_a_newton_step_is_that_of_autograd():
    problem = stated(lambda u, p: dirichlet(u) + u**4 / 4 + torch.exp(p.x) * u, conditions=CLAMPED)
    integral = EnergyIntegral(problem, 400, 10)
    trial = problem.trial(pk.LRNN(4, omega=3.0), torch.Generator().manual_seed(0))
    matrix, side = integral.system(trial, about=trial)

    def energy(c):
        columns = lambda x: (trial.columns(x, 0) @ c)[:, None]  # noqa: E731
        return integral.loss(columns)

    c = torch.cat([trial.space.head.weight[0], trial.space.head.bias]).detach()
    torch.testing.assert_close(-side, torch.func.grad(energy)(c), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(matrix, torch.autograd.functional.hessian(energy, c), rtol=1e-10, atol=1e-12)


def test_second_derivatives_of_a_density_are_pointwise():
    problem = stated(lambda u, p: torch.sin(u.x) * u + p.y)
    (density,) = problem.energies
    points, _ = SQUARE.quadrature(9)
    ux, u = (torch.linspace(0.1, 0.9, 9, dtype=torch.float64) * k for k in (1, 2))
    slopes, curvatures = second_order(density, {"u": {(0,): ux, (): u}}, points)
    order = list(density.keys["u"])
    i, j = order.index((0,)), order.index(())
    torch.testing.assert_close(slopes[i], torch.cos(ux) * u)
    torch.testing.assert_close(slopes[j], torch.sin(ux))
    torch.testing.assert_close(curvatures[i][i], -torch.sin(ux) * u)
    torch.testing.assert_close(curvatures[i][j], torch.cos(ux))
    assert curvatures[j][j] is None or not curvatures[j][j].any()


@pytest.mark.parametrize(
    ("energy", "culprit"),
    [(dirichlet, None), (lambda u, p: dirichlet(u) - p.x * u, None), (lambda u: dirichlet(u) + u**4, "energy"),
     (lambda u: (1 + u.x**2 + u.y**2) ** 0.5, "energy")],
    ids=["dirichlet", "source", "quartic", "minimal surface"],
)
def test_quadratic_or_not_is_measured(energy, culprit):
    assert stated(energy, conditions=CLAMPED).nonlinear == culprit


def test_the_spectrum_of_an_energy_is_that_of_its_equation():
    source = lambda p: torch.sin(6 * math.pi * p.x) * torch.sin(3 * math.pi * p.y)  # noqa: E731
    weak = stated(lambda u, p: dirichlet(u) - source(p) * u, conditions=CLAMPED)
    strong = pk.Problem(
        domain=SQUARE, unknowns="u", equations={"e": lambda u, p: -u.laplacian - source(p)}, conditions=CLAMPED
    )
    from pinnkit.problem import Spectrum

    one, other = Spectrum(weak), Spectrum(strong)
    torch.testing.assert_close(one.frequencies, other.frequencies)
    torch.testing.assert_close(one.probability, other.probability, rtol=1e-6, atol=1e-9)


SHAPES = {
    "polygon": pk.Polygon(ARROW), "mesh": mesh("l"), "disk": pk.Disk([0.3, 0.5], 0.8),
    "annulus": pk.Annulus([0.3, 0.5], 0.4, 1.0), "box": SQUARE,
}  # fmt: skip


def harmonic(p):
    """e^x sin y, of which Laplace's equation holds."""
    return torch.exp(p.x) * torch.sin(p.y)


def flux(p):
    """Its outward normal derivative."""
    return harmonic(p) * p.normal[:, 0] + torch.exp(p.x) * torch.cos(p.y) * p.normal[:, 1]


@pytest.mark.parametrize("name", SHAPES)
def test_natural_conditions_on_every_shape_that_has_quadrature(name):
    """-Laplace u + u = u* with du/dn + 2 u given all around: no condition but those that the energy holds."""
    domain = SHAPES[name]

    def around(u, p):
        return u**2 - (flux(p) + 2 * harmonic(p)) * u

    problem = stated(
        [lambda u, p: dirichlet(u) + u**2 / 2 - harmonic(p) * u, pk.Energy(around, on=domain.boundary)],
        domain=domain, reference=harmonic,
    )  # fmt: skip
    assert pk.solve(problem, method=pk.Ritz(start_size=100, max_size=100)).relative_l2 < 1e-3


@pytest.mark.parametrize("name", SHAPES)
def test_hard_values_beside_natural_conditions(name):
    domain = SHAPES[name]
    first, *rest = domain.boundary.names
    parts = [pk.Energy(lambda u, p: -flux(p) * u, on=domain.boundary[tuple(rest)])] if rest else []
    data = lambda p: harmonic(p) * (1 + bump(domain, p))  # noqa: E731
    problem = stated(
        [dirichlet, *parts], domain=domain, reference=harmonic,
        conditions=[pk.Dirichlet(u=data, on=domain.boundary[first], hard=True)],
    )  # fmt: skip
    assert pk.solve(problem, method=pk.Ritz(start_size=100, max_size=100)).relative_l2 < 1e-2


def bump(domain, p):
    """Zero on the first piece, so that the data are not the solution inside."""
    return domain.boundary.pieces[0].distances.within(p.coordinates)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"energy": dirichlet, "equations": {"e": lambda u: u.laplacian}}, "an energy or a weak form; leave all"),
        ({}, "equations must be a dict"),
        ({"energy": []}, "at least one equation, an energy or a weak form"),
        ({"energy": 3.0}, "expected a function such as"),
        ({"energy": lambda w: w.x}, "argument of energy"),
        ({"energy": lambda u: u.value.mean() * u.x}, "depends on the unknowns at other points"),
        ({"energy": lambda p: p.x}, "uses no unknown"),
        ({"energy": pk.Energy(dirichlet, on="left")}, r"on= takes a part of the boundary"),
        ({"energy": dirichlet, "conditions": [pk.Dirichlet(u=0.0, on=SQUARE.boundary)]},
         "Dirichlet cannot be one more residual beside it: use hard=True"),
        ({"energy": dirichlet, "conditions": [pk.Neumann(u=0.0, on=SQUARE.boundary)]}, "for Neumann and Robin data"),
        ({"energy": lambda u: u.x**2, "domain": SQUARE - pk.Disk([0, 0], 0.5)}, "got Difference: mesh it, or"),
    ],
)
def test_what_cannot_be_stated(arguments, message):
    with pytest.raises(pk.InputError, match=message):
        pk.Problem(**{"domain": SQUARE, "unknowns": "u", **arguments})
