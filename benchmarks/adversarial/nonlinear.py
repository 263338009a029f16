"""Nonlinear problems: steady ones by Newton's method, and evolutions."""

import math

import numpy as np
import torch

import pinnkit as pk

from .case import Case

PI = math.pi


def allen_cahn(eps=0.1):
    """eps u'' + u - u^3 = f on [0, 1], u = sin(pi x): at 0.1 the first linearisation is nearly singular.

    Shooting finds no other solution for eps from 0.05 to 0.2, and four others for 0.02.
    """
    line = pk.Interval(0, 1)

    def exact(p):
        return torch.sin(PI * p.x)

    def f(p):
        return (1 - eps * PI**2) * exact(p) - exact(p) ** 3

    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"balance": lambda u, p: eps * u.xx + u - u**3 - f(p)},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
        reference=exact,
    )


def bratu(strength=1.0):
    """u'' + lambda exp(u) = 0, u = 0 at both ends: the lower of two solutions, in closed form."""
    from scipy.optimize import brentq

    line = pk.Interval(0, 1)
    theta = brentq(lambda a: a - math.sqrt(2 * strength) * math.cosh(a / 4), 0, 4.79, xtol=1e-15)
    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"bratu": lambda u: u.xx + strength * torch.exp(u.value)},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
        reference=lambda p: -2 * torch.log(torch.cosh((p.x - 0.5) * theta / 2) / math.cosh(theta / 4)),
    )


def cubic(size, waves=1):
    """-Laplace u + u^3 = f on the unit square."""
    square = pk.Box([0, 0], [1, 1])
    k = waves * PI

    def exact(p):
        return size * torch.sin(k * p.x) * torch.sin(k * p.y)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"reaction": lambda u, p: -u.laplacian + u**3 - 2 * k**2 * exact(p) - exact(p) ** 3},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
        reference=exact,
    )


def steady_shock(nu):
    """u u' = nu u'' on [-1, 1]: -tanh((x - 0.2) / 2 nu).

    Only the ends say where the layer stands: at 0.07 by their fifth digit, at 0.01 by none that a number has.
    """
    line = pk.Interval(-1, 1)

    def exact(p):
        return -torch.tanh((p.x - 0.2) / (2 * nu))

    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"momentum": lambda u: u * u.x - nu * u.xx},
        conditions=[pk.Dirichlet(u=exact, on=line.boundary)],
        reference=exact,
    )


def travelling_shock(nu, end=1.0):
    """u_t + u u_x = nu u_xx on [0, 2]: a front of speed 1/2."""
    space_time = pk.Interval(0, 2) * pk.Time(0, end)

    def exact(p):
        return torch.sigmoid(-(p.x - 0.6 - p.t / 2) / (2 * nu))

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"momentum": lambda u: u.t + u * u.x - nu * u.xx},
        conditions=[pk.Initial(u=exact), pk.Dirichlet(u=exact, on=space_time.boundary)],
        reference=exact,
    )


def nagumo(threshold=0.2, width=0.1):
    """u_t = D u_xx + u (1 - u) (u - a): a front whose speed is known."""
    space_time = pk.Interval(-1, 1) * pk.Time(0, 2)
    diffusion = width**2 / 2
    speed = width * (0.5 - threshold)

    def exact(p):
        return torch.sigmoid(-(p.x - speed * p.t) / width)

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"reaction": lambda u: u.t - diffusion * u.xx - u * (1 - u) * (u - threshold)},
        conditions=[pk.Initial(u=exact), pk.Dirichlet(u=exact, on=space_time.boundary)],
        reference=exact,
    )


def blow_up(end=0.9):
    """u' = u^2, u(0) = 1: 1 / (1 - t)."""
    time = pk.Interval(0, end, name="t")
    return pk.Problem(
        domain=time,
        unknowns="u",
        equations={"growth": lambda u: u.t - u**2},
        conditions=[pk.Dirichlet(u=1.0, on=time.boundary["left"])],
        reference=lambda p: 1 / (1 - p.t),
    )


def integrated(names, slope, start, end):
    """A reference by an eighth-order Runge-Kutta method at a tolerance of 1e-12."""
    from scipy.integrate import solve_ivp

    found = solve_ivp(slope, (0, end), start, "DOP853", rtol=1e-12, atol=1e-13, dense_output=True).sol
    return lambda p: dict(zip(names, torch.from_numpy(found(p.t.numpy())), strict=True))


def predators(end=10.0):
    """Lotka and Volterra's equations over about two periods."""
    time = pk.Interval(0, end, name="t")
    return pk.Problem(
        domain=time,
        unknowns="u v",
        equations={"prey": lambda u, v: u.t - 1.5 * u + u * v, "predators": lambda u, v: v.t + 2 * v - u * v},
        conditions=[pk.Dirichlet(u=1.0, v=1.0, on=time.boundary["left"])],
        reference=integrated(
            "uv", lambda t, y: np.array([1.5 * y[0] - y[0] * y[1], y[0] * y[1] - 2 * y[1]]), [1.0, 1.0], end
        ),
    )


def relaxation(stiffness=5.0, end=12.0):
    """Van der Pol's oscillator, whose solution has layers in time."""
    time = pk.Interval(0, end, name="t")
    return pk.Problem(
        domain=time,
        unknowns="u v",
        equations={"u": lambda u, v: u.t - v, "v": lambda u, v: v.t - stiffness * (1 - u**2) * v + u},
        conditions=[pk.Dirichlet(u=2.0, v=0.0, on=time.boundary["left"])],
        reference=integrated(
            "uv", lambda t, y: np.array([y[1], stiffness * (1 - y[0] ** 2) * y[1] - y[0]]), [2.0, 0.0], end
        ),
    )


def porous(size=1.0):
    """-(u u')' = f on [0, 1] with u = 1 + size sin(2 pi x) / 2: the equation degenerates as size goes to 2."""
    line = pk.Interval(0, 1)
    k = 2 * PI

    def exact(p):
        return 1 + size / 2 * torch.sin(k * p.x)

    def source(p):  # -(u^2)'' / 2
        s, c = torch.sin(k * p.x), torch.cos(k * p.x)
        return k**2 * (size / 2 * s * (1 + size / 2 * s) - (size / 2 * c) ** 2)

    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"flow": lambda u, p: -u * u.xx - u.x**2 - source(p)},
        conditions=[pk.Dirichlet(u=1.0, on=line.boundary)],
        reference=exact,
    )


CASES = [
    Case("steady Allen-Cahn", allen_cahn),
    Case("steady Allen-Cahn, eps = 0.05", lambda: allen_cahn(0.05)),
    *(Case(f"Bratu, lambda = {s:g}", lambda s=s: bratu(s)) for s in (1.0, 3.4)),
    Case("cubic reaction", lambda: cubic(1.0)),
    Case("cubic reaction of size 10, 3 waves", lambda: cubic(10.0, 3)),
    *(Case(f"steady shock, nu = {nu:g}", lambda nu=nu: steady_shock(nu)) for nu in (1e-1, 7e-2, 1e-2)),
    *(Case(f"travelling shock, nu = {nu:g}", lambda nu=nu: travelling_shock(nu)) for nu in (5e-2, 5e-3)),
    Case("Nagumo's front", nagumo),
    *(Case(f"u' = u^2 to {end:g}", lambda end=end: blow_up(end)) for end in (0.9, 0.999)),
    Case("predators and prey", predators, accuracy=1e-11),
    Case("relaxation oscillator", relaxation, accuracy=1e-11),
    *(Case(f"porous medium, size {s:g}", lambda s=s: porous(s)) for s in (1.0, 1.9)),
]
