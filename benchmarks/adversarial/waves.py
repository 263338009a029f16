"""Waves over many periods, and pulses that travel."""

import math

import torch

import pinnkit as pk

from .case import Case

PI = math.pi


def standing(periods, modes=1):
    """u_tt = u_xx on [0, 1], clamped, at rest at the start: sin(m pi x) cos(m pi t)."""
    k = modes * PI
    space_time = pk.Interval(0, 1) * pk.Time(0, 2 * periods / modes)

    def exact(p):
        return torch.sin(k * p.x) * torch.cos(k * p.t)

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"wave": lambda u: u.tt - u.xx},
        conditions=[pk.Initial(u=exact), pk.Initial(u_t=0.0), pk.Dirichlet(u=0.0, on=space_time.boundary)],
        reference=exact,
    )


def oscillator(periods):
    """u'' + (2 pi)^2 u = 0: cos(2 pi t)."""
    time = pk.Interval(0, periods, name="t")
    start = time.boundary["left"]
    return pk.Problem(
        domain=time,
        unknowns="u",
        equations={"spring": lambda u: u.tt + 4 * PI**2 * u},
        conditions=[pk.Dirichlet(u=1.0, on=start), pk.Condition(lambda u: u.t, on=start, name="at rest")],
        reference=lambda p: torch.cos(2 * PI * p.t),
    )


def anisotropic(end, fast=3.0):
    """u_tt = u_xx + 3 u_yy on the unit square, clamped: sin(pi x) sin(pi y) cos(2 pi t)."""
    space_time = pk.Box([0, 0], [1, 1]) * pk.Time(0, end)

    def exact(p):
        return torch.sin(PI * p.x) * torch.sin(PI * p.y) * torch.cos(math.sqrt(1 + fast) * PI * p.t)

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"wave": lambda u: u.tt - u.xx - fast * u.yy},
        conditions=[pk.Initial(u=exact), pk.Initial(u_t=0.0), pk.Dirichlet(u=0.0, on=space_time.boundary)],
        reference=exact,
    )


def carried_pulse(width, lengths=3.0):
    """u_t + u_x = 0, periodic: a smooth pulse that runs through the domain several times."""
    space_time = pk.Interval(0, 1) * pk.Time(0, lengths)

    def exact(p):
        return torch.exp((torch.cos(2 * PI * (p.x - p.t - 0.5)) - 1) / (2 * PI**2 * width**2))

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"transport": lambda u: u.t + u.x},
        conditions=[pk.Initial(u=exact), pk.Periodic("x")],
        reference=exact,
    )


def pulse_at_inflow(width, end=1.5):
    """u_t + u_x = 0 with a pulse that comes in at x = 0 and leaves at x = 1."""
    space_time = pk.Interval(0, 1) * pk.Time(0, end)

    def exact(p):
        return torch.exp(-(((p.x - p.t + 0.3) / width) ** 2))

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"transport": lambda u: u.t + u.x},
        conditions=[pk.Initial(u=exact), pk.Dirichlet(u=exact, on=space_time.boundary["left"])],
        reference=exact,
    )


def reflected_pulse(width, end=2.0):
    """u_tt = u_xx, clamped, from a pulse at rest: images of it run to the ends and back."""
    space_time = pk.Interval(0, 1) * pk.Time(0, end)

    def odd(x):
        return sum(
            torch.exp(-(((x - 2 * i - 0.4) / width) ** 2)) - torch.exp(-(((x - 2 * i + 0.4) / width) ** 2))
            for i in range(-3, 4)
        )

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"wave": lambda u: u.tt - u.xx},
        conditions=[
            pk.Initial(u=lambda p: odd(p.x)),
            pk.Initial(u_t=0.0),
            pk.Dirichlet(u=0.0, on=space_time.boundary),
        ],
        reference=lambda p: (odd(p.x - p.t) + odd(p.x + p.t)) / 2,
    )


CASES = [
    *(Case(f"standing wave, {n} periods", lambda n=n: standing(n)) for n in (1, 3, 10, 30, 100)),
    Case("standing wave of mode 5, 10 periods", lambda: standing(10, 5)),
    *(Case(f"oscillator, {n} periods", lambda n=n: oscillator(n)) for n in (3, 30, 300)),
    *(Case(f"anisotropic wave 2-D, {n} periods", lambda n=n: anisotropic(float(n))) for n in (1, 4)),
    *(Case(f"pulse of width {w:g} carried 3 lengths", lambda w=w: carried_pulse(w)) for w in (1e-1, 2e-2)),
    Case("pulse of width 0.05 that comes in and leaves", lambda: pulse_at_inflow(5e-2)),
    Case("pulse of width 0.05 reflected", lambda: reflected_pulse(5e-2)),
]
