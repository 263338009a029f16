"""Coefficients on a scale far below that of sources and data: rates, absorbers, films, composites; and faint spots."""

import math

import numpy as np
import torch

import pinnkit as pk

from .case import Case
from .peaks import spot_potential

PI = math.pi
LINE = pk.Interval(0, 1)
SQUARE = pk.Box([0, 0], [1, 1])


def decay(width, at=0.437):
    """u' = -k u, u(0) = 1: the rate k is a pulse of integral one."""
    line = pk.Interval(0, 1, name="t")
    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"decay": lambda u, p: u.t + torch.exp(-(((p.t - at) / width) ** 2)) / (width * math.sqrt(PI)) * u},
        conditions=[pk.Dirichlet(u=1.0, on=line.boundary["left"])],
        reference=lambda p: torch.exp(-(1 + torch.erf((p.t - at) / width)) / 2),
    )


def absorber(width, strength=20.0, at=0.37):
    """u'' = k u with k = strength / width in a slab, else zero; u = 1 at both ends: lines, with a catenary between."""
    k = strength / width
    rate, left, right = math.sqrt(k), at - width / 2, at + width / 2
    c, s = math.cosh(rate * width / 2), math.sinh(rate * width / 2)
    slope, even, odd, other = np.linalg.solve(
        [
            [left, -c, s, 0.0],
            [1.0, rate * s, -rate * c, 0.0],
            [0.0, c, s, -(1 - right)],
            [0.0, rate * s, rate * c, 1.0],
        ],
        [-1.0, 0.0, 1.0, 0.0],
    )

    def inside(p):
        return (p.x > left) & (p.x < right)

    def exact(p):
        y = rate * (p.x - at).clamp(-width / 2, width / 2)
        outside = 1 + torch.where(p.x < at, slope * p.x, other * (1 - p.x))
        return torch.where(inside(p), even * torch.cosh(y) + odd * torch.sinh(y), outside)

    return pk.Problem(
        domain=LINE,
        unknowns="u",
        equations={"absorption": lambda u, p: -u.xx + torch.where(inside(p), k + 0 * p.x, 0 * p.x) * u},
        conditions=[pk.Dirichlet(u=1.0, on=LINE.boundary)],
        reference=exact,
    )


def sink(width, at=(0.37, 0.61)):
    """-Laplace u + V u = 0 with a round V: u = 3 + a gaussian's potential, and V what makes it so."""
    def around(p):
        return torch.exp(-((p.x - at[0]) ** 2 + (p.y - at[1]) ** 2) / width**2) / (PI * width**2)

    def exact(p):
        return 3 - spot_potential(p, width, at)

    return pk.Problem(
        domain=SQUARE,
        unknowns="u",
        equations={"sink": lambda u, p: -u.laplacian + around(p) / exact(p) * u},
        conditions=[pk.Dirichlet(u=exact, on=SQUARE.boundary)],
        reference=exact,
    )


def leak(depth):
    """Laplace's equation with u_n + h u = 0 on the bottom, where h peaks above a pole outside."""
    def square_of_distance(p):
        return (p.x - 0.41) ** 2 + (p.y + depth) ** 2

    def exact(p):
        return 3 + 0.1 * torch.log(square_of_distance(p)) + p.x

    boundary = SQUARE.boundary
    return pk.Problem(
        domain=SQUARE,
        unknowns="u",
        equations={"laplace": lambda u: u.laplacian},
        conditions=[
            pk.Condition(
                lambda u, p: u.normal + 0.2 * (p.y + depth) / square_of_distance(p) / exact(p) * u,
                on=boundary["bottom"],
                name="leak",
            ),
            pk.Dirichlet(u=exact, on=boundary["left", "right", "top"]),
        ],
        reference=exact,
    )


def potential(waves, size=1.5):
    """u'' = V u with u = exp(x / 2 + b sin(k x) / k): the mean of V says nothing of what its waves add up to."""
    k = 2 * PI * waves

    def v(p):
        return (0.5 + size * torch.cos(k * p.x)) ** 2 - size * k * torch.sin(k * p.x)

    def exact(p):
        return torch.exp(p.x / 2 + size * torch.sin(k * p.x) / k)

    return pk.Problem(
        domain=LINE,
        unknowns="u",
        equations={"potential": lambda u, p: -u.xx + v(p) * u},
        conditions=[pk.Dirichlet(u=exact, on=LINE.boundary)],
        reference=exact,
    )


def composite(waves, kind):
    """-(k u')' = 1 with 1 / k = 2 + 1.5 cos(w x), u = 0 at both ends, as a strong form, a weak form or an energy."""
    w = 2 * PI * waves

    def k(p):
        return 1 / (2 + 1.5 * torch.cos(w * p.x))

    def exact(p):
        waving = (0.5 - p.x) * torch.sin(w * p.x) / w + (1 - torch.cos(w * p.x)) / w**2
        return p.x - p.x**2 + 1.5 * waving

    def slope(p):
        return 1.5 * w * torch.sin(w * p.x) * k(p) ** 2

    stated = {
        "strong": {"equations": {"flux": lambda u, p: k(p) * u.xx + slope(p) * u.x + 1}},
        "weak": {"weak": lambda u, v, p: k(p) * u.x * v.x - v},
        "energy": {"energy": lambda u, p: k(p) * u.x**2 / 2 - u},
    }
    end = pk.Dirichlet(u=0.0, on=LINE.boundary, hard=kind == "energy")
    return pk.Problem(domain=LINE, unknowns="u", conditions=[end], reference=exact, **stated[kind])


