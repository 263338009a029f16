"""Offsets and unlike sizes: kelvin, map coordinates, SI units, tiny unknowns and unknowns that are zero."""

import math

import torch

import pinnkit as pk

from .case import Case

PI = math.pi


def warm_plate(base=293.0, size=0.2, waves=1):
    """-Laplace T = f on the unit square: a small variation on a large base."""
    square = pk.Box([0, 0], [1, 1])
    k = waves * PI

    def variation(p):
        return size * torch.sin(k * p.x) * torch.sin(k * p.y)

    return pk.Problem(
        domain=square,
        unknowns="T",
        equations={"heat": lambda T, p: -T.laplacian - 2 * k**2 * variation(p)},
        conditions=[pk.Dirichlet(T=base, on=square.boundary)],
        reference=lambda p: base + variation(p),
    )


def warm_rod(base=293.0):
    """The heat equation about a large base."""
    space_time = pk.Interval(0, 1) * pk.Time(0, 0.3)

    def exact(p):
        first = torch.sin(PI * p.x) * torch.exp(-(PI**2) * p.t)
        return base + first + 0.5 * torch.sin(3 * PI * p.x) * torch.exp(-9 * PI**2 * p.t)

    return pk.Problem(
        domain=space_time,
        unknowns="T",
        equations={"heat": lambda T: T.t - T.xx},
        conditions=[pk.Initial(T=exact), pk.Dirichlet(T=base, on=space_time.boundary)],
        reference=exact,
    )


def radiating_rod():
    """T'' = sigma (T^4 - 290^4) + f: nonlinear, in kelvin; T = 300 + 5 sin(pi x)."""
    line = pk.Interval(0, 1)
    sigma = 5.67e-8

    def exact(p):
        return 300 + 5 * torch.sin(PI * p.x)

    def f(p):
        return -5 * PI**2 * torch.sin(PI * p.x) - sigma * (exact(p) ** 4 - 290.0**4)

    return pk.Problem(
        domain=line,
        unknowns="T",
        equations={"radiation": lambda T, p: T.xx - sigma * (T**4 - 290.0**4) - f(p)},
        conditions=[pk.Dirichlet(T=300.0, on=line.boundary)],
        reference=exact,
    )


def on_a_map(east=431_000.0, north=5_620_000.0, side=2000.0):
    """Laplace's equation in map coordinates, in metres."""
    square = pk.Box([east, north], [east + side, north + side])

    def exact(p):
        X, Y = (p.x - east) / side, (p.y - north) / side
        return 120 + 3 * torch.cos(PI * X) * torch.cosh(PI * Y) / math.cosh(PI)

    return pk.Problem(
        domain=square,
        unknowns="h",
        equations={"flow": lambda h: h.laplacian},
        conditions=[pk.Dirichlet(h=exact, on=square.boundary)],
        reference=exact,
    )


def aquifer_in_seconds(start=1.6e9, side=500.0, days=30.0):
    """The diffusion of a head in metres and Unix seconds."""
    end = start + 86400 * days
    space_time = pk.Interval(0, side) * pk.Time(start, end)
    diffusivity, k = 0.02, PI / side

    def exact(p):
        return 40 + 2 * torch.sin(k * p.x) * torch.exp(-diffusivity * k**2 * (p.t - start))

    return pk.Problem(
        domain=space_time,
        unknowns="h",
        equations={"flow": lambda h: h.t - diffusivity * h.xx},
        conditions=[pk.Initial(h=exact), pk.Dirichlet(h=40.0, on=space_time.boundary)],
        reference=exact,
    )


def micro_film(length=3e-6):
    """-k T'' = q in a film of micrometres."""
    line = pk.Interval(0, length)
    conductivity, power = 1.4, 1e13
    return pk.Problem(
        domain=line,
        unknowns="T",
        equations={"heat": lambda T: -conductivity * T.xx - power},
        conditions=[pk.Dirichlet(T=0.0, on=line.boundary)],
        reference=lambda p: power * p.x * (length - p.x) / (2 * conductivity),
    )


