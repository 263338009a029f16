"""Coefficients and sources that jump: weak forms with and without breaks, and strong forms that ignore the jump."""

import math

import torch

import pinnkit as pk

from .case import Case

PI = math.pi


def layers(form="weak", below=1.0, above=50.0, at=0.4, flux=10.0, base=0.0):
    """Two layers heated from above: the temperature is linear in each."""
    plate = pk.Box([0, 0], [1, 1])
    b = plate.boundary

    def k(p):
        return torch.where(p.y < at, below + 0 * p.y, above + 0 * p.y)

    def exact(p):
        return base + torch.where(p.y < at, flux * p.y / below, flux * at / below + flux * (p.y - at) / above)

    cold = pk.Dirichlet(T=base, on=b["bottom"])
    if form == "strong":
        return pk.Problem(
            domain=plate,
            unknowns="T",
            equations={"heat": lambda T, p: k(p) * T.laplacian},
            conditions=[cold, pk.Neumann(T=flux / above, on=b["top"]), pk.Neumann(T=0.0, on=b["left", "right"])],
            reference=exact,
        )
    breaks = {"y": [at]} if form == "breaks" else None
    return pk.Problem(
        domain=plate,
        unknowns="T",
        weak=[
            pk.Weak(lambda T, v, p: k(p) * (T.x * v.x + T.y * v.y), breaks=breaks),
            pk.Weak(lambda v: -flux * v, on=b["top"]),
        ],
        conditions=[cold],
        reference=exact,
    )


def rod(form="weak", left=1.0, right=20.0, at=0.35):
    """-(k u')' = 1 on [0, 1], u = 0 at both ends: k u' = c - x."""
    line = pk.Interval(0, 1)
    to_left, to_right = at / left, (1 - at) / right
    c = (at**2 / left + (1 - at**2) / right) / 2 / (to_left + to_right)

    def k(p):
        return torch.where(p.x < at, left + 0 * p.x, right + 0 * p.x)

    def exact(p):
        before = (c * p.x - p.x**2 / 2) / left
        after = (c * at - at**2 / 2) / left + (c * (p.x - at) - (p.x**2 - at**2) / 2) / right
        return torch.where(p.x < at, before, after)

    ends = [pk.Dirichlet(u=0.0, on=line.boundary)]
    if form == "strong":
        equations = {"heat": lambda u, p: k(p) * u.xx + 1}
        return pk.Problem(domain=line, unknowns="u", equations=equations, conditions=ends, reference=exact)
    weak = pk.Weak(lambda u, v, p: k(p) * u.x * v.x - v, breaks={"x": [at]} if form == "breaks" else None)
    return pk.Problem(domain=line, unknowns="u", weak=weak, conditions=ends, reference=exact)


def checkerboard(form="weak", contrast=10.0):
    """Four materials that meet in a point: k u = sin(2 pi x) sin(2 pi y), which is zero where k jumps."""
    square = pk.Box([0, 0], [1, 1])

    def k(p):
        return torch.where((p.x < 0.5) == (p.y < 0.5), contrast + 0 * p.x, 1 + 0 * p.x)

    def source(p):
        return 8 * PI**2 * torch.sin(2 * PI * p.x) * torch.sin(2 * PI * p.y)

    around = [pk.Dirichlet(u=0.0, on=square.boundary)]
    exact = {"reference": lambda p: source(p) / (8 * PI**2 * k(p))}
    if form == "strong":
        equations = {"diffusion": lambda u, p: k(p) * u.laplacian + source(p)}
        return pk.Problem(domain=square, unknowns="u", equations=equations, conditions=around, **exact)
    breaks = {"x": [0.5], "y": [0.5]} if form == "breaks" else None
    weak = pk.Weak(lambda u, v, p: k(p) * (u.x * v.x + u.y * v.y) - source(p) * v, breaks=breaks)
    return pk.Problem(domain=square, unknowns="u", weak=weak, conditions=around, **exact)


