"""Energies with hard conditions: Ritz over default and IAT-ReLU spaces, and what is not quadratic."""

import math

import torch

import pinnkit as pk

from .case import Case
from .peaks import peak

PI = math.pi


def bar(waves=1):
    """The least int u'^2 / 2 - f u with u = 0 at both ends: sin(n pi x)."""
    line = pk.Interval(0, 1)
    k = waves * PI

    def exact(p):
        return torch.sin(k * p.x)

    return pk.Problem(
        domain=line,
        unknowns="u",
        energy=lambda u, p: u.x**2 / 2 - k**2 * exact(p) * u,
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary, hard=True)],
        reference=exact,
    )


def sheet(waves=2):
    """The same on the unit square, with slopes given at the right side."""
    square = pk.Box([0, 0], [1, 1])
    b = square.boundary
    k = (waves - 0.5) * PI

    def exact(p):
        return torch.sin(k * p.x) * torch.sin(PI * p.y) + 0.3 * p.x**2 * torch.sin(PI * p.y)

    def source(p):
        waved = (k**2 + PI**2) * torch.sin(k * p.x) * torch.sin(PI * p.y)
        return waved + 0.3 * (PI**2 * p.x**2 - 2) * torch.sin(PI * p.y)

    return pk.Problem(
        domain=square,
        unknowns="u",
        energy=[
            pk.Energy(lambda u, p: (u.x**2 + u.y**2) / 2 - source(p) * u),
            pk.Energy(lambda u, p: -0.6 * torch.sin(PI * p.y) * u, on=b["right"]),
        ],
        conditions=[pk.Dirichlet(u=0.0, on=b["left", "bottom", "top"], hard=True)],
        reference=exact,
    )


def bar_of_two_metals(left=1.0, right=20.0, at=0.35):
    """-(k u')' = 1 as an energy: k jumps, and quadrature knows nothing of it."""
    line = pk.Interval(0, 1)
    c = (at**2 / left + (1 - at**2) / right) / 2 / (at / left + (1 - at) / right)

    def k(p):
        return torch.where(p.x < at, left + 0 * p.x, right + 0 * p.x)

    def exact(p):
        after = (c * at - at**2 / 2) / left + (c * (p.x - at) - (p.x**2 - at**2) / 2) / right
        return torch.where(p.x < at, (c * p.x - p.x**2 / 2) / left, after)

    return pk.Problem(
        domain=line,
        unknowns="u",
        energy=lambda u, p: k(p) * u.x**2 / 2 - u,
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary, hard=True)],
        reference=exact,
    )


def peaked_bar(width):
    """-u'' = a narrow gaussian, as an energy."""
    line = pk.Interval(0, 1)

    def f(p):
        return torch.exp(-(((p.x - 0.37) / width) ** 2)) / (width * math.sqrt(PI))

    return pk.Problem(
        domain=line,
        unknowns="u",
        energy=lambda u, p: u.x**2 / 2 - f(p) * u,
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary, hard=True)],
        reference=peak(width).reference,
    )


def warm_disk(base=293.0):
    """-Laplace u = 1 on a disk, as an energy about a large base."""
    disk = pk.Disk([0, 0], 1)
    return pk.Problem(
        domain=disk,
        unknowns="u",
        energy=lambda u: (u.x**2 + u.y**2) / 2 - u,
        conditions=[pk.Dirichlet(u=base, on=disk.boundary, hard=True)],
        reference=lambda p: base + (1 - p.x**2 - p.y**2) / 4,
    )


def stiffening_bar():
    """The least int u'^2 / 2 + u^4 / 4 - f u: -u'' + u^3 = f with u = 2 sin(pi x)."""
    line = pk.Interval(0, 1)

    def exact(p):
        return 2 * torch.sin(PI * p.x)

    return pk.Problem(
        domain=line,
        unknowns="u",
        energy=lambda u, p: u.x**2 / 2 + u**4 / 4 - (PI**2 * exact(p) + exact(p) ** 3) * u,
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary, hard=True)],
        reference=exact,
    )


CASES = [
    Case("energy of a bar", bar),
    Case("energy of a bar, IAT", bar, space=pk.IAT()),
    Case("energy of a bar, 12 waves, IAT", lambda: bar(12), space=pk.IAT()),
    Case("energy of a sheet", sheet),
    Case("energy of a sheet, IAT", sheet, space=pk.IAT()),
    Case("energy of a sheet, 8 waves, IAT", lambda: sheet(8), space=pk.IAT()),
    Case("energy of a bar of two metals", bar_of_two_metals),
    Case("energy of a bar of two metals, IAT", bar_of_two_metals, space=pk.IAT()),
    *(Case(f"energy with a source of width {w:g}", lambda w=w: peaked_bar(w)) for w in (3e-2, 3e-3)),
    Case("energy of a disk in kelvin", warm_disk),
    Case("energy of a stiffening bar", stiffening_bar),
]