def crack(width, kind, at=0.637):
    """(k u')' = 0 where 1 / k is one and half of a delta function: u jumps by a third of its range."""
    def resistance(p):
        return 1 + torch.exp(-(((p.x - at) / width) ** 2)) / (2 * width * math.sqrt(PI))

    def exact(p):
        return p.x + (1 + torch.erf((p.x - at) / width)) / 4

    stated = {
        "weak": {"weak": lambda u, v, p: u.x * v.x / resistance(p)},
        "energy": {"energy": lambda u, p: u.x**2 / resistance(p)},
    }
    ends = pk.Dirichlet(u=exact, on=LINE.boundary, hard=kind == "energy")
    return pk.Problem(domain=LINE, unknowns="u", conditions=[ends], reference=exact, **stated[kind])


def film(kind, low=0.4375, high=0.44, conductivity=1e-3):
    """(k u')' = 0 where k is small in a film: most of the difference between the ends is across it."""
    def k(p):
        return torch.where((p.x > low) & (p.x < high), conductivity + 0 * p.x, 1 + 0 * p.x)

    def exact(p):
        drop = p.x.clamp_max(low) + (p.x.clamp(low, high) - low) / conductivity + (p.x - high).clamp_min(0)
        return drop / (1 + (high - low) * (1 / conductivity - 1))

    stated = {
        "weak": {"weak": lambda u, v, p: k(p) * u.x * v.x},
        "energy": {"energy": lambda u, p: k(p) * u.x**2},
    }
    ends = pk.Dirichlet(u=lambda p: p.x, on=LINE.boundary, hard=kind == "energy")
    return pk.Problem(domain=LINE, unknowns="u", conditions=[ends], reference=exact, **stated[kind])


def spike_under_waves(waves=1e3, size=1e5, width=1e-5, at=0.437):
    """-u'' = a spike of integral one, lower than the waves around it."""
    def particular(x):
        s = torch.as_tensor(x, dtype=torch.float64) - at
        spike = -s / 2 * torch.erf(s / width) - width / (2 * math.sqrt(PI)) * torch.exp(-((s / width) ** 2))
        return spike + size / waves**2 * torch.sin(waves * (s + at))

    left, right = particular(0.0).item(), particular(1.0).item()

    def f(p):
        spike = torch.exp(-(((p.x - at) / width) ** 2)) / (width * math.sqrt(PI))
        return spike + size * torch.sin(waves * p.x)

    return pk.Problem(
        domain=LINE,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.xx - f(p)},
        conditions=[pk.Dirichlet(u=0.0, on=LINE.boundary)],
        reference=lambda p: particular(p.x) - left - (right - left) * p.x,
    )


def spot_under_waves(width=3e-3, height=600.0, waves=100.0, size=1000.0, at=(0.371, 0.613)):
    """-Laplace u = a spot that is lower than the waves around it, and a smooth part."""
    amount = height * PI * width**2

    def f(p):
        spot = height * torch.exp(-((p.x - at[0]) ** 2 + (p.y - at[1]) ** 2) / width**2)
        smooth = 2 * PI**2 * torch.sin(PI * p.x) * torch.sin(PI * p.y)
        return smooth + size * torch.sin(waves * p.x) + spot

    def exact(p):
        smooth = torch.sin(PI * p.x) * torch.sin(PI * p.y)
        return smooth + size / waves**2 * torch.sin(waves * p.x) + amount * spot_potential(p, width, at)

    return pk.Problem(
        domain=SQUARE,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - f(p)},
        conditions=[pk.Dirichlet(u=exact, on=SQUARE.boundary)],
        reference=exact,
    )


LOOSE = 1e-3
"""What a user with little time asks for: agreement of two coarse draws is enough to deceive there."""
CASES = [
    *(Case(f"rate pulse of width {w:g}", lambda w=w: decay(w), tolerance=LOOSE) for w in (1e-2, 1e-3, 1e-4)),
    *(Case(f"absorber of width {w:g}", lambda w=w: absorber(w), tolerance=LOOSE) for w in (1e-2, 1e-3, 1e-5)),
    *(Case(f"round sink of width {w:g}", lambda w=w: sink(w), tolerance=LOOSE) for w in (3e-2, 3e-3)),
    *(Case(f"leak over {d:g}", lambda d=d: leak(d), tolerance=1e-1) for d in (3e-2, 1e-3)),
    *(Case(f"potential of {n} waves", lambda n=n: potential(n), tolerance=1e-2) for n in (10, 60)),
    *(
        Case(f"composite of 40 layers, {kind}", lambda kind=kind: composite(40, kind), tolerance=1e-2)
        for kind in ("strong", "weak", "energy")
    ),
    *(
        Case(f"crack of width 0.003, {kind}", lambda kind=kind: crack(3e-3, kind), tolerance=1e-2)
        for kind in ("weak", "energy")
    ),
    *(Case(f"insulating film, {kind}", lambda kind=kind: film(kind), tolerance=LOOSE) for kind in ("weak", "energy")),
    Case("spike under waves", spike_under_waves, tolerance=LOOSE),
    Case("spot under waves", spot_under_waves, tolerance=1e-4),
]
