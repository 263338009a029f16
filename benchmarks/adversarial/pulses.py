"""Short pulses in time and sources that move."""

import math

import torch

import pinnkit as pk

from .case import Case

PI = math.pi


def heated_for_a_moment(width, at=0.4):
    """u_t = u_xx + a gaussian pulse in time times sin(pi x), from u = 0."""
    space_time = pk.Interval(0, 1) * pk.Time(0, 1)
    rate = PI**2

    def pulse(p):
        return torch.exp(-(((p.t - at) / width) ** 2)) / (width * math.sqrt(PI))

    def amplitude(t):
        s, shift = (t - at) / width, rate * width / 2
        since = torch.erf(s - shift) + math.erf(at / width + shift)
        return torch.exp(-rate * (t - at) + shift**2) * since / 2

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"heat": lambda u, p: u.t - u.xx - pulse(p) * torch.sin(PI * p.x)},
        conditions=[pk.Initial(u=0.0), pk.Dirichlet(u=0.0, on=space_time.boundary)],
        reference=lambda p: amplitude(p.t) * torch.sin(PI * p.x),
    )


def switched_on(start=0.3, duration=0.01):
    """u_t = u_xx + sin(pi x) / duration while a heater is on, from u = 0."""
    space_time = pk.Interval(0, 1) * pk.Time(0, 1)
    rate = PI**2

    def heater(p):
        return ((p.t > start) & (p.t < start + duration)).to(torch.float64) / duration

    def answer(s):  # to a source that is 1 from s = 0 on
        return torch.where(s > 0, (1 - torch.exp(-rate * s.clamp_min(0))) / rate, 0)

    def exact(p):
        return (answer(p.t - start) - answer(p.t - start - duration)) / duration * torch.sin(PI * p.x)

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"heat": lambda u, p: u.t - u.xx - heater(p) * torch.sin(PI * p.x)},
        conditions=[pk.Initial(u=0.0), pk.Dirichlet(u=0.0, on=space_time.boundary)],
        reference=exact,
    )


def kicked(width, at=0.6):
    """u' = -u + a gaussian pulse in time, from u = 0."""
    time = pk.Interval(0, 1, name="t")

    def exact(p):
        s, shift = (p.t - at) / width, width / 2
        return torch.exp(-(p.t - at) + shift**2) * (torch.erf(s - shift) + math.erf(at / width + shift)) / 2

    def pulse(p):
        return torch.exp(-(((p.t - at) / width) ** 2)) / (width * math.sqrt(PI))

    return pk.Problem(
        domain=time,
        unknowns="u",
        equations={"decay": lambda u, p: u.t + u - pulse(p)},
        conditions=[pk.Dirichlet(u=0.0, on=time.boundary["left"])],
        reference=exact,
    )


def moving_spot(width, dimension=2, speed=0.6, end=1.0):
    """u_t = Laplace u + f, where u is a gaussian spot that moves along a line."""
    space = pk.Interval(0, 1) if dimension == 1 else pk.Box([0, 0], [1, 1])
    domain = space * pk.Time(0, end)

    def squares(p):
        along = p.x - 0.2 - speed * p.t
        return along, along**2 + ((p.y - 0.45) ** 2 if dimension == 2 else 0)

    def exact(p):
        return torch.exp(-squares(p)[1] / width**2)

    def source(p):
        along, r2 = squares(p)
        laplacian = 4 * r2 / width**4 - 2 * dimension / width**2
        return (2 * speed * along / width**2 - laplacian) * exact(p)

    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"heat": lambda u, p: u.t - u.laplacian - source(p)},
        conditions=[pk.Initial(u=exact), pk.Dirichlet(u=exact, on=domain.boundary)],
        reference=exact,
    )


def moving_heater(width=0.03, speed=0.6, end=1.0):
    """u_t = 0.1 u_xx + a gaussian heater that moves, from u = 0, u = 0 at the ends: a sine series."""
    space_time = pk.Interval(0, 1) * pk.Time(0, end)
    diffusivity = 0.1

    def heater(p):
        return torch.exp(-(((p.x - 0.2 - speed * p.t) / width) ** 2))

    def exact(p):
        n = torch.arange(1, 129, dtype=torch.float64)
        k = n * PI
        # The heater stays five widths and more from the ends, so that its sine coefficients are those on the line:
        # 2 w sqrt(pi) exp(-(k w / 2)^2) sin(k c(s)), and the integral over s against exp(-rate (t - s)) is elementary.
        size = 2 * width * math.sqrt(PI) * torch.exp(-((k * width / 2) ** 2))
        rate, turn = diffusivity * k**2, k * speed
        angle, t = k * (0.2 + speed * p.t[:, None]), p.t[:, None]
        now = rate * torch.sin(angle) - turn * torch.cos(angle)
        then = (rate * torch.sin(0.2 * k) - turn * torch.cos(0.2 * k)) * torch.exp(-rate * t)
        return (size * (now - then) / (rate**2 + turn**2) * torch.sin(k * p.x[:, None])).sum(1)

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"heat": lambda u, p: u.t - diffusivity * u.xx - heater(p)},
        conditions=[pk.Initial(u=0.0), pk.Dirichlet(u=0.0, on=space_time.boundary)],
        reference=exact,
    )


CASES = [
    *(Case(f"heat pulse of width {w:g} in time", lambda w=w: heated_for_a_moment(w)) for w in (1e-1, 1e-2, 1e-3)),
    Case("heater on for 0.01", switched_on),
    *(Case(f"kick of width {w:g} in time", lambda w=w: kicked(w)) for w in (1e-2, 1e-3)),
    *(Case(f"spot of width {w:g} that moves, 1-D", lambda w=w: moving_spot(w, 1)) for w in (1e-1, 2e-2)),
    *(Case(f"spot of width {w:g} that moves, 2-D", lambda w=w: moving_spot(w)) for w in (2e-1, 5e-2)),
    Case("heater that moves", moving_heater),
]
