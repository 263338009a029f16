"""Kinked and piecewise data: |x - a| as source, boundary and initial datum; tables; plucked strings; steps."""

import math

import numpy as np
import torch

import pinnkit as pk

from .case import Case

PI = math.pi


def kinked_source(at=0.3):
    """-u'' = |x - at|."""
    line = pk.Interval(0, 1)

    def cubic(x):
        return -abs(x - at) ** 3 / 6

    def exact(p):
        return cubic(p.x) - cubic(0.0) - (cubic(1.0) - cubic(0.0)) * p.x

    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.xx - abs(p.x - at)},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
        reference=exact,
    )


def kinked_boundary(at=0.3):
    """Laplace's equation with u = |x - at| at the bottom: u = s - 2/pi Im(z log z), z = s + iy."""
    square = pk.Box([0, 0], [1, 1])

    def exact(p):
        s = p.x - at
        log_r, angle = torch.log(s**2 + p.y**2 + 1e-300) / 2, torch.atan2(p.y, s)
        return s - 2 / PI * (p.y * log_r + s * angle)

    b = square.boundary
    return pk.Problem(
        domain=square,
        unknowns="u",
        equations={"laplace": lambda u: u.laplacian},
        conditions=[
            pk.Dirichlet(u=lambda p: abs(p.x - at), on=b["bottom"]),
            pk.Dirichlet(u=exact, on=b["left", "right", "top"]),
        ],
        reference=exact,
    )


def kinked_start(at=0.3, end=0.1):
    """The heat equation from u = |x - at|."""
    space_time = pk.Interval(0, 1) * pk.Time(0, end)

    def exact(p):
        s, width = p.x - at, torch.sqrt(4 * p.t).clamp_min(1e-99)
        return s * torch.erf(s / width) + width / math.sqrt(PI) * torch.exp(-((s / width) ** 2))

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"heat": lambda u: u.t - u.xx},
        conditions=[pk.Initial(u=lambda p: abs(p.x - at)), pk.Dirichlet(u=exact, on=space_time.boundary)],
        reference=exact,
    )


def wall_with_table():
    """The heat equation, cold at the start and at x = 1; the temperature at x = 0 is a table in time."""
    space_time = pk.Interval(0, 1) * pk.Time(0, 1)
    hours = np.array([0.0, 0.15, 0.3, 0.5, 0.55, 0.8, 1.0])
    table = np.array([0.0, 1.0, 0.7, 0.8, 0.1, 0.4, 0.2])
    slopes = np.diff(table) / np.diff(hours)

    def half_line(x, t):  # the answer to u(0, t) = t where the wall has no end
        s = x / torch.sqrt(4 * t)
        return t * ((1 + 2 * s**2) * torch.erfc(s) - 2 / math.sqrt(PI) * s * torch.exp(-(s**2)))

    def ramp(x, t):  # its images make u(1, t) = 0
        t = t.clamp_min(1e-30)
        return sum(half_line(2 * i + x, t) - half_line(2 * i + 2 - x, t) for i in range(7))

    def exact(p):
        changes = np.diff(slopes, prepend=0)
        return sum(change * ramp(p.x, p.t - since) for change, since in zip(changes, hours[:-1], strict=True))

    b = space_time.boundary
    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"heat": lambda u: u.t - u.xx},
        conditions=[
            pk.Initial(u=0.0),
            pk.Dirichlet(u=lambda p: torch.from_numpy(np.interp(p.t.numpy(), hours, table)), on=b["left"]),
            pk.Dirichlet(u=0.0, on=b["right"]),
        ],
        reference=exact,
    )


def source_from_table():
    """-u'' = a table, linear between its entries; the reference integrates it twice, entry by entry."""
    line = pk.Interval(0, 1)
    nodes = np.linspace(0, 1, 12)
    table = np.array([0.2, 1.0, -0.5, 0.4, 2.0, 1.6, -1.0, -0.2, 0.1, 0.9, 0.0, 0.5])
    h, slopes = np.diff(nodes), np.diff(table) / np.diff(nodes)
    first = np.concatenate([[0], np.cumsum(h * (table[1:] + table[:-1]) / 2)])
    second = np.concatenate([[0], np.cumsum(first[:-1] * h + table[:-1] * h**2 / 2 + slopes * h**3 / 6)])
    polynomials = torch.from_numpy(np.stack([second[:-1], first[:-1], table[:-1] / 2, slopes / 6]))

    def exact(p):
        i = torch.searchsorted(torch.from_numpy(nodes[1:-1]), p.x.detach().contiguous(), right=True)
        s = p.x - torch.from_numpy(nodes)[i]
        a, b, c, d = polynomials[:, i]
        return second[-1] * p.x - (a + s * (b + s * (c + s * d)))

    return pk.Problem(
        domain=line,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.xx - torch.from_numpy(np.interp(p.x.numpy(), nodes, table))},
        conditions=[pk.Dirichlet(u=0.0, on=line.boundary)],
        reference=exact,
    )


def plucked_string(at=0.3, end=2.5):
    """The wave equation from a tent at rest: half the sum of two odd, periodic tents that move apart."""
    space_time = pk.Interval(0, 1) * pk.Time(0, end)

    def tent(x):
        x = torch.remainder(x + 1, 2) - 1
        return torch.sign(x) * torch.minimum(x.abs() / at, (1 - x.abs()) / (1 - at))

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"wave": lambda u: u.tt - u.xx},
        conditions=[
            pk.Initial(u=lambda p: tent(p.x)),
            pk.Initial(u_t=0.0),
            pk.Dirichlet(u=0.0, on=space_time.boundary),
        ],
        reference=lambda p: (tent(p.x - p.t) + tent(p.x + p.t)) / 2,
    )


def carried_step(end=1.0):
    """u_t + u_x = 0, periodic, from a box."""
    space_time = pk.Interval(0, 1) * pk.Time(0, end)

    def box(x):
        return ((torch.remainder(x, 1) - 0.5).abs() < 0.2).to(torch.float64)

    return pk.Problem(
        domain=space_time,
        unknowns="u",
        equations={"transport": lambda u: u.t + u.x},
        conditions=[pk.Initial(u=lambda p: box(p.x)), pk.Periodic("x")],
        reference=lambda p: box(p.x - p.t),
    )


CASES = [
    Case("kinked source", kinked_source),
    Case("kinked boundary datum", kinked_boundary),
    Case("kinked initial datum", kinked_start),
    Case("wall with a table in time", wall_with_table),
    Case("source from a table", source_from_table),
    Case("plucked string", plucked_string),
    Case("box carried along", carried_step),
]
