"""Inverse problems: the truth of the parameters is known, the data have noise that is new in every run."""

import math

import numpy as np
import torch

import pinnkit as pk

from .case import Case

PI = math.pi


def measured(values, noise, seed):
    return values + noise * np.random.default_rng(1000 + seed).normal(size=len(values))


def source_strength(seed, noise=5e-3):
    """-u'' = a sin(pi x): how strong is the source? u depends linearly on it."""
    line = pk.Interval(0, 1)
    a = pk.Parameter("a", 1.0, true=3.0)
    x = np.linspace(0.06, 0.94, 20)
    data = measured(3 * np.sin(PI * x) / PI**2, noise, seed)
    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.xx - a * torch.sin(PI * p.x)},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary), pk.Observations(x[:, None], u=data, noise=noise)],
        parameters=[a],
        reference=lambda p: 3 * torch.sin(PI * p.x) / PI**2,
    )


def decay(seed, noise=0.02, stated=True):
    """u' = -k u, u(0) = 1: how fast?"""
    time = pk.Interval(0, 2, name="t")
    k = pk.Parameter("k", 1.0, true=1.7)
    t = np.linspace(0.1, 2, 18)
    data = measured(np.exp(-1.7 * t), noise, seed)
    return pk.Problem(
        domain=time,
        unknowns="u",
        equations={"decay": lambda u: u.t + k * u},
        conditions=[
            pk.Dirichlet(u=1.0, on=time.boundary["left"]),
            pk.Observations(t[:, None], u=data, noise=noise if stated else None),
        ],
        parameters=[k],
        reference=lambda p: torch.exp(-1.7 * p.t),
    )


def fin(seed, noise=0.3):
    """A cooling fin in degrees and metres, T'' = m^2 (T - 25): what is the heat transfer coefficient h at its tip?"""
    length, conductivity, m, true = 0.08, 45.0, 14.0, 180.0
    rod = pk.Interval(0, length)
    h = pk.Parameter("h", 60.0, true=true)
    c = true / (conductivity * m)
    below = math.cosh(m * length) + c * math.sinh(m * length)

    def exact(x, functions):
        s = m * (length - x)
        return 25 + 70 * (functions.cosh(s) + c * functions.sinh(s)) / below

    x = np.linspace(0.01, 0.078, 12)
    return pk.Problem(
        domain=rod,
        unknowns="T",
        equations={"fin": lambda T: T.xx - m**2 * (T - 25)},
        conditions=[
            pk.Dirichlet(T=95.0, on=rod.boundary["left"]),
            pk.Condition(lambda T: conductivity * T.normal + h * (T - 25), on=rod.boundary["right"], name="tip"),
            pk.Observations(x[:, None], T=measured(exact(x, np), noise, seed), noise=noise),
        ],
        parameters=[h],
        reference=lambda p: exact(p.x, torch),
    )


def diffusivity(seed, noise=0.01):
    """u_t = D u_xx + s: both D and the uniform source s, from sensors in space and time."""
    space_time = pk.Interval(0, 1) * pk.Time(0, 1)
    true_d, true_s = 0.3, 0.8
    d, s = pk.Parameter("D", 0.1, true=true_d), pk.Parameter("s", 0.0, true=true_s)
    grid = np.stack(np.meshgrid([0.2, 0.5, 0.7], np.linspace(0.05, 1, 12)), -1).reshape(-1, 2)

    k = PI * torch.arange(1, 1200, 2, dtype=torch.float64)
    sizes = 4 * true_s / (true_d * k**3)

    def exact(x, t):
        steady = true_s / true_d * x * (1 - x) / 2
        waves = sizes * torch.exp(-true_d * k**2 * t[:, None]) * torch.sin(k * x[:, None])
        return steady + torch.exp(-true_d * PI**2 * t) * torch.sin(PI * x) - waves.sum(1)

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"heat": lambda u: u.t - d * u.xx - s},
        conditions=[
            pk.Initial(u=lambda p: torch.sin(PI * p.x)),
            pk.Dirichlet(u=0.0, on=space_time.boundary),
            pk.Observations(grid, u=measured(exact(*torch.from_numpy(grid.T)).numpy(), noise, seed), noise=noise),
        ],
        parameters=[d, s],
        reference=lambda p: exact(p.x, p.t),
    )


