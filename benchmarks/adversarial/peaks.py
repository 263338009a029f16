"""Peaks and layers: in sources, in data, at boundaries, inside."""

import math

import numpy as np
import torch

import pinnkit as pk

from .case import Case

PI = math.pi
WIDTHS = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3)


def peak(width, at=0.37):
    """-u'' = a gaussian of integral 1, u = 0 at both ends."""
    line = pk.Interval(0, 1)

    def f(p):
        return torch.exp(-(((p.x - at) / width) ** 2)) / (width * math.sqrt(PI))

    def particular(s):
        s = torch.as_tensor(s, dtype=torch.float64)
        return -s / 2 * torch.erf(s / width) - width / (2 * math.sqrt(PI)) * torch.exp(-((s / width) ** 2))

    left, right = particular(-at).item(), particular(1 - at).item()

    def exact(p):
        return particular(p.x - at) - left - (right - left) * p.x

    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.xx - f(p)},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
        reference=exact,
    )


def spot_potential(p, width, at):
    """The solution in the plane of -Laplace u = exp(-r^2 / width^2) / (pi width^2): -(ln r^2 + E1(r^2/width^2)) / 4 pi.

    E1(z) + ln z + gamma is the integral of 1 - exp(-z exp(-y)) over y from 0 to infinity, entire in z.
    """
    y, weights = np.polynomial.legendre.leggauss(300)
    y, weights = torch.from_numpy(27.5 * (y + 1)), torch.from_numpy(27.5 * weights)
    z = ((p.x - at[0]) ** 2 + (p.y - at[1]) ** 2) / width**2
    entire = ((1 - torch.exp(-z[:, None] * torch.exp(-y))) * weights).sum(1)
    return -(2 * math.log(width) - np.euler_gamma + entire) / (4 * PI)


def spot(width, at=(0.37, 0.61), base=0.0, scale=1.0):
    """A round spot as a source on the unit square; the exact solution is prescribed around."""
    square = pk.Box([0, 0], [1, 1])

    def f(p):
        return scale * torch.exp(-((p.x - at[0]) ** 2 + (p.y - at[1]) ** 2) / width**2) / (PI * width**2)

    def exact(p):
        return base + scale * spot_potential(p, width, at)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - f(p)},
        conditions=[pk.Dirichlet(u=exact, on=square.boundary)],
        reference=exact,
    )


def boundary_layer(eps):
    """eps u'' + u' = 1 on [0, 1], u = 0 at both ends: a layer of width eps at 0."""
    line = pk.Interval(0, 1)
    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"transport": lambda u: eps * u.xx + u.x - 1},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
        reference=lambda p: p.x - (1 - torch.exp(-p.x / eps)) / (1 - math.exp(-1 / eps)),
    )


def reaction_layer(eps):
    """-eps^2 u'' + u = 1 on [0, 1], u = 0 at both ends: layers at both."""
    line = pk.Interval(0, 1)
    edge = 1 + math.exp(-1 / eps)
    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"reaction": lambda u: -(eps**2) * u.xx + u - 1},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
        reference=lambda p: 1 - (torch.exp(-p.x / eps) + torch.exp((p.x - 1) / eps)) / edge,
    )


def outflow_layer(eps):
    """-eps Laplace u + u_x + u_y = f on the unit square, u = 0 around: layers at the right and at the top."""
    square = pk.Box([0, 0], [1, 1])

    def profile(x):  # solves -eps X'' + X' = 1 with X(0) = X(1) = 0
        return x - (torch.exp((x - 1) / eps) - math.exp(-1 / eps)) / (1 - math.exp(-1 / eps))

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"transport": lambda u, p: -eps * u.laplacian + u.x + u.y - profile(p.x) - profile(p.y)},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
        reference=lambda p: profile(p.x) * profile(p.y),
    )


def front(width):
    """-Laplace u = f on the unit square, u = tanh of the distance from a slanted line over the width."""
    square = pk.Box([0, 0], [1, 1])
    nx, ny = 0.8, 0.6

    def exact(p):
        return torch.tanh((nx * p.x + ny * p.y - 0.65) / width)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - 2 * exact(p) * (1 - exact(p) ** 2) / width**2},
        conditions=[pk.Dirichlet(u=exact, on=square.boundary)],
        reference=exact,
    )


def boundary_peak(distance):
    """Laplace's equation with Poisson's kernel as data: its pole lies so far below the unit square."""
    square = pk.Box([0, 0], [1, 1])

    def exact(p):
        return distance * (p.y + distance) / ((p.x - 0.43) ** 2 + (p.y + distance) ** 2)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"laplace": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=exact, on=square.boundary)],
        reference=exact,
    )


def initial_peak(width, end=0.05):
    """Heat spreads from a gaussian; the exact solution is prescribed at the ends."""
    space_time = pk.Interval(-1, 1) * pk.Time(0, end)

    def exact(p):
        spread = width**2 + 4 * p.t
        return width / torch.sqrt(spread) * torch.exp(-((p.x - 0.1) ** 2) / spread)

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"heat": lambda u: u.t - u.xx},
        conditions=[pk.Initial(u=exact), pk.Dirichlet(u=exact, on=space_time.boundary)],
        reference=exact,
    )


def sized(maker, sizes, title):
    return [Case(f"{title} {size:g}", lambda size=size: maker(size)) for size in sizes]


CASES = [
    *sized(peak, WIDTHS, "1-D source of width"),
    *sized(spot, WIDTHS, "2-D source of width"),
    Case("2-D source of width 0.01 on 293 K", lambda: spot(1e-2, base=293.0)),
    *sized(boundary_layer, WIDTHS, "boundary layer, eps ="),
    *sized(reaction_layer, (3e-2, 3e-3), "reaction layers, eps ="),
    *sized(outflow_layer, (1e-1, 1e-2, 1e-3), "2-D outflow layers, eps ="),
    *sized(front, (1e-1, 1e-2, 3e-3), "slanted front of width"),
    *sized(boundary_peak, (1e-1, 1e-2, 1e-3), "peak of boundary data of width"),
    *sized(initial_peak, (1e-1, 1e-2, 1e-3), "initial peak of width"),
]
