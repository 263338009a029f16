"""Domains with regions: materials, contact resistances, inclusions, and places where interfaces meet."""

import math

import torch

import pinnkit as pk

from .case import Case

PI = math.pi


def plate(form="strong", resistance=0.0, below=1.0, above=50.0, at=0.4, flux=10.0):
    """Two layers heated from above, with a resistance between them: linear in each."""
    whole = pk.Box([0, 0], [1, 1])
    domain = whole.regions(below=pk.Box([0, 0], [1, at]), above=pk.Box([0, at], [1, 1]))
    k = pk.ByRegion(below=below, above=above)
    step = flux * (at / below + resistance)
    exact = pk.ByRegion(below=lambda p: flux * p.y / below, above=lambda p: step + flux * (p.y - at) / above)
    b, cold = domain.boundary, pk.Dirichlet(T=0.0, on=domain.boundary["bottom"])
    contact = pk.Interface(jump=lambda T, p: resistance * k(p.minus) * T.minus.normal)
    if form == "weak":
        return pk.Problem(
            domain=domain,
            unknowns="T",
            weak=[
                pk.Weak(lambda T, v, p: k(p) * (T.x * v.x + T.y * v.y)),
                pk.Weak(lambda v: -flux * v, on=b["top"]),
            ],
            conditions=[cold, contact],
            reference=exact,
        )
    return pk.Problem(
        domain=domain,
        unknowns="T",
        equations={"heat": lambda T, p: k(p) * T.laplacian},
        conditions=[cold, pk.Neumann(T=flux / above, on=b["top"]), pk.Neumann(T=0.0, on=b["left", "right"]), contact],
        reference=exact,
    )


def disk(k=100.0, radius=0.4):
    """A disk in a uniform field: a dipole around it."""
    square, inner = pk.Box([-1, -1], [1, 1]), pk.Disk([0, 0], radius)
    domain = square.regions(inner=inner, outer=square - inner)

    def around(p):
        return p.x * (1 - (k - 1) / (k + 1) * radius**2 / (p.x**2 + p.y**2))

    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"field": lambda u, p: pk.ByRegion(inner=k, outer=1.0)(p) * u.laplacian},
        conditions=[pk.Dirichlet(u=around, on=domain.boundary)],
        reference=pk.ByRegion(inner=lambda p: 2 / (k + 1) * p.x, outer=around),
    )


def sphere(k=20.0, radius=0.5):
    """A heated core in a cold ball."""
    ball, core = pk.Ball([0, 0, 0], 1.0), pk.Ball([0, 0, 0], radius)
    domain = ball.regions(core=core, shell=ball - core)

    def square(p):
        return p.x**2 + p.y**2 + p.z**2

    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"heat": pk.ByRegion(core=lambda u: k * u.laplacian + 6, shell=lambda u: u.laplacian)},
        conditions=[pk.Dirichlet(u=0.0, on=domain.boundary)],
        reference=pk.ByRegion(
            core=lambda p: 2 * radius**3 * (1 / radius - 1) + (radius**2 - square(p)) / k,
            shell=lambda p: 2 * radius**3 * (square(p) ** -0.5 - 1),
        ),
    )


def checkerboard(contrast=10.0, form="strong", pieces=2):
    """u = r^g mu(theta) on four squares of two materials around a point (Kellogg 1974)."""
    g = 4 / PI * math.atan(contrast**-0.5)

    def turned(p, sign):
        """The angle and power of the distance, for points that are turned by pi where the sign is negative."""
        return torch.remainder(torch.atan2(sign * p.y, sign * p.x), 2 * PI), sign * (p.x**2 + p.y**2) ** (g / 2)

    def inside(p):
        angle, power = turned(p, torch.where(p.x + p.y > 0, 1.0, -1.0))
        return power * torch.cos(g * (torch.remainder(angle + PI, 2 * PI) - PI - PI / 4))

    def outside(p):
        angle, power = turned(p, torch.where(p.y > p.x, 1.0, -1.0))
        return -(contrast**0.5) * power * torch.sin(g * (angle - 3 * PI / 4))

    whole = pk.Box([-1, -1], [1, 1])
    a, d = pk.Box([-1, -1], [0, 0]), pk.Box([0, 0], [1, 1])
    b, c = pk.Box([0, -1], [1, 0]), pk.Box([-1, 0], [0, 1])
    if pieces == 2:
        domain, k = whole.regions(on=a | d, off=b | c), pk.ByRegion(on=contrast, off=1.0)
        exact = pk.ByRegion(on=inside, off=outside)
    else:
        domain, k = whole.regions(a=a, b=b, c=c, d=d), pk.ByRegion(a=contrast, b=1.0, c=1.0, d=contrast)
        exact = pk.ByRegion(a=inside, b=outside, c=outside, d=inside)
    stated = {
        "strong": {"equations": {"heat": lambda u, p: k(p) * u.laplacian}},
        "weak": {"weak": lambda u, v, p: k(p) * (u.x * v.x + u.y * v.y)},
    }[form]
    wall = pk.Dirichlet(u=exact, on=domain.boundary)
    return pk.Problem(domain=domain, unknowns="u", conditions=[wall], reference=exact, **stated)


def bar(form="equation"):
    """A decaying mode in a bar of two metals of diffusivities 1 and 10."""
    s = math.sqrt(10.0)
    low, high = 3.0, 6.2
    for _ in range(100):
        w = (low + high) / 2
        f = math.cos(w / 2) * math.sin(w / 2 / s) + s * math.sin(w / 2) * math.cos(w / 2 / s)
        low, high = (w, high) if f > 0 else (low, w)
    size = math.sin(w / 2) / math.sin(w / 2 / s)
    domain = pk.Interval(0, 1).regions(left=pk.Interval(0, 0.5), right=pk.Interval(0.5, 1)) * pk.Time(0, 0.1)
    k = pk.ByRegion(left=1.0, right=10.0)
    exact = pk.ByRegion(
        left=lambda p: torch.sin(w * p.x) * torch.exp(-w * w * p.t),
        right=lambda p: size * torch.sin(w * (1 - p.x) / s) * torch.exp(-w * w * p.t),
    )
    return pk.Problem(
        domain=domain,
        unknowns="u",
        equations={"heat": lambda u, p: u.t - k(p) * u.xx},
        conditions=[
            pk.Dirichlet(u=0.0, on=domain.boundary),
            pk.Initial(u=exact),
            pk.Interface(flux=lambda u, p: k(p) * u.normal),
        ],
        reference=exact,
    )


CASES = [
    Case("two regions, strong", plate),
    Case("two regions, weak", lambda: plate("weak")),
    Case("two regions with a contact resistance, strong", lambda: plate(resistance=0.3)),
    Case("two regions with a contact resistance, weak", lambda: plate("weak", 0.3)),
    Case("disk in a square, two regions", disk),
    Case("core in a ball, two regions", sphere),
    Case("bar of two metals in time, two regions", bar),
    Case("checkerboard 3, two regions", lambda: checkerboard(3.0)),
    Case("checkerboard 10, two regions", checkerboard),
    Case("checkerboard 10, four regions", lambda: checkerboard(pieces=4)),
    Case("checkerboard 10, four regions, tolerance 0.03", lambda: checkerboard(pieces=4), tolerance=3e-2),
    Case("checkerboard 10, four regions, weak", lambda: checkerboard(form="weak", pieces=4)),
    Case("checkerboard 100, four regions, weak", lambda: checkerboard(100.0, "weak", 4)),
]