def hidden_end(seed, noise=2e-3):
    """u'' = 4 u with u(1) = 1: what is u(0)?"""
    line = pk.Interval(0, 1)
    end = pk.Parameter("end", 0.5, true=1.5)

    def exact(x, functions):
        return (1.5 * functions.sinh(2 * (1 - x)) + functions.sinh(2 * x)) / math.sinh(2)

    x = np.linspace(0.3, 0.95, 10)
    b = line.boundary
    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"reaction": lambda u: u.xx - 4 * u},
        conditions=[
            pk.Condition(lambda u: u - end, on=b["left"], name="hidden end"),
            pk.Dirichlet(u=1.0, on=b["right"]),
            pk.Observations(x[:, None], u=measured(exact(x, np), noise, seed), noise=noise),
        ],
        parameters=[end],
        reference=lambda p: exact(p.x, torch),
    )


def growth(seed, noise=0.02):
    """Logistic growth, u' = r u (1 - u / K), u(0) = 0.1: both r and K."""
    time = pk.Interval(0, 6, name="t")
    r, capacity = pk.Parameter("r", 1.0, true=1.4), pk.Parameter("K", 1.0, true=1.8)

    def exact(t, functions):
        return 1.8 / (1 + 17 * functions.exp(-1.4 * t))

    t = np.linspace(0.3, 6, 20)
    return pk.Problem(
        domain=time,
        unknowns="u",
        equations={"growth": lambda u: u.t - r * u * (1 - u / capacity)},
        conditions=[
            pk.Dirichlet(u=0.1, on=time.boundary["left"]),
            pk.Observations(t[:, None], u=measured(exact(t, np), noise, seed), noise=noise),
        ],
        parameters=[r, capacity],
        reference=lambda p: exact(p.t, torch),
    )


def leak(seed, noise=1e-3, width=0.15):
    """-Laplace u = a gaussian source on the unit square, u = 0 at the left and right: where is it along x?

    The source does not depend on y, and the other sides are insulated, so that u depends on x alone.
    """
    square = pk.Box([0, 0], [1, 1])
    b = square.boundary
    at = pk.Parameter("at", 0.5, true=0.38)

    def particular(s):
        s = torch.as_tensor(s, dtype=torch.float64)
        return -width * (math.sqrt(PI) / 2 * s * torch.erf(s / width) + width / 2 * torch.exp(-((s / width) ** 2)))

    left, right = particular(-0.38).item(), particular(0.62).item()

    def exact(x):
        return particular(x - 0.38) - left - (right - left) * x

    points = np.random.default_rng(5).uniform(0.05, 0.95, (30, 2))
    data = measured(exact(torch.from_numpy(points[:, 0])).numpy(), noise, seed)
    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - torch.exp(-(((p.x - at) / width) ** 2))},
        conditions=[
            pk.Dirichlet(u=0.0, on=b["left", "right"]),
            pk.Neumann(u=0.0, on=b["bottom", "top"]),
            pk.Observations(points, u=data, noise=noise),
        ],
        parameters=[at],
        reference=lambda p: exact(p.x),
    )


def drift(seed, noise=0.02):
    """u_t + c u_x = D u_xx on a long line: speed and diffusivity of a cloud, from sensors."""
    space_time = pk.Interval(-2, 4) * pk.Time(0, 1)
    c, d = pk.Parameter("c", 0.5, true=1.2), pk.Parameter("D", 0.2, true=0.1)

    def exact(x, t, functions):
        spread = 0.2 + 4 * 0.1 * t
        return functions.sqrt(0.2 / spread) * functions.exp(-((x - 1.2 * t) ** 2) / spread)

    grid = np.stack(np.meshgrid(np.linspace(-0.5, 2, 8), np.linspace(0.1, 1, 6)), -1).reshape(-1, 2)
    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"transport": lambda u: u.t + c * u.x - d * u.xx},
        conditions=[
            pk.Initial(u=lambda p: exact(p.x, p.t, torch)),
            pk.Dirichlet(u=lambda p: exact(p.x, p.t, torch), on=space_time.boundary),
            pk.Observations(grid, u=measured(exact(grid[:, 0], grid[:, 1], np), noise, seed), noise=noise),
        ],
        parameters=[c, d],
        reference=lambda p: exact(p.x, p.t, torch),
    )


MAKERS = {
    "strength of a source": source_strength,
    "decay rate": decay,
    "decay rate, noise 0.2": lambda seed: decay(seed, 0.2),
    "decay rate, noise not stated": lambda seed: decay(seed, stated=False),
    "heat transfer at a fin's tip": fin,
    "diffusivity and source": diffusivity,
    "hidden value at an end": hidden_end,
    "logistic growth": growth,
    "place of a source": leak,
    "speed and diffusivity of a cloud": drift,
}
CASES = [Case(name, make, seeded=True) for name, make in MAKERS.items()]