def inclusion(form="weak", k_in=10.0, radius=0.45):
    """A round inclusion in a uniform field; the exact solution is prescribed around."""
    square = pk.Box([-1, -1], [1, 1])
    inner = 2 / (1 + k_in)
    dipole = radius**2 * (1 - k_in) / (1 + k_in)

    def inside(p):
        return p.x**2 + p.y**2 < radius**2

    def k(p):
        return torch.where(inside(p), k_in + 0 * p.x, 1 + 0 * p.x)

    def exact(p):
        return p.x * torch.where(inside(p), inner + 0 * p.x, 1 + dipole / (p.x**2 + p.y**2).clamp_min(1e-9))

    around = [pk.Dirichlet(u=exact, on=square.boundary)]
    if form == "strong":
        equations = {"field": lambda u, p: k(p) * u.laplacian}
        return pk.Problem(domain=square, unknowns="u", equations=equations, conditions=around, reference=exact)
    weak = pk.Weak(lambda u, v, p: k(p) * (u.x * v.x + u.y * v.y))
    return pk.Problem(domain=square, unknowns="u", weak=weak, conditions=around, reference=exact)


def switched_source(dimension=1, at=0.37):
    """-Laplace u = 1 where x > at, else 0."""
    domain = pk.Interval(0, 1) if dimension == 1 else pk.Box([0, 0], [1, 1])
    b = domain.boundary
    slope = (1 - at) ** 2 / 2

    def f(p):
        return (p.x > at).to(torch.float64)

    def exact(p):
        return slope * p.x - (p.x - at).clamp_min(0) ** 2 / 2

    conditions = [pk.Dirichlet(u=0.0, on=b["left", "right"])]
    if dimension == 2:
        conditions.append(pk.Neumann(u=0.0, on=b["bottom", "top"]))
    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"poisson": lambda u, p: -u.laplacian - f(p)},
        conditions=conditions,
        reference=exact,
    )


def switched_rate(at=0.45, before=1.0, after=8.0):
    """u' = -k(t) u, where k jumps."""
    time = pk.Interval(0, 1, name="t")

    def k(p):
        return torch.where(p.t < at, before + 0 * p.t, after + 0 * p.t)

    return pk.Problem(
        domain=time,
        unknowns="u",
        equations={"decay": lambda u, p: u.t + k(p) * u},
        conditions=[pk.Dirichlet(u=1.0, on=time.boundary["left"])],
        reference=lambda p: torch.exp(-before * p.t.clamp_max(at) - after * (p.t - at).clamp_min(0)),
    )


CASES = [
    Case("two layers, weak with breaks", lambda: layers("breaks")),
    Case("two layers, weak without breaks", lambda: layers("weak")),
    Case("two layers in kelvin, weak without breaks", lambda: layers("weak", base=293.15)),
    Case("two layers, strong form that ignores the jump", lambda: layers("strong"), exact=False),
    Case("rod of two metals, weak with breaks", lambda: rod("breaks")),
    Case("rod of two metals, weak without breaks", lambda: rod("weak")),
    Case("rod of two metals, strong form that ignores the jump", lambda: rod("strong"), exact=False),
    Case("checkerboard 10, weak with breaks", lambda: checkerboard("breaks")),
    Case("checkerboard 10, weak without breaks", lambda: checkerboard("weak")),
    Case("checkerboard 1000, weak with breaks", lambda: checkerboard("breaks", 1000.0)),
    Case("checkerboard 10, strong form that ignores the jump", lambda: checkerboard("strong"), exact=False),
    Case("round inclusion, weak", inclusion),
    Case("round inclusion, strong form that ignores the jump", lambda: inclusion("strong"), exact=False),
    Case("source that jumps, 1-D", switched_source),
    Case("source that jumps, 2-D", lambda: switched_source(2)),
    Case("rate that jumps in time", switched_rate),
]
