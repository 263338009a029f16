"""Problems without an answer, or with many: none of them may end as `converged`."""

import math

import torch

import pinnkit as pk

from .case import Case

PI = math.pi
# Names that say what is wrong. A stall or a spent budget says it, too, if the error estimate is large (see the runner).
MANY = NONE = ("undetermined", "contradictory", "unresolved", "diverged", "refused")


def two_values_at_the_ends():
    """-u'' = 1 with u = 0 and u = 1 at the same ends."""
    line = pk.Interval(0, 1)
    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"poisson": lambda u: -u.xx - 1},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary), pk.Dirichlet(u=1.0, on=line.boundary)],
    )


def two_values_on_a_side():
    """Laplace's equation with 20 and 25 degrees on the same side, as from two lines of an input file."""
    square = pk.Box([0, 0], [1, 1])
    b = square.boundary
    return pk.Problem(
        domain=square,
        unknowns="T",
        equations={"heat": lambda T: T.laplacian},
        conditions=[
            pk.Dirichlet(T=20.0, on=b["left"]),
            pk.Dirichlet(T=25.0, on=b["left"]),
            pk.Dirichlet(T=80.0, on=b["right"]),
            pk.Neumann(T=0.0, on=b["bottom", "top"]),
        ],
    )


def value_and_flux():
    """Insulation asked for on the whole boundary, also where the temperature is given."""
    square = pk.Box([0, 0], [1, 1])
    b = square.boundary
    return pk.Problem(
        domain=square,
        unknowns="T",
        equations={"heat": lambda T: T.laplacian},
        conditions=[
            pk.Dirichlet(T=90.0, on=b["left"]),
            pk.Dirichlet(T=10.0, on=b["right"]),
            pk.Neumann(T=0.0, on=b),
        ],
    )


def slope_and_both_ends():
    """u' = 1 with u = 0 at both ends."""
    line = pk.Interval(0, 1)
    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"slope": lambda u: u.x - 1},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
    )


def two_starts():
    """The heat equation with two initial conditions that do not agree."""
    space_time = pk.Interval(0, 1) * pk.Time(0, 0.5)
    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"heat": lambda u: u.t - u.xx},
        conditions=[
            pk.Initial(u=lambda p: torch.sin(PI * p.x)),
            pk.Initial(u=lambda p: torch.sin(2 * PI * p.x)),
            pk.Dirichlet(u=0.0, on=space_time.boundary),
        ],
    )


def two_equations():
    """Two equations for one unknown that do not agree."""
    square = pk.Box([0, 0], [1, 1])
    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"poisson": lambda u: -u.laplacian - 1, "transport": lambda u: u.x + u.y},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary["left", "bottom"])],
    )


def sealed_and_heated():
    """-Laplace u = 1 with du/dn = 0 around: heat that goes nowhere."""
    square = pk.Box([0, 0], [1, 1])
    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"poisson": lambda u: -u.laplacian - 1},
        conditions=[pk.Neumann(u=0.0, on=square.boundary)],
    )


def resonant():
    """u'' + pi^2 u = sin(pi x), u = 0 at both ends: no solution at resonance."""
    line = pk.Interval(0, 1)
    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"spring": lambda u, p: u.xx + PI**2 * u - torch.sin(PI * p.x)},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
    )


def too_strong():
    """Bratu's equation beyond its fold: u'' + 5 exp(u) = 0 has no solution."""
    line = pk.Interval(0, 1)
    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"bratu": lambda u: u.xx + 5 * torch.exp(u.value)},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
    )


def no_start(source=True):
    """The heat equation without an initial condition."""
    space_time = pk.Interval(0, 1) * pk.Time(0, 1)
    size = 1.0 if source else 0.0
    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"heat": lambda u, p: u.t - u.xx - size * torch.sin(2 * PI * p.x)},
        conditions=[pk.Dirichlet(u=0.0, on=space_time.boundary)],
    )


def no_start_nonlinear():
    """A nonlinear reaction and diffusion without an initial condition."""
    space_time = pk.Interval(0, 1) * pk.Time(0, 1)
    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"reaction": lambda u, p: u.t - u.xx + u**3 - torch.sin(PI * p.x)},
        conditions=[pk.Dirichlet(u=0.0, on=space_time.boundary)],
    )


