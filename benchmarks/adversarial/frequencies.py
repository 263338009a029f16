"""High frequencies, where the largest space is too small, and operators near resonance."""

import math

import torch

import pinnkit as pk

from .case import Case

PI = math.pi


def exponential_of_wave(frequency=4.0):
    """-Laplace u = f on [-1, 1]^2, u = exp(sin(a (3x + 2y)))."""
    square = pk.Box([-1, -1], [1, 1])

    def phase(p):
        return frequency * (3 * p.x + 2 * p.y)

    def exact(p):
        return torch.exp(torch.sin(phase(p)))

    def source(p):
        return -13 * frequency**2 * (torch.cos(phase(p)) ** 2 - torch.sin(phase(p))) * exact(p)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - source(p)},
        conditions=[pk.Dirichlet(u=exact, on=square.boundary)],
        reference=exact,
    )


def cube(waves=4):
    """-Laplace u = f on the unit cube, u = sin(n pi x) sin(n pi y) sin(n pi z)."""
    box = pk.Box([0, 0, 0], [1, 1, 1])
    k = waves * PI

    def exact(p):
        return torch.sin(k * p.x) * torch.sin(k * p.y) * torch.sin(k * p.z)

    return pk.Problem(
        domain=box,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - 3 * k**2 * exact(p)},
        conditions=[pk.Dirichlet(u=0.0, on=box.boundary)],
        reference=exact,
    )


def resonance(distance):
    """-Laplace u - k^2 u = f on the unit square, k^2 so near to the eigenvalue 5 pi^2; u is a polynomial."""
    square = pk.Box([0, 0], [1, 1])
    k2 = 5 * PI**2 + distance

    def exact(p):
        return 16 * p.x * (1 - p.x) * p.y * (1 - p.y) * (1 + p.x)

    def source(p):
        x, y = p.x, p.y
        laplacian = -96 * x * y * (1 - y) - 32 * x * (1 - x) * (1 + x)
        return -laplacian - k2 * exact(p)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"helmholtz": lambda u, p: -u.laplacian - k2 * u - source(p)},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
        reference=exact,
    )


def plane_wave(k):
    """Laplace u + k^2 u = 0 on the unit square: a plane wave, prescribed around."""
    square = pk.Box([0, 0], [1, 1])

    def exact(p):
        return torch.cos(k * (0.8 * p.x + 0.6 * p.y) + 0.5)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"helmholtz": lambda u: u.laplacian + k**2 * u},
        conditions=[pk.Dirichlet(u=exact, on=square.boundary)],
        reference=exact,
    )


def chirp(rate=200.0):
    """-u'' = f on [0, 1], u = sin(rate x^2)."""
    line = pk.Interval(0, 1)

    def source(p):
        phase = rate * p.x**2
        return 4 * rate**2 * p.x**2 * torch.sin(phase) - 2 * rate * torch.cos(phase)

    def exact(p):
        return torch.sin(rate * p.x**2)

    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.xx - source(p)},
        conditions=[pk.Dirichlet(u=exact, on=line.boundary)],
        reference=exact,
    )


def ripple(size, waves):
    """-Laplace u = f on the unit square: a slow wave with a small, fast one on it."""
    square = pk.Box([0, 0], [1, 1])
    k = waves * PI

    def slow(p):
        return torch.sin(PI * p.x) * torch.sin(PI * p.y)

    def fast(p):
        return size * torch.sin(k * p.x) * torch.sin(k * p.y)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - 2 * PI**2 * slow(p) - 2 * k**2 * fast(p)},
        conditions=[pk.Dirichlet(u=0.0, on=square.boundary)],
        reference=lambda p: slow(p) + fast(p),
    )


def ripple_at_the_edge(waves):
    """Laplace's equation on the unit square whose bottom value is a slow sine and a fast one."""
    square = pk.Box([0, 0], [1, 1])
    k = waves * PI

    def mode(p, k, size):
        return size * torch.sin(k * p.x) * (torch.exp(-k * p.y) - torch.exp(k * (p.y - 2))) / (1 - math.exp(-2 * k))

    def exact(p):
        return mode(p, PI, 1.0) + mode(p, k, 0.3)

    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"laplace": lambda u: u.laplacian},
        conditions=[pk.Dirichlet(u=exact, on=square.boundary)],
        reference=exact,
    )


CASES = [
    *(Case(f"exp(sin {a:g}(3x + 2y))", lambda a=a: exponential_of_wave(a)) for a in (2.0, 4.0)),
    *(Case(f"sines of {n} pi on the cube", lambda n=n: cube(n)) for n in (2, 4)),
    *(Case(f"Helmholtz, {d:g} from resonance", lambda d=d: resonance(d)) for d in (1e-1, 1e-3, 1e-6)),
    *(Case(f"plane wave, k = {k:g}", lambda k=k: plane_wave(k)) for k in (20.0, 80.0)),
    Case("chirp", chirp),
    Case("ripple of 1e-2 and 40 waves", lambda: ripple(1e-2, 40)),
    Case("ripple of 1e-4 and 20 waves", lambda: ripple(1e-4, 20)),
    Case("ripple of 30 waves at the edge", lambda: ripple_at_the_edge(30)),
]