def tiny_unknown(size=1e-6, waves=2):
    """Two equations, one of whose unknowns is far smaller than the other."""
    square = pk.Box([0, 0], [1, 1])
    k = waves * PI

    def exact(p):
        return {
            "u": torch.sin(PI * p.x) * torch.sin(PI * p.y),
            "v": size * torch.sin(k * p.x) * torch.sin(PI * p.y),
        }

    def small(p):
        return (k**2 + PI**2) * exact(p)["v"] - size * exact(p)["u"]

    return pk.Problem(
        domain=square,
        unknowns="u v",
        equations={
            "large": lambda u, p: -u.laplacian - 2 * PI**2 * exact(p)["u"],
            "small": lambda u, v, p: -v.laplacian - size * u - small(p),
        },
        conditions=[pk.Dirichlet(u=0.0, v=0.0, on=square.boundary)],
        reference=exact,
    )


def slow_species(size=1e-6, rate=3.0):
    """Two concentrations in time: u decays, and a millionth of it becomes v."""
    time = pk.Interval(0, 2, name="t")
    return pk.Problem(
        domain=time,
        unknowns="u v",
        equations={"u": lambda u: u.t + rate * u, "v": lambda u, v: v.t - size * u},
        conditions=[pk.Dirichlet(u=1.0, v=0.0, on=time.boundary["left"])],
        reference=lambda p: {
            "u": torch.exp(-rate * p.t),
            "v": size / rate * (1 - torch.exp(-rate * p.t)),
        },
    )


def channel(length=3.0, height=1.0, speed=1.0, viscosity=1.0):
    """Stokes flow between plates: the cross velocity v is zero everywhere."""
    box = pk.Box([0, 0], [length, height])
    b = box.boundary
    slope = 8 * viscosity * speed / height**2

    def profile(p):
        return 4 * speed * p.y * (height - p.y) / height**2

    return pk.Problem(
        domain=box,
        unknowns="u v q",
        equations={
            "x": lambda u, q: q.x - viscosity * u.laplacian,
            "y": lambda v, q: q.y - viscosity * v.laplacian,
            "mass": lambda u, v: u.x + v.y,
        },
        conditions=[
            pk.Dirichlet(u=profile, v=0.0, on=b["left"]),
            pk.Dirichlet(u=0.0, v=0.0, on=b["bottom", "top"]),
            pk.Dirichlet(q=0.0, v=0.0, on=b["right"]),
        ],
        reference=lambda p: {"u": profile(p), "v": 0 * p.x, "q": slope * (length - p.x)},
    )


def nothing():
    """Laplace's equation with u = 0 around."""
    square = pk.Box([0, 0], [1, 1])
    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"laplace": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
        reference=lambda p: 0 * p.x,
    )


def bent_bar(modulus=2.1e11, poisson=0.3, curvature=1e-3):
    """Pure bending of a steel bar in plane stress, in SI units; the displacements are prescribed around."""
    bar = pk.Box([0, -0.05], [1, 0.05])
    shear, lame = modulus / 2 / (1 + poisson), modulus * poisson / (1 - poisson**2)

    def exact(p):
        return {"u": -curvature * p.x * p.y, "v": curvature * (p.x**2 + poisson * p.y**2) / 2}

    prescribed = {name: (lambda p, name=name: exact(p)[name]) for name in "uv"}
    return pk.Problem(
        domain=bar,
        unknowns="u v",
        equations={
            "balance x": lambda u, v: (lame + 2 * shear) * u.xx + shear * u.yy + (lame + shear) * v.xy,
            "balance y": lambda u, v: (lame + 2 * shear) * v.yy + shear * v.xx + (lame + shear) * u.xy,
        },
        conditions=[pk.Dirichlet(**prescribed, on=bar.boundary)],
        reference=exact,
    )


CASES = [
    Case("plate in kelvin", warm_plate),
    Case("plate in kelvin, 8 waves of 1e-3", lambda: warm_plate(size=1e-3, waves=8)),
    Case("rod in kelvin", warm_rod),
    Case("radiating rod in kelvin", radiating_rod),
    Case("map coordinates", on_a_map),
    Case("aquifer in Unix seconds", aquifer_in_seconds),
    Case("film of micrometres", micro_film),
    Case("an unknown of 1e-6 beside one of 1", tiny_unknown),
    Case("an unknown of 1e-6 beside one of 1, 8 waves", lambda: tiny_unknown(waves=8)),
    Case("species of 1e-6 in time", slow_species),
    Case("channel, v = 0", channel),
    Case("channel in SI units, v = 0", lambda: channel(0.03, 0.002, 0.01, 1e-3)),
    Case("zero everywhere", nothing),
    Case("bent bar in SI units", bent_bar),
]