def no_first_speed():
    """The wave equation without an initial velocity."""
    space_time = pk.Interval(0, 1) * pk.Time(0, 1)
    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"wave": lambda u: u.tt - u.xx},
        conditions=[pk.Initial(u=lambda p: torch.sin(PI * p.x)), pk.Dirichlet(u=0.0, on=space_time.boundary)],
    )


def sealed():
    """-Laplace u = f with du/dn = 0 around and a source of mean zero: determined up to a constant."""
    square = pk.Box([0, 0], [1, 1])
    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - torch.cos(PI * p.x) * torch.cos(2 * PI * p.y)},
        conditions=[pk.Neumann(u=0.0, on=square.boundary)],
    )


def eigenfunction():
    """u'' + pi^2 u = 0, u = 0 at both ends: any multiple of sin(pi x)."""
    line = pk.Interval(0, 1)
    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"spring": lambda u: u.xx + PI**2 * u},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
    )


def forgotten_piece(gap=0.06):
    """-Laplace u = 1; nothing is said on a small piece of the right side."""
    square = pk.Box([0, 0], [1, 1])
    b = square.boundary
    rest = b["right"].where(lambda p: (p.y - 0.6).abs() > gap / 2)
    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"poisson": lambda u: -u.laplacian - 1},
        conditions=[pk.Dirichlet(u=0.0, on=b["left", "top", "bottom"]), pk.Dirichlet(u=0.0, on=rest)],
    )


def forgotten_side():
    """-Laplace u = 1; nothing is said on one side."""
    square = pk.Box([0, 0], [1, 1])
    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"poisson": lambda u: -u.laplacian - 1},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary["left", "top", "bottom"])],
    )


def pressure_level():
    """Stokes flow with the velocity given around: the pressure is determined up to a constant."""
    square = pk.Box([0, 0], [1, 1])
    return pk.Problem(
        domain=square,
        unknowns="u v q",
        equations={
            "x": lambda u, q: q.x - u.laplacian,
            "y": lambda v, q: q.y - v.laplacian,
            "mass": lambda u, v: u.x + v.y,
        },
        conditions=[pk.Dirichlet(u=lambda p: p.y * (1 - p.y), v=0.0, on=square.boundary)],
    )


def two_parameters_of_one_product():
    """-a b u'' = sin(pi x) with readings of u: only the product of a and b can be found."""
    line = pk.Interval(0, 1)
    a, b = pk.Parameter("a", 1.0), pk.Parameter("b", 1.0)
    x = torch.linspace(0.1, 0.9, 15, dtype=torch.float64)
    readings = pk.Observations(x[:, None], u=torch.sin(PI * x) / 6 / PI**2)
    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"poisson": lambda u, p: -a * b * u.xx - torch.sin(PI * p.x)},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary), readings],
        parameters=[a, b],
    )


CASES = [
    Case("u = 0 and u = 1 at the same ends", two_values_at_the_ends, accept=NONE),
    Case("20 and 25 degrees on the same side", two_values_on_a_side, accept=NONE),
    Case("value and flux on the same sides", value_and_flux, accept=NONE),
    Case("u' = 1, u = 0 at both ends", slope_and_both_ends, accept=NONE),
    Case("two starts that disagree", two_starts, accept=NONE),
    Case("two equations for one unknown", two_equations, accept=NONE),
    Case("sealed and heated", sealed_and_heated, accept=(*NONE, *MANY)),
    Case("forced at resonance", resonant, accept=(*NONE, *MANY)),
    Case("Bratu beyond the fold", too_strong, accept=NONE),
    Case("heat without a start", no_start, accept=MANY),
    Case("heat without a start and source", lambda: no_start(False), accept=MANY),
    Case("reaction without a start", no_start_nonlinear, accept=MANY),
    Case("wave without an initial velocity", no_first_speed, accept=MANY),
    Case("pure Neumann", sealed, accept=MANY),
    Case("eigenfunction", eigenfunction, accept=MANY),
    Case("forgotten piece of boundary", forgotten_piece, accept=MANY),
    Case("forgotten side", forgotten_side, accept=MANY),
    Case("pressure up to a constant", pressure_level, accept=MANY),
    Case("only the product of two parameters", two_parameters_of_one_product, accept=MANY),
]
